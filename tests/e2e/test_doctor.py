"""The verb doctor, in good and bad surroundings of our own making."""

import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
from support_daemon import FakeDaemon
from support_environment import plain_environment

from buildkit.doctor.probes import LocksProbe, PythonProbe

MATRIX = """\
releases = ["0.24.1", "1.0.1"]

[archives]
url = "{url}"

[[module]]
name = "volume"
version = "1.0.0"
symbol = "descriptor"
source = "src"
"""


class Project:
    def __init__(self, root):
        self.root = root
        (root / "src").mkdir()
        (root / "src" / "x.cpp").touch()
        self.archives = root / "archives"
        self.write("http://127.0.0.1:1")

    def write(self, url):
        (self.root / "matrix.toml").write_text(MATRIX.format(url=url))

    def run(self, *arguments, **environment):
        return subprocess.run(
            [sys.executable, "-m", "buildkit", "doctor", *arguments],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={
                **plain_environment(),
                "DOCKER_HOST": f"unix://{self.root}/no.sock",
                "MESOS_BUILDKIT_ARCHIVES": str(self.archives),
                "TMPDIR": str(self.root),
                **environment,
            },
        )

    def lines(self, *arguments, **environment):
        done = self.run(*arguments, "--json", **environment)
        assert "Traceback" not in done.stderr
        found = json.loads(done.stdout)
        assert found["schema"] == 1
        assert found["ok"] == (done.returncode == 0)
        lines = {line["topic"]: line for line in found["lines"]}
        lacking = any(line["state"] == "missing" for line in lines.values())
        assert done.returncode in ({2, 3} if lacking else {0})
        return lines


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


@contextmanager
def archive_server(status):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    asked = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def test_a_bare_machine_with_a_compiler_can_build(project):
    done = project.run()
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("all that build needs is there\n")
    # Each line is fine, or the next says what to do.
    lines = done.stdout.splitlines()[:-1]
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith(("advice", "missing")):
            assert after.strip().startswith("-> ")


def test_what_it_looks_at(project):
    found = project.lines()
    assert found["engine"]["state"] == "advice"
    assert found["compiler g++"]["state"] == "fine"
    assert set(found) >= {
        *("matrix", "python", "git", "archives", "archive digests", "job slots", "dist"),
        *("locks of the project", "locks of the machine", "leftovers"),
        *("disk for build/ and dist/", "disk for steps"),
    }
    assert not (project.root / "build").exists()


def test_the_engine_that_is_asked_for_must_be_there(project):
    found = project.lines("--engine", "docker")
    assert found["engine"]["state"] == "missing"
    assert "--engine host" in found["engine"]["todo"]
    assert found["compiler g++"]["state"] == "fine"


def test_without_a_compiler_the_host_engine_cannot_build(project, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "git").symlink_to(shutil.which("git"))
    found = project.lines(PATH=str(tools))
    assert found["compiler g++"]["state"] == "missing"
    assert "apt-get install g++" in found["compiler g++"]["todo"]


def test_a_compiler_that_cannot_do_it_is_seen(project, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    compiler = tools / "g++"
    compiler.write_text("#!/bin/sh\necho 'error: unrecognized option' >&2\nexit 1\n")
    compiler.chmod(0o755)
    found = project.lines(PATH=f"{tools}:{os.environ['PATH']}")
    assert found["compiler g++"]["state"] == "missing"
    assert "unrecognized option" in found["compiler g++"]["text"]


def test_things_that_hang_do_not_hang_it(project, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "g++").write_text("#!/bin/sh\nexec sleep 600\n")
    (tools / "g++").chmod(0o755)
    silent = socket.socket(socket.AF_UNIX)
    silent.bind(str(tmp_path / "no.sock"))
    silent.listen()
    deaf = socket.socket()
    deaf.bind(("127.0.0.1", 0))
    deaf.listen()
    project.write(f"http://127.0.0.1:{deaf.getsockname()[1]}")
    begun = time.monotonic()
    try:
        found = project.lines(PATH=f"{tools}:{os.environ['PATH']}")
    finally:
        silent.close()
        deaf.close()
    # Not a matter of speed: each of the three would have taken minutes.
    assert time.monotonic() - begun < 45
    assert found["compiler g++"]["state"] == "missing"
    assert found["engine"]["state"] == "advice"
    assert found["archives"]["state"] == "advice"
    assert found["python"]["state"] in {"fine", "advice"}


@pytest.mark.parametrize("status", [200, 404, 503])
def test_archives_are_asked_for_and_not_fetched(project, status):
    with archive_server(status) as (url, asked):
        project.write(url)
        found = project.lines("--sdk", "release")["archives"]
    assert asked == ["/0.24.1/mesos-0.24.1.tar.gz"]
    if status == 200:
        assert found["state"] == "fine"
    else:
        assert found["state"] == "missing"
        assert f"answered {status}" in found["text"]
    assert not project.archives.exists()


def test_archives_that_are_there_need_no_server(project):
    project.archives.mkdir()
    for release in ("0.24.1", "1.0.1"):
        (project.archives / f"mesos-{release}.tar.gz").touch()
    found = project.lines()
    assert found["archives"]["state"] == "fine"
    assert "2 of 2" in found["archives"]["text"]


def test_files_of_ours_that_are_broken(project):
    (project.root / "matrix.lock").write_text("rubbish\n")
    (project.root / "dist").mkdir()
    (project.root / "dist" / "manifest.json").write_text("{}x")
    found = project.lines()
    assert found["archive digests"]["state"] == "missing"
    assert found["dist"]["state"] == "missing"
    assert "delete dist/" in found["dist"]["todo"]


def test_a_broken_matrix_file_leaves_the_machine_to_look_at(project):
    (project.root / "matrix.toml").write_text("releases = [\n")
    done = project.run()
    assert done.returncode == 2
    assert "matrix.toml" in done.stdout
    found = project.lines()
    assert found["matrix"]["state"] == "missing"
    assert found["locks of the machine"]["state"] == "fine"


def test_what_killed_runs_left_is_counted(project):
    left = project.root / "mesos-buildkit-host-abc"
    left.mkdir()
    (left / "owner").write_text(f"host={socket.gethostname()} boot=another pidns=1 pid=1 started=1")
    found = project.lines()
    assert found["leftovers"]["state"] == "advice"
    assert "1 work folders" in found["leftovers"]["text"]
    assert left.is_dir()


def test_the_lock_is_compared_with_what_is_installed(tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "# comment\npytest==0.0.1 \\\n    --hash=sha256:00\n    # via x\n"
        "no-such-package==1.0\nold-only==1 ; python_version < '3'\n"
    )
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["No_Such.Package>=1"]\n')
    found = PythonProbe(root=tmp_path).look()
    assert found.packages == 2
    by_name = {one.name: one for one in found.differing}
    assert by_name["pytest"].locked == "0.0.1"
    assert by_name["pytest"].installed not in {None, "0.0.1"}
    assert not by_name["pytest"].runtime
    assert by_name["no-such-package"].installed is None
    assert by_name["no-such-package"].runtime
    assert PythonProbe(root=tmp_path / "nowhere").look().packages is None


def test_locks_are_tried_and_leave_nothing(tmp_path):
    assert LocksProbe(folder=tmp_path / "not" / "yet").look().error == ""
    assert list(tmp_path.iterdir()) == []
    file = tmp_path / "file"
    file.touch()
    assert LocksProbe(folder=file).look().error


@pytest.fixture
def daemon(project):
    with FakeDaemon(project.root / "no.sock") as running:
        yield running


REGISTRY = "registry debian12 debian:bookworm-slim"


def without_bootstrapper(tmp_path):
    """A path on which nothing but the programs asked for are."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("git", "g++", "sh"):
        (tools / name).symlink_to(shutil.which(name))
    return str(tools)


def test_a_daemon_is_described(project, daemon):
    found = project.lines()["engine"]
    assert found["state"] == "fine"
    for word in ("Docker/28.2.2", "API 1.50", "overlay2", "control groups v2"):
        assert word in found["text"]
    daemon.version["Components"] = [{"Name": "Podman Engine"}]
    assert "Podman/28.2.2" in project.lines()["engine"]["text"]


def test_a_daemon_without_limits_is_told_of(project, daemon):
    daemon.info["MemoryLimit"] = daemon.info["PidsLimit"] = False
    found = project.lines()["engine"]
    assert found["state"] == "advice"
    assert "cannot bound memory and processes" in found["text"]


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        ((200, {"Descriptor": {}}), "fine", "can be pulled"),
        ((404, {"message": "manifest unknown"}), "missing", "no such image"),
        ((401, {"message": "unauthorized: log in"}), "missing", "refused"),
        ((500, {"message": "dial tcp: i/o timeout"}), "missing", "no registry"),
        ((404, {"message": "page not found"}), "missing", "cannot be told to ask"),
        (None, "missing", "no answer within"),
    ],
)
def test_the_registry_is_asked_by_the_daemon(project, daemon, tmp_path, answer, state, words):
    daemon.distribution = answer
    found = project.lines(PATH=without_bootstrapper(tmp_path))[REGISTRY]
    assert (found["state"], words in found["text"]) == (state, True), found


def test_without_a_registry_the_bootstrapper_will_do(project, daemon, tmp_path):
    daemon.distribution = (500, {"message": "connection refused"})
    tools = without_bootstrapper(tmp_path)
    (tmp_path / "tools" / "mmdebstrap").symlink_to("/bin/true")
    found = project.lines(PATH=tools)[REGISTRY]
    assert found["state"] == "fine"
    assert "mmdebstrap will make the base instead" in found["text"]


def test_an_image_that_is_there_needs_no_registry(project, daemon, tmp_path):
    daemon.images["debian:bookworm-slim"] = {"Id": "sha256:1"}
    daemon.distribution = None
    found = project.lines(PATH=without_bootstrapper(tmp_path))[REGISTRY]
    assert found["state"] == "fine"


def test_containers_of_killed_runs_are_counted(project, daemon):
    gone = f"host={socket.gethostname()} boot=another pidns=1 pid=1 started=1"
    for number, run in enumerate((gone, gone, "host=elsewhere boot=b pidns=1 pid=1 started=1")):
        labels = {"mesos-buildkit": "1", "mesos-buildkit.run": run}
        daemon.containers.append({"Id": f"c{number}", "Labels": labels})
    found = project.lines()["leftovers"]
    assert found["state"] == "advice"
    assert "2 containers" in found["text"]
    assert len(daemon.containers) == 3
