"""What is kept of a module's syntax tree: declarations, and the expressions that may use Mesos.

Types are kept as text; what they mean depends on the release. Every node has ``at``: line and
column, counted from 1.
"""

from dataclasses import dataclass
from typing import TypeAlias

At: TypeAlias = tuple[int, int]


# --- Expressions


@dataclass(frozen=True, kw_only=True, slots=True)
class Name:
    """An identifier, qualified or not; ``this`` too."""

    at: At
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """``object.name`` or ``object->name``."""

    at: At
    object: "Expression"
    name: str
    arrow: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A call, or what looks like one, such as ``Type(value)``."""

    at: At
    function: "Expression"
    arguments: tuple["Expression", ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Make:
    """A value of a type that is written out: ``new T(...)``, ``T{...}``, a cast, ``f<T>``."""

    at: At
    type: str
    arguments: tuple["Expression", ...]
    new: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Element:
    """``object[...]`` or ``*object``."""

    at: At
    object: "Expression"
    arguments: tuple["Expression", ...]
    star: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Same:
    """An expression of the type of the first of these: ``(a)``, ``&a``, ``c ? a : b``."""

    at: At
    parts: tuple["Expression", ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Other:
    """Anything else, for what is in it."""

    at: At
    parts: tuple["Expression | Statement", ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lambda:
    """A function without a name."""

    at: At
    parameters: tuple["Parameter", ...]
    body: "Block"


Expression: TypeAlias = Name | Member | Call | Make | Element | Same | Other | Lambda


# --- Statements


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Statements with a scope of their own."""

    at: At
    parts: tuple["Expression | Statement", ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """A variable, local or not. ``type`` may be ``auto`` with const, pointers and references."""

    at: At
    type: str
    name: str
    value: Expression | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Loop:
    """A range-based for, or a foreach."""

    at: At
    type: str
    name: str
    range: Expression
    body: Block


@dataclass(frozen=True, kw_only=True, slots=True)
class Return:
    """A return statement."""

    at: At
    value: Expression | None


# --- Declarations, most of which can be local, too


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """A parameter; the name may be empty."""

    at: At
    type: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Function:
    """A function or method: declared, or defined if it has a body."""

    at: At
    name: str
    """As written, so qualified if defined outside its class."""
    result: str
    """Empty for a constructor or destructor."""
    parameters: tuple[Parameter, ...]
    const: bool = False
    virtual: bool = False
    override: bool = False
    """Whether it says so, or ``final``."""
    static: bool = False
    pure: bool = False
    template: bool = False
    defined: bool = False
    """Whether it has a body, or is ``= default`` or ``= delete``."""
    body: Block | None = None
    words: frozenset[str] = frozenset()
    """All identifiers in its body."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Alias:
    """A typedef or an alias."""

    at: At
    name: str
    type: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Using:
    """``using a::b;``, ``using namespace a;`` or ``namespace name = a;``."""

    at: At
    target: str
    namespace: bool = False
    name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Enumeration:
    """An enum."""

    at: At
    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Class:
    """A class's definition."""

    at: At
    name: str
    bases: tuple[str, ...]
    members: tuple["Declaration", ...]
    template: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Namespace:
    """A namespace's definition; without a name it is empty."""

    at: At
    name: str
    members: tuple["Declaration", ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Include:
    """An #include; ``path`` without its brackets or quotes."""

    at: At
    path: str


Declaration: TypeAlias = (
    Function | Variable | Alias | Using | Enumeration | Class | Namespace | Include
)
Statement: TypeAlias = Block | Loop | Return | Declaration


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """One file as one group of releases compiles it."""

    path: str
    members: tuple[Declaration, ...]
    whole: bool
    """False if some of it could not be read as C++."""
