"""The report's table of guards: which releases take each branch."""

from collections.abc import Iterator, Sequence

from buildkit import interfaces
from buildkit.cpp.module import read_module
from buildkit.errors import BuildkitError
from buildkit.guards.check import Report, check, releases_to_read
from buildkit.guards.text import branch_rows
from buildkit.matrix import Matrix, Module
from buildkit.releases import Release
from buildkit.report.view import Table
from buildkit.sources.modules import Sources

_TITLES = ("Place", "Branch", "Releases")


def guards_table(matrix: Matrix, sources: Sources, releases: Sequence[Release]) -> Table | None:
    """Every branch of every module's guards; None if there are none. Fetches nothing.

    What can't be read is left out: a report on results must not fail for want of sources.
    """
    several = len(matrix.file.module) > 1
    rows: list[tuple[str, ...]] = []
    for module in matrix.file.module:
        prefix = f"{module.name}: " if several else ""
        try:
            report = _report(matrix, module, sources, releases)
        except (BuildkitError, OSError, RecursionError) as error:
            rows.append((f"{prefix}sources", f"can't be read: {error}", "-"))
        else:
            rows += _rows(report, prefix) if report else ()
    return Table(titles=_TITLES, rows=tuple(rows)) if rows else None


def _report(
    matrix: Matrix, module: Module, sources: Sources, releases: Sequence[Release]
) -> Report | None:
    tree = sources.at_hand(module)
    if tree is None:
        return None
    table = interfaces.load()
    return check(
        read_module(matrix, module, tree, releases_to_read(releases), table),
        encoding=module.encoding,
        kind=module.kind,
        selected=releases,
        table=table,
    )


def _rows(report: Report, prefix: str) -> Iterator[tuple[str, ...]]:
    for guard in report.guards:
        first = guard.conditional.branches[0].line
        for row in branch_rows(report, guard):
            place = f"{prefix}{guard.path}:{row.line or first}"
            yield place, row.text, row.taken or "-"
