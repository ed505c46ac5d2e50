"""``bake``: write the contexts, and a docker buildx bake file over them."""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from buildkit.bake import FILE, BakeOptions, Ingredient, make_bake, stage_digests
from buildkit.errors import ExitCode
from buildkit.files.tree import read_tree, replace_text
from buildkit.plan import Target
from buildkit.verbs.common import (
    add_engine,
    add_json,
    add_module,
    add_selection,
    console_for,
    read_matrix,
)
from buildkit.verbs.contexts import write_selected
from buildkit.wording import counted
from buildkit.workspace import Workspace

NAME = "bake"
HELP = "write the contexts and build/docker-bake.json, with which any BuildKit builds them all"
COMMAND = "docker buildx bake"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_selection(parser)
    add_module(parser)
    add_engine(parser)
    add_json(parser)
    parser.add_argument(
        "--base",
        metavar="IMAGE",
        help="build on this image, in which {platform} and {local} (the tag that 'build' gives its "
        "base) are filled in (default: the platform's, to which the file adds its packages)",
    )
    parser.add_argument(
        "--no-links",
        dest="links",
        action="store_false",
        help="leave out shared targets, for a BuildKit before 0.10, as in Docker 20.10; without "
        "--base, builds on what 'build' has made on the same daemon",
    )
    for name, does in (("from", "look for cached layers"), ("to", "leave the layers")):
        parser.add_argument(
            f"--cache-{name}",
            action="append",
            default=[],
            metavar="CACHE",
            help=f"where to {does}, as buildx takes it, such as "
            "'type=registry,ref=registry/cache:{target}'; {target}, {release}, {module} and "
            "{platform} are filled in; repeatable",
        )


def run(arguments: argparse.Namespace) -> ExitCode:
    """Write the contexts and the file; with ``--json`` print the file instead."""
    console = console_for(arguments)
    matrix, workspace = read_matrix(arguments)
    options = BakeOptions(
        base=arguments.base,
        links=arguments.links,
        cache_from=tuple(arguments.cache_from),
        cache_to=tuple(arguments.cache_to),
    )
    file = workspace.build / FILE
    # One that lacks what could not be made would pass for the whole.
    file.unlink(missing_ok=True)
    code, targets = write_selected(arguments, matrix, workspace, console)
    if code is not ExitCode.OK:
        return code
    document = make_bake([_ingredient(target, workspace) for target in targets], options)
    text = json.dumps(document, indent=2) + "\n"
    if arguments.json:
        sys.stdout.write(text)
        return ExitCode.OK
    replace_text(file, text)
    _print_use(console, workspace, file, len(targets))
    return ExitCode.OK


def _ingredient(target: Target, workspace: Workspace) -> Ingredient:
    folder = workspace.context(target)
    return Ingredient(
        target=target,
        folder=folder.relative_to(workspace.build).as_posix(),
        stages=stage_digests(read_tree(folder)),
    )


def _print_use(console: Console, workspace: Workspace, file: Path, count: int) -> None:
    folder = workspace.shown(workspace.build)
    targets = counted(count, "target")
    text = f"{workspace.shown(file)}: {targets}; to build them: cd {folder} && {COMMAND}"
    console.print(Text(text), soft_wrap=True)
