"""Whether one release meets one demand, by the interface table; and if not, what comes of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from buildkit.findings import Place
from buildkit.interfaces import Field, Method
from buildkit.releases import Release
from buildkit.uses.catalogue import Catalogue
from buildkit.uses.demands import (
    Access,
    Construction,
    Contradiction,
    Conversion,
    Demand,
    Derivation,
    Descriptor,
    Header,
    LooseAccess,
    MacroUse,
    MemberAccess,
    MethodCall,
    Named,
    OwnMethod,
    Support,
    asked,
)
from buildkit.uses.matching import Matching


class Consequence(StrEnum):
    """What an unmet demand leads to."""

    BREAKS = "breaks"
    """The compiler or the linker stops."""
    DIES = "dies silently"
    """It compiles, and the agent never calls it."""


@dataclass(frozen=True, kw_only=True)
class Issue:
    """One demand that one release does not meet. Issues of several releases compare equal."""

    place: Place
    consequence: Consequence
    subject: str
    """What it is about: an entity's fully qualified name, a header, a macro; may be empty."""
    item: str
    """The method or field of it, or nothing."""
    problem: str
    """What is wrong, without the releases."""
    truth: str = ""
    """What the release has instead, in C++; a change of it makes another issue."""
    demand: Demand
    method: OwnMethod | None = None
    """Of a class, the method concerned."""


class Judge:
    """Judges demands. Remembers its judgements."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._matching = Matching(catalogue)
        self._held: dict[tuple[object, ...], bool] = {}
        self._existing: dict[tuple[str, Release], bool] = {}

    def issues(self, demand: Demand, release: Release) -> Iterator[Issue]:
        """What is wrong with a demand in a release."""
        match demand:
            case Derivation():
                yield from self._derivation(demand, release)
            case Contradiction():
                yield _issue(demand, "", "", demand.problem)
            case _:
                if not self.holds(demand, release):
                    yield self._unmet(demand, release)

    def holds(self, demand: Demand, release: Release) -> bool:
        """Whether a release meets a demand, or does not have what it is about at all.

        What a missing type could or could not do is not told: that it is missing is.
        """
        key = (release, *asked(demand))
        if key not in self._held:
            self._held[key] = self._holds(demand, release)
        return self._held[key]

    def _holds(self, demand: Demand, release: Release) -> bool:
        match demand:
            case Header() | Named() | Descriptor() | MacroUse() | Support():
                return self._is_there(demand, release)
            case Access() | MemberAccess() | LooseAccess():
                return self._is_accessible(demand, release)
            case MethodCall() | Construction() | Conversion():
                return self._fits(demand, release)
            case Derivation():
                return not any(self._derivation(demand, release))
            case Contradiction():
                return False
        assert_never(demand)

    def _is_there(
        self, demand: Header | Named | Descriptor | MacroUse | Support, release: Release
    ) -> bool:
        catalogue = self._catalogue
        match demand:
            case Header(path=path):
                return any(row.holds(release) for row in catalogue.headers[path])
            case Named(name=name):
                return self.exists(name, release)
            case Descriptor(type=type_):
                return (
                    not self.exists(type_, release)
                    or catalogue.interface(type_) is None
                    or catalogue.kind_of(type_, release) is not None
                )
            case MacroUse(name=name):
                return any(row.name == name for row in catalogue.table.macros(release))
            case Support(feature=feature):
                return feature in catalogue.table.features(release)
        assert_never(demand)

    def _is_accessible(self, demand: Access | MemberAccess | LooseAccess, release: Release) -> bool:
        match demand:
            case Access(message=type_):
                return not self.exists(type_, release) or self._has_accessor(demand, release)
            case MemberAccess(type=type_):
                return not self.exists(type_, release) or self._has_member(demand, release)
            case LooseAccess():
                # The table has not all messages of Mesos: somebody may have it.
                return True
        assert_never(demand)

    def _fits(self, demand: MethodCall | Construction | Conversion, release: Release) -> bool:
        if not self.exists(demand.interface, release):
            return True
        match demand:
            case MethodCall():
                return self._has_method(demand, release)
            case Construction():
                return self._is_constructible(demand, release)
            case Conversion(bases=bases):
                known = bool(bases) and all(self.exists(base, release) for base in bases)
                return not known or demand.interface in bases
        assert_never(demand)

    def exists(self, name: str, release: Release) -> bool:
        """Whether a release has what the table knows by this name."""
        key = (name, release)
        if key not in self._existing:
            entities = self._catalogue.entities.get(name, ())
            self._existing[key] = any(entity.holds(release) for entity in entities)
        return self._existing[key]

    # --- messages and structs

    def _has_accessor(self, demand: Access, release: Release) -> bool:
        if not self._is(demand.message, "message", release):
            # A struct has taken its place; whether it has such a method is not in the table.
            return False
        key = self._catalogue.message(demand.message) or ""
        every = self._catalogue.accessors[key].get(demand.accessor, ())
        return any(a.field.holds(release) and a.takes(demand.arguments) for a in every)

    def _has_member(self, demand: MemberAccess, release: Release) -> bool:
        if self._is(demand.type, "message", release):
            return demand.called
        key = self._catalogue.struct(demand.type)
        members = () if key is None else self._catalogue.table.members(key, release)
        if not members:
            # Not everything about a struct is in the table.
            return True
        known = (
            demand.member in self._catalogue.members
            or demand.member in self._catalogue.accessor_owners
        )
        named = any(member.name == demand.member for member in members)
        return not known or (named and not demand.called)

    def _is(self, name: str, category: str, release: Release) -> bool:
        entities = self._catalogue.entities.get(name, ())
        return any(e.category == category and e.holds(release) for e in entities)

    # --- interfaces

    def _has_method(self, demand: MethodCall, release: Release) -> bool:
        key = self._catalogue.interface(demand.interface) or ""
        keys = [key, *self._base_keys(key, release)]
        table = self._catalogue.table
        if any(m.name == demand.method for k in keys for m in table.methods(k, release)):
            return True
        ever = {m.name for k in keys for m in table.interfaces[k].methods}
        return demand.method not in ever

    def _base_keys(self, key: str, release: Release) -> list[str]:
        location = self._catalogue.table.location(key, release)
        base = location.base.rpartition(" ")[2] if location else ""
        return [base] if base in self._catalogue.table.interfaces else []

    def _is_constructible(self, demand: Construction, release: Release) -> bool:
        key = self._catalogue.interface(demand.interface) or ""
        table = self._catalogue.table
        if any(method.kind == "pure" for method in table.methods(key, release)):
            return False
        name = demand.interface.rpartition("::")[2]
        ever = [m for m in table.interfaces[key].methods if m.name == name]
        here = [m for m in ever if m.holds(release)]
        if not here:
            return demand.arguments == 0 or not ever
        return any(
            sum(p.default is None for p in m.parameters) <= demand.arguments <= len(m.parameters)
            for m in here
        )

    def _derivation(self, demand: Derivation, release: Release) -> Iterator[Issue]:
        if not self.exists(demand.interface, release):
            return
        key = self._catalogue.interface(demand.interface) or ""
        process = next(
            (k for k in self._catalogue.family(key) if k != key and k.endswith("Process")), None
        )
        location = process and self._catalogue.table.location(process, release)
        if location:
            yield _issue(
                demand,
                demand.interface,
                "",
                f"{demand.own} derives from {demand.interface}, which is only a facade there",
                truth=f"class to derive from: {location.qualified}",
            )
            return
        virtuals = self._catalogue.virtuals(key, release)
        for name in sorted(self._catalogue.virtual_names(key) | {v.name for v in virtuals}):
            rows = [row for row in virtuals if row.name == name]
            mine = [method for method in demand.methods if method.name == name]
            yield from self._methods(demand, rows, mine)

    def _methods(
        self, demand: Derivation, rows: list[Method], mine: list[OwnMethod]
    ) -> Iterator[Issue]:
        """Of one name: the interface's in a release, and the module's."""
        interface = demand.interface
        pairs = [(o, r) for o in mine for r in rows if self._matching.overrides(o, r, interface)]
        unmatched = [row for row in rows if not any(row is r for _, r in pairs)]
        truth = "; ".join(row.declaration for row in rows)
        for own, row in pairs:
            if not self._matching.gives(own, row, interface):
                yield _issue(
                    demand,
                    interface,
                    row.name,
                    f"{own.text} gives something else than the method of {interface} that it "
                    "overrides",
                    truth=truth,
                    method=own,
                )
        for own in mine:
            if any(own is o for o, _ in pairs):
                continue
            # Where the interface's own method is overridden, another of its name is a helper.
            if rows and not unmatched and not own.override:
                continue
            pure = any(row.kind == "pure" for row in unmatched)
            dies = not own.override and not pure
            yield _issue(
                demand,
                interface,
                own.name,
                f"{own.text} does not override anything"
                + (", and is never called" if dies else ""),
                truth=truth,
                method=own,
                consequence=Consequence.DIES if dies else Consequence.BREAKS,
            )
        if not mine:
            for row in unmatched:
                if row.kind == "pure":
                    yield _issue(
                        demand,
                        interface,
                        row.name,
                        f"{demand.own} does not override {row.name}(), which is pure",
                        truth=truth,
                    )

    def overrides_in(self, demand: Derivation, own: OwnMethod, release: Release) -> bool:
        """Whether a method of a class overrides one of the kind's interface in a release."""
        key = self._catalogue.interface(demand.interface) or ""
        table = self._catalogue.table
        return any(
            self._matching.overrides(own, row, location.qualified)
            for k in self._catalogue.family(key)
            if (location := table.location(k, release)) is not None
            for row in self._catalogue.virtuals(k, release)
        )

    # --- words

    def _unmet(self, demand: Demand, release: Release) -> Issue:
        match demand:
            case Access():
                return self._missing_accessor(demand, release)
            case Header(path=subject):
                problem = f"there is no header <{subject}>"
            case Named(name=subject):
                problem = f"there is no {subject}"
            case Descriptor(type=subject):
                problem = f"{subject} is no module kind's class"
            case MacroUse(name=subject):
                problem = f"mesos/version.hpp does not define {subject}"
            case Support(feature=subject):
                rows = self._catalogue.table.feature_rows
                meaning = next(row.meaning for row in rows if row.name == subject)
                problem = f"its support headers lack: {meaning}"
            case _:
                return self._misused(demand)
        return _issue(demand, subject, "", problem)

    def _misused(self, demand: Demand) -> Issue:
        match demand:
            case MemberAccess(type=type_, member=member, called=True):
                return _issue(demand, type_, member, f"{type_} is a struct without {member}()")
            case MemberAccess(type=type_, member=member):
                return _issue(demand, type_, member, f"{type_} has no data member {member}")
            case MethodCall(interface=interface, method=method):
                return _issue(demand, interface, method, f"{interface} has no {method}()")
            case Construction(interface=interface):
                problem = f"{interface} is the class to derive from, not a facade to be made"
                return _issue(demand, interface, "", problem)
            case Conversion(own=own, interface=interface):
                return _issue(demand, interface, "", f"{own} is no {interface}")
            case _:
                raise AssertionError(f"{demand} has issues of its own")

    def _missing_accessor(self, demand: Access, release: Release) -> Issue:
        key = self._catalogue.message(demand.message) or ""
        every = self._catalogue.accessors[key].get(demand.accessor, ())
        field = every[0].field.name if every else demand.accessor
        here = [a for a in every if a.field.holds(release)]
        if here:
            problem = f"{demand.message} has another {demand.accessor}()"
        else:
            problem = f"{demand.message} has no {demand.accessor}()"
        truth = next((_proto(a.field) for a in here), "")
        return _issue(demand, demand.message, field, problem, truth=truth)


def _proto(field: Field) -> str:
    return f"{field.label} {field.type} {field.name} = {field.number}"


def _issue(  # noqa: PLR0913
    demand: Demand,
    subject: str,
    item: str,
    problem: str,
    *,
    truth: str = "",
    method: OwnMethod | None = None,
    consequence: Consequence = Consequence.BREAKS,
) -> Issue:
    return Issue(
        place=demand.place if method is None else method.place,
        consequence=consequence,
        subject=subject,
        item=item,
        problem=problem,
        truth=truth,
        demand=demand,
        method=method,
    )
