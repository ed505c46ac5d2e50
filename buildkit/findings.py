"""Findings: what is wrong with a module's sources, where, for which releases, and what to do.

Every check of sources (guards, predictions) speaks in these; every output (text, JSON, SARIF) is
made from them. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from buildkit.releases import Release


class Level(StrEnum):
    """How much a finding matters; the words are SARIF's."""

    ERROR = "error"
    """A release is built wrongly, or not at all."""
    WARNING = "warning"
    """It works for the releases selected, by luck or in a way that will not last."""
    NOTE = "note"
    """Worth knowing; nothing is wrong."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A kind of finding."""

    name: str
    """Stable and short, such as ``unguarded-change``; what a person searches for or suppresses."""
    level: Level
    summary: str
    """One sentence that holds for every finding of the kind."""


class Place(NamedTuple):
    """A line of a module's sources; counted from 1, as compilers do."""

    path: str
    """Relative to the module's source folder."""
    line: int
    column: int = 1


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong."""

    rule: Rule
    place: Place
    releases: tuple[Release, ...]
    """The releases concerned, oldest first."""
    message: str
    """What is wrong, and why."""
    advice: str
    """What to write instead, or to do; may be empty for a note."""


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sorted as a person reads: by file, line, column, rule."""
    return tuple(
        sorted(
            findings,
            key=lambda f: (f.place.path, f.place.line, f.place.column, f.rule.name, f.releases),
        )
    )
