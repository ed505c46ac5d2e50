"""Changes within plain C++ structs that both releases have, and places of classes. Pure."""

from collections.abc import Iterable, Iterator
from functools import partial

from buildkit.drift.model import Category, Change, Effect, What
from buildkit.drift.rows import Span, pairs, told
from buildkit.interfaces import Location
from buildkit.interfaces.rows import Constructor, Member, Struct


def struct_changes(span: Span, name: str, struct: Struct) -> Iterator[Change]:
    """Changes of a struct."""
    # A nested one goes where the class around it goes.
    if "." not in name:
        yield from moves(span, Category.STRUCT, name, struct.locations)
    yield from _members(span, name, struct.fields)
    yield from _constructors(span, name, struct.constructors)


def moves(
    span: Span, category: Category, name: str, rows: tuple[Location, ...]
) -> Iterator[Change]:
    """To another namespace or header."""
    [old], [new] = span.before(rows), span.after(rows)
    if old.namespace != new.namespace:
        yield Change(
            category=category,
            subject=name,
            aspect="namespace",
            what=What.MOVED,
            effect=Effect.NEEDS_GUARD,
            before=old.namespace,
            after=new.namespace,
            since=span.begun(rows, lambda row: row.namespace, new),
        )
    if old.header != new.header:
        yield Change(
            category=category,
            subject=name,
            aspect="header",
            what=What.MOVED,
            effect=Effect.NEEDS_GUARD,
            before=header_text(old),
            after=header_text(new),
            since=span.begun(rows, lambda row: row.header, new),
        )


def header_text(location: Location) -> str:
    """What to include; for a header that is not installed, where it lies in the sources."""
    if location.include is None:
        return f"{location.header} (not installed)"
    return f"<{location.include}>"


def member_text(member: Member) -> str:
    """A data member as C++ has it."""
    return f"{member.type} {member.name}"


def _members(span: Span, name: str, rows: tuple[Member, ...]) -> Iterator[Change]:
    old = {row.name: row for row in span.before(rows)}
    new = {row.name: row for row in span.after(rows)}
    for item, before, after in pairs(old, new):
        if before and after and before.type == after.type:
            continue
        yield Change(
            category=Category.STRUCT,
            subject=name,
            aspect="member",
            item=item,
            what=What.of(before, after),
            effect=Effect.NEEDS_GUARD if before else Effect.ADDITIVE,
            before=told(member_text, before),
            after=told(member_text, after),
            since=span.begun(rows, member_text, after)
            if after
            else span.gone(row for row in rows if row.name == item),
        )


def _constructors(span: Span, name: str, rows: tuple[Constructor, ...]) -> Iterator[Change]:
    """Constructors have no names: the one before and the one after are shown as one change."""
    old = {_types(row): row for row in span.before(rows)}
    new = {_types(row): row for row in span.after(rows)}
    lost = [row for types, row in old.items() if types not in new]
    come = [row for types, row in new.items() if types not in old]
    short = name.rpartition(".")[2]
    text = partial(_constructor_text, short)
    for index in range(max(len(lost), len(come))):
        before = lost[index] if index < len(lost) else None
        after = come[index] if index < len(come) else None
        yield Change(
            category=Category.STRUCT,
            subject=name,
            aspect="constructor",
            item=short,
            what=What.of(before, after),
            effect=Effect.NEEDS_GUARD if before else Effect.ADDITIVE,
            before=told(text, before),
            after=told(text, after),
            since=span.begun(rows, _types, after) if after else span.gone(_like(rows, before)),
        )


def _like(rows: Iterable[Constructor], row: Constructor | None) -> Iterator[Constructor]:
    return (other for other in rows if row and _types(other) == _types(row))


def _types(constructor: Constructor) -> tuple[str, ...]:
    return tuple(parameter.type for parameter in constructor.parameters)


def _constructor_text(name: str, constructor: Constructor) -> str:
    return f"{name}({', '.join(map(str, constructor.parameters))})"
