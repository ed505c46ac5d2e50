"""The interface table by the names that C++ code uses. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal, TypeAlias, TypeVar

from buildkit.interfaces import Field, InterfaceTable, Location, Method, Row
from buildkit.interfaces.rows import Declaration, EnumValue, Kind
from buildkit.releases import Release
from buildkit.uses.accessors import Accessor, accessors_of, scalar_of, what_of
from buildkit.uses.types import Type, parse_type

R = TypeVar("R", bound=Row)
_INCLUDE = "include/"
_PRIVATE = "src/"

Category: TypeAlias = Literal["interface", "struct", "message", "enum", "value"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Entity:
    """Something of the table that has a name in C++."""

    category: Category
    key: str
    """In the table; of an enum's value, its enum's."""
    name: str
    """Fully qualified."""
    rows: tuple[Location | Declaration | EnumValue, ...] = field(repr=False)
    """Those of this very name."""

    def holds(self, release: Release) -> bool:
        """Whether a release has it."""
        return any(row.holds(release) for row in self.rows)


@lru_cache(maxsize=4)
def catalogue_of(table: InterfaceTable) -> "Catalogue":
    """The catalogue of a table, made once."""
    return Catalogue(table)


class Catalogue:
    """Finds what the table says of a C++ name. Knows all releases at once."""

    def __init__(self, table: InterfaceTable) -> None:
        self.table = table

    @cached_property
    def entities(self) -> dict[str, tuple[Entity, ...]]:
        """Every entity by its names; one can have several, such as Environment_Variable."""
        found: dict[str, list[Entity]] = {}
        for names, entity in self._entities():
            for name in names:
                found.setdefault(name, []).append(entity)
        return {name: tuple(entities) for name, entities in found.items()}

    @cached_property
    def namespaces(self) -> frozenset[str]:
        """The namespaces that have something of the table in them, and those around them."""
        found = set()
        for name in self.entities:
            parts = name.split("::")[:-1]
            found |= {"::".join(parts[:size]) for size in range(1, len(parts) + 1)}
        return frozenset(found)

    def _entities(self) -> Iterator[tuple[tuple[str, ...], Entity]]:
        table = self.table
        for key, interface in table.interfaces.items():
            for name, held in _grouped(interface.locations, _qualified):
                yield (name,), Entity(category="interface", key=key, name=name, rows=held)
        for key, struct in table.structs.items():
            for name, held in _grouped(struct.locations, _qualified):
                # What is the agent's own may go on after no interface names it any more.
                if not any(row.header.startswith(_PRIVATE) for row in held):
                    yield (name,), Entity(category="struct", key=key, name=name, rows=held)
        for key, message in table.messages.items():
            for package, rows in _grouped(message.declarations, _package):
                names = _nested(package, key)
                yield names, Entity(category="message", key=key, name=names[0], rows=rows)
        for key, enum in table.enums.items():
            for package, rows in _grouped(enum.declarations, _package):
                names = _nested(package, key)
                yield names, Entity(category="enum", key=key, name=names[0], rows=rows)
                yield from _values(key, names, enum.values)

    # --- messages

    def message(self, name: str) -> str | None:
        """The key of the message of a fully qualified name."""
        return self._key(name, "message")

    def struct(self, name: str) -> str | None:
        """The key of the struct of a fully qualified name."""
        return self._key(name, "struct")

    def interface(self, name: str) -> str | None:
        """The key of the interface of a fully qualified name."""
        return self._key(name, "interface")

    def _key(self, name: str, category: Category) -> str | None:
        entities = self.entities.get(name, ())
        return next((entity.key for entity in entities if entity.category == category), None)

    @cached_property
    def accessors(self) -> dict[str, dict[str, tuple[Accessor, ...]]]:
        """By message key and method name, over all releases."""
        found: dict[str, dict[str, tuple[Accessor, ...]]] = {}
        for key, message in self.table.messages.items():
            mine: dict[str, list[Accessor]] = {}
            for row in message.fields:
                enums = self._inner(key, row.type, self.table.enums) is not None
                for accessor in accessors_of(row, what_of(row, is_enum=enums)):
                    mine.setdefault(accessor.name, []).append(accessor)
            found[key] = {name: tuple(many) for name, many in mine.items()}
        return found

    @cached_property
    def accessor_owners(self) -> dict[str, tuple[str, ...]]:
        """The messages that have an accessor of a name in any release."""
        found: dict[str, list[str]] = {}
        for key, mine in self.accessors.items():
            for name in mine:
                found.setdefault(name, []).append(key)
        return {name: tuple(keys) for name, keys in found.items()}

    @cached_property
    def members(self) -> frozenset[str]:
        """The names of all structs' data members."""
        return frozenset(
            row.name for struct in self.table.structs.values() for row in struct.fields
        )

    def type_of(self, message: str, accessor: Accessor) -> Type | None:
        """What a call of an accessor gives; None for nothing that has accessors of its own."""
        field_ = accessor.field
        if accessor.gives == "nothing":
            return None
        element = self._field_type(message, field_)
        if accessor.gives != "container" or element is None:
            return element
        if field_.label == "map":
            key = Type(name=scalar_of(field_.key or "") or "int")
            return Type(name="google::protobuf::Map", arguments=(key, element))
        return Type(name="google::protobuf::RepeatedPtrField", arguments=(element,))

    def _field_type(self, message: str, row: Field) -> Type | None:
        scalar = scalar_of(row.type)
        if scalar is not None:
            return Type(name=scalar)
        for entries, category in ((self.table.messages, "message"), (self.table.enums, "enum")):
            key = self._inner(message, row.type, entries)
            if key is not None:
                return self._named(key, category)
        return None

    def _inner(self, message: str, type_: str, entries: Iterable[str]) -> str | None:
        """The key of a type as spelled inside a message."""
        scope = message.split(".")
        for size in range(len(scope), -1, -1):
            name = ".".join([*scope[:size], type_])
            if name in entries:
                return name
        return None

    def _named(self, key: str, category: str) -> Type | None:
        return self._names.get((category, key))

    @cached_property
    def _names(self) -> dict[tuple[str, str], Type]:
        found: dict[tuple[str, str], Type] = {}
        for entities in self.entities.values():
            for entity in entities:
                found.setdefault((entity.category, entity.key), Type(name=entity.name))
        return found

    # --- interfaces and structs

    def virtuals(self, interface: str, release: Release) -> tuple[Method, ...]:
        """An interface's virtual methods in a release, without the destructor."""
        methods = self.table.methods(interface, release)
        return tuple(m for m in methods if m.is_virtual and not m.is_destructor)

    def virtual_names(self, interface: str) -> frozenset[str]:
        """Names of all virtual methods that the kind ever had.

        A facade and the process behind it, up to 0.23.1, are one kind.
        """
        stem = interface.removesuffix("Process")
        keys = {stem, f"{stem}Process"} & self.table.interfaces.keys()
        return frozenset(name for key in keys for name in self.table.method_names(key))

    def family(self, interface: str) -> tuple[str, ...]:
        """The interfaces that are one kind over time: a facade, and the process behind it."""
        stem = interface.removesuffix("Process")
        return tuple(k for k in (f"{stem}Process", stem) if k in self.table.interfaces)

    def member_type(self, struct: str, name: str) -> Type | None:
        """The type of a struct's member; names in it are as spelled in its namespace."""
        rows = self.table.structs[struct].fields
        return next((parse_type(row.type) for row in rows if row.name == name), None)

    def kind_of(self, type_: str, release: Release) -> Kind | None:
        """The module kind whose class has this fully qualified name."""
        for kind in self.table.kinds(release):
            # The table spells some kinds' classes inside mesos::modules.
            if type_ in {kind.type, f"mesos::modules::{kind.type}"}:
                return kind
        return None

    # --- headers

    @cached_property
    def headers(self) -> dict[str, tuple[Row, ...]]:
        """What there is to include, by what stands between the brackets; over all releases."""
        found: dict[str, list[Row]] = {}
        for path, row in self._header_rows():
            if path.startswith(_INCLUDE):
                found.setdefault(path.removeprefix(_INCLUDE), []).append(row)
        return {header: tuple(rows) for header, rows in found.items()}

    def _header_rows(self) -> Iterator[tuple[str, Row]]:
        table = self.table
        located = [
            *(interface.locations for interface in table.interfaces.values()),
            *(struct.locations for struct in table.structs.values()),
        ]
        declared = [
            *(message.declarations for message in table.messages.values()),
            *(enum.declarations for enum in table.enums.values()),
        ]
        yield from ((row.header, row) for rows in located for row in rows)
        yield from ((kind.header, kind) for kind in table.kind_rows)
        yield from ((row.header, row) for row in table.include_rows)
        yield from ((_generated(row.proto), row) for rows in declared for row in rows)
        yield from ((_generated(row.proto), row) for row in table.proto_rows)

    @cached_property
    def words(self) -> frozenset[str]:
        """The last parts of all type names in signatures: those that a comparison can rely on."""
        found = set()
        for interface in self.table.interfaces.values():
            for method in interface.methods:
                for text in (method.returns, *(p.type for p in method.parameters)):
                    found |= {name.rpartition("::")[2] for name in parse_type(text).names()}
        found |= {name.rpartition("::")[2] for name in self.entities}
        return frozenset(found)


def _grouped(rows: Iterable[R], name_of: Callable[[R], str]) -> list[tuple[str, tuple[R, ...]]]:
    groups: dict[str, list[R]] = {}
    for row in rows:
        groups.setdefault(name_of(row), []).append(row)
    return [(name, tuple(group)) for name, group in groups.items()]


def _generated(proto: str) -> str:
    """The header that protoc makes of a .proto file."""
    return proto.removesuffix(".proto") + ".pb.h"


def _values(
    key: str, names: Sequence[str], rows: Iterable[EnumValue]
) -> Iterator[tuple[tuple[str, ...], Entity]]:
    """An enum's values, by all names that each goes by; ``names`` are the enum's own."""
    outer = names[0].rpartition("::")[0]
    for value, held in _grouped(rows, lambda row: row.name):
        spelled = [f"{outer}::{value}", *(f"{name}::{value}" for name in names)]
        if "." in key:
            spelled.append(f"{names[-1]}_{value}")
        entity = Entity(category="value", key=key, name=spelled[0], rows=held)
        yield tuple(dict.fromkeys(spelled)), entity


def _qualified(row: Location) -> str:
    return row.qualified


def _package(row: Declaration) -> str:
    return row.package.replace(".", "::")


def _nested(package: str, key: str) -> tuple[str, ...]:
    """The C++ names of a message or enum: nested, and as protoc spells it outside."""
    nested = f"{package}::{key.replace('.', '::')}"
    flat = f"{package}::{key.replace('.', '_')}"
    return (nested,) if nested == flat else (nested, flat)
