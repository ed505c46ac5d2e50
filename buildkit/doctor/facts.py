"""What the probes of :mod:`buildkit.doctor.probes` find: plain values, without a verdict."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from buildkit.engine import EngineName


@dataclass(frozen=True, kw_only=True)
class NoAnswer:
    """A probe that found nothing."""

    why: str
    """Such as ``no answer within 5 s``."""


@dataclass(frozen=True, kw_only=True)
class Package:
    """A Python package that is not as the lock has it."""

    name: str
    locked: str
    installed: str | None
    """None if it is not there at all."""
    runtime: bool
    """Whether the tool itself uses it, and not only its tests."""


@dataclass(frozen=True, kw_only=True)
class PythonFact:
    """The Python that runs this, and its packages."""

    version: tuple[int, int, int]
    executable: str
    packages: int | None
    """How many the lock names; None without a lock."""
    differing: tuple[Package, ...]


@dataclass(frozen=True, kw_only=True)
class DaemonFact:
    """A Docker daemon, or Podman's service."""

    address: str
    available: bool
    product: str
    """Name and version; empty if not available."""
    api: str
    """The newest API version that it speaks."""
    storage: str
    """Storage driver."""
    cgroups: str
    """Version of the control groups that it uses."""
    unbounded: tuple[str, ...]
    """What it cannot bound for a container: memory, processes."""
    root: str
    """Its folder, on its own machine."""


@dataclass(frozen=True, kw_only=True)
class CompilerFact:
    """A C++ compiler of this machine."""

    command: str
    path: str | None
    version: str
    """First line of --version."""
    cxx11: bool
    """Whether it compiles a C++11 program with the standard library's headers."""
    detail: str
    """Why not."""


@dataclass(frozen=True, kw_only=True)
class GitFact:
    """git of this machine."""

    path: str | None
    version: str
    modules: tuple[str, ...]
    """Modules whose sources come from a git repository."""


@dataclass(frozen=True, kw_only=True)
class DiskFact:
    """Room in one place."""

    place: str
    """What it holds, such as ``build/``."""
    path: Path
    free: int
    """Bytes."""
    needed: int
    """Bytes that a whole run may take there in addition, by estimate."""


@dataclass(frozen=True, kw_only=True)
class BaseFact:
    """The base image of one platform."""

    platform: str
    image: str
    made: bool
    """Whether the base is ready on the daemon."""
    here: bool
    """Whether the image that it is made from is on the daemon."""
    registry: Literal["has it", "not asked", "no such image", "refused", "no registry"]
    detail: str
    """The registry's or the daemon's words."""
    bootstrap: bool
    """Whether the platform says how to make one without a registry."""
    bootstrapper: str | None
    """Path of mmdebstrap."""
    installable: bool
    """Whether the tool can install mmdebstrap by itself: root, and apt-get."""


@dataclass(frozen=True, kw_only=True)
class ArchivesFact:
    """The folder of source archives, and where missing ones come from."""

    folder: Path
    writable: bool
    wanted: int
    """How many releases need one, for a release SDK."""
    missing: tuple[str, ...]
    """Archives of these that are not there."""
    url: str
    """Of the first missing one; empty if none was asked for."""
    answer: str
    """Empty if the server has it, else why not."""
    required: bool
    """Whether a build was asked for that cannot do without."""


@dataclass(frozen=True, kw_only=True)
class PinsFact:
    """The lock file of archives."""

    path: Path
    there: bool
    error: str
    """Why it can't be read; else empty."""
    unpinned: tuple[str, ...]
    """Archives of the matrix without a digest in it."""


@dataclass(frozen=True, kw_only=True)
class LocksFact:
    """File locks in one folder."""

    folder: Path
    error: str
    """Why they do not work there; else empty."""


@dataclass(frozen=True, kw_only=True)
class SlotsFact:
    """Parallel jobs."""

    cpus: float
    memory: int
    """Bytes available."""
    memory_per_job: int
    """Bytes."""
    jobs: int
    busy: int
    """Slots that running builds hold."""


@dataclass(frozen=True, kw_only=True)
class DistFact:
    """dist/ and its manifest."""

    error: str
    """Why the manifest can't be read; else empty."""
    targets: int
    missing: tuple[str, ...]
    """Libraries that the manifest names and that are not there."""


@dataclass(frozen=True, kw_only=True)
class LeftoversFact:
    """What killed runs left behind."""

    containers: int
    folders: int
    others: int
    """Containers of runs that may go on."""


Fact = (
    NoAnswer
    | PythonFact
    | DaemonFact
    | CompilerFact
    | GitFact
    | DiskFact
    | BaseFact
    | ArchivesFact
    | PinsFact
    | LocksFact
    | SlotsFact
    | DistFact
    | LeftoversFact
)


@dataclass(frozen=True, kw_only=True)
class Question:
    """Which fact is asked for, and what depends on it."""

    topic: str
    """Names it in the output."""
    needed: bool
    """Whether the build that is asked about cannot do without an answer."""
    engine: EngineName
    """The engine of that build."""
