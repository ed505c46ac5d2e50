"""Engines: where the steps of a target run. One small protocol, two implementations.

A step is a command that runs in a work folder filled from ``inputs`` and leaves what is worth
keeping in the folder ``out`` below it. Nothing else crosses the border, so a daemon on another
machine works as well as this one's.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from buildkit.errors import TargetError

EngineName = Literal["docker", "host"]
Emit = Callable[[str], None]
"""Takes one line of a step's output, without its line end."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds on one step. Going over any of them ends the step."""

    memory_bytes: int = 2 * 1024**3
    pids: int = 256
    seconds: float = 900.0


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command to run for a target."""

    name: str
    """What the log and the labels call it, such as ``build``."""
    target: str
    """The target's identity, such as ``dockervolume/0.24.1/debian12``; for labels and messages."""
    argv: tuple[str, ...]
    """The command, run in the work folder."""
    inputs: Mapping[str, Path]
    """Destination below the work folder (POSIX; ``"."`` is itself) -> a file or folder here."""
    lent: Mapping[str, Path] = field(default_factory=dict)
    """As ``inputs``, for folders that the command only reads. They are not copied, so only an
    engine that :attr:`Engine.lends` takes them."""
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    writable: tuple[str, ...] = ()
    """Absolute folders that the command insists on writing to: empty, its own, gone afterwards."""
    root: bool = False
    """Whether the command insists on being root. It gets none of root's capabilities for that."""
    apart: bool = False
    """Whether the command starts others that may leave its session and listens to the network: it
    has processes and loopback for itself alone, and nothing that it starts outlives it."""
    started: Callable[[], object] = lambda: None
    """Called once the command runs, by the engine."""


class NotPossibleHereError(TargetError):
    """The engine can't give a command what it insists on."""


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """How a step ended. ``ended`` says why if it was not the command's own decision."""

    exit_code: int
    seconds: float
    ended: Literal["exited", "timeout", "memory", "cancelled"] = "exited"

    @property
    def ok(self) -> bool:
        """Whether the command itself ended with 0."""
        return self.ended == "exited" and self.exit_code == 0


@dataclass(frozen=True, kw_only=True)
class Base:
    """What a platform's steps run on, once it is there."""

    identity: str
    """Changes when the results could: an image ID, or a digest over the host's compiler."""
    reference: str
    """How to name it: an image tag, or ``host``."""
    compiler: str
    """First line of the compiler's ``--version``."""
    architecture: str
    """Such as ``amd64``."""


@dataclass(frozen=True, kw_only=True)
class Bootstrap:
    """How to make a base image from a distribution's archive where no registry answers."""

    suite: str
    """Debian suite, such as ``bookworm``."""
    mirror: str | None = None
    """Archive URL; None for the bootstrapper's own default."""


@dataclass(frozen=True, kw_only=True)
class BaseRequest:
    """The part of a platform that an engine needs to provide a base."""

    platform: str
    image: str
    """Image to pull, such as ``debian:bookworm-slim``."""
    packages: tuple[str, ...]
    """Distribution packages the base must have, sorted; always with the compiler."""
    compiler: str
    """C++ compiler's command, such as ``g++``."""
    architecture: str
    """Docker's name for the CPU architecture, such as ``amd64``."""
    bootstrap: Bootstrap | None = None


class Engine(Protocol):
    """Runs steps. Safe to call from several threads."""

    @property
    def name(self) -> EngineName:
        """The engine's name in options, manifest and table."""

    @property
    def lends(self) -> bool:
        """Whether its steps can see folders of this machine."""

    def provide(self, request: BaseRequest, emit: Emit) -> Base:
        """Make the base ready (find, pull, bootstrap) and describe it.

        Raises :class:`buildkit.errors.UnavailableError` with what failed and what to do.
        """

    def run(
        self, step: Step, base: Base, output: Path, emit: Emit, cancelled: threading.Event
    ) -> StepResult:
        """Run ``step`` on ``base``; whatever it leaves in ``out/`` is put below ``output`` here.

        Returns within a second or so of ``cancelled`` being set, and leaves nothing running. Raises
        :class:`buildkit.errors.UnavailableError` if the engine itself fails, and
        :class:`NotPossibleHereError` before anything is started.
        """

    def close(self) -> None:
        """Give up connections. Nothing of the engine is used afterwards."""
