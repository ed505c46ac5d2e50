"""Options that several verbs share, and what they are read into.

What a verb needs that neither plans nor builds is in :mod:`buildkit.verbs.basics`; it is here, too.
"""

import argparse
from typing import get_args

from rich.console import Console
from rich.text import Text

from buildkit.archives.cache import Archives, default_folder
from buildkit.archives.lock import ArchiveLock
from buildkit.engine import Emit
from buildkit.matrix import EngineChoice, Matrix, SdkChoice, SmokeLevel, load_matrix
from buildkit.options import Options
from buildkit.verbs.basics import add_json, add_matrix, add_only, console_for
from buildkit.workspace import Workspace

__all__ = [
    "add_engine",
    "add_json",
    "add_matrix",
    "add_module",
    "add_only",
    "add_platform",
    "add_representative",
    "add_run",
    "add_selection",
    "console_for",
    "emit_on",
    "open_archives",
    "positive",
    "read_matrix",
    "read_options",
]


def add_selection(parser: argparse.ArgumentParser) -> None:
    """``--matrix``, ``--only``, ``--platform`` and ``--sdk``: which targets."""
    add_matrix(parser)
    add_only(parser)
    add_platform(parser)
    parser.add_argument(
        "--sdk", choices=get_args(SdkChoice), help="what to compile against (default: auto)"
    )


def add_platform(parser: argparse.ArgumentParser) -> None:
    """``--platform``: which platforms."""
    parser.add_argument(
        "--platform",
        action="append",
        default=[],
        metavar="NAME",
        help="a platform of the matrix; repeatable (default: all)",
    )


def add_module(parser: argparse.ArgumentParser) -> None:
    """``--module``: which modules."""
    parser.add_argument(
        "--module",
        dest="modules",
        action="append",
        default=[],
        metavar="NAME",
        help="a module of the matrix; repeatable (default: all)",
    )


def add_representative(parser: argparse.ArgumentParser) -> None:
    """``--representative``: which of the selected targets."""
    parser.add_argument(
        "--representative",
        action="store_true",
        help="of releases that are the same to the module only the newest, and say whom each "
        "stands for",
    )


def add_engine(parser: argparse.ArgumentParser) -> None:
    """``--engine`` and ``--smoke``: how."""
    parser.add_argument(
        "--engine",
        choices=get_args(EngineChoice),
        help="where to build (default: auto, which is docker if a daemon answers, else host)",
    )
    parser.add_argument(
        "--smoke",
        choices=get_args(SmokeLevel),
        help="how far to test (default: run); agent starts a Mesos that is installed, so it needs "
        "--sdk prefix or image",
    )


def add_run(parser: argparse.ArgumentParser) -> None:
    """``--jobs``, ``--fail-fast`` and ``--keep-failed``."""
    parser.add_argument(
        "--jobs",
        type=positive,
        metavar="N",
        help="targets at a time, over all processes of this machine (default: as CPUs and memory "
        "allow)",
    )
    parser.add_argument("--fail-fast", action="store_true", help="stop all at the first failure")
    parser.add_argument(
        "--keep-failed",
        action="store_true",
        help="keep a failed target's work folder below build/failed/",
    )


def positive(text: str) -> int:
    """A whole number above 0, for argparse."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return number


def read_options(arguments: argparse.Namespace) -> Options:
    """The options that the verb has declared; the rest stay at their defaults."""
    values = vars(arguments)
    return Options(
        only=tuple(values.get("only", ())),
        platforms=tuple(dict.fromkeys(values.get("platform", ()))),
        modules=tuple(dict.fromkeys(values.get("modules", ()))),
        engine=values.get("engine"),
        sdk=values.get("sdk"),
        smoke=values.get("smoke"),
        jobs=values.get("jobs"),
        fail_fast=values.get("fail_fast", False),
        keep_failed=values.get("keep_failed", False),
        representative=values.get("representative", False),
        sanitize=tuple(dict.fromkeys(values.get("sanitize", ()))),
    )


def read_matrix(arguments: argparse.Namespace) -> tuple[Matrix, Workspace]:
    """The matrix file, and the folders beside it."""
    matrix = load_matrix(arguments.matrix)
    return matrix, Workspace(root=matrix.root)


def emit_on(console: Console) -> Emit:
    """Prints a line as it is."""
    return lambda line: console.print(Text(line), soft_wrap=True)


def open_archives(
    matrix: Matrix,
    workspace: Workspace,
    console: Console,
    *,
    offline: bool = False,
    update: bool = False,
) -> Archives:
    """The archive cache as a matrix file has it, with the pins beside that file."""
    table = matrix.file.archives
    return Archives(
        folder=default_folder(),
        lock=ArchiveLock.beside(matrix.path, workspace.build),
        base_url=table.url,
        mirrors=table.mirrors,
        offline=offline,
        update=update,
        emit=emit_on(console),
    )
