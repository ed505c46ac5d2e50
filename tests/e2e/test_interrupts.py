"""Ctrl-C, SIGTERM and kill -9: nothing keeps running, nothing is half there, the next run works."""

import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

SLEEP = 'build = "sleep 600"'


def start_build(project, engine, *arguments):
    return project.start(
        *project.command("build", "--engine", engine, "--jobs", "2", *arguments),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def is_building(project, release="0.24.1"):
    log = project.root / f"build/logs/{release}.log"
    return log.exists() and "--- build" in log.read_text()


@pytest.fixture
def sleepers(tmp_path):
    """Running host steps with their work folders below this test's own folder."""
    marker = f"TMPDIR={tmp_path}/".encode()

    def find():
        found = []
        for environ in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if any(part.startswith(marker) for part in environ.read_bytes().split(b"\0")):
                    found.append(environ.parent.name)
        return found

    return find


class TestDocker:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_a_signal_removes_the_containers(self, project, containers_of, wait_for, number):
        project.matrix("0.24.1", "0.25.0", module=SLEEP)
        process = start_build(project, "docker")
        wait_for(lambda: len(containers_of(project)) == 2, process)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        assert containers_of(project) == []
        assert "Traceback" not in err
        assert project.libraries() == set()

    def test_ctrl_c_on_a_terminal_goes_to_the_whole_group(self, project, containers_of, wait_for):
        project.matrix("0.24.1", module=SLEEP)
        process = start_build(project, "docker")
        wait_for(lambda: containers_of(project), process)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        assert containers_of(project) == []

    def test_clean_removes_what_kill_9_leaves(self, project, containers_of, wait_for):
        project.matrix("0.24.1", "0.25.0", module=SLEEP)
        process = start_build(project, "docker")
        wait_for(lambda: [c.status for c in containers_of(project)] == ["running"] * 2, process)
        # A run that lives keeps its containers.
        kept = project.run("clean")
        assert kept.code == 0, kept.text
        assert len(containers_of(project)) == 2
        process.kill()
        process.communicate()
        assert len(containers_of(project)) == 2
        done = project.run("clean")
        assert done.code == 0, done.text
        assert containers_of(project) == []
        assert not (project.root / "build").exists()

    def test_the_run_after_a_kill_9_is_good(self, project, containers_of, wait_for):
        project.matrix("0.24.1", "0.25.0", module=SLEEP)
        process = start_build(project, "docker")
        wait_for(lambda: len(containers_of(project)) == 2, process)
        process.kill()
        process.communicate()
        try:
            project.matrix("0.24.1", "0.25.0")
            project.good_build(engine="docker")
            assert len(project.libraries()) == 2
            project.verify_checksums()
        finally:
            for container in containers_of(project):
                container.remove(force=True)


def own_folders(project):
    """What a run has, or had, to itself below build/."""
    return sorted((project.root / "build").rglob(".own-*"))


def other_matrix(project):
    """A matrix whose module needs no time, beside the project's own."""
    text = (project.root / "matrix.toml").read_text()
    project.matrix("0.25.0")
    (project.root / "matrix.toml").rename(project.root / "other.toml")
    project.write("matrix.toml", text)
    return "other.toml"


@pytest.mark.usefixtures("host_engine")
class TestHost:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_ends_the_steps(self, project, tmp_path, sleepers, wait_for, number):
        project.env["TMPDIR"] = str(tmp_path)
        project.matrix("0.24.1", "0.25.0", module=SLEEP)
        process = start_build(project, "host")
        wait_for(lambda: is_building(project, "0.24.1") and is_building(project, "0.25.0"), process)
        wait_for(sleepers, process)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 130, err
        assert sleepers() == []
        assert list(tmp_path.glob("mesos-buildkit-host-*")) == []

    def test_kill_9_ends_the_steps_and_clean_removes_their_folders(
        self, project, tmp_path, sleepers, wait_for
    ):
        project.env["TMPDIR"] = str(tmp_path)
        project.matrix("0.24.1", module=SLEEP)
        process = start_build(project, "host")
        wait_for(lambda: is_building(project) and sleepers(), process)
        process.kill()
        process.communicate()
        wait_for(lambda: not sleepers())
        assert list(tmp_path.glob("mesos-buildkit-host-*"))
        assert project.run("clean").code == 0
        assert list(tmp_path.glob("mesos-buildkit-host-*")) == []

    def test_the_run_after_a_kill_9_tidies_build(self, project, tmp_path, sleepers, wait_for):
        project.env["TMPDIR"] = str(tmp_path)
        project.matrix("0.24.1", module=SLEEP)
        process = start_build(project, "host")
        wait_for(lambda: is_building(project) and sleepers(), process)
        # One that lives keeps what is its own.
        project.good_build("--only", "0.25.0", "--matrix", other_matrix(project))
        left = own_folders(project)
        assert {path.parent.name for path in left} == {"contexts", "build"}
        process.kill()
        process.communicate()
        assert own_folders(project) == left
        project.matrix("0.24.1")
        project.good_build()
        assert own_folders(project) == []

    def test_kill_9_at_any_moment_leaves_nothing_half(self, project, tree_digests):
        releases = ("0.24.1", "0.25.0", "0.26.0")
        project.matrix(*releases)
        source = project.root / "src/tiny.cpp"
        variants = [source.read_text(), source.read_text().replace("_INT; }", "_INT + 1; }")]
        whole: set[str] = set()
        seconds = 0.0
        for text in variants:
            source.write_text(text)
            begun = time.monotonic()
            project.good_build()
            seconds = time.monotonic() - begun
            whole |= {d for name, d in tree_digests(project.root / "dist").items() if ".so" in name}
        assert len(whole) == 2 * 2 * len(releases)

        seed = random.randrange(2**32)
        moments = random.Random(seed)
        for attempt in range(3):
            source.write_text(variants[attempt % 2])
            # Everything is to be done again, with the other variant's results in dist/.
            for kind in ("build", "smoke"):
                project.execute("rm", "-r", f"build/cache/{kind}")
            process = start_build(project, "host")
            time.sleep(moments.uniform(0.2, 1.0) * seconds)
            process.kill()
            process.communicate()
            present = tree_digests(project.root / "dist")
            libraries = {n: d for n, d in present.items() if n.endswith((".so", ".so.debug"))}
            assert set(libraries.values()) <= whole, f"seed {seed}"
            # A library is never without its own debug file.
            assert all(f"{n}.debug" in present for n in libraries if n.endswith(".so")), (
                f"seed {seed}"
            )
            project.good_build()
            assert len(project.libraries()) == len(releases)
            assert set(project.statuses().values()) == {"passed"}
            project.verify_checksums()
            assert not [n for n in project.dist() if ".new-" in n], f"seed {seed}"


@pytest.mark.usefixtures("host_engine")
def test_under_nohup_a_hangup_is_nothing(project, wait_for):
    go = project.root / "go"
    project.write("src/build.sh", '"$CXX" $CXXFLAGS $LDFLAGS tiny.cpp -o "$LIBRARY"')
    command = f"until [ -e {go} ]; do sleep 0.1; done; sh build.sh"
    project.matrix("0.24.1", module=f'build = "{command}"')
    process = project.start("nohup", *project.command("build", "--engine", "host"))
    wait_for(lambda: is_building(project), process)
    process.send_signal(signal.SIGHUP)
    go.touch()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err


BOOTSTRAP = """
[[platform]]
name = "elsewhere"
base = "localhost:1/mesos-buildkit-test/none"
[platform.bootstrap]
suite = "bookworm"
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_bootstrap(project, docker_engine, wait_for, number):
    """It takes a minute, and comes before all targets."""
    begun, program = project.root / "begun", project.root / "bin/mmdebstrap"
    project.write("bin/mmdebstrap", f"#!/bin/sh\necho $$ > {begun}\nexec sleep 600\n")
    program.chmod(0o755)
    project.env["PATH"] = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    project.matrix("0.24.1", more=BOOTSTRAP)
    process = start_build(project, "docker")
    wait_for(lambda: begun.exists() and begun.read_text().endswith("\n"), process)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    bootstrap = Path("/proc", begun.read_text().strip())
    try:
        assert process.returncode == 130, err
        assert not bootstrap.exists()
    finally:
        if bootstrap.exists():
            os.kill(int(bootstrap.name), signal.SIGKILL)


def test_two_signals_end_it_at_once(project, containers_of, wait_for):
    project.matrix("0.24.1", module=SLEEP)
    process = start_build(project, "docker")
    wait_for(lambda: containers_of(project), process)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
    project.run("clean")
    assert containers_of(project) == []
