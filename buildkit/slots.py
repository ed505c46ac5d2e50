"""Job slots shared by all of a user's processes on this machine, and how many are sensible.

``nox -j`` starts several processes that each would start as many jobs as there are CPUs. A slot is
a locked file, so the kernel frees it when its holder dies, however that happens.
"""

import os
import random
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from buildkit.errors import InterruptedRunError, UnavailableError

_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 10.0


class WaitCancelledError(InterruptedRunError):
    """The run was cancelled while it waited for a slot."""


def machine_folder() -> Path:
    """The private folder, made if need be, for what this user's processes share on this machine.

    Below ``XDG_RUNTIME_DIR`` if that is the user's own, else in the folder for temporary files.

    Raises :class:`UnavailableError` if somebody else has made it, since files of theirs there could
    be links to anywhere.
    """
    user = os.getuid()
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    # Under sudo the variable still names the other user's.
    if runtime and _is_own_folder(Path(runtime), user):
        folder = Path(runtime) / "mesos-buildkit"
    else:
        folder = Path(tempfile.gettempdir()) / f"mesos-buildkit-{user}"
    return private_folder(folder)


def private_folder(folder: Path) -> Path:
    """``folder``, made with mode 0700 if need be, and checked.

    Raises :class:`UnavailableError` if it is not a folder of this user's own.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_own_folder(folder, os.getuid()):
            raise UnavailableError(
                f"{folder}: needed for locks, but it is not a folder of this user's own; "
                "remove it, or set XDG_RUNTIME_DIR or TMPDIR to a folder of yours"
            )
        # It may be there from a time with another umask.
        folder.chmod(0o700)
    except OSError as error:
        raise UnavailableError(f"{folder}: needed for locks: {error.strerror}") from error
    return folder


def _is_own_folder(folder: Path, user: int) -> bool:
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == user


class Slots:
    """At most ``limit`` jobs at a time among all processes that use the same ``folder``.

    Processes with different limits may share a folder: each keeps to its own limit and counts what
    the others hold in the lowest slots.
    """

    def __init__(
        self, limit: int, folder: Path | None = None, notify: Callable[[str], None] = lambda _: None
    ) -> None:
        """Without ``folder``, the one of this user on this machine.

        ``notify`` is told once if others hold all slots for ten seconds, since then nothing else
        shows that this is alive.

        Raises :class:`ValueError` for a limit below 1 and :class:`UnavailableError` if the folder
        cannot be had.
        """
        if limit < 1:
            raise ValueError(f"a limit of {limit} jobs would never let one run")
        self.limit = limit
        self.folder = private_folder(folder or machine_folder() / "slots")
        self._notify = notify
        self._notified = threading.Event()
        self._held = 0
        self._count = threading.Lock()

    @contextmanager
    def acquire(self, cancelled: threading.Event) -> Iterator[int]:
        """Hold a slot, and give its number, counted from 0; wait for one to be free.

        Raises :class:`WaitCancelledError` if ``cancelled`` is set, now or while waiting.
        """
        begun = time.monotonic()
        while not cancelled.is_set():
            lock, number = self._try_each()
            if lock is not None:
                self._add(1)
                try:
                    yield number
                finally:
                    self._add(-1)
                    lock.release()
                return
            self._tell_of_wait(time.monotonic() - begun)
            # Not in step with other waiters, or the same one could win each time.
            cancelled.wait(_POLL_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
        raise WaitCancelledError("cancelled while waiting for a job slot")

    @contextmanager
    def acquire_free(self) -> Iterator[int]:
        """Hold all slots that are free now; how many. To be asked for while holding one."""
        locks: list[FileLock] = []
        try:
            while (lock := self._try_each()[0]) is not None:
                locks.append(lock)
            yield len(locks)
        finally:
            for lock in locks:
                lock.release()

    def _add(self, one: int) -> None:
        with self._count:
            self._held += one

    def _tell_of_wait(self, seconds: float) -> None:
        if seconds < _PATIENCE_SECONDS or self._held or self._notified.is_set():
            return
        self._notified.set()
        self._notify(
            f"waiting: other builds of this user hold all {self.limit} job slots of this machine "
            f"({self.folder}); with more --jobs this one need not wait"
        )

    def _try_each(self) -> tuple[FileLock | None, int]:
        for number in range(self.limit):
            lock = FileLock(self.folder / f"slot-{number}.lock", thread_local=False)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            return lock, number
        return None, -1


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """What this process may use of this machine."""

    cpus: float
    memory_bytes: int

    def jobs(self, memory_per_job_bytes: int) -> int:
        """How many jobs fit, at least 1."""
        by_memory = self.memory_bytes // max(1, memory_per_job_bytes)
        return max(1, min(int(self.cpus), by_memory))


def default_jobs(memory_per_job_bytes: int) -> int:
    """As many jobs as there are CPUs for this process and memory for them, at least 1."""
    return measure_capacity().jobs(memory_per_job_bytes)


def measure_capacity(root: Path = Path("/")) -> Capacity:
    """CPUs by affinity and control group, memory by what is available and by control group.

    ``root`` is where ``proc`` and ``sys`` are looked for. What cannot be read bounds nothing.
    """
    cpus = [float(_affinity())]
    memory = [_memory_available(root)]
    for folder in _cgroup_folders(root):
        quota = _cpu_quota(folder)
        if quota is not None:
            cpus.append(quota)
        room = _memory_room(folder)
        if room is not None:
            memory.append(room)
    return Capacity(cpus=min(cpus), memory_bytes=min(memory))


def _affinity() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def _memory_available(root: Path) -> int:
    try:
        lines = (root / "proc/meminfo").read_text("ascii").splitlines()
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError, IndexError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _cgroup_folders(root: Path) -> Iterator[Path]:
    """The folders of this process's control groups and of all groups around them."""
    try:
        lines = (root / "proc/self/cgroup").read_text("utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        # "0::/user.slice" with version 2, "4:memory:/docker/..." with version 1
        _, controllers, group = line.split(":", 2)
        mounts = controllers.split(",") if controllers else ["", "unified"]
        for mount in mounts:
            top = root / "sys/fs/cgroup" / mount
            folder = top / group.lstrip("/")
            yield folder
            yield from (parent for parent in folder.parents if parent.is_relative_to(top))


def _cpu_quota(folder: Path) -> float | None:
    both = _numbers(folder / "cpu.max") or [
        *_numbers(folder / "cpu.cfs_quota_us"),
        *_numbers(folder / "cpu.cfs_period_us"),
    ]
    # No quota is "max" with version 2 and -1 with version 1.
    match both:
        case [quota, period] if quota > 0 and period > 0:
            return quota / period
        case _:
            return None


def _memory_room(folder: Path) -> int | None:
    for bound, used in (
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        limit = _numbers(folder / bound)
        if limit:
            return max(0, limit[0] - sum(_numbers(folder / used)))
    return None


def _numbers(file: Path) -> list[int]:
    """The file's numbers; none at all if one of its words is not a number."""
    try:
        return [int(word) for word in file.read_text("ascii").split()]
    except (OSError, ValueError):
        return []
