"""Unit tests are pure: one that starts a process or talks to anything fails, whoever swallows it.

Also small makers of the values that most modules take: a project folder, targets, outcomes.
"""

import sys
import textwrap
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import pytest
import urllib3  # noqa: F401 - looks for IPv6 when it is imported, which is no test's doing

from buildkit.matrix import Matrix, Module, Platform, load_matrix
from buildkit.options import Options
from buildkit.outcome import Artifact, Outcome, StageOutcome, Status
from buildkit.plan import Plan, Target, make_plan
from buildkit.probe import NOTHING, Probe
from buildkit.releases import Release
from buildkit.smoke.abi import AbiFacts

_IMPURE = frozenset(
    {
        *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"),
        *("os.fork", "os.forkpty", "pty.spawn"),
        *("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto"),
    }
)


class _Guard:
    """An audit hook sees what C code does, too. It cannot be taken out, hence the switch."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[str] = []

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.on and event in _IMPURE:
            what = f"{event} {arguments[:2]!r}"
            self.seen.append(what)
            raise pytest.fail.Exception(f"a unit test did: {what}")


_GUARD = _Guard()
sys.addaudithook(_GUARD)


@pytest.fixture(autouse=True)
def guard():
    """Fails the test for a process or connection, even if the code under test hides the error."""
    _GUARD.seen.clear()
    _GUARD.on = True
    yield _GUARD
    _GUARD.on = False
    assert not _GUARD.seen, f"a unit test did: {_GUARD.seen}"


MINIMAL = """\
releases = ["0.24.1", "1.0.1"]

[[module]]
name = "volume"
version = "1.0.0"
symbol = "descriptor"
source = "src"
"""


@dataclass(frozen=True, kw_only=True)
class Project:
    """A module's repository: its matrix file and one source file."""

    root: Path

    @property
    def path(self) -> Path:
        return self.root / "matrix.toml"

    def write(self, text: str) -> None:
        """Replace the matrix file."""
        self.path.write_text(textwrap.dedent(text))

    def add(self, text: str) -> None:
        """Go on with the matrix file."""
        self.write(self.path.read_text() + textwrap.dedent(text))

    def set_releases(self, *releases: str) -> None:
        """Let the matrix have these releases instead."""
        lines = self.path.read_text().splitlines()
        kept = [line for line in lines if not line.startswith("releases =")]
        self.write("\n".join([f"releases = {list(releases)!r}", *kept, ""]))

    def matrix(self) -> Matrix:
        return load_matrix(self.path)

    def plan(self, probe: Probe = NOTHING, **options: object) -> Plan:
        return make_plan(self.matrix(), Options(**{"engine": "host", **options}), probe)

    def target(self, release: str = "0.24.1", **options: object) -> Target:
        [target] = self.plan(only=(release,), **options).targets
        return target

    def snapshot(self) -> dict[str, bytes | None]:
        """Every path below the root, and what is in it; None for a folder."""
        return {
            str(path.relative_to(self.root)): path.read_bytes() if path.is_file() else None
            for path in self.root.rglob("*")
        }


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with the smallest matrix file that works; it is the current folder, too."""
    root = tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / "src" / "volume.cpp").write_text("int descriptor;\n")
    (root / "matrix.toml").write_text(MINIMAL)
    monkeypatch.chdir(root)
    return Project(root=root)


@pytest.fixture(scope="session")
def make_target():
    """Makes a target out of nothing, for code that only reports on it or files it away."""

    def make(release: str = "0.24.1", **changes: object) -> Target:
        parsed = Release.parse(release)
        module = Module(name="volume", version="1.0.0", symbol="descriptor", source="src")
        target = Target(
            module=module,
            release=parsed,
            platform=Platform(name="debian12", base="debian:bookworm-slim"),
            sdk="stub",
            version_flag=module.encoding.flag(parsed),
            flags=("-std=c++11",),
            override_flags=(),
            harness_flags=(),
            env={},
            patches=(),
            folder=PurePosixPath(release),
            skip=None,
            expect=None,
        )
        return replace(target, **changes)

    return make


@pytest.fixture(scope="session")
def make_artifact():
    """Makes the record of a library in dist/."""

    def make(target: Target) -> Artifact:
        path = f"{target.folder}/{target.library}"
        return Artifact(
            path=path,
            sha256="ab" * 32,
            size=12,
            build_id="cd" * 20,
            debug_path=f"{path}.debug",
            debug_sha256="ef" * 32,
            abi=AbiFacts(glibc="2.34", std_string="cxx11"),
        )

    return make


@pytest.fixture(scope="session")
def make_outcome(make_target, make_artifact):
    """Makes an outcome: of a target that has passed, unless told otherwise."""

    def make(release: str = "0.24.1", status: Status = Status.PASSED, **changes: object) -> Outcome:
        target = make_target(release)
        stages = tuple(
            StageOutcome(stage=stage, state="passed", seconds=1.0)
            for stage in ("sdk", "build", "smoke")
        )
        outcome = Outcome(
            target=target,
            status=status,
            stages=stages,
            artifact=make_artifact(target) if status is Status.PASSED else None,
            log=f"build/logs/{release}.log",
        )
        return replace(outcome, **changes)

    return make
