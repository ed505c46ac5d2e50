"""Steps whose results are kept: run on the engine in a job slot, stored under what shaped them.

Every product is an entry of the store under the digest of all that shaped it. A step that fails
leaves no entry.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from filelock import FileLock, Timeout

from buildkit.engine import Base, Engine, Limits, Step, StepResult
from buildkit.errors import InterruptedRunError, TargetError
from buildkit.files.store import Store
from buildkit.files.tree import digest_of
from buildkit.slots import Slots
from buildkit.steps.causes import error_lines
from buildkit.steps.log import TargetLog

LOG = "log.txt"
"""In every entry: what was said in making it."""
_SECONDS = "seconds.txt"
"""In every entry: how long making it took."""
ABOUT = frozenset({LOG, _SECONDS})
"""The files of an entry that are no part of what was made."""
_POLL_SECONDS = 0.2
_MESOS_MEMORY_BYTES = 2 * 1024**3
"""What a compile of Mesos's own sources may take: libprocess's largest has been seen at 1.4 GB."""
_NOTHING: Mapping[str, Path] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Product:
    """An entry of the store, and whether it was there already."""

    entry: Path
    cached: bool

    @property
    def seconds(self) -> float | None:
        """What making it took, now or long ago; None if it was not noted."""
        try:
            return float((self.entry / _SECONDS).read_text())
        except (OSError, ValueError):
            return None


@dataclass(frozen=True, kw_only=True)
class Site:
    """Whose steps run, where, and who is told."""

    target: str
    """The target's name; for labels and messages."""
    base: Base
    log: TargetLog
    waited: Callable[[float], None]
    """Told of the seconds spent waiting for a slot or another's work."""
    ran: Callable[[str, float], None] = lambda _, __: None
    """Told of each step that has run, by name, and of the seconds it took."""
    env: Mapping[str, str] = field(default_factory=dict)


class StepFailedError(TargetError):
    """A step has failed; ``lines`` say why."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class StepEndedError(StepFailedError):
    """A step's command did not end well."""

    def __init__(self, name: str, result: StepResult, limits: Limits, log: list[str]) -> None:
        match result.ended:
            case "timeout":
                self.how = f"stopped after {limits.seconds:.0f} s (seconds-per-step)"
            case "memory":
                self.how = (
                    f"needed more than {limits.memory_bytes >> 20} MiB (memory-per-job, times jobs)"
                )
            case _:
                self.how = f"exited with {result.exit_code}"
        super().__init__([f"{name}: {self.how}", *error_lines(log)])
        self.result = result


class Steps:
    """Runs steps on an engine, at most as many at a time as there are slots. Thread-safe."""

    def __init__(  # noqa: PLR0913
        self,
        *,
        engine: Engine,
        store: Store,
        slots: Slots,
        limits: Limits,
        cancelled: threading.Event,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> None:
        """``meanwhile`` is called each time that a step has started."""
        self.store = store
        self._meanwhile = meanwhile
        self._engine = engine
        self._slots = slots
        self._limits = limits
        self._cancelled = cancelled
        self._locks = _Locks()
        self._failed: dict[str, list[str]] = {}

    @property
    def lends(self) -> bool:
        """Whether a step can be lent folders."""
        return self._engine.lends

    @contextmanager
    def slot(self, site: Site) -> Iterator[None]:
        """Hold a job slot."""
        begun = time.monotonic()
        with self._slots.acquire(self._cancelled):
            site.waited(time.monotonic() - begun)
            yield

    def run(  # noqa: PLR0913
        self,
        site: Site,
        name: str,
        argv: tuple[str, ...],
        inputs: Mapping[str, Path],
        output: Path,
        *,
        lent: Mapping[str, Path] = _NOTHING,
        jobs: int | None = None,
        writable: tuple[str, ...] = (),
        root: bool = False,
        apart: bool = False,
        started: Callable[[], object] = lambda: None,
    ) -> None:
        """Run one step; what it leaves goes below ``output``.

        ``lent`` is for an engine that lends, as :attr:`lends` says.
        ``jobs`` is for a step that compiles Mesos's sources in parallel: how many at a time, as
        ``$JOBS`` tells it; each has the memory of one. ``writable``, ``root`` and ``apart``
        are what it insists on. ``started`` is called once it runs.

        Raises :class:`StepEndedError` if its command fails or is ended.
        """
        mark = len(site.log.lines)
        site.log(f"--- {name}: {' '.join(argv)}")
        limits = self._limits
        if jobs is not None:
            memory = max(limits.memory_bytes, _MESOS_MEMORY_BYTES)
            limits = replace(limits, memory_bytes=memory * jobs, pids=limits.pids * jobs)
        step = Step(
            name=name,
            target=site.target,
            argv=argv,
            inputs=inputs,
            lent=lent,
            env=site.env if jobs is None else {**site.env, "JOBS": str(jobs)},
            limits=limits,
            writable=writable,
            root=root,
            apart=apart,
            started=lambda: (self._meanwhile(), started()),
        )
        result = self._engine.run(step, site.base, output, site.log, self._cancelled)
        if result.ended == "cancelled":
            raise InterruptedRunError("the run was stopped")
        site.ran(name, result.seconds)
        site.log(f"--- {name}: ended after {result.seconds:.1f} s with {result.exit_code}")
        if not result.ok:
            raise StepEndedError(name, result, limits, site.log.since(mark + 1)[:-1])

    def found(self, kind: str, digest: str, site: Site) -> Product | None:
        """The product, if it is there already; the log then says again what it said."""
        entry = self.store.get(kind, digest)
        if entry is None:
            return None
        # What was said when the work was done, its warnings included.
        for line in (entry / LOG).read_text().splitlines():
            site.log(line)
        return Product(entry=entry, cached=True)

    def make(self, kind: str, digest: str, site: Site, fill: Callable[[Path], None]) -> Product:
        """Make a product: ``fill`` is given an empty folder and may raise to leave nothing."""

        def recorded(entry: Path) -> None:
            mark = len(site.log.lines)
            begun = time.monotonic()
            fill(entry)
            (entry / _SECONDS).write_text(f"{time.monotonic() - begun:.3f}\n")
            lines = site.log.since(mark)
            (entry / LOG).write_text("".join(f"{line}\n" for line in lines))

        return Product(entry=self.store.put(kind, digest, recorded), cached=False)

    def once(self, kind: str, digest: str, site: Site, fill: Callable[[Path], None]) -> Product:
        """A product that several targets share: the first to need it makes it, others wait."""
        # Targets with another environment do not share it: that shapes what the step leaves.
        digest = digest_of(digest, *(f"{name}={site.env[name]}" for name in sorted(site.env)))
        with self._alone(kind, digest, site):
            if digest in self._failed:
                raise StepFailedError(self._failed[digest])
            try:
                return self.found(kind, digest, site) or self.make(kind, digest, site, fill)
            except StepFailedError as error:
                # It would fail again for each that waits for it.
                self._failed[digest] = error.lines
                raise

    @contextmanager
    def _alone(self, kind: str, digest: str, site: Site) -> Iterator[None]:
        """Keep other threads and processes from making the same product at the same time."""
        begun = time.monotonic()
        with self._locks.of(digest):
            lock = FileLock(self.store.lock_file(kind, digest))
            while True:
                if self._cancelled.is_set():
                    raise InterruptedRunError("the run was stopped")
                try:
                    lock.acquire(timeout=_POLL_SECONDS)
                except Timeout:
                    continue
                break
            site.waited(time.monotonic() - begun)
            try:
                yield
            finally:
                lock.release()

    @contextmanager
    def wide_slot(self, site: Site) -> Iterator[int]:
        """Hold a job slot and all others that are free; how many.

        For a step that compiles in parallel while others have nothing to do.
        """
        with self.slot(site), self._slots.acquire_free() as more:
            yield 1 + more


class _Locks:
    """A lock for each name."""

    def __init__(self) -> None:
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def of(self, name: str) -> threading.Lock:
        """The one lock of ``name``."""
        with self._guard:
            return self._locks[name]
