#!/bin/sh
# unit.sh SOURCE: compiles one source file and leaves the names of its objects in
# objects/<SOURCE with dots for slashes>.list. A unit, which only includes other sources, is
# compiled in one go, or one by one where they have a name in common.
set -eu
dotted() { printf %s "$1" | tr / .; }
list=objects/$(dotted "$1").list

case $1 in
  units/*)
    if sh compile.sh "$1" -Wfatal-errors 2> /dev/null; then
      echo "objects/$(dotted "$1").o" > "$list"
      exit
    fi
    echo "$1: its sources are compiled one by one"
    # The names are ours and have no spaces.
    sources=$(sed 's/#include "\(.*\)"/\1/' "$1")
    ;;
  *)
    sources=$1
    ;;
esac
for source in $sources; do
  # 255 makes xargs stop at once instead of compiling on.
  sh compile.sh "$source" || exit 255
  echo "objects/$(dotted "$source").o"
done > "$list"
