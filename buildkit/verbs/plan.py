"""``plan``: say what ``build`` would do, and why; start nothing."""

import argparse
import json
import sys
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from buildkit.errors import ExitCode
from buildkit.plan import Plan, Target
from buildkit.prediction.forecast import Forecast
from buildkit.prediction.verdicts import Verdict
from buildkit.verbs.build import announce
from buildkit.verbs.common import (
    add_engine,
    add_json,
    add_representative,
    add_selection,
    console_for,
    open_archives,
    read_matrix,
    read_options,
)
from buildkit.verbs.planning import foresee
from buildkit.wording import counted

NAME = "plan"
HELP = "print what build would do, and why, without doing it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_selection(parser)
    add_representative(parser)
    add_engine(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print the plan as a table or as JSON; fail if patches or sources are such that build must."""
    console = console_for(arguments)
    matrix, workspace = read_matrix(arguments)
    archives = open_archives(matrix, workspace, console)
    plan, predicted = foresee(matrix, workspace, read_options(arguments), archives)
    if arguments.json:
        json.dump(_described(plan, predicted), sys.stdout, indent=2)
        sys.stdout.write("\n")
        return _code(predicted)
    announce(console, plan)
    console.print(f"smoke level {plan.smoke}; {counted(len(plan.targets), 'target')}:")
    console.print(_table(plan, predicted))
    _print_predictions(console, plan, predicted)
    return _code(predicted)


def _code(predicted: Forecast) -> ExitCode:
    return ExitCode.TARGET_FAILED if predicted.obstacles else ExitCode.OK


def _described(plan: Plan, predicted: Forecast) -> dict[str, Any]:
    described = plan.describe()
    for row, target in zip(described["targets"], plan.targets, strict=True):
        prediction = None if target.skip else predicted.of(target)
        row["prediction"] = prediction and {
            "verdict": prediction.verdict.value,
            "reasons": list(prediction.reasons),
        }
    return described


def _print_predictions(console: Console, plan: Plan, predicted: Forecast) -> None:
    """The reasons, each with the releases that it holds for."""
    held: dict[str, list[str]] = {}
    for target in plan.targets:
        prediction = predicted.of(target)
        for reason in () if prediction.builds or target.skip else prediction.reasons:
            held.setdefault(f"{target.module.name}: {prediction.verdict}: {reason}", []).append(
                str(target.release)
            )
    for reason, releases in held.items():
        where = ", ".join(dict.fromkeys(releases))
        console.print(Text(f"{reason} [{where}]", "yellow"), soft_wrap=True)


_STYLES = {Verdict.BREAKS: "red", Verdict.DIES: "red", Verdict.UNKNOWN: "dim", Verdict.FINE: ""}


def _table(plan: Plan, predicted: Forecast) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    wide = {"stands for", "what differs"}
    some = any(target.stands_for for target in plan.targets)
    for title in (
        *("target", "flag", "sdk", "predicted"),
        *(["stands for"] if some else []),
        *("what differs", "artifact"),
    ):
        table.add_column(title, no_wrap=title not in wide, overflow="fold")
    for target in plan.targets:
        verdict = predicted.of(target).verdict
        table.add_row(
            target.name,
            target.version_flag,
            target.sdk,
            Text("-" if target.skip else verdict.value, _STYLES[verdict]),
            *([", ".join(map(str, target.stands_for))] if some else []),
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
