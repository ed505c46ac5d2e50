"""Sets of releases as the bits of an integer, and values that differ from release to release.

Bit N stands for the Nth of the releases that are read; which those are is known to whoever asks.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

ReleaseSet = int
"""A set of releases, one bit each."""

V = TypeVar("V")
W = TypeVar("W")

Varied = tuple[tuple[ReleaseSet, V], ...]
"""A value for each release of some set: sets that share no release, each with its value."""


def bits(releases: ReleaseSet) -> Iterator[int]:
    """The positions of the releases in a set, in order."""
    position = 0
    while releases:
        if releases & 1:
            yield position
        releases >>= 1
        position += 1


def merged(pairs: Iterable[tuple[ReleaseSet, V]]) -> Varied[V]:
    """The same, with one set for each value; V must be hashable."""
    found: dict[V, ReleaseSet] = {}
    for releases, value in pairs:
        if releases:
            found[value] = found.get(value, 0) | releases
    return tuple((releases, value) for value, releases in found.items())


def restricted(varied: Varied[V], to: ReleaseSet) -> Varied[V]:
    """The part of a varied value that concerns some releases."""
    return tuple((both, value) for releases, value in varied if (both := releases & to))


def mapped(function: Callable[[V], W], varied: Varied[V]) -> Varied[W]:
    """A function of a varied value."""
    return merged((releases, function(value)) for releases, value in varied)


def where(varied: Varied[V], condition: Callable[[V], bool]) -> ReleaseSet:
    """The releases whose value fulfils a condition."""
    found = 0
    for releases, value in varied:
        if condition(value):
            found |= releases
    return found
