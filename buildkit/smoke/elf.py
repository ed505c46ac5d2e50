"""``inspect``: whether an agent can open the library, and whether it carries only its own code.

Reads the library and its ``.debug`` file with pyelftools; starts no process and loads nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection, DynamicTag
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection, GNUVerSymSection
from elftools.elf.sections import NoteSection, SymbolTableSection

from buildkit.smoke import abi
from buildkit.smoke.abi import AbiFacts, Needs, StringUse
from buildkit.smoke.checks import Check
from buildkit.smoke.policy import InspectPolicy, matches_any

LEVEL = "inspect"

_DF_TEXTREL = 0x4
_DF_BIND_NOW = 0x8
_DF_1_NOW = 0x1
_PF_X = 0x1
_VER_FLG_WEAK = 0x2
_MOST_NAMES_SHOWN = 8
_EXPORTED_BINDINGS = frozenset({"STB_GLOBAL", "STB_WEAK", "STB_LOOS"})  # STB_LOOS: GNU unique
_LINKER_MADE = frozenset({"_init", "_fini", "_edata", "_end", "__bss_start"})


@dataclass(frozen=True, kw_only=True)
class _Undefined:
    """An undefined dynamic symbol. ``library`` is who must have it, by its version."""

    name: str
    weak: bool
    version: str | None
    library: str | None


@dataclass(frozen=True, kw_only=True)
class _Library:
    """The facts the checks look at, read from the file once."""

    kind: str
    machine: str
    soname: str | None
    needed: tuple[str, ...]
    search_paths: tuple[str, ...]
    exported: frozenset[str]
    undefined: tuple[_Undefined, ...]
    needs: Needs
    bind_now: bool
    text_relocations: bool
    stack: str
    build_id: str | None
    code: frozenset[str]


def abi_facts(library: Path, debug: Path | None) -> AbiFacts:
    """The newest version of each system interface that the library needs, and its std::string.

    ``debug`` is as for :func:`inspect_library`. Raises ``ELFError`` if a file is no ELF file and
    ``OSError`` if it cannot be read.
    """
    facts = _read(library)
    names = facts.code if debug is None else facts.code | _read_debug(debug).code
    return abi.abi_facts(facts.needs, _strings(facts, names))


def build_id(library: Path) -> str | None:
    """The library's build-id in hex, or None if it has none. Raises :class:`ELFError`."""
    with library.open("rb") as stream:
        return _build_id(ELFFile(stream))


def undefined_symbols(library: Path) -> frozenset[str]:
    """The symbols that the library expects of the process that loads it.

    Those that carry the version of a library it needs are not among them, nor weak ones, which may
    stay undefined. Raises :class:`ELFError`.
    """
    with library.open("rb") as stream:
        elf = ELFFile(stream)
        rows = _undefined(elf, _needs(elf))
        return frozenset(row.name for row in rows if row.library is None and not row.weak)


def inspect_library(library: Path, debug: Path | None, policy: InspectPolicy) -> list[Check]:
    """Everything that can be said of ``library`` without loading it.

    ``debug`` is the file its debug information was moved to, or None if it was not moved.
    A file that cannot be read as ELF is a failed check, not an exception.
    """
    try:
        facts = _read(library)
    except (OSError, ELFError, AssertionError) as error:
        return [_check("file is an ELF shared object", f"{library.name}: {error or 'not an ELF'}")]
    checks = [
        _check("file is an ELF shared object", _wrong_kind(facts)),
        _check("built for the right machine", _wrong_machine(facts, policy)),
        _check("SONAME is the file's name", _wrong_soname(facts, policy.soname or library.name)),
        _check("no RPATH or RUNPATH", _has_search_path(facts)),
        _check("exports exactly the descriptor", _wrong_exports(facts, policy)),
        _check("needs only allowed libraries", _wrong_needed(facts, policy)),
        _check("every undefined symbol has a provider", _unprovided(facts, policy)),
        _check("binds at load time", "" if facts.bind_now else "not linked with -z now"),
        _check("stack is not executable", facts.stack),
        _check(
            "no text relocations",
            "relocates its own code at load time; compile every file with -fPIC"
            if facts.text_relocations
            else "",
        ),
    ]
    code = facts.code
    build_id_problem = "" if facts.build_id else "no build ID; link with -Wl,--build-id=sha1"
    if debug is not None:
        try:
            apart = _read_debug(debug)
        except (OSError, ELFError, AssertionError) as error:
            problem = f"{debug.name}: {error or 'not an ELF'}"
            return [*checks, _check("debug file belongs to the library", problem)]
        code |= apart.code
        if facts.build_id != apart.build_id:
            build_id_problem = (
                f"{library.name} has build ID {facts.build_id}, {debug.name} has {apart.build_id}"
            )
    checks += [
        _check("has a build ID, the debug file the same", build_id_problem),
        _check("no second protobuf or glog inside", _twins_inside(library, code, policy)),
    ]
    return checks + _abi_checks(facts, code, policy)


def _check(name: str, problem: str) -> Check:
    return Check(level=LEVEL, name=name, ok=not problem, detail=problem)


def _names(names: Iterator[str] | list[str]) -> str:
    """A list for a message: sorted, and cut before it hides the rest of the report."""
    every = sorted(names)
    shown = ", ".join(every[:_MOST_NAMES_SHOWN])
    more = len(every) - _MOST_NAMES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


# --- one function a check: the problem in words, or nothing


def _wrong_kind(facts: _Library) -> str:
    return "" if facts.kind == "ET_DYN" else f"its type is {facts.kind}, expected ET_DYN (-shared)"


def _wrong_machine(facts: _Library, policy: InspectPolicy) -> str:
    if policy.machine in (None, facts.machine):
        return ""
    return f"built for {facts.machine}, the platform is {policy.machine}"


def _wrong_soname(facts: _Library, expected: str) -> str:
    if facts.soname == expected:
        return ""
    return f"SONAME is {facts.soname or 'missing'}, expected {expected} (-Wl,-soname)"


def _has_search_path(facts: _Library) -> str:
    if not facts.search_paths:
        return ""
    return f"searches {', '.join(facts.search_paths)}: a folder of the build, not of the agent"


def _wrong_exports(facts: _Library, policy: InspectPolicy) -> str:
    missing = policy.descriptors - facts.exported
    extra = facts.exported - policy.descriptors
    problems = []
    if missing:
        problems.append(f"does not export {_names(list(missing))}")
    if extra:
        problems.append(
            f"exports {len(extra)} more ({_names(list(extra))}): they can replace the agent's own"
        )
    return "; ".join(problems)


def _wrong_needed(facts: _Library, policy: InspectPolicy) -> str:
    problems = []
    for name in facts.needed:
        if matches_any(name, policy.extra_libraries) or matches_any(name, policy.system_libraries):
            continue
        twin = next(
            (twin for twin in policy.twin_libraries if matches_any(name, twin.patterns)), None
        )
        if twin is None:
            problems.append(f"{name} is not on the list of allowed libraries")
        elif twin.name not in policy.allow_twins:
            problems.append(f"{name}: {twin.why}")
    return "; ".join(problems)


def _unprovided(facts: _Library, policy: InspectPolicy) -> str:
    nowhere = []
    for symbol in facts.undefined:
        if symbol.library is not None:
            if symbol.library not in facts.needed:
                nowhere.append(f"{symbol.name}@{symbol.version}")
        elif not symbol.weak and symbol.name not in policy.provided:
            nowhere.append(symbol.name)
    if not nowhere:
        return ""
    return f"{len(nowhere)} that no library and no agent provides: {_names(nowhere)}"


def _twins_inside(library: Path, code: frozenset[str], policy: InspectPolicy) -> str:
    # Without a symbol table there is nothing to look through; saying "good" would be a guess.
    if not code:
        return f"{library.name} is stripped and there is no debug file: cannot tell"
    problems = []
    for twin in policy.twin_code:
        if twin.name in policy.allow_twins:
            continue
        pattern = re.compile("|".join(translate(glob) for glob in twin.patterns))
        found = [name for name in code if pattern.match(name)]
        if found:
            problems.append(f"{twin.why} ({_names(found)})")
    return "; ".join(problems)


def _abi_checks(facts: _Library, code: frozenset[str], policy: InspectPolicy) -> list[Check]:
    strings = _strings(facts, code)
    read = abi.abi_facts(facts.needs, strings)
    checks = [
        Check(level=LEVEL, name="ABI read", ok=True, detail=str(read)),
        _check("needs nothing private of the system", abi.private_needs(facts.needs)),
    ]
    if policy.floor is not None:
        above = abi.above_floor(facts.needs, policy.floor)
        checks += [_check(f"needs at most {limit}", problem) for limit, problem in above.items()]
    if policy.cxx11_abi is not None:
        problem = abi.wrong_string(strings, cxx11_abi=policy.cxx11_abi)
        checks.append(_check("uses the platform's std::string", problem))
    return checks


def _strings(facts: _Library, code: frozenset[str]) -> StringUse:
    return abi.string_use((symbol.name for symbol in facts.undefined), code)


# --- reading


def _read(library: Path) -> _Library:
    with library.open("rb") as stream:
        elf = ELFFile(stream)
        dynamic = elf.get_section_by_name(".dynamic")
        tags = list(dynamic.iter_tags()) if isinstance(dynamic, DynamicSection) else []
        values = {tag.entry.d_tag: tag.entry.d_val for tag in tags}
        sonames = _texts(tags, "DT_SONAME")
        needs = _needs(elf)
        undefined = tuple(_undefined(elf, needs))
        return _Library(
            kind=elf["e_type"],
            machine=elf["e_machine"],
            soname=sonames[0] if sonames else None,
            needed=_texts(tags, "DT_NEEDED"),
            search_paths=_texts(tags, "DT_RPATH") + _texts(tags, "DT_RUNPATH"),
            exported=_exported(elf),
            undefined=undefined,
            needs=_needed_symbols(needs, undefined, packed="DT_RELR" in values),
            bind_now="DT_BIND_NOW" in values
            or bool(values.get("DT_FLAGS", 0) & _DF_BIND_NOW)
            or bool(values.get("DT_FLAGS_1", 0) & _DF_1_NOW),
            text_relocations="DT_TEXTREL" in values
            or bool(values.get("DT_FLAGS", 0) & _DF_TEXTREL),
            stack=_stack_problem(elf),
            build_id=_build_id(elf),
            code=_defined(elf),
        )


@dataclass(frozen=True, kw_only=True)
class _DebugFile:
    build_id: str | None
    code: frozenset[str]


def _read_debug(debug: Path) -> _DebugFile:
    with debug.open("rb") as stream:
        elf = ELFFile(stream)
        return _DebugFile(build_id=_build_id(elf), code=_defined(elf))


def _texts(tags: list[DynamicTag], name: str) -> tuple[str, ...]:
    """The strings of all entries with this tag. pyelftools names each attribute after its tag."""
    attribute = name.removeprefix("DT_").lower()
    return tuple(getattr(tag, attribute) for tag in tags if tag.entry.d_tag == name)


@dataclass(frozen=True, kw_only=True)
class _Need:
    library: str
    version: str
    weak: bool
    """Whether the loader goes on without it."""


def _needs(elf: ELFFile) -> dict[int, _Need]:
    """Version index -> which version of which library it stands for."""
    section = next(
        (part for part in elf.iter_sections() if isinstance(part, GNUVerNeedSection)), None
    )
    if section is None:
        return {}
    return {
        row["vna_other"]: _Need(
            library=needed.name or "",
            version=row.name or "",
            weak=bool(row["vna_flags"] & _VER_FLG_WEAK),
        )
        for needed, rows in section.iter_versions()
        for row in rows
    }


def _needed_symbols(
    needs: dict[int, _Need], undefined: tuple[_Undefined, ...], *, packed: bool
) -> Needs:
    """Each version that must be there, and the symbols that ask for it."""
    found: dict[str, list[str]] = {row.version: [] for row in needs.values() if not row.weak}
    if packed:
        # Not every linker asks for it, and the relocations are lost on an older glibc all the same.
        found.setdefault(abi.PACKED_RELOCATIONS, [])
    for symbol in undefined:
        if symbol.version in found:
            found[symbol.version].append(symbol.name)
    return {version: tuple(sorted(symbols)) for version, symbols in found.items()}


def _dynamic_symbols(elf: ELFFile) -> SymbolTableSection | None:
    section = elf.get_section_by_name(".dynsym")
    return section if isinstance(section, SymbolTableSection) else None


def _exported(elf: ELFFile) -> frozenset[str]:
    table = _dynamic_symbols(elf)
    if table is None:
        return frozenset()
    return frozenset(
        symbol.name
        for symbol in table.iter_symbols()
        if symbol.entry.st_shndx not in ("SHN_UNDEF", "SHN_ABS")
        and symbol.entry.st_info.bind in _EXPORTED_BINDINGS
        and symbol.entry.st_other.visibility in ("STV_DEFAULT", "STV_PROTECTED")
        and symbol.name not in _LINKER_MADE
    )


def _undefined(elf: ELFFile, needs: dict[int, _Need]) -> Iterator[_Undefined]:
    table = _dynamic_symbols(elf)
    if table is None:
        return
    versions = next(
        (part for part in elf.iter_sections() if isinstance(part, GNUVerSymSection)), None
    )
    for index, symbol in enumerate(table.iter_symbols()):
        if not symbol.name or symbol.entry.st_shndx != "SHN_UNDEF":
            continue
        number = versions.get_symbol(index).entry["ndx"] if versions is not None else None
        need = needs.get(number & 0x7FFF) if isinstance(number, int) else None
        yield _Undefined(
            name=symbol.name,
            weak=symbol.entry.st_info.bind == "STB_WEAK",
            version=need.version if need else None,
            library=need.library if need else None,
        )


def _defined(elf: ELFFile) -> frozenset[str]:
    """Names of all functions and objects the file defines, local ones too."""
    table = elf.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return frozenset()
    return frozenset(
        symbol.name
        for symbol in table.iter_symbols()
        if symbol.name
        and symbol.entry.st_shndx not in ("SHN_UNDEF", "SHN_ABS")
        and symbol.entry.st_info.type in ("STT_FUNC", "STT_OBJECT", "STT_LOOS")
    )


def _stack_problem(elf: ELFFile) -> str:
    flags = [part["p_flags"] for part in elf.iter_segments() if part["p_type"] == "PT_GNU_STACK"]
    if not flags:
        return "no PT_GNU_STACK: the loader makes the agent's stack executable"
    if flags[0] & _PF_X:
        return "asks for an executable stack; an assembler file lacks .note.GNU-stack"
    return ""


def _build_id(elf: ELFFile) -> str | None:
    for section in elf.iter_sections():
        if isinstance(section, NoteSection) and section.name == ".note.gnu.build-id":
            for note in section.iter_notes():
                if note["n_type"] == "NT_GNU_BUILD_ID":
                    return str(note["n_desc"])
    return None
