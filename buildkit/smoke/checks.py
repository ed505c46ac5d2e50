"""What one smoke check found: the one shape that every level reports in."""

from dataclasses import dataclass


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
            return f"ok {self.level} {self.name}"
        return f"FAIL {self.level} {self.name}: {self.detail}"


def failures(checks: list[Check]) -> list[Check]:
    """The checks that failed, in order."""
    return [check for check in checks if not check.ok]
