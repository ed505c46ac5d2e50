"""Pure questions to the interface table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from buildkit.errors import UsageError
from buildkit.interfaces.rows import (
    FIRST,
    LAST,
    Abi,
    Bundled,
    Constructor,
    Declaration,
    Enum,
    EnumValue,
    Feature,
    Field,
    Includes,
    Interface,
    Kind,
    Layout,
    Loader,
    Location,
    Macro,
    Member,
    Message,
    Method,
    Proto,
    Row,
    Rule,
    Struct,
    Succession,
)
from buildkit.releases import FINAL_RELEASES, Release, did_you_mean

R = TypeVar("R", bound=Row)


@dataclass(frozen=True, kw_only=True, slots=True)
class Generation:
    """A longest run of releases in which an interface does not change."""

    since: Release
    until: Release


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """What an isolator's author derives from in one release."""

    interface: str
    """Key in the table: ``IsolatorProcess`` up to 0.23.1, then ``Isolator``."""
    location: Location
    methods: tuple[Method, ...]
    """Virtual methods in declaration order, which is the order of the vtable; no destructor."""


@dataclass(frozen=True, kw_only=True, eq=False)
class InterfaceTable:
    """Everything known about the module interfaces of all releases.

    A query about a name the table lacks raises :class:`UsageError`; one about a release that lacks
    the thing gives an empty tuple or None.
    """

    interfaces: Mapping[str, Interface]
    structs: Mapping[str, Struct]
    messages: Mapping[str, Message]
    enums: Mapping[str, Enum]
    abi: Abi
    kind_rows: tuple[Kind, ...]
    macro_rows: tuple[Macro, ...]
    loader: Loader
    layout: tuple[Layout, ...]
    compiler: tuple[Rule, ...]
    bundled_rows: tuple[Bundled, ...]
    proto_rows: tuple[Proto, ...]
    isolator_proto_rows: tuple[Proto, ...]
    include_rows: tuple[Includes, ...]
    feature_rows: tuple[Feature, ...]
    successions: tuple[Succession, ...]
    dates: Mapping[Release, str]
    """Commit date of each release's tag, ISO 8601."""
    digest: str
    """SHA-256 over the bytes the table was read from, in hex."""

    def __contains__(self, release: object) -> bool:
        return isinstance(release, Release) and FIRST <= release <= LAST

    # --- C++ interfaces and structs

    def methods(self, interface: str, release: Release) -> tuple[Method, ...]:
        """Methods of an interface in a release, in declaration order."""
        return _held(self._interface(interface).methods, release)

    def method_names(self, interface: str) -> tuple[str, ...]:
        """Names of all virtual methods an interface had in any release, sorted; no destructor."""
        rows = self._interface(interface).methods
        return tuple(sorted({r.name for r in rows if r.is_virtual and not r.is_destructor}))

    def lifetime(self, interface: str, method: str) -> str:
        """The releases in which an interface has a virtual method, such as ``0.23.0 to 0.24.2``.

        A facade up to 0.23.1 counts with the process class behind it.
        """
        keys = [key for key in (interface, f"{interface}Process") if key in self.interfaces]
        rows = [m for key in keys for m in self.interfaces[key].methods if m.name == method]
        has = [any(row.is_virtual and row.holds(r) for row in rows) for r in FINAL_RELEASES]
        runs = groupby(zip(has, FINAL_RELEASES, strict=True), key=lambda pair: pair[0])
        spans = [[release for _, release in run] for there, run in runs if there]
        return ", ".join(f"{span[0]} to {span[-1]}" for span in spans)

    def location(self, name: str, release: Release) -> Location | None:
        """Where an interface or a struct is declared, or None if the release does not have it."""
        if name in self.structs:
            return _one(self.structs[name].locations, release)
        return _one(self._interface(name).locations, release)

    def members(self, struct: str, release: Release) -> tuple[Member, ...]:
        """Data members of a struct."""
        return _held(_entry(self.structs, struct, "struct").fields, release)

    def constructors(self, struct: str, release: Release) -> tuple[Constructor, ...]:
        """Constructors of a struct."""
        return _held(_entry(self.structs, struct, "struct").constructors, release)

    def isolator_base(self, release: Release) -> Base:
        """The class an isolator derives from, with its virtual methods in vtable order."""
        for interface in ("IsolatorProcess", "Isolator"):
            location = self.location(interface, release)
            if location is not None:
                methods = self.methods(interface, release)
                return Base(
                    interface=interface,
                    location=location,
                    methods=tuple(m for m in methods if m.is_virtual and not m.is_destructor),
                )
        raise UsageError(
            f"the interface table ({FIRST} to {LAST}) has no isolator base class for {release}"
        )

    def generations(self, interface: str) -> tuple[Generation, ...]:
        """The runs of final releases in which location, method rows and their order stay the same.

        A facade up to 0.23.1 counts with the process class behind it.
        """
        parts = [interface, f"{interface}Process"]
        entries = [self.interfaces[part] for part in parts if part in self.interfaces]
        if not entries:
            self._interface(interface)
        runs: list[tuple[object, Release, Release]] = []
        for release in FINAL_RELEASES:
            shape = tuple(
                (
                    tuple((x.header, x.qualified, x.base) for x in _held(e.locations, release)),
                    tuple(
                        (m.signature, m.returns, m.kind, m.body) for m in _held(e.methods, release)
                    ),
                )
                for e in entries
            )
            if not any(locations for locations, _ in shape):
                continue
            if runs and runs[-1][0] == shape:
                runs[-1] = (shape, runs[-1][1], release)
            else:
                runs.append((shape, release, release))
        return tuple(Generation(since=since, until=until) for _, since, until in runs)

    # --- messages and enums

    def messages_of(self, release: Release) -> tuple[str, ...]:
        """Dotted names of the messages a release has, in the table's order."""
        return tuple(name for name, m in self.messages.items() if _one(m.declarations, release))

    def enums_of(self, release: Release) -> tuple[str, ...]:
        """Dotted names of the enums a release has, in the table's order."""
        return tuple(name for name, e in self.enums.items() if _one(e.declarations, release))

    def declaration(self, name: str, release: Release) -> Declaration | None:
        """Where a message or enum is declared, or None if the release does not have it."""
        if name in self.enums:
            return _one(self.enums[name].declarations, release)
        return _one(_entry(self.messages, name, "message").declarations, release)

    def fields(self, message: str, release: Release) -> tuple[Field, ...]:
        """Fields of a message in a release."""
        return _held(_entry(self.messages, message, "message").fields, release)

    def enum_values(self, enum: str, release: Release) -> tuple[EnumValue, ...]:
        """Values of an enum in a release."""
        return _held(_entry(self.enums, enum, "enum").values, release)

    # --- modules and SDK

    def kinds(self, release: Release) -> tuple[Kind, ...]:
        """Module kinds of a release."""
        return _held(self.kind_rows, release)

    def kind(self, kind: str, release: Release) -> Kind | None:
        """One module kind, or None if the release does not have it."""
        return next((row for row in self.kinds(release) if row.kind == kind), None)

    def macros(self, release: Release) -> tuple[Macro, ...]:
        """Macros that ``mesos/version.hpp`` defines."""
        return _held(self.macro_rows, release)

    def known_kinds(self, release: Release) -> tuple[str, ...]:
        """Kinds the release's loader accepts, sorted."""
        return tuple(sorted(row.kind for row in _held(self.loader.known_kinds, release)))

    def bundled(self, release: Release) -> dict[str, str]:
        """Bundled third-party libraries and their versions."""
        return {row.name: row.version for row in _held(self.bundled_rows, release)}

    def protos(self, release: Release) -> tuple[str, ...]:
        """All .proto files below ``include/mesos``."""
        return tuple(row.proto for row in _held(self.proto_rows, release))

    def isolator_protos(self, release: Release) -> tuple[str, ...]:
        """The .proto files whose generated headers an isolator needs."""
        return tuple(row.proto for row in _held(self.isolator_proto_rows, release))

    def includes(self, header: str, release: Release) -> tuple[str, ...]:
        """What a header includes, such as ``<list>``; empty if unknown or not there."""
        rows = tuple(row for row in self.include_rows if row.header == header)
        found = _one(rows, release)
        return found.includes if found else ()

    def features(self, release: Release) -> frozenset[str]:
        """Names of what the release's support headers offer beyond the oldest release's."""
        return frozenset(row.name for row in _held(self.feature_rows, release))

    def paths(self, what: str, release: Release) -> tuple[str, ...]:
        """Folders or files that serve a purpose, such as ``stout_include``."""
        found = _one(tuple(row for row in self.layout if row.what == what), release)
        return found.paths if found else ()

    def _interface(self, name: str) -> Interface:
        return _entry(self.interfaces, name, "interface")


V = TypeVar("V")


def _entry(entries: Mapping[str, V], name: str, what: str) -> V:
    try:
        return entries[name]
    except KeyError:
        raise UsageError(
            f"the interface table has no {what} {name!r}{did_you_mean(name, entries)}"
        ) from None


def _held(rows: Iterable[R], release: Release) -> tuple[R, ...]:
    return tuple(row for row in rows if row.holds(release))


def _one(rows: Iterable[R], release: Release) -> R | None:
    return next((row for row in rows if row.holds(release)), None)
