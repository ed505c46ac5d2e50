"""``plan``: say what ``build`` would do, and why; start nothing."""

import argparse
import json
import sys

from rich.table import Table
from rich.text import Text

from buildkit.errors import ExitCode
from buildkit.plan import Plan, Target, make_plan
from buildkit.probe import probe
from buildkit.verbs.build import announce
from buildkit.verbs.common import (
    add_engine,
    add_json,
    add_selection,
    console_for,
    open_archives,
    read_matrix,
    read_options,
)

NAME = "plan"
HELP = "print what build would do, and why, without doing it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_selection(parser)
    add_engine(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print the plan as a table or as JSON."""
    console = console_for(arguments)
    matrix, workspace = read_matrix(arguments)
    archives = open_archives(matrix, workspace, console)
    plan = make_plan(matrix, read_options(arguments), probe(archives))
    if arguments.json:
        json.dump(plan.describe(), sys.stdout, indent=2)
        sys.stdout.write("\n")
        return ExitCode.OK
    announce(console, plan)
    console.print(f"smoke level {plan.smoke}; {len(plan.targets)} targets:")
    console.print(_table(plan))
    return ExitCode.OK


def _table(plan: Plan) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("target", "flag", "sdk", "what differs", "artifact"):
        table.add_column(title, no_wrap=title != "what differs", overflow="fold")
    for target in plan.targets:
        table.add_row(
            target.name,
            target.version_flag,
            target.sdk,
            Text("; ".join(_differences(target))),
            "-" if target.skip else f"dist/{target.folder}/{target.library}",
        )
    return table


def _differences(target: Target) -> list[str]:
    """What overrides have changed for the target."""
    parts = []
    if target.skip:
        parts.append(f"skipped: {target.skip}")
    if target.expect:
        parts.append(f"expected to fail in {target.expect.stage}: {target.expect.reason}")
    if target.patches:
        parts.append("patches " + ", ".join(patch.name for patch in target.patches))
    if target.override_flags:
        parts.append("flags " + " ".join(target.override_flags))
    parts += [f"{name}={value}" for name, value in target.env.items()]
    return parts
