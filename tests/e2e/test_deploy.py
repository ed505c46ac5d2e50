"""The verb deploy: what it prints, what it posts, and what it refuses to."""

import hashlib
import json
import re
import shutil
import subprocess
import sys

import pytest
from support_environment import plain_environment
from support_marathon import MarathonServer

from buildkit.results.manifest import (
    ArtifactRecord,
    Manifest,
    SmokeRecord,
    TargetRecord,
    manifest_json,
)

LIBRARY = b"a library, as far as the manifest goes"
MATRIX = """\
releases = ["0.24.1", "1.0.1"]

[[module]]
name = "volume"
version = "1.0.0"
symbol = "the_descriptor"
source = "src"

[module.deploy]
parameters = { command = "/opt/dvdcli" }
state = "/var/lib/volume"

[[platform]]
name = "debian12"
base = "debian:bookworm-slim"

[[platform]]
name = "debian11"
base = "debian:bullseye-slim"
"""


class Project:
    """A project whose dist/ says what the test wants it to."""

    def __init__(self, root):
        self.root = root
        (root / "src").mkdir()
        (root / "src" / "x.cpp").touch()
        (root / "matrix.toml").write_text(MATRIX)
        self.record()

    def record(self, release="0.24.1", sdk="release", **changes):
        path = f"{release}/libvolume-1.0.0+mesos-{release}.so"
        artifact = ArtifactRecord(
            path=path,
            sha256=hashlib.sha256(LIBRARY).hexdigest(),
            size=len(LIBRARY),
            build_id="ab" * 20,
            debug_path=f"{path}.debug",
            debug_sha256="cd" * 32,
        )
        values = {
            "name": f"volume/{release}/debian12",
            "module": "volume",
            "module_version": "1.0.0",
            "symbol": "the_descriptor",
            "release": release,
            "platform": "debian12",
            "architecture": "amd64",
            "encoding": "octal",
            "version_flag": "-DMESOS_VERSION_INT=0241",
            "flags": (),
            "patches": (),
            "engine": "host",
            "base": "b",
            "compiler": "g++",
            "sdk": sdk,
            "sdk_digest": "",
            "status": "passed",
            "stages": (),
            "smoke": SmokeRecord(level="run", checks=()),
            "cause": (),
            "warnings": (),
            "artifact": artifact,
            "seconds": 1.0,
            **changes,
        }
        manifest = Manifest(targets=(TargetRecord.model_validate(values),))
        library = self.root / "dist" / path
        library.parent.mkdir(parents=True, exist_ok=True)
        library.write_bytes(LIBRARY)
        (self.root / "dist" / "manifest.json").write_text(manifest_json(manifest))

    def run(self, *arguments, **environment):
        return subprocess.run(
            [sys.executable, "-m", "buildkit", "deploy", *arguments],
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**plain_environment(), **environment},
        )

    def json(self, *arguments):
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


@pytest.fixture
def server():
    with MarathonServer() as running:
        yield running


def test_it_prints_all_that_an_operator_does(project):
    done = project.run("0.24.1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "--modules=file:///etc/mesos/modules/volume.json" in done.stdout
    assert "mesos-slave" in done.stdout
    assert "--isolation=posix/cpu,posix/mem,the_descriptor" in done.stdout
    assert "DVDI_VOLUME_NAME" in done.stdout
    assert '"provider": "dvdi"' in done.stdout
    assert "/var/lib/volume" in done.stdout
    for title in ("keep them", "drain first", "Roll back"):
        assert title in done.stdout
    assert "NOT FOR AGENTS" not in done.stdout


def test_its_install_commands_work(project, tmp_path):
    """Run for real, with the agent's root in a folder."""
    root = tmp_path / "agent"
    done = project.run("0.24.1")
    commands = re.findall(r"^  ((?:install|test|echo) .*)$", done.stdout, re.MULTILINE)
    assert len(commands) == 3
    moved = [re.sub(r"/(usr/lib|etc)/mesos", rf"{root}/\1/mesos", line) for line in commands]
    source = project.root / "dist" / "0.24.1"
    script = "set -e\n" + "\n".join(moved)
    for _ in range(2):
        subprocess.run(["/bin/sh", "-c", script], cwd=source, check=True)
    installed = root / "usr/lib/mesos/modules/libvolume-1.0.0+mesos-0.24.1.so"
    assert installed.read_bytes() == LIBRARY
    # One that is there is not written over, and not taken for the same.
    installed.write_bytes(b"another")
    failed = subprocess.run(["/bin/sh", "-c", script], cwd=source, check=False, capture_output=True)
    assert failed.returncode != 0
    assert installed.read_bytes() == b"another"


def test_json_is_the_same_for_a_program(project):
    found = project.json("0.24.1")
    assert found["schema"] == 1
    assert found["shippable"] is True
    assert found["agent"]["program"] == "mesos-slave"
    [library] = found["modules"]["libraries"]
    assert library["file"] == found["library"]
    assert library["modules"][0]["parameters"] == [{"key": "command", "value": "/opt/dvdcli"}]
    assert set(found["marathon"]) == {"environment", "external"}
    assert found["posted"] is None
    project.record(release="1.0.1")
    found = project.json("1.0.1", "--isolation", "cgroups/cpu,cgroups/mem")
    assert found["agent"]["program"] == "mesos-agent"
    assert found["agent"]["modules_dir"] == "/etc/mesos/modules"
    assert found["agent"]["flags"]["isolation"] == "cgroups/cpu,cgroups/mem,the_descriptor"


def test_one_form_may_be_asked_for(project):
    assert set(project.json("0.24.1", "--marathon-form", "external")["marathon"]) == {"external"}


def test_a_stub_is_shown_loudly_and_never_posted(project, server):
    project.record(sdk="stub")
    done = project.run("0.24.1")
    assert done.returncode == 0
    assert done.stdout.startswith("NOT FOR AGENTS")
    assert project.json("0.24.1")["shippable"] is False
    done = project.run("0.24.1", "--marathon", server.url, "--force")
    assert (done.returncode, done.stdout) == (2, "")
    assert "built against a stub" in done.stderr
    assert "nox -s build-0.24.1 -- --sdk release" in done.stderr
    assert server.requests == []


def test_without_a_library_it_says_how_to_make_one(project):
    done = project.run("1.0.1")
    assert done.returncode == 3
    assert "not built yet; make it with: nox -s build-1.0.1 -- --sdk release" in done.stderr
    project.record(artifact=None, status="failed", cause=("x.cpp:1: error: no such thing",))
    done = project.run("0.24.1")
    assert done.returncode == 3
    assert "x.cpp:1: error: no such thing" in done.stderr
    shutil.rmtree(project.root / "dist")
    assert project.run("0.24.1").returncode == 3


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["0.24.2"], "not a release of matrix.toml; did you mean '0.24.1'?"),
        (["0.24"], "is not a Mesos release"),
        (["0.24.1", "--module", "volumes"], "did you mean 'volume'?"),
        (["0.24.1", "--platform", "ubuntu"], "the matrix has debian12, debian11"),
        (["0.24.1", "--app", "none.toml"], "no such file"),
        (["0.24.1", "--force"], "--force goes with --marathon"),
        (["0.24.1", "--isolation", "a,,b"], "empty name"),
        (["0.24.1", "--marathon", "marathon:8080"], "not the URL of a Marathon"),
        (["0.24.1", "--marathon", "http://me:word@:x"], "not the URL of a Marathon"),
        (["0.24.1", "--marathon", "ftp://me:word@host"], "not the URL of a Marathon"),
    ],
)
def test_mistakes_of_the_command_line(project, arguments, complaint):
    done = project.run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr
    assert "word" not in done.stderr
    assert "Traceback" not in done.stderr


def test_another_platform_is_another_library(project):
    done = project.run("0.24.1", "--platform", "debian11")
    assert done.returncode == 3
    assert "volume/0.24.1/debian11: not built yet" in done.stderr


def test_the_application_is_posted(project, server):
    done = project.run("0.24.1", "--marathon", server.url)
    assert done.returncode == 0, done.stderr
    assert "started /volume-check, by deployment" in done.stdout
    assert server.apps["/volume-check"]["env"]["DVDI_VOLUME_NAME"] == "volume-check"
    done = project.run("0.24.1", "--marathon", server.url)
    assert done.returncode == 1
    assert "is there already; --force replaces it" in done.stderr
    external = ("--marathon-form", "external", "--force", "--json")
    done = project.run("0.24.1", "--marathon", server.url, *external)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["posted"]["replaced"] is True
    assert "env" not in server.apps["/volume-check"]


@pytest.mark.parametrize(("version", "warned"), [("1.1.5", False), ("1.10.26", True), (None, True)])
def test_volumes_that_the_module_would_not_see_are_warned_of(project, server, version, warned):
    server.version = version
    done = project.run("0.24.1", "--marathon", server.url, "--marathon-form", "external")
    assert done.returncode == 0, done.stderr
    assert ("warning: " in done.stdout) == warned
    server.apps.clear()
    assert "warning: " not in project.run("0.24.1", "--marathon", server.url).stdout


def test_a_library_that_is_not_the_manifests_is_not_deployed(project, server):
    library = project.root / "dist/0.24.1/libvolume-1.0.0+mesos-0.24.1.so"
    library.write_bytes(b"something else")
    done = project.run("0.24.1", "--marathon", server.url)
    assert done.returncode == 1
    assert "the manifest says" in done.stderr
    library.unlink()
    assert project.run("0.24.1", "--marathon", server.url).returncode == 1
    assert server.requests == []


def test_passwords_are_shown_to_nobody(project, server):
    server.login = ("me", "the-word")
    done = project.run(
        "0.24.1", "--marathon", server.url, MESOS_BUILDKIT_MARATHON_AUTH="me:wrong-word"
    )
    assert done.returncode == 2
    assert "asks who you are" in done.stderr
    assert "wrong-word" not in done.stdout + done.stderr
    url = server.url.replace("://", "://me:the-word@")
    done = project.run("0.24.1", "--marathon", url)
    assert done.returncode == 0, done.stderr
    assert "the-word" not in done.stdout + done.stderr


def test_an_application_of_ones_own(project, server):
    (project.root / "app.toml").write_text(
        'id = "/mine"\nabout = "mine"\ncmd = "true"\n'
        '[[volume]]\nname = "v"\ncontainer-path = "data"\n'
    )
    done = project.run("0.24.1", "--app", "app.toml", "--marathon", server.url)
    assert done.returncode == 0, done.stderr
    assert list(server.apps) == ["/mine"]
    broken = project.root / "app.toml"
    broken.write_text(broken.read_text() + "siz = 3\n")
    done = project.run("0.24.1", "--app", "app.toml")
    assert done.returncode == 2
    assert "did you mean 'size'?" in done.stderr
