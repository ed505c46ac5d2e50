"""What reading a module's sources for many releases gives. Plain data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from buildkit.cpp.expression import Expression
from buildkit.cpp.lexer import Source, Token
from buildkit.cpp.macros import FixedTable
from buildkit.cpp.problems import Problem
from buildkit.cpp.sets import ReleaseSet, bits
from buildkit.releases import Release


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """A condition as some releases see it: macros expanded, those that are plain numbers kept."""

    releases: ReleaseSet
    expression: Expression
    macros: FixedTable
    """What the names in it, and in the macros it is made with, stand for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class BranchReading:
    """One arm of a conditional, and who takes it."""

    word: str
    """``if``, ``ifdef``, ``ifndef``, ``elif``, ``elifdef``, ``elifndef`` or ``else``."""
    line: int
    last_line: int
    """The lines of its directive, from 1, both included."""
    condition: str
    """As written, on one line and without comments; empty for ``else``."""
    tokens: tuple[Token, ...]
    certain: ReleaseSet
    """The releases that take it."""
    possible: ReleaseSet
    """Those that take it or may take it, because a condition is unknown."""
    evaluations: tuple[Evaluation, ...]
    """The condition as it was evaluated, once for each different meaning of its macros; for all
    releases that get to the conditional, whether or not they have taken a branch before."""
    stops: bool
    """Whether it consists of an ``#error``, perhaps among other things."""

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that the condition asks about, itself or through macros."""
        parts = (one.macros.names for one in self.evaluations)
        return frozenset(name for names in parts for name in names)


@dataclass(frozen=True, kw_only=True, eq=False)
class ConditionalReading:
    """``#if`` to ``#endif``."""

    path: str
    branches: tuple[BranchReading, ...]
    end: int
    """The line of its ``#endif``."""
    reached: ReleaseSet
    """The releases that get to it, perhaps."""
    none: ReleaseSet
    """Those that take, perhaps, none of its branches."""
    parent: "tuple[ConditionalReading, int] | None"
    """The conditional around it, and the branch of that it is in."""

    @property
    def line(self) -> int:
        """Where it opens."""
        return self.branches[0].line

    def lines_of(self, number: int) -> range:
        """The lines of a branch's text, without its directive."""
        ends = [*(branch.line for branch in self.branches[1:]), self.end]
        return range(self.branches[number].last_line + 1, ends[number])

    @property
    def unknown(self) -> ReleaseSet:
        """The releases for which it is not sure which branch is taken."""
        found = 0
        for branch in self.branches:
            found |= branch.possible & ~branch.certain
        return found


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A file as some releases compile it."""

    releases: tuple[Release, ...]
    text: str
    """With all lines of the file, those that are not compiled and all directives but ``#include``
    being blank. Of the branches of an unknown condition it has the first possible one."""
    macros: Mapping[str, str]
    """Object-like macros that the module or its flags define, at the end of the file, with what
    they expand to; without those that are defined as nothing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FileReading:
    """One file that is compiled."""

    source: Source
    conditionals: tuple[ConditionalReading, ...]
    """In the order in which they open."""
    variants: tuple[Variant, ...]
    """By their first release; releases that never get to the file are in none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """A module's sources as each release sees them."""

    releases: tuple[Release, ...]
    """All that were asked for; the order of the bits in every set."""
    files: Mapping[str, FileReading]
    """By path, relative to the module's source folder, in the order in which they are met."""
    problems: tuple[Problem, ...]

    @property
    def everyone(self) -> ReleaseSet:
        """The set of all releases."""
        return (1 << len(self.releases)) - 1

    def names(self, some: ReleaseSet) -> tuple[Release, ...]:
        """The releases in a set."""
        return tuple(self.releases[position] for position in bits(some))

    def variants(self, path: str) -> tuple[Variant, ...]:
        """What the releases compile of a file."""
        return self.files[path].variants

    def text(self, path: str, release: Release) -> str:
        """What one release compiles of a file; empty if it never gets there."""
        return next((v.text for v in self.variants(path) if release in v.releases), "")

    def conditionals(self) -> Iterator[ConditionalReading]:
        """All conditionals, file by file."""
        for file in self.files.values():
            yield from file.conditionals


def lines_of(source: Source, shown: Sequence[bool]) -> str:
    """The text with the lines that are not shown, counted from 0, made blank."""
    lines = source.text.split("\n")
    return "\n".join(line if shown[at] else "" for at, line in enumerate(lines))
