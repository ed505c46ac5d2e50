#!/bin/sh
# Compiles the module into out/: the library, its debug information, and the compiler's name.
set -eu
cd "$(dirname "$0")"
. ./flags.sh
mkdir -p out obj

"$CXX" --version > obj/compiler.txt
head -n 1 obj/compiler.txt > out/compiler.txt

build_module
if [ ! -f "out/$LIBRARY" ]; then
  echo "build: the build command left no out/$LIBRARY" >&2
  exit 1
fi

# An operator's debugger finds the debug file by the build-id; the agent never reads it.
objcopy --only-keep-debug --compress-debug-sections "out/$LIBRARY" "out/$LIBRARY.debug"
objcopy --strip-unneeded --add-gnu-debuglink="out/$LIBRARY.debug" "out/$LIBRARY"
chmod 644 "out/$LIBRARY" "out/$LIBRARY.debug"
