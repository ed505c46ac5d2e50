"""Verdicts and exit codes, as tables."""

import pytest

from buildkit.errors import (
    BuildkitError,
    ExitCode,
    InterruptedRunError,
    TargetError,
    UnavailableError,
    UsageError,
)
from buildkit.outcome import STAGES, StageOutcome, Status, exit_code, judge
from buildkit.plan import Expectation

EXPECTED = Expectation(reason="not ported", stage="build", pattern=r"^.*no member named 'x\d'")
LOG = "a.cpp:1:1: note: here\na.cpp:1:1: error: no member named 'x1'\nmake: Error 1"


@pytest.mark.parametrize(
    ("expect", "failed", "log", "status", "remark"),
    [
        (None, None, "", Status.PASSED, None),
        *((None, stage, LOG, Status.FAILED, None) for stage in STAGES),
        (EXPECTED, "build", LOG, Status.EXPECTED_FAILURE, "expected: not ported"),
        (EXPECTED, None, LOG, Status.UNEXPECTED_PASS, "not ported"),
        (EXPECTED, "smoke", LOG, Status.FAILED, "in stage build, not in smoke"),
        (EXPECTED, "sdk", LOG, Status.FAILED, "in stage build, not in sdk"),
        (EXPECTED, "build", "another error", Status.FAILED, EXPECTED.pattern),
        (EXPECTED, "build", "", Status.FAILED, "not this one"),
    ],
)
def test_the_verdict(expect, failed, log, status, remark):
    found, remarks = judge(expect, failed, log)
    assert found is status
    assert (remark is None) == (remarks == [])
    if remark is not None:
        assert remark in remarks[0].replace("\\\\", "\\")


PASSED, FAILED, EXPECTED_FAILURE = Status.PASSED, Status.FAILED, Status.EXPECTED_FAILURE
UNEXPECTED_PASS, SKIPPED, CANCELLED = Status.UNEXPECTED_PASS, Status.SKIPPED, Status.CANCELLED


@pytest.mark.parametrize(
    ("statuses", "interrupted", "code"),
    [
        ([], False, ExitCode.OK),
        ([PASSED], False, ExitCode.OK),
        ([PASSED, SKIPPED, EXPECTED_FAILURE], False, ExitCode.OK),
        ([PASSED, FAILED], False, ExitCode.TARGET_FAILED),
        ([UNEXPECTED_PASS, PASSED], False, ExitCode.TARGET_FAILED),
        ([FAILED, CANCELLED], False, ExitCode.TARGET_FAILED),
        ([PASSED, CANCELLED], True, ExitCode.INTERRUPTED),
        ([FAILED, CANCELLED], True, ExitCode.INTERRUPTED),
    ],
)
def test_the_exit_code_of_a_run(make_outcome, statuses, interrupted, code):
    outcomes = [make_outcome(status=status) for status in statuses]
    assert exit_code(outcomes, interrupted=interrupted) == code


@pytest.mark.parametrize("status", Status)
def test_an_outcome_is_good_if_it_alone_would_exit_with_0(make_outcome, status):
    outcome = make_outcome(status=status)
    assert outcome.good == (exit_code([outcome], interrupted=False) == ExitCode.OK)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError, 2),
        (UnavailableError, 3),
        (TargetError, 1),
        (InterruptedRunError, 130),
        (BuildkitError, 1),
    ],
)
def test_the_exit_codes_are_those_of_the_design(error, code):
    assert error("x").exit_code == code


class TestStages:
    def test_a_target_is_cached_if_all_its_stages_are(self, make_outcome):
        def outcome(*states):
            stages = zip(STAGES, states, strict=False)
            return make_outcome(
                stages=tuple(StageOutcome(stage=stage, state=state) for stage, state in stages)
            )

        assert outcome("cached", "cached", "cached").cached
        assert not outcome("cached", "cached", "passed").cached
        assert not outcome().cached

    def test_the_times_add_up_and_stages_are_found_by_name(self, make_outcome):
        outcome = make_outcome()
        assert outcome.seconds == 3.0
        assert outcome.stage("build").state == "passed"
        assert make_outcome(stages=()).stage("build") is None
