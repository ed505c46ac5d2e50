"""Finds the guards in a reading, and what is wrong with them. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from buildkit.cpp.mesos import version_macros
from buildkit.cpp.module import GUARD_MACROS
from buildkit.cpp.reading import ConditionalReading, Reading
from buildkit.encoding import Encoding
from buildkit.findings import Finding, in_order
from buildkit.guards.boundaries import Boundaries
from buildkit.guards.branches import branch_findings
from buildkit.guards.context import Context
from buildkit.guards.meaning import Guard
from buildkit.guards.names import name_findings, near_miss
from buildkit.guards.numbers import number_findings
from buildkit.guards.syntax import syntax_findings
from buildkit.interfaces import InterfaceTable
from buildkit.releases import FINAL_RELEASES, Release

WITNESSES = (Release(0, 20, 1), Release(1, 12, 0))
"""Read along with the releases proper: what only these take is for the past or the future."""


def releases_to_read(selected: Sequence[Release]) -> tuple[Release, ...]:
    """What a module has to be read for, to check it for the selected releases."""
    return tuple(sorted({*selected, *FINAL_RELEASES, *WITNESSES}))


@dataclass(frozen=True, kw_only=True, eq=False)
class Report:
    """The guards of a module and what is wrong with it, for the selected releases."""

    reading: Reading
    selected: tuple[Release, ...]
    guards: tuple[Guard, ...]
    findings: tuple[Finding, ...]

    @cached_property
    def _conditionals(self) -> frozenset[ConditionalReading]:
        return frozenset(guard.conditional for guard in self.guards)

    def depth(self, guard: Guard) -> int:
        """How many other guards a guard is in."""
        depth = 0
        parent = guard.conditional.parent
        while parent is not None:
            depth += parent[0] in self._conditionals
            parent = parent[0].parent
        return depth


def check(
    reading: Reading,
    *,
    encoding: Encoding,
    kind: str,
    selected: Sequence[Release],
    table: InterfaceTable,
) -> Report:
    """Look at every guard of a module that was read for :func:`releases_to_read`."""
    context = Context(
        reading=reading,
        encoding=encoding,
        selected=tuple(sorted(selected)),
        kind=kind,
        table=table,
    )
    known = GUARD_MACROS | version_macros(table)
    guards = tuple(
        Guard(conditional=conditional, reading=reading, encoding=encoding)
        for conditional in reading.conditionals()
        if _asks_for_version(conditional, known)
    )
    return Report(
        reading=reading,
        selected=context.selected,
        guards=guards,
        findings=in_order(_findings(context, guards, known)),
    )


def _asks_for_version(conditional: ConditionalReading, known: frozenset[str]) -> bool:
    return any(
        name in known or near_miss(name, known)
        for branch in conditional.branches
        for name in branch.names
    )


def _findings(
    context: Context, guards: Sequence[Guard], known: frozenset[str]
) -> Iterator[Finding]:
    yield from syntax_findings(context)
    boundaries = Boundaries(context)
    for guard in guards:
        yield from number_findings(context, guard)
        yield from name_findings(context, guard, known)
        yield from branch_findings(context, guard)
        yield from boundaries.findings(guard)
