"""Reading a TOML file with errors for its author; needs the standard library alone."""

import tomllib
from pathlib import Path
from typing import Any

from buildkit.errors import UsageError


def read_toml(path: Path) -> dict[str, Any]:
    """Parse the file at ``path``.

    Raises :class:`UsageError` for a file that is not there, is no text, or is not TOML (with line
    and column).
    """
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise UsageError(
            f"{path}: no such file; name another with --matrix FILE, or make one with "
            "'python -m buildkit init'"
        ) from None
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text at byte {error.start}; expected TOML") from None
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from None
    except RecursionError:
        raise UsageError(f"{path}: not valid TOML: nested too deeply") from None
