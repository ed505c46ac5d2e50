"""The error tree and the exit codes of ``python -m buildkit``: the one place both are written down.

Code below the command line raises; only :func:`buildkit.cli.main` prints and exits.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What ``python -m buildkit`` exits with. The README's table says the same in words."""

    OK = 0
    """Every target is good."""
    TARGET_FAILED = 1
    """Some target failed or, with these patches or sources, would have to; a failure that was
    expected did not happen; or a check of sources or of upstream has found something."""
    USAGE = 2
    """The matrix file or the command line is wrong; nothing was started."""
    UNAVAILABLE = 3
    """Nothing could start: an engine, an SDK or the network is not there."""
    INTERRUPTED = 130
    """Ctrl-C or SIGTERM."""


class BuildkitError(Exception):
    """Base of every error that a user can cause or cure. ``str(error)`` is the whole message."""

    exit_code: ExitCode = ExitCode.TARGET_FAILED


class UsageError(BuildkitError):
    """The matrix file, a file it names, or the command line is wrong."""

    exit_code = ExitCode.USAGE


class UnavailableError(BuildkitError):
    """Something outside this tool (a daemon, a compiler, a registry, an archive) is not there."""

    exit_code = ExitCode.UNAVAILABLE


class TargetError(BuildkitError):
    """One target cannot go on; the others are not concerned."""

    exit_code = ExitCode.TARGET_FAILED


class InterruptedRunError(BuildkitError):
    """The user asked the run to stop."""

    exit_code = ExitCode.INTERRUPTED
