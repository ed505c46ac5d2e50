"""Macros, each defined differently for different releases, and their expansion."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property, lru_cache
from typing import Any

from pcpp import Preprocessor
from pcpp.parser import Macro as PcppMacro

from buildkit.cpp.expression import (
    FALSE,
    TRUE,
    ConditionError,
    Number,
    Value,
    literal_number,
)
from buildkit.cpp.lexer import Token, TokenKind, names_in, scan
from buildkit.cpp.sets import ReleaseSet, Varied, mapped, merged, restricted, where


class Absent(Enum):
    """What a macro is that has no definition."""

    UNDEFINED = auto()
    """Known not to be defined: 0 in a condition."""
    UNKNOWN = auto()
    """Perhaps defined, by a compiler or a header that is not read, or on an unknown condition."""

    # By identity, as it is compared: an Enum's own takes ten times as long.
    __hash__ = object.__hash__


@dataclass(frozen=True, kw_only=True, eq=False)
class Definition:
    """A ``#define``. Made by :class:`Definitions`, so that equal ones are the same object."""

    name: str
    parameters: tuple[str, ...] | None
    """None for an object-like macro."""
    variadic: bool
    body: tuple[Token, ...]

    @property
    def text(self) -> str:
        """The body as written, with single spaces."""
        return "".join(" " if t.kind is TokenKind.SPACE else t.text for t in self.body)

    @cached_property
    def names(self) -> frozenset[str]:
        """The names in the body."""
        return names_in(self.body)

    @cached_property
    def number(self) -> Number | None:
        """The value, if it is an object-like macro that is one integer literal and no more."""
        if self.parameters is not None or len(self.body) != 1:
            return None
        if self.body[0].kind is not TokenKind.NUMBER:
            return None
        try:
            return literal_number(self.body[0])
        except ConditionError:
            return None


State = Definition | Absent


class Definitions:
    """Makes definitions; two that say the same are one."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], Definition] = {}

    def parse(self, tokens: Sequence[Token]) -> Definition:
        """What follows ``#define``. Raises :class:`ConditionError` for what is none."""
        if not tokens:
            raise ConditionError("#define without the name of a macro")
        if tokens[0].kind is not TokenKind.NAME:
            raise ConditionError(f"{tokens[0].text!r} is no name for a macro", tokens[0])
        name, rest = tokens[0], tokens[1:]
        parameters: tuple[str, ...] | None = None
        variadic = False
        if rest and rest[0].text == "(":
            end = next((at for at, token in enumerate(rest) if token.text == ")"), None)
            if end is None:
                raise ConditionError(f"the parameters of {name.text} have no ')'", name)
            names, variadic = _parameters(rest[1:end])
            parameters = tuple(names)
            rest = rest[end + 1 :]
        body = _joined(rest)
        key = (name.text, parameters, variadic, *((t.kind, t.text) for t in body))
        return self._known.setdefault(
            key,
            Definition(name=name.text, parameters=parameters, variadic=variadic, body=body),
        )

    def from_flag(self, text: str) -> Definition:
        """The ``NAME``, ``NAME=VALUE`` or ``NAME(X)=VALUE`` of a flag ``-D``."""
        name, equals, value = text.partition("=")
        return self.parse(_tokens_of(f"{name} {value if equals else '1'}"))


def _tokens_of(text: str) -> tuple[Token, ...]:
    return _trimmed(scan("", text).tokens(0, len(text)))


def _parameters(tokens: Sequence[Token]) -> tuple[list[str], bool]:
    """The parameters' names, and whether the last one takes all that is left."""
    words = [token.text for token in tokens if token.kind is not TokenKind.SPACE]
    names = [word for word in words if word not in {",", "..."}]
    variadic = words[-1:] == ["..."]
    # "..." alone goes by a name of its own; "NAME..." is GNU's.
    if variadic and words[-2:-1] in ([], [","]):
        names.append("__VA_ARGS__")
    return names, variadic


def _trimmed(tokens: Sequence[Token]) -> tuple[Token, ...]:
    found = tuple(tokens)
    while found and found[0].kind is TokenKind.SPACE:
        found = found[1:]
    while found and found[-1].kind is TokenKind.SPACE:
        found = found[:-1]
    return found


def _joined(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """A body without the spaces around it and around ``##``, which pcpp asks for."""
    body = _trimmed(tokens)
    pasting = {at for at, token in enumerate(body) if token.text == "##"}
    return tuple(
        token
        for at, token in enumerate(body)
        if token.kind is not TokenKind.SPACE or not pasting & {at - 1, at + 1}
    )


class MacroTable:
    """The macros at one point of a translation unit, for all releases.

    What has never been mentioned is undefined if ``known`` says that it is a name of the module's
    own or of this tool's, and otherwise unknown: a compiler or somebody's header may define it.
    """

    def __init__(self, known: frozenset[str], states: Mapping[str, Varied[State]]) -> None:
        self._known = known
        self._states = dict(states)
        self._names: dict[str, tuple[Varied[State], frozenset[str]]] = {}

    def copy(self) -> "MacroTable":
        """An independent table with the same content."""
        return MacroTable(self._known, self._states)

    def entries(self, name: str) -> Varied[State] | None:
        """What has been said of a name; the same object until something is said anew."""
        return self._states.get(name)

    def names_in(self, name: str) -> frozenset[str]:
        """The names in the bodies that a macro has, for whatever release."""
        entries = self._states.get(name, ())
        known = self._names.get(name)
        if known is None or known[0] is not entries:
            bodies = (s.names for _, s in entries if isinstance(s, Definition))
            known = self._names[name] = (entries, frozenset().union(*bodies))
        return known[1]

    def mentioned(self) -> Mapping[str, Varied[State]]:
        """Everything that has been said."""
        return self._states

    def state(self, name: str, releases: ReleaseSet) -> Varied[State]:
        """The definition of a name for each of ``releases``."""
        found = restricted(self._states.get(name, ()), releases)
        rest = releases
        for some, _ in found:
            rest &= ~some
        if rest:
            absent = Absent.UNDEFINED if name in self._known else Absent.UNKNOWN
            found = merged([*found, (rest, absent)])
        return found

    def set(self, name: str, state: State, certain: ReleaseSet, possible: ReleaseSet) -> None:
        """Define or undefine a name: surely for ``certain``, perhaps for the rest of ``possible``.

        ``certain`` is a part of ``possible``.
        """
        self.set_each(name, ((possible, state),), certain, possible)

    def set_each(
        self, name: str, states: Varied[State], certain: ReleaseSet, possible: ReleaseSet
    ) -> None:
        """As :meth:`set`, to another state for each release; those without one are left alone."""
        concerned = possible & where(states, lambda _: True)
        kept = [(some & ~concerned, old) for some, old in self._states.get(name, ())]
        unsure = concerned & ~certain
        before = self.state(name, unsure) if unsure else ()
        perhaps: list[tuple[ReleaseSet, State]] = [
            # Defining anew what is the same already changes nothing, however unsure it is.
            (both, old if old is state else Absent.UNKNOWN)
            for some, old in before
            for both, state in restricted(states, some)
        ]
        self._states[name] = merged([*kept, *perhaps, *restricted(states, certain)])

    def fixed(self, names: Iterable[str], releases: ReleaseSet) -> "FixedTable":
        """What some names are now."""
        return FixedTable({name: self.state(name, releases) for name in names})


class FixedTable:
    """Some macros at the place where they were used, for evaluating what they are used in."""

    def __init__(self, states: Mapping[str, Varied[State]]) -> None:
        self._states = states

    @property
    def names(self) -> frozenset[str]:
        """The macros' names."""
        return frozenset(self._states)

    def state(self, name: str, releases: ReleaseSet) -> Varied[State]:
        """The definition of one of them for each of ``releases``."""
        return restricted(self._states[name], releases)

    def value(self, name: str, releases: ReleaseSet) -> Varied[Value]:
        """As :class:`buildkit.cpp.expression.Environment` asks for it."""
        return _values(self.state(name, releases))

    def defined(self, name: str, releases: ReleaseSet) -> Varied[Value]:
        """As :class:`buildkit.cpp.expression.Environment` asks for it."""
        return mapped(_defined, self.state(name, releases))


@lru_cache(maxsize=256)
def _values(states: Varied[State]) -> Varied[Value]:
    return mapped(_value, states)


def _value(state: State) -> Value:
    if isinstance(state, Definition):
        # What is left of another macro when all is expanded is not replaced: a name like any other.
        return state.number or FALSE
    return FALSE if state is Absent.UNDEFINED else None


def _defined(state: State) -> Value:
    match state:
        case Absent.UNDEFINED:
            return FALSE
        case Absent.UNKNOWN:
            return None
        case Definition():
            return TRUE


def names_asked(table: MacroTable, names: Iterable[str]) -> frozenset[str]:
    """Some names, and those in the macros they expand to, of whatever release."""
    found: set[str] = set()
    waiting = {*names}
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= table.names_in(name) - found
    return frozenset(found)


class Expander:
    """Expands macros, by pcpp's rules."""

    def __init__(self) -> None:
        self._pcpp: Any = Preprocessor()
        self._pcpp.on_error = _refuse
        self._macros: dict[Definition, Any] = {}
        self._expanded: dict[tuple[object, ...], tuple[Token, ...]] = {}

    def expand(
        self, macros: Mapping[str, Definition], tokens: Sequence[Token]
    ) -> tuple[Token, ...]:
        """What tokens expand to in one of their :func:`worlds`.

        Done once for tokens that are the same but for where they stand.
        Raises :class:`ConditionError` for a macro that is called with too few arguments.
        """
        if not macros:
            return tuple(tokens)
        start = tokens[0].offset
        key = (*macros.values(), *((t.kind, t.text, t.offset - start) for t in tokens))
        if key not in self._expanded:
            self._pcpp.macros = {name: self._macro(macro) for name, macro in macros.items()}
            expanded = self._pcpp.expand_macros([*_to_pcpp(tokens)])
            self._expanded[key] = tuple(_moved(_from_pcpp(expanded), -start))
        return tuple(_moved(self._expanded[key], start))

    def _macro(self, definition: Definition) -> Any:
        known = self._macros.get(definition)
        if known is None:
            parameters = definition.parameters
            known = PcppMacro(
                definition.name,
                [*_to_pcpp(definition.body, kept=frozenset(parameters or ()))],
                None if parameters is None else list(parameters),
                definition.variadic,
            )
            if parameters is not None:
                self._pcpp.macro_prescan(known)
            self._macros[definition] = known
        return known


def _moved(tokens: Iterable[Token], by: int) -> Iterator[Token]:
    return (Token(t.kind, t.text, t.offset + by, t.written) for t in tokens)


def worlds(
    table: MacroTable, tokens: Sequence[Token], releases: ReleaseSet
) -> list[tuple[ReleaseSet, dict[str, Definition]]]:
    """Sets of releases for which all macros that need expanding have one definition each.

    Macros that are plain numbers do not: they may be another number for each release.
    """
    found: list[tuple[ReleaseSet, dict[str, Definition]]] = [(releases, {})]
    for name in sorted(names_asked(table, names_in(tokens))):
        states = table.state(name, releases)
        if all(isinstance(state, Absent) or state.number for _, state in states):
            continue
        found = [
            (both, macros | {name: state} if isinstance(state, Definition) else macros)
            for some, macros in found
            for both, state in restricted(states, some)
        ]
    return found


_TYPES = {
    TokenKind.SPACE: "CPP_WS",
    TokenKind.NAME: "CPP_ID",
    TokenKind.NUMBER: "CPP_INTEGER",
    TokenKind.TEXT: "CPP_STRING",
}
_KEPT_NAME = "KEPT_NAME"
"""The name behind ``defined``, which is not expanded."""


class _PcppToken:
    """A token with the attributes that pcpp looks at; it adds ``expanded_from``."""

    type: str
    value: str
    lineno: int
    lexpos: int
    source: str


def _to_pcpp(tokens: Sequence[Token], kept: frozenset[str] = frozenset()) -> Iterator[Any]:
    after_defined = False
    for token in tokens:
        made = _PcppToken()
        made.type = _TYPES.get(token.kind, "CPP_DPOUND" if token.text == "##" else token.text)
        if token.kind is TokenKind.NAME and after_defined and token.text not in kept:
            made.type = _KEPT_NAME
        made.value = token.text
        # Of what a macro expands to, pcpp makes the line that of the macro's use.
        made.lineno = token.offset
        made.lexpos = token.offset
        made.source = ""
        yield made
        if token.kind is not TokenKind.SPACE and token.text != "(":
            after_defined = token.text == "defined"


def _from_pcpp(tokens: Iterable[Any]) -> Iterator[Token]:
    for token in tokens:
        written = not getattr(token, "expanded_from", None)
        yield Token(_kind(token.value), token.value, token.lineno, written)


def _kind(text: str) -> TokenKind:
    first = text[:1]
    if first.isspace() or not first:
        return TokenKind.SPACE
    if first.isalpha() or first in "_$":
        return TokenKind.NAME
    if first.isdigit() or (first == "." and text[1:2].isdigit()):
        return TokenKind.NUMBER
    return TokenKind.TEXT if first in "\"'" else TokenKind.SIGN


def _refuse(_file: object, _line: object, text: str) -> None:
    raise ConditionError(text)
