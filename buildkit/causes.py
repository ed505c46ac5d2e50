"""The few lines of a log that say why a step failed. Pure."""

import re
from collections.abc import Sequence

_ERROR = re.compile(
    r"(\berror\b:|fatal error:|undefined reference to|multiple definition of"
    r"|internal compiler error|: command not found|: not found$|No space left on device"
    r"|cannot allocate memory|^FAIL |Killed)",
    re.IGNORECASE,
)
_WARNING = re.compile(r"^((?P<where>[^\s:]+:\d+(:\d+)?): )?warning: (?P<what>.*)$")
"""The compiler's, or the tool's own."""
MOST_LINES = 6


def error_lines(log: Sequence[str]) -> list[str]:
    """Up to ``MOST_LINES`` lines that name the error; the log's end if none does."""
    found = [line for line in log if _ERROR.search(line)]
    # The first errors are causes, later ones mostly consequences.
    chosen = list(dict.fromkeys(found))[:MOST_LINES]
    return chosen or [line for line in log if line.strip()][-MOST_LINES:]


def warning_lines(log: Sequence[str]) -> list[str]:
    """The warnings that concern the module, one line each, without repetition.

    What it thinks of a release's own headers is nothing that the module's author can mend, but for
    one thing: a virtual of the base class that the module hides is warned of where that is.
    """
    found = (line for line in log if _WARNING.match(line))
    return list(
        dict.fromkeys(
            line for line in found if not line.startswith("sdk/") or "overloaded-virtual" in line
        )
    )
