"""Every row of the interface table that our isolator meets decides its verdict.

Each such row is changed, in a copy of the table, in every way that counts; the stub SDK is rendered
from the copy, and what the compiler, the look at the library or the harness says must differ from
what it says with the true table, which is nothing bad.

A row is tried in the first release in which the isolator meets it; the releases are one of each
stretch in which neither the isolator's base class nor the isolator's own guards change.
"""

import os
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import support_rows as rows
from filelock import FileLock
from support_guards import ISOLATOR, RELEASES, compiled, find_bounds
from support_rows import Change, Row
from test_harness import GENERATIONS, HARNESS, ISOLATOR_SYMBOL, Bench, run_harness

from buildkit.errors import UsageError
from buildkit.interfaces import InterfaceTable, load
from buildkit.releases import FINAL_RELEASES, Release
from buildkit.sdk.stub import OLDEST, render
from buildkit.slots import Slots, default_jobs
from buildkit.smoke.overrides import Interface, find_dead_overrides

Changes = Callable[[Row, Any], Iterator[Change]]

TABLES = rows.read_tables()
TABLE = load()
INTERFACES = ("Isolator", "IsolatorProcess")


def stretches() -> list[Release]:
    """A release for each stretch, preferably one for which another test builds the isolator too."""
    starts = {generation.since for generation in TABLE.generations("Isolator")}
    starts |= {bound.release for bound in find_bounds(ISOLATOR)}
    ends = [*sorted(start for start in starts if start >= OLDEST), Release(2, 0, 0)]
    return [
        max(
            (release for release in RELEASES if start <= release < end),
            key=lambda release: (str(release) in GENERATIONS, release),
        )
        for start, end in pairwise(ends)
    ]


STRETCHES = stretches()

READING = (
    *("-std=c++11", "-fsyntax-only", "-fmax-errors=1"),
    *("-Wall", "-Wextra", "-Woverloaded-virtual"),
)
# What the stub's headers, the isolator and the harness include of it.
STANDARD = (
    *("algorithm", "chrono", "condition_variable", "cstring", "deque", "functional", "iterator"),
    *("list", "map", "memory", "mutex", "ostream", "set", "sstream", "stdexcept", "string"),
    *("system_error", "thread", "tuple", "type_traits", "unordered_map", "unordered_set"),
    *("utility", "vector"),
)


# --- which rows the isolator meets


@dataclass(frozen=True)
class Use:
    """What the isolator's sources and object code for one release refer to."""

    release: Release
    source: str
    symbols: str

    def names(self, package: str, name: str) -> bool:
        """Whether the source names a type, or something inside it."""
        qualified = "::".join((*package.split("."), *name.split(".")))
        return bool(re.search(rf"\b{qualified}\b", self.source))

    def mentions(self, word: str) -> bool:
        return bool(re.search(rf"\b{word}\b", self.source))

    def reads_member(self, name: str) -> bool:
        """Whether the source uses a data member of that name, of whatever."""
        return bool(re.search(rf"(?:\.|->){name}\b(?!\s*\()", self.source))

    def calls(self, package: str, message: str, field: str) -> bool:
        """Whether an accessor is called in the source, and instantiated for this very message.

        The stub's own code calls accessors as well; the source tells the isolator's.
        """
        accessor = rf"(?:set_|add_|mutable_|has_)?{field.lower()}(?:_size)?"
        qualified = "::".join((*package.split("."), message.replace(".", "_")))
        return bool(
            re.search(rf"(?:\.|->){accessor}\(", self.source)
            and re.search(rf"\b{qualified}::{accessor}[<([]", self.symbols)
        )


def active_source(release: Release) -> str:
    """What the compiler sees of the isolator's own sources, without comments."""
    lines = []
    for path in sorted((ISOLATOR / "src").iterdir()):
        text = path.read_text().splitlines()
        lines += [text[number].partition("//")[0] for number in compiled(text, release)]
    return "\n".join(lines)


def met_rows(use: Use) -> dict[Row, Changes]:
    """The rows that the isolator meets in a release, with how each can be changed."""
    return {
        row: changes
        for row, changes in (
            *_interface_rows(),
            *_struct_rows(use),
            *_message_rows(use),
            *_module_rows(use),
        )
        if row.holds(TABLES, use.release)
    }


def _interface_rows() -> Iterator[tuple[Row, Changes]]:
    """All of them: the agent calls the base class, and what the isolator leaves out is its too."""
    for name in INTERFACES:
        for row in rows.rows_of(TABLES, "interfaces", name, "locations"):
            yield row, rows.location_changes
        for row in rows.rows_of(TABLES, "interfaces", name, "methods"):
            # A process's destructor is virtual because that of libprocess's class is.
            if row.value(TABLES)["name"] != "~IsolatorProcess":
                yield row, rows.method_changes


def _struct_rows(use: Use) -> Iterator[tuple[Row, Changes]]:
    for name in TABLES["structs"]:
        location = TABLE.location(name, use.release)
        if location is None or not use.names(location.namespace.replace("::", "."), location.name):
            continue
        for row in rows.rows_of(TABLES, "structs", name, "locations"):
            # Where it is declared is where the isolator's base class is.
            yield (
                row,
                lambda row, value: (
                    change
                    for change in rows.location_changes(row, value)
                    if not change.what.startswith("header")
                ),
            )
        for row in rows.rows_of(TABLES, "structs", name, "fields"):
            if use.reads_member(row.value(TABLES)["name"]):
                yield row, rows.member_changes


def _message_rows(use: Use) -> Iterator[tuple[Row, Changes]]:
    for name in TABLE.messages_of(use.release):
        declared = TABLE.declaration(name, use.release)
        assert declared is not None
        if use.names(declared.package, name):
            for row in rows.rows_of(TABLES, "messages", name, "declarations"):
                yield row, rows.declaration_changes
        for row in rows.rows_of(TABLES, "messages", name, "fields"):
            if use.calls(declared.package, name, row.value(TABLES)["name"]):
                yield row, rows.field_changes
    for name in TABLE.enums_of(use.release):
        declared = TABLE.declaration(name, use.release)
        assert declared is not None
        outer = name.rpartition(".")[0]
        for row in rows.rows_of(TABLES, "enums", name, "values"):
            if outer and use.names(declared.package, f"{outer}.{row.value(TABLES)['name']}"):
                yield row, rows.value_changes


def _module_rows(use: Use) -> Iterator[tuple[Row, Changes]]:
    for row in rows.rows_of(TABLES, "modules", "abi", "fields"):
        yield row, rows.abi_field_changes
    for row in rows.rows_of(TABLES, "modules", "abi", "constructor"):
        yield row, rows.abi_constructor_changes
    yield Row(("modules", "abi", "api_version")), lambda row, _: iter([Change(row, "other", "3")])
    for row in rows.rows_of(TABLES, "modules", "kinds"):
        if row.value(TABLES)["kind"] == "Isolator":
            yield row, rows.kind_changes
    for row in rows.rows_of(TABLES, "modules", "macros"):
        if use.mentions(row.value(TABLES)["name"]):
            yield row, rows.macro_changes


# --- the verdict


def probe_source(table: InterfaceTable, release: Release) -> str:
    """An isolator that overrides all there is, and for each method one that leaves just that out.

    Purity is nothing to a class that overrides a method, and the isolator leaves some methods out;
    this one meets them all.
    """
    base = table.isolator_base(release)
    name = base.location.name
    overrides = {
        method.name: f"  {method.returns} {method.name}"
        f"({', '.join(parameter.type for parameter in method.parameters)})"
        f"{' const' if method.const else ''} override;\n"
        for method in base.methods
    }
    text = f"struct All : {name}\n{{\n{''.join(overrides.values())}}};\n"
    text += f'static_assert(std::has_virtual_destructor<{name}>::value, "destructor");\n'
    for method in base.methods:
        others = "".join(line for other, line in overrides.items() if other != method.name)
        text += f"struct Without_{method.name} : {name}\n{{\n{others}}};\n"
        text += (
            f"static_assert(std::is_abstract<Without_{method.name}>::value == "
            f'{str(method.kind == "pure").lower()}, "{method.name}");\n'
        )
    spaces = base.location.namespace.split("::")
    opened = "".join(f"namespace {space} {{\n" for space in (*spaces, "probe"))
    return (
        f"#include <type_traits>\n#include <{base.location.include}>\n"
        f"{opened}{text}{'}' * (len(spaces) + 1)}\n"
    )


@dataclass(frozen=True)
class Judge:
    """Gives verdicts on stub SDKs of one release; an empty one is a good one."""

    bench: Bench
    release: Release
    folder: Path
    standard: Path
    """A header that includes the standard ones, compiled: half of what there is to read."""

    def read(self, name: str, table: InterfaceTable, change: Change | None = None) -> str:
        """What the compiler says on reading the isolator, the probe and the harness."""
        try:
            sdk = self._sdk(name, table)
        except UsageError as error:
            return f"there is no SDK for such a table: {error}"
        # Without a change it is read as users have it, who may have forgotten an #include.
        first = ("-include", self.standard) if change is not None else ()
        for source in self._readers(change):
            said = self._compile(sdk, *READING, *first, source)
            if said:
                return said
        return ""

    def _readers(self, change: Change | None) -> list[Path]:
        """All of them; the one that is likeliest to object to the change is asked first."""
        readers = [ISOLATOR / "src" / "isolator.cpp", self._probe, HARNESS / "subject.cpp"]
        first = 0
        if change is not None and change.row.place[2] == "methods":
            method = change.row.value(TABLES)
            if method["kind"] == "nonvirtual":
                first = 2
            elif change.what.startswith("kind") or f" {method['name']}(" not in self._overrides:
                first = 1
        return [readers.pop(first), *readers]

    def run(self, name: str, table: InterfaceTable) -> str:
        """What the linker, the look for dead overrides and the harness say."""
        sdk = self._sdk(name, table)
        folder = self.folder / name
        shared = self.bench.release(str(self.release)).parent
        module, agent = folder / "isolator.o", folder / "subject.o"
        library, harness = folder / "libdockervolume.so", folder / "harness"
        said = self._compile(
            sdk, "-O0", "-g", "-fPIC", "-c", ISOLATOR / "src" / "isolator.cpp", "-o", module
        )
        said += self._compile(sdk, "-O0", "-c", HARNESS / "subject.cpp", "-o", agent)
        core = sorted((shared / "isolator-core").glob("*.o"))
        said += _said(
            "g++", "-shared", module, *core, "-o", library, "-Wl,--no-undefined", "-pthread"
        )
        core = [shared / "harness-core" / "harness.o"]
        said += _said("g++", agent, *core, "-o", harness, "-ldl", "-pthread")
        if said:
            return said
        base = table.isolator_base(self.release)
        report = find_dead_overrides(
            library,
            None,
            Interface(
                release=str(self.release),
                base_class=base.location.qualified,
                methods=frozenset(table.method_names("Isolator")),
            ),
        )
        if report.problem or report.dead:
            return str(report.problem or report.dead[0])
        # First the tool's own way, where the harness sees the same SDK as the module. Then what an
        # agent of the release would say: it has the true one.
        return self._drive(folder, folder, library) or self._drive(
            folder, self.bench.release(str(self.release)), library
        )

    def _drive(self, folder: Path, tools: Path, library: Path) -> str:
        own: list[str | Path] = ["--library", library, "--symbol", ISOLATOR_SYMBOL]
        result = run_harness(folder, tools, "load", *own, "--kind", "Isolator")
        if result.code == 0:
            own += ["--scenario", "docker-volume", "--work", folder / "work"]
            result = run_harness(folder, tools, "run", *own, "--stand-in", HARNESS / "stand-in.sh")
        return "\n".join(f"{name}: {detail}" for name, detail in result.problems().items())

    def _sdk(self, name: str, table: InterfaceTable) -> list[Path]:
        """A folder with the files that differ, and where the others are found."""
        folder = self.folder / name / "sdk"
        folder.mkdir(parents=True, exist_ok=True)
        tree, true = render(self.release, table), self._true
        alike = tree.keys() == true.keys()
        for path, content in tree.items():
            if not alike or content != true[path]:
                file = folder / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        return [folder, self.bench.release(str(self.release)) / "sdk"] if alike else [folder]

    def _compile(self, sdk: list[Path], *arguments: str | Path) -> str:
        include = self.bench.release(str(self.release)) / "include"
        folders = [word for path in (*sdk, include, ISOLATOR) for word in ("-I", path)]
        # What is compiled beforehand has to come first.
        forced = ["-include", "mesos_buildkit/version.h"]
        return _said("g++", "-std=c++11", *folders, *arguments, *forced)

    @cached_property
    def _true(self) -> dict[str, bytes]:
        return render(self.release, TABLE)

    @cached_property
    def _overrides(self) -> str:
        return active_source(self.release)

    @cached_property
    def _probe(self) -> Path:
        path = self.folder / "probe.cpp"
        path.write_text(probe_source(TABLE, self.release))
        return path


def _said(*command: str | Path) -> str:
    done = subprocess.run(
        ["nice", *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.stderr or ("" if done.returncode == 0 else f"exited with {done.returncode}")


# --- the tests


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Under xdist each process has a folder of its own below one that they share.
    root = tmp_path_factory.getbasetemp()
    return root.parent if "PYTEST_XDIST_WORKER" in os.environ else root


@pytest.fixture(scope="session")
def in_parallel(shared: Path) -> Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]]:
    """Do something to many, at most as many at a time as fit all of pytest's processes."""
    slots = Slots(default_jobs(512 * 1024**2), shared / "slots")

    def run(work: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        def one(item: Any) -> Any:
            with slots.acquire(Event()):
                return work(item)

        with ThreadPoolExecutor(slots.limit) as pool:
            return list(pool.map(one, items))

    return run


@pytest.fixture(scope="session")
def bench(shared: Path) -> Bench:
    folder = shared / "harness-builds"
    folder.mkdir(exist_ok=True)
    return Bench(folder)


@pytest.fixture(scope="session")
def standard(shared: Path) -> Path:
    header = shared / "standard.hpp"
    with FileLock(f"{header}.lock"):
        if not header.exists():
            header.write_text("".join(f"#include <{name}>\n" for name in STANDARD))
            assert _said("g++", *READING[:1], *READING[3:], "-x", "c++-header", header) == ""
    return header


@pytest.fixture(scope="session")
def owned(bench: Bench, in_parallel) -> dict[Release, dict[Row, Changes]]:
    """For each release the rows that the isolator meets there, and in no earlier one."""

    def use_of(release: Release) -> Use:
        library = bench.isolator(str(release))
        done = subprocess.run(
            ["nm", "-C", library.parent / "isolator.o"], capture_output=True, text=True, check=True
        )
        return Use(release, active_source(release), done.stdout)

    found: dict[Release, dict[Row, Changes]] = {}
    known: set[Row] = set()
    for use in in_parallel(use_of, STRETCHES):
        met = met_rows(use)
        found[use.release] = {row: met[row] for row in met if row not in known}
        known |= met.keys()
    return found


def test_every_method_is_there_in_one_of_the_releases():
    for name in INTERFACES:
        for row in rows.rows_of(TABLES, "interfaces", name, "methods"):
            if any(row.holds(TABLES, r) for r in FINAL_RELEASES if r >= OLDEST):
                assert any(row.holds(TABLES, r) for r in STRETCHES), row.title(TABLES)


def test_the_rows_that_are_met_are_those_one_would_name(owned):
    titles = {row.title(TABLES).partition(" ")[0] for found in owned.values() for row in found}
    for part in ("interfaces.Isolator.methods", "interfaces.IsolatorProcess.methods",
                 "structs.ExecutorRunState.fields", "messages.ContainerConfig.fields",
                 "messages.ContainerLaunchInfo.fields", "messages.Environment.Variable.fields",
                 "enums.Environment.Variable.Type.values", "modules.abi.fields",
                 "modules.abi.constructor", "modules.kinds", "modules.macros"):  # fmt: skip
        assert any(title.startswith(part) for title in titles), part
    assert len(titles) > 100


@pytest.mark.parametrize("release", STRETCHES, ids=str)
def test_a_changed_row_changes_the_verdict(
    bench: Bench, standard: Path, in_parallel, owned, tmp_path: Path, release: Release
):
    judge = Judge(bench, release, tmp_path, standard)
    assert judge.read("true", TABLE) == ""

    changes = [
        change for row, make in owned[release].items() for change in make(row, row.value(TABLES))
    ]

    @cache
    def changed(number: int) -> InterfaceTable:
        folder = tmp_path / f"table-{number}"
        return load(rows.write_tables(changes[number].applied(TABLES), TABLES, folder))

    def reads_well(number: int) -> bool:
        return not judge.read(str(number), changed(number), changes[number])

    def runs_well(number: int) -> bool:
        return not judge.run(str(number), changed(number))

    numbers = range(len(changes))
    left = [n for n, well in zip(numbers, in_parallel(reads_well, numbers), strict=True) if well]
    if left:
        assert judge.run("true", TABLE) == ""
    left = [n for n, well in zip(left, in_parallel(runs_well, left), strict=True) if well]
    assert [f"{changes[n].row.title(TABLES)}: {changes[n].what}" for n in left] == []


def test_the_table_that_is_changed_is_the_one_that_is_used(tmp_path: Path):
    folder = rows.write_tables(TABLES, dict.fromkeys(TABLES), tmp_path)
    for release in STRETCHES:
        assert render(release, load(folder)) == render(release)
