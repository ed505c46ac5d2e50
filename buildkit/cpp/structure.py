"""How the directives of a source nest: parsed once, walked as often as it is included. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from buildkit.cpp.lexer import Line, Source, Token, TokenKind, names_in
from buildkit.cpp.problems import Problem, ProblemKind

_OPENING = {"if", "ifdef", "ifndef"}
_DEPTH = 200
"""How deep conditionals may nest."""
_GOING_ON = {"elif", "elifdef", "elifndef", "else"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Code:
    """Lines between directives."""

    first: int
    last: int
    """Lines of the file, from 1, both included."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Directive:
    """A directive that is no part of a conditional."""

    word: str
    """Such as ``define``; empty for a lone ``#``."""
    tokens: tuple[Token, ...]
    """What follows the word, without spaces around it."""
    first: int
    last: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Branch:
    """One arm of a conditional, from its directive to the next one."""

    word: str
    """``if``, ``ifdef``, ``ifndef``, ``elif``, ``elifdef``, ``elifndef`` or ``else``."""
    tokens: tuple[Token, ...]
    """The condition; empty for ``else``."""
    first: int
    last: int
    """The lines of the directive itself."""
    items: list["Item"] = field(default_factory=list)

    @cached_property
    def names(self) -> frozenset[str]:
        """The names in the condition."""
        return names_in(self.tokens)


@dataclass(kw_only=True, eq=False)
class Conditional:
    """``#if`` to ``#endif``."""

    branches: list[Branch] = field(default_factory=list)
    parent: "Branch | None" = None
    end: int = 0
    """The line of its ``#endif``; if it has none, that behind the file's last one."""


Item = Code | Directive | Conditional


@dataclass(frozen=True, kw_only=True, eq=False)
class Structure:
    """A source and its directives."""

    source: Source
    items: tuple[Item, ...]
    problems: tuple[Problem, ...]

    @cached_property
    def once(self) -> bool:
        """Whether it has a ``#pragma once``."""
        return any(
            isinstance(item, Directive)
            and item.word == "pragma"
            and [token.text for token in item.tokens] == ["once"]
            for item in self.items
        )

    @cached_property
    def guard(self) -> tuple[str, Conditional] | None:
        """The macro and the conditional of an include guard that encloses everything."""
        match [item for item in self.items if not self._is_blank(item)]:
            case [Conditional(branches=[Branch() as branch]) as conditional]:
                name = _guarding(branch)
                if name is not None and any(_defines(item, name) for item in branch.items):
                    return name, conditional
            case _:
                pass
        return None

    def _is_blank(self, item: Item) -> bool:
        return isinstance(item, Code) and not self.source.has_code(item.first, item.last)

    def conditionals(self) -> Iterator[Conditional]:
        """All conditionals, in the order in which they open."""
        yield from _conditionals(self.items)

    def defined_names(self) -> Iterator[str]:
        """The macros that the source defines, on whatever condition."""
        yield from _defined_names(self.items)


def parse(source: Source) -> Structure:
    """Nest a source's directives. What does not nest is a problem, and read as well as can be."""
    return _Parser(source).parse()


class _Parser:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._problems: list[Problem] = []
        self._top: list[Item] = []
        self._open: list[Conditional] = []
        self._code_first: int | None = None
        self._lost = False

    def parse(self) -> Structure:
        for line in self._source.lines():
            if not self._lost:
                self._take(line)
        self._end_code(self._source.line_count)
        for conditional in self._open:
            first = conditional.branches[0]
            conditional.end = self._source.line_count + 1
            self._complain(ProblemKind.UNTERMINATED, first.first, f"#{first.word} has no #endif")
        return Structure(
            source=self._source, items=tuple(self._top), problems=tuple(self._problems)
        )

    def _take(self, line: Line) -> None:
        code = self._source.code
        start = line.start
        while start < line.end and code[start] in " \t\r\f\v":
            start += 1
        sharp = 2 if code.startswith("%:", start, line.end) else 1
        if not code.startswith(("#", "%:"), start, line.end):
            if self._code_first is None:
                self._code_first = self._source.line_of(line.start)
            return
        first = self._source.line_of(line.start)
        last = self._source.line_of(line.end)
        self._end_code(first - 1)
        tokens = _stripped(self._source.tokens(start + sharp, line.end))
        word = tokens[0].text if tokens and tokens[0].kind is TokenKind.NAME else ""
        rest = _stripped(tokens[1:]) if word else tokens
        if word in _OPENING and len(self._open) == _DEPTH:
            self._complain(ProblemKind.UNTERMINATED, first, f"more than {_DEPTH} open conditionals")
            self._lost = True
        elif word in _OPENING:
            conditional = Conditional(parent=self._open[-1].branches[-1] if self._open else None)
            self._items().append(conditional)
            self._open.append(conditional)
            self._begin(word, rest, first, last)
        elif word in _GOING_ON:
            self._go_on(word, rest, first, last)
        elif word == "endif":
            if self._open:
                self._open.pop().end = first
            else:
                self._complain(ProblemKind.STRAY, first, "#endif without #if")
        else:
            self._items().append(Directive(word=word, tokens=rest, first=first, last=last))

    def _begin(self, word: str, tokens: tuple[Token, ...], first: int, last: int) -> None:
        self._open[-1].branches.append(Branch(word=word, tokens=tokens, first=first, last=last))

    def _go_on(self, word: str, rest: tuple[Token, ...], first: int, last: int) -> None:
        if not self._open:
            self._complain(ProblemKind.STRAY, first, f"#{word} without #if")
            return
        if self._open[-1].branches[-1].word == "else":
            self._complain(ProblemKind.STRAY, first, f"#{word} after #else")
            return
        self._begin(word, () if word == "else" else rest, first, last)

    def _items(self) -> list[Item]:
        return self._open[-1].branches[-1].items if self._open else self._top

    def _end_code(self, last: int) -> None:
        if self._code_first is not None:
            self._items().append(Code(first=self._code_first, last=last))
        self._code_first = None

    def _complain(self, kind: ProblemKind, line: int, text: str) -> None:
        self._problems.append(Problem(kind=kind, path=self._source.path, line=line, text=text))


def _stripped(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
    start, end = 0, len(tokens)
    while start < end and tokens[start].kind is TokenKind.SPACE:
        start += 1
    while end > start and tokens[end - 1].kind is TokenKind.SPACE:
        end -= 1
    return tokens[start:end]


def _guarding(branch: Branch) -> str | None:
    """The macro that must not be defined for a branch to be taken, if that is all it asks."""
    words = [token.text for token in branch.tokens if token.kind is not TokenKind.SPACE]
    match branch.word, words:
        case ("ifndef", [name]) | ("if", ["!", "defined", name] | ["!", "defined", "(", name, ")"]):
            return name
        case _:
            return None


def _defines(item: Item, name: str) -> bool:
    return (
        isinstance(item, Directive)
        and item.word == "define"
        and bool(item.tokens)
        and item.tokens[0].text == name
    )


def _conditionals(items: tuple[Item, ...] | list[Item]) -> Iterator[Conditional]:
    for item in items:
        if isinstance(item, Conditional):
            yield item
            for branch in item.branches:
                yield from _conditionals(branch.items)


def _defined_names(items: tuple[Item, ...] | list[Item]) -> Iterator[str]:
    for item in items:
        match item:
            case Directive(word="define", tokens=(first, *_)):
                yield first.text
            case Conditional():
                for branch in item.branches:
                    yield from _defined_names(branch.items)
            case _:
                pass
