"""``doctor``: say whether all that ``build`` needs is there, and what to do if not."""

import argparse
import json
import sys
from dataclasses import asdict, replace

from rich.console import Console
from rich.text import Text

from buildkit.doctor.examination import Examination, ask, machine_questions, verdicts
from buildkit.doctor.judge import Line, exit_code
from buildkit.errors import ExitCode, UsageError
from buildkit.plan import make_plan
from buildkit.probe import probe
from buildkit.verbs.common import (
    add_engine,
    add_json,
    add_selection,
    console_for,
    open_archives,
    read_matrix,
    read_options,
)
from buildkit.wording import counted

NAME = "doctor"
HELP = "say whether all that build needs is there, and what to do if not"
_STYLES = {"fine": "green", "advice": "yellow", "missing": "bold red"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options, which are those of the build that is asked about."""
    add_selection(parser)
    add_engine(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Look, judge, print."""
    console = console_for(arguments)
    try:
        lines = _examine(arguments, console)
        code = exit_code(lines)
    except UsageError as error:
        todo = "correct it first: most else depends on it"
        lines = [
            Line(topic="matrix", state="missing", text=str(error), todo=todo),
            *verdicts(ask(machine_questions("host"))),
        ]
        code = error.exit_code
    if arguments.json:
        rows = [asdict(line) for line in lines]
        json.dump({"schema": 1, "ok": code is ExitCode.OK, "lines": rows}, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        _print(console, lines)
    return code


def _examine(arguments: argparse.Namespace, console: Console) -> list[Line]:
    matrix, workspace = read_matrix(arguments)
    options = read_options(arguments)
    archives = open_archives(matrix, workspace, console)
    found = probe(archives)
    if (options.engine or matrix.file.defaults.engine) == "docker":
        # Whether it answers is one of the questions, and no reason not to ask the others.
        found = replace(found, docker=True)
    plan = make_plan(matrix, options, found)
    table = matrix.file.archives
    examination = Examination(
        plan=plan,
        sdk_required=(options.sdk or matrix.file.defaults.sdk) == "release",
        workspace=workspace,
        archives=archives,
        archive_urls=(table.url, *table.mirrors),
    )
    count = f"{counted(len(examination.targets), 'target')}, by the {plan.engine} engine"
    return [Line(topic="matrix", state="fine", text=count), *examination.lines()]


def _print(console: Console, lines: list[Line]) -> None:
    width = max(len(line.topic) for line in lines)
    for line in lines:
        text = Text()
        text.append(f"{line.state:7} ", _STYLES[line.state])
        text.append(f"{line.topic:{width}}  {line.text}")
        console.print(text, soft_wrap=True)
        if line.todo:
            console.print(Text(f"{'':{width + 8}}  -> {line.todo}"), soft_wrap=True)
    bad = sum(line.state == "missing" for line in lines)
    console.print(
        Text(
            f"missing: {counted(bad, 'thing')} that build cannot do without"
            if bad
            else "all that build needs is there",
            "bold",
        )
    )
