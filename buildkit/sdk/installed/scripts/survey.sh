#!/bin/sh
# survey.sh FOLDER COMPILER LIBRARY [LIBRARY-FOLDER...]: what libmesos has and needs on this system,
# into FOLDER. Libraries are looked for in the folders first. includes.txt names, one a line, folders
# of headers that this system should have.
set -eu
out=$1
compiler=$2
library=$3
shift 3
mkdir -p "$out/symbols"
printf '%s\n' "$@" > "$out/folders.txt"
path=$(IFS=:; echo "$*")
includes=$(paste -s -d : includes.txt)

# It ends with 1 if a version is missing, and says so; whoever reads this sees it.
LD_LIBRARY_PATH=$path ldd "$library" > "$out/ldd.txt" 2>&1 || :

symbols() {
  nm -D --defined-only --portability "$1" | sed 's/[ @].*//' | sort -u > "$out/symbols/${1##*/}"
}

symbols "$library"
sed -n 's/^.* => \(\/.*\) (0x[0-9a-f]*)$/\1/p' "$out/ldd.txt" | while read -r file; do
  case ${file##*/} in
    # The C and C++ run time: a module names these itself.
    ld-* | libc.so.* | libm.so.* | libpthread.so.* | libdl.so.* | librt.so.*) ;;
    libstdc++.so.* | libgcc_s.so.*) ;;
    *) symbols "$file" ;;
  esac
done

while read -r folder; do
  [ -d "$folder" ] || echo "$folder"
done < includes.txt > "$out/absent.txt"

echo '#include <google/protobuf/stubs/common.h>' > protobuf.cpp
# Empty, it would mean the current folder.
[ -z "$includes" ] || export CPATH="$includes"
"$compiler" -std=c++11 -dM -E protobuf.cpp 2> /dev/null |
  sed -n 's/^#define GOOGLE_PROTOBUF_VERSION //p' > "$out/protobuf.txt"
