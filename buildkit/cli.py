"""The command line: verbs, options, and turning errors into messages and exit codes."""

import argparse
import importlib
import sys
from collections.abc import Iterable, Sequence
from typing import Protocol, cast

from rich.console import Console

from buildkit import __version__
from buildkit.errors import BuildkitError, ExitCode


class Verb(Protocol):
    """What a module of :mod:`buildkit.verbs` offers."""

    NAME: str
    HELP: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the verb's options."""

    def run(self, arguments: argparse.Namespace) -> ExitCode:
        """Do it. Raises :class:`BuildkitError` for what the user can cause or cure."""


VERBS = (
    *("build", "smoke", "sdk", "contexts", "bake", "plan", "matrix", "guards", "drift"),
    *("report", "release", "deploy", "doctor", "shell", "merge", "clean", "init"),
)
"""The verbs, each a module of :mod:`buildkit.verbs`, in the order of the help."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; its exit code. Prints errors, and no traceback for a user's mistake."""
    words = sys.argv[1:] if argv is None else argv
    # Other verbs' modules cost more time than some verbs take.
    named = next((word for word in words if not word.startswith("-")), "")
    arguments = make_parser([named] if named in VERBS else VERBS).parse_args(words)
    verb: Verb = arguments.verb
    try:
        return verb.run(arguments)
    except BuildkitError as error:
        Console(stderr=True, soft_wrap=True, highlight=False, emoji=False).print(
            f"mesos-buildkit: {error}", markup=False, style="red"
        )
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output, such as head, has had enough; that is no error of ours.
        sys.stderr.close()
        return ExitCode.OK
    except OSError as error:
        # A full disk, a folder that may not be written: the system's words say which file.
        print(f"mesos-buildkit: {error}", file=sys.stderr)  # noqa: T201
        return ExitCode.UNAVAILABLE
    except KeyboardInterrupt:
        print("mesos-buildkit: interrupted", file=sys.stderr)  # noqa: T201
        return ExitCode.INTERRUPTED


def load_verb(name: str) -> Verb:
    """The module of a verb."""
    return cast("Verb", importlib.import_module(f"buildkit.verbs.{name}"))


def make_parser(names: Iterable[str] = VERBS) -> argparse.ArgumentParser:
    """The parser of the command line with the verbs of these names."""
    parser = argparse.ArgumentParser(
        prog="python -m buildkit",
        description="Build and smoke-test a Mesos module for every Mesos release its users run.",
        epilog="Exit codes: 0 all targets good; 1 some target failed, an expected failure "
        "passed, or a check has found something; 2 the matrix file or the command line is wrong; "
        "3 nothing could start; 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=f"mesos-buildkit {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for verb in map(load_verb, names):
        sub = verbs.add_parser(verb.NAME, help=verb.HELP, description=verb.HELP)
        verb.add_arguments(sub)
        sub.set_defaults(verb=verb)
    return parser
