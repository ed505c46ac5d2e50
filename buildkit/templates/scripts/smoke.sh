#!/bin/sh
# smoke.sh LEVEL LIBRARY-FOLDER HARNESS-FOLDER: loads and drives the module.
# Leaves out/load.jsonl and out/run.jsonl, one check a line. The level 'inspect' needs no run:
# mesos-buildkit reads the library itself.
set -eu
cd "$(dirname "$0")"
. ./scenario.sh
level=$1
library=$PWD/$2/$LIBRARY
harness=$PWD/$3/harness
mkdir -p out

case $level in
  inspect) exit 0 ;;
  load | run) ;;
  *)
    echo "smoke: unknown level '$level'" >&2
    exit 2
    ;;
esac

"$harness" load --library "$library" --symbol "$SYMBOL" --kind "$KIND" --report out/load.jsonl
if [ "$level" = run ]; then
  mkdir -p work
  run_scenario "$harness" run --library "$library" --symbol "$SYMBOL" --scenario "$SCENARIO" \
    --stand-in "$PWD/harness/stand-in.sh" --work "$PWD/work" --report out/run.jsonl
fi
