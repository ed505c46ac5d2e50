"""Podman's service on a socket of its own, with storage of its own."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_RUNTIME = "/usr/sbin/runc"
"""Where Debian has it, which need not be in the search path."""


def lacking() -> str:
    """Why there can be none here; empty if nothing is in the way."""
    if os.geteuid() != 0:
        return "only root can start it so"
    missing = [name for name in ("docker", "podman", _RUNTIME) if not shutil.which(name)]
    return f"{', '.join(missing)} not installed" if missing else ""


@contextmanager
def podman_service() -> Iterator[str]:
    """The URL of one that is running; it ends, and its images with it."""
    # Its layers need a file system that takes them, which /tmp need not be.
    state = Path(tempfile.mkdtemp(prefix="mesos-buildkit-podman-", dir="/var/tmp"))
    url = f"unix://{state}/socket"
    storage = ("--root", str(state / "root"), "--runroot", str(state / "run"))
    engine = ("podman", "--runtime", _RUNTIME, "--cgroup-manager", "cgroupfs", *storage)
    with (state / "log").open("wb") as log:
        process = subprocess.Popen(
            # Its helper leaves a file in the folder that it is started in.
            [*engine, "system", "service", "--time=0", url],
            cwd=state,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        until = time.monotonic() + 60
        while subprocess.run(
            ["docker", "--host", url, "version"], check=False, capture_output=True
        ).returncode:
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"no Podman: {(state / 'log').read_text()[-2000:]}")
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=60)
        subprocess.run(
            ["umount", "--quiet", str(state / "root/overlay")], check=False, capture_output=True
        )
        shutil.rmtree(state, ignore_errors=True)
