"""Steps on this machine, with its own compiler, where no container engine is to be had.

This is no sandbox: a step runs as the user, sees the user's files and reaches the network. What it
shares with a container is all else: a work folder of its own, a clean environment, bounds in time
and memory, and nothing left of it afterwards.
"""

import hashlib
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Literal, Self

from buildkit.engine import (
    Base,
    BaseRequest,
    Emit,
    EngineName,
    NotPossibleHereError,
    Step,
    StepResult,
    trees,
)
from buildkit.engine.architecture import this_architecture
from buildkit.engine.command import FRAME, RESULTS, Lines, framed
from buildkit.errors import UnavailableError
from buildkit.files.ownfolder import abandoned, own_folder, remove_abandoned

NOTICE: Final = (
    "engine host: steps run with this machine's compiler as the current user, which is no sandbox"
)
"""For whoever chooses this engine to print."""

_PREFIX = "mesos-buildkit-host-"
_POLL_SECONDS = 0.05
_MEMORY_POLL_SECONDS = 0.25
_DRAIN_SECONDS = 2.0
_PIECE = 64 * 1024
_KILLED = 128 + signal.SIGKILL
_KILL_ROUNDS = 50

# A grandchild waits for our end of the pipe to close, which it does however we end, and then ends
# the process group. It is no child of the command, which may wait for all of its children.
_GUARDED_FRAME = f"""
exec 3<&0 </dev/null
( ( read -r _ <&3; kill -KILL 0 ) >/dev/null 2>&1 & )
exec 3<&-
ulimit -c 0
{FRAME}
"""


class HostEngine:
    """The engine protocol with this machine's own processes.

    Of a step's limits, time is kept to, and memory as far as the resident anonymous memory of the
    step's session goes, which is looked at a few times a second. The number of processes is not
    bounded: the kernel counts them per user, not per step.
    """

    notice: Final = NOTICE

    def __init__(self, temporary: Path | None = None) -> None:
        """``temporary`` is where work folders are made, by default in the system's own place."""
        self._temporary = temporary
        self._bases: dict[str, Base] = {}
        self._lock = threading.Lock()

    @property
    def name(self) -> EngineName:
        """The engine's name in options, manifest and table."""
        return "host"

    @property
    def lends(self) -> bool:
        """See :attr:`buildkit.engine.Engine.lends`."""
        return True

    def close(self) -> None:
        """See :meth:`buildkit.engine.Engine.close`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def provide(self, request: BaseRequest, emit: Emit) -> Base:  # noqa: ARG002  # the protocol's
        """See :meth:`buildkit.engine.Engine.provide`; image and packages mean nothing here."""
        here = this_architecture()
        if request.architecture != here:
            raise UnavailableError(
                f"platform {request.platform!r} is for {request.architecture}, and this machine is "
                f"{here}; use --engine docker"
            )
        with self._lock:
            if request.compiler not in self._bases:
                self._bases[request.compiler] = _describe_compiler(request)
            return self._bases[request.compiler]

    def run(
        self, step: Step, base: Base, output: Path, emit: Emit, cancelled: threading.Event
    ) -> StepResult:
        """See :meth:`buildkit.engine.Engine.run`."""
        del base
        if cancelled.is_set():
            return StepResult(exit_code=_KILLED, seconds=0.0, ended="cancelled")
        modified = int(step.env.get("SOURCE_DATE_EPOCH", "0"))
        tree = trees.entries(step.inputs, folders=[RESULTS])
        with _work_folder(self._temporary) as folder:
            work, scratch = folder / "work", folder / "tmp"
            work.mkdir()
            scratch.mkdir()
            trees.lay(tree, work, modified=modified)
            for place, lent in step.lent.items():
                (work / place).symlink_to(lent.absolute())
            result = _Run(step, work, scratch).follow(emit, cancelled)
            if result.ended != "cancelled":
                _collect(work / RESULTS, output)
        return result


@contextmanager
def _work_folder(temporary: Path | None) -> Iterator[Path]:
    with own_folder(temporary, prefix=_PREFIX) as folder:
        yield folder.resolve()


def clean_folders(temporary: Path | None = None) -> int:
    """Remove the work folders that killed runs of this user left; give how many there were."""
    return remove_abandoned(_work_folders(temporary))


def left_folders(temporary: Path | None = None) -> list[Path]:
    """The work folders that killed runs of this user left."""
    return abandoned(_work_folders(temporary))


def _work_folders(temporary: Path | None) -> Iterator[Path]:
    return (temporary or Path(tempfile.gettempdir())).glob(f"{_PREFIX}*")


def _collect(folder: Path, output: Path) -> None:
    if not folder.is_dir() or folder.is_symlink():
        output.mkdir(parents=True, exist_ok=True)
        return
    # The way of the container engine's results, so that both let the same through.
    with trees.repack(folder) as archive:
        trees.unpack(archive, output, top=RESULTS)


_MOUNT_FOLDERS = """\
while [ "$1" != -- ]; do
  there=$1
  while [ ! -d "$there" ]; do there=$(dirname "$there"); done
  [ "$there" != / ] || { echo "no folder above $1 can be hidden" >&2; exit 1; }
  mount -t tmpfs -o mode=1777 mesos-buildkit "$there"
  mkdir -p "$1"
  shift
done
shift
exec "$@"
"""
"""Hides the nearest folder that is there, so that nothing is left of it on the machine."""


def _alone_with(step: Step, work: Path) -> list[str]:
    """What to put before a step's command, which is run in ``work``, for all it insists on."""
    folders = step.writable
    is_root = os.geteuid() == 0
    if not folders and not step.apart and (is_root or not step.root):
        return []
    for folder in folders:
        there = next(path for path in (Path(folder), *Path(folder).parents) if path.is_dir())
        if work.resolve().is_relative_to(there.resolve()):
            raise NotPossibleHereError(
                f"{folder}: hiding {there} would hide the work folder {work} as well; use a "
                "container, or another TMPDIR"
            )
    start = ["unshare", "--mount"]
    if not is_root:
        start += ["--user", "--map-root-user"]
    if step.apart:
        # The command is process 1 there: with it the kernel ends all the others.
        start += ["--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    prefix = [*start, "/bin/sh", "-eu", "-c", _MOUNT_FOLDERS, "sh", *folders, "--"]
    try:
        tried = subprocess.run(
            [*prefix, "true"], check=False, capture_output=True, text=True, timeout=30.0
        )
        problem = (tried.stderr.strip() or "unshare failed") if tried.returncode else ""
    except (OSError, subprocess.TimeoutExpired) as error:
        problem = str(error)
    if problem:
        raise NotPossibleHereError(
            f"no namespaces of its own on this machine: {problem}; use a container"
        )
    return prefix


class _Run:
    """One step's processes: a session of their own, of which nothing is left in the end."""

    def __init__(self, step: Step, work: Path, scratch: Path) -> None:
        self._step = step
        self._scratch = scratch
        self._began = time.monotonic()
        self._next_look = self._began + _MEMORY_POLL_SECONDS
        try:
            self._process = subprocess.Popen(
                [
                    *_alone_with(step, work),
                    *("/bin/sh", "-c", _GUARDED_FRAME, "sh", *framed(step, home=str(scratch))),
                ],
                cwd=work,
                env={"PATH": os.environ.get("PATH", os.defpath)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise UnavailableError(
                f"step {step.name!r} of {step.target} could not be started: {error}"
            ) from error

    def follow(self, emit: Emit, cancelled: threading.Event) -> StepResult:
        """Hand out the output until the command ends, or end it."""
        process, lines = self._process, Lines(emit)
        assert process.stdin is not None  # noqa: S101  # for mypy: both were asked for
        assert process.stdout is not None  # noqa: S101
        ended: Literal["exited", "timeout", "memory", "cancelled"] | None = None
        with process.stdin, process.stdout as out:
            try:
                self._step.started()
                os.set_blocking(out.fileno(), False)
                open_ended = True
                while ended is None:
                    if open_ended:
                        open_ended = _feed(out, lines, _POLL_SECONDS)
                    else:
                        cancelled.wait(_POLL_SECONDS / 5)
                    ended = self._end(cancelled)
                seconds = time.monotonic() - self._began
            finally:
                self._kill()
            # Only what left the session still holds the other end, and that is not waited for.
            until = time.monotonic() + _DRAIN_SECONDS
            while open_ended and time.monotonic() < until:
                open_ended = _feed(out, lines, _POLL_SECONDS)
            lines.close()
        code = process.returncode
        # As a shell says it, and as it comes out of a container.
        return StepResult(exit_code=code if code >= 0 else 128 - code, seconds=seconds, ended=ended)

    def _end(
        self, cancelled: threading.Event
    ) -> Literal["exited", "timeout", "memory", "cancelled"] | None:
        """Why the step is at its end, or None if it may go on."""
        # Left unreaped, so that its number, which is the session's, is not given out again.
        if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return "exited"
        if cancelled.is_set():
            return "cancelled"
        now = time.monotonic()
        if now - self._began > self._step.limits.seconds:
            return "timeout"
        if now >= self._next_look:
            self._next_look = now + _MEMORY_POLL_SECONDS
            if session_memory(self._process.pid) > self._step.limits.memory_bytes:
                return "memory"
        return None

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        # What made itself a group or a session of its own still has the step's environment. It may
        # be starting others while it is looked for, hence the rounds.
        marker = f"TMPDIR={self._scratch}".encode()
        for _ in range(_KILL_ROUNDS):
            left = {*session_members(self._process.pid), *processes_with(marker)}
            if not left - {self._process.pid}:
                break
            for pid in left:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        self._process.wait()


def _feed(out: IO[bytes], lines: Lines, patience: float) -> bool:
    """Hand on what is there within ``patience`` seconds; False at the end of the output."""
    with selectors.DefaultSelector() as selector:
        selector.register(out, selectors.EVENT_READ)
        if not selector.select(patience):
            return True
    chunk = os.read(out.fileno(), _PIECE)
    lines.feed(chunk)
    return bool(chunk)


def session_members(session: int) -> list[int]:
    """The processes of a session, its leader included; none where there is no ``/proc``."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError):
            # The command's name, in brackets, may hold blanks and brackets itself.
            fields = stat.read_text("utf-8", errors="replace").rpartition(")")[2].split()
            if fields[3] == str(session) and fields[0] != "Z":
                members.append(int(stat.parent.name))
    return members


def processes_with(assignment: bytes) -> list[int]:
    """The processes that were started with ``NAME=value`` in their environment."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if assignment in environ.read_bytes().split(b"\0"):
                found.append(int(environ.parent.name))
    return found


def session_memory(session: int) -> int:
    """Resident anonymous memory of a session's processes, in bytes."""
    pages = 0
    for pid in session_members(session):
        with suppress(OSError, IndexError, ValueError):
            fields = Path(f"/proc/{pid}/statm").read_text("ascii").split()
            pages += int(fields[1]) - int(fields[2])
    return pages * os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, kw_only=True)
class _Compiler:
    path: Path

    def ask(self, *arguments: str, source: str = "") -> str:
        """What the compiler prints, or nothing if it does not know the arguments."""
        try:
            done = subprocess.run(
                [self.path, *arguments],
                input=source,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=20,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout if done.returncode == 0 else ""


_PRINT_MACROS = ("-x", "c++", "-dM", "-E", "-")
_RUNTIME_FILES = ("crt1.o", "libc.so.6", "libstdc++.so")


def _describe_compiler(request: BaseRequest) -> Base:
    found = shutil.which(request.compiler)
    if found is None:
        raise UnavailableError(
            f"engine host: no compiler {request.compiler!r} on PATH; install it (on Debian and "
            "Ubuntu: apt-get install g++) or use --engine docker"
        )
    # Not resolved: what a compiler does may depend on the name that it is called by.
    compiler = _Compiler(path=Path(found))
    # Each question starts the compiler, so they are asked at the same time.
    with ThreadPoolExecutor() as pool:
        machine = pool.submit(compiler.ask, "-dumpmachine")
        macros = pool.submit(compiler.ask, *_PRINT_MACROS, source="#include <cstddef>\n")
        programs = pool.map(compiler.ask, (f"-print-prog-name={part}" for part in ("as", "ld")))
        files = pool.map(compiler.ask, (f"-print-file-name={part}" for part in _RUNTIME_FILES))
        version = compiler.ask("--version")
    if not version:
        raise UnavailableError(
            f"engine host: '{found} --version' fails, so it is not used as a compiler"
        )
    facts = [str(compiler.path.resolve()), version, machine.result()]
    facts += sorted(
        line
        for line in macros.result().splitlines()
        if line.startswith(("#define __GLIBC", "#define __VERSION__", "#define _LIBCPP_VERSION"))
    )
    facts += [_fingerprint(shutil.which(program.strip())) for program in programs]
    facts += [_fingerprint(file.strip()) for file in files]
    digest = hashlib.sha256("\0".join(facts).encode()).hexdigest()
    return Base(
        identity=f"host:{digest}",
        reference="host",
        compiler=version.splitlines()[0],
        architecture=request.architecture,
    )


def _fingerprint(file: str | None) -> str:
    """A file by where it really is, its size and its time: its version, without running it."""
    try:
        path = Path(file or "").resolve(strict=True)
        status = path.stat()
    except OSError:
        return ""
    return f"{path} {status.st_size} {int(status.st_mtime)}"
