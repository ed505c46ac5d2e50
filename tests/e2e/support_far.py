"""A second Docker daemon that shares neither network nor files with this side.

It runs in a network namespace of its own, at the other end of a virtual cable, and in a mount
namespace that does not have the folders of the tests. Needs root, ``dockerd`` and ``ip``; to be
reached by ssh, ``sshd``.
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

SSH_PORT = 2222
SSHD = """\
ListenAddress {address}:2222
HostKey {state}/host
AuthorizedKeysFile {state}/authorized
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
SetEnv DOCKER_HOST=unix://{sock}
"""
SSH = """\
Host far.example
  HostName {address}
  IdentityFile {folder}/key
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known
  StrictHostKeyChecking yes
  BatchMode yes
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

    @contextmanager
    def sshd(self, folder: Path) -> Iterator[Path]:
        """Run an sshd beside the daemon; gives a folder with an ``ssh`` that knows how to get in.

        That is the real one, with a configuration file that knows ``far.example``. Nothing below
        ``folder`` is seen over there, so all that sshd reads is in the daemon's own state.
        """
        state = self.socket.parent / "ssh"
        state.mkdir()
        for key in (state / "host", folder / "key"):
            made = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
            subprocess.run(made, check=True)
        shutil.copy(folder / "key.pub", state / "authorized")
        address = self.url.removeprefix("tcp://").partition(":")[0]
        (state / "config").write_text(SSHD.format(state=state, address=address, sock=self.socket))
        known = (state / "host.pub").read_text()
        (folder / "known").write_text(f"[{address}]:{SSH_PORT} {known}")
        (folder / "config").write_text(SSH.format(folder=folder, address=address))
        program = folder / "ssh"
        program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/config "$@"\n')
        program.chmod(0o755)
        # It insists on being called by its full name, and on that folder.
        run = f"mkdir -p /run/sshd && exec {_sshd()} -D -e -f {state}/config"
        inside = ("nsenter", "--target", str(self.pid), "--mount", "--net", "--")
        with (state / "log").open("wb") as log:
            process = subprocess.Popen(
                [*inside, "sh", "-c", run], stdin=subprocess.DEVNULL, stderr=log
            )
        try:
            _wait(lambda: b"listening" in (state / "log").read_bytes(), process, state)
            yield folder
        finally:
            process.terminate()
            process.wait(timeout=60)


def lacking() -> str:
    """Why there can be none here; empty if nothing is in the way."""
    if os.geteuid() != 0:
        return "only root can make one"
    names = ("dockerd", "docker", "ip", "unshare", "nsenter", "ssh", "ssh-keygen")
    missing = [name for name in names if not shutil.which(name)]
    missing += [] if _sshd() else ["sshd"]
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


def _sshd() -> str | None:
    """The program, which is not in everybody's search path."""
    return shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")


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
