"""Changes of what methods carry: structs, protobuf messages and enums. Pure."""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import assert_never

from buildkit.drift.fields import enum_changes, field_text, message_changes, value_text
from buildkit.drift.model import Category, Change, Effect, What
from buildkit.drift.rows import Span
from buildkit.drift.structs import member_text, struct_changes
from buildkit.interfaces import InterfaceTable, Row
from buildkit.interfaces.rows import Enum, Message, Struct
from buildkit.releases import Release

Entry = Struct | Message | Enum


@dataclass(frozen=True, kw_only=True)
class Types:
    """Compares the types of the table in two releases."""

    table: InterfaceTable
    span: Span
    returned: frozenset[str]
    """What a module makes itself; anything else it is given."""

    def changes(self, names: Iterable[str]) -> Iterator[Change]:
        """All changes of the types with these names."""
        wanted = tuple(dict.fromkeys(names))
        former = {name: self._former(name, wanted) for name in wanted}
        for name in wanted:
            for other in former[name]:
                yield self._replacement(name, other)
        replaced = {other for others in former.values() for other in others}
        for name in wanted:
            old, new = self._entry(name, self.span.older), self._entry(name, self.span.newer)
            if old is not None and old is new:
                yield from self._inside(name, old)
            elif new is not None and not former[name]:
                yield self._presence(name, new, added=True)
            elif new is None and old is not None and name not in replaced:
                yield self._presence(name, old, added=False)

    def _entry(self, name: str, release: Release) -> Entry | None:
        """What the release has under a name."""
        return _entries(self.table, release).get(name)

    def _inside(self, name: str, entry: Entry) -> Iterator[Change]:
        match entry:
            case Struct():
                yield from struct_changes(self.span, name, entry)
            case Message():
                yield from message_changes(self.span, name, entry, made=name in self.returned)
            case Enum():
                yield from enum_changes(self.span, name, entry)
            case _:
                assert_never(entry)

    # --- a whole type

    def _former(self, name: str, wanted: Container[str]) -> tuple[str, ...]:
        """Those of ``wanted``, there before and gone after, in whose place ``name`` has come."""
        old, new = self._entry(name, self.span.older), self._entry(name, self.span.newer)
        if new is None or new is old:
            return ()
        found = [] if old is None else [name]
        other = _replaces(new)
        while other:
            there = self._entry(other, self.span.older)
            if there is not None and self._entry(other, self.span.newer) is None:
                found += [other] if other in wanted else []
                break
            entry = self.table.structs.get(other) or self.table.messages.get(other)
            other = _replaces(entry) if entry else ""
        return tuple(found)

    def _replacement(self, name: str, former: str) -> Change:
        old, new = self._entry(former, self.span.older), self._entry(name, self.span.newer)
        if old is None or new is None:
            raise AssertionError("both are there")
        return Change(
            category=_category(new),
            subject=name,
            what=What.REPLACED,
            effect=Effect.NEEDS_GUARD,
            before=self._whole(former, old, self.span.older),
            after=self._whole(name, new, self.span.newer),
            was=former,
            since=self.span.came(_places(new)),
        )

    def _presence(self, name: str, entry: Entry, *, added: bool) -> Change:
        release = self.span.newer if added else self.span.older
        text = self._whole(name, entry, release)
        rows = _places(entry)
        return Change(
            category=_category(entry),
            subject=name,
            what=What.ADDED if added else What.REMOVED,
            effect=Effect.ADDITIVE if added else Effect.NEEDS_GUARD,
            before=None if added else text,
            after=text if added else None,
            since=self.span.came(rows) if added else self.span.gone(rows),
        )

    def _whole(self, name: str, entry: Entry, release: Release) -> str:
        """The type with all its parts, in one line."""
        table = self.table
        match entry:
            case Struct():
                location = table.location(name, release)
                title = f"struct {location.qualified if location else name}"
                parts = [member_text(member) for member in table.members(name, release)]
            case Message():
                title = f"message {self._package(name, release)}{name}"
                parts = [field_text(field) for field in table.fields(name, release)]
            case Enum():
                title = f"enum {self._package(name, release)}{name}"
                parts = [value_text(value) for value in table.enum_values(name, release)]
            case _:
                assert_never(entry)
        return f"{title} {{ {' '.join(f'{part};' for part in parts)} }}".replace("{  }", "{}")

    def _package(self, name: str, release: Release) -> str:
        declaration = self.table.declaration(name, release)
        return f"{declaration.package}." if declaration else ""


@lru_cache(maxsize=128)
def _entries(table: InterfaceTable, release: Release) -> Mapping[str, Entry]:
    """What a release has, by name; a struct before a message before an enum of the same name."""
    return {
        name: entry
        for entries in (table.enums, table.messages, table.structs)
        for name, entry in entries.items()
        if any(row.holds(release) for row in _places(entry))
    }


def _category(entry: Entry) -> Category:
    match entry:
        case Struct():
            return Category.STRUCT
        case Message():
            return Category.MESSAGE
        case Enum():
            return Category.ENUM
        case _:
            assert_never(entry)


def _places(entry: Entry) -> tuple[Row, ...]:
    return entry.locations if isinstance(entry, Struct) else entry.declarations


def _replaces(entry: Entry) -> str:
    return "" if isinstance(entry, Enum) else entry.replaces
