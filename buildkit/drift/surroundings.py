"""Changes around a module's interfaces: kinds, version macros, loader, libraries, files. Pure."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeVar

from buildkit.drift.model import Category, Change, Effect, What
from buildkit.drift.rows import Span, pairs
from buildkit.interfaces import InterfaceTable, Row
from buildkit.interfaces.rows import Bundled, Feature, Includes, Kind, Layout, Macro, Proto, Rule

R = TypeVar("R", bound=Row)


def kind_changes(span: Span, name: str, kinds: Iterable[Kind]) -> Iterator[Change]:
    """The module kind itself: whether the release has it, its ``Module<T>``, the header of that."""
    rows = [row for row in kinds if row.kind == name]
    old, new = span.before(rows), span.after(rows)
    if old and new:
        yield from _fact(span, rows, "type", name, lambda row: f"Module<{row.type}>")
        yield from _fact(span, rows, "header", name, _module_header)
    elif old or new:
        yield Change(
            category=Category.KIND,
            subject=name,
            what=What.ADDED if new else What.REMOVED,
            effect=Effect.ADDITIVE if new else Effect.NEEDS_GUARD,
            before=_kind_text(old[0]) if old else None,
            after=_kind_text(new[0]) if new else None,
            since=span.came(rows) if new else span.gone(rows),
            note="" if (new or old)[0].loadable else "the release's loader refuses it",
        )


def release_changes(table: InterfaceTable, span: Span) -> Iterator[Change]:
    """What concerns every module, whatever its kind."""
    needed = set(table.isolator_protos(span.older))
    protos = [row for row in table.proto_rows if row.proto in needed]
    others = [row for row in table.proto_rows if row.proto not in needed]
    guard, notice = Effect.NEEDS_GUARD, Effect.NOTICE
    yield from _listed(span, Category.MACRO, table.macro_rows, _macro, guard)
    yield from _listed(span, Category.SUPPORT, table.feature_rows, _feature, guard)
    yield from _listed(span, Category.PROTO, protos, _proto, guard)
    yield from _listed(span, Category.PROTO, others, _proto, notice)
    yield from _listed(span, Category.LOADER, table.loader.rules, _rule, notice)
    yield from _listed(span, Category.COMPILER, table.compiler, _rule, notice)
    yield from _listed(span, Category.BUNDLED, table.bundled_rows, _bundled, notice)
    yield from _listed(span, Category.LAYOUT, table.layout, _layout, notice)


def _macro(row: Macro) -> tuple[str, str]:
    return row.name, row.kind


def _feature(row: Feature) -> tuple[str, str]:
    return row.name, row.meaning


def _proto(row: Proto) -> tuple[str, str]:
    name = row.proto.removeprefix("include/")
    return name, name


def _rule(row: Rule) -> tuple[str, str]:
    return row.about, row.rule


def _bundled(row: Bundled) -> tuple[str, str]:
    return row.name, row.version


def _layout(row: Layout) -> tuple[str, str]:
    return row.what, ", ".join(row.paths)


def _listed(
    span: Span,
    category: Category,
    rows: Iterable[R],
    told: Callable[[R], tuple[str, str]],
    effect: Effect,
) -> Iterator[Change]:
    """Rows of a list of named things; ``told`` gives a row's name and text.

    ``effect`` is that of a change or removal. What is new is additive where a lack of it is felt.
    """
    there = list(rows)
    old = {told(row)[0]: row for row in span.before(there)}
    new = {told(row)[0]: row for row in span.after(there)}
    for subject, former, row in pairs(old, new):
        before = told(former)[1] if former else None
        after = told(row)[1] if row else None
        if before == after:
            continue
        alike = [other for other in there if told(other)[0] == subject]
        added = Effect.ADDITIVE if category in _WANTED else Effect.NOTICE
        yield Change(
            category=category,
            subject=subject,
            what=What.of(before, after),
            effect=added if before is None else effect,
            before=before,
            after=after,
            since=span.begun(alike, told, row) if row else span.gone(alike),
        )


_WANTED = frozenset({Category.MACRO, Category.SUPPORT, Category.PROTO})


def include_changes(
    table: InterfaceTable, span: Span, interface: str, header: str
) -> Iterator[Change]:
    """What a header no longer includes: code that had it from there has to include it itself."""
    rows = [row for row in table.include_rows if row.header == header]
    old, new = span.before(rows), span.after(rows)
    if not old or not new:
        return
    for include in old[0].includes:
        if include not in new[0].includes:
            yield Change(
                category=Category.INTERFACE,
                subject=interface,
                aspect="include",
                item=include,
                what=What.REMOVED,
                effect=Effect.NOTICE,
                before=f"#include {include} in {header}",
                since=span.begun(rows, partial(_lists, include), new[0]),
                note="code that relied on it has to include it itself",
            )


def _fact(
    span: Span, rows: list[Kind], aspect: str, kind: str, fact: Callable[[Kind], str]
) -> Iterator[Change]:
    [old], [new] = span.before(rows), span.after(rows)
    if fact(old) != fact(new):
        yield Change(
            category=Category.KIND,
            subject=kind,
            aspect=aspect,
            what=What.MOVED if aspect == "header" else What.CHANGED,
            effect=Effect.NEEDS_GUARD,
            before=fact(old),
            after=fact(new),
            since=span.begun(rows, fact, new),
        )


def _lists(include: str, row: Includes) -> bool:
    return include in row.includes


def _module_header(row: Kind) -> str:
    if row.header.startswith("include/"):
        return f"<{row.header.removeprefix('include/')}>"
    return f"{row.header} (not installed)"


def _kind_text(row: Kind) -> str:
    return f"Module<{row.type}>, {_module_header(row)}"
