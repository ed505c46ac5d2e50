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
_HIDDEN = re.compile(r"^\S+: warning: '(?P<base>.*)' was hidden \[-Woverloaded-virtual=?\d?\]$")
_HIDING = re.compile(r"^(?P<where>\S+): (note|warning): +by '(?P<own>.*)'$")
_NEAR = 6
"""Lines after a warning in which its note is to be found: the code that it quotes is between."""
SILENT_OVERRIDE = "silent-override"
"""The kind of finding that a hidden virtual is, as predictions name it."""
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
    one thing: a virtual of the base class that the module hides is warned of where that is. That is
    told as what it is, at the module's line and with the signature that the release has.
    """
    found = []
    for number, line in enumerate(log):
        if not _WARNING.match(line):
            continue
        hidden = _hidden_virtual(line, log[number + 1 : number + 1 + _NEAR])
        if hidden is not None:
            found.append(hidden)
        elif not line.startswith("sdk/") or "overloaded-virtual" in line:
            found.append(line)
    return list(dict.fromkeys(found))


def silent_overrides(warnings: Sequence[str]) -> list[str]:
    """Those of :func:`warning_lines` that tell of a method which is never called."""
    return [line for line in warnings if f"warning: {SILENT_OVERRIDE}: " in line]


def _hidden_virtual(line: str, following: Sequence[str]) -> str | None:
    """The compiler's two lines on a hidden virtual as one; None if it is not about that."""
    hidden = _HIDDEN.match(line)
    hiding = next((found for text in following if (found := _HIDING.match(text))), None)
    if hidden is None or hiding is None:
        return None
    return (
        f"{hiding['where']}: warning: {SILENT_OVERRIDE}: {hiding['own']} does not override "
        f"anything; the release has: {hidden['base']}"
    )
