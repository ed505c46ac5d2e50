"""Running a plan: nobody spoils another, bounded, stoppable."""

import os
import signal
import threading

import pytest

from buildkit.errors import UnavailableError
from buildkit.outcome import Status
from buildkit.releases import FINAL_RELEASES
from buildkit.run import run_targets, stop_on_signals

PATIENCE = 30.0
"""Seconds after which a test that hangs gives up; none waits that long when all is well."""


@pytest.fixture
def targets(make_target):
    return tuple(make_target(str(release)) for release in FINAL_RELEASES[:6])


@pytest.fixture
def passed(make_outcome):
    return lambda target: make_outcome(str(target.release))


def start(targets, run, **options):
    """Runs the targets; the outcomes, and the targets in the order in which they ended."""
    ended = []
    values = {"jobs": 2, "cancelled": threading.Event(), **options}
    outcomes = run_targets(targets, run, done=ended.append, **values)
    return outcomes, ended


def test_outcomes_come_in_the_targets_order_whatever_ends_first(targets, passed):
    first_may_end = threading.Event()

    def run(target):
        if target is targets[0]:
            assert first_may_end.wait(PATIENCE)
        elif target is targets[-1]:
            first_may_end.set()
        return passed(target)

    outcomes, ended = start(targets, run)
    assert [outcome.target for outcome in outcomes] == list(targets)
    assert sorted(o.target.name for o in ended) == sorted(t.name for t in targets)
    assert ended[-1].target is not targets[-1] or ended[0].target is not targets[0]


def test_nothing_to_run_is_fine(passed):
    assert start((), passed) == ([], [])


@pytest.mark.parametrize("jobs", [1, 3])
def test_one_that_fails_stops_no_other(targets, make_outcome, jobs):
    def run(target):
        bad = target in targets[:2]
        return make_outcome(str(target.release), Status.FAILED if bad else Status.PASSED)

    outcomes, _ = start(targets, run, jobs=jobs)
    assert [outcome.status for outcome in outcomes] == [Status.FAILED] * 2 + [Status.PASSED] * 4


@pytest.mark.parametrize("jobs", [1, 2, 4])
def test_as_many_at_a_time_as_jobs_and_never_more(targets, passed, jobs):
    guard, full = threading.Lock(), threading.Event()
    now, most = 0, 0

    def run(target):
        nonlocal now, most
        with guard:
            now += 1
            most = max(most, now)
            if now == jobs:
                full.set()
        # Nobody ends before the bound has been reached, so a lower one would hang.
        assert full.wait(PATIENCE)
        with guard:
            now -= 1
        return passed(target)

    start(targets, run, jobs=jobs)
    assert most == jobs


class TestFailFast:
    def test_the_first_failure_cancels_what_has_not_begun(self, targets, make_outcome):
        cancelled = threading.Event()

        def run(target):
            if target in targets[2:]:
                assert cancelled.wait(PATIENCE)
            status = Status.FAILED if target is targets[1] else Status.PASSED
            return make_outcome(str(target.release), status)

        outcomes, ended = start(targets, run, jobs=1, fail_fast=True, cancelled=cancelled)
        statuses = [outcome.status for outcome in outcomes]
        assert cancelled.is_set()
        assert statuses[:2] == [Status.PASSED, Status.FAILED]
        # The one after it may have begun before the failure was seen.
        assert set(statuses[3:]) == {Status.CANCELLED}
        assert len(ended) == len(targets)

    def test_what_runs_is_told(self, targets, make_outcome):
        cancelled = threading.Event()

        def run(target):
            if target is targets[0]:
                return make_outcome(str(target.release), Status.FAILED)
            assert cancelled.wait(PATIENCE)
            return make_outcome(str(target.release), Status.CANCELLED)

        outcomes, _ = start(targets[:2], run, jobs=2, fail_fast=True, cancelled=cancelled)
        assert [o.status for o in outcomes] == [Status.FAILED, Status.CANCELLED]

    @pytest.mark.parametrize("status", [Status.EXPECTED_FAILURE, Status.SKIPPED])
    def test_what_was_to_be_expected_is_no_failure(self, targets, make_outcome, status):
        outcomes, _ = start(
            targets, lambda t: make_outcome(str(t.release), status), jobs=1, fail_fast=True
        )
        assert {outcome.status for outcome in outcomes} == {status}


class TestErrors:
    def test_one_that_concerns_all_stops_all_and_is_raised(self, targets, passed):
        cancelled, begun = threading.Event(), []

        def run(target):
            begun.append(target)
            if target is targets[0]:
                raise UnavailableError("the daemon is gone")
            assert cancelled.wait(PATIENCE)
            return passed(target)

        with pytest.raises(UnavailableError, match="the daemon is gone"):
            start(targets, run, jobs=2, cancelled=cancelled)
        assert len(begun) <= 3

    def test_the_first_one_is_raised(self, targets):
        second_may_fail = threading.Event()

        def run(target):
            if target is targets[0]:
                second_may_fail.set()
                raise UnavailableError("cause")
            assert cancelled.wait(PATIENCE)
            raise UnavailableError("consequence")

        cancelled = threading.Event()
        with pytest.raises(UnavailableError, match="cause"):
            start(targets, run, jobs=2, cancelled=cancelled)

    def test_a_report_that_breaks_does_not_leave_threads_behind(self, targets, passed):
        before = threading.active_count()

        def broken(_):
            raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            run_targets(targets, passed, jobs=2, done=broken, cancelled=threading.Event())
        assert threading.active_count() == before


class TestStop:
    def test_a_run_that_was_stopped_before_starts_nothing(self, targets, passed):
        cancelled = threading.Event()
        cancelled.set()
        outcomes, _ = start(targets, passed, cancelled=cancelled)
        assert {outcome.status for outcome in outcomes} == {Status.CANCELLED}

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_the_first_signal_stops_gently_and_the_second_at_once(self, number):
        before = signal.getsignal(number)
        cancelled = threading.Event()
        with stop_on_signals(cancelled):
            os.kill(os.getpid(), number)
            assert cancelled.wait(PATIENCE)
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), number)
        assert signal.getsignal(number) is before

    def test_a_signal_during_a_run_ends_it_with_an_outcome_for_each(self, targets, make_outcome):
        cancelled = threading.Event()

        def run(target):
            if target is targets[0]:
                os.kill(os.getpid(), signal.SIGINT)
            assert cancelled.wait(PATIENCE)
            return make_outcome(str(target.release), Status.CANCELLED)

        with stop_on_signals(cancelled):
            outcomes, _ = start(targets, run, cancelled=cancelled)
        assert {outcome.status for outcome in outcomes} == {Status.CANCELLED}
        assert len(outcomes) == len(targets)
