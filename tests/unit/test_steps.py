"""Products that targets share: made once, waited for, and not tried again and again in vain."""

import threading
from dataclasses import replace

import pytest
from filelock import FileLock

from buildkit.engine import Base, Limits, StepResult
from buildkit.errors import InterruptedRunError
from buildkit.files.store import Store
from buildkit.files.tree import digest_of
from buildkit.slots import Slots
from buildkit.steps.log import TargetLog
from buildkit.steps.runner import Site, StepFailedError, Steps

BASE = Base(identity="base", reference="host", compiler="g++", architecture="amd64")
GIB = 1024**3


class RecordingEngine:
    name = "host"
    lends = False

    def __init__(self):
        self.steps = []

    def run(self, step, base, output, emit, cancelled):
        self.steps.append(step)
        return StepResult(exit_code=0, seconds=0.0)


@pytest.fixture
def engine():
    return RecordingEngine()


@pytest.fixture
def cancelled():
    return threading.Event()


@pytest.fixture
def slots(tmp_path):
    return Slots(3, tmp_path / "slots")


@pytest.fixture
def steps(tmp_path, engine, slots, cancelled):
    return Steps(
        engine=engine,
        store=Store(folder=tmp_path / "store", limit=10**9),
        slots=slots,
        limits=Limits(memory_bytes=GIB, pids=100),
        cancelled=cancelled,
    )


@pytest.fixture
def site(tmp_path):
    log = TargetLog(tmp_path / "target.log")
    plain = Site(target="t", base=BASE, log=log, waited=lambda _: None)
    yield lambda **options: replace(plain, **options)
    log.close()


def leave(text):
    return lambda entry: (entry / "product").write_text(text)


class TestOnce:
    def test_the_second_finds_what_the_first_has_made(self, steps, site):
        first = steps.once("kind", "digest", site(), leave("a"))
        second = steps.once("kind", "digest", site(), leave("b"))
        assert (first.cached, second.cached) == (False, True)
        assert (second.entry / "product").read_text() == "a"

    def test_another_environment_is_another_product(self, steps, site):
        first = steps.once("kind", "digest", site(), leave("a"))
        second = steps.once("kind", "digest", site(env={"CPATH": "/opt"}), leave("b"))
        assert first.entry != second.entry

    def test_many_at_once_make_it_once(self, steps, site):
        made = []

        def fill(entry):
            made.append(entry)
            threading.Event().wait(0.05)

        def make():
            steps.once("kind", "digest", site(), fill)

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made) == 1

    def test_what_has_failed_fails_for_all_and_is_not_tried_again(self, steps, site):
        tried = []

        def fill(entry):
            tried.append(entry)
            raise StepFailedError(["no compiler"])

        for _ in range(3):
            with pytest.raises(StepFailedError, match="no compiler"):
                steps.once("kind", "digest", site(), fill)
        assert len(tried) == 1
        assert steps.once("kind", "other", site(), leave("a"))

    def test_waiting_for_another_process_ends_with_the_run(self, steps, site, cancelled):
        with FileLock(steps.store.lock_file("kind", digest_of("digest"))):
            threading.Timer(0.1, cancelled.set).start()
            with pytest.raises(InterruptedRunError):
                steps.once("kind", "digest", site(), leave("a"))


class TestWide:
    def test_it_has_all_slots_that_nobody_uses(self, steps, site, slots, cancelled):
        with steps.wide_slot(site()) as jobs:
            assert jobs == 3
        with slots.acquire(cancelled), steps.wide_slot(site()) as jobs:
            assert jobs == 2

    def test_its_limits_grow_with_its_jobs(self, steps, site, engine, tmp_path):
        steps.run(site(), "runtime", ("sh",), {}, tmp_path, jobs=3)
        steps.run(site(), "build", ("sh",), {}, tmp_path)
        wide, plain = engine.steps
        # Mesos's own sources take more than a module's.
        assert (wide.limits.memory_bytes, wide.limits.pids) == (6 * GIB, 300)
        assert wide.env == {"JOBS": "3"}
        assert (plain.limits.memory_bytes, plain.limits.pids) == (GIB, 100)
        assert plain.env == {}
