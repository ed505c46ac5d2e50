"""Reading C++ declarations out of DWARF: resolved references, qualified names, type texts.

A thin layer over pyelftools that knows no module and no rule. It never walks a whole unit:
callers descend only where they want to look.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from elftools.common.exceptions import DWARFError
from elftools.dwarf.compileunit import CompileUnit
from elftools.dwarf.die import DIE
from elftools.dwarf.dwarfinfo import DWARFInfo
from elftools.dwarf.typeunit import TypeUnit

CLASS_TAGS = frozenset({"DW_TAG_class_type", "DW_TAG_structure_type"})
ANONYMOUS = "(anonymous namespace)"

_SCOPES = CLASS_TAGS | {"DW_TAG_namespace", "DW_TAG_union_type"}
_WRAPPERS = {
    "DW_TAG_pointer_type": "*",
    "DW_TAG_reference_type": "&",
    "DW_TAG_rvalue_reference_type": "&&",
}
_QUALIFIERS = {"DW_TAG_const_type": "const", "DW_TAG_volatile_type": "volatile"}
_SIG8 = "DW_FORM_ref_sig8"
_UNSIGNED_LEB = 0x10  # DW_OP_constu
_FIRST_LITERAL, _LAST_LITERAL = 0x30, 0x4F  # DW_OP_lit0 .. DW_OP_lit31
_PLUS_UCONST = 0x23
_FIRST_VERSION_WITH_ZERO_BASED_FILES = 5
_DEEPEST_TYPE = 64
_DEFAULT_ARGUMENT = re.compile(r",\s*std::(allocator|less|hash|equal_to|char_traits)<")
_LONG_STRING = re.compile(r"std::basic_string<char(, std::char_traits<char>)?>")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where something is declared. ``line`` is 0 if the compiler did not say."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Declarations:
    """The declarations in one file's debug information."""

    def __init__(self, info: DWARFInfo) -> None:
        self._info = info

    def units(self) -> Iterator[CompileUnit | TypeUnit]:
        """Every unit: compile units, and type units wherever the DWARF version keeps them."""
        yield from self._info.iter_CUs()
        if self._info.has_debug_types():
            yield from self._info.iter_TUs()

    @cached_property
    def _type_units(self) -> dict[int, CompileUnit]:
        """DWARF 5 keeps type units in .debug_info, where pyelftools does not look them up."""
        return {
            unit.header["type_signature"]: unit
            for unit in self._info.iter_CUs()
            if unit.header.get("unit_type") == "DW_UT_type"
        }

    def follow(self, die: DIE, attribute: str) -> DIE | None:
        """The entry that a reference attribute names, or None if it has none or none is found."""
        found = die.attributes.get(attribute)
        if found is None:
            return None
        if found.form == _SIG8:
            unit = self._type_units.get(found.raw_value)
            if unit is not None:
                return unit.get_DIE_from_refaddr(unit.cu_offset + unit.header["type_offset"])
        try:
            return die.get_DIE_from_attribute(attribute)
        except (KeyError, DWARFError, NotImplementedError):
            return None

    def named_class(self, die: DIE | None) -> DIE | None:
        """The class behind a base specifier's type: through typedefs, qualifiers, signatures."""
        for _ in range(_DEEPEST_TYPE):
            if die is None:
                return None
            if die.tag in CLASS_TAGS:
                return self.follow(die, "DW_AT_signature") or die
            die = self.follow(die, "DW_AT_type")
        return None

    def bases(self, class_die: DIE) -> Iterator[tuple[DIE, int | None]]:
        """Direct base classes, with the offset in bytes; None for one inherited virtually.

        Compilers write base classes before member functions, so the first member function ends
        the search: this is what keeps looking at thousands of classes cheap.
        """
        for child in class_die.iter_children():
            if child.tag == "DW_TAG_subprogram":
                return
            if child.tag == "DW_TAG_inheritance":
                base = self.named_class(self.follow(child, "DW_AT_type"))
                if base is not None:
                    yield base, _member_offset(child)

    def qualified_name(self, die: DIE) -> str:
        """``mesos::slave::Isolator``; an unnamed namespace reads ``(anonymous namespace)``."""
        names: list[str] = []
        scope: DIE | None = die
        while scope is not None and (scope is die or scope.tag in _SCOPES):
            # A type unit defines its class outside the namespaces that declare it.
            declaration = self.follow(scope, "DW_AT_specification") or scope
            unnamed = ANONYMOUS if scope.tag == "DW_TAG_namespace" else "(unnamed)"
            names.append(name_of(scope) or name_of(declaration) or unnamed)
            scope = declaration.get_parent()
        return "::".join(reversed(names))

    def signature(self, function: DIE) -> str:
        """``recover(const std::list<ContainerState>&)``, as declared, without the return type."""
        parameters = []
        constant = ""
        for child in function.iter_children():
            if child.tag == "DW_TAG_unspecified_parameters":
                parameters.append("...")
            elif child.tag == "DW_TAG_formal_parameter":
                if is_set(child, "DW_AT_artificial"):
                    constant = " const" if self._points_to_const(child) else ""
                else:
                    parameters.append(self.type_text(self.follow(child, "DW_AT_type")))
        return f"{name_of(function)}({', '.join(parameters)}){constant}"

    def type_text(self, die: DIE | None, depth: int = 0) -> str:
        """A type as a C++ author would write it, default template arguments left out."""
        if die is None:
            return "void"
        if depth > _DEEPEST_TYPE:
            return "..."
        if die.tag in _WRAPPERS:
            inner = self.type_text(self.follow(die, "DW_AT_type"), depth + 1)
            return inner + _WRAPPERS[str(die.tag)]
        if die.tag in _QUALIFIERS:
            inner = self.type_text(self.follow(die, "DW_AT_type"), depth + 1)
            word = _QUALIFIERS[str(die.tag)]
            return f"{inner} {word}" if inner.endswith(("*", "&")) else f"{word} {inner}"
        if die.tag in CLASS_TAGS:
            die = self.follow(die, "DW_AT_signature") or die
        return shortened(self.qualified_name(die))

    def place(self, die: DIE) -> Place | None:
        """File and line of a declaration."""
        number = die.attributes.get("DW_AT_decl_file")
        if number is None:
            return None
        line = die.attributes.get("DW_AT_decl_line")
        name = self._file_name(die.cu, number.value)
        return Place(file=name, line=line.value if line is not None else 0) if name else None

    def _file_name(self, unit: CompileUnit | TypeUnit, number: int) -> str | None:
        # A type unit has the same top entry and structs as the compile unit this is typed for.
        program = self._info.line_program_for_CU(cast("CompileUnit", unit))
        if program is None:
            return None
        header = program.header
        zero_based = header["version"] >= _FIRST_VERSION_WITH_ZERO_BASED_FILES
        files, folders = header["file_entry"], header["include_directory"]
        index = number if zero_based else number - 1
        if not 0 <= index < len(files):
            return None
        entry = files[index]
        folder_index = entry.dir_index if zero_based else entry.dir_index - 1
        name = _text(entry.name)
        if name.startswith("/") or not 0 <= folder_index < len(folders):
            return name
        folder = _text(folders[folder_index])
        # Folder 0 is the compiler's own: a file named by its command line reads best as it was.
        return name if zero_based and folder_index == 0 else f"{folder}/{name}"

    def _points_to_const(self, this: DIE) -> bool:
        kind = self.follow(this, "DW_AT_type")
        if kind is not None and kind.tag == "DW_TAG_const_type":
            kind = self.follow(kind, "DW_AT_type")
        target = self.follow(kind, "DW_AT_type") if kind is not None else None
        return target is not None and target.tag == "DW_TAG_const_type"


def name_of(die: DIE) -> str:
    """The entry's own name, or nothing."""
    found = die.attributes.get("DW_AT_name")
    return _text(found.value) if found is not None else ""


def linkage_name(die: DIE) -> str:
    """The mangled name, or nothing (functions of unnamed namespaces have none)."""
    for attribute in ("DW_AT_linkage_name", "DW_AT_MIPS_linkage_name"):
        found = die.attributes.get(attribute)
        if found is not None:
            return _text(found.value)
    return ""


def is_set(die: DIE, attribute: str) -> bool:
    """Whether a flag, or a number other than 0, is there."""
    found = die.attributes.get(attribute)
    return found is not None and bool(found.value)


def vtable_slot(function: DIE) -> int | None:
    """The index in its class's virtual table, or None for a function that is not virtual."""
    found = function.attributes.get("DW_AT_vtable_elem_location")
    if found is None:
        return None
    if isinstance(found.value, int):
        return found.value
    return _constant(list(found.value))


def shortened(name: str) -> str:
    """A template's name without inline namespaces and default arguments."""
    name = name.replace("std::__cxx11::", "std::").replace("__gnu_cxx::", "")
    while found := _DEFAULT_ARGUMENT.search(name):
        end = _closing(name, found.end())
        if end is None:
            break
        name = name[: found.start()] + name[end:].lstrip()
    name = _LONG_STRING.sub("std::string", name)
    return name.replace(" >", ">")


def _closing(name: str, start: int) -> int | None:
    """Where the template argument list that was opened just before ``start`` ends."""
    depth = 1
    for index in range(start, len(name)):
        if name[index] in "<>":
            depth += 1 if name[index] == "<" else -1
            if depth == 0:
                return index + 1
    return None


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _member_offset(inheritance: DIE) -> int | None:
    if is_set(inheritance, "DW_AT_virtuality"):
        return None
    found = inheritance.attributes.get("DW_AT_data_member_location")
    if found is None:
        return 0
    return found.value if isinstance(found.value, int) else _constant(list(found.value))


def _constant(expression: list[int]) -> int | None:
    """The value of a location expression that is a mere constant."""
    if not expression:
        return None
    operation, operand = expression[0], expression[1:]
    if _FIRST_LITERAL <= operation <= _LAST_LITERAL and not operand:
        return operation - _FIRST_LITERAL
    if operation not in (_UNSIGNED_LEB, _PLUS_UCONST) or not operand:
        return None
    value = 0
    for shift, byte in enumerate(operand):
        value |= (byte & 0x7F) << (7 * shift)
    return value
