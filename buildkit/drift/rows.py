"""Comparing rows of the table in two releases, and since when a fact is true. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from buildkit.interfaces import Row
from buildkit.releases import FINAL_RELEASES, Release

R = TypeVar("R", bound=Row)
K = TypeVar("K")
V = TypeVar("V")

_POSITION = {release: index for index, release in enumerate(FINAL_RELEASES)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """The two releases that are compared."""

    older: Release
    newer: Release

    def before(self, rows: Iterable[R]) -> list[R]:
        """Those of the rows that are true of the older release."""
        return [row for row in rows if row.holds(self.older)]

    def after(self, rows: Iterable[R]) -> list[R]:
        """Those of the rows that are true of the newer release."""
        return [row for row in rows if row.holds(self.newer)]

    def begun(self, rows: Iterable[R], fact: Callable[[R], object], row: R) -> Release:
        """Since when, up to the newer release without a gap, there is a row of ``row``'s fact."""
        wanted = fact(row)
        start = row.since
        alike = [other for other in rows if other.until < start and fact(other) == wanted]
        for other in sorted(alike, key=_since, reverse=True):
            # Rows of equal facts follow one another where they differ in what is not asked for.
            if successor(other.until) == start:
                start = other.since
        return start

    def came(self, rows: Iterable[Row]) -> Release:
        """Since when, up to the newer release without a gap, any of the rows is true."""
        there = list(rows)
        [now] = [row for row in there if row.holds(self.newer)][:1]
        return self.begun(there, lambda _: True, now)

    def gone(self, rows: Iterable[Row]) -> Release:
        """Since when, up to the newer release, none of the rows is true; one was before."""
        return successor(max(row.until for row in rows if row.until < self.newer))


def successor(release: Release) -> Release:
    """The next final release by number."""
    return FINAL_RELEASES[_POSITION[release] + 1]


def pairs(old: Mapping[K, V], new: Mapping[K, V]) -> list[tuple[K, V | None, V | None]]:
    """Each key with what it stands for before and after; the newer order first."""
    return [(key, old.get(key), new.get(key)) for key in dict.fromkeys((*new, *old))]


def told(text: Callable[[V], str], value: V | None) -> str | None:
    """The text of a value that may be lacking."""
    return None if value is None else text(value)


def _since(row: Row) -> Release:
    return row.since
