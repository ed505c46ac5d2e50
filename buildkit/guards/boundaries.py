"""Findings about where guards are: at releases in which nothing has changed."""

from collections.abc import Iterator
from functools import cache

from buildkit.cpp.reading import BranchReading
from buildkit.drift import differ
from buildkit.findings import Finding
from buildkit.guards.context import Context
from buildkit.guards.literals import bounds
from buildkit.guards.meaning import Guard
from buildkit.guards.numbers import calls
from buildkit.guards.rules import NOTHING_CHANGED, ONE_PATCH
from buildkit.releases import FINAL_RELEASES, Release


class Boundaries:
    """Knows between which releases something has changed for a module kind."""

    def __init__(self, context: Context) -> None:
        self._context = context
        # What the interface table says of two releases is asked for once.
        self._changed = cache(self._compare)

    def _compare(self, older: Release, newer: Release) -> bool:
        kinds = (self._context.kind,)
        return differ(self._context.table, older, newer, kinds, all_messages=True)

    def _changes_at(self, at: int) -> bool:
        """Whether anything has changed from the release before the one at a position, to it."""
        return self._changed(FINAL_RELEASES[at - 1], FINAL_RELEASES[at])

    def findings(self, guard: Guard) -> Iterator[Finding]:
        """Guards at releases that differ in nothing from the one before."""
        for branch, release, offset in self._thresholds(guard):
            at = FINAL_RELEASES.index(release)
            if at and not self._changes_at(at):
                yield self._idle(guard, branch, at, offset)
        yield from self._single(guard)

    def _thresholds(self, guard: Guard) -> Iterator[tuple[BranchReading, Release, int]]:
        """The releases that conditions tell from the ones before them."""
        for branch, comparison in guard.comparisons:
            found = bounds(comparison.literal, guard.encoding)
            if found and not found[0].era:
                release = _first_above(found[0].release, comparison.sign)
                if release is not None:
                    yield branch, release, comparison.literal.offset
        for branch in guard.conditional.branches:
            for arguments in calls(branch.tokens):
                release = Release(*(int(token.text) for token in arguments))
                if release in FINAL_RELEASES:
                    yield branch, release, arguments[0].offset

    def _idle(self, guard: Guard, branch: BranchReading, at: int, offset: int) -> Finding:
        context = self._context
        release, before = FINAL_RELEASES[at], FINAL_RELEASES[at - 1]
        return context.finding(
            NOTHING_CHANGED,
            guard,
            branch,
            context.get_to(guard, branch),
            f"between {before} and {release} nothing has changed for kind {context.kind}: not the "
            "interface, nor messages, loader, version macros or bundled libraries",
            self._elsewhere(at),
            offset=offset,
        )

    def _elsewhere(self, at: int) -> str:
        """The nearest releases in which something has changed."""
        ways = (range(at - 1, 0, -1), range(at + 1, len(FINAL_RELEASES)))
        nearest = (next(filter(self._changes_at, way), None) for way in ways)
        near = " and in ".join(str(FINAL_RELEASES[n]) for n in nearest if n is not None)
        return f"something has changed in {near}" if near else ""

    def _single(self, guard: Guard) -> Iterator[Finding]:
        for branch, comparison in guard.comparisons:
            found = bounds(comparison.literal, guard.encoding)
            if comparison.sign not in {"==", "!="} or not found or found[0].era:
                continue
            release = found[0].release
            if release not in FINAL_RELEASES:
                continue
            alike = [r for r in FINAL_RELEASES if self._alike(release, r)]
            if alike:
                names = " and ".join(str(one) for one in alike)
                yield self._context.finding(
                    ONE_PATCH,
                    guard,
                    branch,
                    self._context.get_to(guard, branch),
                    f"tells {release} from {names}, which has the same interface"
                    if len(alike) == 1
                    else f"tells {release} from {names}, which have the same interface",
                    "compare with < or >=, unless it is a bug of that release's that is dealt with",
                    offset=comparison.literal.offset,
                )

    def _alike(self, one: Release, other: Release) -> bool:
        """Whether two releases are neighbours of the same minor version that do not differ."""
        if (one.major, one.minor) != (other.major, other.minor) or abs(
            one.patch - other.patch
        ) != 1:
            return False
        return not self._changed(min(one, other), max(one, other))


def _first_above(release: Release, sign: str) -> Release | None:
    """The final release that begins the upper side of a comparison; None for ``==`` and ``!=``."""
    if sign in {"<", ">="}:
        return release if release in FINAL_RELEASES else None
    if sign in {"<=", ">"} and release in FINAL_RELEASES:
        return next((r for r in FINAL_RELEASES if r > release), None)
    return None
