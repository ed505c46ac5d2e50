"""The sessions, through nox, in a copy of this repository."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

NOX = (sys.executable, "-m", "nox", "--script-mode", "none")
LEFT_OUT = ("build", "dist", ".*", "__pycache__", "tests")


@pytest.fixture
def copy(project, repository):
    """The project with this repository's own noxfile and package, as in a checkout."""
    shutil.copytree(
        repository / "buildkit", project.root / "buildkit", ignore=shutil.ignore_patterns(*LEFT_OUT)
    )
    shutil.copy(repository / "noxfile.py", project.root)
    # The noxfile has to find the package itself.
    project.env["PYTHONPATH"] = ""
    project.matrix("0.23.1", "0.24.1", "0.25.0")
    return project


def nox(project, *arguments, **options):
    return project.execute(*NOX, *arguments, **options)


def listed(done) -> dict[str, str]:
    """Each session's line of help."""
    rows = [
        line[2:].partition(" -> ") for line in done.out.splitlines() if line[:2] in ("- ", "* ")
    ]
    return {name.strip(): text for name, _, text in rows}


def test_list_has_a_build_for_each_release_of_this_repository(copy, repository):
    shutil.copy(repository / "matrix.toml", copy.root)
    shutil.copytree(repository / "isolator", copy.root / "isolator")
    done = nox(copy, "--list")
    assert done.code == 0, done.text
    releases = copy.run("matrix").out.split()
    assert len(releases) == 21
    sessions = listed(done)
    builds = [name.removeprefix("build-") for name in sessions if name.startswith("build-")]
    assert builds == releases
    assert {"build", "smoke", "contexts", "plan", "matrix", "clean", "tests", "lint"} <= {*sessions}
    assert all(sessions.values())


def test_one_release_with_passed_on_options(copy, host_engine):
    done = nox(copy, "-s", "build-0.24.1", "--", "--engine", "host")
    assert done.code == 0, done.text
    assert copy.statuses() == {"0.24.1": "passed"}
    assert copy.manifest()[f"{copy.name}/0.24.1/debian12"]["engine"] == "host"


def test_it_works_from_another_folder(copy, host_engine, tmp_path):
    done = nox(
        copy,
        "-f",
        str(copy.root / "noxfile.py"),
        "-s",
        "build-0.24.1",
        "--",
        "--engine",
        "host",
        cwd=tmp_path,
    )
    assert done.code == 0, done.text
    assert copy.statuses() == {"0.24.1": "passed"}
    assert not {"build", "dist"} & {path.name for path in tmp_path.iterdir()}


def test_parallel_sessions_do_not_spoil_each_other(copy, engine):
    done = nox(
        copy,
        "-j",
        "2",
        "-s",
        "build-0.23.1",
        "build-0.24.1",
        "build-0.25.0",
        "--",
        "--engine",
        engine,
    )
    assert done.code == 0, done.text
    assert "sequentially" not in done.text
    assert copy.statuses() == {"0.23.1": "passed", "0.24.1": "passed", "0.25.0": "passed"}
    assert len(copy.libraries()) == 3
    copy.verify_checksums()


def test_the_same_target_twice_at_once(copy, host_engine):
    done = nox(copy, "-j", "2", "-s", "build", "build-0.24.1", "--", "--engine", "host")
    assert done.code == 0, done.text
    assert set(copy.statuses().values()) == {"passed"}
    copy.verify_checksums()


class TestExitCodes:
    def test_1_a_target_failed(self, copy, host_engine):
        copy.write("src/tiny.cpp", "#error broken\n")
        done = nox(copy, "-s", "build-0.24.1", "--", "--engine", "host")
        assert done.code == 1, done.text

    def test_1_lets_the_other_sessions_go_on(self, copy, host_engine):
        copy.matrix("0.24.1", "0.25.0", more='[[override]]\nmatch = "<0.25"\nflags = ["-DBREAK"]\n')
        done = nox(copy, "-s", "build-0.24.1", "build-0.25.0", "--", "--engine", "host")
        assert done.code == 1, done.text
        assert copy.statuses() == {"0.24.1": "failed", "0.25.0": "passed"}

    @pytest.mark.parametrize("arguments", [["--engine", "cloud"], ["--only", "0.24.x"]])
    def test_2_the_command_line_is_wrong(self, copy, arguments):
        done = nox(copy, "-s", "build", "contexts", "--", *arguments)
        assert done.code == 2, done.text
        # Going on would be pointless.
        assert not (copy.root / "build").exists()

    def test_3_nothing_can_start(self, copy, tmp_path):
        copy.env["DOCKER_HOST"] = f"unix://{tmp_path}/nobody.sock"
        done = nox(copy, "-s", "build-0.24.1", "--", "--engine", "docker")
        assert done.code == 3, done.text
        assert "nobody.sock" in done.text
        assert "Traceback" not in done.text

    def test_130_interrupted(self, copy, host_engine, wait_for):
        copy.matrix("0.24.1", module='build = "sleep 600"')
        process = copy.start(
            *NOX,
            "-s",
            "build-0.24.1",
            "--",
            "--engine",
            "host",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            log = copy.root / "build/logs/0.24.1.log"
            wait_for(lambda: log.exists() and "--- build" in log.read_text(), process)
            # What a terminal does at Ctrl-C.
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(timeout=60) == 130
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        assert copy.libraries() == set()


class TestBrokenMatrix:
    @pytest.mark.parametrize(
        "text", ["releases = [", "\x00\xff", 'releases = ["9.9.9x"]', "releases = 3"]
    )
    def test_plain_sessions_are_listed_and_explain_it(self, copy, text):
        Path(copy.root, "matrix.toml").write_bytes(text.encode("latin-1"))
        done = nox(copy, "--list")
        assert done.code == 0, done.text
        sessions = listed(done)
        assert {"build", "plan", "contexts", "clean"} <= {*sessions}
        assert not [name for name in sessions if name.startswith("build-")]
        done = nox(copy, "-s", "build")
        assert done.code == 2
        assert "matrix.toml" in done.text
        assert "Traceback" not in done.text

    def test_so_is_none_at_all(self, copy):
        Path(copy.root, "matrix.toml").unlink()
        assert nox(copy, "--list").code == 0
        done = nox(copy, "-s", "plan")
        assert done.code == 2
        assert "matrix.toml: no such file" in done.text


def test_a_shell_without_a_terminal_ends_with_its_commands(project, docker_engine, client):
    project.matrix("0.24.1")
    shell = project.command("shell", "--only", "0.24.1", "--engine", "docker")
    assert project.execute(*shell).code == 0
    process = project.start(*shell, stdin=subprocess.PIPE, bufsize=1)
    process.stdin.write("ls module; echo he''re\n")
    process.stdin.flush()
    said = ""
    while "here" not in said:
        line = process.stdout.readline()
        assert line, said + process.stderr.read()
        said += line
    # As clean would find it, should the tool be killed now.
    of_ours = {"label": [f"mesos-buildkit.target={project.name}/0.24.1/debian12"]}
    assert len(client.containers.list(all=True, filters=of_ours)) == 1
    out, err = process.communicate("echo do''ne\n", timeout=120)
    assert process.returncode == 0, err
    assert "done" in out
    assert client.containers.list(all=True, filters=of_ours) == []


def test_a_shell_builds_with_the_command_it_names(copy, host_engine):
    process = copy.start(
        *(*NOX, "-s", "shell-0.24.1", "--", "--engine", "host"),
        stdin=subprocess.PIPE,
        bufsize=1,
    )
    said = []
    for line in process.stdout:
        said.append(line)
        if "' builds" in line:
            break
    command = said[-1].split("'")[1]
    out, err = process.communicate(f"{command} && ls out; exit\n", timeout=120)
    assert process.returncode == 0, "".join(said) + out + err
    assert f"lib{copy.name}-0.1.0+mesos-0.24.1.stub.so" in out
