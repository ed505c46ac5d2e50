"""``clean``: remove what runs have left: build/, our containers, on request base images too."""

import argparse
import shutil

from rich.console import Console
from rich.text import Text

from buildkit.engine.daemon import probe_docker
from buildkit.engine.docker import DockerEngine
from buildkit.engine.host import clean_folders
from buildkit.engine.tunnel import clean_tunnels
from buildkit.errors import ExitCode, UsageError
from buildkit.files.store import CACHEDIR_TAG, is_marked
from buildkit.verbs.common import add_matrix, console_for, read_matrix
from buildkit.workspace import Workspace

NAME = "clean"
HELP = "remove build/ and containers that killed runs left behind"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_matrix(parser)
    parser.add_argument("--images", action="store_true", help="remove our base images as well")
    parser.add_argument("--dist", action="store_true", help="remove dist/ as well")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Remove; say what."""
    console = console_for(arguments)
    _, workspace = read_matrix(arguments)
    _remove_build(workspace, console)
    if arguments.dist and workspace.dist.is_dir():
        shutil.rmtree(workspace.dist)
        console.print(Text(f"removed {workspace.shown(workspace.dist)}"))
    clean_folders()
    clean_tunnels()
    if probe_docker(timeout=1.0).available:
        with DockerEngine.connect() as engine:
            cleaned = engine.clean(images=arguments.images)
        console.print(
            f"removed {cleaned.containers} containers and {cleaned.images} base images; "
            f"{cleaned.kept} belong to runs that may be alive"
        )
    return ExitCode.OK


def _remove_build(workspace: Workspace, console: Console) -> None:
    if not workspace.build.is_dir():
        return
    if not is_marked(workspace.build):
        raise UsageError(
            f"{workspace.shown(workspace.build)}: has no {CACHEDIR_TAG} of ours, so it may hold "
            "something else; remove it by hand"
        )
    shutil.rmtree(workspace.build)
    console.print(Text(f"removed {workspace.shown(workspace.build)}"))
