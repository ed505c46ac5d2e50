"""Engines to run steps on, with what a test of them needs around it."""

import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from buildkit.engine import Base, Engine, Limits, Step, StepResult
from buildkit.engine.host import HostEngine, processes_with


@pytest.fixture(scope="session")
def base(docker_engine, base_request) -> Base:
    """The default platform's base: found, or pulled, or bootstrapped in a minute or so."""
    return docker_engine.provide(base_request, print)


@dataclass
class Bench:
    """An engine with what a test needs around it."""

    engine: Engine
    base: Base
    folder: Path
    target: str = field(default_factory=lambda: f"test/{uuid.uuid4().hex}")
    lines: list[str] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def output(self) -> Path:
        return self.folder / "output"

    def step(self, script: str, **options) -> Step:
        env = {"TARGET": self.target, **options.pop("env", {})}
        argv = options.pop("argv", ("sh", "-c", script))
        options = {"inputs": {}, "limits": Limits(seconds=60.0), **options}
        return Step(name="test", target=self.target, argv=argv, env=env, **options)

    def run(self, script: str = "", *, emit=None, **options) -> StepResult:
        """Run a shell script as a step, its lines in ``lines`` and its results in ``output``."""
        emit = emit or self.lines.append
        step = self.step(script, **options)
        return self.engine.run(step, self.base, self.output, emit, self.cancelled)

    def results(self) -> dict[str, str]:
        """What came out: each file's and link's text."""
        return {
            str(path.relative_to(self.output)): (
                f"-> {path.readlink()}" if path.is_symlink() else path.read_text()
            )
            for path in sorted(self.output.rglob("*"))
            if path.is_symlink() or path.is_file()
        }

    def left_running(self) -> list[object]:
        """What of this bench's steps is still there."""
        match self.engine:
            case HostEngine():
                return list(processes_with(f"TARGET={self.target}".encode()))
            case _:
                import docker  # noqa: PLC0415

                client = docker.from_env()
                try:
                    label = {"label": f"mesos-buildkit.target={self.target}"}
                    return client.containers.list(all=True, filters=label, ignore_removed=True)
                finally:
                    client.close()


@pytest.fixture
def docker_bench(docker_engine, base, tmp_path) -> Bench:
    return Bench(engine=docker_engine, base=base, folder=tmp_path)


@pytest.fixture
def host_bench(tmp_path, base_request) -> Bench:
    (tmp_path / "temporary").mkdir()
    engine = HostEngine(tmp_path / "temporary")
    return Bench(engine=engine, base=engine.provide(base_request, print), folder=tmp_path)


@pytest.fixture(params=["docker", "host"])
def bench(request) -> Bench:
    """Each engine in turn."""
    return request.getfixturevalue(f"{request.param}_bench")
