#!/bin/sh
# prefix.sh COMPILER LIBRARY FOLDER: lib/LIBRARY, which is libmesos, and what lies beside it go to
# FOLDER/lib without debug information, which is most of them; what they are goes to FOLDER/survey.
set -eu
cd "$(dirname "$0")"
mkdir -p "$3/lib"
for file in lib/*; do
  strip --strip-debug -o "$3/$file" "$file" || cp "$file" "$3/$file"
done
sh survey.sh "$3/survey" "$1" "$3/lib/$2" "$PWD/$3/lib"
