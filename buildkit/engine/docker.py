"""Steps in hardened containers, on any daemon that speaks the Docker Engine API.

Nothing is bound from this machine: inputs go in and results come out as tars, so the daemon may be
anywhere. A container has no network, no capabilities, no way to gain any, a read-only root and a
user that owns nothing; all it can write is ``/tmp`` (in memory, not executable) and an anonymous
volume, which goes when it goes.
"""

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, Self, cast

from buildkit.compat import tarfile
from buildkit.engine import Base, BaseRequest, Emit, EngineName, Step, StepResult, trees
from buildkit.engine.bases import BASE_LABEL, BaseImages
from buildkit.engine.command import FRAME, RESULTS, Lines, framed
from buildkit.engine.daemon import DockerProbe, connect, daemon_errors, probe_docker
from buildkit.errors import UnavailableError
from buildkit.files.owner import Owner

if TYPE_CHECKING:
    import docker

__all__ = ["Cleaned", "DockerEngine", "DockerProbe", "probe_docker"]

LABEL = "mesos-buildkit"
"""Label of every container; with ``.target``, ``.step`` and ``.run`` for what it is and whose."""
VOLUME = "/work"
FOLDER = "target"
# The volume's own top belongs to root whatever a tar says, so the work folder is one below.
WORK_FOLDER = f"{VOLUME}/{FOLDER}"
"""Where a step's command starts, inside the container."""
USER = 10001
"""User and group of a step: in no image's passwd, and owner of nothing."""
TMPFS = "rw,noexec,nosuid,nodev,size=512m,mode=1777"
REQUEST_SECONDS = 120
"""Bound on the daemon's silence within one request."""
_POLL_SECONDS = 0.05
_DRAIN_SECONDS = 5.0
_KILLED = 137


OPEN_FILES = 4096
"""How many files one process of a step may have open."""


@dataclass(frozen=True, kw_only=True)
class Leftovers:
    """Containers of ours on a daemon."""

    containers: tuple[str, ...]
    """IDs of those that killed runs left."""
    kept: int
    """How many others: of runs that go on, or of other hosts."""


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """What :meth:`DockerEngine.clean` did."""

    containers: int
    """How many were removed."""
    images: int
    """How many base images were removed."""
    kept: int
    """Containers of runs that go on, or of other hosts, of which nothing can be known here."""


class DockerEngine:
    """The engine protocol over docker-py. Make one with :meth:`connect`."""

    def __init__(self, api: "docker.APIClient") -> None:
        self._api = api
        self._owner = str(Owner.current())
        self._bases = BaseImages(api, self.run)

    @classmethod
    def connect(cls, timeout: float = 5.0) -> Self:
        """Connect to the daemon that DOCKER_HOST, the Docker context or the default socket names.

        Waits about ``timeout`` seconds at most. Raises :class:`UnavailableError` naming what was
        tried.
        """
        api = connect(timeout)
        api.timeout = REQUEST_SECONDS
        return cls(api)

    @property
    def name(self) -> EngineName:
        """The engine's name in options, manifest and table."""
        return "docker"

    def provide(self, request: BaseRequest, emit: Emit) -> Base:
        """See :meth:`buildkit.engine.Engine.provide`."""
        return self._bases.provide(request, emit)

    def labels(self, target: str, step: str) -> dict[str, str]:
        """What a container is marked with, so that it is found should this process be killed."""
        return {
            LABEL: "1",
            f"{LABEL}.target": target,
            f"{LABEL}.step": step,
            f"{LABEL}.run": self._owner,
        }

    @property
    def lends(self) -> bool:
        """See :attr:`buildkit.engine.Engine.lends`; a daemon may have other files than we."""
        return False

    def close(self) -> None:
        """See :meth:`buildkit.engine.Engine.close`."""
        self._api.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self, step: Step, base: Base, output: Path, emit: Emit, cancelled: threading.Event
    ) -> StepResult:
        """See :meth:`buildkit.engine.Engine.run`."""
        if cancelled.is_set():
            return StepResult(exit_code=_KILLED, seconds=0.0, ended="cancelled")
        modified = int(step.env.get("SOURCE_DATE_EPOCH", "0"))
        tree = trees.entries(step.inputs, folders=[RESULTS])
        # The name is ours so that the container can be removed even if its creation is interrupted.
        name = f"mesos-buildkit-{uuid.uuid4().hex}"
        with (
            daemon_errors(f"running step {step.name!r} of {step.target}"),
            trees.pack(tree, top=FOLDER, owner=_user(step), modified=modified) as archive,
        ):
            try:
                self._create(name, step, base)
                self._api.put_archive(name, VOLUME, archive)
                result = self._follow(name, step, emit, cancelled)
                if result.ended != "cancelled":
                    self._collect(name, output)
            finally:
                self._remove(name)
        return result

    def save_image(self, reference: str) -> Iterator[bytes]:
        """The image as ``docker save`` writes it. Raises :class:`UnavailableError`."""
        with daemon_errors(f"saving {reference}"):
            yield from self._api.get_image(reference)

    def load_image(self, stream: IO[bytes]) -> None:
        """Load what ``docker save`` has written. Raises :class:`UnavailableError`."""
        with daemon_errors("loading an image"):
            events = cast("Iterator[Any]", self._api.load_image(stream))  # type: ignore[no-untyped-call]
            for event in events:
                if isinstance(event, dict) and "error" in event:
                    raise UnavailableError(f"loading an image: {event['error']}")

    def _create(self, name: str, step: Step, base: Base) -> None:
        from docker.types import LogConfig, Ulimit  # noqa: PLC0415  # takes 0.3 s

        limits = step.limits
        self._api.create_container(
            # By ID: a tag may point elsewhere by now.
            base.identity,
            name=name,
            entrypoint=["/bin/sh", "-c", FRAME, "sh"],
            command=framed(step, home="/tmp"),  # noqa: S108  # the container's own
            user=f"{_user(step)}:{_user(step)}",
            working_dir=WORK_FOLDER,
            volumes=[VOLUME],
            hostname="mesos-buildkit",
            use_config_proxy=False,
            labels=self.labels(step.target, step.name),
            host_config=self._api.create_host_config(
                network_mode="none",
                cap_drop=["ALL"],
                security_opt=["no-new-privileges:true"],
                read_only=True,
                tmpfs=dict.fromkeys(("/tmp", *step.writable), TMPFS),  # noqa: S108
                mem_limit=limits.memory_bytes,
                memswap_limit=limits.memory_bytes,
                pids_limit=limits.pids,
                ulimits=[
                    Ulimit(name="core", soft=0, hard=0),
                    # Podman would ask for a million of each, which not every host may give.
                    Ulimit(name="nofile", soft=OPEN_FILES, hard=OPEN_FILES),
                    Ulimit(name="nproc", soft=limits.pids, hard=limits.pids),
                ],
                init=True,
                # Output is read as it comes; keeping it as well would only fill the daemon's disk.
                log_config=LogConfig(type=LogConfig.types.NONE),
            ),
        )

    def _follow(self, name: str, step: Step, emit: Emit, cancelled: threading.Event) -> StepResult:
        """Start the container, hand out its output, and see to it that it ends."""
        follower = _Follower(self._api.attach(name, stream=True), emit)
        ended: Literal["exited", "timeout", "memory", "cancelled"] = "exited"
        try:
            self._api.start(name)
            step.started()
            began = time.monotonic()
            follower.start()
            while (state := self._ended_state(name, follower)) is None:
                if cancelled.is_set():
                    ended = "cancelled"
                elif time.monotonic() - began > step.limits.seconds:
                    ended = "timeout"
                elif follower.error is None:
                    continue
                self._kill(name)
                state = {"ExitCode": _KILLED}
                break
            seconds = time.monotonic() - began
            if ended != "cancelled":
                follower.join(_DRAIN_SECONDS)
        finally:
            follower.close()
        if follower.error is not None:
            raise follower.error
        if ended == "exited" and state.get("OOMKilled"):
            ended = "memory"
        return StepResult(exit_code=int(state["ExitCode"]), seconds=seconds, ended=ended)

    def _ended_state(self, name: str, follower: "_Follower") -> dict[str, Any] | None:
        """The container's state once it has ended; waits a moment for that, and then gives None."""
        follower.join(_POLL_SECONDS)
        if follower.is_alive():
            return None
        state = cast("dict[str, Any]", self._api.inspect_container(name)["State"])
        if state["Running"]:
            # Between the end of its output and its own, or for as long as a step runs in silence
            # after closing its output.
            time.sleep(_POLL_SECONDS / 5)
            return None
        return state

    def _kill(self, name: str) -> None:
        import docker.errors  # noqa: PLC0415  # takes 0.3 s

        # It may have ended by itself a moment ago.
        with suppress(docker.errors.APIError):
            self._api.kill(name)

    def _collect(self, name: str, output: Path) -> None:
        import docker.errors  # noqa: PLC0415  # takes 0.3 s

        try:
            chunks, _ = self._api.get_archive(name, f"{WORK_FOLDER}/{RESULTS}")
        except docker.errors.NotFound:
            output.mkdir(parents=True, exist_ok=True)
            return
        try:
            trees.unpack(cast("IO[bytes]", _ChunkReader(chunks)), output, top=RESULTS)
        except tarfile.ReadError as error:
            raise UnavailableError(
                f"the Docker daemon broke off while handing back results: {error}"
            ) from error

    def _remove(self, name: str) -> None:
        import docker.errors  # noqa: PLC0415  # takes 0.3 s
        import requests  # noqa: PLC0415

        # Not there if it was never made. If the daemon is gone the error that said so is on its
        # way, and clean() finds the container by its label later.
        with suppress(docker.errors.DockerException, requests.RequestException):
            self._api.remove_container(name, v=True, force=True)

    def clean(self, *, images: bool = False, everywhere: bool = False) -> Cleaned:
        """Remove containers that killed runs left, and with ``images`` the base images too.

        A container is kept while the process that started it lives. One that another host started,
        as can be on a shared daemon, is kept unless ``everywhere``, because nothing can be known of
        it.

        Raises :class:`UnavailableError` if the daemon fails or a base image is in use.
        """
        gone = 0
        with daemon_errors("cleaning up"):
            left = self.leftovers(everywhere=everywhere)
            for container in left.containers:
                self._remove(container)
            if images:
                for image in self._api.images(filters={"label": f"{BASE_LABEL}=1"}):
                    tags = [tag for tag in image["RepoTags"] or [] if tag != "<none>:<none>"]
                    for reference in tags or [image["Id"]]:
                        # Untagged ones may be parents of others, and be gone with them by now.
                        gone += self._remove_image(reference)
        return Cleaned(containers=len(left.containers), images=gone, kept=left.kept)

    def leftovers(self, *, everywhere: bool = False) -> Leftovers:
        """The containers that :meth:`clean` would remove."""
        left: list[str] = []
        kept = 0
        for container in self._api.containers(all=True, filters={"label": f"{LABEL}=1"}):
            owner = Owner.parse(container["Labels"].get(f"{LABEL}.run", ""))
            state = owner.whereabouts() if owner else "gone"
            if state == "alive" or (state == "elsewhere" and not everywhere):
                kept += 1
            else:
                left.append(container["Id"])
        return Leftovers(containers=tuple(left), kept=kept)

    def _remove_image(self, reference: str) -> bool:
        import docker.errors  # noqa: PLC0415  # takes 0.3 s

        try:
            self._api.remove_image(reference)
        except docker.errors.ImageNotFound:
            return False
        return True


def _user(step: Step) -> int:
    return 0 if step.root else USER


class _Follower(threading.Thread):
    """Hands a container's output to ``emit``, in a thread because reading it blocks."""

    def __init__(self, stream: Any, emit: Emit) -> None:
        super().__init__(name="docker-output", daemon=True)
        self.error: BaseException | None = None
        """What ``emit`` raised, if it did."""
        self._stream = stream
        self._lines = Lines(emit)
        self._closed = False

    def run(self) -> None:
        """Read until the container ends or the stream is closed."""
        try:
            for chunk in cast("Iterator[bytes]", self._stream):
                self._lines.feed(chunk)
            self._lines.close()
        except BaseException as error:  # noqa: BLE001  # raised again in the thread that waits
            if not self._closed:
                self.error = error

    def close(self) -> None:
        """Give up the connection; a read that hangs on it ends."""
        self._closed = True
        with suppress(Exception):
            self._stream.close()
        if self.is_alive():
            self.join(_DRAIN_SECONDS)
        # The above only shuts the connection down; its descriptor stays open until it is collected.
        with suppress(Exception):
            self._stream._response.close()  # noqa: SLF001  # docker-py has no other way


class _ChunkReader(RawIOBase):
    """A readable file over an iterator of byte strings, for tarfile."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            self._left = next(self._chunks, b"")
        taken = self._left[: len(buffer)]
        self._left = self._left[len(taken) :]
        buffer[: len(taken)] = taken
        return len(taken)
