"""The manifest keeps to its published schema, and the schema to the models."""

import json
from pathlib import Path

import jsonschema
import pytest

import buildkit
from buildkit.outcome import StageOutcome, Status, StepTime
from buildkit.results import manifest
from buildkit.results.manifest import Manifest, manifest_json, record
from buildkit.smoke.checks import Check

PACKAGE = Path(buildkit.__file__).parent


@pytest.fixture(scope="module")
def schema():
    schema = json.loads(manifest.json_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


@pytest.fixture
def rows(project, make_outcome):
    """A manifest with targets of every status, as plain data."""
    plan = project.plan(smoke="load")
    outcomes = [
        make_outcome(f"1.{number}.0", status, cause=("why",), warnings=("w",))
        for number, status in enumerate(Status)
    ]
    checks = (Check(level="inspect", name="soname", ok=False, detail="none"),)
    steps = (StepTime(name="common", seconds=0.12345),)
    stage = StageOutcome(stage="build", state="passed", seconds=1.23456, steps=steps)
    outcomes.append(make_outcome(checks=checks, stages=(stage,), base="sha256:1", compiler="g++"))
    records = tuple(record(plan, outcome) for outcome in outcomes)
    return json.loads(manifest_json(Manifest(targets=records)))


def test_the_file_beside_the_models_is_what_they_make():
    written = (PACKAGE / "manifest.schema.json").read_text()
    assert written == manifest.json_schema(), (
        "renew it: python -m buildkit matrix --schema manifest > buildkit/manifest.schema.json"
    )


def test_every_kind_of_outcome_keeps_to_the_schema(schema, rows):
    jsonschema.validate(rows, schema)
    jsonschema.validate(json.loads(manifest_json(Manifest())), schema)


@pytest.mark.parametrize(
    ("key", "value"),
    [("status", "fine"), ("sdk", "real"), ("extra", 1), ("seconds", "1 s"), ("release", 1.0)],
)
def test_the_schema_refuses_what_no_manifest_says(schema, rows, key, value):
    rows["targets"][0][key] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(rows, schema)


def test_no_key_may_be_missing(schema, rows):
    # A manifest from before there were predictions is still one.
    for key in rows["targets"][0].keys() - {"prediction"}:
        lacking = {**rows, "targets": [{**rows["targets"][0]}]}
        del lacking["targets"][0][key]
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(lacking, schema)


def test_every_key_is_explained(schema):
    models = {"Manifest": schema, **schema["$defs"]}
    bare = []
    for name, model in models.items():
        for key, value in model.get("properties", {}).items():
            target = schema["$defs"].get(value.get("$ref", "").rpartition("/")[2], {})
            if not (value.get("description") or target.get("description")):
                bare.append(f"{name}: {key}")
    assert bare == []


def test_it_says_all_that_the_design_promises(rows):
    row = rows["targets"][-1]
    assert {
        *("module", "release", "flags", "encoding", "platform", "architecture", "engine", "sdk"),
        *("sdk_digest", "compiler", "artifact", "smoke", "seconds", "status", "version_flag"),
    } <= set(row)
    assert row["name"] == "volume/0.24.1/debian12"
    assert row["version_flag"] == "-DMESOS_VERSION_INT=0241"
    assert row["smoke"]["level"] == "load"
    assert row["smoke"]["checks"] == [
        {"level": "inspect", "name": "soname", "ok": False, "detail": "none"}
    ]
    assert row["stages"] == [
        {
            "stage": "build",
            "state": "passed",
            "seconds": 1.235,
            "steps": [{"name": "common", "seconds": 0.123}],
        }
    ]
    assert row["artifact"]["path"].endswith(".stub.so")
    assert [target["artifact"] is None for target in rows["targets"]] == [
        *(False, True, True, True, True, True, False),
    ]


def test_what_is_written_reads_back(rows):
    text = json.dumps(rows)
    assert json.loads(manifest_json(Manifest.model_validate_json(text))) == rows


@pytest.mark.parametrize(
    ("key", "name", "glibc"),
    [('"debian11"', "debian11", "2.31"), ('{ glibc = "2.28" }', None, "2.28")],
)
def test_the_floor_is_the_platforms(project, make_outcome, key, name, glibc):
    project.add(f'[[platform]]\nname = "debian12"\nbase = "debian:12"\nfloor = {key}\n')
    plan = project.plan()
    floor = record(plan, make_outcome(target=plan.targets[0])).floor
    assert (floor.name, floor.glibc) == (name, glibc)


def test_a_log_is_named_for_all_but_what_is_skipped(project, make_outcome, make_target):
    plan = project.plan()
    assert record(plan, make_outcome("0.24.1")).log == "0.24.1.log"
    skipped = make_outcome(target=make_target(skip="why"), status=Status.SKIPPED)
    assert record(plan, skipped).log is None
