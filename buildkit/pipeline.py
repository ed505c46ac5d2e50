"""One target through its stages: SDK, build, smoke; timed, judged, and published if good.

A :class:`Pipeline` belongs to one run and is used by several threads at once.
"""

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from buildkit.assembly import assemble
from buildkit.builder import (
    Builder,
    Job,
    SmokeFailedError,
    compiler_of,
    read_abi,
    read_checks,
)
from buildkit.context import Context
from buildkit.engine import Base, BaseRequest
from buildkit.errors import InterruptedRunError, TargetError, UnavailableError
from buildkit.files.tree import write_tree
from buildkit.matrix import SmokeLevel, Stage
from buildkit.outcome import Artifact, Outcome, StageOutcome, StageState, Status, StepTime, judge
from buildkit.plan import Target
from buildkit.results.artifacts import Dist
from buildkit.sdk.model import Sdk
from buildkit.sdk.provide import Sdks
from buildkit.smoke.checks import Check
from buildkit.smoke.elf import build_id
from buildkit.sources.modules import Sources
from buildkit.sources.origin import Origin
from buildkit.steps.causes import warning_lines
from buildkit.steps.log import TargetLog
from buildkit.steps.runner import Site, StepFailedError
from buildkit.workfolder import WorkFolder
from buildkit.workspace import Workspace

Listener = Callable[[Target, Stage], None]
"""Told which stage a target has entered."""


@dataclass
class _Progress:
    """What is known of a target so far."""

    target: Target
    log: TargetLog
    stages: list[StageOutcome] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    sdk_digest: str = ""
    base: str = ""
    compiler: str = ""
    artifact: Artifact | None = None
    origin: Origin | None = None
    archives: tuple[tuple[str, str], ...] = ()
    waited: float = 0.0
    """Seconds of the present stage that went by waiting for a job slot."""
    steps: list[StepTime] = field(default_factory=list)
    """What has run in the present stage."""
    measured: float | None = None

    def note_wait(self, seconds: float) -> None:
        """Add to ``waited``."""
        self.waited += seconds

    def note_step(self, name: str, seconds: float) -> None:
        """Add to ``steps``."""
        self.steps.append(StepTime(name=name, seconds=seconds))


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """Takes targets through their stages; :meth:`run` takes one all the way."""

    sdks: Sdks
    builder: Builder
    bases: Mapping[BaseRequest, Base]
    """Every target's base, ready for use."""
    sources: Sources
    workspace: Workspace
    smoke: SmokeLevel
    listener: Listener
    cancelled: threading.Event
    keep_failed: bool = False

    def run(self, target: Target) -> Outcome:
        """Build and smoke one target. What is wrong with the target is in the outcome.

        Raises :class:`UnavailableError` if the engine is gone: then no other target can be built
        either.
        """
        dist = Dist(folder=self.workspace.dist, lock=self.workspace.dist_lock)
        outcome = self._carry(target, lambda progress: self._build(progress, dist))
        published = target.sanitizer is None
        if published and outcome.status not in {Status.PASSED, Status.CANCELLED}:
            dist.withdraw(target)
            outcome = replace(outcome, artifact=None)
        return outcome

    def prepare(self, target: Target) -> Outcome:
        """Make the target's SDK and runtime, and no more."""

        def work(progress: _Progress) -> None:
            with self._stage(progress, "sdk") as stage:
                sdk, site = self._sdk(progress)
                stage.cached = sdk.cached & sdk.runtime(site, frozenset()).cached

        return self._carry(_expecting_sdk(target), work)

    def write_context(self, target: Target) -> Outcome:
        """Write the target's context to its public place, and no more."""

        def work(progress: _Progress) -> None:
            with self._stage(progress, "sdk") as stage:
                context, site = self._context(progress)
                stage.cached = context.sdk.cached
                write_tree(context.tree(), self.workspace.context(target))
                site.log(self.workspace.shown(self.workspace.context(target)))

        return self._carry(_expecting_sdk(target), work)

    def _carry(self, target: Target, work: Callable[["_Progress"], None]) -> Outcome:
        """Do some of a target's work and judge how it went."""
        if target.skip is not None:
            return Outcome(target=target, status=Status.SKIPPED, cause=(target.skip,))
        progress = _Progress(target=target, log=TargetLog(self.workspace.log(target)))
        failed: Stage | None = None
        cause: list[str] = []
        try:
            work(progress)
        except InterruptedRunError:
            return self._outcome(progress, Status.CANCELLED, ["the run was stopped"])
        except (TargetError, OSError) as error:
            # An OSError, such as a full disk, may spare the other targets.
            failed = progress.stages[-1].stage
            cause = error.lines if isinstance(error, StepFailedError) else [str(error)]
            progress.log(f"--- failed in stage {failed}")
            for line in cause:
                progress.log(line)
        finally:
            progress.log.close()
        status, remarks = judge(target.expect, failed, "\n".join(progress.log.lines))
        if self.keep_failed and status is not Status.PASSED:
            cause.append(f"kept: {self._keep(target)}")
        return self._outcome(progress, status, [*cause, *remarks])

    def _sdk(self, progress: _Progress) -> tuple[Sdk, Site]:
        target = progress.target
        base = self.bases[target.base_request]
        progress.base = base.identity
        progress.compiler = base.compiler
        site = Site(
            target=target.name,
            base=base,
            log=progress.log,
            waited=progress.note_wait,
            ran=progress.note_step,
            env=target.env,
        )
        sdk = self.sdks.provide(target, site)
        progress.sdk_digest = sdk.digest
        progress.archives = sdk.archives
        return sdk, site

    def _context(self, progress: _Progress) -> tuple[Context, Site]:
        sdk, site = self._sdk(progress)
        context = assemble(progress.target, self.sources, sdk, self.smoke, progress.log)
        try:
            progress.origin = self.sources.origin(progress.target.module, progress.log)
        except UnavailableError as error:
            # It builds without; a release does not go without.
            progress.log(f"warning: the sources' commit is not known: {error}")
        return context, site

    def _build(self, progress: _Progress, dist: Dist) -> None:
        target = progress.target
        with self._stage(progress, "sdk") as stage:
            context, site = self._context(progress)
            stage.cached = context.sdk.cached
        with WorkFolder(context, self.workspace.context(target)) as folder:
            self._work(progress, Job(context=context, folder=folder, site=site), dist)

    def _work(self, progress: _Progress, job: Job, dist: Dist) -> None:
        target = progress.target
        with self._stage(progress, "build") as stage:
            library = self.builder.library(job)
            stage.cached = library.cached
            progress.compiler = compiler_of(library)
        with self._stage(progress, "smoke") as stage:
            try:
                result = self.builder.smoke(job, library, self.smoke)
            except SmokeFailedError as error:
                progress.checks = error.checks
                raise
            stage.cached = result.cached
            progress.checks = read_checks(result)
        if library.seconds is not None and result.seconds is not None:
            progress.measured = library.seconds + result.seconds
        if target.sanitizer is None:
            identity = build_id(library.entry / target.library) or ""
            progress.artifact = dist.publish(target, library.entry, identity, read_abi(result))

    @contextmanager
    def _stage(self, progress: _Progress, stage: Stage) -> Iterator["_Marks"]:
        """Time a stage and note how it ended, whichever way that is."""
        if self.cancelled.is_set():
            raise InterruptedRunError("the run was stopped")
        self.listener(progress.target, stage)
        marks = _Marks()
        progress.waited = 0.0
        progress.steps.clear()
        begun = time.monotonic()
        state: StageState = "failed"
        try:
            yield marks
            state = "cached" if marks.cached else "passed"
        except InterruptedRunError:
            state = "cancelled"
            raise
        finally:
            seconds = time.monotonic() - begun - progress.waited
            progress.stages.append(
                StageOutcome(
                    stage=stage,
                    state=state,
                    seconds=0.0 if marks.cached else seconds,
                    steps=tuple(progress.steps),
                )
            )

    def _outcome(self, progress: _Progress, status: Status, cause: list[str]) -> Outcome:
        return Outcome(
            target=progress.target,
            status=status,
            stages=tuple(progress.stages),
            cause=tuple(cause),
            warnings=tuple(warning_lines(progress.log.lines)),
            checks=tuple(progress.checks),
            sdk_digest=progress.sdk_digest,
            base=progress.base,
            compiler=progress.compiler,
            artifact=progress.artifact,
            origin=progress.origin,
            archives=progress.archives,
            measured=progress.measured,
            ended=datetime.now(UTC).replace(microsecond=0),
            log=self.workspace.shown(progress.log.path),
        )

    def _keep(self, target: Target) -> str:
        """Save a failed target's work folder from the next run; its path."""
        place = self.workspace.failed(target)
        shutil.rmtree(place, ignore_errors=True)
        context = self.workspace.context(target)
        if context.is_dir():
            shutil.copytree(context, place)
        return self.workspace.shown(place)


def _expecting_sdk(target: Target) -> Target:
    """The target as it is judged when it goes no further than its SDK."""
    here = target.expect is not None and target.expect.stage == "sdk"
    return target if here else replace(target, expect=None)


@dataclass
class _Marks:
    """What a stage says of itself."""

    cached: bool = False
