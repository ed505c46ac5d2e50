"""The interface table and the stub SDK's text rendered from it: no compiler here."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import buildkit.interfaces
from buildkit.errors import UsageError
from buildkit.interfaces import InterfaceTable, Row, TableError, load
from buildkit.releases import FINAL_RELEASES, Release
from buildkit.sdk.stub import digest, render

PACKAGED = Path(buildkit.interfaces.__file__).parent
STUBBED = tuple(release for release in FINAL_RELEASES if release >= Release(0, 22, 0))

# One release of each shape of the isolator's headers, and the patch releases that change messages.
SHAPES = tuple(
    Release.parse(text)
    for text in (
        "0.22.0", "0.23.1", "0.24.2", "0.25.0", "0.26.2", "0.27.0", "0.28.0", "1.0.1", "1.1.3",
        "1.2.0", "1.2.1", "1.4.0", "1.5.0", "1.7.0", "1.10.0", "1.11.0",
    )
)  # fmt: skip

releases = st.sampled_from(FINAL_RELEASES)


@pytest.fixture(scope="module")
def table() -> InterfaceTable:
    return load()


@pytest.fixture(scope="module")
def trees(table: InterfaceTable) -> dict[Release, dict[str, bytes]]:
    return {release: render(release, table) for release in SHAPES}


@pytest.fixture
def altered(tmp_path: Path) -> Callable[[str, Callable[[dict[str, Any]], None]], Path]:
    """A copy of the packaged table with one file changed by a function."""

    def alter(stem: str, change: Callable[[dict[str, Any]], None]) -> Path:
        for file in PACKAGED.glob("*.json"):
            shutil.copy(file, tmp_path)
        file = tmp_path / f"{stem}.json"
        content = json.loads(file.read_text())
        change(content)
        file.write_text(json.dumps(content))
        return tmp_path

    return alter


def at(text: str) -> Release:
    return Release.parse(text)


def field_types(table: InterfaceTable, message: str, release: str) -> dict[str, str]:
    return {field.name: field.type for field in table.fields(message, at(release))}


def header(release: str, path: str, table: InterfaceTable) -> str:
    return render(at(release), table)[path].decode()


# --- what the table says


def test_the_isolator_has_twelve_generations(table: InterfaceTable) -> None:
    begins = [str(generation.since) for generation in table.generations("Isolator")]
    assert begins == [
        "0.21.0", "0.22.0", "0.23.0", "0.24.0", "0.25.0", "0.27.0",
        "0.28.0", "1.0.0", "1.1.0", "1.5.0", "1.7.0", "1.10.0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("interface", "begins"),
    [
        ("Hook", ["0.22.0", "0.23.0", "0.24.0", "0.25.0", "0.26.0", "1.0.0", "1.2.0", "1.8.0"]),
        ("ContainerLogger", ["0.27.0", "1.1.0", "1.2.0", "1.2.1", "1.7.0"]),
        ("DiskProfileAdaptor", ["1.5.0", "1.5.1", "1.6.0"]),
        ("Scheduler", ["0.21.0"]),
    ],
)
def test_generations_of_other_kinds(
    table: InterfaceTable, interface: str, begins: list[str]
) -> None:
    assert [str(generation.since) for generation in table.generations(interface)] == begins


@pytest.mark.parametrize(
    ("release", "interface", "methods"),
    [
        (
            "0.23.1",
            "IsolatorProcess",
            "namespaces recover prepare isolate watch update usage cleanup",
        ),
        ("0.24.0", "Isolator", "namespaces recover prepare isolate watch update usage cleanup"),
        ("0.25.0", "Isolator", "recover prepare isolate watch update usage cleanup"),
        (
            "1.1.0",
            "Isolator",
            "supportsNesting recover prepare isolate watch update usage status cleanup",
        ),
    ],
)
def test_isolator_base_is_in_vtable_order(
    table: InterfaceTable, release: str, interface: str, methods: str
) -> None:
    base = table.isolator_base(at(release))
    assert base.interface == interface
    assert [method.name for method in base.methods] == methods.split()


def test_methods_become_optional_in_1_0(table: InterfaceTable) -> None:
    before = {m.name: m.kind for m in table.isolator_base(at("0.28.3")).methods}
    after = {m.name: m.kind for m in table.isolator_base(at("1.0.0")).methods}
    assert {name for name, kind in before.items() if kind != "pure"} == {"status"}
    assert set(after.values()) == {"virtual"}


def test_a_default_argument_is_part_of_the_method(table: InterfaceTable) -> None:
    update = next(m for m in table.isolator_base(at("1.10.0")).methods if m.name == "update")
    assert [parameter.default for parameter in update.parameters] == [None, None, "{}"]
    assert "= {}" not in update.signature


def test_method_names_cover_all_releases(table: InterfaceTable) -> None:
    assert table.method_names("Isolator") == (
        "cleanup", "isolate", "namespaces", "prepare", "recover", "status",
        "supportsNesting", "supportsStandalone", "update", "usage", "watch",
    )  # fmt: skip


def test_task_environment_came_in_a_patch_release(table: InterfaceTable) -> None:
    def has(release: str) -> bool:
        return "task_environment" in field_types(table, "ContainerLaunchInfo", release)

    assert [has(r) for r in ("1.1.3", "1.2.0", "1.2.1", "1.3.0")] == [False, False, True, True]


@pytest.mark.parametrize(
    ("release", "type_"),
    [("0.24.1", "bytes"), ("0.24.2", "string"), ("0.25.0", "bytes"), ("0.25.1", "string")],
)
def test_a_fact_may_come_and_go(table: InterfaceTable, release: str, type_: str) -> None:
    assert field_types(table, "Credential", release)["secret"] == type_


def test_enum_values_follow_patch_releases(table: InterfaceTable) -> None:
    def has(release: str) -> bool:
        values = table.enum_values("TaskStatus.Reason", at(release))
        return "REASON_TASK_KILLED_DURING_LAUNCH" in {value.name for value in values}

    assert [has(r) for r in ("1.1.2", "1.1.3", "1.2.2", "1.2.3", "1.3.1", "1.3.2")] == [
        False, True, False, True, False, True,
    ]  # fmt: skip


def test_numeric_version_macros_skip_two_releases(table: InterfaceTable) -> None:
    def has(release: str) -> bool:
        return "MESOS_MINOR_VERSION_NUM" in {macro.name for macro in table.macros(at(release))}

    assert [has(r) for r in ("0.28.2", "0.28.3", "1.0.0", "1.0.1", "1.0.2")] == [
        False, True, False, False, True,
    ]  # fmt: skip


def test_the_loader_never_knows_secret_generators(table: InterfaceTable) -> None:
    assert table.kind("SecretGenerator", at("1.11.0")) is not None
    assert not any("SecretGenerator" in table.known_kinds(r) for r in FINAL_RELEASES)


@pytest.mark.parametrize(
    ("release", "protobuf"),
    [("0.28.3", "2.5.0"), ("1.3.2", "2.6.1"), ("1.4.0", "3.3.0"), ("1.11.0", "3.5.0")],
)
def test_bundled_versions(table: InterfaceTable, release: str, protobuf: str) -> None:
    assert table.bundled(at(release))["protobuf"] == protobuf


def test_the_table_is_complete(table: InterfaceTable) -> None:
    """Rows are easily lost in editing; adding some means changing these numbers on purpose."""
    assert sum(len(i.methods) for i in table.interfaces.values()) == 272
    assert sum(len(m.fields) for m in table.messages.values()) == 454
    assert sum(len(e.values) for e in table.enums.values()) == 187
    assert set(table.dates) == set(FINAL_RELEASES)


def test_an_unknown_name_is_named(table: InterfaceTable) -> None:
    with pytest.raises(UsageError, match=r"'Isolater'.*did you mean 'Isolator'"):
        table.methods("Isolater", at("1.0.0"))


def test_every_release_answers_every_query(table: InterfaceTable) -> None:
    for release in FINAL_RELEASES:
        for interface in table.interfaces:
            methods = table.methods(interface, release)
            assert table.location(interface, release) or not methods
            signatures = [method.signature for method in methods]
            assert len(signatures) == len(set(signatures))
        for message in table.messages_of(release):
            numbers = [field.number for field in table.fields(message, release)]
            assert len(numbers) == len(set(numbers))
        for enum in table.enums_of(release):
            assert table.enum_values(enum, release)
        assert table.isolator_base(release).methods


@given(since=releases, until=releases, release=releases)
def test_a_row_holds_within_its_range_only(
    since: Release, until: Release, release: Release
) -> None:
    expected = (
        FINAL_RELEASES.index(since)
        <= FINAL_RELEASES.index(release)
        <= (FINAL_RELEASES.index(until))
    )
    assert Row(since=since, until=until).holds(release) is expected


# --- what the table refuses


def methods_of_hook(content: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = content["Hook"]["methods"]
    return rows


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda c: methods_of_hook(c)[1].update(since="1.0.0", until="0.24.0"),
            r"interfaces\.json: Hook\.methods\[1\]: inverted range: since 1\.0\.0, until 0\.24\.0",
        ),
        (
            lambda c: methods_of_hook(c).append(methods_of_hook(c)[1]),
            r"interfaces\.json: Hook\.methods: overlapping rows for masterLaunchTask",
        ),
        (
            lambda c: methods_of_hook(c)[1].update(until="0.28.9"),
            r"until: '0\.28\.9' is not a final release",
        ),
        (
            lambda c: methods_of_hook(c)[1].update(untill="1.0.0"),
            r"unknown key 'untill'; did you mean 'until'",
        ),
        (lambda c: methods_of_hook(c)[1].pop("kind"), r"Hook\.methods\[1\]: missing key 'kind'"),
        (
            lambda c: methods_of_hook(c)[1].update(parameters=["int x"]),
            r"a parameter is \[type, name\]",
        ),
        (lambda c: c["Hook"].pop("methods"), r"Hook\.methods: expected a list of rows"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(
    altered: Callable[[str, Callable[[dict[str, Any]], None]], Path],
    change: Callable[[dict[str, Any]], None],
    message: str,
) -> None:
    with pytest.raises(TableError, match=message):
        load(altered("interfaces", change))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(one=st.tuples(releases, releases), other=st.tuples(releases, releases))
def test_two_rows_may_share_no_release(
    altered: Callable[[str, Callable[[dict[str, Any]], None]], Path],
    one: tuple[Release, Release],
    other: tuple[Release, Release],
) -> None:
    ranges = [sorted(one), sorted(other)]

    def split(content: dict[str, Any]) -> None:
        row = content["FrameworkID"]["fields"][0]
        content["FrameworkID"]["fields"] = [
            row | {"since": str(since), "until": str(until)} for since, until in ranges
        ]

    path = altered("messages", split)
    held = [{r for r in FINAL_RELEASES if since <= r <= until} for since, until in ranges]
    if held[0] & held[1]:
        with pytest.raises(TableError, match=r"FrameworkID\.fields: overlapping rows for value"):
            load(path)
    else:
        table = load(path)
        with_field = {r for r in FINAL_RELEASES if table.fields("FrameworkID", r)}
        assert with_field == held[0] | held[1]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"cannot read interfaces\.json in .*No such file"):
        load(tmp_path)


def test_a_broken_file_is_named(
    altered: Callable[[str, Callable[[dict[str, Any]], None]], Path],
) -> None:
    path = altered("enums", lambda _: None)
    (path / "enums.json").write_text("{")
    with pytest.raises(TableError, match=r"enums\.json: not JSON"):
        load(path)


# --- rendering


@pytest.mark.parametrize("release", ["0.21.2", "1.11.1", "1.12.0"])
@pytest.mark.parametrize("ask", [render, digest])
def test_a_release_outside_the_table_is_refused(
    ask: Callable[[Release], object], release: str
) -> None:
    with pytest.raises(UsageError, match=rf"{re.escape(release)}.*0\.22\.0 to 1\.11\.0"):
        ask(at(release))


def test_rendering_is_deterministic(trees: dict[Release, dict[str, bytes]]) -> None:
    fresh = load()
    for release, tree in trees.items():
        assert render(release, fresh) == tree
        assert list(tree) == sorted(tree)


def test_no_header_leaves_template_marks_or_two_share_a_guard() -> None:
    tree = render(at("1.11.0"))
    guards = []
    for path, content in tree.items():
        text = content.decode()
        assert "{{" not in text, path
        assert "{%" not in text, path
        assert text.endswith("\n"), path
        guards.append(text.splitlines()[1])
    assert len(set(guards)) == len(tree)


def test_digests_tell_releases_apart(table: InterfaceTable) -> None:
    assert len({digest(release, table) for release in STUBBED}) == len(STUBBED)
    assert digest(STUBBED[0], table) == digest(STUBBED[0])


def test_a_changed_row_changes_headers_and_digest(
    table: InterfaceTable, altered: Callable[[str, Callable[[dict[str, Any]], None]], Path]
) -> None:
    def drop_status(content: dict[str, Any]) -> None:
        rows = content["Isolator"]["methods"]
        content["Isolator"]["methods"] = [row for row in rows if row["name"] != "status"]

    changed = load(altered("interfaces", drop_status))
    path = "mesos/slave/isolator.hpp"
    assert "status(" in header("1.0.0", path, table)
    assert "status(" not in header("1.0.0", path, changed)
    assert digest(at("1.0.0"), changed) != digest(at("1.0.0"), table)


@pytest.mark.parametrize("method", load().method_names("Isolator"))
def test_every_isolator_method_comes_from_its_row(
    table: InterfaceTable,
    trees: dict[Release, dict[str, bytes]],
    altered: Callable[[str, Callable[[dict[str, Any]], None]], Path],
    method: str,
) -> None:
    def drop(content: dict[str, Any]) -> None:
        for interface in ("Isolator", "IsolatorProcess"):
            rows = content[interface]["methods"]
            content[interface]["methods"] = [row for row in rows if row["name"] != method]

    changed = load(altered("interfaces", drop))
    release = next(r for r in SHAPES if method in {m.name for m in table.isolator_base(r).methods})
    path = "mesos/slave/isolator.hpp"
    assert f" {method}(" in trees[release][path].decode()
    assert f" {method}(" not in header(str(release), path, changed)


def test_includes_are_the_releases_own_and_lead_somewhere(
    table: InterfaceTable, trees: dict[Release, dict[str, bytes]]
) -> None:
    for release, tree in trees.items():
        text = tree["mesos/slave/isolator.hpp"].decode()
        for include in table.includes("include/mesos/slave/isolator.hpp", release):
            assert f"#include {include}" in text
        for path, content in tree.items():
            for include in re.findall(r"#include <([\w/]+/[\w/.]+)>", content.decode()):
                assert include in tree or include == "sys/types.h", (path, include)


def test_the_container_type_of_recover_decides_the_include(table: InterfaceTable) -> None:
    path = "mesos/slave/isolator.hpp"
    assert "#include <list>" in header("1.6.2", path, table)
    assert "#include <list>" not in header("1.7.0", path, table)


@pytest.mark.parametrize(
    ("release", "there", "missing"),
    [
        ("0.23.1", None, "mesos/slave/isolator.pb.h"),
        ("0.24.0", "mesos/slave/isolator.pb.h", "mesos/slave/containerizer.hpp"),
        ("1.1.0", "mesos/slave/containerizer.hpp", "mesos/slave/isolator.pb.h"),
        ("1.4.0", "google/protobuf/map.h", None),
        ("1.3.2", "mesos/module/hook.pb.h", "google/protobuf/map.h"),
    ],
)
def test_headers_come_and_go_as_in_the_release(
    table: InterfaceTable, release: str, there: str | None, missing: str | None
) -> None:
    tree = render(at(release), table)
    assert there is None or there in tree
    assert missing not in tree


def test_each_field_has_its_accessors(
    table: InterfaceTable, trees: dict[Release, dict[str, bytes]]
) -> None:
    for release, tree in trees.items():
        text = "".join(c.decode() for p, c in tree.items() if p.endswith(".pb.h"))
        for message in table.messages_of(release):
            cpp = f"class {message.replace('.', '_')} : public"
            assert cpp in text
            body = text.partition(cpp)[2].partition("\n};")[0]
            fields = table.fields(message, release)
            oneofs = {field.oneof for field in fields if field.oneof}
            cleared = set(re.findall(r"void clear_(\w+)\(\)", body))
            assert cleared == {field.name.lower() for field in fields} | oneofs, message


def test_a_message_without_rows_for_a_release_is_not_declared(
    trees: dict[Release, dict[str, bytes]],
) -> None:
    text = trees[at("0.25.0")]["mesos/slave/isolator.pb.h"].decode()
    assert "class ContainerPrepareInfo" in text
    assert "ContainerLaunchInfo" not in text


def test_two_spellings_of_a_field_have_distinct_constants(table: InterfaceTable) -> None:
    text = header("0.28.0", "mesos/slave/isolator.pb.h", table)
    assert "kExecutorInfoFieldNumber = 1;" in text
    assert "kExecutorInfo_8FieldNumber = 8;" in text


def test_messages_that_contain_each_other_are_refused(
    altered: Callable[[str, Callable[[dict[str, Any]], None]], Path],
) -> None:
    def tie(content: dict[str, Any]) -> None:
        content["Label"]["fields"].append(
            {"number": 9, "label": "optional", "type": "Labels", "name": "labels"}
        )

    with pytest.raises(UsageError, match="contain each other: Labels -> Label -> Labels"):
        render(at("1.11.0"), load(altered("messages", tie)))


# --- what isolators do without


def test_further_messages_are_read_only_if_asked_for(table: InterfaceTable) -> None:
    further = load(further=True)
    assert "FrameworkInfo" not in table.messages
    assert "Status" not in table.enums
    assert set(further.messages) > set(table.messages)
    assert set(further.enums) > set(table.enums)
    assert further.digest != table.digest


@pytest.mark.parametrize(
    ("message", "number", "name", "begins"),
    [
        ("FrameworkInfo", 12, "roles", "1.2.0"),
        ("FrameworkInfo", 13, "offer_filters", "1.8.0"),
        ("SlaveInfo", 10, "domain", "1.4.0"),
        ("Offer", 8, "url", "0.24.0"),
        ("Offer.Operation", 7, "launch_group", "1.1.0"),
        ("MasterInfo", 7, "address", "0.24.0"),
    ],
)
def test_when_fields_of_frameworks_messages_came(
    message: str, number: int, name: str, begins: str
) -> None:
    rows = [row for row in load(further=True).messages[message].fields if row.name == name]
    assert rows[0].number == number
    assert str(rows[0].since) == begins


def test_types_that_further_messages_name_are_there(table: InterfaceTable) -> None:
    """Whatever is followed is found: nothing was forgotten on the way."""
    further = load(further=True)
    known = {*further.messages, *further.enums}
    scalars = {
        *("bool", "string", "bytes", "double", "float"),
        *("int32", "int64", "uint32", "uint64"),
    }
    # Since 1.0.0 no module meets ACLs.
    for name in set(further.messages) - set(table.messages) - {"ACLs"}:
        for row in further.messages[name].fields:
            scopes = name.split(".")
            # Keys do not have the package.
            type_ = row.type.removeprefix("quota.")
            spelled = [".".join((*scopes[:n], type_)) for n in range(len(scopes), -1, -1)]
            assert row.type in scalars or known & set(spelled), (name, row)


def test_a_message_in_two_files(altered: Callable[..., Path]) -> None:
    def change(content: dict[str, Any]) -> None:
        content["messages"]["ContainerID"] = content["messages"]["Filters"]

    path = altered("further", change)
    with pytest.raises(TableError, match=r"further\.json: messages\.ContainerID: is in messages"):
        load(path, further=True)
    load(path)


@pytest.mark.parametrize("key", ["messages", "enums"])
def test_a_part_of_the_further_file_is_lacking(altered: Callable[..., Path], key: str) -> None:
    path = altered("further", lambda content: content.pop(key))
    with pytest.raises(TableError, match=f"{key}: expected an object"):
        load(path, further=True)


def test_one_number_has_one_name_unless_aliases_are_allowed(altered: Callable[..., Path]) -> None:
    values = [{"name": "A", "number": 1}, {"name": "B", "number": 1}]

    def change(content: dict[str, Any]) -> None:
        content["Volume.Mode"]["values"] = values

    with pytest.raises(TableError, match="overlapping rows for 1"):
        load(altered("enums", change))

    def allow(content: dict[str, Any]) -> None:
        content["Volume.Mode"] |= {"values": values, "aliases": True}

    assert len(load(altered("enums", allow)).enum_values("Volume.Mode", at("1.0.0"))) == 2
