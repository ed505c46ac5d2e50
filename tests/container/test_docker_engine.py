"""That containers are as hardened as is said, and that they go, whatever happens."""

import io
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from buildkit.compat import tarfile
from buildkit.engine import Limits
from buildkit.engine.docker import DockerEngine
from buildkit.errors import UnavailableError


class TestHardening:
    def test_the_step_is_nobody_with_no_rights_and_no_way_to_any(self, docker_bench):
        docker_bench.run(
            "id -u; id -g; id -G; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status"
        )
        status = dict(line.split(":\t") for line in docker_bench.lines[3:])
        assert docker_bench.lines[:3] == ["10001"] * 3
        none = "0" * 16
        sets = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
        assert {name: status[name] for name in sets} == dict.fromkeys(sets, none)
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"

    def test_there_is_no_network_but_the_loopback(self, docker_bench):
        docker_bench.run("cut -d: -f1 -s /proc/net/dev; wc -l < /proc/net/route")
        assert [line.strip() for line in docker_bench.lines] == ["lo", "1"]

    def test_only_the_work_folder_and_tmp_can_be_written(self, docker_bench):
        docker_bench.run(
            "for d in / /etc /usr /var /var/tmp /run /root /dev /work /tmp .;"
            "do touch $d/x 2>/dev/null && echo $d; done; true"
        )
        assert docker_bench.lines == ["/tmp", "."]  # noqa: S108  # the container's own

    def test_tmp_is_in_memory_and_not_executable_and_the_work_folder_is(self, docker_bench):
        docker_bench.run(
            "grep ' /tmp ' /proc/mounts; printf '#!/bin/sh\\necho ran\\n' > x; chmod 755 x; ./x;"
            "cp x /tmp/x; /tmp/x; echo $?"
        )
        mount = docker_bench.lines[0].split()
        assert mount[2] == "tmpfs"
        assert {"noexec", "nosuid", "nodev"} <= set(mount[3].split(","))
        assert docker_bench.lines[1] == "ran"
        assert docker_bench.lines[-1] == "126"

    def test_processes_are_bounded(self, docker_bench):
        docker_bench.run(
            "i=0; while [ $i -lt 100 ]; do sleep 5 & i=$((i+1)); done; echo all",
            limits=Limits(pids=20, seconds=30.0),
        )
        assert "all" not in docker_bench.lines
        assert any("fork" in line.lower() for line in docker_bench.lines)

    def test_orphans_are_reaped(self, docker_bench):
        docker_bench.run("(sleep 0.1 &); sleep 0.5; grep -l '^State:.Z' /proc/[0-9]*/status; true")
        assert docker_bench.lines == []

    def test_setuid_programs_give_nothing(self, docker_bench):
        docker_bench.run("find / -xdev -perm -4000 -type f 2>/dev/null | head -1; su -c id 2>&1")
        assert not any("uid=0" in line for line in docker_bench.lines)


def test_no_volume_is_left_either(docker_bench, client):
    before = {volume.name for volume in client.volumes.list()}
    assert docker_bench.run("echo x > out/x").ok
    volumes = {volume.name for volume in client.volumes.list()} - before
    mounted = {
        mount.get("Name")
        for container in client.containers.list(all=True, ignore_removed=True)
        for mount in container.attrs["Mounts"]
    }
    # Other containers may come and go meanwhile; what none of them has is ours.
    assert volumes <= mounted


def test_the_base_is_taken_by_its_id(docker_bench):
    renamed = replace(docker_bench.base, reference="no/such:tag")
    docker_bench.base = renamed
    assert docker_bench.run("true").ok


def test_a_base_that_is_gone_is_named(docker_bench):
    docker_bench.base = replace(docker_bench.base, identity="sha256:" + "0" * 64)
    with pytest.raises(UnavailableError, match="0000"):
        docker_bench.run("true")
    assert docker_bench.left_running() == []


def test_nothing_is_left_if_the_start_fails(docker_bench, client):
    broken = io.BytesIO()
    with tarfile.open(fileobj=broken, mode="w") as tar:
        # A file, where a folder is to be mounted over.
        tar.addfile(tarfile.TarInfo("tmp"))
    answer = client.api.import_image_from_data(broken.getvalue(), changes=["LABEL test=1"])
    image = answer.rpartition("sha256:")[2].rstrip('"}\r\n ')
    docker_bench.base = replace(docker_bench.base, identity=f"sha256:{image}")
    try:
        with pytest.raises(UnavailableError, match="running step 'test' of test/"):
            docker_bench.run("true")
        assert docker_bench.left_running() == []
    finally:
        client.images.remove(f"sha256:{image}")


@contextmanager
def step_in_a_process(bench) -> Iterator[subprocess.Popen[str]]:
    """A process of its own in the middle of a step, killed in the end if it is still there."""
    program = textwrap.dedent(f"""
        import sys, threading
        from pathlib import Path
        from buildkit.engine import Base, Step
        from buildkit.engine.docker import DockerEngine
        step = Step(name="test", target={bench.target!r}, argv=("sh", "-c", "echo on; sleep 600"),
                    inputs={{}})
        base = Base(identity={bench.base.identity!r}, reference="", compiler="", architecture="")
        engine = DockerEngine.connect()
        engine.run(step, base, Path(sys.argv[1]), lambda line: print(line, flush=True),
                   threading.Event())
    """)
    with subprocess.Popen(
        [sys.executable, "-c", program, str(bench.output)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        try:
            assert process.stdout.readline() == "on\n"
            yield process
        finally:
            process.kill()


class TestCleaning:
    def test_what_a_killed_run_left_is_found_and_removed(self, docker_bench, docker_engine):
        with step_in_a_process(docker_bench) as process:
            assert len(docker_bench.left_running()) == 1
            docker_engine.clean()
            assert len(docker_bench.left_running()) == 1, "its run was still going on"
            process.kill()
        assert len(docker_bench.left_running()) == 1, "nobody was left to remove it"
        assert docker_engine.clean().containers >= 1
        assert docker_bench.left_running() == []

    def test_ctrl_c_leaves_nothing(self, docker_bench):
        with step_in_a_process(docker_bench) as process:
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) != 0
        assert docker_bench.left_running() == []

    def test_another_hosts_are_left_alone_unless_told(self, docker_bench, docker_engine, client):
        container = client.containers.create(
            docker_bench.base.identity,
            ["true"],
            labels={
                "mesos-buildkit": "1",
                "mesos-buildkit.target": docker_bench.target,
                "mesos-buildkit.run": "host=another boot=b pidns=1 pid=1 started=1",
            },
        )
        try:
            assert docker_engine.clean().kept >= 1
            assert len(docker_bench.left_running()) == 1
        finally:
            container.remove()


class TestConnecting:
    def test_what_was_tried_is_said(self, monkeypatch, tmp_path):
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
        with pytest.raises(UnavailableError, match=r"nobody\.sock \(DOCKER_HOST\)"):
            DockerEngine.connect(timeout=1.0)

    def test_a_context_that_is_not_there_is_named(self, monkeypatch):
        monkeypatch.delenv("DOCKER_HOST", raising=False)
        monkeypatch.setenv("DOCKER_CONTEXT", "no-such-context")
        with pytest.raises(UnavailableError, match="no-such-context"):
            DockerEngine.connect(timeout=1.0)
