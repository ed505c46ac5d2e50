"""How a target ended, and what that means for the run. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

from buildkit.errors import ExitCode
from buildkit.matrix import Stage
from buildkit.plan import Expectation, Target
from buildkit.smoke.abi import AbiFacts
from buildkit.smoke.checks import Check
from buildkit.sources.origin import Origin

STAGES: tuple[Stage, ...] = ("sdk", "build", "smoke")


StageState = Literal["passed", "failed", "cached", "cancelled"]


class Status(StrEnum):
    """A target's verdict."""

    PASSED = "passed"
    FAILED = "failed"
    EXPECTED_FAILURE = "expected failure"
    """It failed as the matrix file said it would."""
    UNEXPECTED_PASS = "unexpected pass"  # noqa: S105
    """It passed although the matrix file said it would fail."""
    SKIPPED = "skipped"
    """The matrix file leaves it out, with a reason."""
    CANCELLED = "cancelled"
    """The run ended before the target did."""

    @property
    def good(self) -> bool:
        """Whether this leaves the run's exit code at 0."""
        return self in {Status.PASSED, Status.EXPECTED_FAILURE, Status.SKIPPED}


@dataclass(frozen=True, kw_only=True)
class StepTime:
    """A step that a stage ran, and how long that took."""

    name: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class StageOutcome:
    """How one stage ended."""

    stage: Stage
    state: StageState
    seconds: float = 0.0
    steps: tuple[StepTime, ...] = ()
    """In the order they ended; none for what came from the cache."""


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A library in dist/."""

    path: str
    """Relative to dist/, POSIX."""
    sha256: str
    size: int
    """Bytes."""
    build_id: str
    debug_path: str
    debug_sha256: str
    abi: AbiFacts


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Everything a report needs to say about a target."""

    target: Target
    status: Status
    stages: tuple[StageOutcome, ...] = ()
    cause: tuple[str, ...] = ()
    """The few lines that say why it failed, or why it was skipped."""
    warnings: tuple[str, ...] = ()
    """The compiler's, one line each."""
    checks: tuple[Check, ...] = field(default=(), repr=False)
    sdk_digest: str = ""
    base: str = ""
    """Identity of what it was built on."""
    compiler: str = ""
    artifact: Artifact | None = None
    origin: Origin | None = None
    """The sources that it was built from; None if they were not read, or git could not say."""
    archives: tuple[tuple[str, str], ...] = ()
    """What the SDK was made of: each archive's name and its SHA-512, in hex."""
    measured: float | None = None
    """Seconds that building and smoking took, also where that was another run's work; None if it
    is not known."""
    ended: datetime | None = None
    """When it ended."""
    log: str = ""
    """The log's path, as the user would name it."""

    def stage(self, name: Stage) -> StageOutcome | None:
        """How the stage ended, or None if it was not reached."""
        return next((stage for stage in self.stages if stage.stage == name), None)

    @property
    def seconds(self) -> float:
        """Time spent in all stages."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def cached(self) -> bool:
        """Whether nothing had to be built or smoked again."""
        return bool(self.stages) and all(stage.state == "cached" for stage in self.stages)

    @property
    def failed(self) -> bool:
        """Whether its cause is worth showing."""
        return self.status in {Status.FAILED, Status.UNEXPECTED_PASS}

    @property
    def good(self) -> bool:
        """Whether this leaves the run's exit code at 0."""
        return self.status.good


def judge(expect: Expectation | None, failed: Stage | None, log: str) -> tuple[Status, list[str]]:
    """The verdict, and what to add to the cause, for a target that has run its course.

    ``failed`` is the stage that failed, if one did, and ``log`` all that was printed.
    """
    if expect is None:
        return (Status.PASSED, []) if failed is None else (Status.FAILED, [])
    if failed is None:
        return Status.UNEXPECTED_PASS, [
            f"expected to fail ({expect.reason}), but it passed: take the override out"
        ]
    if failed != expect.stage:
        return Status.FAILED, [f"expected to fail in stage {expect.stage}, not in {failed}"]
    if not re.search(expect.pattern, log, re.MULTILINE):
        return Status.FAILED, [f"expected a failure that matches {expect.pattern!r}, not this one"]
    return Status.EXPECTED_FAILURE, [f"expected: {expect.reason}"]


class _Ended(Protocol):
    """A stage, and how it ended."""

    @property
    def stage(self) -> Stage:
        """Its name."""

    @property
    def state(self) -> StageState:
        """How it ended."""


def built(status: Status, stages: Iterable[_Ended]) -> bool | None:
    """Whether a target built and passed its smoke test; None if it never came to that."""
    match status:
        case Status.PASSED | Status.UNEXPECTED_PASS:
            return True
        case Status.FAILED | Status.EXPECTED_FAILURE:
            reached = any(s.stage != "sdk" and s.state == "failed" for s in stages)
            return False if reached else None
        case Status.SKIPPED | Status.CANCELLED:
            return None


def exit_code(outcomes: Sequence[Outcome], *, interrupted: bool) -> ExitCode:
    """What the whole run exits with; ``interrupted`` says whether a signal ended it."""
    if interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.OK if all(o.good for o in outcomes) else ExitCode.TARGET_FAILED
