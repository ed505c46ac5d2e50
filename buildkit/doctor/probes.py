"""Looking at the world: a small class for each fact, which may take some seconds, and may raise."""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from filelock import FileLock, Timeout
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from buildkit.archives.cache import Archives, archive_of, url_path_of
from buildkit.doctor.facts import (
    ArchivesFact,
    BaseFact,
    CompilerFact,
    DaemonFact,
    DiskFact,
    DistFact,
    GitFact,
    LeftoversFact,
    LocksFact,
    Package,
    PinsFact,
    PythonFact,
    SlotsFact,
)
from buildkit.engine import BaseRequest
from buildkit.engine.bases import base_tag, classify_pull_failure
from buildkit.engine.daemon import connect, probe_docker
from buildkit.engine.docker import DockerEngine
from buildkit.engine.host import left_folders
from buildkit.errors import BuildkitError
from buildkit.releases import Release
from buildkit.results.artifacts import Dist
from buildkit.slots import Slots, measure_capacity

if TYPE_CHECKING:
    import docker

SECONDS = 4.0
"""Bound on one thing that a probe waits for."""
_PROGRAM = """\
#include <initializer_list>
static_assert(sizeof(std::initializer_list<int>) > 0, "");
auto nothing = [] { return nullptr; };
"""
"""C++11 of compiler and library, with one of the smallest headers: a busy machine is not slow."""


@dataclass(frozen=True, kw_only=True)
class PythonProbe:
    """The Python that runs, against the lock in ``root``."""

    root: Path

    def look(self) -> PythonFact:
        """Compare."""
        lock = self.root / "requirements.lock"
        locked = _locked(lock.read_text("utf-8")) if lock.is_file() else None
        runtime = self._runtime()
        differing = []
        for name, wanted in (locked or {}).items():
            try:
                installed: str | None = version(name)
            except PackageNotFoundError:
                installed = None
            if installed != wanted:
                differing.append(
                    Package(name=name, locked=wanted, installed=installed, runtime=name in runtime)
                )
        return PythonFact(
            version=sys.version_info[:3],
            executable=sys.executable,
            packages=None if locked is None else len(locked),
            differing=tuple(differing),
        )

    def _runtime(self) -> set[str]:
        """What the tool itself depends on."""
        project = self.root / "pyproject.toml"
        if not project.is_file():
            return set()
        wanted = tomllib.loads(project.read_text("utf-8"))["project"]["dependencies"]
        return {canonicalize_name(Requirement(line).name) for line in wanted}


def _locked(text: str) -> dict[str, str]:
    """Name -> version of what a lock in pip's format asks of this Python."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if line[:1].isspace() or line.startswith(("#", "-")) or not line:
            continue
        try:
            one = Requirement(line.removesuffix("\\").strip())
        except InvalidRequirement:
            continue
        pins = [spec.version for spec in one.specifier if spec.operator == "=="]
        if pins and (one.marker is None or one.marker.evaluate()):
            found[canonicalize_name(one.name)] = pins[0]
    return found


@dataclass(frozen=True, kw_only=True)
class DaemonProbe:
    """The daemon that the docker engine would use."""

    def look(self) -> DaemonFact:
        """Ask it."""
        found = probe_docker(timeout=SECONDS / 4)
        if not found.available:
            return DaemonFact(
                address=found.detail,
                available=False,
                product="",
                api="",
                storage="",
                cgroups="",
                unbounded=(),
                root="",
            )
        api = connect(SECONDS)
        try:
            info = api.info()
            speaks = api.version(api_version=False)
        finally:
            api.close()
        limits = {"memory": "MemoryLimit", "processes": "PidsLimit"}
        # One that says nothing of a limit, as old ones do of processes, is not accused.
        unbounded = tuple(name for name, key in limits.items() if info.get(key) is False)
        parts = {str(part.get("Name")) for part in speaks.get("Components") or []}
        podman = "Podman" if any("Podman" in part for part in parts) else ""
        return DaemonFact(
            address=found.detail,
            available=True,
            product=f"{podman}/{speaks.get('Version')}" if podman else found.version,
            api=str(speaks.get("ApiVersion", "?")),
            storage=str(info.get("Driver", "?")),
            cgroups=str(info.get("CgroupVersion") or "1"),
            unbounded=unbounded,
            root=str(info.get("DockerRootDir", "")),
        )


@dataclass(frozen=True, kw_only=True)
class CompilerProbe:
    """A compiler of this machine."""

    command: str

    def look(self) -> CompilerFact:
        """Run it."""
        path = shutil.which(self.command)
        said, cxx11, detail = "", False, ""
        if path is not None:
            said = (_output([path, "--version"]) or path).splitlines()[0]
            done = subprocess.run(
                [path, "-std=c++11", "-fsyntax-only", "-x", "c++", "-"],
                input=_PROGRAM,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=SECONDS,
            )
            cxx11 = done.returncode == 0
            detail = next(iter(done.stderr.splitlines()), f"status {done.returncode}")
        return CompilerFact(
            command=self.command,
            path=path,
            version=said,
            cxx11=cxx11,
            detail="" if cxx11 else detail,
        )


@dataclass(frozen=True, kw_only=True)
class GitProbe:
    """git, and which of the modules need it."""

    modules: tuple[str, ...]

    def look(self) -> GitFact:
        """Run it."""
        path = shutil.which("git")
        said = "" if path is None else (_output([path, "--version"]) or path)
        return GitFact(path=path, version=said.strip(), modules=self.modules)


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=SECONDS,
    )
    return done.stdout


@dataclass(frozen=True, kw_only=True)
class DiskProbe:
    """Room where ``path`` is or will be."""

    place: str
    path: Path
    needed: int

    def look(self) -> DiskFact:
        """Ask the file system."""
        there = next(one for one in (self.path, *self.path.parents) if one.exists())
        free = shutil.disk_usage(there).free
        return DiskFact(place=self.place, path=self.path, free=free, needed=self.needed)


@dataclass(frozen=True, kw_only=True)
class BaseProbe:
    """One platform's base image."""

    request: BaseRequest

    def look(self) -> BaseFact:
        """Look on the daemon, and let it ask the registry."""
        import docker.errors  # noqa: PLC0415  # takes 0.3 s
        import requests  # noqa: PLC0415

        registry: Literal["has it", "not asked", "no such image", "refused", "no registry"]
        made = here = False
        registry, detail = "not asked", ""
        api = connect(SECONDS)
        try:
            made = self._has(api, base_tag(self.request))
            here = not made and self._has(api, self.request.image)
            if not made and not here:
                # The daemon asks, by its own proxies and mirrors.
                api.inspect_distribution(self.request.image)  # type: ignore[no-untyped-call]
                registry = "has it"
        except docker.errors.APIError as error:
            detail = str(error.explanation or error).strip()
            registry = classify_pull_failure(detail)
            if "page not found" in detail.lower():
                # Podman has no such request.
                registry, detail = "not asked", "this service cannot be told to ask its registry"
        except requests.RequestException:
            registry, detail = "no registry", f"no answer within {SECONDS:g} s"
        finally:
            api.close()
        return BaseFact(
            platform=self.request.platform,
            image=self.request.image,
            made=made,
            here=here,
            registry=registry,
            detail=detail,
            bootstrap=self.request.bootstrap is not None,
            bootstrapper=shutil.which("mmdebstrap"),
            installable=os.geteuid() == 0 and shutil.which("apt-get") is not None,
        )

    @staticmethod
    def _has(api: "docker.APIClient", reference: str) -> bool:
        import docker.errors  # noqa: PLC0415  # takes 0.3 s

        try:
            api.inspect_image(reference)  # type: ignore[no-untyped-call]
        except docker.errors.ImageNotFound:
            return False
        return True


@dataclass(frozen=True, kw_only=True)
class ArchivesProbe:
    """The archive folder, and the servers of what is missing."""

    archives: Archives
    releases: tuple[Release, ...]
    bases: tuple[str, ...]
    """URLs of the official archive and of mirrors, in order."""
    required: bool

    def look(self) -> ArchivesFact:
        """Look, and ask for the first one that is missing without fetching it."""
        missing = [one for one in self.releases if not self.archives.has(archive_of(one))]
        folder = self.archives.folder
        url, answer = "", ""
        if missing:
            for base in self.bases:
                url = f"{base.rstrip('/')}/{url_path_of(missing[0])}"
                answer = _head(url)
                if not answer:
                    break
        return ArchivesFact(
            folder=folder,
            writable=_writable(folder),
            wanted=len(self.releases),
            missing=tuple(archive_of(one) for one in missing),
            url=url,
            answer=answer,
            required=self.required,
        )


def _head(url: str) -> str:
    """Empty if a server has it, else why not."""
    import requests  # noqa: PLC0415

    from buildkit.archives.download import cause  # noqa: PLC0415

    try:
        answer = requests.head(url, timeout=(SECONDS / 2, SECONDS / 2), allow_redirects=True)
    except requests.RequestException as error:
        return cause(error)
    return "" if answer.ok else f"answered {answer.status_code}"


def _writable(folder: Path) -> bool:
    there = next(one for one in (folder, *folder.parents) if one.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


@dataclass(frozen=True, kw_only=True)
class PinsProbe:
    """The lock file of archives."""

    archives: Archives
    releases: tuple[Release, ...]

    def look(self) -> PinsFact:
        """Read it."""
        path = self.archives.lock.path
        try:
            pins = self.archives.lock.pins()
        except BuildkitError as error:
            return PinsFact(path=path, there=True, error=str(error), unpinned=())
        unpinned = [name for name in map(archive_of, self.releases) if name not in pins]
        return PinsFact(path=path, there=path.exists(), error="", unpinned=tuple(unpinned))


@dataclass(frozen=True, kw_only=True)
class LocksProbe:
    """Whether a lock in ``folder`` keeps others out."""

    folder: Path

    def look(self) -> LocksFact:
        """Take one twice."""
        error = ""
        there = next(one for one in (self.folder, *self.folder.parents) if one.exists())
        try:
            with tempfile.TemporaryDirectory(prefix=".mesos-buildkit-doctor-", dir=there) as place:
                file = Path(place) / "lock"
                with FileLock(file, timeout=0):
                    try:
                        with FileLock(file, timeout=0):
                            error = "a lock does not keep a second holder out"
                    except Timeout:
                        pass
        except (OSError, NotImplementedError) as problem:
            error = str(problem)
        return LocksFact(folder=self.folder, error=error)


@dataclass(frozen=True, kw_only=True)
class SlotsProbe:
    """Parallel jobs, and who has them now."""

    memory_per_job: int

    def look(self) -> SlotsFact:
        """Measure, and take those that are free for a moment."""
        capacity = measure_capacity()
        jobs = capacity.jobs(self.memory_per_job)
        with Slots(jobs).acquire_free() as free:
            busy = jobs - free
        return SlotsFact(
            cpus=capacity.cpus,
            memory=capacity.memory_bytes,
            memory_per_job=self.memory_per_job,
            jobs=jobs,
            busy=busy,
        )


@dataclass(frozen=True, kw_only=True)
class DistProbe:
    """dist/."""

    dist: Dist

    def look(self) -> DistFact:
        """Read the manifest."""
        try:
            targets = self.dist.manifest().targets
        except BuildkitError as error:
            return DistFact(error=str(error), targets=0, missing=())
        paths = [target.artifact.path for target in targets if target.artifact is not None]
        missing = tuple(path for path in paths if not (self.dist.folder / path).is_file())
        return DistFact(error="", targets=len(targets), missing=missing)


@dataclass(frozen=True, kw_only=True)
class LeftoversProbe:
    """What killed runs left on this machine and, with ``daemon``, in containers."""

    daemon: bool

    def look(self) -> LeftoversFact:
        """Count."""
        containers = others = 0
        if self.daemon:
            with DockerEngine.connect(SECONDS) as engine:
                left = engine.leftovers()
            containers, others = len(left.containers), left.kept
        return LeftoversFact(containers=containers, folders=len(left_folders()), others=others)
