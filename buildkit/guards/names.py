"""Findings about the macros that conditions ask for."""

import difflib
from collections.abc import Iterator

from buildkit.cpp.macros import Absent
from buildkit.cpp.module import GUARD_MACROS
from buildkit.cpp.reading import BranchReading
from buildkit.cpp.sets import ReleaseSet, where
from buildkit.findings import Finding
from buildkit.guards.context import Context
from buildkit.guards.meaning import MESOS_NUMBERS, Guard, mesos_numbers, undefined_names
from buildkit.guards.rules import (
    MISSING_MESOS_MACRO,
    UNDEFINED_VERSION,
    UNKNOWN_VERSION_MACRO,
    WRONG_MESOS_MACRO,
)

_CUTOFF = 0.9
"""How alike names must be, by difflib's measure, to be taken for each other."""


def near_miss(name: str, known: frozenset[str]) -> str | None:
    """The version macro that a name was probably meant to be."""
    if name in known:
        return None
    return next(iter(difflib.get_close_matches(name, sorted(known), n=1, cutoff=_CUTOFF)), None)


def name_findings(context: Context, guard: Guard, known: frozenset[str]) -> Iterator[Finding]:
    """Version macros that are not defined where they are asked for, or are misspelt.

    ``known`` has the right names.
    """
    for branch in guard.conditional.branches:
        some = context.get_to(guard, branch)
        if some:
            yield from _misspelt(context, guard, branch, some, known)
            yield from _undefined(context, guard, branch, some)


def _misspelt(
    context: Context,
    guard: Guard,
    branch: BranchReading,
    some: ReleaseSet,
    known: frozenset[str],
) -> Iterator[Finding]:
    for name in sorted(branch.names):
        right = near_miss(name, known)
        if right is None:
            continue
        unknown = 0
        for evaluation in branch.evaluations:
            states = evaluation.macros.state(name, evaluation.releases & some)
            unknown |= where(states, lambda state: state is Absent.UNKNOWN)
        if unknown:
            token = next((t for t in branch.tokens if t.text == name), None)
            yield context.finding(
                UNKNOWN_VERSION_MACRO,
                guard,
                branch,
                unknown,
                f"{name} is defined nowhere in the module; where it is not defined, it is 0",
                f"did you mean {right}?",
                offset=token.offset if token else None,
            )


def _undefined(
    context: Context, guard: Guard, branch: BranchReading, some: ReleaseSet
) -> Iterator[Finding]:
    missing = undefined_names(branch, some)
    ours = 0
    for name in GUARD_MACROS & missing.keys():
        ours |= missing[name]
    if ours:
        yield context.finding(
            UNDEFINED_VERSION,
            guard,
            branch,
            ours,
            "is compiled once for all releases, without their version, so there is none to ask for",
            "move the file from 'common-sources' to 'sources' in the matrix file",
        )
    mesos = sorted(name for name in MESOS_NUMBERS.keys() & missing.keys() if missing[name])
    lacking = 0
    for name in mesos:
        lacking |= missing[name]
    if lacking:
        yield _lacking(context, guard, branch, mesos, lacking)


def _lacking(
    context: Context, guard: Guard, branch: BranchReading, names: list[str], lacking: ReleaseSet
) -> Finding:
    there = sum(
        1 << at
        for at, release in enumerate(context.reading.releases)
        if any(row.name in names for row in context.table.macros(release))
    )
    among = lacking & guard.sure
    actual = guard.taken(None, among)
    meant = guard.taken(mesos_numbers(context.reading), among)
    strays = among
    for number, releases in actual.items():
        strays &= ~(releases & meant.get(number, 0))
    late = lacking & there
    what = " and ".join(names) if len(names) < 3 else f"{names[0]} and the like"  # noqa: PLR2004
    reason = (
        f"{what}: not defined in {context.words(lacking & ~there)}, so 0 there"
        if lacking & ~there
        else f"{what}: not defined before <mesos/version.hpp> is included, so 0"
    )
    if late and lacking & ~there:
        reason += "; elsewhere not before <mesos/version.hpp> is included"
    if strays:
        reason += f"; {context.words(strays)} therefore take another branch"
    return context.finding(
        WRONG_MESOS_MACRO if strays else MISSING_MESOS_MACRO,
        guard,
        branch,
        strays or lacking,
        reason,
        "write MESOS_VERSION_AT_LEAST(major, minor, patch), which is there for every release",
    )
