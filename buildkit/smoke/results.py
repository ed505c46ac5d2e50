"""Reading the harness's report: JSON lines, one check each, possibly cut off in the middle."""

import json
from pathlib import Path
from typing import Any

from buildkit.smoke.checks import Check

LAST_CHECK = "every case ran"
"""The harness reports this one last; without it the report is not whole."""


def read_report(
    report: Path, *, level: str, ended: str | None = None, alone: bool = True
) -> list[Check]:
    """The checks in ``report``; one more, failed, if the harness did not come to its end.

    ``level`` is ``load`` or ``run``: the level that a missing or cut-off report fails. ``ended``
    says in words how the harness ended, if the caller knows it to be unusual, for example
    ``"killed after 60 seconds"``; if it was not ``alone``, that may be another's end, which a whole
    report makes sure of. A report that is not there counts as empty.
    """
    try:
        lines = report.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        lines = []
    checks = []
    unreadable = None
    for number, line in enumerate(lines, start=1):
        check = _parse(line)
        if check is not None:
            checks.append(check)
        elif unreadable is None:
            unreadable = number
    whole = bool(checks) and checks[-1].name == LAST_CHECK and unreadable is None
    if whole and (ended is None or not alone):
        return checks
    checks.append(
        Check(
            level=level,
            name="the harness ran to its end",
            ok=False,
            detail=_how_it_ended(checks, ended, unreadable),
        )
    )
    return checks


def _parse(line: str) -> Check | None:
    try:
        row: Any = json.loads(line)
    except json.JSONDecodeError:
        return None
    match row:
        case {"level": str(level), "check": str(name), "ok": bool(ok), "detail": str(detail)}:
            return Check(level=level, name=name, ok=ok, detail=detail)
        case _:
            return None


def _how_it_ended(checks: list[Check], ended: str | None, unreadable: int | None) -> str:
    how = ended or "its report is cut off"
    where = f"; line {unreadable} of the report is not a whole check" if unreadable else ""
    if not checks:
        return f"{how}; it reported no check{where}"
    return f"{how}; the last check it reported was {checks[-1].name!r}{where}"
