"""Reads the interface table from its JSON files and refuses one that contradicts itself."""

import copy
import hashlib
import json
from collections.abc import Callable, Hashable, Iterable
from dataclasses import MISSING, fields
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from buildkit.errors import UsageError
from buildkit.interfaces.rows import (
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
    KnownKind,
    Layout,
    Loader,
    Location,
    Macro,
    Member,
    Message,
    Method,
    Parameter,
    Proto,
    Row,
    Rule,
    Struct,
    Succession,
)
from buildkit.interfaces.table import InterfaceTable
from buildkit.releases import FINAL_RELEASES, Release, did_you_mean

FILES = (
    *("interfaces", "structs", "messages", "enums", "modules", "successions", "sdk"),
    "releases",
)
"""Stems of the JSON files a table consists of."""
FURTHER = "further"
"""Stem of the file with messages that isolators do not need."""

R = TypeVar("R", bound=Row)
V = TypeVar("V")
Key = Callable[[R], Hashable]


class TableError(UsageError):
    """The interface table's files are missing, malformed or contradict themselves."""


def load(path: Path | None = None, *, further: bool = False) -> InterfaceTable:
    """Read the table from the folder ``path``, or the one that comes with this package.

    ``further`` adds the messages and enums that modules of other kinds and frameworks meet. What
    is made for isolators, as the stub SDK, does without.

    Raises :class:`TableError` that names file, entry and row for a file that is not there or is no
    JSON, for a missing or unknown key, for a range that is inverted or names no final release, and
    for two rows that say different things about the same release.
    """
    texts = {stem: _read(path, stem) for stem in (*FILES, *([FURTHER] if further else []))}
    digest = hashlib.sha256()
    for stem, text in texts.items():
        digest.update(f"{stem} {len(text)}\n".encode())
        digest.update(text)
    readers = {stem: _Reader(stem, text) for stem, text in texts.items()}
    modules, sdk = readers["modules"], readers["sdk"]
    messages, enums = _messages(readers["messages"]), _enums(readers["enums"])
    if further:
        _add(readers[FURTHER], "messages", messages, _messages)
        _add(readers[FURTHER], "enums", enums, _enums)
    interfaces = _interfaces(readers["interfaces"])
    return InterfaceTable(
        interfaces=interfaces,
        structs=_structs(readers["structs"]),
        messages=messages,
        enums=enums,
        abi=_abi(modules),
        kind_rows=modules.rows("", modules.root, "kinds", Kind, lambda row: row.kind),
        macro_rows=modules.rows("", modules.root, "macros", Macro, lambda row: row.name),
        loader=_loader(modules),
        layout=sdk.rows("", sdk.root, "layout", Layout, lambda row: row.what),
        compiler=sdk.rows("", sdk.root, "compiler", Rule, lambda row: row.about),
        bundled_rows=sdk.rows("", sdk.root, "bundled", Bundled, lambda row: row.name),
        proto_rows=sdk.rows("", sdk.root, "protos", Proto, lambda row: row.proto),
        isolator_proto_rows=sdk.rows("", sdk.root, "isolator_protos", Proto, lambda row: row.proto),
        include_rows=sdk.rows("", sdk.root, "includes", Includes, lambda row: row.header),
        successions=_successions(readers["successions"], interfaces, messages),
        feature_rows=sdk.rows("", sdk.root, "features", Feature, lambda row: row.name),
        dates=_dates(readers["releases"]),
        digest=digest.hexdigest(),
    )


def _read(path: Path | None, stem: str) -> bytes:
    name = f"{stem}.json"
    try:
        if path is None:
            return resources.files("buildkit.interfaces").joinpath(name).read_bytes()
        return (path / name).read_bytes()
    except OSError as error:
        raise TableError(
            f"interface table: cannot read {name} in {path or 'buildkit.interfaces'}: "
            f"{error.strerror}; a table needs {', '.join(f'{s}.json' for s in FILES)}"
        ) from None


class _Reader:
    """Turns one file's JSON into rows; knows the file's name for messages."""

    def __init__(self, stem: str, text: bytes) -> None:
        self._file = f"{stem}.json"
        self._keys: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
        self._releases = {str(release): release for release in FINAL_RELEASES}
        try:
            root = json.loads(text)
        except ValueError as error:
            raise TableError(f"interface table: {self._file}: not JSON: {error}") from None
        if not isinstance(root, dict):
            raise TableError(f"interface table: {self._file}: expected an object")
        self.root: dict[str, Any] = root

    def part(self, key: str) -> "_Reader":
        """A reader of the object under ``key`` alone."""
        root = self.root.get(key)
        if not isinstance(root, dict):
            raise self.error(key, "expected an object")
        reader = copy.copy(self)
        reader.root = root
        return reader

    def error(self, where: str, problem: str) -> TableError:
        """The error to raise about the entry ``where``."""
        return TableError(f"interface table: {self._file}: {where}: {problem}")

    def rows(
        self, where: str, entry: Any, name: str, kind: type[R], *keys: Key[R]
    ) -> tuple[R, ...]:
        """The list ``entry[name]`` as rows; no two with an equal key may share a release."""
        where = f"{where}.{name}" if where else name
        if not isinstance(entry, dict) or not isinstance(entry.get(name), list):
            raise self.error(where, "expected a list of rows")
        rows = tuple(self.row(f"{where}[{i}]", item, kind) for i, item in enumerate(entry[name]))
        for key in keys:
            self._refuse_overlaps(where, rows, key)
        return rows

    def row(self, where: str, item: Any, kind: type[R]) -> R:
        """One row, its keys checked against the row type's fields."""
        if not isinstance(item, dict):
            raise self.error(where, f"expected an object, not {item!r}")
        if kind.__name__ not in self._keys:
            self._keys[kind.__name__] = _keys(kind)
        known, required = self._keys[kind.__name__]
        if not item.keys() <= known:
            unknown = min(item.keys() - known)
            raise self.error(where, f"unknown key {unknown!r}{did_you_mean(unknown, known)}")
        if not required <= item.keys():
            raise self.error(where, f"missing key {min(required - item.keys())!r}")
        row = kind(**self._values(where, item))
        if row.until < row.since:
            raise self.error(where, f"inverted range: since {row.since}, until {row.until}")
        return row

    def _values(self, where: str, item: dict[str, Any]) -> dict[str, Any]:
        """The item's values as the row type holds them."""
        values = dict(item)
        for name in ("since", "until"):
            if name in item:
                values[name] = self._release(where, name, item[name])
        for name in ("paths", "includes"):
            if name in item:
                values[name] = tuple(item[name])
        if "parameters" in item:
            values["parameters"] = tuple(self.parameter(where, p) for p in item["parameters"])
        return values

    def parameter(self, where: str, item: Any) -> Parameter:
        """``[type, name]`` or ``[type, name, default]``."""
        match item:
            case [str() as type_, str() as name]:
                return Parameter(type=type_, name=name)
            case [str() as type_, str() as name, str() as default]:
                return Parameter(type=type_, name=name, default=default)
        raise self.error(where, f"a parameter is [type, name] or [type, name, default]: {item!r}")

    def _release(self, where: str, key: str, text: Any) -> Release:
        try:
            return self._releases[text]
        except (KeyError, TypeError):
            raise self.error(where, f"{key}: {text!r} is not a final release") from None

    def _refuse_overlaps(self, where: str, rows: Iterable[R], key: Key[R]) -> None:
        groups: dict[Hashable, list[R]] = {}
        for row in rows:
            groups.setdefault(key(row), []).append(row)
        for name, group in groups.items():
            group.sort(key=_since)
            for before, after in pairwise(group):
                if after.since <= before.until:
                    raise self.error(
                        where,
                        f"overlapping rows for {name}: {before.since} to {before.until} "
                        f"and {after.since} to {after.until}",
                    )


def _keys(kind: type[Row]) -> tuple[frozenset[str], frozenset[str]]:
    """All keys of a row type, and those without a default."""
    parts = fields(kind)
    return (
        frozenset(part.name for part in parts),
        frozenset(part.name for part in parts if part.default is MISSING),
    )


def _since(row: Row) -> Release:
    return row.since


def _everywhere(_: Row) -> str:
    return "this entry"


def _interfaces(reader: _Reader) -> dict[str, Interface]:
    return {
        name: Interface(
            locations=reader.rows(name, entry, "locations", Location, _everywhere),
            methods=reader.rows(name, entry, "methods", Method, lambda row: row.signature),
            note=entry.get("note", ""),
        )
        for name, entry in reader.root.items()
    }


def _structs(reader: _Reader) -> dict[str, Struct]:
    return {
        name: Struct(
            locations=reader.rows(name, entry, "locations", Location, _everywhere),
            fields=reader.rows(name, entry, "fields", Member, lambda row: row.name),
            constructors=reader.rows(
                name, entry, "constructors", Constructor, lambda row: row.parameters
            ),
            replaces=entry.get("replaces", ""),
        )
        for name, entry in reader.root.items()
    }


def _add(
    reader: _Reader, key: str, entries: dict[str, V], read: Callable[[_Reader], dict[str, V]]
) -> None:
    """Add what the file has under ``key``. Nothing may be in two files."""
    found = read(reader.part(key))
    for name in found:
        if name in entries:
            raise reader.error(f"{key}.{name}", f"is in {key}.json, too")
    entries.update(found)


def _messages(reader: _Reader) -> dict[str, Message]:
    return {
        name: Message(
            declarations=reader.rows(name, entry, "declarations", Declaration, _everywhere),
            fields=reader.rows(
                name, entry, "fields", Field, lambda row: row.name, lambda row: row.number
            ),
            replaces=entry.get("replaces", ""),
        )
        for name, entry in reader.root.items()
    }


def _enums(reader: _Reader) -> dict[str, Enum]:
    return {
        name: Enum(
            declarations=reader.rows(name, entry, "declarations", Declaration, _everywhere),
            values=reader.rows(
                name, entry, "values", EnumValue, lambda row: row.name, *_numbers(entry)
            ),
        )
        for name, entry in reader.root.items()
    }


def _numbers(entry: dict[str, Any]) -> list[Key[EnumValue]]:
    """One number has one name, unless the enum is one that allows aliases."""
    return [] if entry.get("aliases") else [lambda row: row.number]


def _abi(reader: _Reader) -> Abi:
    entry = _object(reader, "abi", "header", "api_version", "fields", "constructor")
    return Abi(
        header=entry["header"],
        api_version=entry["api_version"],
        fields=tuple(reader.parameter("abi.fields", item) for item in entry["fields"]),
        constructor=tuple(entry["constructor"]),
    )


def _loader(reader: _Reader) -> Loader:
    entry = _object(reader, "loader", "source", "minimum_version", "rejects", "rejects_at_create")
    return Loader(
        source=entry["source"],
        minimum_version=entry["minimum_version"],
        known_kinds=reader.rows("loader", entry, "known_kinds", KnownKind, lambda row: row.kind),
        rejects=tuple(entry["rejects"]),
        rejects_at_create=tuple(entry["rejects_at_create"]),
        rules=reader.rows("loader", entry, "rules", Rule, lambda row: row.about),
    )


def _successions(
    reader: _Reader, interfaces: dict[str, Interface], messages: dict[str, Message]
) -> tuple[Succession, ...]:
    for what, places in reader.root.items():
        if not isinstance(places, list):
            raise reader.error(what, "expected a list of places")
        for place in places:
            owners = interfaces if place.endswith("()") else messages
            if place.rpartition(".")[0] not in owners:
                raise reader.error(what, f"{place!r} is of no interface or message of the table")
    return tuple(
        Succession(what=what, places=tuple(places)) for what, places in reader.root.items()
    )


def _object(reader: _Reader, name: str, *keys: str) -> dict[str, Any]:
    entry = reader.root.get(name)
    if not isinstance(entry, dict):
        raise reader.error(name, "expected an object")
    for key in keys:
        if key not in entry:
            raise reader.error(name, f"missing key {key!r}")
    return entry


def _dates(reader: _Reader) -> dict[Release, str]:
    known = {str(release): release for release in FINAL_RELEASES}
    for text in reader.root:
        if text not in known:
            raise reader.error(text, "not a final release")
    return {known[text]: str(date) for text, date in reader.root.items()}
