"""Where a variant of the module contradicts itself, whatever the release offers. Pure.

That is what a guard with a wrong bound mostly comes to: a declaration here and a definition there
that no longer fit, or a name that only other releases declare. What no variant declares is left
alone; it comes from some header.
"""

from collections.abc import Iterator, Sequence

from buildkit.uses.classes import own_method
from buildkit.uses.demands import Contradiction, OwnMethod
from buildkit.uses.extraction import Extract, UnknownName
from buildkit.uses.matching import Matching
from buildkit.uses.names import Declared, Names
from buildkit.uses.syntax import Class, Function


class Contradictions:
    """Finds them. It knows all variants of a module, because one is judged by the others.

    ``complete`` says whether the sources are all that the library is made of, and could be read.
    """

    def __init__(
        self, variants: Sequence[tuple[Names, Extract]], matching: Matching, *, complete: bool
    ) -> None:
        self._matching = matching
        self._complete = complete
        self._simple = frozenset().union(*(names.simple for names, _ in variants))
        self._locals: dict[str, frozenset[str]] = {}
        self._defined: dict[str, list[OwnMethod]] = {}
        for names, extract in variants:
            for function, declared in extract.locals.items():
                self._locals[function] = self._locals.get(function, frozenset()) | declared
            for name, many in names.declared.items():
                defined = [_definition(names, d) for d in many if _is_outside(d)]
                if defined:
                    self._defined.setdefault(name, []).extend(defined)

    def find(self, names: Names, extract: Extract) -> Iterator[Contradiction]:
        """Those of one variant."""
        for unknown in extract.unknown:
            if self._is_declared_elsewhere(names, extract, unknown):
                yield Contradiction(
                    place=unknown.place,
                    problem=f"{unknown.name!r} is declared for other releases only",
                )
        for name, many in names.declared.items():
            yield from self._members(names, name, many)

    def _is_declared_elsewhere(self, names: Names, extract: Extract, unknown: UnknownName) -> bool:
        key = f"{unknown.scope.path}:{unknown.function}"
        if unknown.name in extract.locals.get(key, ()):
            return False
        if unknown.name in self._locals.get(key, ()):
            return True
        # A header of Mesos may well have it where the module has to declare its own.
        return unknown.name in self._simple and not names.has_foreign_lookup(unknown.scope)

    def _members(
        self, names: Names, name: str, many: Sequence[Declared]
    ) -> Iterator[Contradiction]:
        """Of the methods of one name: declared without a definition, or the other way about."""
        owner = names.own_class(name.rpartition("::")[0])
        if owner is None or not isinstance(owner.node, Class) or owner.node.template:
            return
        methods = [d for d in many if isinstance(d.node, Function) and not d.node.template]
        inside = [d for d in methods if not _is_outside(d)]
        definitions = [_definition(names, d) for d in methods if _is_outside(d)]
        declared = [own_method(names, d) for d in inside]
        for mine in definitions:
            if not any(self._same(mine, other) for other in declared):
                yield Contradiction(
                    place=mine.place,
                    problem=f"{mine.text} is defined, but class {owner.node.name} does not "
                    "declare it",
                )
        for row, one in zip(declared, inside, strict=True):
            if isinstance(one.node, Function) and not (one.node.defined or one.node.pure):
                yield from self._undefined(names, owner.node, row, definitions)

    def _undefined(
        self, names: Names, owner: Class, row: OwnMethod, definitions: Sequence[OwnMethod]
    ) -> Iterator[Contradiction]:
        """A method that is declared, if that it has no definition cannot be meant to be so."""
        name = f"{row.owner}::{row.name}"
        elsewhere = any(self._same(row, other) for other in self._defined.get(name, ()))
        # What is virtual needs one even if nobody calls it. Of a class none of whose methods is
        # defined here, the file may be one that is not read.
        needed = self._complete and row.virtual and self._defines_any(names, row.owner, owner)
        if (elsewhere or needed) and not any(self._same(row, other) for other in definitions):
            yield Contradiction(
                place=row.place, problem=f"{row.text} is declared, but defined nowhere"
            )

    def _defines_any(self, names: Names, name: str, owner: Class) -> bool:
        methods = {m.name for m in owner.members if isinstance(m, Function)}
        return any(_is_outside(d) for method in methods for d in names.own(f"{name}::{method}"))

    def _same(self, one: OwnMethod, other: OwnMethod) -> bool:
        return (
            one.const == other.const
            and len(one.parameters) == len(other.parameters)
            and all(
                self._matching.same(mine, theirs, parameter=True)
                for mine, theirs in zip(one.parameters, other.parameters, strict=True)
            )
        )


def _definition(names: Names, declared: Declared) -> OwnMethod:
    """A method defined outside its class; what its types mean is looked up in the class."""
    owner = declared.node.name.rpartition("::")[0]
    return own_method(names, Declared(scope=declared.scope.inside(owner), node=declared.node))


def _is_outside(declared: Declared) -> bool:
    """Whether it is a function that is defined outside its class."""
    return isinstance(declared.node, Function) and "::" in declared.node.name
