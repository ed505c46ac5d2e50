"""The table at the end, and what it says of failures."""

import io

import pytest
from rich.console import Console

from buildkit.outcome import StageOutcome, Status
from buildkit.prediction.forecast import Forecast, surprises
from buildkit.prediction.verdicts import Prediction, Predictions, Verdict
from buildkit.releases import Release
from buildkit.summary import print_summary


@pytest.fixture
def summary(project):
    """What a plain console of 240 columns gets to see."""

    def summary(*outcomes, seconds=12.34):
        console = Console(file=io.StringIO(), width=240, force_terminal=False)
        print_summary(console, project.plan(smoke="run"), outcomes, seconds)
        return console.file.getvalue()

    return summary


def row(text, release):
    [line] = [line for line in text.splitlines() if line.startswith(release)]
    return line.split()


def test_every_column_is_there(summary, make_outcome):
    lines = summary(make_outcome()).splitlines()
    for title in ("release", "flag", "sdk", "build", "smoke (run)", "time", "artifact"):
        assert title in lines[0]
    assert row("\n".join(lines), "0.24.1") == [
        *("0.24.1", "0241", "stub", "ok", "ok", "3.0", "s"),
        "dist/0.24.1/libvolume-1.0.0+mesos-0.24.1.stub.so",
    ]


def test_module_and_platform_are_columns_only_if_they_differ(summary, make_outcome, make_target):
    assert "module" not in summary(make_outcome()).splitlines()[0]
    target = make_target("1.0.1")
    other = target.module.model_copy(update={"name": "other"})
    elsewhere = target.platform.model_copy(update={"name": "debian11"})
    head = summary(
        make_outcome(), make_outcome(target=make_target(module=other, platform=elsewhere))
    ).splitlines()[0]
    assert "module" in head
    assert "platform" in head


def test_a_failure_shows_its_stage_cause_and_log(summary, make_outcome):
    stages = (
        StageOutcome(stage="sdk", state="cached"),
        StageOutcome(stage="build", state="failed", seconds=2.0),
    )
    cause = ("build: exited with 1", "a.cpp:1:2: error: [-Wx] " + "long " * 80 + "end")
    text = summary(make_outcome(), make_outcome("1.0.1", Status.FAILED, stages=stages, cause=cause))
    assert "FAILED in stage build: volume/1.0.1/debian12" in text
    assert all(f"  {line}\n" in text for line in cause)
    assert "full log: build/logs/1.0.1.log" in text
    assert row(text, "1.0.1") == ["1.0.1", "01001", "stub", "failed", "-", "2.0", "s", "FAILED"]
    assert "build/logs/0.24.1.log" not in text


def test_an_unexpected_pass_is_told_like_a_failure(summary, make_outcome):
    text = summary(
        make_outcome(status=Status.UNEXPECTED_PASS, artifact=None, cause=("take it out",))
    )
    assert "PASSED UNEXPECTEDLY: volume/0.24.1/debian12" in text
    assert "take it out" in text


def test_nothing_is_said_of_what_is_good(summary, make_outcome):
    text = summary(
        make_outcome(),
        make_outcome("1.0.1", Status.SKIPPED, stages=(), cause=("reason",)),
        make_outcome("1.2.0", Status.EXPECTED_FAILURE, cause=("expected",)),
    )
    assert "full log" not in text
    assert row(text, "1.0.1")[-1] == "skipped"
    assert "1 passed, 1 expected failure, 1 skipped" in text


def test_a_cancelled_target_is_in_the_table(summary, make_outcome):
    text = summary(make_outcome(status=Status.CANCELLED, stages=(), cause=("not started",)))
    assert row(text, "0.24.1")[-1] == "cancelled"
    assert "1 cancelled" in text


class TestCached:
    @pytest.fixture
    def cached(self, make_outcome):
        stages = tuple(StageOutcome(stage=s, state="cached") for s in ("sdk", "build", "smoke"))
        return lambda release: make_outcome(release, stages=stages)

    def test_a_target_from_the_cache_says_so(self, summary, cached, make_outcome):
        text = summary(cached("0.24.1"), make_outcome("1.0.1"))
        assert row(text, "0.24.1")[3:6] == ["cached", "cached", "cached"]
        assert "1 of them cached" in text

    def test_a_run_from_the_cache_says_so(self, summary, cached):
        assert "2 passed, all from the cache" in summary(cached("0.24.1"), cached("1.0.1"))


def test_warnings_are_counted_and_their_releases_named(summary, make_outcome):
    text = summary(
        make_outcome(warnings=("a.cpp:1: warning: x", "a.cpp:2: warning: y")),
        make_outcome("1.0.1", warnings=("a.cpp:1: warning: x",)),
        make_outcome("1.2.0"),
    )
    assert "compiler warnings (2 different) for 0.24.1, 1.0.1" in text


def test_the_time_is_the_last_word(summary, make_outcome):
    assert summary(make_outcome(), seconds=12.34).rstrip().endswith("12.3 s")


def predicted(verdict, *releases, reasons=()):
    prediction = Prediction(verdict=verdict, reasons=reasons)
    by_release = {Release.parse(text): prediction for text in releases}
    return Forecast(modules={"volume": Predictions(by_release=by_release)})


def failed(stage, status=Status.FAILED):
    stages = (StageOutcome(stage=stage, state="failed"),)
    return {"status": status, "stages": stages}


@pytest.mark.parametrize("status", [Status.FAILED, Status.EXPECTED_FAILURE])
def test_what_failed_although_it_was_predicted_to_pass_is_told(status, make_outcome):
    outcomes = [make_outcome("1.0.0", **failed("build", status)), make_outcome("1.0.1")]
    [found] = surprises(predicted(Verdict.FINE, "1.0.0", "1.0.1"), outcomes)
    assert str(found) == "volume/1.0.0/debian12: predicted ok, but failed in build"


@pytest.mark.parametrize("status", [Status.PASSED, Status.UNEXPECTED_PASS])
def test_what_passed_although_it_was_predicted_to_break_is_told(status, make_outcome):
    forecast = predicted(Verdict.BREAKS, "1.0.0", reasons=("a.cpp:1: no x",))
    [found] = surprises(forecast, [make_outcome("1.0.0", status)])
    assert str(found).endswith("predicted to break (a.cpp:1: no x), but passed")


def test_what_came_out_as_predicted_is_no_surprise(make_outcome, make_target):
    breaks = predicted(Verdict.BREAKS, "1.0.0")
    dies = predicted(Verdict.DIES, "1.0.0")
    fine = predicted(Verdict.FINE, "1.0.0")
    unknown = predicted(Verdict.UNKNOWN, "1.0.0")
    sanitized = make_target("1.0.0", sanitizer="address")
    for forecast, outcome in (
        (breaks, make_outcome("1.0.0", **failed("build"))),
        (dies, make_outcome("1.0.0", **failed("smoke"))),
        (fine, make_outcome("1.0.0")),
        # It says nothing of the module.
        (fine, make_outcome("1.0.0", **failed("sdk"))),
        (fine, make_outcome("1.0.0", Status.SKIPPED, stages=())),
        (fine, make_outcome("1.0.0", Status.CANCELLED, stages=())),
        (unknown, make_outcome("1.0.0", **failed("build"))),
        (breaks, make_outcome("1.1.0")),
        (breaks, make_outcome(target=sanitized)),
    ):
        assert surprises(forecast, [outcome]) == []


def test_the_summary_tells_of_surprises_and_silent_overrides(project, make_outcome):
    warning = "module/a.hpp:3:1: warning: silent-override: X::f() does not override anything"
    console = Console(file=io.StringIO(), width=240, force_terminal=False)
    outcomes = [make_outcome(text, warnings=(warning,)) for text in ("1.0.0", "1.0.1")]
    print_summary(console, project.plan(), outcomes, 1.0, predicted(Verdict.BREAKS, "1.0.0"))
    text = console.file.getvalue()
    assert f"{warning} [1.0.0, 1.0.1]" in text
    assert text.count("predicted to break, but passed") == 1
