"""The report's table of what changes between the releases. Pure."""

from collections.abc import Iterable, Sequence

from buildkit.drift import Effect, Step, boundaries
from buildkit.drift.outline import outline
from buildkit.interfaces import InterfaceTable
from buildkit.releases import FINAL_RELEASES, Release
from buildkit.report.view import Table

_TITLES = ("Boundary", "Dies silently", "Needs a guard", "Other changes")


def drift_table(
    table: InterfaceTable, releases: Iterable[Release], kinds: Sequence[str]
) -> Table | None:
    """From each release to the next, what a module of those kinds must know.

    None if there is no boundary between releases that the interface table has.
    """
    steps = boundaries(table, set(releases).intersection(FINAL_RELEASES), sorted(set(kinds)))
    return Table(titles=_TITLES, rows=tuple(map(_row, steps))) if steps else None


def _row(step: Step) -> tuple[str, ...]:
    heads: dict[Effect, list[str]] = {effect: [] for effect in Effect}
    for section in outline(step):
        for entry in section.entries:
            # Heads of the other sections say themselves what they are about.
            subject = "" if " " in section.heading else f"{section.heading}: "
            heads[entry.effect].append(f"{subject}{entry.head}")
    others = len(heads[Effect.ADDITIVE]) + len(heads[Effect.NOTICE])
    return (
        f"{step.older} to {step.newer}",
        "\n".join(heads[Effect.DIES_SILENTLY]) or "-",
        "\n".join(heads[Effect.NEEDS_GUARD]) or "-",
        str(others) if others else "-",
    )
