"""``contexts``: write one self-contained Docker build context per target."""

import argparse
from dataclasses import replace

from rich.console import Console
from rich.text import Text

from buildkit.archives.cache import Archives
from buildkit.assembly import assemble
from buildkit.errors import ExitCode, TargetError
from buildkit.files.store import mark_as_cache
from buildkit.files.tree import write_tree
from buildkit.matrix import Matrix
from buildkit.options import Options
from buildkit.outcome import Status, exit_code
from buildkit.pipeline import Pipeline
from buildkit.plan import Target, make_plan, make_targets
from buildkit.probe import Probe, probe
from buildkit.run import signals_as_interrupt
from buildkit.sdk.stub.sdk import stub_sdk
from buildkit.session import run_plan
from buildkit.sources.modules import Sources
from buildkit.summary import print_failure
from buildkit.verbs.common import (
    add_engine,
    add_selection,
    console_for,
    open_archives,
    read_matrix,
    read_options,
)
from buildkit.workspace import Workspace

NAME = "contexts"
HELP = "write build/contexts/<release>/, which plain 'docker build' turns into the same library"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_selection(parser)
    add_engine(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Write every selected target's context."""
    matrix, workspace = read_matrix(arguments)
    code, _ = write_selected(arguments, matrix, workspace, console_for(arguments))
    return code


def write_selected(
    arguments: argparse.Namespace, matrix: Matrix, workspace: Workspace, console: Console
) -> tuple[ExitCode, tuple[Target, ...]]:
    """Write the contexts of the targets that the options select; also gives those targets."""
    options = read_options(arguments)
    archives = open_archives(matrix, workspace, console)
    found = probe(archives)
    targets, _ = make_targets(matrix, options, found)
    for target in targets:
        if target.skip is not None:
            console.print(Text(f"{target.name}: skipped: {target.skip}"), soft_wrap=True)
    wanted = tuple(target for target in targets if target.skip is None)
    return write_contexts(wanted, matrix, options, found, workspace, archives, console)


def write_contexts(  # noqa: PLR0913, PLR0917
    targets: tuple[Target, ...],
    matrix: Matrix,
    options: Options,
    found: Probe,
    workspace: Workspace,
    archives: Archives,
    console: Console,
) -> tuple[ExitCode, tuple[Target, ...]]:
    """Write the targets' contexts below build/contexts/; also gives those that are written.

    With stub SDKs that needs no engine; others are prepared on one if they are not yet.
    """
    mark_as_cache(workspace.build)
    written: list[Target] = []
    code = ExitCode.OK
    sources = Sources(root=workspace.root, cache=workspace.repositories)

    def say_written(target: Target) -> None:
        path = workspace.shown(workspace.context(target))
        console.print(Text(path), soft_wrap=True)
        written.append(target)

    for target in targets:
        if target.sdk == "stub":
            smoke = options.smoke or matrix.file.defaults.smoke
            try:
                context = assemble(target, sources, stub_sdk(target), smoke, console.print)
            except TargetError as error:
                console.print(Text(f"FAILED {target.name}: {error}", "red"), soft_wrap=True)
                code = ExitCode.TARGET_FAILED
                continue
            write_tree(context.tree(), workspace.context(target))
            say_written(target)
    others = tuple(target for target in targets if target.sdk != "stub")
    if not others:
        return code, tuple(written)
    plan = replace(make_plan(matrix, options, found), targets=others)
    with signals_as_interrupt():
        outcomes, interrupted = run_plan(
            plan, options, workspace, archives, console, Pipeline.write_context
        )
    for outcome in outcomes:
        if outcome.status is Status.PASSED:
            say_written(outcome.target)
        elif not outcome.good:
            print_failure(console, outcome)
    return max(code, exit_code(outcomes, interrupted=interrupted)), tuple(written)
