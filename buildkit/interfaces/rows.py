"""The rows of the interface table: one frozen value per fact and the releases it holds for."""

from dataclasses import dataclass, field
from typing import Literal

from buildkit.releases import FINAL_RELEASES, Release

FIRST = FINAL_RELEASES[0]
"""Oldest release the table knows; what a row without ``since`` means."""
LAST = FINAL_RELEASES[-1]
"""Newest release the table knows; what a row without ``until`` means."""

MethodKind = Literal["pure", "virtual", "static", "nonvirtual"]
Label = Literal["required", "optional", "repeated", "map", "oneof"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A fact that holds from ``since`` to ``until``, both included, in numeric order."""

    since: Release = FIRST
    until: Release = LAST

    def holds(self, release: Release) -> bool:
        """Whether the fact is true of ``release``."""
        return self.since <= release <= self.until


@dataclass(frozen=True, kw_only=True, slots=True)
class Location(Row):
    """Where a class or struct is declared."""

    header: str
    """Path in the source tree, such as ``include/mesos/slave/isolator.hpp``."""
    namespace: str
    """Such as ``mesos::slave``; of a nested class, with the enclosing class."""
    name: str
    base: str = ""
    """Base class clause without its colon, or nothing."""

    @property
    def qualified(self) -> str:
        """The full C++ name."""
        return f"{self.namespace}::{self.name}"

    @property
    def include(self) -> str | None:
        """What stands between ``<`` and ``>``; None for a header that is not installed."""
        return self.header.removeprefix("include/") if self.header.startswith("include/") else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """One parameter of a method; types as spelled inside the class's namespace."""

    type: str
    name: str
    default: str | None = None

    def __str__(self) -> str:
        tail = "" if self.default is None else f" = {self.default}"
        return f"{self.type} {self.name}{tail}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Method(Row):
    """One method, constructor or destructor of an interface."""

    name: str
    kind: MethodKind
    returns: str = ""
    parameters: tuple[Parameter, ...] = ()
    const: bool = False
    access: Literal["public", "protected"] = "public"
    body: str | None = None
    """Statements of an inline body, ``= default``, or None if it has none or it is out of line."""

    @property
    def is_virtual(self) -> bool:
        """Whether it has a slot in the vtable."""
        return self.kind in ("pure", "virtual")

    @property
    def is_destructor(self) -> bool:
        """Whether it is the destructor."""
        return self.name.startswith("~")

    @property
    def signature(self) -> str:
        """Name, parameter types and constness: what an override must match."""
        types = ", ".join(parameter.type for parameter in self.parameters)
        return f"{self.name}({types}){' const' if self.const else ''}"

    @property
    def declaration(self) -> str:
        """The declaration in C++, without the semicolon, ``virtual``, ``static`` and any body."""
        head = f"{self.returns} " if self.returns else ""
        parameters = ", ".join(str(parameter) for parameter in self.parameters)
        return f"{head}{self.name}({parameters}){' const' if self.const else ''}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Member(Row):
    """One data member of a struct."""

    type: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Constructor(Row):
    """One constructor of a struct."""

    parameters: tuple[Parameter, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration(Row):
    """The .proto file and package that declare a message or an enum."""

    proto: str
    package: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Field(Row):
    """One field of a message."""

    number: int
    label: Label
    type: str
    """Scalar type, or message or enum as spelled inside the message; of a map, its value's type."""
    name: str
    """As the .proto file spells it."""
    oneof: str | None = None
    key: str | None = None
    """Of a map, its key's type."""
    default: str | None = None
    """Explicit default, unquoted."""
    deprecated: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class EnumValue(Row):
    """One value of an enum."""

    name: str
    number: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind(Row):
    """One module kind: the class a module creates and the header of its ``Module<T>``."""

    kind: str
    type: str
    header: str
    loadable: bool = True
    """Whether the loader's table of kinds has it; SecretGenerator is in no release's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Macro(Row):
    """One macro of ``mesos/version.hpp``."""

    name: str
    kind: Literal["string", "integer"]


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownKind(Row):
    """A kind the loader accepts."""

    kind: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule(Row):
    """Something that holds about a subject, in words."""

    about: str
    rule: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout(Row):
    """Folders or files of a source or install tree that serve a purpose."""

    what: str
    paths: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundled(Row):
    """The version of a third-party library inside a release."""

    name: str
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Proto(Row):
    """A .proto file of a release."""

    proto: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Includes(Row):
    """What a header includes, brackets or quotes and all."""

    header: str
    includes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Feature(Row):
    """Something the support headers (stout, libprocess) offer from some release on."""

    name: str
    meaning: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Interface:
    """A C++ interface over all releases."""

    locations: tuple[Location, ...]
    methods: tuple[Method, ...]
    """So ordered that the rows of any one release stand in declaration order; only Allocator, whose
    methods changed places over time, has the order of its newest release."""
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Struct:
    """A plain C++ struct over all releases."""

    locations: tuple[Location, ...]
    fields: tuple[Member, ...]
    constructors: tuple[Constructor, ...]
    replaces: str = ""
    """The struct or message whose work this one has taken over, if any."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A protobuf message over all releases; nested ones are keyed by their dotted name."""

    declarations: tuple[Declaration, ...]
    fields: tuple[Field, ...]
    replaces: str = ""
    """The struct or message whose work this one has taken over, if any."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Enum:
    """A protobuf enum over all releases."""

    declarations: tuple[Declaration, ...]
    values: tuple[EnumValue, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Abi:
    """The module descriptor: the same in every release."""

    header: str
    api_version: str
    fields: tuple[Parameter, ...]
    """Members of ModuleBase, in order."""
    constructor: tuple[str, ...]
    """What Module<T>'s constructor takes, in order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Loader:
    """What the release's own loader checks."""

    source: str
    minimum_version: str
    known_kinds: tuple[KnownKind, ...]
    rejects: tuple[str, ...]
    """Conditions in the order they are checked; the first that holds rejects the library."""
    rejects_at_create: tuple[str, ...]
    rules: tuple[Rule, ...] = field(default=())


@dataclass(frozen=True, kw_only=True, slots=True)
class Succession:
    """What an author asks Mesos for at one place and, in later releases, at another."""

    what: str
    """In words."""
    places: tuple[str, ...]
    """``Interface.method()`` or ``Message.field``, the oldest first."""
