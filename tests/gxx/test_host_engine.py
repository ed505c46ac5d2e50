"""What only the host engine does. What it has in common with the other is tested beside that."""

import os
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from buildkit.engine import BaseRequest, Limits, Step
from buildkit.engine.architecture import this_architecture
from buildkit.engine.host import NOTICE, HostEngine, clean_folders, processes_with
from buildkit.errors import UnavailableError


@pytest.fixture
def temporary(tmp_path) -> Path:
    (tmp_path / "temporary").mkdir()
    return tmp_path / "temporary"


@pytest.fixture
def engine(temporary):
    with HostEngine(temporary) as engine:
        yield engine


def request(compiler: str = "g++", architecture: str | None = None) -> BaseRequest:
    return BaseRequest(
        platform="here",
        image="",
        packages=(),
        compiler=compiler,
        architecture=architecture or this_architecture(),
    )


def run(engine, script: str, output: Path, *, inputs=None, lent=None, **limits):
    lines: list[str] = []
    step = Step(
        name="test",
        target="t",
        argv=("sh", "-c", script),
        inputs=inputs or {},
        lent=lent or {},
        limits=Limits(**limits),
    )
    base = engine.provide(request(), lines.append)
    return engine.run(step, base, output, lines.append, threading.Event()), lines


def wrapper(folder: Path, version: str) -> Path:
    """A compiler that is the real one but for its version."""
    folder.mkdir()
    program = folder / "my-g++"
    real = shutil.which("g++")
    program.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "{version}" && exit\nexec {real} "$@"\n'
    )
    program.chmod(0o755)
    return program


class TestBase:
    def test_it_is_this_machines_compiler(self, engine):
        base = engine.provide(request(), print)
        said = subprocess.run(["g++", "--version"], capture_output=True, text=True, check=True)
        assert base.compiler == said.stdout.splitlines()[0]
        assert (base.reference, base.architecture) == ("host", this_architecture())

    def test_its_identity_is_the_same_for_every_process(self, engine, temporary):
        again = HostEngine(temporary).provide(request(), print)
        assert again.identity == engine.provide(request(), print).identity

    def test_another_version_is_another_identity(self, tmp_path, temporary):
        identities = set()
        for version in ("my-g++ 1.0", "my-g++ 2.0"):
            program = wrapper(tmp_path / version[-3:], version)
            base = HostEngine(temporary).provide(request(str(program)), print)
            assert base.compiler == version
            identities.add(base.identity)
        assert len(identities) == 2

    def test_no_compiler_is_said_with_what_to_install(self, engine):
        with pytest.raises(UnavailableError, match=r"no-such-g\+\+.*apt-get install"):
            engine.provide(request("no-such-g++"), print)

    def test_a_program_that_is_no_compiler_is_refused(self, engine):
        with pytest.raises(UnavailableError, match="--version"):
            engine.provide(request("false"), print)

    def test_another_architecture_needs_the_other_engine(self, engine):
        with pytest.raises(UnavailableError, match=r"s390x.*--engine docker"):
            engine.provide(request(architecture="s390x"), print)

    def test_it_says_that_it_is_no_sandbox(self, engine):
        assert "no sandbox" in engine.notice == NOTICE


class TestFolders:
    def test_none_is_left_even_without_permissions(self, engine, temporary, tmp_path):
        result, _ = run(engine, "mkdir -p a/b; touch a/b/c; chmod 0 a/b a", tmp_path / "output")
        assert result.ok
        assert list(temporary.iterdir()) == []

    def test_none_is_left_after_a_timeout(self, engine, temporary, tmp_path):
        result, _ = run(engine, "sleep 600", tmp_path / "output", seconds=0.3)
        assert result.ended == "timeout"
        assert list(temporary.iterdir()) == []

    def test_the_inputs_themselves_stay_as_they_are(self, engine, tmp_path):
        source = tmp_path / "a.cpp"
        source.write_text("before")
        result, _ = run(engine, "echo after > a.cpp", tmp_path / "output", inputs={"a.cpp": source})
        assert result.ok
        assert source.read_text() == "before"

    def test_a_lent_folder_is_read_where_it_is_and_stays(self, engine, temporary, tmp_path):
        lent = tmp_path / "lent"
        lent.mkdir()
        (lent / "a.hpp").write_text("one")
        script = "cat sdk/a.hpp > out/seen; test -L sdk"
        result, _ = run(engine, script, tmp_path / "output", lent={"sdk": lent})
        assert result.ok
        assert (tmp_path / "output/seen").read_text() == "one"
        assert (lent / "a.hpp").read_text() == "one"
        assert not [*temporary.iterdir()]

    def test_the_compilers_own_files_go_there_too(self, engine, temporary, tmp_path):
        result, lines = run(engine, 'echo "$TMPDIR"; echo x > "$TMPDIR/x"', tmp_path / "output")
        assert result.ok
        assert Path(lines[0]).is_relative_to(temporary)
        assert list(temporary.iterdir()) == []


@contextmanager
def started(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Another Python process with this package, killed in the end if it is still there."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_killed_run_takes_its_steps_along_and_its_folder_can_be_cleaned(temporary, tmp_path):
    marker = f"MARKER={tmp_path}"
    program = """
        import sys, threading
        from pathlib import Path
        from buildkit.engine import Base, Step
        from buildkit.engine.host import HostEngine
        temporary, output, marker = sys.argv[1:]
        step = Step(name="test", target="t", argv=("sh", "-c", "sleep 600 & echo on; sleep 600"),
                    inputs={}, env=dict([marker.split("=", 1)]))
        base = Base(identity="", reference="host", compiler="", architecture="")
        HostEngine(Path(temporary)).run(step, base, Path(output),
                                        lambda line: print(line, flush=True), threading.Event())
    """
    with started(program, str(temporary), str(tmp_path / "output"), marker) as process:
        assert process.stdout.readline() == "on\n"
        done = threading.Event()
        while len(processes_with(marker.encode())) < 2:
            done.wait(0.02)  # one that is about to become sleep has no environment for a moment
        assert clean_folders(temporary) == 0, "its run was still going on"
        process.kill()
    while processes_with(marker.encode()):
        done.wait(0.02)  # pytest's own time limit ends it if they never go
    assert len(list(temporary.iterdir())) == 1
    assert clean_folders(temporary) == 1
    assert list(temporary.iterdir()) == []


def test_a_slot_is_free_again_when_its_holder_is_killed(tmp_path):
    from buildkit.slots import Slots, WaitCancelledError  # noqa: PLC0415  # for this test alone

    program = """
        import sys, threading
        from pathlib import Path
        from buildkit.slots import Slots
        with Slots(1, Path(sys.argv[1])).acquire(threading.Event()):
            print("held", flush=True)
            sys.stdin.read()
    """
    slots, cancelled = Slots(1, tmp_path / "slots"), threading.Event()
    with started(program, str(tmp_path / "slots")) as process:
        assert process.stdout.readline() == "held\n"
        threading.Timer(0.3, cancelled.set).start()
        with pytest.raises(WaitCancelledError), slots.acquire(cancelled):
            pytest.fail("held by two at a time")
        process.kill()
    with slots.acquire(threading.Event()) as number:
        assert number == 0
