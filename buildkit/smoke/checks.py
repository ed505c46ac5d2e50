"""What one smoke check found: the one shape that every level reports in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

SmokeLevel = Literal["inspect", "load", "run", "agent"]
"""How far a library is tested; each level includes those before it."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at, and whether it was as it must be.

    ``detail`` says why not, or, of a good check, what was measured; it may be empty then.
    """

    level: str
    """``inspect``, ``load``, ``run`` or ``agent``."""
    name: str
    ok: bool
    detail: str = ""

    def __str__(self) -> str:
        if self.ok:
            return f"ok {self.level} {self.name}" + (f": {self.detail}" if self.detail else "")
        return f"FAIL {self.level} {self.name}: {self.detail}"


def reached(checks: Sequence[Check]) -> SmokeLevel | None:
    """The highest level that a library was tested at; None if at none."""
    levels = {check.level for check in checks}
    return next((level for level in reversed(get_args(SmokeLevel)) if level in levels), None)


def failures(checks: list[Check]) -> list[Check]:
    """The checks that failed, in order."""
    return [check for check in checks if not check.ok]
