"""``build``: build and smoke-test targets, and put what is good into dist/."""

import argparse
import json
import sys
import time
from typing import get_args

from rich.console import Console
from rich.text import Text

from buildkit.ci.step import tell_github
from buildkit.errors import ExitCode
from buildkit.matrix import Sanitizer
from buildkit.outcome import Status, exit_code
from buildkit.pipeline import Pipeline
from buildkit.plan import Plan
from buildkit.results.artifacts import Dist
from buildkit.results.manifest import record
from buildkit.run import signals_as_interrupt
from buildkit.session import run_plan
from buildkit.summary import print_summary
from buildkit.verbs.common import (
    add_engine,
    add_json,
    add_representative,
    add_run,
    add_selection,
    console_for,
    emit_on,
    open_archives,
    read_matrix,
    read_options,
)
from buildkit.verbs.planning import foresee_meanwhile

NAME = "build"
HELP = "build and smoke-test the module for every release, in parallel"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_selection(parser)
    add_representative(parser)
    add_engine(parser)
    add_run(parser)
    add_json(parser)
    parser.add_argument(
        "--sanitize",
        action="append",
        choices=get_args(Sanitizer),
        default=[],
        help="build with this sanitizer of the compiler and drive the module under it; repeatable; "
        "nothing is published",
    )


def run(arguments: argparse.Namespace, *, smoke_again: bool = False) -> ExitCode:
    """Plan, run, publish, report.

    With ``smoke_again`` the smoke stage runs even for what has passed it before.
    """
    begun = time.monotonic()
    console = console_for(arguments)
    options = read_options(arguments)
    matrix, workspace = read_matrix(arguments)
    archives = open_archives(matrix, workspace, console)
    # Of a commit that is not fetched yet, nothing is predicted: the build is not to be the judge.
    plan, meanwhile = foresee_meanwhile(matrix, workspace, options, archives, emit_on(console))
    dist = Dist(folder=workspace.dist, lock=workspace.dist_lock)
    # One that can't be read must be known before the work, not after.
    dist.manifest()
    announce(console, plan)
    with signals_as_interrupt():
        outcomes, interrupted = run_plan(
            *(plan, options, workspace, archives, console, Pipeline.run),
            smoke_again=smoke_again,
            meanwhile=meanwhile.begin,
        )
    predicted = meanwhile.result()
    records = [record(plan, outcome, predicted.of(outcome.target)) for outcome in outcomes]
    # What was cancelled left dist/ alone, so what the manifest said of it before still holds.
    if not options.sanitize:
        dist.update_manifest(matrix, (r for r in records if r.status is not Status.CANCELLED))
    print_summary(console, plan, outcomes, time.monotonic() - begun, predicted)
    tell_github(matrix, workspace, records, emit_on(console))
    if arguments.json:
        rows = [row.model_dump(mode="json") for row in records]
        json.dump({"schema": 1, "targets": rows}, sys.stdout, indent=2)
        sys.stdout.write("\n")
    return exit_code(outcomes, interrupted=interrupted)


def announce(console: Console, plan: Plan) -> None:
    """Say what was decided, and what to be wary of."""
    for note in plan.notes:
        console.print(Text(note), soft_wrap=True)
    for warning in plan.warnings:
        console.print(Text(f"warning: {warning}", "yellow"), soft_wrap=True)
