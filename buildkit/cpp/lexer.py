"""Logical lines and tokens of a C++ source, with their places in the text. Pure.

Comments, string literals (raw ones too) and lines that go on behind a backslash are known; what a
token means is not this module's business. A name that a backslash cuts in two is read as two.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property

# What begins first in the text is what it is. An apostrophe in a number begins no literal.
_OPAQUE = re.compile(
    r"""
    (?P<comment> //(?:\\[ \t]*\r?\n|[^\n])* | /\*.*?(?:\*/|\Z) )
  | (?P<raw> (?<![A-Za-z0-9_])(?:u8|[uUL])?R"(?P<mark>[^()\\\s]{0,16})\(.*?(?:\)(?P=mark)"|\Z) )
  | (?P<number> (?<![A-Za-z0-9_$])\.?[0-9](?:[eEpP][+-]|'[A-Za-z0-9_]|[A-Za-z0-9_.])* )
  | (?P<literal> "(?:\\.|[^"\\\n])*(?:"|(?=\n)|\Z) | '(?:\\.|[^'\\\n])*(?:'|(?=\n)|\Z) )
  | (?P<splice> \\[ \t]*\r?\n )
    """,
    re.VERBOSE | re.DOTALL,
)

_TOKEN = re.compile(
    r"""
    (?P<space>  [ \t\r\f\v]+ )
  | (?P<name>   [A-Za-z_$][A-Za-z0-9_$]* )
  | (?P<number> \.?[0-9](?:[eEpP][+-]|'[A-Za-z0-9_]|[A-Za-z0-9_.])* )
  | (?P<text>   "[^"\n]*"? | '[^'\n]*'? )
  | (?P<sign>   \#\# | << | >> | <= | >= | == | != | && | \|\| | \.\.\. | :: | . )
    """,
    re.VERBOSE,
)


class TokenKind(Enum):
    """What a preprocessing token is."""

    SPACE = auto()
    NAME = auto()
    NUMBER = auto()
    TEXT = auto()
    """A string or a character, without its prefix."""
    SIGN = auto()
    """An operator or punctuation."""


@dataclass(frozen=True, slots=True)
class Token:
    """One preprocessing token."""

    kind: TokenKind
    text: str
    offset: int
    """Where it begins in the source's text; of what a macro expands to, where the macro stands."""
    written: bool = True
    """Whether it stands in the source itself rather than in a macro."""


@dataclass(frozen=True, slots=True)
class Line:
    """A logical line: one or more lines of the file, up to an end of line that counts."""

    start: int
    end: int
    """Offsets in the text; the end of line itself is not part of it."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file's text, and the same text without what is no code."""

    path: str
    """Relative to the module's source folder."""
    text: str
    code: str
    """As long as ``text``: comments, contents of literals and ends of line that don't count are
    spaces in it."""

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(found.end() for found in re.finditer(r"\n", self.text))]

    @property
    def line_count(self) -> int:
        """The number of lines of the file; the part behind the last end of line is one, too."""
        return len(self._starts)

    def line_of(self, offset: int) -> int:
        """The line, from 1, that an offset lies in."""
        return bisect_right(self._starts, offset)

    def column_of(self, offset: int) -> int:
        """The column, from 1, in characters."""
        return offset - self._starts[self.line_of(offset) - 1] + 1

    def lines(self) -> Iterator[Line]:
        """The logical lines in their order."""
        start = 0
        for part in self.code.split("\n"):
            yield Line(start, start + len(part))
            start += len(part) + 1

    def tokens(self, start: int, end: int) -> tuple[Token, ...]:
        """The tokens between two offsets, spaces included; texts of literals are the file's own."""
        found = []
        for match in _TOKEN.finditer(self.code, start, end):
            kind = TokenKind[(match.lastgroup or "").upper()]
            text = match[0] if kind is not TokenKind.TEXT else self.text[slice(*match.span())]
            found.append(Token(kind, text, match.start()))
        return tuple(found)


def scan(path: str, text: str) -> Source:
    """Find what is code in a source. Never fails: what has no end goes to the end of the file."""
    return Source(path=path, text=text, code=_OPAQUE.sub(_blank, text))


def _blank(match: "re.Match[str]") -> str:
    whole = match[0]
    if match["number"] is not None:
        return whole
    if match["literal"] is None and match["raw"] is None:
        return " " * len(whole)
    if match["raw"] is not None:
        at = whole.index('"')
        return whole[:at] + '"' + " " * (len(whole) - at - 2) + ('"' if len(whole) > at + 1 else "")
    if len(whole) < 2:  # noqa: PLR2004
        return whole
    inner = whole[1:-1] if whole[-1] == whole[0] else whole[1:]
    return whole[0] + " " * len(inner) + whole[len(inner) + 1 :]
