"""Findings about who takes a branch: by accident, or nobody at all."""

from collections.abc import Iterator

from buildkit.cpp.reading import BranchReading
from buildkit.cpp.sets import ReleaseSet
from buildkit.encoding import Encoding
from buildkit.findings import Finding
from buildkit.guards.context import Context
from buildkit.guards.literals import other_encoding
from buildkit.guards.meaning import NO_BRANCH, Guard, Intention, intention
from buildkit.guards.rules import DEAD_BRANCH, ELSE_BY_ACCIDENT, OUT_OF_ORDER, UNUSED_BRANCH
from buildkit.guards.wording import condition_at_least
from buildkit.releases import FINAL_RELEASES

_FEW = 4


def branch_findings(context: Context, guard: Guard) -> Iterator[Finding]:
    """Branches that are taken in the wrong order, and dead ones."""
    yield from _strays(context, guard)
    for branch in guard.conditional.branches:
        yield from _dead(context, guard, branch)


def _strays(context: Context, guard: Guard) -> Iterator[Finding]:
    """Releases whose numbers put them on the wrong side.

    Where the encoding increases, a comparison of numbers is one of releases. A number of another
    encoding's is a finding of its own.
    """
    if context.encoding is not Encoding.DECIMAL or not guard.comparisons:
        return
    if any(other_encoding(c.literal.text, context.encoding) for _, c in guard.comparisons):
        return
    found = intention(guard, guard.sure & context.final)
    for actual in (*range(len(guard.conditional.branches)), NO_BRANCH):
        for meant, serving in found.taken.items():
            some = found.strays & serving & _takers(guard, actual) & context.chosen
            if some and actual != meant:
                yield _stray(context, guard, found, some, actual, meant)


def _takers(guard: Guard, number: int) -> ReleaseSet:
    if number == NO_BRANCH:
        return guard.conditional.none
    return guard.conditional.branches[number].certain


def _stray(  # noqa: PLR0913, PLR0917
    context: Context,
    guard: Guard,
    found: Intention,
    some: ReleaseSet,
    actual: int,
    meant: int,
) -> Finding:
    branches = guard.conditional.branches
    who, numbers = context.words(some), _numbers(context, some)
    falls = actual == NO_BRANCH or branches[actual].word == "else"
    branch = branches[meant if falls else actual]
    one = some.bit_count() == 1
    if falls:
        where_to = (
            "no branch" if actual == NO_BRANCH else f"the #else in line {branches[actual].line}"
        )
        message = (
            f"{who} {'takes' if one else 'take'} {where_to} by accident: by their numbers "
            f"({numbers}) '{branch.condition}' is false, {_meaning(guard, branch, found)} it is "
            "true"
        )
    else:
        instead = "none" if meant == NO_BRANCH else f"the one in line {branches[meant].line}"
        message = (
            f"{who} {'takes' if one else 'take'} this branch by accident: by their numbers "
            f"({numbers}) '{branch.condition}' is true; {_meaning(guard, branch, found)} the "
            f"branch is {instead}"
        )
    condition = condition_at_least(branch, guard.compared_in(branch), found.readings)
    return context.finding(
        ELSE_BY_ACCIDENT if falls else OUT_OF_ORDER,
        guard,
        branch,
        some,
        message,
        f"write #{branch.word} {condition}" if condition else "use MESOS_VERSION_AT_LEAST",
    )


def _meaning(guard: Guard, branch: BranchReading, found: Intention) -> str:
    """What the condition is held to mean."""
    eras = [
        comparison.literal.text
        for comparison in guard.compared_in(branch)
        if (bound := found.readings.get(comparison.value)) and bound.era
    ]
    if eras:
        return f"with {eras[0]} as the border between 1.x and 0.x"
    return "by the order of releases"


def _numbers(context: Context, some: ReleaseSet) -> str:
    found = [context.encoding.literal(r) for r in context.reading.names(some & context.chosen)]
    return ", ".join(found if len(found) <= _FEW else [*found[: _FEW - 1], "..."])


def _dead(context: Context, guard: Guard, branch: BranchReading) -> Iterator[Finding]:
    if branch.stops or not guard.decides(branch):
        return
    reached = guard.conditional.reached
    what = f"#{branch.word} {branch.condition}".rstrip()
    if reached & context.final and not branch.possible:
        inside = " of those that get there" if context.final & ~reached else ""
        yield context.finding(
            DEAD_BRANCH,
            guard,
            branch,
            context.chosen & reached,
            f"no release{inside} from {FINAL_RELEASES[0]} to {FINAL_RELEASES[-1]} takes '{what}'",
            "remove the branch, or correct the condition",
        )
    elif reached & context.chosen and not branch.possible & context.chosen:
        takers = context.reading.names(branch.possible & context.final)
        whom = f"it is for {context.all_words(branch.possible)}" if takers else "no final one does"
        yield context.finding(
            UNUSED_BRANCH,
            guard,
            branch,
            context.chosen & reached,
            f"no release of the matrix takes '{what}'; {whom}",
            "",
        )
