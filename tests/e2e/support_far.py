"""A second Docker daemon that shares neither network nor files with this side.

It runs in a network namespace of its own, at the other end of a virtual cable, and in a mount
namespace that does not have the folders of the tests. Needs root, ``dockerd`` and ``ip``.
"""

import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PORT = 2375

# The cable's end is put in from outside, once this process has the namespace to put it in.
DAEMON = """\
set -eu
ip link set lo up
until ip address add "$FAR/30" dev eth0 2> /dev/null; do sleep 0.1; done
ip link set eth0 up
mount -t tmpfs none "$HIDDEN"
exec dockerd --data-root "$STATE/data" --exec-root "$STATE/exec" --pidfile "$STATE/pid" \
  --host "unix://$STATE/sock" --host "tcp://$FAR:2375" --tls=false --iptables=false
"""


@dataclass(frozen=True, kw_only=True)
class FarDaemon:
    """Where it is."""

    url: str
    socket: Path
    """On its side; files on this side don't have it in common, this process just knows the path."""
    pid: int

    def sees(self, path: Path) -> bool:
        """Whether the daemon has this file or folder, too."""
        return Path(f"/proc/{self.pid}/root/{path}").exists()

    def ssh(self, folder: Path) -> Path:
        """A folder with an ``ssh`` that runs its command beside the daemon, whatever the host."""
        program = folder / "ssh"
        program.write_text(
            '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift 2\n'
            f"exec nsenter --target {self.pid} --mount --net -- "
            f'env DOCKER_HOST=unix://{self.socket} sh -c "$*"\n'
        )
        program.chmod(0o755)
        return folder


def lacking() -> str:
    """Why there can be none here; empty if nothing is in the way."""
    if os.geteuid() != 0:
        return "only root can make one"
    missing = [name for name in ("dockerd", "docker", "ip", "unshare") if not shutil.which(name)]
    return f"{', '.join(missing)} not installed" if missing else ""


@contextmanager
def far_daemon(hidden: Path) -> Iterator[FarDaemon]:
    """Start one, to which ``hidden`` is an empty folder; ends it and all that it started."""
    # Its layers need a file system that takes them, which /tmp need not be.
    state = Path(tempfile.mkdtemp(prefix="mesos-buildkit-far-", dir="/var/tmp"))
    # Addresses that RFC 2544 sets aside for tests.
    net = f"198.18.{random.randrange(1, 255)}"
    cable = f"mbk{os.getpid()}"[:15]
    log = (state / "log").open("wb")
    process = subprocess.Popen(
        ["unshare", "--mount", "--net", "--propagation", "private", "sh", "-c", DAEMON],
        env={**os.environ, "FAR": f"{net}.2", "STATE": str(state), "HIDDEN": str(hidden)},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        _wait(lambda: _has_namespace(process.pid), process, state)
        peer = ("type", "veth", "peer", "name", "eth0", "netns", str(process.pid))
        _ip("link", "add", cable, *peer)
        _ip("address", "add", f"{net}.1/30", "dev", cable)
        _ip("link", "set", cable, "up")
        url = f"tcp://{net}.2:{PORT}"
        _wait(lambda: _answers(url), process, state)
        yield FarDaemon(url=url, socket=state / "sock", pid=process.pid)
    finally:
        # It ends its containers and its containerd itself when it is asked to.
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        log.close()
        # The cable goes with the namespace; this one is for a start that failed.
        subprocess.run(["ip", "link", "del", cable], check=False, capture_output=True)
        shutil.rmtree(state, ignore_errors=True)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _has_namespace(pid: int) -> bool:
    own, its = (Path(f"/proc/{who}/ns/net").readlink() for who in ("self", str(pid)))
    return own != its


def _answers(url: str) -> bool:
    command = ["docker", "--host", url, "version"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _wait(condition, process, state) -> None:
    until = time.monotonic() + 120
    while not condition():
        ended = process.poll() is not None
        if ended or time.monotonic() > until:
            raise AssertionError(f"no second daemon: {(state / 'log').read_text()[-2000:]}")
        time.sleep(0.2)
