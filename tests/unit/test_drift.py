"""What changes between releases for a module: facts, dates and effects, from the table alone."""

import json
import shutil
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import buildkit.interfaces
from buildkit.drift import (
    Category,
    Change,
    Effect,
    Step,
    What,
    boundaries,
    changes,
    kinds_of,
    sentence,
)
from buildkit.errors import UsageError
from buildkit.interfaces import InterfaceTable, load
from buildkit.releases import FINAL_RELEASES, Release

TABLE = load(further=True)
GUARD, DIES, MORE, NOTE = (
    Effect.NEEDS_GUARD,
    Effect.DIES_SILENTLY,
    Effect.ADDITIVE,
    Effect.NOTICE,
)


def between(older: str, newer: str, *kinds: str, **options: bool) -> tuple[Change, ...]:
    parsed = (Release.parse(older), Release.parse(newer))
    return changes(TABLE, *parsed, kinds or ("Isolator",), **options)


def concerning(found: tuple[Change, ...], subject: str, item: str | None = None) -> list[Change]:
    return [change for change in found if change.concerns(subject, item)]


def one(found: tuple[Change, ...], subject: str, item: str = "", aspect: str = "") -> Change:
    [change] = [
        change
        for change in found
        if (change.subject, change.item) == (subject, item) and change.aspect.startswith(aspect)
    ]
    return change


@pytest.fixture
def altered_table(tmp_path):
    """Makes a table with further rows among a message's fields."""

    def alter(message: str, *rows: dict[str, object]) -> InterfaceTable:
        for file in Path(buildkit.interfaces.__file__).parent.glob("*.json"):
            shutil.copy(file, tmp_path)
        path = tmp_path / "messages.json"
        content = json.loads(path.read_text())
        content[message]["fields"] += rows
        path.write_text(json.dumps(content))
        return load(tmp_path, further=True)

    return alter


@cache
def all_steps() -> dict[Release, Step]:
    """Every step from a release to the next, for every kind."""
    kinds = kinds_of(TABLE)
    found = boundaries(TABLE, FINAL_RELEASES, kinds, all_messages=True)
    return {step.newer: step for step in found}


@pytest.fixture
def steps():
    return all_steps()


@pytest.fixture(scope="module")
def story() -> tuple[Change, ...]:
    """From the last release with a libprocess isolator to the first without."""
    return between("0.23.1", "0.24.1")


class TestTheStoryOf024:
    def test_the_class_has_another_name_and_no_base(self, story):
        name = one(story, "Isolator", aspect="class")
        assert (name.before, name.after) == (
            "mesos::slave::IsolatorProcess",
            "mesos::slave::Isolator",
        )
        assert (name.what, name.effect, name.was) == (What.RENAMED, GUARD, "IsolatorProcess")
        base = one(story, "Isolator", aspect="base")
        assert (base.before, base.after) == ("public process::Process<IsolatorProcess>", "none")
        facade = one(story, "Isolator", aspect="create")
        assert "new mesos::slave::Isolator(process::Owned<IsolatorProcess>" in facade.before

    def test_recover_takes_messages_instead_of_structs(self, story):
        recover = one(story, "Isolator", "recover")
        assert (recover.what, recover.effect, recover.aspect) == (What.CHANGED, GUARD, "method")
        assert recover.before == (
            "virtual process::Future<Nothing> recover(const std::list<ExecutorRunState>& state, "
            "const hashset<ContainerID>& orphans) = 0"
        )
        assert recover.after == (
            "virtual process::Future<Nothing> recover(const std::list<ContainerState>& states, "
            "const hashset<ContainerID>& orphans) = 0"
        )

    def test_the_struct_gives_way_to_the_message(self, story):
        state = one(story, "ContainerState")
        assert (state.what, state.was, state.effect) == (What.REPLACED, "ExecutorRunState", GUARD)
        assert state.before == (
            "struct mesos::slave::ExecutorRunState { ContainerID id; pid_t pid; "
            "std::string directory; }"
        )
        assert state.after.startswith(
            "message mesos.slave.ContainerState { required ExecutorInfo executor_info = 1; "
            "required ContainerID container_id = 2;"
        )
        assert one(story, "ContainerLimitation").was == "Limitation"
        gone = {change.subject for change in story if change.what is What.REMOVED}
        assert not gone & {"ExecutorRunState", "Limitation"}

    def test_prepare_loses_rootfs_and_gives_something_else(self, story):
        prepare = one(story, "Isolator", "prepare")
        assert "const Option<std::string>& rootfs" in prepare.before
        assert "rootfs" not in prepare.after
        assert "Future<Option<CommandInfo>>" in prepare.before
        assert "Future<Option<ContainerPrepareInfo>>" in prepare.after

    def test_what_stays_is_not_mentioned(self, story):
        methods = {change.item for change in story if change.aspect == "method"}
        assert methods == {"recover", "prepare", "watch"}

    def test_it_all_begins_with_the_release_between(self, story):
        assert {str(change.since) for change in story} == {"0.24.0"}


# Each is what one step asks of an isolator: subject, item, what, effect.
STEPS = {
    ("0.21.2", "0.22.0"): [
        ("Isolator", "", What.MOVED, GUARD),
        ("Isolator", "recover", What.CHANGED, GUARD),
        ("ExecutorRunState", "", What.REPLACED, GUARD),
        ("Limitation", "resource", What.REMOVED, GUARD),
        ("Limitation", "resources", What.ADDED, MORE),
    ],
    ("0.22.2", "0.23.0"): [
        ("Isolator", "recover", What.CHANGED, GUARD),
        ("Isolator", "prepare", What.CHANGED, GUARD),
        ("Isolator", "namespaces", What.ADDED, MORE),
        ("gcc", "", What.CHANGED, NOTE),
    ],
    ("0.24.2", "0.25.0"): [
        ("Isolator", "namespaces", What.REMOVED, DIES),
        ("ContainerPrepareInfo", "namespaces", What.ADDED, MORE),
        ("picojson", "", What.CHANGED, NOTE),
    ],
    ("0.25.1", "0.26.0"): [
        ("ContainerLimitation", "reason", What.ADDED, MORE),
        ("TaskStatus.Reason", "REASON_CONTAINER_LIMITATION_MEMORY", What.RENAMED, GUARD),
    ],
    ("0.26.2", "0.27.0"): [
        ("Isolator", "prepare", What.CHANGED, GUARD),
        ("ContainerLaunchInfo", "", What.REPLACED, GUARD),
        ("ContainerConfig", "", What.ADDED, MORE),
        ("CommandInfo", "container", What.REMOVED, GUARD),
    ],
    ("0.27.3", "0.28.0"): [
        ("Isolator", "status", What.ADDED, MORE),
        ("ContainerConfig", "executor_info", What.ADDED, MORE),
        ("ContainerLaunchInfo", "command", What.ADDED, MORE),
        ("ContainerLaunchInfo", "working_directory", What.ADDED, MORE),
    ],
    ("0.28.3", "1.0.0"): [
        ("Isolator", "recover", What.CHANGED, MORE),
        ("Isolator", "cleanup", What.CHANGED, MORE),
        ("ContainerConfig", "executorInfo", What.REMOVED, GUARD),
        ("ContainerConfig", "taskInfo", What.REMOVED, GUARD),
        ("ContainerLaunchInfo", "pre_exec_commands", What.RENAMED, GUARD),
        ("stout_include", "", What.CHANGED, NOTE),
        ("protobuf", "", What.CHANGED, NOTE),
        ("installed_slave_headers", "", What.CHANGED, NOTE),
        ("MESOS_MAJOR_VERSION_NUM", "", What.REMOVED, GUARD),
    ],
    ("1.0.4", "1.1.0"): [
        ("Isolator", "supportsNesting", What.ADDED, MORE),
        ("ContainerState", "", What.MOVED, GUARD),
        ("ContainerState", "executor_info", What.CHANGED, NOTE),
        ("ContainerConfig", "executor_info", What.CHANGED, NOTE),
        ("ContainerConfig", "command_info", What.ADDED, MORE),
        ("ContainerConfig", "container_info", What.ADDED, MORE),
        ("ContainerConfig", "resources", What.ADDED, MORE),
        ("ExecutorInfo", "command", What.CHANGED, NOTE),
        ("ContainerID", "parent", What.ADDED, MORE),
        ("ContainerLaunchInfo", "capabilities", What.ADDED, MORE),
        ("mesos/slave/isolator.proto", "", What.REMOVED, GUARD),
    ],
    ("1.1.3", "1.2.0"): [
        ("ContainerLaunchInfo", "clone_namespaces", What.RENAMED, GUARD),
        ("ContainerLaunchInfo", "enter_namespaces", What.ADDED, MORE),
        ("ContainerLaunchInfo", "rlimits", What.ADDED, MORE),
        ("ContainerLaunchInfo", "user", What.ADDED, MORE),
        ("ContainerLaunchInfo", "tty_slave_path", What.ADDED, MORE),
        ("ContainerConfig", "container_class", What.ADDED, MORE),
        ("Environment.Variable", "value", What.CHANGED, NOTE),
    ],
    ("1.2.0", "1.2.1"): [
        ("ContainerLaunchInfo", "in", What.REMOVED, GUARD),
        ("ContainerLaunchInfo", "out", What.REMOVED, GUARD),
        ("ContainerLaunchInfo", "err", What.REMOVED, GUARD),
        ("ContainerLaunchInfo", "task_environment", What.ADDED, MORE),
        ("ContainerIO", "", What.REPLACED, GUARD),
        ("version comparison", "", What.CHANGED, NOTE),
    ],
    ("1.2.3", "1.3.0"): [
        ("Environment.Variable", "type", What.ADDED, MORE),
        ("Environment.Variable", "secret", What.ADDED, MORE),
        ("Resource", "provider_id", What.ADDED, MORE),
    ],
    ("1.3.2", "1.4.0"): [
        ("ContainerLaunchInfo", "effective_capabilities", What.RENAMED, GUARD),
        ("ContainerLaunchInfo", "bounding_capabilities", What.ADDED, MORE),
        ("Resource", "reservations", What.ADDED, MORE),
        ("Resource", "role", What.CHANGED, NOTE),
        ("protobuf", "", What.CHANGED, NOTE),
    ],
    ("1.4.3", "1.5.0"): [
        ("Isolator", "supportsStandalone", What.ADDED, MORE),
        ("ContainerLaunchInfo", "mounts", What.ADDED, MORE),
        ("ContainerMountInfo", "", What.ADDED, MORE),
        ("ContainerTermination", "reason", What.RENAMED, GUARD),
        ("protobuf", "", What.CHANGED, NOTE),
    ],
    ("1.5.3", "1.6.0"): [
        ("TaskInfo", "max_completion_time", What.ADDED, MORE),
        ("boost", "", What.CHANGED, NOTE),
    ],
    ("1.6.2", "1.7.0"): [
        ("Isolator", "recover", What.CHANGED, DIES),
        ("Isolator", "<list>", What.REMOVED, NOTE),
    ],
    ("1.7.3", "1.8.0"): [
        ("ContainerLaunchInfo", "seccomp_profile", What.ADDED, MORE),
        ("ContainerLaunchInfo", "supplementary_groups", What.ADDED, MORE),
        ("ContainerLaunchInfo", "task_supplementary_groups", What.ADDED, MORE),
        ("mesos/seccomp/seccomp.proto", "", What.ADDED, MORE),
    ],
    ("1.8.1", "1.9.0"): [
        ("ContainerState", "ephemeral_volumes", What.ADDED, MORE),
        ("ContainerState", "container_info", What.ADDED, MORE),
        ("ContainerConfig", "ephemeral_volumes", What.ADDED, MORE),
        ("ContainerLaunchInfo", "masked_paths", What.ADDED, MORE),
        ("ContainerLaunchInfo", "file_operations", What.ADDED, MORE),
        ("ContainerLaunchInfo", "no_new_privileges", What.ADDED, MORE),
        ("ContainerLaunchInfo", "pre_exec_commands", What.CHANGED, NOTE),
        ("glog", "", What.CHANGED, NOTE),
    ],
    ("1.9.0", "1.10.0"): [
        ("Isolator", "update", What.CHANGED, DIES),
        ("ContainerConfig", "limits", What.ADDED, MORE),
        ("TaskInfo", "limits", What.ADDED, MORE),
        ("ResourceStatistics", "cpus_soft_limit", What.ADDED, MORE),
    ],
    ("1.10.0", "1.11.0"): [("Volume.Source", "csi_volume", What.ADDED, MORE)],
}
FACTS = [(*step, *fact) for step, facts in STEPS.items() for fact in facts]


@pytest.mark.parametrize(("older", "newer", "subject", "item", "what", "effect"), FACTS)
def test_what_a_step_asks_of_an_isolator(older, newer, subject, item, what, effect):
    found = between(older, newer, all_messages=True)
    assert any(
        (change.subject, change.item, change.what, change.effect) == (subject, item, what, effect)
        and str(change.since) == newer
        for change in found
    ), [change for change in found if change.subject == subject]


# What lands in a patch release; the kinds that have to do with it.
PATCHES = [
    ("0.22.0", "0.22.1", "Isolator", "MESOS_MAJOR_VERSION", ""),
    ("0.28.2", "0.28.3", "Isolator", "MESOS_PATCH_VERSION_NUM", ""),
    ("1.0.1", "1.0.2", "Isolator", "MESOS_PATCH_VERSION_NUM", ""),
    ("0.24.1", "0.24.2", "Authenticatee", "Credential", "secret"),
    ("0.25.0", "0.25.1", "Authenticatee", "Credential", "secret"),
    ("1.1.2", "1.1.3", "Isolator", "TaskStatus.Reason", "REASON_TASK_KILLED_DURING_LAUNCH"),
    ("1.2.2", "1.2.3", "Isolator", "TaskStatus.Reason", "REASON_TASK_KILLED_DURING_LAUNCH"),
    ("1.3.1", "1.3.2", "Isolator", "TaskStatus.Reason", "REASON_TASK_KILLED_DURING_LAUNCH"),
    ("1.2.0", "1.2.1", "ContainerLogger", "ContainerLogger", "prepare"),
    ("1.5.0", "1.5.1", "DiskProfileAdaptor", "DiskProfileAdaptor", "translate"),
    ("1.5.0", "1.5.1", "DiskProfileAdaptor", "DiskProfileAdaptor", "watch"),
    ("1.6.1", "1.6.2", "Isolator", "CgroupInfo.Blkio.Operation", "DISCARD"),
    ("1.7.0", "1.7.1", "Isolator", "CgroupInfo.Blkio.Operation", "DISCARD"),
    ("1.7.0", "1.7.1", "Isolator", "Resource.DiskInfo.Source", "vendor"),
    *(
        (older, newer, "Allocator", "Allocator", "initialize")
        for older, newer in (
            ("1.4.1", "1.4.2"),
            ("1.4.2", "1.4.3"),
            ("1.5.1", "1.5.2"),
            ("1.6.0", "1.6.1"),
            ("1.6.1", "1.6.2"),
            ("1.7.0", "1.7.1"),
        )
    ),
]


@pytest.mark.parametrize(("older", "newer", "kind", "subject", "item"), PATCHES)
def test_what_lands_in_a_patch_release(older, newer, kind, subject, item):
    found = between(older, newer, kind, all_messages=True)
    [change] = [c for c in found if (c.subject, c.item) == (subject, item)]
    assert str(change.since) == newer


def test_bytes_and_string_are_the_same_to_the_compiler():
    change = one(between("0.24.1", "0.24.2", "Authenticatee"), "Credential", "secret")
    assert (change.effect, change.note) == (NOTE, "bytes -> string")


OTHER_KINDS = {
    "Hook": "0.22 0.23 0.24 0.25 0.26 1.0 1.2 1.8",
    "ContainerLogger": "0.27.0 1.1.0 1.2.0 1.2.1 1.7.0",
    "ResourceEstimator": "0.23.0",
    "QoSController": "0.23.0",
    "Authenticator": "0.22.0 0.23.0",
    "Authenticatee": "0.22.0",
    "HttpAuthenticator": "0.27.0",
    "HttpAuthenticatee": "1.5.0",
    "Authorizer": "0.24.0 0.27.0 1.0.0 1.10.0",
    "MasterContender": "1.0.0 1.3.0",
    "MasterDetector": "1.0.0 1.3.0",
    "SecretResolver": "1.4.0",
    "SecretGenerator": "1.3.0",
    "DiskProfileAdaptor": "1.5.0 1.5.1 1.6.0",
    "Scheduler": "",
    "Executor": "",
    "SchedulerDriver": "0.22.0 0.25.0 1.9.0 1.11.0",
    "MesosSchedulerDriver": "0.22.0 1.9.0",
    "ExecutorDriver": "",
    "MesosExecutorDriver": "1.7.0",
}


@pytest.mark.parametrize(("kind", "expected"), OTHER_KINDS.items())
def test_when_the_class_of_another_kind_changes(kind, expected):
    found = [
        str(step.newer)
        for step in boundaries(TABLE, FINAL_RELEASES, (kind,))
        if any(c.category is Category.INTERFACE and c.subject == kind for c in step.changes)
    ]
    assert found == [text if text.count(".") > 1 else f"{text}.0" for text in expected.split()]


class TestEffects:
    def test_exactly_these_overrides_of_an_isolator_die(self):
        found = [
            (str(step.newer), change.item)
            for step in boundaries(TABLE, FINAL_RELEASES, ("Isolator",))
            for change in step.changes
            if change.effect is DIES
        ]
        assert found == [("0.25.0", "namespaces"), ("1.7.0", "recover"), ("1.10.0", "update")]

    def test_what_is_called_is_not_what_is_implemented(self):
        driver = one(between("1.10.0", "1.11.0", "Scheduler"), "SchedulerDriver", "updateFramework")
        assert driver.effect is GUARD
        more = concerning(between("1.8.1", "1.9.0", "Scheduler"), "SchedulerDriver", "reviveOffers")
        assert [(change.what, change.effect) for change in more] == [(What.ADDED, MORE)]

    def test_a_further_parameter_with_a_default_breaks_no_call(self):
        create = one(between("1.2.3", "1.3.0", "MasterDetector"), "MasterDetector", "create")
        assert create.effect is MORE

    def test_a_new_pure_method_has_to_be_implemented(self):
        pause = one(between("1.7.3", "1.8.0", "Allocator"), "Allocator", "pause")
        assert (pause.what, pause.effect) == (What.ADDED, GUARD)

    @pytest.mark.parametrize(("made", "effect"), [(True, GUARD), (False, MORE)])
    def test_a_new_required_field_matters_to_whom_fills_it_in(self, altered_table, made, effect):
        message = "ContainerLaunchInfo" if made else "ContainerConfig"
        table = altered_table(
            message,
            {"since": "1.11.0", "number": 99, "label": "required", "type": "string", "name": "x"},
        )
        found = changes(table, Release(1, 10, 0), Release(1, 11, 0), ("Isolator",))
        assert one(found, message, "x").effect is effect

    def test_another_number_is_worth_knowing(self, altered_table):
        row = {"label": "optional", "type": "string", "name": "x"}
        table = altered_table(
            "ContainerConfig",
            {"until": "1.10.0", "number": 98, **row},
            {"since": "1.11.0", "number": 99, **row},
        )
        found = changes(table, Release(1, 10, 0), Release(1, 11, 0), ("Isolator",))
        change = one(found, "ContainerConfig", "x")
        assert (change.what, change.effect) == (What.RENUMBERED, NOTE)
        assert (change.before, change.after) == ("optional string x = 98", "optional string x = 99")


class TestRenames:
    def test_across_releases_a_field_is_followed_by_its_spelling(self):
        change = one(between("0.27.3", "1.0.0"), "ContainerConfig", "executor_info")
        assert (change.what, change.was, change.effect) == (What.RENAMED, "executorInfo", GUARD)

    def test_a_number_that_is_given_to_another_thing_is_no_rename(self):
        found = between("0.22.2", "0.23.0", "ResourceEstimator")
        assert not [change for change in found if change.what is What.RENAMED]

    def test_a_chain_of_replacements_is_followed_to_what_was_there(self):
        assert one(between("0.21.0", "1.11.0"), "ContainerState").was == "RunState"

    def test_both_names_find_a_change(self, story):
        found = concerning(story, "ExecutorRunState")
        assert found == concerning(story, "ContainerState")
        assert len(found) == 1
        renamed = between("0.28.3", "1.0.0")
        assert concerning(renamed, "ContainerLaunchInfo", "commands") == concerning(
            renamed, "ContainerLaunchInfo", "pre_exec_commands"
        )
        assert not concerning(renamed, "commands")


class TestReach:
    def test_messages_that_a_kind_never_meets_are_left_out(self):
        found = between("0.24.1", "0.25.1", "Hook")
        assert not [
            change
            for change in found
            if change.subject.startswith("Container") and change.subject.endswith("PrepareInfo")
        ]

    def test_all_messages_are_also_those_that_no_kind_meets(self):
        near = set(between("1.4.3", "1.5.0"))
        everything = set(between("1.4.3", "1.5.0", all_messages=True))
        assert near < everything
        assert "ContainerTermination" in {c.subject for c in everything - near}

    def test_drivers_come_with_what_they_drive(self):
        subjects = {c.subject for c in between("0.21.2", "1.11.0", "Scheduler", "Executor")}
        assert subjects >= {"SchedulerDriver", "MesosSchedulerDriver", "MesosExecutorDriver"}

    def test_several_kinds_share_one_report(self):
        both = between("1.6.2", "1.7.0", "Isolator", "ContainerLogger")
        assert len(both) == len(set(both))
        assert {"Isolator", "ContainerLogger"} <= {change.subject for change in both}

    def test_a_kind_that_comes_and_one_that_no_loader_takes(self):
        generator = between("1.2.3", "1.3.0", "SecretGenerator")
        [kind] = [c for c in generator if c.category is Category.KIND]
        assert (kind.what, kind.after) == (
            What.ADDED,
            "Module<mesos::SecretGenerator>, <mesos/module/secret_generator.hpp>",
        )
        assert "refuses" in kind.note

    def test_a_kinds_module_header_and_type(self):
        moved = between("0.28.3", "1.0.0", "Allocator")
        aspects = {c.aspect: c.after for c in moved if c.category is Category.KIND}
        assert aspects == {"type": "Module<mesos::allocator::Allocator>"}
        moved = between("1.5.3", "1.6.0", "DiskProfileAdaptor")
        aspects = {c.aspect: c.after for c in moved if c.category is Category.KIND}
        assert aspects == {"header": "<mesos/module/disk_profile_adaptor.hpp>"}


class TestProperties:
    def test_from_one_release_to_the_next_all_begins_there(self, steps):
        for step in steps.values():
            assert {change.since for change in step.changes} <= {step.newer}

    @settings(deadline=None, max_examples=60)
    @given(pair=st.lists(st.sampled_from(FINAL_RELEASES), min_size=2, max_size=2, unique=True))
    def test_every_change_has_happened_where_it_says(self, pair):
        older, newer = sorted(pair)
        for change in changes(TABLE, older, newer, kinds_of(TABLE)):
            assert older < change.since <= newer
            assert all_steps()[change.since].concerning(change.subject, change.item or None), change

    def test_a_sentence_names_what_and_when(self, steps):
        for step in steps.values():
            for change in step.changes:
                told = sentence(change)
                assert change.subject in told
                assert change.item in told
                assert str(step.newer) in told
                assert "None" not in told.replace("None()", "")

    def test_no_change_is_told_twice(self, steps):
        for step in steps.values():
            assert len(step.changes) == len(set(step.changes))

    def test_what_is_said_to_change_does(self, steps):
        for step in steps.values():
            for change in step.changes:
                assert change.before != change.after
                assert (change.before is None) == (change.what is What.ADDED)
                assert (change.after is None) == (change.what is What.REMOVED)

    def test_nothing_that_the_table_dates_is_left_out(self, steps):
        """Each release at which some row of a class begins or ends has a step that says so."""
        for kind in kinds_of(TABLE):
            for before, after in pairwise(TABLE.generations(kind)):
                found = steps[after.since].concerning(kind)
                assert found, (kind, before, after)


class TestBadInput:
    def test_an_unknown_kind(self):
        with pytest.raises(UsageError, match=r"unknown kind 'Isolater'; did you mean 'Isolator'"):
            between("0.23.1", "0.24.1", "Isolater")

    def test_the_process_class_is_no_kind(self):
        assert "IsolatorProcess" not in kinds_of(TABLE)
        with pytest.raises(UsageError, match="did you mean 'Isolator'"):
            between("0.23.1", "0.24.1", "IsolatorProcess")

    def test_a_release_that_is_not_in_the_table(self):
        with pytest.raises(UsageError, match=r"no drift data for 1\.11\.1.*0\.21\.0 to 1\.11\.0"):
            between("1.11.0", "1.11.1")

    @pytest.mark.parametrize("newer", ["0.23.1", "0.22.0"])
    def test_the_wrong_order(self, newer):
        with pytest.raises(UsageError, match="the older release comes first"):
            between("0.23.1", newer)

    def test_one_release_is_no_step(self):
        assert boundaries(TABLE, [Release(1, 0, 0)], ("Isolator",)) == ()
        assert boundaries(TABLE, [], ("Isolator",)) == ()
