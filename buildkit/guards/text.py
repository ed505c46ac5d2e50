"""A report on guards for a person: which branch each release takes, and what is wrong."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from buildkit.cpp.sets import ReleaseSet
from buildkit.findings import Finding, Level
from buildkit.guards.check import Report
from buildkit.guards.meaning import Guard, concerned
from buildkit.guards.wording import runs
from buildkit.wording import counted

STYLES = {Level.ERROR: "bold red", Level.WARNING: "yellow", Level.NOTE: "cyan"}

_Row = tuple[str, Text, Text]
_SHORT = 36
"""Columns."""
_GAP = "  "
"""Between columns."""

Shown = Callable[[str], str]
"""How a path in the module's source folder is named to the user."""


def guards_table(report: Report, shown: Shown, width: int) -> RenderableType:
    """Every branch of every guard, and the releases that take it, for so many columns."""
    parts: list[RenderableType] = []
    for path, guards in groupby(report.guards, key=lambda guard: guard.path):
        rows = [row for guard in guards for row in _rows(report, guard)]
        parts += [Text(shown(path), style="bold"), _lines(rows, width)]
    return Group(*parts)


def _lines(rows: Sequence[_Row], width: int) -> RenderableType:
    """The rows in columns: as one text if nothing needs folding, for that is done much faster."""
    numbers = max(len(line) for line, _, _ in rows)
    texts = max(text.cell_len for _, text, _ in rows)
    if numbers + texts + max(taken.cell_len for *_, taken in rows) + 2 * len(_GAP) > width:
        return _table(rows)
    lines = []
    for line, text, taken in rows:
        gap = " " * (texts - text.cell_len) + _GAP
        lines.append(Text.assemble(f"{line:>{numbers}}", _GAP, text, gap, taken))
    return Text("\n").join(lines)


def _table(rows: Sequence[_Row]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    # Conditions are folded first, as long as that leaves them room.
    short = all(len(taken) <= _SHORT for _, _, taken in rows)
    table.add_column(overflow="fold", no_wrap=short)
    for row in rows:
        table.add_row(*row)
    return table


@dataclass(frozen=True, kw_only=True)
class BranchRow:
    """One branch of a guard, or what takes none of its branches."""

    line: int | None
    """None for what takes none."""
    text: str
    """The directive, indented as deep as its guard is."""
    taken: str
    """The releases, in words; empty if there are none."""


def _rows(report: Report, guard: Guard) -> Iterator[_Row]:
    for row in branch_rows(report, guard):
        style = "dim" if row.line is None or not row.taken else ""
        line = "" if row.line is None else f"  {row.line}"
        yield line, Text(row.text, style=style), Text(row.taken or "-", style=style)


def branch_rows(report: Report, guard: Guard) -> Iterator[BranchRow]:
    """A guard's branches, in the order of the file."""
    chosen = concerned(report.reading, report.selected)

    def words(some: ReleaseSet) -> str:
        return runs(report.reading.names(some & chosen), report.selected)

    indent = "  " * report.depth(guard)
    for branch in guard.conditional.branches:
        directive = f"{indent}#{branch.word} {branch.condition}".rstrip()
        sure, perhaps = words(branch.certain), words(branch.possible & ~branch.certain)
        taken = "; ".join(filter(None, [sure, perhaps and f"perhaps {perhaps}"]))
        yield BranchRow(line=branch.line, text=directive, taken=taken)
    none = words(guard.conditional.none)
    if none:
        yield BranchRow(line=None, text=f"{indent}(none)", taken=none)


def finding_text(report: Report, finding: Finding, shown: Shown) -> Text:
    """One finding, in the form that editors and people know from compilers."""
    level = finding.rule.level
    place = finding.place
    text = Text(f"{shown(place.path)}:{place.line}:{place.column}: ")
    text.append(f"{level.value}: ", style=STYLES[level])
    text.append(f"{finding.message} ")
    text.append(f"[{finding.rule.name}]", style="dim")
    if {*finding.releases} != {*report.selected}:
        text.append(f"\n    releases: {runs(finding.releases, report.selected)}")
    if finding.advice:
        text.append(f"\n    {finding.advice}")
    return text


def summary(report: Report) -> str:
    """How many guards and findings there are."""
    counts = [
        counted(number, level.value)
        for level in Level
        if (number := sum(f.rule.level is level for f in report.findings))
    ]
    return (
        f"{counted(len(report.guards), 'guard')}, {counted(len(report.selected), 'release')}: "
        f"{', '.join(counts) or 'nothing to say'}"
    )
