"""What is printed at the end: one table over all targets, and each failure's cause."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from buildkit.board import mark
from buildkit.matrix import Stage
from buildkit.outcome import Outcome, Status
from buildkit.plan import Plan
from buildkit.prediction.forecast import NO_FORECAST, Forecast, surprises
from buildkit.smoke.checks import reached
from buildkit.steps.causes import silent_overrides


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


@dataclass(frozen=True, kw_only=True)
class _Column:
    title: str
    cell: Callable[[Outcome], str | Text]
    shown: bool = True
    fold: bool = False


def _table(plan: Plan, outcomes: Sequence[Outcome]) -> Table:
    columns = [column for column in _columns(plan, outcomes) if column.shown]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.title, no_wrap=not column.fold, overflow="fold")
    for outcome in outcomes:
        table.add_row(*(column.cell(outcome) for column in columns))
    return table


def _columns(plan: Plan, outcomes: Sequence[Outcome]) -> list[_Column]:
    targets = [outcome.target for outcome in outcomes]

    # What is the same for all is said once, above.
    def several(names: Iterable[str]) -> bool:
        return len(set(names)) > 1

    return [
        _Column(
            title="module",
            cell=lambda o: o.target.module.name,
            shown=several(target.module.name for target in targets),
        ),
        _Column(title="release", cell=lambda o: str(o.target.release)),
        _Column(
            title="stands for",
            cell=lambda o: ", ".join(map(str, o.target.stands_for)),
            shown=any(target.stands_for for target in targets),
            fold=True,
        ),
        _Column(
            title="platform",
            cell=lambda o: o.target.platform.name,
            shown=several(target.platform.name for target in targets),
        ),
        _Column(
            title="sanitizer",
            cell=lambda o: o.target.sanitizer or "",
            shown=any(target.sanitizer for target in targets),
        ),
        _Column(title="flag", cell=lambda o: o.target.version_flag.partition("=")[2]),
        _Column(title="sdk", cell=lambda o: o.target.sdk),
        _Column(title="build", cell=lambda o: _stage(o, "build")),
        _Column(title=f"smoke ({plan.smoke})", cell=lambda o: _smoke(plan, o)),
        _Column(title="time", cell=lambda o: "cached" if o.cached else f"{o.seconds:.1f} s"),
        _Column(title="artifact", cell=_artifact, fold=True),
    ]


def _artifact(outcome: Outcome) -> Text:
    if outcome.artifact is not None:
        return Text(f"dist/{outcome.artifact.path}")
    return Text(*mark(outcome.status))


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
