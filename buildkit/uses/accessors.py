"""The methods that protoc makes for a message's fields, and which field each is of. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from buildkit.interfaces import Field

_SCALARS = frozenset({"bool", "double", "float", "int32", "int64", "uint32", "uint64"})
_TEXTS = {"string": "std::string", "bytes": "std::string"}
_MANY = 99
"""More arguments than any accessor is called with."""

Gives = Literal["value", "element", "container", "nothing"]
What = Literal["scalar", "text", "enum", "message"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Accessor:
    """One method of a field: its name, how many arguments it takes, and what it gives."""

    name: str
    fewest: int
    most: int
    gives: Gives
    field: Field

    def takes(self, arguments: int) -> bool:
        """Whether it can be called with so many arguments."""
        return self.fewest <= arguments <= self.most


def scalar_of(type_: str) -> str | None:
    """The C++ type of a scalar field type; None for a message or an enum."""
    if type_ in _SCALARS:
        return type_
    return _TEXTS.get(type_)


def what_of(field: Field, *, is_enum: bool) -> What:
    """What one value of a field is; ``is_enum`` says whether its type is an enum's name."""
    if field.type in _SCALARS:
        return "scalar"
    if field.type in _TEXTS:
        return "text"
    return "enum" if is_enum else "message"


def accessors_of(field: Field, what: What) -> Iterator[Accessor]:
    """Every accessor of a field (source: protoc's guide to generated C++ code)."""
    name = field.name.lower()
    for prefix, suffix, fewest, most, gives in _shapes(field, what):
        yield Accessor(
            name=f"{prefix}{name}{suffix}", fewest=fewest, most=most, gives=gives, field=field
        )


def _shapes(field: Field, what: What) -> Iterator[tuple[str, str, int, int, Gives]]:
    yield "clear_", "", 0, 0, "nothing"
    match field.label:
        case "map":
            yield "", "", 0, 0, "container"
            yield "", "_size", 0, 0, "nothing"
            yield "mutable_", "", 0, 0, "container"
        case "repeated":
            yield "", "", 0, 0, "container"
            yield "", "", 1, 1, "element"
            yield "", "_size", 0, 0, "nothing"
            yield "mutable_", "", 0, 0, "container"
            if what == "message":
                yield "add_", "", 0, 0, "element"
                yield "mutable_", "", 1, 1, "element"
            else:
                yield "add_", "", 0 if what == "text" else 1, _MANY, "nothing"
                yield "set_", "", 2, _MANY, "nothing"
                if what == "text":
                    yield "mutable_", "", 1, 1, "element"
        case "required" | "optional" | "oneof":
            yield "", "", 0, 0, "value"
            yield "has_", "", 0, 0, "nothing"
            if what in {"message", "text"}:
                yield "mutable_", "", 0, 0, "value"
                yield "release_", "", 0, 0, "value"
                yield "set_allocated_", "", 1, 1, "nothing"
            if what != "message":
                yield "set_", "", 1, _MANY, "nothing"
