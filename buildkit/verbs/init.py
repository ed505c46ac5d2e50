"""``init``: start a module's own repository on mesos-buildkit."""

import argparse
from importlib import resources
from pathlib import Path

from buildkit.errors import ExitCode, UsageError
from buildkit.verbs.common import console_for

NAME = "init"
HELP = "write a commented matrix.toml and a noxfile.py of a few lines"
_FILES = ("matrix.toml", "noxfile.py")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "folder", type=Path, nargs="?", default=Path(), help="where to (default: here)"
    )


def run(arguments: argparse.Namespace) -> ExitCode:
    """Write both files, unless one is there already."""
    folder: Path = arguments.folder
    there = [name for name in _FILES if (folder / name).exists()]
    if there:
        raise UsageError(f"{folder / there[0]}: is there already; nothing was written")
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    templates = resources.files("buildkit") / "templates" / "init"
    for name in _FILES:
        (folder / name).write_bytes((templates / f"{name}.txt").read_bytes())
    console_for(arguments).print(
        f"wrote {' and '.join(str(folder / name) for name in _FILES)}; "
        "edit [[module]], then run: nox -s plan",
        soft_wrap=True,
    )
    return ExitCode.OK
