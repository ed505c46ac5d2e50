#!/bin/sh
# Compiles the smoke harness into out/harness, against the same headers as the module.
set -eu
cd "$(dirname "$0")"
. ./flags.sh
mkdir -p out obj

for source in harness/harness.cpp harness/subject.cpp; do
  compile_harness -c "$source" -o "obj/$(basename "$source" .cpp).harness.o"
done
"$CXX" obj/*.harness.o -o out/harness -ldl -pthread
