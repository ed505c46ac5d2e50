"""Logical lines and tokens of a C++ source, with their places in the text. Pure.

Comments, string literals (raw ones too) and lines that go on behind a backslash are known; what a
token means is not this module's business. A name that a backslash cuts in two is read as two.

Comments and literals are those of tree-sitter's grammar, tokens those of pcpp's lexer.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache, cached_property
from itertools import accumulate
from typing import Any

from pcpp.parser import default_lexer

from buildkit.cpp.parser import nodes, parse

_RAW = frozenset({"R", "u8R", "uR", "UR", "LR"})
_MARK = 16
"""How long a raw string's delimiter may be."""
_STEP = 1000
"""How many characters are looked at together."""
_LONG_SIGNS = ("...", "::")
_SPACES = frozenset({"CPP_WS", "CPP_COMMENT1", "CPP_COMMENT2"})


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


def names_in(tokens: Iterable[Token]) -> frozenset[str]:
    """The names among some tokens."""
    return frozenset(token.text for token in tokens if token.kind is TokenKind.NAME)


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
        lines = self.text.split("\n")
        return [0, *accumulate(len(line) + 1 for line in lines[:-1])]

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

    def has_code(self, first: int, last: int) -> bool:
        """Whether there is anything but spaces and comments in some lines, from 1."""
        end = self._starts[last] if last < len(self._starts) else len(self.code)
        return bool(self.code[self._starts[first - 1] : end].strip())

    def lines(self) -> Iterator[Line]:
        """The logical lines in their order."""
        start = 0
        for part in self.code.split("\n"):
            yield Line(start, start + len(part))
            start += len(part) + 1

    def tokens(self, start: int, end: int) -> tuple[Token, ...]:
        """The tokens between two offsets, spaces included; texts of literals are the file's own."""
        found: list[Token] = []
        for kind, first, last in _cut(self.code[start:end]):
            whole = self.text if kind is TokenKind.TEXT else self.code
            text = whole[start + first : start + last]
            if found and kind is found[-1].kind is TokenKind.SPACE:
                before = found.pop()
                found.append(Token(kind, before.text + text, before.offset))
            else:
                found.append(Token(kind, text, start + first))
        return tuple(found)


def scan(path: str, text: str) -> Source:
    """Find what is code in a source. Never fails: what has no end goes to the end of the file."""
    joined = _joined(text)
    parts = []
    at = 0
    for start, end in _opaque(joined):
        parts += [joined[at:start], _blank(joined[start:end])]
        at = end
    return Source(path=path, text=text, code="".join([*parts, joined[at:]]))


def _joined(text: str) -> str:
    """The text with spaces where a backslash joins two lines, before anything else is looked at."""
    lines = text.split("\n")
    for number, line in enumerate(lines[:-1]):
        kept = line.rstrip(" \t\r")
        joined = kept.endswith("\\")
        lines[number] = kept[:-1] + " " * (len(line) - len(kept) + 2) if joined else f"{line}\n"
    return "".join(lines)


def _blank(whole: str) -> str:
    """A comment or a literal with its quotes and what is before them, but without its content."""
    quote = next((char for char in whole if char in "\"'"), "")
    if whole.startswith("/") or not quote:
        return " " * len(whole)
    begin = whole.index(quote) + 1
    end = quote if len(whole) > begin and whole.endswith(quote) else ""
    return whole[:begin] + " " * (len(whole) - begin - len(end)) + end


# --- what is no code


def _opaque(text: str) -> Iterator[tuple[int, int]]:
    """Where comments and literals begin and end.

    The syntax tree has them, but not in all that a preprocessor reads: in a macro's body, which is
    one node to it, ``"/*"`` begins a comment; an apostrophe in the prose of an ``#if 0`` begins a
    literal that goes on in the next line; and ``R"(`` may be a name and a string where no value is
    due. So a node counts only if nothing before it, back to the one that counted last, could begin
    a comment or a literal. A line in which something could is read with pcpp's lexer.
    """
    if _opening(text, 0, len(text)) is None:
        return
    at = 0
    for start, end, trusted in _nodes(text):
        while at <= start:
            doubtful = _opening(text, at, start if trusted else end)
            if doubtful is None:
                yield start, end
                at = end
                break
            line_end = text.find("\n", doubtful)
            line_end = len(text) if line_end < 0 else line_end
            at = max(at, text.rfind("\n", 0, doubtful) + 1)
            for piece in _by_line(text, at, line_end):
                yield piece
                at = piece[1]
            at = max(at, line_end)


def _nodes(text: str) -> Iterator[tuple[int, int, bool]]:
    """Start and end of the comments and literals in the syntax tree, and whether they may be so.

    The last one is the end of the text.
    """
    # One byte a character, so that offsets are the same. Which character it is does not matter.
    tree = parse(text.encode("ascii", "replace"))
    for node in nodes(tree, "comment", "raw_string_literal", "string_literal", "char_literal"):
        start, end = node.start_byte, node.end_byte
        before = text[start - 1 : start]
        # Perhaps part of what is before it, as in 1'000'000.
        glued = before.isalnum() or (before != "" and before in "_$/")
        torn = node.type in {"string_literal", "char_literal"} and "\n" in text[start:end]
        yield start, end, not (glued or torn or node.has_error)
    yield len(text), len(text), True


def _opening(text: str, start: int, end: int) -> int | None:
    """The first place, if any, at which a comment or a literal could begin."""
    # In steps, or each line of a long text that the parser can't read would cost all of the rest.
    for begin in range(start, end, _STEP):
        part = text[begin : min(begin + _STEP + 1, end)]
        if '"' in part or "'" in part or "/" in part:
            found = (part.find(sign) for sign in ('"', "'", "//", "/*"))
            first = min((at for at in found if at >= 0), default=None)
            if first is not None:
                return begin + first
    return None


def _by_line(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """As :func:`_opaque`, for a line or what is left of it; the last one may go on behind it."""
    before = ""
    for kind, first, last in _cut(text[start:end]):
        found = start + first
        if text.startswith("/*", found):
            yield found, _behind(text, "*/", found + 2)
        elif kind is TokenKind.TEXT:
            raw_end = _raw_end(text, found) if before in _RAW else None
            yield found, raw_end or start + last
        elif text.startswith("//", found):
            yield found, start + last
        before = text[found : start + last]


def _raw_end(text: str, quote: int) -> int | None:
    """The end of a raw string, if that is what is in these quotes; C has none, so pcpp hasn't."""
    mark, bracket, _ = text[quote + 1 : quote + _MARK + 2].partition("(")
    if not bracket or any(char.isspace() or char in ")\\" for char in mark):
        return None
    return _behind(text, f'){mark}"', quote + len(mark) + 2)


def _behind(text: str, sign: str, start: int) -> int:
    found = text.find(sign, start)
    return len(text) if found < 0 else found + len(sign)


# --- tokens


@cache
def _lexer() -> Any:
    return default_lexer()


def _cut(line: str) -> Iterator[tuple[TokenKind, int, int]]:
    """Kind, start and end of what a logical line consists of; comments are spaces.

    What goes on in the next line ends with this one.

    By pcpp's lexer, which knows C: C++'s numbers, such as ``1'000`` and ``0b1``, come in pieces,
    and so do names with a ``$``, ``...`` and ``::``.
    """
    lexer = _lexer().clone()
    lexer.input(line)
    before = ""
    while (token := lexer.token()) is not None:
        start, end = token.lexpos, lexer.lexpos
        kind = _kind(token.type, line, start)
        match kind:
            case TokenKind.NAME:
                end = _name_end(line, end)
            case TokenKind.NUMBER:
                end = _number_end(line, end)
            case TokenKind.TEXT if before in _RAW and (raw_end := _raw_end(line, start)):
                end = raw_end
            case TokenKind.TEXT if end == start + 1:
                end = len(line)
            case TokenKind.SPACE if line.startswith("/*", start):
                end = _behind(line, "*/", start + 2)
            case TokenKind.TEXT if line[start] == "L":
                yield TokenKind.NAME, start, start + 1
                start += 1
            case TokenKind.SIGN:
                long = next((sign for sign in _LONG_SIGNS if line.startswith(sign, start)), "")
                end = max(end, start + len(long))
            case _:
                pass
        lexer.lexpos = end
        before = line[start:end]
        yield kind, start, end


def _kind(pcpp_type: str, line: str, start: int) -> TokenKind:
    char = line[start]
    if pcpp_type in _SPACES or char.isspace() or line.startswith("/*", start):
        return TokenKind.SPACE
    if char in "\"'" or pcpp_type == "CPP_CHAR":
        return TokenKind.TEXT
    if char.isdigit() or (char == "." and line[start + 1 : start + 2].isdigit()):
        return TokenKind.NUMBER
    return TokenKind.NAME if char == "$" or char.isidentifier() else TokenKind.SIGN


def _name_end(line: str, end: int) -> int:
    while end < len(line) and (line[end].isalnum() or line[end] in "_$"):
        end += 1
    return end


def _number_end(line: str, end: int) -> int:
    """As the standard says what a preprocessing number is."""
    while end < len(line):
        char, before, after = line[end], line[end - 1], line[end + 1 : end + 2]
        apostrophe = char == "'" and (after.isalnum() or after == "_")
        sign = char in "+-" and before in "eEpP"
        if not (apostrophe or sign or char.isalnum() or char in "_."):
            break
        end += 1
    return end
