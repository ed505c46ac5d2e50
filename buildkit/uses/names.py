"""What a name means where it stands: the module's own declarations, and the table's. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

from buildkit.releases import Release
from buildkit.uses.catalogue import Catalogue
from buildkit.uses.syntax import (
    Alias,
    Block,
    Class,
    Declaration,
    Enumeration,
    Expression,
    Function,
    Include,
    Loop,
    Namespace,
    Statement,
    Unit,
    Using,
    Variable,
)
from buildkit.uses.types import Type, parse_type

_HARMLESS = ("std", "process", "google", "mesos", "strings", "os", "path", "lambda")
"""Namespaces of others, none of whose names is taken for one of the table's by mistake."""

_MESOS_FOLDERS = ("mesos/", "process/", "stout/", "slave/", "master/")


class Scope(NamedTuple):
    """Where something stands: a file, and the namespaces and classes around it."""

    path: str
    names: tuple[str, ...] = ()

    def inside(self, name: str) -> "Scope":
        """The scope of a namespace or class in this one."""
        parts = tuple(part for part in name.split("::") if part)
        return self._replace(names=(*self.names, *parts))

    def qualified(self, name: str) -> str:
        """The full name of something declared here."""
        return "::".join((*self.names, name))


Own: TypeAlias = Alias | Class | Enumeration | Function | Variable


@dataclass(frozen=True, kw_only=True)
class Declared:
    """Something that the module declares."""

    scope: Scope
    node: Own


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What a name has been found to be."""

    name: str
    """Fully qualified."""
    certain: bool
    """False if some namespace that nothing is known of could have it as well."""


@dataclass(kw_only=True)
class _FileNames:
    """What using-declarations and -directives bring into a file, its headers' included."""

    namespaces: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)


class Names:
    """The names of one variant of a module; ``releases`` are those that compile it."""

    def __init__(
        self, units: Sequence[Unit], catalogue: Catalogue, releases: Sequence[Release] = ()
    ) -> None:
        self.units = units
        self._releases = tuple(releases)
        self._by_path = {unit.path: unit for unit in units}
        self._by_file_name: dict[str, list[str]] = {}
        for path in self._by_path:
            self._by_file_name.setdefault(_file_name(path), []).append(path)
        self._includes: dict[str, list[str]] = {}
        self._visible: dict[str, list[str]] = {}
        self.catalogue = catalogue
        self.declared: dict[str, list[Declared]] = {}
        self.simple: set[str] = set()
        """Names that the module declares in namespaces, whichever those are, and enumerators."""
        self._classes: set[str] = set()
        self._members: dict[str, set[str]] = {}
        self._own_namespaces: set[str] = set()
        self._usings: dict[str, list[tuple[Scope, Using]]] = {}
        for unit in units:
            self._collect(Scope(path=unit.path), unit.members)
        self._files = {unit.path: self._file_names(unit) for unit in units}
        self._aliases: dict[str, Type | None] = {}
        self._meanings: dict[tuple[Scope, str], Meaning | None] = {}

    # --- collecting

    def _collect(self, scope: Scope, members: Sequence[Declaration]) -> None:
        for node in members:
            match node:
                case Namespace():
                    inner = scope.inside(node.name)
                    # What the module adds to a namespace of others does not make it its own.
                    if node.name and inner.names[0] not in _HARMLESS:
                        self._own_namespaces.add("::".join(inner.names))
                    self._collect(inner, node.members)
                case Using():
                    self._usings.setdefault(scope.path, []).append((scope, node))
                    self.simple.add(node.target.rpartition("::")[2])
                case Include():
                    pass
                case _:
                    self._declare(scope, node)
                    self._collect_inside(scope, node)

    def _collect_inside(self, scope: Scope, node: Own) -> None:
        match node:
            case Class():
                self._classes.add(scope.qualified(node.name))
                self._collect(scope.inside(node.name), node.members)
            case Enumeration():
                self.simple.update(node.values)
            case Function():
                usings = _usings(() if node.body is None else node.body.parts)
                self._usings.setdefault(scope.path, []).extend((scope, one) for one in usings)
            case Alias() | Variable():
                pass

    def _declare(self, scope: Scope, node: Own) -> None:
        if not node.name:
            return
        self.declared.setdefault(scope.qualified(node.name), []).append(
            Declared(scope=scope, node=node)
        )
        name = node.name.rpartition("::")[2]
        around = "::".join(scope.names)
        if around in self._classes:
            self._members.setdefault(around, set()).add(name)
        elif "::" not in node.name:
            self.simple.add(name)

    def _file_names(self, unit: Unit) -> _FileNames:
        found = _FileNames()
        for path in self.visible_files(unit.path):
            for scope, using in self._usings.get(path, ()):
                if using.name:
                    found.names[using.name] = using.target
                elif using.namespace:
                    found.namespaces += self._namespace(scope, using.target)
                else:
                    found.names[using.target.rpartition("::")[2]] = using.target.removeprefix("::")
        return found

    def _namespace(self, scope: Scope, target: str) -> list[str]:
        """What a using-directive may mean: names it relative to any of the scopes around it."""
        known = self._own_namespaces | self.catalogue.namespaces
        target = target.removeprefix("::")
        candidates = [
            "::".join((*scope.names[:size], target)) for size in range(len(scope.names), -1, -1)
        ]
        return [next((name for name in candidates if name in known), target)]

    def meeting_mesos(self) -> frozenset[str]:
        """Files that are compiled together with headers of Mesos's; the others need no look."""
        found: set[str] = set()
        for unit in self.units:
            together = self.visible_files(unit.path)
            if any(self._includes_mesos(path) for path in together):
                found.update(together)
        return frozenset(found)

    def _includes_mesos(self, path: str) -> bool:
        return any(
            isinstance(node, Include) and node.path.startswith(_MESOS_FOLDERS)
            for node in self._by_path[path].members
        )

    def visible_files(self, path: str) -> list[str]:
        """A file and the module's own headers that it includes, directly or not."""
        if path not in self._visible:
            found: dict[str, None] = {}
            waiting = [path]
            while waiting:
                current = waiting.pop()
                if current not in found:
                    found[current] = None
                    waiting += self._included(current)
            self._visible[path] = list(found)
        return self._visible[path]

    def _included(self, path: str) -> list[str]:
        """The module's own files that one of them includes."""
        if path not in self._includes:
            named = [n.path for n in self._by_path[path].members if isinstance(n, Include)]
            self._includes[path] = [
                candidate
                for name in named
                for candidate in self._by_file_name.get(_file_name(name), ())
                if _is(candidate, name)
            ]
        return self._includes[path]

    # --- looking up

    def find(self, scope: Scope, name: str) -> Meaning | None:
        """What a name means in a scope: of the module or of the table; None for anything else."""
        key = (scope, name)
        if key not in self._meanings:
            self._meanings[key] = self._find(scope, name)
        return self._meanings[key]

    def _find(self, scope: Scope, name: str) -> Meaning | None:
        # What a release does not have cannot hide what it has, in whatever scope; only if nothing
        # of that name is there, what is missing is looked for.
        for has in (self._all_have, self._some_have, self._any_has):
            found = self._search(scope, name, has)
            if found is not None:
                return found
        return None

    def _search(self, scope: Scope, name: str, has: Callable[[str], bool]) -> Meaning | None:
        if name.startswith("::"):
            return _certain(name.removeprefix("::"), has)
        for size in range(len(scope.names), -1, -1):
            found = _certain("::".join((*scope.names[:size], name)), has)
            if found is not None:
                return found
        first, _, rest = name.partition("::")
        file = self._files.get(scope.path, _FileNames())
        target = file.names.get(first)
        if target is not None:
            full = f"{target}::{rest}" if rest else target
            # The target itself may go through a directive.
            found = None if full == name else _certain(full, has) or self._through(file, full, has)
            if found is not None:
                return replace(found, certain=True)
        return self._through(file, name, has)

    def _through(self, file: _FileNames, name: str, has: Callable[[str], bool]) -> Meaning | None:
        strange = [n for n in file.namespaces if not self._is_known_namespace(n)]
        for namespace in dict.fromkeys(file.namespaces):
            found = _certain(f"{namespace}::{name}", has)
            if found is not None:
                return replace(found, certain=not strange)
        return None

    def _all_have(self, name: str) -> bool:
        entities = self.catalogue.entities.get(name, ())
        return name in self.declared or (
            bool(entities) and all(any(e.holds(r) for e in entities) for r in self._releases)
        )

    def _some_have(self, name: str) -> bool:
        entities = self.catalogue.entities.get(name, ())
        return any(e.holds(r) for e in entities for r in self._releases)

    def _any_has(self, name: str) -> bool:
        return name in self.catalogue.entities

    def _is_known_namespace(self, name: str) -> bool:
        return name in self._own_namespaces or name.partition("::")[0] in _HARMLESS

    def has_foreign_lookup(self, scope: Scope) -> bool:
        """Whether an unqualified name in a scope may come from headers that are not read here."""
        if scope.names and scope.names[0] in _HARMLESS:
            return True
        directives = self._files.get(scope.path, _FileNames()).namespaces
        return any(name not in self._own_namespaces for name in directives)

    def is_visible(self, scope: Scope, name: str) -> bool:
        """Whether the module declares an unqualified name where a scope may see it."""
        if name in self.simple:
            return True
        waiting = ["::".join(scope.names[:size]) for size in range(len(scope.names), 0, -1)]
        seen: set[str] = set()
        while waiting:
            current = waiting.pop()
            if current in seen:
                continue
            seen.add(current)
            if name in self._members.get(current, ()):
                return True
            own = self.own_class(current)
            if own is not None and isinstance(own.node, Class):
                waiting += [base.name for base in self.bases(own.scope, own.node)]
        return False

    def own(self, name: str) -> list[Declared]:
        """The module's declarations of a fully qualified name."""
        return self.declared.get(name, [])

    def own_class(self, name: str) -> Declared | None:
        """The module's definition of a class."""
        return next((d for d in self.own(name) if isinstance(d.node, Class)), None)

    # --- types

    def type(self, scope: Scope, text: str | Type) -> Type:
        """A type with every name in it that is known resolved to its full one."""
        type_ = parse_type(text) if isinstance(text, str) else text
        return type_.renamed(lambda name: self._type(scope, name))

    def _type(self, scope: Scope, name: str) -> Type | None:
        meaning = self.find(scope, name)
        if meaning is None:
            return None
        entities = self.catalogue.entities.get(meaning.name, ())
        aliases = [d for d in self.own(meaning.name) if isinstance(d.node, Alias)]
        if not aliases:
            return Type(name=entities[0].name if entities else meaning.name)
        if meaning.name not in self._aliases:
            # One that leads back to itself, as in typedef struct X X, is no alias.
            self._aliases[meaning.name] = None
            alias = aliases[0]
            if isinstance(alias.node, Alias):
                self._aliases[meaning.name] = self.type(alias.scope, alias.node.type)
        return self._aliases[meaning.name]

    def bases(self, scope: Scope, node: Class) -> Iterator[Type]:
        """A class's direct bases."""
        for base in node.bases:
            yield self.type(scope, base)

    def interfaces(self, name: str) -> tuple[str, ...]:
        """Full names of the table's interfaces that a class of the module derives from."""
        found: list[str] = []
        waiting = [name]
        seen = set()
        while waiting:
            current = waiting.pop()
            if current in seen:
                continue
            seen.add(current)
            own = self.own_class(current)
            if own is None:
                if self.catalogue.interface(current) is not None:
                    found.append(current)
            elif isinstance(own.node, Class):
                waiting += [base.name for base in self.bases(own.scope, own.node)]
        return tuple(found)


def _certain(name: str, has: Callable[[str], bool]) -> Meaning | None:
    return Meaning(name=name, certain=True) if has(name) else None


def locals_of(parts: Sequence[Expression | Statement]) -> Iterator[str]:
    """Every name that a function's body declares, at whatever depth."""
    for part in parts:
        match part:
            case Variable() | Alias() | Enumeration() | Class() | Function():
                yield part.name
            case Loop():
                yield part.name
                yield from locals_of(part.body.parts)
            case Block():
                yield from locals_of(part.parts)


def _usings(parts: Sequence[Expression | Statement]) -> Iterator[Using]:
    for part in parts:
        if isinstance(part, Using):
            yield part
        elif isinstance(part, Block):
            yield from _usings(part.parts)


def _file_name(path: str) -> str:
    return path.rpartition("/")[2]


def _is(path: str, name: str) -> bool:
    """Whether a file may be what an #include names."""
    while name.startswith(("./", "../")):
        name = name.partition("/")[2]
    return path == name or path.endswith(f"/{name}")
