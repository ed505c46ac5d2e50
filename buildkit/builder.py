"""Makes, or finds in the store, what a target's stages produce: library, harness, smoke result.

Every product is an entry of the store under the digest of all that shaped it. A step that fails
leaves no entry.
"""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from buildkit import __version__
from buildkit.artifacts import DEBUG_SUFFIX
from buildkit.causes import MOST_LINES, error_lines
from buildkit.context import Context
from buildkit.engine import Base, Engine, Limits, Step, StepResult
from buildkit.errors import InterruptedRunError, TargetError
from buildkit.inspection import inspect_target
from buildkit.matrix import SmokeLevel
from buildkit.slots import Slots
from buildkit.smoke.checks import Check, failures
from buildkit.smoke.results import read_report
from buildkit.store import Store
from buildkit.targetlog import TargetLog
from buildkit.tree import digest_of, read_tree, tree_digest
from buildkit.workfolder import WorkFolder

_LOG = "log.txt"
_CHECKS = "checks.json"
_COMPILER = "compiler.txt"


@dataclass(frozen=True, kw_only=True)
class Product:
    """An entry of the store, and whether it was there already."""

    entry: Path
    cached: bool


class StepFailedError(TargetError):
    """A step has failed; ``lines`` say why."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class SmokeFailedError(StepFailedError):
    """A library is not as it must be."""

    def __init__(self, checks: list[Check]) -> None:
        super().__init__([str(check) for check in failures(checks)[:MOST_LINES]])
        self.checks = checks


@dataclass(frozen=True, kw_only=True)
class Job:
    """One target's context on one base, with the log that its steps write."""

    context: Context
    base: Base
    folder: WorkFolder
    """The context on disk, when a step needs it."""
    log: TargetLog
    waited: Callable[[float], None]
    """Told of the seconds spent waiting for a slot, which are nobody's work."""


class Builder:
    """Runs steps on an engine, at most as many at a time as there are slots. Thread-safe."""

    def __init__(  # noqa: PLR0913
        self,
        *,
        engine: Engine,
        store: Store,
        slots: Slots,
        limits: Limits,
        cancelled: threading.Event,
        smoke_again: bool = False,
    ) -> None:
        self._smoke_again = smoke_again
        self._engine = engine
        self._store = store
        self._slots = slots
        self._limits = limits
        self._cancelled = cancelled
        self._locks = _Locks()

    def library(self, job: Job) -> Product:
        """The compiled module, its debug file and the compiler's name.

        Raises :class:`StepFailedError` with the compiler's errors.
        """
        target = job.context.target
        digest = digest_of("build", job.context.build_digest, job.base.identity, target.library)
        found = self._found("build", digest, job)
        if found is not None:
            return found

        def fill(entry: Path) -> None:
            with self._recorded(job, entry):
                inputs = {".": job.folder.path, "common": self._common(job)}
                self._step(job, "build", ("sh", "build.sh", "common", "out"), inputs, entry)
                for name in (target.library, target.library + DEBUG_SUFFIX, _COMPILER):
                    if not (entry / name).is_file():
                        raise StepFailedError([f"the build left no {name}"])

        with self._slot(job):
            return Product(entry=self._store.put("build", digest, fill), cached=False)

    def smoke(self, job: Job, library: Product, level: SmokeLevel) -> Product:
        """The checks of a library that passed them all.

        Raises :class:`SmokeFailedError` with all checks if some failed, and
        :class:`StepFailedError` if they could not be made.
        """
        digest = digest_of(
            *("smoke", library.entry.name, job.context.smoke_digest, job.base.identity, level),
            _checker_digest(),
        )
        found = self._found("smoke", digest, job)
        if self._smoke_again and found is not None:
            self._store.drop("smoke", digest)
        elif found is not None:
            return found

        def fill(entry: Path) -> None:
            with self._recorded(job, entry):
                checks = self._inspect(job, library.entry)
                if level != "inspect" and not failures(checks):
                    checks += self._drive(job, library.entry, level, entry)
                if failures(checks):
                    raise SmokeFailedError(checks)
                _write_checks(entry, checks)

        with self._slot(job):
            return Product(entry=self._store.put("smoke", digest, fill), cached=False)

    @contextmanager
    def _slot(self, job: Job) -> Iterator[None]:
        begun = time.monotonic()
        with self._slots.acquire(self._cancelled):
            job.waited(time.monotonic() - begun)
            yield

    def _inspect(self, job: Job, built: Path) -> list[Check]:
        target = job.context.target
        library = built / target.library
        debug = built / (target.library + DEBUG_SUFFIX)
        checks = inspect_target(target, library, debug, job.context.sdk.provided)
        for check in checks:
            job.log(str(check))
        return checks

    def _drive(self, job: Job, built: Path, level: SmokeLevel, entry: Path) -> list[Check]:
        """Levels ``load`` and ``run``: the harness loads and drives the library."""
        folder = job.folder.path
        inputs = {
            **{path: folder / path for path in job.context.smoke},
            "harness": folder / "harness",
            "built": built,
            "tools": self._harness(job),
        }
        argv = ("sh", "smoke.sh", level, "built", "tools")
        ended = None
        problem = None
        try:
            self._step(job, "smoke", argv, inputs, entry)
        except _StepEndedError as error:
            ended = None if error.result.ended == "exited" else error.how
            problem = error
        checks = read_report(entry / "load.jsonl", level="load", ended=ended)
        if level != "load" and not failures(checks):
            checks += read_report(entry / "run.jsonl", level="run", ended=ended)
        if problem is not None and not failures(checks):
            raise problem
        return checks

    def _common(self, job: Job) -> Path:
        """The objects that are the same for all releases; an empty folder if there are none."""
        context = job.context
        digest = digest_of("common", context.common_digest, job.base.identity)
        inputs = {path: job.folder.path / path for path in context.common}
        return self._once("common", digest, job, ("sh", "common.sh", "out"), inputs)

    def _harness(self, job: Job) -> Path:
        """The compiled harness. It knows the SDK but not the module, so modules share it."""
        context = job.context
        base = job.base.identity
        try:
            core = self._once(
                "harness-core",
                digest_of("harness-core", context.harness_core_digest, base),
                job,
                ("sh", "harness-core.sh", "out"),
                {path: job.folder.path / path for path in context.harness_core},
            )
            return self._once(
                "harness",
                digest_of("harness", context.harness_digest, base),
                job,
                ("sh", "harness.sh", "core", "out"),
                {".": job.folder.path, "core": core},
            )
        except StepFailedError as error:
            what = "the smoke harness does not compile on this platform, or against this SDK"
            raise StepFailedError([what, *error.lines]) from error

    def _once(
        self, kind: str, digest: str, job: Job, argv: tuple[str, ...], inputs: Mapping[str, Path]
    ) -> Path:
        """A product that several targets share: the first to need it makes it, others wait."""
        # Targets with another environment do not share it: that shapes what the step leaves.
        env = job.context.target.env
        digest = digest_of(digest, *(f"{name}={env[name]}" for name in sorted(env)))

        def fill(entry: Path) -> None:
            with self._recorded(job, entry):
                self._step(job, kind, argv, inputs, entry)

        with self._locks.of(digest):
            found = self._found(kind, digest, job)
            return found.entry if found else self._store.put(kind, digest, fill)

    def _step(
        self,
        job: Job,
        name: str,
        argv: tuple[str, ...],
        inputs: Mapping[str, Path],
        output: Path,
    ) -> None:
        target = job.context.target
        mark = len(job.log.lines)
        job.log(f"--- {name}: {' '.join(argv)}")
        step = Step(
            name=name,
            target=target.name,
            argv=argv,
            inputs=inputs,
            env=target.env,
            limits=self._limits,
        )
        result = self._engine.run(step, job.base, output, job.log, self._cancelled)
        if result.ended == "cancelled":
            raise InterruptedRunError("the run was stopped")
        job.log(f"--- {name}: ended after {result.seconds:.1f} s with {result.exit_code}")
        if not result.ok:
            raise _StepEndedError(name, result, self._limits, job.log.since(mark + 1)[:-1])

    def _found(self, kind: str, digest: str, job: Job) -> Product | None:
        entry = self._store.get(kind, digest)
        if entry is None:
            return None
        # The log says what it said when the work was done, its warnings included.
        for line in (entry / _LOG).read_text().splitlines():
            job.log(line)
        return Product(entry=entry, cached=True)

    @staticmethod
    @contextmanager
    def _recorded(job: Job, entry: Path) -> Iterator[None]:
        mark = len(job.log.lines)
        yield
        lines = job.log.since(mark)
        (entry / _LOG).write_text("".join(f"{line}\n" for line in lines))


class _Locks:
    """A lock for each name."""

    def __init__(self) -> None:
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def of(self, name: str) -> threading.Lock:
        """The one lock of ``name``."""
        with self._guard:
            return self._locks[name]


class _StepEndedError(StepFailedError):
    """A step's command did not end well."""

    def __init__(self, name: str, result: StepResult, limits: Limits, log: list[str]) -> None:
        match result.ended:
            case "timeout":
                self.how = f"stopped after {limits.seconds:.0f} s (seconds-per-step)"
            case "memory":
                self.how = f"needed more than {limits.memory_bytes >> 20} MiB (memory-per-job)"
            case _:
                self.how = f"exited with {result.exit_code}"
        super().__init__([f"{name}: {self.how}", *error_lines(log)])
        self.result = result


def compiler_of(library: Product) -> str:
    """First line of the compiler's ``--version``, as the build noted it."""
    return (library.entry / _COMPILER).read_text().strip()


def read_checks(smoke: Product) -> list[Check]:
    """The checks of a smoke result."""
    return [Check(**row) for row in json.loads((smoke.entry / _CHECKS).read_text())]


def _write_checks(entry: Path, checks: list[Check]) -> None:
    rows = [{"level": c.level, "name": c.name, "ok": c.ok, "detail": c.detail} for c in checks]
    (entry / _CHECKS).write_text(json.dumps(rows, indent=1))


@cache
def _checker_digest() -> str:
    """Over the code and data that judge a library: what they think may change with them."""
    package = resources.files("buildkit")
    trees = []
    for name in ("smoke", "interfaces"):
        with resources.as_file(package / name) as folder:
            trees.append(tree_digest(read_tree(folder)))
    return digest_of(__version__, *trees)
