"""What a module's code asks of Mesos's interfaces, each with the line that asks. Pure data."""

from dataclasses import dataclass, fields
from typing import TypeAlias, get_args

from buildkit.findings import Place
from buildkit.uses.types import Type


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """A header of Mesos must be there."""

    place: Place
    path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A type, or an enum's value, of this name must be there."""

    place: Place
    name: str
    """Fully qualified."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """A message must have this accessor."""

    place: Place
    message: str
    """Its fully qualified name."""
    accessor: str
    arguments: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberAccess:
    """A struct must have this data member; a message never has any."""

    place: Place
    type: str
    """Its fully qualified name."""
    member: str
    called: bool
    """Whether it is called, which a data member is not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LooseAccess:
    """Something whose type was not found has this accessor: never wrong, as far as is known."""

    place: Place
    accessor: str
    arguments: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodCall:
    """An interface must have this method."""

    place: Place
    interface: str
    """Its fully qualified name."""
    method: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Construction:
    """An interface's class must be one that can be made from so many arguments: a facade."""

    place: Place
    interface: str
    arguments: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversion:
    """A class of the module must be one of an interface's."""

    place: Place
    own: str
    bases: tuple[str, ...]
    """The interfaces that it derives from; fully qualified."""
    interface: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Descriptor:
    """``Module<T>`` must be a module kind's."""

    place: Place
    type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MacroUse:
    """A macro of ``mesos/version.hpp`` must be defined."""

    place: Place
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Support:
    """The support headers, stout's and libprocess's, must offer this."""

    place: Place
    feature: str
    """The table's name of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnMethod:
    """A method that a class of the module declares."""

    place: Place
    owner: str
    """The class's fully qualified name."""
    name: str
    parameters: tuple[Type, ...]
    const: bool
    result: Type
    override: bool
    virtual: bool
    pure: bool
    text: str
    """The declaration as a person reads it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Derivation:
    """A class of the module derives from an interface, and is made objects of."""

    place: Place
    own: str
    interface: str
    """The base's fully qualified name."""
    methods: tuple[OwnMethod, ...]
    """Its own, and those it inherits from other classes of the module."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contradiction:
    """The module contradicts itself: whatever the release offers, this does not compile or link."""

    place: Place
    problem: str


Demand: TypeAlias = (
    Header
    | Named
    | Access
    | MemberAccess
    | LooseAccess
    | MethodCall
    | Construction
    | Conversion
    | Descriptor
    | MacroUse
    | Support
    | Derivation
    | Contradiction
)


def asked(demand: Demand) -> tuple[object, ...]:
    """What a demand asks for, wherever it stands: a release answers equal ones alike."""
    return (type(demand), *(getattr(demand, name) for name in _ASKING[type(demand)]))


_ASKING: dict[type, tuple[str, ...]] = {
    kind: tuple(part.name for part in fields(kind) if part.name != "place")
    for kind in get_args(Demand)
}
