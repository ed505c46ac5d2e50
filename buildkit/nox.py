"""The nox sessions. A noxfile needs two lines: import this module, call :func:`register`.

Needs nox and the standard library alone, because nox may be installed apart from this package's
other dependencies; each session is a thin call of ``python -m buildkit``. A matrix file that is
broken still gives a list of sessions: the one that is run explains what is wrong.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import nox
from nox.command import CommandFailed

from buildkit.errors import ExitCode, UsageError
from buildkit.releases import Release, expand
from buildkit.tomlfile import read_toml

_VERBS = {
    "build": "Build and smoke-test the module for every release, in parallel.",
    "smoke": "Smoke-test the module for every release again.",
    "sdk": "Fetch the releases' source archives and prepare their SDKs.",
    "contexts": "Write build/contexts/<release>/ for plain 'docker build'.",
    "bake": "Write build/docker-bake.json for 'docker buildx bake' on any builder.",
    "plan": "Print what build would do, and why.",
    "matrix": "List the releases of the matrix.",
    "guards": "Print which #if branch each release takes, and what is wrong with guards.",
    "drift": "Print what changes in Mesos's interfaces between releases.",
    "report": "Write the results as a page, as Markdown and as JUnit XML.",
    "release": "Make files that can be published of what is in dist/.",
    "deploy": "Print what an operator does with a release's library: -- RELEASE.",
    "doctor": "Say whether all that build needs is there, and what to do if not.",
    "clean": "Remove build/ and what killed runs left behind.",
}
_PER_RELEASE = {
    "build": "Build and smoke-test the module for Mesos {}.",
    "smoke": "Smoke-test the module for Mesos {} again.",
    "shell": "Open a shell where the module is built for Mesos {}.",
}
_FATAL = {ExitCode.USAGE, ExitCode.UNAVAILABLE, ExitCode.INTERRUPTED}
"""Codes after which going on with other sessions is pointless, so nox itself ends with them."""


def register(matrix: str | Path = "matrix.toml") -> None:
    """Declare the sessions for a matrix file, given relative to the noxfile's folder."""
    path = Path(matrix)
    for verb, text in _VERBS.items():
        _declare(verb, text, _call(path, verb), default=verb == "build")
    for verb, text in _PER_RELEASE.items():
        for release in _releases(path):
            session = _call(path, verb, "--only", str(release))
            _declare(f"{verb}-{release}", text.format(release), session)


def _declare(
    name: str, text: str, session: Callable[[nox.Session], None], *, default: bool = False
) -> None:
    session.__doc__ = text
    # Runs of this tool share the job slots, so sessions may be side by side (nox -j). The package's
    # own environment is used: a virtual environment for each session would cost
    # more than most sessions do.
    declare = nox.session(name=name, venv_backend="none", default=default, allow_parallel=True)
    declare(session)


def _call(path: Path, verb: str, *arguments: str) -> Callable[[nox.Session], None]:
    def session(session: nox.Session) -> None:
        call(session, verb, "--matrix", str(path), *arguments, *session.posargs)

    return session


def call(session: nox.Session, verb: str, *arguments: str) -> None:
    """Run ``python -m buildkit`` in a session, and pass on the exit codes that end all."""
    # Where nox is installed apart, the noxfile's folder is not on the child's path either.
    package = str(Path(__file__).resolve().parent.parent)
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        session.run(
            *(sys.executable, "-m", "buildkit", verb, *arguments),
            env={"PYTHONPATH": os.pathsep.join(paths)},
            external=True,
            # Containers are killed and removed in this time.
            interrupt_timeout=10.0,
        )
    except CommandFailed as failed:
        if failed.return_code in _FATAL:
            raise SystemExit(failed.return_code) from None
        raise


def _releases(path: Path) -> tuple[Release, ...]:
    """The matrix's releases; none if the file is broken, which the session will explain."""
    try:
        raw = read_toml(path)
        names, groups = raw.get("releases", ()), raw.get("groups", {})
        return expand(names, groups)
    except (UsageError, TypeError, AttributeError):
        return ()
