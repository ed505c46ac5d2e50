#!/bin/sh
# smoke.sh LEVEL LIBRARY-FOLDER HARNESS-FOLDER: loads and drives the module.
# Leaves out/load.jsonl and out/run.jsonl, one check a line. The level 'inspect' needs no run:
# mesos-buildkit reads the library itself. What is offered for the releases before and after must not
# be accepted: not the real module for them, which would tie one release's result to another's, but
# its descriptor in a library of its own.
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

# What is never called of a release's runtime may be missing, so it must be bound when called.
unset LD_BIND_NOW
mkdir -p work
driving=
if [ "$level" = run ]; then
  # Begun first: what takes longest is waiting for a command that hangs, and the rest fits in there.
  run_scenario "$harness" run --library "$library" --symbol "$SYMBOL" --scenario "$SCENARIO" \
    --stand-in "$PWD/harness/stand-in.sh" --work "$PWD/work" --report out/run.jsonl &
  driving=$!
fi

load() {
  compilers=
  set --
  for neighbour in $NEIGHBOURS; do
    compile_neighbour "$neighbour" "work/mesos-$neighbour.so" &
    compilers="$compilers $!"
    set -- "$@" --neighbour "$neighbour" --neighbour-library "work/mesos-$neighbour.so"
  done
  for compiler in $compilers; do wait "$compiler" || return; done
  "$harness" load --library "$library" --symbol "$SYMBOL" --kind "$KIND" --work "$PWD/work" \
    --report out/load.jsonl "$@"
}

loaded=0
load || loaded=$?
drove=0
[ -z "$driving" ] || wait "$driving" || drove=$?
[ "$loaded" = 0 ] || exit "$loaded"
exit "$drove"
