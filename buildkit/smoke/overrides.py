"""Dead overrides: methods a module declares for the agent to call, which the agent never calls.

Where a release changes a method's signature, an old override still compiles, takes a slot of its
own at the end of the virtual table, and the agent calls the empty default. No behaviour need show
it. So the library's debug information and virtual tables are read: every method with an interface
method's name must sit in the base class's slot of that name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from elftools.common.exceptions import DWARFError, ELFError
from elftools.dwarf.die import DIE
from elftools.elf.elffile import ELFFile

from buildkit.smoke.checks import Check
from buildkit.smoke.dwarf import (
    ANONYMOUS,
    CLASS_TAGS,
    Declarations,
    Place,
    is_set,
    linkage_name,
    name_of,
    vtable_slot,
)
from buildkit.smoke.elf import LEVEL
from buildkit.smoke.vtables import VirtualTables, Word

_PURE = 2  # DW_VIRTUALITY_pure_virtual
_PURE_SLOTS = frozenset({"__cxa_pure_virtual", "__cxa_deleted_virtual"})
# No module's class lives in these, and they hold most of a unit's classes.
_FOREIGN_NAMESPACES = frozenset({"std", "__gnu_cxx", "__cxxabiv1", "boost", "google", "picojson"})


@dataclass(frozen=True, kw_only=True)
class Interface:
    """What is known of the module kind's interface, from the interface table."""

    release: str
    """For messages: ``1.7.3``."""
    base_class: str
    """``mesos::slave::IsolatorProcess`` up to 0.23, ``mesos::slave::Isolator`` from 0.24."""
    methods: frozenset[str]
    """The kind's method names over all releases."""
    true_signatures: Mapping[str, str] = field(default_factory=dict)
    """This release's signature of each method it has, for messages."""
    lifetimes: Mapping[str, str] = field(default_factory=dict)
    """Where a method exists, for messages: ``"0.23.0 to 0.24.2"``."""


@dataclass(frozen=True, kw_only=True)
class Override:
    """A method that the agent does call, and the slot it sits in."""

    class_name: str
    method: str
    declared: str
    slot: int
    in_table: bool
    """False if the library has no virtual table of that very class: only DWARF vouches then."""


@dataclass(frozen=True, kw_only=True)
class DeadOverride:
    """A method that overrides nothing. ``str()`` is the message for its author."""

    class_name: str
    method: str
    declared: str
    place: Place | None
    reason: str

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.class_name}::{self.declared} {self.reason}"


@dataclass(frozen=True, kw_only=True)
class OverrideReport:
    """What was found. With a ``problem`` nothing could be said; it says why."""

    classes: tuple[str, ...] = ()
    live: tuple[Override, ...] = ()
    dead: tuple[DeadOverride, ...] = ()
    problem: str | None = None


def find_dead_overrides(library: Path, debug: Path | None, interface: Interface) -> OverrideReport:
    """Look at every class in ``library`` that derives from the interface's base class.

    ``debug`` is the file the debug information was moved to, or None if it is in the library.
    A file that cannot be read, or that has no debug information, gives a report with a problem.
    """
    try:
        with library.open("rb") as stream:
            elf = ELFFile(stream)
            if debug is None:
                return _inspect(elf, None, interface)
            with debug.open("rb") as debug_stream:
                return _inspect(elf, ELFFile(debug_stream), interface)
    except (OSError, ELFError, DWARFError) as error:
        return OverrideReport(problem=f"cannot read {library.name}: {error}")


def override_checks(report: OverrideReport) -> list[Check]:
    """The report as smoke checks: one for each dead method, or one good one."""
    name = "every interface method overrides the base class's"
    if report.problem is not None:
        return [Check(level=LEVEL, name=name, ok=False, detail=report.problem)]
    if not report.dead:
        detail = f"{len(report.live)} methods of {', '.join(report.classes)}"
        return [Check(level=LEVEL, name=name, ok=True, detail=detail)]
    return [
        Check(
            level=LEVEL,
            name=f"{dead.class_name}::{dead.method} overrides the base class's",
            ok=False,
            detail=str(dead),
        )
        for dead in report.dead
    ]


def _inspect(library: ELFFile, debug: ELFFile | None, interface: Interface) -> OverrideReport:
    source = debug or library
    if not source.has_dwarf_info(strict=True):
        return OverrideReport(problem="no debug information, so overrides cannot be told; use -g")
    declarations = Declarations(source.get_dwarf_info(follow_links=False))
    tables = VirtualTables(library, debug)
    derived = _derived_classes(declarations, interface.base_class, tables.enclosing_names)
    if not derived:
        return OverrideReport(problem=f"no class in it derives from {interface.base_class}")
    live: list[Override] = []
    dead: list[DeadOverride] = []
    for one in derived:
        slots = _virtuals(one.base)
        if not slots:
            return OverrideReport(
                problem=f"the debug information does not define {interface.base_class}"
            )
        for method, rows in _declared_methods(one.die, interface.methods).items():
            good, bad = _judge(declarations, tables, one, rows, slots.get(method, frozenset()))
            live += good
            # Where the interface's own method is overridden, another of its name is a helper.
            if len(good) < len(slots.get(method, ())) or method not in slots:
                dead += [_dead(declarations, one.name, row, interface, held) for row, held in bad]
    return OverrideReport(
        classes=tuple(one.name for one in derived), live=tuple(live), dead=tuple(dead)
    )


@dataclass(frozen=True, kw_only=True)
class _Derived:
    """A class that derives from the base class; ``offset`` is None below a virtual base."""

    name: str
    die: DIE
    base: DIE
    offset: int | None


def _derived_classes(
    declarations: Declarations, base_class: str, enclosing: frozenset[str]
) -> list[_Derived]:
    found: dict[tuple[str, str], _Derived] = {}
    seen: dict[tuple[int, int], tuple[DIE, int | None] | None] = {}
    for unit in declarations.units():
        for die in _classes(unit.get_top_DIE(), enclosing):
            path = _path_to_base(declarations, die, base_class, seen)
            if path is None:
                continue
            name = declarations.qualified_name(die)
            # One class has an entry in each unit that includes it; two unnamed namespaces may
            # have a class of the same name.
            key = (name, str(declarations.place(die)))
            if key not in found:
                base, offset = path
                found[key] = _Derived(name=name, die=die, base=base, offset=offset)
    return list(found.values())


def _classes(scope: DIE, enclosing: frozenset[str]) -> Iterator[DIE]:
    """Every class defined in a namespace, a class or at the top, but not inside functions.

    Looking through a class's members for further classes is what takes time in a unit with
    thousands of messages; ``enclosing`` names the classes where that may find one.
    """
    for child in scope.iter_children():
        if child.tag == "DW_TAG_namespace":
            if name_of(child) not in _FOREIGN_NAMESPACES:
                yield from _classes(child, enclosing)
        elif child.tag in CLASS_TAGS and child.has_children:
            if not is_set(child, "DW_AT_declaration"):
                yield child
            if name_of(child) in enclosing:
                yield from _classes(child, enclosing)


def _path_to_base(
    declarations: Declarations,
    die: DIE,
    base_class: str,
    seen: dict[tuple[int, int], tuple[DIE, int | None] | None],
) -> tuple[DIE, int | None] | None:
    """The base class's entry and its offset in ``die``, or None if it is no base of it."""
    # Offsets of .debug_info and .debug_types overlap, so the unit is part of the key.
    key = (id(die.cu), die.offset)
    if key in seen:
        return seen[key]
    seen[key] = None
    for base, offset in declarations.bases(die):
        last = base_class.rpartition("::")[2]
        if name_of(base) == last and declarations.qualified_name(base) == base_class:
            seen[key] = (base, offset)
            break
        further = _path_to_base(declarations, base, base_class, seen)
        if further is not None:
            target, rest = further
            total = None if offset is None or rest is None else offset + rest
            seen[key] = (target, total)
            break
    return seen[key]


def _virtuals(base: DIE) -> dict[str, frozenset[int]]:
    """The base class's slots, by method name."""
    slots: dict[str, set[int]] = {}
    for child in base.iter_children():
        if child.tag == "DW_TAG_subprogram":
            slot = vtable_slot(child)
            if slot is not None:
                slots.setdefault(name_of(child), set()).add(slot)
    return {name: frozenset(every) for name, every in slots.items()}


def _declared_methods(die: DIE, methods: frozenset[str]) -> dict[str, list[DIE]]:
    rows: dict[str, list[DIE]] = {}
    for child in die.iter_children():
        if child.tag == "DW_TAG_subprogram" and not is_set(child, "DW_AT_artificial"):
            name = name_of(child)
            if name in methods:
                rows.setdefault(name, []).append(child)
    return rows


def _judge(
    declarations: Declarations,
    tables: VirtualTables,
    one: _Derived,
    rows: list[DIE],
    slots: frozenset[int],
) -> tuple[list[Override], list[tuple[DIE, str]]]:
    """Which declarations of one name override, and which do not with what their slot holds."""
    good = []
    bad = []
    for row in rows:
        slot = vtable_slot(row)
        if slot is None or slot not in slots:
            bad.append((row, ""))
            continue
        held = _held(declarations, tables, one, row, slot)
        if held is not None and not _is_function(held, row, _table_prefix(declarations, one, row)):
            bad.append((row, ", ".join(sorted(held)) or "something unnamed"))
            continue
        good.append(
            Override(
                class_name=one.name,
                method=name_of(row),
                declared=declarations.signature(row),
                slot=slot,
                in_table=held is not None,
            )
        )
    return good, bad


def _held(
    declarations: Declarations, tables: VirtualTables, one: _Derived, row: DIE, slot: int
) -> frozenset[str] | None:
    """Names of the function in the class's own table; None if the library has no such table."""
    prefix = _table_prefix(declarations, one, row)
    for name in (f"N{prefix}E", prefix):
        if tables.is_defined(f"_ZTV{name}"):
            word: Word | None = tables.slot(
                f"_ZTV{name}", f"_ZTI{name}", offset=one.offset, index=slot
            )
            return tables.functions(word) if word is not None else frozenset()
    return None


def _table_prefix(declarations: Declarations, one: _Derived, row: DIE) -> str:
    """The class's mangled name without the brackets of a nested name: ``5mesos3Foo``."""
    method = name_of(row)
    mangled = linkage_name(row)
    token = f"{len(method)}{method}E"
    if mangled.startswith("_ZN") and token in mangled:
        return mangled[3 : mangled.index(token)].lstrip("KVRO")
    # Functions in unnamed namespaces have no linkage name; such classes are seldom templates.
    parts = declarations.qualified_name(one.die).split("::")
    names = ["_GLOBAL__N_1" if part == ANONYMOUS else part for part in parts]
    return "".join(f"{len(name)}{name}" for name in names)


def _is_function(held: frozenset[str], row: DIE, prefix: str) -> bool:
    """Whether a slot holds the declared function itself, or a thunk to it."""
    if is_set(row, "DW_AT_virtuality") and row.attributes["DW_AT_virtuality"].value == _PURE:
        return bool(held & _PURE_SLOTS) or not held
    mangled = linkage_name(row)
    method = name_of(row)
    for name in held:
        if mangled:
            # A thunk is _ZT, how it adjusts `this`, and the function's name without its _Z.
            if name == mangled or (name.startswith("_ZT") and name.endswith(mangled[2:])):
                return True
        elif f"N{prefix}{len(method)}{method}E" in name:
            return True
    return False


def _dead(
    declarations: Declarations, class_name: str, row: DIE, interface: Interface, held: str
) -> DeadOverride:
    method = name_of(row)
    true = interface.true_signatures.get(method)
    if held:
        reason = f"is not what the agent calls: its slot of the virtual table holds {held}"
        if true is not None:
            reason += f"; the interface in Mesos {interface.release} is: {true}"
    elif true is None:
        known = interface.lifetimes.get(method)
        where = f" (it exists in {known})" if known else ""
        reason = f"does not exist in Mesos {interface.release}{where}: it is never called"
    else:
        reason = (
            f"does not override anything in Mesos {interface.release}; "
            f"the interface there is: {true}"
        )
    return DeadOverride(
        class_name=class_name,
        method=method,
        declared=declarations.signature(row),
        place=declarations.place(row),
        reason=reason,
    )
