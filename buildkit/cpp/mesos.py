"""What of Mesos's own headers matters to conditions: the macros of ``mesos/version.hpp``. Pure."""

from collections.abc import Callable, Sequence

from buildkit.cpp.lexer import Token, TokenKind
from buildkit.cpp.macros import Absent, Definitions, State
from buildkit.cpp.reader import NO_EFFECT, Effect
from buildkit.cpp.sets import merged
from buildkit.interfaces import InterfaceTable
from buildkit.interfaces.rows import Macro
from buildkit.releases import Release

_HEADERS = ("mesos/version.hpp", "mesos/module.hpp")
_FOLDER = "mesos/module/"
"""Every header of a module kind includes ``mesos/module.hpp``, which includes the first."""


def version_macros(table: InterfaceTable) -> frozenset[str]:
    """All macros of ``mesos/version.hpp``, of whatever release."""
    return frozenset(row.name for row in table.macro_rows)


def headers_of(
    table: InterfaceTable, releases: Sequence[Release], definitions: Definitions
) -> Callable[[str], Effect]:
    """What including a header of Mesos's defines, for the reading of a module for ``releases``."""
    macros = {
        name: merged(
            (1 << position, _state(table, name, release, definitions))
            for position, release in enumerate(releases)
        )
        for name in version_macros(table)
    }
    certain = Effect(macros=macros, certain=True)
    # Another header may well include that one; the releases that lack a macro lack it for sure.
    perhaps = Effect(macros=macros, certain=False)

    def effect(header: str) -> Effect:
        if header in _HEADERS or header.startswith(_FOLDER):
            return certain
        return perhaps if header.startswith("mesos/") else NO_EFFECT

    return effect


def _state(table: InterfaceTable, name: str, release: Release, definitions: Definitions) -> State:
    if release not in table:
        return Absent.UNKNOWN
    row = next((row for row in table.macros(release) if row.name == name), None)
    if row is None:
        return Absent.UNDEFINED
    text = _value(row, release)
    kind = TokenKind.NUMBER if row.kind == "integer" else TokenKind.TEXT
    return definitions.parse((Token(TokenKind.NAME, name, 0), Token(kind, text, 0)))


def _value(row: Macro, release: Release) -> str:
    parts = {"MAJOR": release.major, "MINOR": release.minor, "PATCH": release.patch}
    number = next((str(value) for part, value in parts.items() if part in row.name), str(release))
    return number if row.kind == "integer" else f'"{number}"'
