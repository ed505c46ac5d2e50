"""A run's machinery: engine, bases, store and slots are put together, used, and given back."""

import threading
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from buildkit.archives.cache import Archives, archive_of
from buildkit.archives.fetch import fetch_all
from buildkit.board import make_display
from buildkit.builder import Builder
from buildkit.engine import Base, BaseRequest, Engine, Limits
from buildkit.engine.docker import DockerEngine
from buildkit.engine.host import HostEngine
from buildkit.errors import UnavailableError
from buildkit.files.ownfolder import PREFIX, remove_abandoned
from buildkit.files.store import Store, mark_as_cache
from buildkit.matrix import Matrix
from buildkit.options import Options
from buildkit.outcome import Outcome
from buildkit.pipeline import Pipeline
from buildkit.plan import Plan, Target
from buildkit.run import run_targets, stop_on_signals
from buildkit.sdk.installed.sdk import InstalledSdks
from buildkit.sdk.provide import Sdks
from buildkit.sdk.release.builtin import builtin_patches
from buildkit.sdk.release.sdk import ReleaseSdks
from buildkit.slots import Slots, default_jobs
from buildkit.sources.modules import Sources
from buildkit.steps.runner import Steps
from buildkit.workspace import Workspace

Work = Callable[[Pipeline, Target], Outcome]
"""What is to be done with each target."""


def run_plan(  # noqa: PLR0913, PLR0917
    plan: Plan,
    options: Options,
    workspace: Workspace,
    archives: Archives,
    console: Console,
    work: Work,
    *,
    smoke_again: bool = False,
    meanwhile: Callable[[], None] = lambda: None,
) -> tuple[list[Outcome], bool]:
    """The outcomes, in the targets' order, and whether a signal ended the run.

    ``meanwhile`` is called when a step runs, so that this process has time to spare.

    Raises :class:`UnavailableError` for an engine or base that is not to be had.
    """
    mark_as_cache(workspace.build)
    _tidy(workspace)
    # A lock file that can't be read must be known before the work.
    archives.lock.pins()
    _fetch(plan, workspace, archives, console)
    defaults = plan.matrix.file.defaults
    memory = int(defaults.memory_per_job)
    jobs = options.jobs or default_jobs(memory)
    cancelled = threading.Event()
    store = Store(folder=workspace.cache, limit=int(defaults.cache_size))
    engine = connect(plan)
    try:
        # Before all else and in this thread: without a base nothing can start, and Ctrl-C must
        # end a bootstrap, which takes a minute.
        bases = _provide_bases(engine, plan, console)
        display = make_display(console, len(plan.targets))
        steps = Steps(
            engine=engine,
            store=store,
            slots=Slots(jobs, notify=lambda line: console.print(Text(line), soft_wrap=True)),
            limits=Limits(
                memory_bytes=memory,
                pids=defaults.processes_per_step,
                seconds=defaults.seconds_per_step,
            ),
            cancelled=cancelled,
            meanwhile=meanwhile,
        )
        pipeline = Pipeline(
            sdks=Sdks(ReleaseSdks(steps, archives), InstalledSdks(steps, builtin_patches)),
            builder=Builder(steps, smoke_again=smoke_again),
            bases=bases,
            sources=sources_of(plan.matrix, workspace),
            workspace=workspace,
            smoke=plan.smoke,
            listener=display.entered,
            cancelled=cancelled,
            keep_failed=options.keep_failed,
        )
        with stop_on_signals(cancelled) as interrupted, display:
            outcomes = run_targets(
                plan.targets,
                lambda target: work(pipeline, target),
                jobs=jobs,
                done=display.ended,
                cancelled=cancelled,
                fail_fast=options.fail_fast,
            )
        return outcomes, interrupted.is_set()
    finally:
        engine.close()
        store.trim()


def sources_of(matrix: Matrix, workspace: Workspace) -> Sources:
    """The sources of a matrix file's modules."""
    patches = {path for patch in matrix.patches.values() for path in patch.files}
    return Sources(
        root=workspace.root,
        cache=workspace.repositories,
        beside=(matrix.path, *(workspace.root / path for path in sorted(patches))),
    )


def _tidy(workspace: Workspace) -> None:
    """Remove what runs that were killed had to themselves below ``build/``."""
    # Contexts lie there, or one deeper where there are several modules; so do cache entries.
    for pattern in (f"*/{PREFIX}*", f"*/*/{PREFIX}*"):
        remove_abandoned(workspace.build.glob(pattern))


def _fetch(plan: Plan, workspace: Workspace, archives: Archives, console: Console) -> None:
    """Fetch the archives that are missing; what can't be had fails its own targets only.

    Raises :class:`UnavailableError` if nothing could be built for want of them.
    """
    targets = [target for target in plan.targets if target.skip is None]
    missing = {
        target.release
        for target in targets
        if target.sdk == "release" and not archives.has(archive_of(target.release))
    }
    hopeless = [
        one.error
        for one in fetch_all(archives, sorted(missing), console)
        if isinstance(one.error, UnavailableError)
    ]
    # An SDK that was made before needs no archive. What was cut off while it was made is hidden.
    made = any((workspace.cache / "sdk").glob("[!.]*"))
    if hopeless and not made and {target.release for target in targets} == missing:
        raise hopeless[0]


def _provide_bases(engine: Engine, plan: Plan, console: Console) -> dict[BaseRequest, Base]:
    requests = {target.base_request for target in plan.targets if target.skip is None}
    return {
        request: engine.provide(request, lambda line: console.print(Text(line), soft_wrap=True))
        for request in sorted(requests, key=repr)
    }


def connect(plan: Plan) -> Engine:
    """The plan's engine."""
    match plan.engine:
        case "docker":
            return DockerEngine.connect()
        case "host":
            return HostEngine()
