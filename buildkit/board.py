"""What is shown while targets run: a live board on a terminal, plain lines elsewhere.

:func:`render` turns a state into lines and knows no terminal; the two displays print.
"""

import threading
import time
from dataclasses import dataclass, field
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from buildkit.matrix import Stage
from buildkit.outcome import Outcome, Status
from buildkit.plan import Target

_MARKS = {
    Status.PASSED: ("ok", "green"),
    Status.FAILED: ("FAILED", "bold red"),
    Status.EXPECTED_FAILURE: ("fails as expected", "yellow"),
    Status.UNEXPECTED_PASS: ("PASSED UNEXPECTEDLY", "bold red"),
    Status.SKIPPED: ("skipped", "dim"),
    Status.CANCELLED: ("cancelled", "yellow"),
}


def mark(status: Status) -> tuple[str, str]:
    """A status as a word for people, and its style."""
    return _MARKS[status]


@dataclass
class BoardState:
    """What the board shows. Times in seconds of one monotonic clock."""

    total: int
    begun: float
    running: dict[str, tuple[Stage, float]] = field(default_factory=dict)
    """Target's name -> its stage, and since when."""
    ended: int = 0
    failed: int = 0


def render(state: BoardState, now: float) -> list[str]:
    """The board's lines: what runs, longest first, and a count."""
    lines = [
        f"  {stage:<6} {name}  {now - since:.0f} s"
        for name, (stage, since) in sorted(state.running.items(), key=lambda item: item[1][1])
    ]
    failed = f", {state.failed} failed" if state.failed else ""
    lines.append(f"  {state.ended} of {state.total} done{failed}, {now - state.begun:.0f} s")
    return lines


class Display(Protocol):
    """Shows a run's progress."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *_: object) -> None:
        """End."""

    def entered(self, target: Target, stage: Stage) -> None:
        """A target has entered a stage. Called from any thread."""

    def ended(self, outcome: Outcome) -> None:
        """A target has ended."""


class Lines:
    """Plain lines: one for each target that has ended."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def entered(self, target: Target, stage: Stage) -> None:
        """Nothing: a log file is not for watching."""

    def ended(self, outcome: Outcome) -> None:
        """Print the target's line."""
        self._console.print(ended_line(outcome), soft_wrap=True)


class Board:
    """A live board below the lines of what has ended."""

    def __init__(self, console: Console, total: int) -> None:
        self._state = BoardState(total=total, begun=time.monotonic())
        self._lock = threading.Lock()
        self._live = Live(
            console=console, get_renderable=self._now, refresh_per_second=4, transient=True
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def entered(self, target: Target, stage: Stage) -> None:
        """Move the target to its new stage."""
        with self._lock:
            self._state.running[target.name] = (stage, time.monotonic())

    def ended(self, outcome: Outcome) -> None:
        """Take the target off the board and print its line above."""
        with self._lock:
            self._state.running.pop(outcome.target.name, None)
            self._state.ended += 1
            self._state.failed += outcome.failed
        self._live.console.print(ended_line(outcome), soft_wrap=True)

    def _now(self) -> Text:
        with self._lock:
            return Text("\n".join(render(self._state, time.monotonic())))


def ended_line(outcome: Outcome) -> Text:
    """One line on a target that has ended."""
    word, style = mark(outcome.status)
    time_spent = "cached" if outcome.cached else f"{outcome.seconds:.1f} s"
    cause = f": {outcome.cause[0]}" if outcome.cause else ""
    return Text.assemble((word, style), f" {outcome.target.name} ({time_spent}){cause}")


def make_display(console: Console, total: int) -> Display:
    """The display that suits where ``console`` prints to."""
    return Board(console, total) if console.is_terminal else Lines(console)
