"""What a library's virtual tables hold, read from the file: its words and their relocations."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection

_NO_BITS = "SHT_NOBITS"
_LENGTH = re.compile(r"[1-9][0-9]*", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Word:
    """One word of data: a number, or the symbol whose address the dynamic linker writes there."""

    value: int
    symbol: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Table:
    address: int
    words: int


class VirtualTables:
    """The ``_ZTV`` objects of one library. ``debug`` lends its symbols if the library has none."""

    def __init__(self, library: ELFFile, debug: ELFFile | None) -> None:
        self._library = library
        self._files = [library] if debug is None else [library, debug]
        self._width = library.elfclass // 8

    @cached_property
    def enclosing_names(self) -> frozenset[str]:
        """Names of namespaces and classes inside of which a class with a virtual table lies."""
        names: set[str] = set()
        for table in self._tables:
            names.update(_source_names(table)[:-1])
        return frozenset(names)

    def is_defined(self, symbol: str) -> bool:
        """Whether the library has an object of this name."""
        return symbol in self._addresses

    def slot(self, table: str, info: str, *, offset: int | None, index: int) -> Word | None:
        """Slot ``index`` of the table part for the base class ``offset`` bytes into the object.

        ``table`` and ``info`` are the class's ``_ZTV`` and ``_ZTI`` symbols. ``offset`` is None
        for a base whose place is not fixed: the first part long enough answers then. None if the
        library has no such table or part.
        """
        found = self._tables.get(table)
        if found is None:
            return None
        words = [self._word(found.address + at * self._width) for at in range(found.words)]
        for start in self._parts(words, info, offset):
            if start + index < len(words):
                return words[start + index]
        return None

    def functions(self, word: Word) -> frozenset[str]:
        """The mangled names of what a slot holds."""
        if word.symbol is not None:
            return frozenset({word.symbol})
        return self._names.get(word.value, frozenset())

    def _parts(self, words: list[Word], info: str, offset: int | None) -> list[int]:
        """Where the slots of each fitting part start: after "offset to top" and the type info."""
        address = self._addresses.get(info)
        starts = [
            at + 1
            for at in range(1, len(words))
            if words[at].symbol == info or (address is not None and words[at].value == address)
        ]
        if not starts and len(words) > 1:
            return [2]  # compiled without type information: only the first part can be found
        if offset is None:
            return starts
        return [start for start in starts if self._signed(words[start - 2].value) == -offset]

    def _signed(self, value: int) -> int:
        bits = 8 * self._width
        return value - (1 << bits) if value >> (bits - 1) else value

    @cached_property
    def _symbols(self) -> list[tuple[str, int, int, str]]:
        """Name, address, size and type of everything defined."""
        rows = []
        for elf in self._files:
            for section in elf.iter_sections():
                if not isinstance(section, SymbolTableSection):
                    continue
                for symbol in section.iter_symbols():
                    entry = symbol.entry
                    if symbol.name and entry.st_shndx != "SHN_UNDEF":
                        rows.append(
                            (symbol.name, entry.st_value, entry.st_size, entry.st_info.type)
                        )
        return rows

    @cached_property
    def _addresses(self) -> Mapping[str, int]:
        return {name: address for name, address, _, _ in self._symbols}

    @cached_property
    def _tables(self) -> Mapping[str, _Table]:
        return {
            name: _Table(address=address, words=size // self._width)
            for name, address, size, _ in self._symbols
            if name.startswith("_ZTV")
        }

    @cached_property
    def _names(self) -> Mapping[int, frozenset[str]]:
        names: dict[int, set[str]] = {}
        for name, address, _, kind in self._symbols:
            if kind in ("STT_FUNC", "STT_LOOS"):
                names.setdefault(address, set()).add(name)
        return {address: frozenset(every) for address, every in names.items()}

    @cached_property
    def _relocations(self) -> Mapping[int, Word]:
        """Address -> what the dynamic linker writes there.

        Relative relocations that keep their addend in place (REL, RELR) are not in it: the word
        in the file is the answer then.
        """
        found = {}
        for section in self._library.iter_sections():
            if not isinstance(section, RelocationSection) or not section.is_RELA():
                continue
            symbols = self._library.get_section(section["sh_link"])
            for row in section.iter_relocations():
                number = row["r_info_sym"]
                name = (
                    symbols.get_symbol(number).name
                    if number and isinstance(symbols, SymbolTableSection)
                    else None
                )
                found[row["r_offset"]] = Word(value=row["r_addend"], symbol=name)
        return found

    def _word(self, address: int) -> Word:
        moved = self._relocations.get(address)
        if moved is not None:
            return moved
        for section in self._library.iter_sections():
            start = section["sh_addr"]
            if section["sh_type"] != _NO_BITS and start <= address < start + section["sh_size"]:
                self._library.stream.seek(section["sh_offset"] + address - start)
                raw = self._library.stream.read(self._width)
                little = self._library.little_endian
                return Word(value=int.from_bytes(raw, "little" if little else "big"))
        return Word(value=0)


def _source_names(mangled: str) -> list[str]:
    """The identifiers in a mangled name, which are written with their lengths before them."""
    names = []
    at = 0
    while found := _LENGTH.search(mangled, at):
        end = found.end() + int(found[0])
        names.append(mangled[found.end() : end])
        at = end
    return names
