"""What release refuses, and that it refuses nothing else."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from buildkit.outcome import Status
from buildkit.plan import Expectation
from buildkit.publish.refusals import Candidate, Rules, refusals, source_doubts
from buildkit.results.manifest import record
from buildkit.smoke.checks import Check
from buildkit.sources.origin import Origin

ORIGIN = Origin(digest="a" * 64, revision="b" * 40, time=1, dirty=())
RULES = Rules(smoke="run")
EXPECTED = Expectation(reason="known", stage="build", pattern="x")


@pytest.fixture
def candidate(project, make_outcome, make_target):
    """Makes a candidate: a good one, unless told otherwise."""

    def make(status=Status.PASSED, *, target=(), outcome=(), now=(), changes=(), files=None):
        plan = project.plan()
        ours = make_target(**{"sdk": "release", **dict(target)})
        made = make_outcome(
            status=status,
            checks=(Check(level="run", name="x", ok=True),),
            origin=ORIGIN,
            ended=datetime.now(UTC),
        )
        row = record(plan, replace(made, target=make_target(sdk="release"), **dict(outcome)))
        row = row.model_copy(update=dict(changes))
        if files is None and row.artifact is not None:
            files = {
                row.artifact.path: row.artifact.sha256,
                row.artifact.debug_path: row.artifact.debug_sha256,
            }
        return Candidate(
            target=ours, record=row, origin=replace(ORIGIN, **dict(now)), files=files or {}
        )

    return make


def whys(*candidates, **rules):
    return [refusal.why for refusal in refusals(candidates, replace(RULES, **rules))]


def test_nothing_speaks_against_a_good_target(candidate):
    assert whys(candidate()) == []
    assert source_doubts([candidate()]) == {}


def test_what_is_meant_not_to_be_there_is_no_reason(candidate):
    failing = candidate(Status.EXPECTED_FAILURE, target={"expect": EXPECTED})
    skipped = candidate(Status.SKIPPED, target={"skip": "nobody runs it"})
    assert whys(failing, skipped, replace(skipped, record=None)) == []


@pytest.mark.parametrize("status", [Status.FAILED, Status.UNEXPECTED_PASS, Status.CANCELLED])
def test_what_did_not_end_well_is_refused_with_its_cause(candidate, status):
    (why,) = whys(candidate(status, outcome={"cause": ("no such header", "more")}))
    assert why == f"{status} when it was last built: no such header"


def test_what_is_missing_is_refused_with_the_command(candidate):
    (why,) = whys(replace(candidate(), record=None))
    assert why == "not built yet; make it with: nox -s build-0.24.1 -- --sdk release"


@pytest.mark.parametrize(
    ("status", "target", "words"),
    [
        (Status.EXPECTED_FAILURE, {}, "no longer expects"),
        (Status.SKIPPED, {}, "no longer says so"),
        (Status.PASSED, {"expect": EXPECTED}, "now expects it to fail (known)"),
        (Status.PASSED, {"skip": "old"}, "now leaves it out (old)"),
    ],
)
def test_a_verdict_of_another_matrix_does_not_count(candidate, status, target, words):
    (why,) = whys(candidate(status, target=target))
    assert words in why


def test_stubs_and_sanitizers_are_refused_whatever_is_allowed(candidate):
    stub = candidate(changes={"sdk": "stub"})
    flags = ("-std=c++11", "-fsanitize=address")
    sanitized = candidate(target={"flags": flags}, changes={"flags": flags})
    first, second = whys(stub, sanitized, allow_dirty=True, smoke="inspect")
    assert "built against a stub" in first
    assert "-fsanitize=address" in second


@pytest.mark.parametrize("sdk", ["image", "prefix"])
def test_an_installed_mesos_is_as_good_as_any(candidate, sdk):
    assert whys(candidate(target={"sdk": sdk}, changes={"sdk": sdk})) == []


@pytest.mark.parametrize(
    ("checks", "required", "refused"),
    [
        (("inspect",), "inspect", False),
        (("inspect", "load"), "run", True),
        (("run",), "load", False),
        (("run",), "agent", True),
        ((), "inspect", True),
    ],
)
def test_the_smoke_level_is_the_one_that_was_reached(candidate, checks, required, refused):
    rows = tuple(Check(level=level, name="x", ok=True) for level in checks)
    found = whys(candidate(outcome={"checks": rows}), smoke=required)
    assert bool(found) == refused
    assert all(f"{required} is required" in why for why in found)


def test_files_that_are_not_those_of_the_manifest_are_refused(candidate):
    good = candidate()
    paths = list(good.files)
    lost = replace(good, files={paths[0]: None, paths[1]: "0" * 64})
    first, second = whys(lost, allow_dirty=True)
    assert first.startswith(f"{paths[0]}: not there")
    assert second == f"{paths[1]}: its SHA-256 is {'0' * 64}, the manifest says {'ef' * 32}"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        ({"outcome": {"origin": replace(ORIGIN, dirty=("src/a.cpp",))}}, "changes: src/a.cpp"),
        ({"now": {"dirty": ("src/b.cpp",)}}, "since it was built: src/b.cpp"),
        ({"now": {"digest": "c" * 64}}, f"now it is {'c' * 64}"),
        ({"outcome": {"origin": None}}, "does not say which sources"),
        ({"target": {"flags": ("-std=c++11", "-DNEW")}}, "with -DNEW"),
        ({"target": {"flags": ()}}, "without -std=c++11"),
    ],
)
def test_doubts_about_sources_are_refused_unless_allowed(candidate, make, words):
    doubtful = candidate(**make)
    (why,) = whys(doubtful)
    assert words in why
    assert whys(doubtful, allow_dirty=True) == []
    assert source_doubts([doubtful]) == {doubtful.target.name: (why,)}


def test_every_reason_of_every_target_is_named(candidate):
    bad = candidate(changes={"sdk": "stub"}, now={"dirty": ("x",)})
    found = refusals([bad, candidate(), candidate(Status.FAILED)], RULES)
    assert [str(one).split(": ")[0] for one in found] == ["volume/0.24.1/debian12"] * 3
