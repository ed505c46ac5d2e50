"""Rows of the interface table as its JSON files hold them, and wrong versions of each.

A row with another name is a row removed and one added, so only rows without a name that somebody
uses are removed as such.
"""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import buildkit.interfaces
from buildkit.interfaces import FIRST, LAST
from buildkit.interfaces.loading import FILES
from buildkit.releases import Release

FOLDER = Path(buildkit.interfaces.__file__).parent

Tables = dict[str, Any]
"""The table: each file's content by its stem."""


@dataclass(frozen=True, order=True)
class Row:
    """Where a row is: keys and indices from the file's stem down to it."""

    place: tuple[str | int, ...]

    def value(self, tables: Tables) -> Any:
        value: Any = tables
        for key in self.place:
            value = value[key]
        return value

    def holds(self, tables: Tables, release: Release) -> bool:
        value = self.value(tables)
        if not isinstance(value, dict):  # the module descriptor's have no range
            return True
        since, until = value.get("since", str(FIRST)), value.get("until", str(LAST))
        return Release.parse(since) <= release <= Release.parse(until)

    def title(self, tables: Tables) -> str:
        value = self.value(tables)
        where = ".".join(str(key) for key in self.place)
        if not isinstance(value, dict):
            return f"{where} {value}"
        words = (value.get("name"), value.get("kind"), value.get("since", ""))
        return f"{where} {' '.join(word for word in words if word)}"


@dataclass(frozen=True)
class Change:
    """A wrong version of one row: ``value``, or no row at all."""

    row: Row
    what: str
    value: Any = None
    removed: bool = False

    def applied(self, tables: Tables) -> Tables:
        """The table with this change; the files without it are the same objects."""
        stem = self.row.place[0]
        changed = {**tables, stem: copy.deepcopy(tables[stem])}
        parent = Row(self.row.place[:-1]).value(changed)
        if self.removed:
            del parent[self.row.place[-1]]
        else:
            parent[self.row.place[-1]] = self.value
        return changed


def read_tables() -> Tables:
    return {stem: json.loads((FOLDER / f"{stem}.json").read_bytes()) for stem in FILES}


def write_tables(tables: Tables, true: Tables, folder: Path) -> Path:
    """A folder with the table; what is not changed is linked to, to save time."""
    folder.mkdir(parents=True, exist_ok=True)
    for stem, content in tables.items():
        file = folder / f"{stem}.json"
        if content is true[stem]:
            file.symlink_to(FOLDER / file.name)
        else:
            file.write_text(json.dumps(content))
    return folder


def rows_of(tables: Tables, *place: str) -> Iterator[Row]:
    """The rows of a list."""
    for index in range(len(Row(place).value(tables))):
        yield Row((*place, index))


def method_changes(row: Row, method: dict[str, Any]) -> Iterator[Change]:
    """Everything that an override must match, and whether there must be one."""
    if "returns" not in method:  # constructor or destructor
        yield Change(row, "removed", removed=True)
    else:
        yield _with(row, method, name=f"{method['name']}Changed")
        yield _with(row, method, returns="process::Future<double>")
    for index, parameter in enumerate(method["parameters"]):
        parameters = copy.deepcopy(method["parameters"])
        # Neither converts to the other, or a call could still be passed on.
        parameters[index][0] = "double" if "string" in parameter[0] else "const std::string&"
        del parameters[index][2:]
        yield _with(row, method, f"type of {parameter[1]}", parameters=parameters)
        if parameter[2:]:
            parameters = copy.deepcopy(method["parameters"])
            del parameters[index][2:]
            yield _with(row, method, f"default of {parameter[1]}", parameters=parameters)
    if method["kind"] == "nonvirtual" or "returns" not in method:
        # Called through a pointer that is not const: there its constness shows nowhere.
        return
    yield _with(row, method, const=not method.get("const", False))
    if method["kind"] == "pure":
        yield _with(row, method, kind="virtual", body=f"return {method['returns']}();")
    else:
        yield _with(row, {**method, "body": None}, kind="pure")


def location_changes(row: Row, location: dict[str, Any]) -> Iterator[Change]:
    yield _with(row, location, header=location["header"].replace(".hpp", "_changed.hpp"))
    yield _with(row, location, namespace=f"{location['namespace']}::changed")
    yield _with(row, location, name=f"{location['name']}Changed")
    if location.get("base"):
        yield _with(row, location, base="")


def member_changes(row: Row, member: dict[str, Any]) -> Iterator[Change]:
    yield _with(row, member, name=f"{member['name']}Changed")
    yield _with(row, member, type="double")


def field_changes(row: Row, field: dict[str, Any]) -> Iterator[Change]:
    """Name, type, and one or many.

    Required and optional fields have the same accessors, and without serialisation nobody misses a
    required one. Numbers are the wire's, and nothing goes over it here.
    """
    yield _with(row, field, name=f"{field['name']}_changed")
    yield _with(row, field, label="optional" if field["label"] == "repeated" else "repeated")
    plain = {key: value for key, value in field.items() if key != "default"}
    yield _with(row, plain, type="uint64" if field["type"] == "string" else "string")


def declaration_changes(row: Row, declaration: dict[str, Any]) -> Iterator[Change]:
    """The package, which is the namespace; a package has files of its own.

    The file alone is nothing to an isolator that includes what declares its base class. And a
    message that is only mentioned, by a field or a method, is still a type without its own row.
    """
    package = f"{declaration['package']}.changed"
    yield _with(row, declaration, package=package, proto="include/mesos/changed.proto")


def value_changes(row: Row, value: dict[str, Any]) -> Iterator[Change]:
    yield _with(row, value, name=f"{value['name']}_CHANGED")


def kind_changes(row: Row, kind: dict[str, Any]) -> Iterator[Change]:
    yield Change(row, "removed", removed=True)
    yield _with(row, kind, kind="Isolater")
    yield _with(row, kind, type="mesos::slave::Isolater")
    yield _with(row, kind, header=kind["header"].replace(".hpp", "_changed.hpp"))


def macro_changes(row: Row, macro: dict[str, Any]) -> Iterator[Change]:
    yield Change(row, "removed", removed=True)
    yield _with(row, macro, kind="integer")


def abi_field_changes(row: Row, field: list[str]) -> Iterator[Change]:
    yield Change(row, "name", [field[0], f"{field[1]}Changed"])
    yield Change(row, "type", ["double", field[1]])


def abi_constructor_changes(row: Row, _: str) -> Iterator[Change]:
    yield Change(row, "removed", removed=True)


def _with(row: Row, value: dict[str, Any], what: str = "", **parts: Any) -> Change:
    name = what or ", ".join(f"{key} {part!r}" for key, part in parts.items())
    return Change(row, name, {**value, **parts})
