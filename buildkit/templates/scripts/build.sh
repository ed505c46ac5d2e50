#!/bin/sh
# build.sh COMMON FOLDER: compiles the module into FOLDER: the library, linked with the objects in
# COMMON, its debug information, and the compiler's name.
set -eu
cd "$(dirname "$0")"
. ./flags.sh
common=$1
out=$2
mkdir -p "$out" obj
[ ! -f sdk.tar.gz ] || [ -e sdk ] || tar -xzf sdk.tar.gz

"$CXX" --version > obj/compiler.txt
head -n 1 obj/compiler.txt > "$out/compiler.txt"

build_module
if [ ! -f "$out/$LIBRARY" ]; then
  echo "build: the build command left no \$LIBRARY" >&2
  exit 1
fi

# An operator's debugger finds the debug file by the build-id; the agent never reads it.
objcopy --only-keep-debug --compress-debug-sections "$out/$LIBRARY" "$out/$LIBRARY.debug"
objcopy --strip-unneeded --add-gnu-debuglink="$out/$LIBRARY.debug" "$out/$LIBRARY"
chmod 644 "$out/$LIBRARY" "$out/$LIBRARY.debug"
