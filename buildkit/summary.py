"""What is printed at the end: one table over all targets, and each failure's cause."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from buildkit.board import mark
from buildkit.causes import silent_overrides
from buildkit.forecast import NO_FORECAST, Forecast, surprises
from buildkit.matrix import Stage
from buildkit.outcome import Outcome, Status
from buildkit.plan import Plan
from buildkit.smoke.checks import reached


def print_summary(
    console: Console,
    plan: Plan,
    outcomes: Sequence[Outcome],
    seconds: float,
    predicted: Forecast = NO_FORECAST,
) -> None:
    """The table, the causes, what was predicted otherwise, the counts."""
    console.print(_table(plan, outcomes))
    for outcome in outcomes:
        if outcome.failed:
            print_failure(console, outcome)
    for line, releases in _silent_overrides(outcomes).items():
        console.print(Text(f"{line} [{', '.join(releases)}]", "yellow"), soft_wrap=True)
    warned = [outcome for outcome in outcomes if outcome.warnings]
    if warned:
        lines = {line for outcome in warned for line in outcome.warnings}
        names = ", ".join(str(outcome.target.release) for outcome in warned)
        console.print(Text(f"compiler warnings ({len(lines)} different) for {names}; see the logs"))
    for surprise in surprises(predicted, outcomes):
        console.print(Text(str(surprise), "yellow"), soft_wrap=True)
    console.print(Text(_counts(outcomes, seconds)))


def _silent_overrides(outcomes: Sequence[Outcome]) -> dict[str, list[str]]:
    """What the compiler has told of them, and for which releases."""
    found: dict[str, list[str]] = {}
    for outcome in outcomes:
        for line in silent_overrides(outcome.warnings):
            found.setdefault(line, []).append(str(outcome.target.release))
    return found


def _table(plan: Plan, outcomes: Sequence[Outcome]) -> Table:
    # What is the same for all is said once, above.
    several_modules = len({o.target.module.name for o in outcomes}) > 1
    several_platforms = len({o.target.platform.name for o in outcomes}) > 1
    sanitized = any(outcome.target.sanitizer for outcome in outcomes)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in (
        *(["module"] if several_modules else []),
        "release",
        *(["platform"] if several_platforms else []),
        *(["sanitizer"] if sanitized else []),
        *("flag", "sdk", "build", f"smoke ({plan.smoke})", "time", "artifact"),
    ):
        table.add_column(title, no_wrap=title != "artifact", overflow="fold")
    for outcome in outcomes:
        target = outcome.target
        word, style = mark(outcome.status)
        good = outcome.artifact is not None
        table.add_row(
            *([target.module.name] if several_modules else []),
            str(target.release),
            *([target.platform.name] if several_platforms else []),
            *([target.sanitizer or ""] if sanitized else []),
            target.version_flag.partition("=")[2],
            target.sdk,
            _stage(outcome, "build"),
            _smoke(plan, outcome),
            "cached" if outcome.cached else f"{outcome.seconds:.1f} s",
            Text(
                f"dist/{outcome.artifact.path}" if outcome.artifact else word, "" if good else style
            ),
        )
    return table


def _smoke(plan: Plan, outcome: Outcome) -> Text:
    text = _stage(outcome, "smoke")
    level = reached(outcome.checks)
    if outcome.good and level is not None and level != plan.smoke:
        text.append(f" ({level})", "yellow")
    return text


def _stage(outcome: Outcome, name: Stage) -> Text:
    stage = outcome.stage(name)
    if stage is None:
        return Text("-", "dim")
    word = "ok" if stage.state == "passed" else stage.state
    style = {"ok": "green", "failed": "bold red", "cached": "dim"}.get(word, "yellow")
    return Text(word, style)


def print_failure(console: Console, outcome: Outcome) -> None:
    """The causes of one failure."""
    failed = next((stage.stage for stage in outcome.stages if stage.state == "failed"), None)
    where = f" in stage {failed}" if failed else ""
    word, style = mark(outcome.status)
    console.print()
    console.print(Text.assemble((f"{word}{where}: ", style), outcome.target.name))
    for line in outcome.cause:
        console.print(Text(f"  {line}"), soft_wrap=True)
    console.print(Text(f"  full log: {outcome.log}", "dim"), soft_wrap=True)


def _counts(outcomes: Sequence[Outcome], seconds: float) -> str:
    numbers = {status: sum(o.status is status for o in outcomes) for status in Status}
    parts = [f"{number} {status.value}" for status, number in numbers.items() if number]
    cached = sum(outcome.cached for outcome in outcomes)
    if cached:
        parts.append(f"{cached} of them cached" if cached < len(outcomes) else "all from the cache")
    return f"{', '.join(parts)}; {seconds:.1f} s"
