"""Who started a container or a temporary folder: tells what a killed process left from the rest.

An owner is written down as one line of text, in a container's label or in a file.
"""

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

Whereabouts = Literal["alive", "gone", "elsewhere"]
"""``elsewhere``: on another host or in another PID namespace, so nothing can be said from here."""


@dataclass(frozen=True, kw_only=True)
class Owner:
    """One process. A PID alone would do for a while only: the kernel gives it out again."""

    host: str
    boot: str
    """The kernel's boot ID, or empty where there is none."""
    namespace: str
    """The PID namespace, or empty where there is none."""
    pid: int
    started: str
    """When the process started, in the kernel's ticks since boot, or empty if not known."""

    @classmethod
    def current(cls) -> Self:
        """Describe this process."""
        return cls(
            host=socket.gethostname() or "localhost",
            boot=_boot(),
            namespace=_namespace(),
            pid=os.getpid(),
            started=_started(os.getpid()),
        )

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what :meth:`__str__` wrote; None for anything else."""
        fields = dict(part.split("=", 1) for part in text.split() if "=" in part)
        try:
            return cls(
                host=fields["host"],
                boot=fields["boot"],
                namespace=fields["pidns"],
                pid=int(fields["pid"]),
                started=fields["started"],
            )
        except (KeyError, ValueError):
            return None

    def __str__(self) -> str:
        return (
            f"host={self.host} boot={self.boot} pidns={self.namespace} "
            f"pid={self.pid} started={self.started}"
        )

    def whereabouts(self) -> Whereabouts:
        """Whether the process is still there, as far as can be told from here."""
        if self.host != socket.gethostname():
            return "elsewhere"
        if self.boot != _boot():
            return "gone"
        if self.namespace != _namespace():
            return "elsewhere"
        if self.started:
            return "alive" if _started(self.pid) == self.started else "gone"
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return "gone"
        except PermissionError:
            pass
        return "alive"


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def _namespace() -> str:
    try:
        # The link reads like "pid:[4026531836]".
        return str(Path("/proc/self/ns/pid").readlink()).rpartition("[")[2].rstrip("]")
    except OSError:
        return ""


def _started(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return ""
    # The command's name, in brackets, may hold blanks and brackets itself: count from its end.
    return stat.rpartition(")")[2].split()[19]
