"""What can be wrong with a source's directives as such."""

from dataclasses import dataclass
from enum import Enum, auto

from buildkit.releases import Release


class ProblemKind(Enum):
    """The ways in which a source can't be preprocessed."""

    UNTERMINATED = auto()
    """A conditional without its end."""
    STRAY = auto()
    """A directive that belongs to no conditional, or comes after its ``#else``."""
    LITERAL = auto()
    """A number that is none, such as ``0280``."""
    EXPRESSION = auto()
    """A condition that is no expression."""
    DIVISION = auto()
    """A division by zero."""
    DEFINITION = auto()
    """A ``#define`` or ``#undef`` that is none."""
    INCLUDES = auto()
    """Files that include each other without end."""
    ERROR = auto()
    """An ``#error`` that is reached."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that a compiler would stop at."""

    kind: ProblemKind
    path: str
    line: int
    column: int = 1
    text: str
    releases: tuple[Release, ...] = ()
    """Those that a compiler would stop for."""
