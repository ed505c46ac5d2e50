"""C++ types as far as interfaces need them: a name, template arguments, const, pointers. Pure."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

_TOKEN = re.compile(r"::|[A-Za-z_]\w*|\d+|&&|\.\.\.|\S")
_DROPPED = frozenset({"typename", "struct", "class", "enum", "volatile", "mutable", "constexpr"})
# Dropped in front of a type only; `static` and the like never are part of it.
_WORDS = frozenset({"unsigned", "signed", "long", "short", "int", "char", "double"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Type:
    """One type. ``name`` is as spelled, or fully qualified after resolution."""

    name: str
    arguments: tuple["Type", ...] = ()
    const: bool = False
    pointers: int = 0
    reference: str = ""
    """Empty, ``&`` or ``&&``."""

    def __str__(self) -> str:
        arguments = f"<{', '.join(map(str, self.arguments))}>" if self.arguments else ""
        const = "const " if self.const else ""
        return f"{const}{self.name}{arguments}{'*' * self.pointers}{self.reference}"

    @property
    def value(self) -> "Type":
        """What it is of, without const, pointers and reference."""
        return Type(name=self.name, arguments=self.arguments)

    @property
    def last(self) -> str:
        """The last part of its name."""
        return self.name.rpartition("::")[2]

    def renamed(self, rename: Callable[[str], "Type | None"]) -> "Type":
        """With every name in it put through ``rename``, which may give a whole type for one."""
        arguments = tuple(argument.renamed(rename) for argument in self.arguments)
        found = rename(self.name)
        if found is None:
            return replace(self, arguments=arguments) if arguments != self.arguments else self
        return Type(
            name=found.name,
            arguments=found.arguments or arguments,
            const=found.const or self.const,
            pointers=found.pointers + self.pointers,
            reference=found.reference or self.reference,
        )

    def names(self) -> Iterable[str]:
        """Every name in it, outermost first."""
        yield self.name
        for argument in self.arguments:
            yield from argument.names()


class _UnreadableError(Exception):
    pass


@lru_cache(maxsize=4096)
def parse_type(text: str) -> Type:
    """Read a type.

    What is none of the simple forms (a function type, an array) becomes the name of itself, with
    one space between its words.
    """
    tokens = _TOKEN.findall(text)
    try:
        type_, rest = _type(tokens, 0)
    except (_UnreadableError, IndexError):
        rest = -1
    if rest != len(tokens):
        return Type(name=" ".join(tokens))
    return type_


def _type(tokens: list[str], at: int) -> tuple[Type, int]:
    const, name, arguments, at = _core(tokens, at)
    pointers = 0
    reference = ""
    while at < len(tokens) and tokens[at] in {"*", "&", "&&", "const"}:
        pointers += tokens[at] == "*"
        # In `T const&` it is the T's, after a star it is the pointer's.
        const = const or (tokens[at] == "const" and not pointers)
        reference = tokens[at] if tokens[at].startswith("&") else reference
        at += 1
    return (
        Type(name=name, arguments=arguments, const=const, pointers=pointers, reference=reference),
        at,
    )


def _core(tokens: list[str], at: int) -> tuple[bool, str, tuple[Type, ...], int]:
    """Whether it is const, its name, its arguments, and where it ends."""
    const = False
    words: list[str] = []
    while at < len(tokens):
        word = tokens[at]
        if word in _WORDS:
            words.append(word)
        elif word == "const":
            const = True
        elif word not in _DROPPED:
            break
        at += 1
    if words:
        return const, " ".join(words), (), at
    if at == len(tokens) or not re.match(r"::|[A-Za-z_0-9]", tokens[at]):
        raise _UnreadableError
    return (const, *_name(tokens, at))


def _name(tokens: list[str], at: int) -> tuple[str, tuple[Type, ...], int]:
    parts: list[str] = []
    arguments: tuple[Type, ...] = ()
    if tokens[at] == "::":
        # The global namespace: kept, because it stops a search through the enclosing ones.
        parts.append("")
        at += 1
    while True:
        parts.append(tokens[at])
        at += 1
        if at < len(tokens) and tokens[at] == "<":
            arguments, at = _arguments(tokens, at + 1)
        if at < len(tokens) and tokens[at] == "::":
            at += 1
            continue
        return "::".join(parts), arguments, at


def _arguments(tokens: list[str], at: int) -> tuple[tuple[Type, ...], int]:
    found: list[Type] = []
    if tokens[at] == ">":
        return (), at + 1
    while True:
        type_, at = _type(tokens, at)
        if at < len(tokens) and tokens[at] == "(":
            # A function type: its parameters say nothing that is looked for here.
            at = _closing(tokens, at)
        found.append(type_)
        if tokens[at] == ">":
            return tuple(found), at + 1
        if tokens[at] != ",":
            raise _UnreadableError
        at += 1


def _closing(tokens: list[str], at: int) -> int:
    depth = 0
    while True:
        depth += {"(": 1, ")": -1}.get(tokens[at], 0)
        at += 1
        if not depth:
            return at
