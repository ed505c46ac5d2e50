"""Changes of C++ interfaces: the class, where it is, and its methods. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from buildkit.drift.model import Category, Change, Effect, What
from buildkit.drift.reach import implemented
from buildkit.drift.rows import Span, pairs, told
from buildkit.drift.structs import header_text, moves
from buildkit.interfaces import InterfaceTable, Location, Method


@dataclass(frozen=True, kw_only=True)
class Classes:
    """Compares interfaces in two releases."""

    table: InterfaceTable
    span: Span
    called: frozenset[str]
    """Interfaces that an author calls; any other one is implemented."""

    def changes(self, interface: str) -> Iterator[Change]:
        """All changes of one interface."""
        old_key = implemented(self.table, interface, self.span.older)
        new_key = implemented(self.table, interface, self.span.newer)
        old = self.table.location(old_key, self.span.older)
        new = self.table.location(new_key, self.span.newer)
        if old and new:
            if old_key != new_key:
                yield from self._renamed(interface, old_key, old, new)
            elif old.base != new.base:
                yield self._rebased(interface, old, new)
            yield from moves(
                self.span, Category.INTERFACE, interface, self.table.interfaces[interface].locations
            )
            yield from self._methods(interface, old_key, new_key)
        elif old or new:
            yield self._presence(interface, old, new)

    def _presence(self, interface: str, old: Location | None, new: Location | None) -> Change:
        rows = self.table.interfaces[interface].locations
        return Change(
            category=Category.INTERFACE,
            subject=interface,
            what=What.of(old, new),
            effect=Effect.ADDITIVE if new else Effect.NEEDS_GUARD,
            before=told(_class_text, old),
            after=told(_class_text, new),
            since=self.span.came(rows) if new else self.span.gone(rows),
        )

    def _renamed(
        self, interface: str, process: str, old: Location, new: Location
    ) -> Iterator[Change]:
        """The class to derive from was a libprocess process, wrapped in a facade."""
        facade = self.table.location(interface, self.span.older)
        wrapper = facade.qualified if facade else interface
        facts = (
            ("class", What.RENAMED, old.qualified, new.qualified, "the class to derive from"),
            ("base", What.CHANGED, old.base or "none", new.base or "none", "its base class"),
            (
                "create",
                What.CHANGED,
                f"new {wrapper}(process::Owned<{process}>(new ...)), a facade",
                "new ..., the module's class itself",
                "what the module's create() returns",
            ),
        )
        for aspect, what, before, after, note in facts:
            yield Change(
                category=Category.INTERFACE,
                subject=interface,
                aspect=aspect,
                what=what,
                effect=Effect.NEEDS_GUARD,
                before=before,
                after=after,
                was=process if what is What.RENAMED else None,
                since=self.span.gone(self.table.interfaces[process].locations),
                note=note,
            )

    def _rebased(self, interface: str, old: Location, new: Location) -> Change:
        rows = self.table.interfaces[interface].locations
        return Change(
            category=Category.INTERFACE,
            subject=interface,
            aspect="base",
            what=What.CHANGED,
            effect=Effect.NEEDS_GUARD,
            before=old.base or "none",
            after=new.base or "none",
            since=self.span.begun(rows, lambda row: row.base, new),
            note="its base class",
        )

    def _methods(self, interface: str, old_key: str, new_key: str) -> Iterator[Change]:
        old = _by_name(self.table.methods(old_key, self.span.older))
        new = _by_name(self.table.methods(new_key, self.span.newer))
        rows = self.table.interfaces[new_key].methods
        former = self.table.interfaces[old_key].methods if old_key != new_key else ()
        effect = called_effect if interface in self.called else implemented_effect
        for name, before, after in pairs(old, new):
            for one, other in pair(before or [], after or []):
                yield Change(
                    category=Category.INTERFACE,
                    subject=interface,
                    aspect="method"
                    if any(m and m.returns for m in (one, other))
                    else "constructor",
                    item=name,
                    what=What.of(one, other),
                    effect=effect(one, other),
                    before=told(declaration, one),
                    after=told(declaration, other),
                    since=self.span.begun(rows, _shape, other)
                    if other
                    else self.span.gone(_like((*former, *rows), one)),
                )


def declaration(method: Method) -> str:
    """The declaration as it stands in the class, with ``virtual``, ``= 0`` and inline body."""
    head = {"pure": "virtual ", "virtual": "virtual ", "static": "static ", "nonvirtual": ""}
    tail = " = 0" if method.kind == "pure" else ""
    if method.body is not None and method.is_virtual:
        tail = f" {method.body}" if method.body.startswith("=") else f" {{ {method.body} }}"
        tail = tail.replace("{  }", "{}")
    access = "protected: " if method.access == "protected" else ""
    return f"{access}{head[method.kind]}{method.declaration}{tail}"


def pair(
    old: Sequence[Method], new: Sequence[Method]
) -> Iterator[tuple[Method | None, Method | None]]:
    """The overloads of one name that differ: each with what it has become, as far as can be seen.

    Those of equal signature belong together; the rest do in their order, and what is left over has
    come or gone.
    """
    before, after = list(old), list(new)
    for method in old:
        twin = next((other for other in after if other.signature == method.signature), None)
        if twin is not None:
            before.remove(method)
            after.remove(twin)
            if _shape(method) != _shape(twin):
                yield method, twin
    common = min(len(before), len(after))
    yield from zip(before[:common], after[:common], strict=True)
    yield from ((method, None) for method in before[common:])
    yield from ((None, method) for method in after[common:])


def implemented_effect(old: Method | None, new: Method | None) -> Effect:
    """What it does to a class that overrides the method."""
    if old is None:
        return Effect.NEEDS_GUARD if new and new.kind == "pure" else Effect.ADDITIVE
    if not old.is_virtual:
        return called_effect(old, new)
    if new is None or not new.is_virtual:
        return Effect.DIES_SILENTLY
    if old.signature != new.signature:
        # A pure method that is left unimplemented is an error; one with a body takes over.
        return Effect.NEEDS_GUARD if new.kind == "pure" else Effect.DIES_SILENTLY
    if old.returns != new.returns or (old.kind, new.kind) == ("virtual", "pure"):
        return Effect.NEEDS_GUARD
    return Effect.NOTICE if old.kind == new.kind else Effect.ADDITIVE


def called_effect(old: Method | None, new: Method | None) -> Effect:
    """What it does to code that calls the method."""
    if old is None:
        return Effect.ADDITIVE
    if new is None or (new.access == "protected" and old.access == "public"):
        return Effect.NEEDS_GUARD
    types = [parameter.type for parameter in old.parameters]
    more = new.parameters[len(types) :]
    fits = types == [parameter.type for parameter in new.parameters[: len(types)]]
    lost_default = any(
        mine.default is not None and other.default is None
        for mine, other in zip(old.parameters, new.parameters, strict=False)
    )
    if not fits or lost_default or old.returns != new.returns or old.const > new.const:
        return Effect.NEEDS_GUARD
    if any(parameter.default is None for parameter in more):
        return Effect.NEEDS_GUARD
    return Effect.ADDITIVE if more else Effect.NOTICE


def _shape(method: Method) -> tuple[object, ...]:
    """What of a method is its interface: all but the parameters' names."""
    defaults = tuple(parameter.default for parameter in method.parameters)
    return (method.signature, method.returns, method.kind, method.access, method.body, defaults)


def _by_name(methods: Sequence[Method]) -> dict[str, list[Method]]:
    found: dict[str, list[Method]] = {}
    for method in methods:
        if not method.is_destructor:
            found.setdefault(method.name, []).append(method)
    return found


def _returns(method: Method | None) -> str:
    return method.returns if method else ""


def _like(rows: Iterable[Method], method: Method | None) -> Iterator[Method]:
    return (row for row in rows if method and row.signature == method.signature)


def _class_text(location: Location) -> str:
    return f"class {location.qualified}, {header_text(location)}"
