"""From the table's messages to C++ as protoc would name it: files, classes, enums, accessors."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from buildkit.errors import UsageError
from buildkit.interfaces import EnumValue, Field, InterfaceTable
from buildkit.releases import Release

Shape = Literal[
    "scalar", "text", "message", "repeated scalar", "repeated text", "repeated message", "map"
]

_SCALARS = {
    "bool": "bool",
    "double": "double",
    "float": "float",
    **{name: f"::google::protobuf::{name}" for name in ("int32", "int64", "uint32", "uint64")},
}
_TEXTS = {"string": "char", "bytes": "void"}

_FOREIGN_PROTOS = {
    "docker.spec.v1": "include/mesos/docker/v1.proto",
    "appc.spec": "include/mesos/appc/spec.proto",
    "mesos.seccomp": "include/mesos/seccomp/seccomp.proto",
}
"""Packages of which the table only knows that fields refer to them, and the file of each."""

_MESOS_PROTO = "include/mesos/mesos.proto"

# Words no C++11 identifier can be; protoc appends an underscore to a field of such a name.
_KEYWORDS = frozenset(
    """
    and and_eq asm auto bitand bitor bool break case catch char class compl const const_cast
    constexpr continue decltype default delete do double dynamic_cast else enum explicit extern
    false float for friend goto if inline int long mutable namespace new noexcept not not_eq nullptr
    operator or or_eq private protected public register reinterpret_cast return short signed sizeof
    static static_assert static_cast struct switch template this throw true try typedef typeid
    typename union unsigned using virtual void volatile wchar_t while xor xor_eq
    """.split()  # noqa: SIM905 - seventy quoted words would hide the list
)


@dataclass(frozen=True, kw_only=True)
class EnumView:
    """An enum as C++ sees it."""

    cpp: str
    short: str
    nested: bool
    values: tuple[EnumValue, ...]

    @property
    def prefix(self) -> str:
        """What the values' names at namespace level begin with."""
        return f"{self.cpp}_" if self.nested else ""

    @property
    def lowest(self) -> EnumValue:
        """The value with the least number."""
        return min(self.values, key=lambda value: value.number)

    @property
    def highest(self) -> EnumValue:
        """The value with the greatest number."""
        return max(self.values, key=lambda value: value.number)


@dataclass(frozen=True, kw_only=True)
class FieldView:
    """A field as C++ sees it."""

    number: int
    cpp: str
    camel: str
    camel_constant: str
    shape: Shape
    type: str
    """C++ type of one element; of a map, of its values."""
    container: str
    required: bool
    oneof: str | None
    default: str
    raw: str
    """Of a string, what a pointer to its bytes points at."""
    message_value: bool
    depends_on: str | None
    """Dotted name of the message whose full definition the accessors need."""

    @property
    def member(self) -> str:
        """The data member's name; never the accessor's, even if that ends in an underscore."""
        return f"{self.cpp}{'field' if self.cpp.endswith('_') else ''}_"


@dataclass(frozen=True, kw_only=True)
class OneofView:
    """A oneof as C++ sees it."""

    name: str
    enum: str
    fields: tuple[FieldView, ...]


@dataclass(frozen=True, kw_only=True)
class Child:
    """A nested message's name outside and inside its parent."""

    cpp: str
    short: str


@dataclass(frozen=True, kw_only=True)
class MessageView:
    """A message as C++ sees it."""

    name: str
    cpp: str
    fields: tuple[FieldView, ...]
    enums: tuple[EnumView, ...]
    children: tuple[Child, ...]
    oneofs: tuple[OneofView, ...]


@dataclass(frozen=True, kw_only=True)
class FileView:
    """One generated header."""

    path: str
    namespaces: tuple[str, ...]
    includes: tuple[str, ...]
    maps: bool
    enums: tuple[EnumView, ...]
    messages: tuple[MessageView, ...]


@dataclass(frozen=True, kw_only=True)
class Identifier:
    """A message that is nothing but a name, and so comparable and hashable."""

    cpp: str
    parent: bool
    """Whether it can be nested below another of its kind."""
    unequal: bool
    """Whether the release has ``!=`` for it."""


def files(table: InterfaceTable, release: Release) -> tuple[FileView, ...]:
    """The generated headers of a release, by path.

    Raises :class:`UsageError` if messages of the table contain each other.
    """
    return _Schema(table, release).files()


def identifiers(table: InterfaceTable, release: Release) -> tuple[Identifier, ...]:
    """The ID messages of a release."""
    always_unequal = {"ContainerID", "FrameworkID", "SlaveID"}
    found = []
    for name in table.messages_of(release):
        fields = table.fields(name, release)
        if name.endswith("ID") and any(f.name == "value" and f.type == "string" for f in fields):
            found.append(
                Identifier(
                    cpp=_flat(name),
                    parent=any(f.name == "parent" and f.type == name for f in fields),
                    unequal=name in always_unequal
                    or (name == "ExecutorID" and "executor_id_unequal" in table.features(release)),
                )
            )
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class _Type:
    """A message or enum of the release: the table's, implied by a nested name, or opaque."""

    name: str
    package: str
    proto: str
    is_enum: bool = False
    fields: tuple[Field, ...] = ()
    values: tuple[EnumValue, ...] = ()

    @property
    def parent(self) -> str | None:
        head, _, _ = self.name.rpartition(".")
        return head or None

    @property
    def cpp(self) -> str:
        return _flat(self.name)

    @property
    def qualified(self) -> str:
        return "::" + "::".join((*self.package.split("."), self.cpp))


@dataclass
class _Schema:
    """All types of one release, and where each name in them leads."""

    table: InterfaceTable
    release: Release
    opaque: dict[str, _Type] = field(default_factory=dict)

    @cached_property
    def known(self) -> dict[str, _Type]:
        """What the table declares, and the parents that nested names imply."""
        found: dict[str, _Type] = {}
        table, release = self.table, self.release
        for name in (*table.messages_of(release), *table.enums_of(release)):
            declared = table.declaration(name, release)
            if declared is None or not declared.proto.startswith("include/"):
                continue
            place = {"package": declared.package, "proto": declared.proto}
            is_enum = name in table.enums
            found[name] = _Type(
                name=name,
                is_enum=is_enum,
                fields=() if is_enum else table.fields(name, release),
                values=table.enum_values(name, release) if is_enum else (),
                **place,
            )
        for name, type_ in list(found.items()):
            for parent in _parents(name):
                found.setdefault(
                    parent, _Type(name=parent, package=type_.package, proto=type_.proto)
                )
        return found

    def resolve(self, scope: str, spelled: str) -> _Type:
        """The type that ``spelled`` means inside the message ``scope``; opaque if unknown."""
        for outer in (scope, *_parents(scope)):
            found = self.known.get(f"{outer}.{spelled}")
            if found:
                return found
        if spelled in self.known:
            return self.known[spelled]
        for package, proto in _FOREIGN_PROTOS.items():
            for prefix in (package, package.removeprefix("mesos.")):
                name = spelled.removeprefix(f"{prefix}.")
                if name != spelled:
                    return self._opaque(_Type(name=name, package=package, proto=proto))
        for parent in reversed(_parents(spelled)):
            self._opaque(_Type(name=parent, package="mesos", proto=_MESOS_PROTO))
        return self._opaque(_Type(name=spelled, package="mesos", proto=_MESOS_PROTO))

    def _opaque(self, type_: _Type) -> _Type:
        # Two packages may use the same name, so the key has both.
        return self.opaque.setdefault(f"{type_.package} {type_.name}", type_)

    def files(self) -> tuple[FileView, ...]:
        views = {name: self._message(t) for name, t in self.known.items() if not t.is_enum}
        every = [*self.known.values(), *self.opaque.values()]
        for type_ in self.opaque.values():
            views[f"{type_.package} {type_.name}"] = self._message(type_)
        needed = {
            *self.table.isolator_protos(self.release),
            *(type_.proto for type_ in every),
        }
        return tuple(
            self._file(proto, [t for t in every if t.proto == proto], views)
            for proto in sorted(needed)
        )

    def _file(self, proto: str, types: list[_Type], views: dict[str, MessageView]) -> FileView:
        packages = sorted({type_.package for type_ in types})
        if len(packages) > 1:
            raise UsageError(
                f"interface table: messages.json: {proto} is given the packages "
                f"{' and '.join(packages)} in {self.release}; a file has one"
            )
        package = packages[0] if packages else _package_of(proto)
        messages = self._sorted([t for t in types if not t.is_enum])
        ours = [views[self._key(type_)] for type_ in messages]
        others = {
            self.lookup(f.depends_on).proto for view in ours for f in view.fields if f.depends_on
        }
        # Enums of other files are used by value, so their file is needed too.
        for type_ in messages:
            for row in type_.fields:
                if row.type not in _SCALARS and row.type not in _TEXTS:
                    others.add(self.resolve(type_.name, row.type).proto)
        return FileView(
            path=_header(proto),
            namespaces=tuple(package.split(".")),
            includes=tuple(_header(other) for other in sorted(others - {proto})),
            maps=any(f.shape == "map" for view in ours for f in view.fields),
            enums=tuple(_enum(t) for t in types if t.is_enum),
            messages=tuple(ours),
        )

    def _key(self, type_: _Type) -> str:
        known = self.known.get(type_.name)
        return type_.name if known is type_ else f"{type_.package} {type_.name}"

    def lookup(self, key: str) -> _Type:
        return self.known.get(key) or self.opaque[key]

    def _sorted(self, types: list[_Type]) -> list[_Type]:
        """So ordered that a class comes after those it holds."""
        keys = {self._key(type_): type_ for type_ in types}
        done: dict[str, _Type] = {}
        path: list[str] = []

        def visit(key: str) -> None:
            if key in done or key not in keys:
                return
            if key in path:
                ring = " -> ".join([*path[path.index(key) :], key])
                raise UsageError(
                    f"interface table: messages.json: in {self.release} messages contain each "
                    f"other: {ring}; the stub SDK has no way to declare them"
                )
            path.append(key)
            for row in self._message(keys[key]).fields:
                if row.depends_on and row.depends_on != key:
                    visit(row.depends_on)
            path.pop()
            done[key] = keys[key]

        for key in keys:
            visit(key)
        return list(done.values())

    def _message(self, type_: _Type) -> MessageView:
        every = [*self.known.values(), *self.opaque.values()]
        inside = [t for t in every if t.parent == type_.name and t.package == type_.package]
        camels: set[str] = set()
        fields = []
        for row in type_.fields:
            camel = _camel(row.name)
            # As protoc does it for two fields that only differ in their underscores.
            constant = f"{camel}_{row.number}" if camel in camels else camel
            camels.add(camel)
            fields.append(self._field(type_.name, row, camel, constant))
        oneofs = dict.fromkeys(row.oneof for row in fields if row.oneof)
        return MessageView(
            name=type_.name,
            cpp=type_.cpp,
            fields=tuple(fields),
            enums=tuple(_enum(t) for t in inside if t.is_enum),
            children=tuple(
                Child(cpp=t.cpp, short=t.name.rpartition(".")[2]) for t in inside if not t.is_enum
            ),
            oneofs=tuple(
                OneofView(
                    name=name,
                    enum=f"{_camel(name)}Case",
                    fields=tuple(f for f in fields if f.oneof == name),
                )
                for name in oneofs
            ),
        )

    def _field(self, scope: str, row: Field, camel: str, constant: str) -> FieldView:
        cpp = row.name.lower()
        base: Literal["scalar", "text", "message"]
        depends_on: str | None = None
        default = ""
        if row.type in _SCALARS:
            base, type_ = "scalar", _SCALARS[row.type]
            default = row.default or {"bool": "false"}.get(row.type, "0")
        elif row.type in _TEXTS:
            base, type_ = "text", "std::string"
            default = _quoted(row.default) if row.default else ""
        else:
            target = self.resolve(scope, row.type)
            type_ = target.qualified
            if target.is_enum:
                base = "scalar"
                default = self._enum_default(target, row)
            else:
                base, depends_on = "message", self._key(target)
        shape: Shape = base
        container = ""
        match row.label:
            case "repeated":
                shape = f"repeated {base}"  # type: ignore[assignment]
                kind = "RepeatedField" if base == "scalar" else "RepeatedPtrField"
                container = f"::google::protobuf::{kind}<{type_}>"
            case "map":
                shape = "map"
                key = _SCALARS.get(row.key or "", "std::string")
                container = f"::google::protobuf::Map<{key}, {type_}>"
        return FieldView(
            number=row.number,
            cpp=f"{cpp}_" if cpp in _KEYWORDS else cpp,
            camel=camel,
            camel_constant=constant,
            shape=shape,
            type=type_,
            container=container,
            required=row.label == "required",
            oneof=row.oneof,
            default=default,
            raw=_TEXTS.get(row.type, ""),
            message_value=base == "message",
            depends_on=depends_on,
        )

    def _enum_default(self, target: _Type, row: Field) -> str:
        names = [value.name for value in target.values]
        if row.default is not None and row.default not in names:
            raise UsageError(
                f"interface table: messages.json: field {row.name}: default {row.default} is no "
                f"value of {target.name} in {self.release}; it has {', '.join(names)}"
            )
        prefix = f"{target.cpp}_" if target.parent else ""
        space = "::" + "::".join(target.package.split("."))
        return f"{space}::{prefix}{row.default or names[0]}"


def _enum(type_: _Type) -> EnumView:
    return EnumView(
        cpp=type_.cpp,
        short=type_.name.rpartition(".")[2],
        nested=type_.parent is not None,
        values=type_.values,
    )


def _flat(name: str) -> str:
    return name.replace(".", "_")


def _parents(name: str) -> tuple[str, ...]:
    """Enclosing names, innermost first."""
    parts = name.split(".")
    return tuple(".".join(parts[:n]) for n in range(len(parts) - 1, 0, -1))


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _header(proto: str) -> str:
    return proto.removeprefix("include/").removesuffix(".proto") + ".pb.h"


def _package_of(proto: str) -> str:
    """Package of a file of which the table knows no message."""
    return next((package for package, file in _FOREIGN_PROTOS.items() if file == proto), "mesos")
