"""Drift as text, Markdown and JSON."""

import json
from pathlib import Path

import jsonschema
import pytest

import buildkit
from buildkit.drift import Category, Change, Effect, Step, What, boundaries, kinds_of
from buildkit.drift.markdown import report_markdown
from buildkit.drift.outline import outline
from buildkit.drift.record import json_schema, report_json
from buildkit.drift.text import report_lines
from buildkit.interfaces import load
from buildkit.releases import FINAL_RELEASES, Release

TABLE = load(further=True)
OLD, NEW = Release(1, 0, 0), Release(1, 2, 0)


def steps(*releases: str, kinds=("Isolator",)):
    return boundaries(TABLE, [Release.parse(text) for text in releases], kinds)


def text(found, width=None) -> list[str]:
    return [line.text for line in report_lines(found, width)]


def made(**values) -> Change:
    """A change that says as little as one can."""
    return Change(
        **{
            "category": Category.MESSAGE,
            "subject": "M",
            "what": What.ADDED,
            "effect": Effect.ADDITIVE,
            "after": "message M {}",
            "since": NEW,
            **values,
        }
    )


def field(subject, item, **values) -> Change:
    return made(subject=subject, aspect="field", item=item, **values)


def step(*changes: Change) -> Step:
    return Step(older=OLD, newer=NEW, changes=changes)


class TestText:
    def test_a_step_reads_as_one_story(self):
        lines = text(steps("0.23.1", "0.24.1"))
        assert lines[0] == (
            "0.23.1 -> 0.24.1: 8 needs-guard, 11 additive, 2 notice "
            "(since 0.24.0 unless another is named)"
        )
        told = "\n".join(lines)
        story = (
            "class to derive from: mesos::slave::IsolatorProcess -> mesos::slave::Isolator",
            "base class: public process::Process<IsolatorProcess> -> none",
            "recover()",
            "- virtual process::Future<Nothing> recover(const std::list<ExecutorRunState>& state",
            "+ virtual process::Future<Nothing> recover(const std::list<ContainerState>& states",
            "prepare()",
            "const Option<std::string>& rootfs, const Option<std::string>& user) = 0",
            "+ virtual process::Future<Option<ContainerPrepareInfo>> prepare(",
            "message ContainerState takes the place of struct ExecutorRunState",
            "- struct mesos::slave::ExecutorRunState {",
            "+ message mesos.slave.ContainerState {",
            "message ContainerLimitation takes the place of struct Limitation",
            "bundled libraries: gmock 1.6.0 -> 1.7.0",
        )
        positions = [told.index(part) for part in story]
        assert positions == sorted(positions)

    def test_each_effect_that_occurs_is_explained_once(self):
        lines = text(steps("1.5.3", "1.6.2", "1.7.3"))
        assert sum(line.startswith("dies-silently: an override") for line in lines) == 1
        assert not any(line.startswith("needs-guard: ") for line in lines)

    def test_what_only_gets_a_default_body_is_one_line(self):
        [line] = [line for line in text(steps("0.28.3", "1.0.0")) if "no longer pure" in line]
        assert line.endswith(
            "recover(), prepare(), isolate(), watch(), update(), usage(), cleanup()"
        )

    def test_what_is_new_is_one_line_for_each_message(self):
        lines = text([step(field("M", "a"), field("N", "b"), field("M", "c"))])
        assert [line.split("additive")[1].strip() for line in lines if "gains" in line] == [
            "message M gains a, c",
            "message N gains b",
        ]

    def test_the_worst_comes_first(self):
        found = step(
            field("M", "a"),
            field("M", "b", what=What.REMOVED, before="x", after=None, effect=Effect.NEEDS_GUARD),
        )
        [section] = outline(found)
        assert [entry.effect for entry in section.entries] == [Effect.NEEDS_GUARD, Effect.ADDITIVE]

    def test_messages_that_move_together_are_one_entry(self):
        lines = text(steps("1.0.4", "1.1.3"))
        [index] = [index for index, line in enumerate(lines) if "other .proto file" in line]
        for name in ("ContainerState", "ContainerLaunchInfo", "ContainerConfig"):
            assert name in lines[index]
        assert lines[index + 2].strip() == (
            "+ mesos/slave/containerizer.proto, <mesos/slave/containerizer.pb.h>"
        )

    def test_what_begins_elsewhere_says_so(self):
        lines = text(
            [step(field("M", "a"), field("M", "b"), field("M", "c", since=Release(1, 1, 0)))]
        )
        assert [line for line in lines if "since" in line] == [
            "    additive      message M gains c [since 1.1.0]"
        ]

    def test_neighbours_without_a_change_share_a_line(self):
        lines = text(steps("0.23.0", "0.23.1", "0.24.0", "0.24.1", kinds=("Executor",)))
        assert lines[0] == "0.23.0 -> 0.23.1: no change"
        same = [
            Step(older=a, newer=b, changes=()) for a, b in ((OLD, NEW), (NEW, Release(1, 3, 0)))
        ]
        assert text(same) == ["1.0.0 -> 1.3.0: no change"]

    @pytest.mark.parametrize("width", [40, 80, 100])
    def test_it_is_folded_to_the_width(self, width):
        lines = text(steps("0.23.1", "0.24.1", "0.25.0"), width)
        broken = [line for line in lines if len(line) > width and " " in line.strip()[:10]]
        assert len(lines) > len(text(steps("0.23.1", "0.24.1", "0.25.0")))
        if width > 60:
            assert broken == []

    def test_a_report_over_the_matrix_stays_short(self):
        """Three screens of a release each would be too many."""
        minors = [str(r) for r in FINAL_RELEASES if r.patch == 0 and r >= Release(0, 23, 0)]
        assert len(text(steps(*minors), 100)) < 400


class TestMarkdown:
    def test_it_has_exact_texts_in_fences(self):
        told = report_markdown(steps("1.6.2", "1.7.0"), ["Isolator"])
        assert told.startswith("# Mesos interface drift: Isolator\n")
        assert (
            "- **dies-silently** recover()\n\n  ```diff\n"
            "  - virtual process::Future<Nothing> recover(const std::list<ContainerState>& states,"
        ) in told
        assert told.count("```") % 2 == 0

    def test_what_markdown_would_eat_is_kept_from_it(self):
        told = report_markdown([step(field("M", "a_b_c"), field("M", "d*"))], ["Isolator"])
        assert "gains a\\_b\\_c, d\\*" in told

    def test_no_change_is_said(self):
        told = report_markdown([Step(older=OLD, newer=NEW, changes=())], ["Hook"])
        assert "## 1.0.0 to 1.2.0\n\nNo change.\n" in told


@pytest.fixture(scope="module")
def schema():
    schema = json.loads(json_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


class TestJson:
    def test_all_there_is_keeps_to_the_schema(self, schema):
        kinds = kinds_of(TABLE)
        found = boundaries(TABLE, FINAL_RELEASES, kinds, all_messages=True)
        report = json.loads(report_json(found, kinds, [Release(1, 12, 0)]))
        jsonschema.validate(report, schema)
        assert len(report["steps"]) == len(FINAL_RELEASES) - 1
        assert report["unknown"] == ["1.12.0"]
        aspects = {change["aspect"] for s in report["steps"] for change in s["changes"]}
        # Only a struct of some other table could change its package or move by itself.
        known = schema["$defs"]["Change"]["properties"]["aspect"]["enum"]
        assert aspects <= set(known)

    def test_the_schema_has_every_word_there_is(self, schema):
        properties = schema["$defs"]["Change"]["properties"]
        for key, words in (("category", Category), ("what", What), ("effect", Effect)):
            assert properties[key]["enum"] == [word.value for word in words]

    def test_every_key_is_explained(self, schema):
        for model in (schema, *schema["$defs"].values()):
            assert model["description"]
            for key, value in model["properties"].items():
                assert value.get("description"), key

    @pytest.mark.parametrize(
        ("key", "value"),
        [("what", "vanished"), ("effect", "bad"), ("since", "1.0"), ("extra", 1), ("item", 2)],
    )
    def test_the_schema_refuses_what_no_report_says(self, schema, key, value):
        report = json.loads(report_json(steps("1.6.2", "1.7.0"), ["Isolator"]))
        report["steps"][0]["changes"][0][key] = value
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(report, schema)

    def test_no_key_may_be_missing(self, schema):
        report = json.loads(report_json(steps("1.6.2", "1.7.0"), ["Isolator"]))
        change = report["steps"][0]["changes"][0]
        for key in list(change):
            lacking = json.loads(json.dumps(report))
            del lacking["steps"][0]["changes"][0][key]
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(lacking, schema)

    def test_a_change_says_all_that_is_known(self):
        report = json.loads(report_json(steps("0.28.3", "1.0.1"), ["Isolator"]))
        [change] = [
            change
            for change in report["steps"][0]["changes"]
            if change["item"] == "pre_exec_commands"
        ]
        assert change == {
            "category": "message",
            "subject": "ContainerLaunchInfo",
            "aspect": "field",
            "item": "pre_exec_commands",
            "what": "renamed",
            "effect": "needs-guard",
            "since": "1.0.0",
            "before": "repeated CommandInfo commands = 1",
            "after": "repeated CommandInfo pre_exec_commands = 1",
            "was": "commands",
            "note": None,
            "sentence": "field pre_exec_commands of message ContainerLaunchInfo is what commands "
            "was before 1.0.0: 'repeated CommandInfo commands = 1' becomes "
            "'repeated CommandInfo pre_exec_commands = 1'",
        }

    def test_the_schema_is_beside_the_others(self):
        folder = Path(buildkit.__file__).parent
        assert (folder / "drift.schema.json").read_text() == json_schema()
