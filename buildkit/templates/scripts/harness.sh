#!/bin/sh
# harness.sh CORE FOLDER: compiles the smoke harness's part that sees Mesos, against the same headers
# as the module, and links it with the rest from CORE into FOLDER/harness.
set -eu
cd "$(dirname "$0")"
. ./flags.sh
mkdir -p "$2"

compile_harness -c harness/subject.cpp -o subject.o
"$CXX" subject.o "$1/harness.o" -o "$2/harness" -ldl -pthread
