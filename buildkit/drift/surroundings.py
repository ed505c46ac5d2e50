"""Changes around a module's interfaces: kinds, version macros, loader, libraries, files. Pure."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeVar

from buildkit.drift.model import Category, Change, Effect, What
from buildkit.drift.rows import Span, pairs, told
from buildkit.interfaces import InterfaceTable, Row
from buildkit.interfaces.rows import Includes, Kind, Proto

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
    yield from _listed(
        span, Category.MACRO, table.macro_rows, lambda row: row.name, lambda row: row.kind
    )
    yield from _listed(
        span, Category.SUPPORT, table.feature_rows, lambda row: row.name, lambda row: row.meaning
    )
    yield from _listed(span, Category.PROTO, table.proto_rows, _proto, _proto)
    for category, rows in (
        (Category.LOADER, table.loader.rules),
        (Category.COMPILER, table.compiler),
    ):
        yield from _listed(
            span, category, rows, lambda row: row.about, lambda row: row.rule, Effect.NOTICE
        )
    yield from _listed(
        span,
        Category.BUNDLED,
        table.bundled_rows,
        lambda row: row.name,
        lambda row: row.version,
        Effect.NOTICE,
    )
    yield from _listed(
        span,
        Category.LAYOUT,
        table.layout,
        lambda row: row.what,
        lambda row: ", ".join(row.paths),
        Effect.NOTICE,
    )


def include_changes(table: InterfaceTable, span: Span, header: str) -> Iterator[Change]:
    """What a header no longer includes: code that had it from there has to include it itself."""
    rows = [row for row in table.include_rows if row.header == header]
    old, new = span.before(rows), span.after(rows)
    if not old or not new:
        return
    for include in old[0].includes:
        if include not in new[0].includes:
            yield Change(
                category=Category.INTERFACE,
                subject=header.removeprefix("include/"),
                aspect="include",
                item=include,
                what=What.REMOVED,
                effect=Effect.NOTICE,
                before=f"#include {include}",
                since=span.begun(rows, partial(_lists, include), new[0]),
                note="code that relies on it includes it itself, for any release",
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


def _listed(  # noqa: PLR0913, PLR0917
    span: Span,
    category: Category,
    rows: Iterable[R],
    name: Callable[[R], str],
    text: Callable[[R], str],
    effect: Effect | None = None,
) -> Iterator[Change]:
    """Rows of a list of named things. ``effect`` is that of any change; None: it decides."""
    there = list(rows)
    old = {name(row): row for row in span.before(there)}
    new = {name(row): row for row in span.after(there)}
    for subject, before, after in pairs(old, new):
        if before and after and text(before) == text(after):
            continue
        alike = [row for row in there if name(row) == subject]
        yield Change(
            category=category,
            subject=subject,
            what=What.of(before, after),
            effect=effect or (Effect.NEEDS_GUARD if before else Effect.ADDITIVE),
            before=told(text, before),
            after=told(text, after),
            since=span.begun(alike, text, after) if after else span.gone(alike),
        )


def _lists(include: str, row: Includes) -> bool:
    return include in row.includes


def _proto(row: Proto) -> str:
    return row.proto.removeprefix("include/")


def _module_header(row: Kind) -> str:
    if row.header.startswith("include/"):
        return f"<{row.header.removeprefix('include/')}>"
    return f"{row.header} (not installed)"


def _kind_text(row: Kind) -> str:
    return f"Module<{row.type}>, {_module_header(row)}"
