#!/bin/sh
# image.sh RELEASE COMPILER FOLDER: finds the Mesos that this system has. Its own headers and mesos.pc
# go to FOLDER, libmesos stays where it is.
set -eu
cd "$(dirname "$0")"
release=$1
compiler=$2
out=$3
mkdir -p "$out/include"

# The release asked for if there are several; otherwise the first, so that it can be named.
found=
for prefix in /usr/local /usr /opt/mesos "/opt/mesos-$release" "/opt/mesos/$release" /opt/*; do
  header=$prefix/include/mesos/version.hpp
  [ -f "$header" ] || continue
  [ -n "$found" ] || found=$prefix
  if grep -q "MESOS_VERSION *\"$release\"" "$header"; then
    found=$prefix
    break
  fi
done
if [ -z "$found" ]; then
  echo "error: no include/mesos/version.hpp below /usr/local, /usr or /opt" >&2
  exit 1
fi

library=
for name in "libmesos-$release.so" "libmesos.so.$release" libmesos.so 'libmesos-*.so'; do
  for folder in "$found/lib64" "$found/lib" "$found"/lib/*-linux-gnu*; do
    # The name may be a pattern, and is meant to be one here.
    for file in "$folder"/$name; do
      [ -n "$library" ] || [ ! -f "$file" ] || library=$file
    done
  done
done
if [ -z "$library" ]; then
  echo "error: no libmesos below $found/lib or $found/lib64" >&2
  exit 1
fi
folder=${library%/*}
parts=$folder/mesos/3rdparty

for name in mesos csi process stout; do
  [ ! -d "$found/include/$name" ] || cp -RL "$found/include/$name" "$out/include/"
done
for file in "$folder/pkgconfig/mesos.pc" "$found"/lib*/pkgconfig/mesos.pc \
  "$found/share/pkgconfig/mesos.pc"; do
  [ -f "$out/mesos.pc" ] || [ ! -f "$file" ] || cp "$file" "$out/mesos.pc"
done
protoc=$parts/bin/protoc
[ -x "$protoc" ] || protoc=$(command -v protoc || :)

readelf -dW "$library" | sed -n 's/^.*(SONAME).*\[\(.*\)\]$/\1/p' > "$out/soname.txt"
readelf -dW "$library" | sed -n 's/^.*(NEEDED).*\[\(.*\)\]$/\1/p' > "$out/needed.txt"
printf '%s\n' "$found" > "$out/prefix.txt"
readlink -f "$library" > "$out/library.txt"
printf '%s\n' "$protoc" > "$out/protoc.txt"
(cd "$found" && ls -d sbin/mesos-* bin/mesos-* libexec/mesos/* 2> /dev/null) > "$out/programs.txt" || :

# Folders of headers beside Mesos's own; those of the system are found without being named.
for include in "$found/include" "$parts/include"; do
  case $include in
    /usr/include | /usr/local/include) ;;
    *) [ ! -d "$include" ] || echo "$include" ;;
  esac
done > includes.txt
cp includes.txt "$out/includes.txt"

set -- "$parts/lib" "$parts/lib64"
case $folder in
  # Where the loader looks anyway.
  /usr/lib | /usr/lib64 | /usr/lib/*) ;;
  *) set -- "$folder" "$@" ;;
esac
sh survey.sh "$out/survey" "$compiler" "$(cat "$out/library.txt")" "$@"
