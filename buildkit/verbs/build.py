"""``build``: build and smoke-test targets, and put what is good into dist/."""

import argparse
import json
import sys
import threading
import time

from rich.console import Console
from rich.text import Text

from buildkit.artifacts import Dist
from buildkit.board import make_display
from buildkit.builder import Builder
from buildkit.engine import Base, BaseRequest, Engine, Limits
from buildkit.engine.docker import DockerEngine
from buildkit.engine.host import HostEngine
from buildkit.errors import ExitCode
from buildkit.manifest import record
from buildkit.options import Options
from buildkit.outcome import Outcome, Status, exit_code
from buildkit.pipeline import Pipeline
from buildkit.plan import Plan, make_plan
from buildkit.probe import probe
from buildkit.run import run_targets, signals_as_interrupt, stop_on_signals
from buildkit.slots import Slots, default_jobs
from buildkit.sources import Sources
from buildkit.store import Store, mark_as_cache
from buildkit.summary import print_summary
from buildkit.verbs.common import (
    add_engine,
    add_json,
    add_run,
    add_selection,
    console_for,
    read_matrix,
    read_options,
)
from buildkit.workspace import Workspace

NAME = "build"
HELP = "build and smoke-test the module for every release, in parallel"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_selection(parser)
    add_engine(parser)
    add_run(parser)
    add_json(parser)


def run(arguments: argparse.Namespace, *, smoke_again: bool = False) -> ExitCode:
    """Plan, run, publish, report.

    With ``smoke_again`` the smoke stage runs even for what has passed it before.
    """
    begun = time.monotonic()
    console = console_for(arguments)
    options = read_options(arguments)
    matrix, workspace = read_matrix(arguments)
    plan = make_plan(matrix, options, probe())
    dist = Dist(folder=workspace.dist, lock=workspace.dist_lock)
    # One that can't be read must be known before the work, not after.
    dist.manifest()
    announce(console, plan)
    with signals_as_interrupt():
        outcomes, interrupted = _run_plan(
            plan, options, workspace, console, smoke_again=smoke_again
        )
    records = [record(plan, outcome) for outcome in outcomes]
    # What was cancelled left dist/ alone, so what the manifest said of it before still holds.
    dist.update_manifest(matrix, (row for row in records if row.status is not Status.CANCELLED))
    print_summary(console, plan, outcomes, time.monotonic() - begun)
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


def _run_plan(
    plan: Plan, options: Options, workspace: Workspace, console: Console, *, smoke_again: bool
) -> tuple[list[Outcome], bool]:
    """The outcomes, and whether a signal ended the run."""
    defaults = plan.matrix.file.defaults
    memory = int(defaults.memory_per_job)
    jobs = options.jobs or default_jobs(memory)
    cancelled = threading.Event()
    mark_as_cache(workspace.build)
    store = Store(folder=workspace.cache, limit=int(defaults.cache_size))
    engine = _connect(plan)
    try:
        # Before all else and in this thread: without a base nothing can start, and Ctrl-C must
        # end a bootstrap, which takes a minute.
        bases = _provide_bases(engine, plan, console)
        display = make_display(console, len(plan.targets))
        builder = Builder(
            engine=engine,
            store=store,
            slots=Slots(jobs),
            limits=Limits(
                memory_bytes=memory,
                pids=defaults.processes_per_step,
                seconds=defaults.seconds_per_step,
            ),
            cancelled=cancelled,
            smoke_again=smoke_again,
        )
        pipeline = Pipeline(
            builder=builder,
            bases=bases,
            sources=Sources(root=workspace.root, cache=workspace.build / "git"),
            workspace=workspace,
            smoke=plan.smoke,
            listener=display.entered,
            cancelled=cancelled,
            keep_failed=options.keep_failed,
        )
        with stop_on_signals(cancelled) as interrupted, display:
            outcomes = run_targets(
                plan.targets,
                pipeline.run,
                jobs=jobs,
                done=display.ended,
                cancelled=cancelled,
                fail_fast=options.fail_fast,
            )
        return outcomes, interrupted.is_set()
    finally:
        engine.close()
        store.trim()


def _provide_bases(engine: Engine, plan: Plan, console: Console) -> dict[BaseRequest, Base]:
    requests = {target.base_request for target in plan.targets if target.skip is None}
    return {
        request: engine.provide(request, lambda line: console.print(Text(line), soft_wrap=True))
        for request in sorted(requests, key=repr)
    }


def _connect(plan: Plan) -> Engine:
    match plan.engine:
        case "docker":
            return DockerEngine.connect()
        case "host":
            return HostEngine()
