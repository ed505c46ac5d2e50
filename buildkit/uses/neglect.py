"""What a release passes or offers, and the module does not heed: it compiles, something is lost.

Each rule asks only for what some releases of the selection have and others do not, and what the
module takes up, or could do without, in the others. Pure.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from buildkit.findings import Place
from buildkit.interfaces import Field, Method
from buildkit.releases import Release
from buildkit.uses.catalogue import Catalogue
from buildkit.uses.demands import Access, Derivation, LooseAccess
from buildkit.uses.matching import Matching
from buildkit.uses.module import Uses


class Heedless(StrEnum):
    """What is not heeded."""

    PARAMETER = "parameter"
    """A parameter that only some releases pass is named and never read."""
    TAG = "tag"
    """One member of what has become a tagged union is read, and the tag is not."""
    OPTIONAL = "optional"
    """A field is read as if it were still required; another has taken over what it ensured."""
    CAPABILITY = "capability"
    """Something the module asked earlier releases for is asked for elsewhere now, and it is not."""


@dataclass(frozen=True, kw_only=True)
class Neglect:
    """One such thing. Those of several releases compare equal."""

    what: Heedless
    place: Place
    problem: str
    """Without the releases."""
    advice: str


@dataclass(frozen=True, kw_only=True)
class _Union:
    """A message with a field ``type`` whose values are the names of other fields."""

    tag: Field
    older: frozenset[str]
    """The fields that were there before the tag, and read without asking."""
    newer: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class _Index:
    """The accesses of a module, as some releases compile it."""

    reads: tuple[tuple[str, Field, Access], ...]
    """Message, field that is read, and the first access of that name."""
    called: Mapping[str, frozenset[str]]
    """By message, the names of all accessors that are called."""
    loose: frozenset[str]
    """Those that are called on something of an unknown type."""


class Neglects:
    """Looks for them in a module."""

    def __init__(self, catalogue: Catalogue, uses: Sequence[Uses]) -> None:
        self._catalogue = catalogue
        self._matching = Matching(catalogue)
        self._uses = uses
        self._of = {release: one for one in uses for release in one.releases}
        self._releases = sorted(self._of)
        self._indices: dict[int, _Index] = {}
        self._used: dict[tuple[int, str], Place | None] = {}
        self._partial: dict[tuple[str, Method, int], bool] = {}

    def find(self) -> dict[Neglect, tuple[Release, ...]]:
        """Each with the releases that it concerns."""
        found: dict[Neglect, dict[Release, None]] = {}
        for release in self._releases:
            one = self._of[release]
            for neglect in (
                *self._unread(one, release),
                *self._tags(one, release),
                *self._optional(one, release),
                *self._lost(one, release),
            ):
                found.setdefault(neglect, {})[release] = None
        return {neglect: tuple(releases) for neglect, releases in found.items()}

    # --- parameters

    def _unread(self, one: Uses, release: Release) -> Iterator[Neglect]:
        if not one.unread:
            return
        for demand in one.demands:
            if not isinstance(demand, Derivation):
                continue
            key = self._catalogue.interface(demand.interface) or ""
            rows = self._catalogue.virtuals(key, release)
            for own in demand.methods:
                for unread in one.unread:
                    if unread.function != f"{own.owner}::{own.name}":
                        continue
                    row = next(
                        (r for r in rows if self._matching.overrides(own, r, demand.interface)),
                        None,
                    )
                    if (
                        row is not None
                        and len(row.parameters) == unread.parameters
                        and self._is_partial(key, row, unread.index)
                    ):
                        yield Neglect(
                            what=Heedless.PARAMETER,
                            place=unread.place,
                            problem=(
                                f"{own.name}() names {unread.name!r} and never reads it, though "
                                "these releases pass it and others don't"
                            ),
                            advice="read it in these releases, or leave out the parameter's name",
                        )

    def _is_partial(self, interface: str, row: Method, index: int) -> bool:
        """Whether some selected release has the method without this parameter."""
        key = (interface, row, index)
        if key not in self._partial:
            self._partial[key] = any(
                self._lacks(interface, row, index, release) for release in self._releases
            )
        return self._partial[key]

    def _lacks(self, interface: str, row: Method, index: int, release: Release) -> bool:
        table = self._catalogue.table
        here = [
            method
            for key in self._catalogue.family(interface)
            for method in table.methods(key, release)
            if method.name == row.name
        ]
        parameter = row.parameters[index]
        count = Counter(p.type for p in row.parameters)[parameter.type]
        return bool(here) and all(
            # A parameter of another name may be the same one.
            all(p.name != parameter.name for p in method.parameters)
            and sum(p.type == parameter.type for p in method.parameters) < count
            for method in here
        )

    # --- messages

    def _read(self, one: Uses, release: Release) -> dict[str, dict[str, Access]]:
        """The fields that are read, by message: each with the first access."""
        found: dict[str, dict[str, Access]] = {}
        for key, field, demand in self._index(one).reads:
            if field.holds(release):
                found.setdefault(key, {}).setdefault(field.name, demand)
        return found

    def _touched(self, one: Uses, message: str, names: AbstractSet[str]) -> bool:
        """Whether any accessor of one of these fields is called, whatever on."""
        every = self._catalogue.accessors[message]
        index = self._index(one)
        called = index.loose | index.called.get(message, frozenset())
        return any(a.field.name in names for name in called for a in every.get(name, ()))

    def _index(self, one: Uses) -> "_Index":
        """What all releases that compile this have in common, found once."""
        if id(one) not in self._indices:
            self._indices[id(one)] = self._make_index(one)
        return self._indices[id(one)]

    def _make_index(self, one: Uses) -> "_Index":
        firsts: dict[tuple[str, str], Access] = {}
        loose = set()
        for demand in one.demands:
            match demand:
                case LooseAccess():
                    loose.add(demand.accessor)
                case Access():
                    key = self._catalogue.message(demand.message)
                    if key is not None:
                        firsts.setdefault((key, demand.accessor), demand)
                case _:
                    pass
        called: dict[str, set[str]] = {}
        for key, accessor in firsts:
            called.setdefault(key, set()).add(accessor)
        return _Index(
            reads=tuple(
                (key, accessor.field, demand)
                for (key, name), demand in firsts.items()
                for accessor in self._catalogue.accessors[key].get(name, ())
                if accessor.name == accessor.field.name.lower()
            ),
            called={key: frozenset(names) for key, names in called.items()},
            loose=frozenset(loose),
        )

    @cached_property
    def _unions(self) -> dict[str, _Union]:
        """Those that a field which was there before has become part of, by message."""
        table = self._catalogue.table
        found = {}
        for key, message in table.messages.items():
            for tag in message.fields:
                enum = table.enums.get(f"{key}.{tag.type}")
                if tag.name != "type" or enum is None:
                    continue
                values = {value.name.lower() for value in enum.values}
                members = [f for f in message.fields if f.name in values]
                older = frozenset(f.name for f in members if f.since < tag.since)
                newer = frozenset(f.name for f in members) - older
                if older and newer:
                    found[key] = _Union(tag=tag, older=older, newer=newer)
        return found

    def _tags(self, one: Uses, release: Release) -> Iterator[Neglect]:
        for key, read in self._read(one, release).items():
            union = self._unions.get(key)
            # Who knows no release without the tag knows of it.
            if union is None or not self._releases[0] < union.tag.since <= release:
                continue
            if not self._touched(one, key, {union.tag.name, *union.newer}):
                for name in sorted(union.older & read.keys()):
                    yield _untold(read[name], union, name)

    def _optional(self, one: Uses, release: Release) -> Iterator[Neglect]:
        for key, read in self._read(one, release).items():
            fields = self._catalogue.table.messages[key].fields
            for name, access in read.items():
                now = next(f for f in fields if f.name == name and f.holds(release))
                instead = {
                    f.name
                    for f in fields
                    if f.label == "required" and f.since == now.since and f.holds(release)
                }
                if (
                    instead
                    and now.label == "optional"
                    and any(self._requires(f, name, now.since) for f in fields)
                    and not self._touched(one, key, instead)
                    and not self._asks(one, name)
                ):
                    names = " and ".join(sorted(instead))
                    yield Neglect(
                        what=Heedless.OPTIONAL,
                        place=access.place,
                        problem=(
                            f"{access.message} may be without {name} from {now.since} on; what it "
                            f"always has there is {names}"
                        ),
                        advice=f"ask has_{name.lower()}() from {now.since} on; if not, use {names}",
                    )

    def _requires(self, field: Field, name: str, before: Release) -> bool:
        """Whether it is the field as some selected release before that one requires it."""
        return (
            field.name == name
            and field.label == "required"
            and any(field.holds(r) for r in self._releases if r < before)
        )

    def _asks(self, one: Uses, name: str) -> bool:
        """Whether the module asks for the field's presence, be it of another message."""
        asking = f"has_{name.lower()}"
        return any(
            isinstance(d, Access | LooseAccess) and d.accessor == asking for d in one.demands
        )

    # --- capabilities

    def _lost(self, one: Uses, release: Release) -> Iterator[Neglect]:
        if not any(isinstance(demand, Derivation) for demand in one.demands):
            return
        for succession in self._catalogue.table.successions:
            here = [s for s in succession.places if self._offers(s, release)]
            # Of one that is not offered any more it is said that the release lacks it.
            if not here or any(self._use(s, one) for s in succession.places):
                continue
            for earlier in reversed([r for r in self._releases if r < release]):
                used = [
                    (s, place)
                    for s in succession.places
                    if self._offers(s, earlier) and (place := self._use(s, self._of[earlier]))
                ]
                if used:
                    old, place = used[-1]
                    yield Neglect(
                        what=Heedless.CAPABILITY,
                        place=place,
                        problem=(
                            f"{succession.what} is asked for by {old} up to {earlier}, and not at "
                            f"all here, where {' or '.join(here)} would do it"
                        ),
                        advice=f"use {' or '.join(here)} in these releases",
                    )
                    break

    def _offers(self, place: str, release: Release) -> bool:
        owner, name, method = split(place)
        table = self._catalogue.table
        if method:
            return any(
                m.name == name
                for key in self._catalogue.family(owner)
                for m in table.methods(key, release)
            )
        return any(f.name == name and f.holds(release) for f in table.messages[owner].fields)

    def _use(self, place: str, one: Uses) -> Place | None:
        """Where the module overrides the method, or has to do with the field."""
        key = (id(one), place)
        if key not in self._used:
            self._used[key] = self._find_use(place, one)
        return self._used[key]

    def _find_use(self, place: str, one: Uses) -> Place | None:
        owner, name, method = split(place)
        for demand in one.demands:
            match demand:
                case Derivation() if method:
                    key = self._catalogue.interface(demand.interface) or ""
                    if owner in self._catalogue.family(key):
                        for own in demand.methods:
                            if own.name == name:
                                return own.place
                case Access() if not method:
                    if self._catalogue.message(demand.message) == owner and any(
                        a.field.name == name
                        for a in self._catalogue.accessors[owner].get(demand.accessor, ())
                    ):
                        return demand.place
                case _:
                    pass
        return None


def _untold(access: Access, union: _Union, name: str) -> Neglect:
    others = " or ".join(sorted(union.newer))
    asking = " or ".join(f"has_{other}()" for other in sorted(union.newer))
    return Neglect(
        what=Heedless.TAG,
        place=access.place,
        problem=(
            f"from {union.tag.since} on {access.message} has {name} or else {others}, as its type "
            f"says; this reads {name} without asking"
        ),
        advice=f"ask type() or {asking} from {union.tag.since} on",
    )


def split(place: str) -> tuple[str, str, bool]:
    """Owner, name, and whether it is a method, of ``Owner.name()`` or ``Message.field``."""
    owner, _, name = place.rpartition(".")
    return owner, name.removesuffix("()"), name.endswith("()")
