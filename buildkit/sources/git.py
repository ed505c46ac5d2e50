"""Calls of git, and what it says of the folder that a matrix file lies in."""

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from buildkit.errors import UnavailableError

GitDone = subprocess.CompletedProcess[bytes]
"""How a call of git ended."""


@dataclass(frozen=True, kw_only=True)
class WorkTree:
    """A checkout, as it was when it was looked at."""

    revision: str
    """Full ID of the commit that is checked out."""
    time: int
    """When that was committed, in seconds since 1970."""
    dirty: tuple[str, ...]
    """Of the files asked for those that are not as that commit has them, by their path in it."""


def run_git(*arguments: str, seconds: float = 600.0, given: bytes = b"") -> GitDone:
    """Run git, whatever it ends with.

    Raises :class:`UnavailableError` if it is not installed, or takes more than ``seconds``.
    """
    # A prompt for a password would stop a run that nobody watches.
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        return subprocess.run(
            ["git", *arguments],
            capture_output=True,
            check=False,
            env=environment,
            input=given,
            timeout=seconds,
        )
    except FileNotFoundError:
        raise UnavailableError("git is not installed; needed for sources under git") from None
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"git {arguments[0]} took more than {seconds:.0f} s") from None


def commit_time(revision: str, *where: str) -> int:
    """When a commit was made, in seconds since 1970; options ``where`` name its repository.

    Raises :class:`UnavailableError` if git can't say.
    """
    return int(_ask(*where, "show", "--no-patch", "--format=%ct", revision).split()[-1])


def look_at(root: Path, paths: Iterable[Path]) -> WorkTree | None:
    """The checkout that ``root`` lies in, and which of ``paths`` in it have been changed.

    None if there is none, or nothing has been committed to it yet. Ignored files count: who reads a
    folder reads them, too. Hidden ones don't, for the same reason.

    Raises :class:`UnavailableError` if git can't say.
    """
    root = root.resolve()
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), None)
    if top is None:
        return None
    where = ("-C", str(top))
    head = run_git(*where, "rev-parse", "--quiet", "--verify", "HEAD^{commit}")
    if head.returncode:
        if head.stderr.strip():
            raise _failure(top, head)
        return None
    revision = head.stdout.decode().strip()
    resolved = (path.resolve() for path in paths)
    inside = sorted({str(path.relative_to(top)) for path in resolved if path.is_relative_to(top)})
    dirty: list[str] = []
    if inside:
        options = ("--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--ignored")
        status = _ask(*where, "--no-optional-locks", "status", *options, "--", *inside)
        # Two letters and a blank come before each path.
        dirty = [entry[3:] for entry in status.split("\0") if entry]
    return WorkTree(
        revision=revision,
        time=commit_time(revision, *where),
        dirty=tuple(sorted(path for path in dirty if not _left_out(path))),
    )


def _left_out(path: str) -> bool:
    """As :func:`buildkit.files.tree.read_tree` leaves out."""
    return any(part.startswith(".") or part == "__pycache__" for part in path.split("/"))


def _ask(*arguments: str) -> str:
    done = run_git(*arguments)
    if done.returncode:
        raise _failure(Path(arguments[1]), done)
    return done.stdout.decode(errors="surrogateescape")


def _failure(where: Path, done: GitDone) -> UnavailableError:
    return UnavailableError(f"{where}: git: {done.stderr.decode(errors='replace').strip()}")
