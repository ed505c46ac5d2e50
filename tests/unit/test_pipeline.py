"""Targets through their stages, on an engine that only pretends: what is built, cached, kept."""

import json
import shutil
import threading
import time
from collections import Counter

import pytest

from buildkit.archives.cache import Archives
from buildkit.archives.lock import ArchiveLock
from buildkit.builder import Builder
from buildkit.engine import Base, Limits, StepResult
from buildkit.errors import UnavailableError
from buildkit.files.store import Store
from buildkit.outcome import Status
from buildkit.pipeline import Pipeline
from buildkit.run import run_targets
from buildkit.sdk.installed.sdk import InstalledSdks
from buildkit.sdk.provide import Sdks
from buildkit.sdk.release.sdk import ReleaseSdks
from buildkit.slots import Slots
from buildkit.smoke.abi import AbiFacts
from buildkit.smoke.checks import Check
from buildkit.smoke.results import LAST_CHECK
from buildkit.sources.modules import Sources
from buildkit.steps.runner import Steps
from buildkit.workspace import Workspace

OK = StepResult(exit_code=0, seconds=1.0)


def report(*checks, whole=True):
    rows = [
        *({"level": "run", "check": name, "ok": ok, "detail": "why"} for name, ok in checks),
        *([{"level": "run", "check": LAST_CHECK, "ok": True, "detail": ""}] if whole else []),
    ]
    return "".join(f"{json.dumps(row)}\n" for row in rows)


class PretendEngine:
    """Leaves what the real scripts leave; a test may say how a step of a release goes instead."""

    name = "host"
    lends = False

    def __init__(self):
        self.steps = []
        self.bad = {}
        self.identity = "base-1"
        self.content = "library"

    def provide(self, *_):
        return Base(identity=self.identity, reference="host", compiler="g++", architecture="amd64")

    def run(self, step, _, output, emit, cancelled):
        release = step.target.split("/")[1]
        self.steps.append((step.name, release, dict(step.env)))
        step.started()
        emit(f"{step.name} of {release}")
        behave = self.bad.get((step.name, release))
        if behave is not None:
            return behave(output, emit, cancelled)
        self.leave(step.name, release, output)
        return OK

    def leave(self, step, release, output):
        if step == "build":
            library = f"libvolume-1.0.0+mesos-{release}.stub.so"
            (output / library).write_text(f"{self.content} for {release}")
            (output / f"{library}.debug").write_text("debug")
            (output / "compiler.txt").write_text("g++ 12.2.0\n")
        elif step == "smoke":
            (output / "load.jsonl").write_text(report(("accepted", True)))
            (output / "run.jsonl").write_text(report(("prepare", True)))
        else:
            (output / "product").write_text(step)

    def close(self):
        pass

    def count(self):
        return Counter(name for name, _, _ in self.steps)


@pytest.fixture
def engine():
    return PretendEngine()


@pytest.fixture(autouse=True)
def no_elf(monkeypatch):
    """The libraries here are no ELF files."""
    good = [Check(level="inspect", name="soname", ok=True)]
    monkeypatch.setattr("buildkit.builder.inspect_target", lambda *_: list(good))
    monkeypatch.setattr("buildkit.builder.undefined_symbols", lambda _: frozenset())
    monkeypatch.setattr("buildkit.builder.abi_facts", lambda *_: AbiFacts(glibc="2.34"))
    monkeypatch.setattr("buildkit.pipeline.build_id", lambda _: "b1d")


@pytest.fixture
def run(project, tmp_path, engine):
    """Runs the project's plan as ``build`` does; the outcomes by release."""

    def run(*, jobs=2, smoke_again=False, keep_failed=False, cancelled=None):
        cancelled = cancelled or threading.Event()
        plan = project.plan()
        workspace = Workspace(root=project.root)
        archives = Archives(
            folder=tmp_path / "archives",
            lock=ArchiveLock.beside(project.path, workspace.build),
            emit=print,
        )
        steps = Steps(
            engine=engine,
            store=Store(folder=workspace.cache, limit=10**9),
            slots=Slots(jobs, tmp_path / "slots"),
            limits=Limits(),
            cancelled=cancelled,
        )
        pipeline = Pipeline(
            sdks=Sdks(ReleaseSdks(steps, archives), InstalledSdks(steps)),
            builder=Builder(steps, smoke_again=smoke_again),
            bases={t.base_request: engine.provide(t.base_request, print) for t in plan.targets},
            sources=Sources(root=project.root, cache=workspace.build / "git"),
            workspace=workspace,
            smoke=plan.smoke,
            listener=lambda *_: None,
            cancelled=cancelled,
            keep_failed=keep_failed,
        )
        outcomes = run_targets(
            plan.targets, pipeline.run, jobs=jobs, done=lambda _: None, cancelled=cancelled
        )
        return {str(outcome.target.release): outcome for outcome in outcomes}

    return run


def fails(*lines, ended="exited"):
    """A step that says ``lines`` and fails."""

    def behave(_, emit, *__):
        for line in lines:
            emit(line)
        return StepResult(exit_code=1, seconds=1.0, ended=ended)

    return behave


def statuses(outcomes):
    return {release: outcome.status.value for release, outcome in outcomes.items()}


def libraries(project):
    return sorted(path.name for path in (project.root / "dist").rglob("*.so"))


class TestGood:
    def test_every_target_is_built_smoked_and_published(self, run, project):
        outcomes = run()
        assert statuses(outcomes) == {"0.24.1": "passed", "1.0.1": "passed"}
        outcome = outcomes["0.24.1"]
        assert [stage.stage for stage in outcome.stages] == ["sdk", "build", "smoke"]
        assert outcome.compiler == "g++ 12.2.0"
        assert outcome.base == "base-1"
        assert [check.name for check in outcome.checks] == [
            *("soname", "accepted", LAST_CHECK, "prepare", LAST_CHECK),
        ]
        assert outcome.artifact.build_id == "b1d"
        assert outcome.artifact.abi.glibc == "2.34"
        library = project.root / "dist" / outcome.artifact.path
        assert library.read_text() == "library for 0.24.1"

    def test_a_library_is_inspected_once_and_not_before_it_is_being_driven(
        self, run, engine, monkeypatch
    ):
        seen = []

        def inspect(target, *_):
            ran = [name for name, release, _ in engine.steps if release == str(target.release)]
            seen.append((str(target.release), ran[-1]))
            return []

        monkeypatch.setattr("buildkit.builder.inspect_target", inspect)
        assert statuses(run()) == {"0.24.1": "passed", "1.0.1": "passed"}
        assert sorted(seen) == [("0.24.1", "smoke"), ("1.0.1", "smoke")]

    def test_each_target_has_a_log_of_its_own(self, run, project):
        run()
        log = (project.root / "build" / "logs" / "0.24.1.log").read_text()
        assert "build of 0.24.1" in log
        assert "build of 1.0.1" not in log

    def test_each_stage_says_what_it_ran_and_how_long_that_took(self, run, engine):
        first, second = (
            {stage.stage: stage.steps for stage in run()["0.24.1"].stages} for _ in range(2)
        )
        assert (first["build"][-1].name, first["build"][-1].seconds) == ("build", 1.0)
        assert [step.name for step in first["smoke"]][-2:] == ["harness", "smoke"]
        assert set(second.values()) == {()}

    def test_what_targets_share_is_made_once(self, run, engine):
        run(jobs=2)
        shared = {name for name, count in engine.count().items() if count == 1}
        assert shared >= {"harness-core"}
        assert engine.count()["build"] == engine.count()["smoke"] == 2


class TestCache:
    def test_a_second_run_does_nothing_and_says_so(self, run, engine):
        first = run()
        engine.steps.clear()
        again = run()
        assert engine.steps == []
        assert all(outcome.cached for outcome in again.values())
        assert statuses(again) == statuses(first)
        assert [o.artifact for o in again.values()] == [o.artifact for o in first.values()]
        assert again["0.24.1"].checks == first["0.24.1"].checks

    @pytest.mark.usefixtures("project")
    def test_what_making_it_took_is_known_of_a_library_from_the_cache(self, run, engine, project):
        def slowly(output, *_):
            time.sleep(0.2)
            engine.leave("build", "0.24.1", output)
            return OK

        engine.bad["build", "0.24.1"] = slowly
        first = run()["0.24.1"]
        shutil.rmtree(project.root / "dist")
        second = run()["0.24.1"]
        assert second.cached
        assert second.measured == first.measured >= 0.2

    def test_a_log_from_the_cache_says_what_it_said(self, run, engine):
        warning = "a.cpp:1:2: warning: unused"

        def warns(output, emit, _):
            emit(warning)
            engine.leave("build", "0.24.1", output)
            return OK

        engine.bad["build", "0.24.1"] = warns
        assert run()["0.24.1"].warnings == (warning,)
        assert run()["0.24.1"].warnings == (warning,)

    def test_a_changed_source_builds_all_again(self, run, project, engine):
        run()
        engine.steps.clear()
        (project.root / "src" / "volume.cpp").write_text("int descriptor2;\n")
        engine.content = "other library"
        assert not any(outcome.cached for outcome in run().values())
        assert engine.count()["build"] == engine.count()["smoke"] == 2
        # The harness does not know the module.
        assert engine.count()["harness"] == engine.count()["harness-core"] == 0

    def test_the_same_library_from_another_source_is_not_smoked_again(self, run, project, engine):
        run()
        engine.steps.clear()
        (project.root / "src" / "volume.cpp").write_text("int descriptor;  // of a volume\n")
        outcomes = run()
        assert engine.count() == {"build": 2}
        assert outcomes["0.24.1"].stage("build").state == "passed"
        assert outcomes["0.24.1"].stage("smoke").state == "cached"
        assert outcomes["0.24.1"].status is Status.PASSED

    def test_an_override_builds_its_releases_again_and_no_other(self, run, project, engine):
        run()
        engine.steps.clear()
        project.add('[[override]]\nmatch = "<1"\nflags = ["-DOLD"]\n')
        outcomes = run()
        assert [release for name, release, _ in engine.steps if name == "build"] == ["0.24.1"]
        assert outcomes["1.0.1"].cached

    def test_another_base_builds_all_again(self, run, engine):
        run()
        engine.steps.clear()
        engine.identity = "base-2"
        run()
        assert engine.count()["build"] == 2

    def test_another_floor_smokes_again_and_builds_nothing(self, run, project, engine):
        platform = '[[platform]]\nname = "debian12"\nbase = "debian:bookworm-slim"\n'
        project.add(platform)
        run()
        engine.steps.clear()
        project.add('floor = "debian11"\n')
        run()
        assert engine.count() == {"smoke": 2}

    def test_the_smoke_verb_smokes_again_and_builds_nothing(self, run, engine):
        run()
        engine.steps.clear()
        outcomes = run(smoke_again=True)
        assert engine.count() == {"smoke": 2}
        assert outcomes["0.24.1"].stage("build").state == "cached"
        assert outcomes["0.24.1"].stage("smoke").state == "passed"

    def test_a_failure_is_not_cached(self, run, engine):
        engine.bad["build", "0.24.1"] = fails("a.cpp:1: error: x")
        assert run()["0.24.1"].status is Status.FAILED
        engine.bad.clear()
        assert run()["0.24.1"].status is Status.PASSED

    def test_what_targets_share_does_not_depend_on_who_was_first(self, run, project, engine):
        """An override's environment is one target's: what was made in it is not for others."""
        run(jobs=1)
        shared = {name for name, count in engine.count().items() if count == 1}
        assert shared
        (project.root / "build").rename(project.root / "elsewhere")
        engine.steps.clear()
        project.add('[[override]]\nmatch = "<1"\nenv = { CPATH = "/odd" }\n')
        run(jobs=1)
        for kind in shared:
            assert {} in [env for name, _, env in engine.steps if name == kind]


class TestBad:
    def test_one_that_does_not_compile_spoils_no_other(self, run, project, engine):
        engine.bad["build", "0.24.1"] = fails("noise", "a.cpp:1:2: error: no member 'x'", "more")
        outcomes = run()
        assert statuses(outcomes) == {"0.24.1": "failed", "1.0.1": "passed"}
        failed = outcomes["0.24.1"]
        assert failed.cause == ("build: exited with 1", "a.cpp:1:2: error: no member 'x'")
        assert failed.stage("build").state == "failed"
        assert failed.stage("smoke") is None
        assert failed.log == "build/logs/0.24.1.log"
        assert libraries(project) == ["libvolume-1.0.0+mesos-1.0.1.stub.so"]

    def test_what_was_published_before_is_withdrawn(self, run, project, engine):
        run()
        (project.root / "src" / "volume.cpp").write_text("int other;\n")
        engine.content = "other library"
        engine.bad["smoke", "0.24.1"] = fails()
        run()
        assert libraries(project) == ["libvolume-1.0.0+mesos-1.0.1.stub.so"]

    @pytest.mark.parametrize(
        ("ended", "part"),
        [("timeout", "seconds-per-step"), ("memory", "memory-per-job"), ("exited", "with 1")],
    )
    def test_how_a_step_ended_is_the_first_cause(self, run, engine, ended, part):
        engine.bad["build", "0.24.1"] = fails("last words", ended=ended)
        cause = run()["0.24.1"].cause
        assert part in cause[0]
        assert cause[-1] == "last words"

    def test_a_build_that_leaves_no_library_has_failed(self, run, engine):
        engine.bad["build", "0.24.1"] = lambda *_: OK
        [cause] = run()["0.24.1"].cause
        assert "left no libvolume-1.0.0+mesos-0.24.1.stub.so" in cause

    def test_a_failed_check_is_the_cause_and_all_checks_are_kept(self, run, engine):
        def smoke(output, *_):
            (output / "load.jsonl").write_text(report(("accepted", True)))
            (output / "run.jsonl").write_text(report(("prepare", False), ("cleanup", True)))
            return StepResult(exit_code=1, seconds=1.0)

        engine.bad["smoke", "0.24.1"] = smoke
        outcome = run()["0.24.1"]
        assert outcome.status is Status.FAILED
        assert outcome.cause == ("FAIL run prepare: why",)
        assert {check.name: check.ok for check in outcome.checks}["cleanup"]

    @pytest.mark.parametrize("driven", [lambda *_: OK, fails("crashed")])
    def test_what_inspection_finds_is_the_cause_whatever_driving_it_shows(
        self, run, engine, monkeypatch, driven
    ):
        bad = [Check(level="inspect", name="soname", ok=False, detail="why")]
        monkeypatch.setattr("buildkit.builder.inspect_target", lambda *_: list(bad))
        engine.bad["smoke", "0.24.1"] = driven
        outcome = run()["0.24.1"]
        assert outcome.status is Status.FAILED
        assert outcome.cause == ("FAIL inspect soname: why",)
        assert outcome.checks == tuple(bad)

    def test_a_report_that_is_cut_off_is_a_failure_whatever_the_exit_code(self, run, engine):
        def smoke(output, *_):
            (output / "load.jsonl").write_text(report(("accepted", True)))
            (output / "run.jsonl").write_text(report(("prepare", True), whole=False))
            return OK

        engine.bad["smoke", "0.24.1"] = smoke
        assert run()["0.24.1"].status is Status.FAILED

    def test_an_engine_that_is_gone_ends_the_run(self, run, engine):
        def gone(*_):
            raise UnavailableError("the daemon is gone")

        engine.bad["build", "0.24.1"] = gone
        with pytest.raises(UnavailableError, match="the daemon is gone"):
            run()

    def test_a_failed_work_folder_is_kept_if_asked_for(self, run, project, engine):
        engine.bad["build", "0.24.1"] = fails("a.cpp:1: error: x")
        cause = run(keep_failed=True)["0.24.1"].cause
        assert "kept: build/failed/0.24.1" in cause
        assert (project.root / "build" / "failed" / "0.24.1" / "build.sh").is_file()
        assert not (project.root / "build" / "failed" / "1.0.1").exists()


class TestExpected:
    OVERRIDE = (
        '[[override]]\nmatch = "<1"\nexpect = "fail"\nreason = "not ported"\nstage = "build"\n'
        'pattern = "no member"\n'
    )

    def test_a_failure_as_expected_is_good_and_publishes_nothing(self, run, project, engine):
        project.add(self.OVERRIDE)
        engine.bad["build", "0.24.1"] = fails("a.cpp:1: error: no member 'x'")
        outcome = run()["0.24.1"]
        assert outcome.status is Status.EXPECTED_FAILURE
        assert libraries(project) == ["libvolume-1.0.0+mesos-1.0.1.stub.so"]

    def test_passing_is_then_an_error(self, run, project):
        project.add(self.OVERRIDE)
        outcome = run()["0.24.1"]
        assert outcome.status is Status.UNEXPECTED_PASS
        assert outcome.artifact is None

    def test_a_skipped_target_starts_nothing_and_withdraws_what_was(self, run, project, engine):
        run()
        engine.steps.clear()
        project.add('[[override]]\nmatch = "<1"\nskip = "broken"\n')
        outcome = run()["0.24.1"]
        assert (outcome.status, outcome.cause) == (Status.SKIPPED, ("broken",))
        assert libraries(project) == ["libvolume-1.0.0+mesos-1.0.1.stub.so"]


class TestStop:
    def test_a_target_that_is_stopped_is_cancelled_and_leaves_nothing(self, run, project, engine):
        def stopped(_, __, cancelled):
            cancelled.set()
            return StepResult(exit_code=-15, seconds=1.0, ended="cancelled")

        engine.bad["build", "0.24.1"] = stopped
        outcomes = run(jobs=1)
        assert statuses(outcomes) == {"0.24.1": "cancelled", "1.0.1": "cancelled"}
        assert outcomes["0.24.1"].stage("build").state == "cancelled"
        assert libraries(project) == []
        engine.bad.clear()
        assert statuses(run()) == {"0.24.1": "passed", "1.0.1": "passed"}

    def test_what_an_earlier_run_published_stays(self, run, project):
        run()
        cancelled = threading.Event()
        cancelled.set()
        assert set(statuses(run(cancelled=cancelled)).values()) == {"cancelled"}
        assert len(libraries(project)) == 2


class TestPatches:
    def test_one_that_does_not_apply_stops_its_target_alone(self, run, project):
        diff = "--- a/volume.cpp\n+++ b/volume.cpp\n@@ -1 +1 @@\n-x\n+y\n"
        (project.root / "p.diff").write_text(diff)
        project.add('[[override]]\nmatch = "<1"\npatches = ["p.diff"]\n')
        outcomes = run()
        assert statuses(outcomes) == {"0.24.1": "failed", "1.0.1": "passed"}
        [cause] = outcomes["0.24.1"].cause
        for part in ("p.diff", "volume.cpp", "hunk 1"):
            assert part in cause
