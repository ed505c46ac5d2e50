"""A daemon elsewhere: reached by address, by Docker context and by ssh, and no file in common."""

import json
import os
import re
import shutil
import tempfile
import time

import pytest
from support_far import far_daemon, lacking

from buildkit.engine.tunnel import Tunnel

RELEASES = ("0.24.1", "1.11.0")


@pytest.fixture(scope="module")
def far(tmp_path_factory, docker_engine, base_request):
    """The second daemon, which has been given the base image through both daemons' API."""
    import docker  # noqa: PLC0415

    if why := lacking():
        if os.environ.get("MESOS_BUILDKIT_REQUIRE_SECOND_DAEMON") == "1":
            pytest.fail(f"no second daemon: {why}")
        pytest.skip(f"NO SECOND DAEMON, SO NO REMOTE ONE IS TESTED: {why}")
    base = docker_engine.provide(base_request, print)
    with far_daemon(tmp_path_factory.getbasetemp()) as daemon:
        api = docker.APIClient(daemon.url, version="auto", timeout=600)
        try:
            for event in api.load_image(docker_engine.save_image(base.reference)):
                assert "error" not in event
        finally:
            api.close()
        yield daemon


@pytest.fixture
def far_steps(far):
    """The containers, by target and step, that were made on the far daemon since then."""
    import docker  # noqa: PLC0415

    api = docker.APIClient(far.url, version="auto", timeout=60)
    begun = int(time.time())

    def steps():
        events = api.events(
            since=begun,
            until=int(time.time()) + 1,
            filters={"event": "create", "label": "mesos-buildkit=1"},
            decode=True,
        )
        names = [event["Actor"]["Attributes"] for event in events]
        return {(n["mesos-buildkit.target"], n["mesos-buildkit.step"]) for n in names}

    yield steps
    assert api.containers(all=True) == []
    api.close()


@pytest.fixture
def away(project):
    """The project, with nothing in its environment that says where a daemon is."""
    project.env.update(
        DOCKER_HOST="", DOCKER_CONTEXT="", DOCKER_CONFIG=str(project.root / "config")
    )
    project.matrix(*RELEASES)
    return project


def libraries(project, tree_digests):
    return {
        path: digest
        for path, digest in tree_digests(project.root / "dist").items()
        if path.endswith((".so", ".debug"))
    }


def test_by_address_two_releases_are_built_there_and_come_back(
    far, far_steps, away, tree_digests, monkeypatch
):
    with monkeypatch.context() as environment:
        # The daemon of the tests may be another than the one of the default socket.
        environment.setitem(away.env, "DOCKER_HOST", os.environ.get("DOCKER_HOST", ""))
        here = away.good_build(engine="docker")
    assert far.url not in here.out
    expected = libraries(away, tree_digests)
    assert len(expected) == 2 * len(RELEASES)
    assert far_steps() == set()

    for folder in ("build", "dist"):
        (away.root / folder).rename(away.root / f"{folder}-here")
    away.env["DOCKER_HOST"] = far.url
    done = away.good_build(engine="docker")
    assert f"engine docker: {far.url} (DOCKER_HOST)" in done.out
    assert not far.sees(away.root)
    built = {target for target, _ in far_steps()}
    assert built >= {f"{away.name}/{release}/debian12" for release in RELEASES}
    assert libraries(away, tree_digests) == expected
    away.verify_checksums()


def test_by_the_docker_context_that_is_chosen(far, far_steps, away):
    made = ("docker", "context", "create", "far", "--docker", f"host={far.url}")
    assert away.execute(*made).code == 0
    assert away.execute("docker", "context", "use", "far").code == 0
    done = away.good_build("--only", RELEASES[0], engine="docker")
    assert "engine docker: Docker context 'far'" in done.out
    assert far_steps()
    assert away.libraries()


def test_by_a_docker_context_in_the_environment(far, away):
    made = ("docker", "context", "create", "far", "--docker", f"host={far.url}")
    assert away.execute(*made).code == 0
    away.env["DOCKER_CONTEXT"] = "far"
    done = away.run("plan", "--engine", "docker", "--json")
    assert done.code == 0, done.text
    assert json.loads(done.out)["notes"] == ["engine docker: Docker context 'far'"]


def test_a_context_that_is_not_there_is_named(away):
    away.env["DOCKER_CONTEXT"] = "nowhere"
    message = away.build(engine="docker").clean_failure(3)
    assert "Docker context 'nowhere'" in message
    assert "docker context ls" in message


@pytest.fixture
def by_ssh(far, away, tmp_path):
    """The project, with the far daemon behind a real sshd."""
    folder = tmp_path / "ssh"
    folder.mkdir()
    with far.sshd(folder):
        away.env["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
        away.env["DOCKER_HOST"] = "ssh://root@far.example:2222"
        yield away


def test_by_ssh(far_steps, by_ssh):
    done = by_ssh.good_build("--only", RELEASES[0], engine="docker")
    assert "engine docker: ssh://root@far.example:2222 (DOCKER_HOST)" in done.out
    assert far_steps()
    assert by_ssh.libraries()

    # Somebody else has taken its address, as far as ssh can tell.
    known = by_ssh.root.parent / "ssh/known"
    known.write_text(known.read_text().replace("AAAA", "AAAB"))
    message = by_ssh.build("--only", RELEASES[0], engine="docker").clean_failure(3)
    assert "ssh://root@far.example:2222 (DOCKER_HOST): Host key verification failed" in message


def test_what_ssh_says_is_passed_on(away, tmp_path):
    program = tmp_path / "programs/ssh"
    program.parent.mkdir()
    program.write_text(
        "#!/bin/sh\necho 'ssh: Could not resolve hostname far.example' >&2\nexit 255\n"
    )
    program.chmod(0o755)
    away.env["PATH"] = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    away.env["DOCKER_HOST"] = "ssh://far.example"
    message = away.build(engine="docker").clean_failure(3)
    assert "ssh://far.example (DOCKER_HOST): ssh: Could not resolve hostname" in message


def test_the_folder_of_a_killed_run_goes_with_the_next_tunnel(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    open_one = Tunnel("ssh://far.example")
    (mine,) = tmp_path.iterdir()
    killed = tmp_path / "mesos-buildkit-ssh-killed"
    shutil.copytree(mine, killed, ignore=shutil.ignore_patterns("socket"))
    owner = (killed / "owner").read_text()
    (killed / "owner").write_text(re.sub(r"started=\d+", "started=1", owner))
    other = Tunnel("ssh://far.example")
    assert not killed.exists()
    assert mine.exists()
    other.close()
    open_one.close()
    assert list(tmp_path.iterdir()) == []
