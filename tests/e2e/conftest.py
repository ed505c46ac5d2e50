"""A user's view of the tool: real processes in folders of their own, real containers.

A project here mostly builds a counterfeit of an isolator: a few lines that declare their own base
class and so compile in no time, yet pass the smoke level ``inspect``. Tests that need more say so.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from buildkit.engine.docker import DockerEngine
from buildkit.files.store import mark_as_cache

REPOSITORY = Path(__file__).parents[2]

COUNTERFEIT = """\
#ifdef BREAK
#error broken on purpose
#endif
#if MESOS_VERSION_INT < 0240
#define Isolator IsolatorProcess
#endif
namespace mesos { namespace slave {
struct Isolator {
  virtual ~Isolator() {}
  virtual int prepare() { return 0; }
};
} }
struct Tiny : mesos::slave::Isolator {
  int prepare() override { return MESOS_VERSION_INT; }
};
static mesos::slave::Isolator* create() { return new Tiny(); }
extern "C" { mesos::slave::Isolator* (*tiny_Module)() = create; }
"""


@dataclass(frozen=True, kw_only=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """All that a user sees."""
        return self.out + self.err

    def clean_failure(self, code: int) -> str:
        """What it says on standard error, after checking that this is one message for a person."""
        assert self.code == code, self.text
        assert "Traceback" not in self.text
        assert self.err.startswith("mesos-buildkit: ")
        assert self.err.count("mesos-buildkit: ") == 1
        return self.err


@dataclass(frozen=True, kw_only=True)
class Project:
    """A module's own repository: matrix.toml and a folder of sources."""

    root: Path
    name: str = field(default_factory=lambda: f"m{uuid.uuid4().hex[:12]}")
    """The module's, and so unique among the containers of the machine."""
    env: dict[str, str] = field(default_factory=dict)

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def matrix(self, *releases: str, module: str = "", more: str = "", defaults: str = "") -> None:
        """Write a matrix with one module, the counterfeit unless its sources are replaced."""
        self.write(
            "matrix.toml",
            f"releases = {json.dumps(list(releases))}\n"
            f'[defaults]\nsmoke = "inspect"\n{defaults}\n{self.table(self.name, module)}{more}',
        )

    def table(self, name: str, keys: str = "", source: str = 'source = "src"') -> str:
        """A ``[[module]]`` table."""
        return (
            f'[[module]]\nname = "{name}"\nversion = "0.1.0"\nsymbol = "tiny_Module"\n'
            f"{source}\n{keys}\n"
        )

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "buildkit", *arguments]

    def start(self, *command: str, **options) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            command,
            **{
                "cwd": self.root,
                "env": self.environment(),
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                # Signals for it must not reach pytest.
                "start_new_session": True,
                **options,
            },
        )

    def environment(self) -> dict[str, str]:
        # Colours would hide words from the tests.
        unwanted = {"FORCE_COLOR", "CLICOLOR_FORCE", "NOXSESSION", "NOXFORCECOLOR"}
        inherited = {name: value for name, value in os.environ.items() if name not in unwanted}
        # Job slots of its own: what else runs on the machine must not hold a test up.
        runtime = self.root.with_name(f".{self.root.name}-runtime")
        runtime.mkdir(exist_ok=True)
        return {
            **inherited,
            "PYTHONPATH": str(REPOSITORY),
            "XDG_RUNTIME_DIR": str(runtime),
            "NO_COLOR": "1",
            **self.env,
        }

    def execute(self, *command: str, **options) -> Done:
        process = self.start(*command, **options)
        try:
            out, err = process.communicate(timeout=600)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        return Done(code=process.returncode, out=out, err=err)

    def run(self, *arguments: str, **options) -> Done:
        """``python -m buildkit`` with arguments."""
        return self.execute(*self.command(*arguments), **options)

    def build(self, *arguments: str, engine: str = "host", jobs: int = 2) -> Done:
        return self.run("build", "--engine", engine, "--jobs", str(jobs), *arguments)

    def good_build(self, *arguments: str, engine: str = "host", jobs: int = 2) -> Done:
        done = self.build(*arguments, engine=engine, jobs=jobs)
        assert done.code == 0, done.text
        return done

    def dist(self) -> dict[str, Path]:
        """Every file of dist/ by its path there."""
        return files(self.root / "dist")

    def libraries(self) -> set[str]:
        return {path for path in self.dist() if path.endswith(".so")}

    def manifest(self) -> dict[str, dict]:
        """The manifest's targets by name."""
        text = (self.root / "dist/manifest.json").read_text()
        return {row["name"]: row for row in json.loads(text)["targets"]}

    def statuses(self) -> dict[str, str]:
        """Each release's status by the manifest, of this project's first module."""
        return {row["release"]: row["status"] for row in self.manifest().values()}

    def verify_checksums(self) -> None:
        done = self.execute("sha256sum", "--strict", "-c", "SHA256SUMS", cwd=self.root / "dist")
        assert done.code == 0, done.text
        assert "WARNING" not in done.text


def files(folder: Path) -> dict[str, Path]:
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def digests(folder: Path) -> dict[str, str]:
    """Each file's content by its path."""
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files(folder).items()
    }


@pytest.fixture(scope="session")
def repository() -> Path:
    """This checkout."""
    return REPOSITORY


@pytest.fixture
def project(tmp_path) -> Project:
    """A project with the counterfeit and no matrix yet."""
    project = Project(root=tmp_path / "project")
    project.write("src/tiny.cpp", COUNTERFEIT)
    return project


@pytest.fixture(scope="session")
def new_project() -> Callable[[Path], Project]:
    return lambda root: Project(root=root)


@pytest.fixture(scope="session")
def tree_digests() -> Callable[[Path], dict[str, str]]:
    return digests


@pytest.fixture(scope="session")
def own_sources(repository) -> Callable[[Path], None]:
    """Copies this repository's own module and matrix."""

    def copy(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(repository / "isolator", folder / "isolator")
        shutil.copy(repository / "matrix.toml", folder)

    return copy


@pytest.fixture(scope="session")
def share_common(tmp_path_factory) -> Callable[[Path], None]:
    """Lets projects with this repository's own module share what is the same for all releases.

    It is compiled once for each engine; what a release is about each project makes for itself.
    """
    # Under xdist each process has a folder of its own below one that they share.
    root = tmp_path_factory.getbasetemp()
    shared = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "common-cache"

    def share(project: Path) -> None:
        mark_as_cache(project / "build")
        mark_as_cache(project / "build/cache")
        for kind in ("common", "harness-core"):
            (shared / kind).mkdir(parents=True, exist_ok=True)
            (project / "build/cache" / kind).symlink_to(shared / kind)

    return share


@pytest.fixture(scope="session")
def docker_engine(docker_engine, base_request) -> DockerEngine:
    # So that no test takes a minute more than the others.
    docker_engine.provide(base_request, print)
    return docker_engine


@pytest.fixture(scope="session")
def host_engine() -> None:
    if shutil.which("g++") is None:
        pytest.skip("NO g++, SO THE HOST ENGINE IS NOT TESTED")


@pytest.fixture(params=["docker", "host"])
def engine(request) -> str:
    """Each engine's name in turn."""
    request.getfixturevalue(f"{request.param}_engine")
    return request.param


@pytest.fixture
def containers_of(client) -> Callable[[Project], list]:
    """The containers, running or not, of a project."""

    def find(project: Project) -> list:
        found = client.containers.list(
            all=True, filters={"label": "mesos-buildkit=1"}, ignore_removed=True
        )
        own = f"{project.name}/"
        return [c for c in found if c.labels["mesos-buildkit.target"].startswith(own)]

    return find


@pytest.fixture(scope="session")
def wait_for() -> Callable[..., None]:
    """Waits until something holds, in vain if ``process`` ends before."""

    def wait(
        condition: Callable[[], object], process: "subprocess.Popen[str] | None" = None
    ) -> None:
        # A bound that no working machine needs.
        until = time.monotonic() + 60
        while not condition():
            if process is not None and process.poll() is not None:
                raise AssertionError(f"it ended with {process.returncode}: {process.communicate()}")
            assert time.monotonic() < until, "it never happened"
            time.sleep(0.05)

    return wait
