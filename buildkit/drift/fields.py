"""Changes within protobuf messages and enums that both releases have. Pure."""

from collections.abc import Callable, Iterator, Sequence

from buildkit.drift.model import Category, Change, Effect, What
from buildkit.drift.rows import Span, told
from buildkit.interfaces import EnumValue, Field
from buildkit.interfaces.rows import Declaration, Enum, Message

_CPP = {
    "string": "std::string", "bytes": "std::string",
    "int32": "int32_t", "sint32": "int32_t", "sfixed32": "int32_t",
    "uint32": "uint32_t", "fixed32": "uint32_t",
    "int64": "int64_t", "sint64": "int64_t", "sfixed64": "int64_t",
    "uint64": "uint64_t", "fixed64": "uint64_t",
    "bool": "bool", "float": "float", "double": "double",
}  # fmt: skip
"""C++ types of protobuf's scalar types (source: protobuf's language guide)."""
_INTEGERS = frozenset({"int32_t", "uint32_t", "int64_t", "uint64_t"})


def message_changes(span: Span, name: str, message: Message, *, made: bool) -> Iterator[Change]:
    """Changes of a message; ``made`` says that modules fill it in themselves."""
    yield from _moved(span, Category.MESSAGE, name, message.declarations)
    rows = message.fields
    for old, new in pair_fields(span.before(rows), span.after(rows)):
        row = new or old
        if row is None:
            raise AssertionError("a pair has at least one field")
        yield Change(
            category=Category.MESSAGE,
            subject=name,
            aspect="field",
            item=row.name,
            what=_what(old, new),
            effect=field_effect(old, new, made=made),
            before=told(field_text, old),
            after=told(field_text, new),
            was=old.name if old and new and old.name != new.name else None,
            since=span.begun(rows, field_text, new)
            if new
            else span.gone(other for other in rows if other.name == row.name),
        )


def enum_changes(span: Span, name: str, enum: Enum) -> Iterator[Change]:
    """Changes of an enum."""
    yield from _moved(span, Category.ENUM, name, enum.declarations)
    rows = enum.values
    for old, new in _pair_values(span.before(rows), span.after(rows)):
        row = new or old
        if row is None:
            raise AssertionError("a pair has at least one value")
        what = _what(old, new)
        yield Change(
            category=Category.ENUM,
            subject=name,
            aspect="value",
            item=row.name,
            what=what,
            effect=_VALUE_EFFECTS.get(what, Effect.NEEDS_GUARD),
            before=told(value_text, old),
            after=told(value_text, new),
            was=old.name if old and new and old.name != new.name else None,
            since=span.begun(rows, value_text, new)
            if new
            else span.gone(other for other in rows if other.name == row.name),
        )


_VALUE_EFFECTS = {What.ADDED: Effect.ADDITIVE, What.RENUMBERED: Effect.NOTICE}


def field_text(field: Field) -> str:
    """A field as a .proto file has it."""
    match field.label:
        case "map":
            head = f"map<{field.key}, {field.type}>"
        case "oneof":
            head = f"oneof {field.oneof}: {field.type}"
        case label:
            head = f"{label} {field.type}"
    options = [
        *([f"default = {field.default}"] if field.default is not None else []),
        *(["deprecated = true"] if field.deprecated else []),
    ]
    tail = f" [{', '.join(options)}]" if options else ""
    return f"{head} {field.name} = {field.number}{tail}"


def value_text(value: EnumValue) -> str:
    """An enum's value as a .proto file has it."""
    return f"{value.name} = {value.number}"


def pair_fields(
    old: Sequence[Field], new: Sequence[Field]
) -> Iterator[tuple[Field | None, Field | None]]:
    """The fields that differ, each with what it has become.

    Fields of one name belong together. So do, of the rest, those of one number whose types are the
    same or both integers: a rename. And those of one type whose names differ in spelling alone.
    """
    before = {field.name: field for field in old}
    after = {field.name: field for field in new}
    lost = [field for field in old if field.name not in after]
    for field in new:
        twin = before.get(field.name)
        if twin is None:
            twin = next((other for other in lost if _same_number(other, field)), None)
            twin = twin or next((other for other in lost if _same_word(other, field)), None)
            if twin is not None:
                lost.remove(twin)
        if twin is None or field_text(twin) != field_text(field):
            yield twin, field
    yield from ((field, None) for field in lost)


def _same_number(old: Field, new: Field) -> bool:
    return old.number == new.number and (
        (old.type, old.key) == (new.type, new.key) or {_cpp(old), _cpp(new)} <= _INTEGERS
    )


def _same_word(old: Field, new: Field) -> bool:
    return old.type == new.type and _plain(old.name) == _plain(new.name)


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _cpp(field: Field) -> str:
    return _CPP.get(field.type, field.type)


def field_effect(old: Field | None, new: Field | None, *, made: bool) -> Effect:
    """What it does to code that uses the field, or that fills in the message."""
    if new is None:
        return Effect.NEEDS_GUARD
    must_set = made and new.label == "required"
    if old is None:
        return Effect.NEEDS_GUARD if must_set else Effect.ADDITIVE
    if old.name != new.name or _accessors(old) != _accessors(new):
        return Effect.NEEDS_GUARD
    return Effect.NEEDS_GUARD if must_set and old.label != "required" else Effect.NOTICE


def _accessors(field: Field) -> tuple[str | None, ...]:
    """What decides how C++ reads and sets a field."""
    shape = field.label if field.label in ("repeated", "map") else "single"
    return (shape, _cpp(field), field.key)


def _what(old: Field | EnumValue | None, new: Field | EnumValue | None) -> What:
    if old is None or new is None:
        return What.of(old, new)
    if old.name != new.name:
        return What.RENAMED
    only_number = old.number != new.number and _but_number(old) == _but_number(new)
    return What.RENUMBERED if only_number else What.CHANGED


def _but_number(row: Field | EnumValue) -> str:
    text = field_text(row) if isinstance(row, Field) else value_text(row)
    return text.replace(f" = {row.number}", "", 1)


def _pair_values(
    old: Sequence[EnumValue], new: Sequence[EnumValue]
) -> Iterator[tuple[EnumValue | None, EnumValue | None]]:
    """The values that differ, by name, or by number where a name has gone."""
    before = {value.name: value for value in old}
    after = {value.name for value in new}
    lost = {value.number: value for value in old if value.name not in after}
    for value in new:
        twin = before.get(value.name) or lost.pop(value.number, None)
        if twin is None or value_text(twin) != value_text(value):
            yield twin, value
    yield from ((value, None) for value in lost.values())


def _moved(
    span: Span, category: Category, name: str, rows: tuple[Declaration, ...]
) -> Iterator[Change]:
    """To another .proto file or package. A nested type goes where the one around it goes."""
    if "." in name:
        return
    [old], [new] = span.before(rows), span.after(rows)
    facts: tuple[tuple[str, Callable[[Declaration], str]], ...] = (
        ("file", lambda row: row.proto),
        ("package", lambda row: row.package),
    )
    for aspect, fact in facts:
        if fact(old) != fact(new):
            yield Change(
                category=category,
                subject=name,
                aspect=aspect,
                what=What.MOVED,
                effect=Effect.NEEDS_GUARD,
                before=fact(old),
                after=fact(new),
                since=span.begun(rows, fact, new),
            )
