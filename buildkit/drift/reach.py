"""Which classes, structs, messages and enums belong to a module kind: those it meets by its types.

Names are looked up as C++ does it: from the innermost scope outwards. Pure.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from buildkit.errors import UsageError
from buildkit.interfaces import InterfaceTable, Location, Method
from buildkit.releases import FINAL_RELEASES, Release, did_you_mean

_NAME = re.compile(r"[A-Za-z_][\w:]*|::[A-Za-z_][\w:]*")

NEAR = 2
"""How many messages deep a report goes unless told otherwise: those that methods name, those that
their fields name, and once more: a task's volumes are ContainerConfig, ContainerInfo, Volume."""
EVERYTHING = 99
"""Deeper than messages are nested."""


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What belongs to some kinds in one release; keys of the interface table."""

    interfaces: frozenset[str]
    types: frozenset[str]
    """Structs, messages and enums."""
    returned: frozenset[str]
    """Those of them that a module makes, because its methods return them."""


def kinds_of(table: InterfaceTable) -> tuple[str, ...]:
    """Names that can be asked about: the module kinds, and the interfaces of frameworks."""
    return tuple(name for name in table.interfaces if not _is_process(table, name))


def check_kinds(table: InterfaceTable, kinds: Iterable[str]) -> None:
    """Raises :class:`UsageError` for a name that is not one of :func:`kinds_of`."""
    known = kinds_of(table)
    for kind in kinds:
        if kind not in known:
            raise UsageError(
                f"unknown kind {kind!r}{did_you_mean(kind, known)}; known are {', '.join(known)}"
            )


def implemented(table: InterfaceTable, kind: str, release: Release) -> str:
    """Key of the class that an author derives from: up to 0.23.1 the facade's process."""
    process = f"{kind}Process"
    if process in table.interfaces and table.location(process, release):
        return process
    return kind


@lru_cache(maxsize=4)
def called(table: InterfaceTable) -> frozenset[str]:
    """Interfaces that an author calls but does not implement, such as SchedulerDriver.

    They are those that the virtual methods of another interface are given, and what derives from
    one of them.
    """
    newest = FINAL_RELEASES[-1]
    scope = _Scope(table, newest)
    given = {
        name
        for key, interface in table.interfaces.items()
        for method in interface.methods
        if method.is_virtual and method.holds(newest)
        for parameter in method.parameters
        for name in scope.names(parameter.type, _inside(table.location(key, newest)))
        if name in table.interfaces and name != key
    }
    derived = {name for name in table.interfaces if given & set(_bases(table, name, newest, scope))}
    return frozenset(given | derived)


@lru_cache(maxsize=128)
def reach(
    table: InterfaceTable, kinds: tuple[str, ...], release: Release, depth: int = NEAR
) -> Reach:
    """What belongs to ``kinds``; messages within messages to the given depth."""
    return _Walk(table=table, release=release, scope=_Scope(table, release)).go(kinds, depth)


def _is_process(table: InterfaceTable, name: str) -> bool:
    return name.endswith("Process") and name.removesuffix("Process") in table.interfaces


def _inside(location: Location | None) -> str:
    return location.qualified if location else ""


def _bases(table: InterfaceTable, name: str, release: Release, scope: "_Scope") -> Iterator[str]:
    location = table.location(name, release)
    if location:
        yield from scope.names(location.base, location.namespace)


class _Scope:
    """Finds the table's key of a name as C++ or .proto text spells it."""

    def __init__(self, table: InterfaceTable, release: Release) -> None:
        self._keys: dict[str, str] = {}
        for key in (*table.interfaces, *table.structs):
            location = table.location(key, release)
            if location:
                self._keys[location.qualified] = key
        for key in (*table.messages_of(release), *table.enums_of(release)):
            declaration = table.declaration(key, release)
            if declaration:
                self._keys[f"{declaration.package}.{key}".replace(".", "::")] = key
        self._found: dict[tuple[str, str], str | None] = {}

    def names(self, text: str, inside: str) -> Iterator[str]:
        """Keys of all types that a piece of C++ names; ``inside`` is the class it stands in."""
        for name in _NAME.findall(text):
            key = self.find(name, inside)
            if key is not None:
                yield key

    def find(self, name: str, inside: str) -> str | None:
        """The key of one name; None for what the table does not have."""
        if (name, inside) not in self._found:
            self._found[name, inside] = self._find(name, inside)
        return self._found[name, inside]

    def _find(self, name: str, inside: str) -> str | None:
        if name.startswith("::"):
            return self._keys.get(name[2:])
        scopes = inside.split("::") if inside else []
        for length in range(len(scopes), -1, -1):
            key = self._keys.get("::".join((*scopes[:length], name)))
            if key is not None:
                return key
        return None


@dataclass(frozen=True, kw_only=True)
class _Walk:
    table: InterfaceTable
    release: Release
    scope: _Scope
    interfaces: set[str] = field(default_factory=set)
    types: dict[str, int] = field(default_factory=dict)
    """Each type found, and in how many steps from a method."""
    returned: dict[str, int] = field(default_factory=dict)

    def go(self, kinds: Sequence[str], depth: int) -> Reach:
        for kind in kinds:
            self._interface(kind)
        for found in (self.types, self.returned):
            self._nested(found, depth)
        return Reach(
            interfaces=frozenset(self.interfaces),
            types=frozenset(self.types),
            returned=frozenset(self.returned),
        )

    def _interface(self, kind: str) -> None:
        key = implemented(self.table, kind, self.release)
        location = self.table.location(key, self.release)
        if kind in self.interfaces or location is None:
            return
        self.interfaces.add(kind)
        for method in self.table.methods(key, self.release):
            self._method(method, location.qualified)
        for other in self.table.interfaces:
            if kind in _bases(self.table, other, self.release, self.scope):
                self._interface(other)

    def _method(self, method: Method, inside: str) -> None:
        if method.kind == "static":
            # A kind's static create() takes the agent's or master's own options.
            return
        for key in self.scope.names(method.returns, inside):
            self._type(key, self.types, self.returned)
        for parameter in method.parameters:
            for key in self.scope.names(parameter.type, inside):
                self._type(key, self.types)

    def _type(self, key: str, *into: dict[str, int]) -> None:
        if key in self.table.interfaces:
            if not _is_process(self.table, key):
                self._interface(key)
            return
        for found in into:
            found.setdefault(key, 0)

    def _nested(self, found: dict[str, int], depth: int) -> None:
        """Add the types of fields and members, breadth first."""
        queue = list(found)
        for key in queue:
            if found[key] >= depth:
                continue
            for name in self._parts(key):
                if name not in found and name not in self.table.interfaces:
                    found[name] = found[key] + 1
                    queue.append(name)

    def _parts(self, key: str) -> Iterator[str]:
        """Keys of the types of a struct's members or a message's fields."""
        if key in self.table.structs and (location := self.table.location(key, self.release)):
            for member in self.table.members(key, self.release):
                yield from self.scope.names(member.type, location.qualified)
        elif key in self.table.messages:
            declaration = self.table.declaration(key, self.release)
            package = f"{declaration.package}." if declaration else ""
            inside = f"{package}{key}".replace(".", "::")
            for part in self.table.fields(key, self.release):
                yield from self.scope.names(part.type.replace(".", "::"), inside)
