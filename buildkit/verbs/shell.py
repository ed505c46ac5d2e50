"""``shell``: an interactive shell where a target is built, with its context around it."""

import argparse
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from rich.text import Text

from buildkit.assembly import assemble
from buildkit.engine import Emit
from buildkit.engine.docker import DockerEngine
from buildkit.errors import ExitCode, UnavailableError, UsageError
from buildkit.plan import Target, make_plan
from buildkit.probe import probe
from buildkit.sources import Sources
from buildkit.store import mark_as_cache
from buildkit.tree import write_tree
from buildkit.verbs.common import (
    add_engine,
    add_selection,
    console_for,
    read_matrix,
    read_options,
)

NAME = "shell"
HELP = "open a shell where one target is built; 'sh build.sh' repeats the build"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_selection(parser)
    add_engine(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Open the shell on exactly one target."""
    console = console_for(arguments)

    def emit(line: str) -> None:
        console.print(Text(line), soft_wrap=True)

    matrix, workspace = read_matrix(arguments)
    plan = make_plan(matrix, read_options(arguments), probe())
    if len(plan.targets) != 1:
        names = ", ".join(target.name for target in plan.targets)
        raise UsageError(f"shell needs exactly one target; --only selects {names}")
    target = plan.targets[0]
    mark_as_cache(workspace.build)
    sources = Sources(root=workspace.root, cache=workspace.build / "git")
    context = assemble(target, sources, plan.smoke, emit)
    with tempfile.TemporaryDirectory(prefix="mesos-buildkit-shell-") as scratch:
        folder = Path(scratch, "work")
        write_tree(context.tree(), folder)
        emit(f"{target.name}: 'sh build.sh' builds, 'exit' leaves")
        if plan.engine == "host":
            shell = os.environ.get("SHELL", "/bin/sh")
            subprocess.run([shell], cwd=folder, check=False, env={**os.environ, **target.env})
        else:
            _docker_shell(folder, target, emit)
    return ExitCode.OK


def _docker_shell(folder: Path, target: Target, emit: Emit) -> None:
    # The API's own attach would need a terminal emulation of ours; the docker command has one.
    docker = shutil.which("docker")
    if docker is None:
        raise UnavailableError("shell needs the docker command; install it, or use --engine host")
    with DockerEngine.connect() as engine:
        base = engine.provide(target.base_request, emit)
    options = ["-it", "--rm", "--network=none", "--workdir=/work"]
    created = subprocess.run(
        [docker, "create", *options, base.identity, "sh"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    subprocess.run([docker, "cp", f"{folder}/.", f"{created}:/work"], check=True)
    subprocess.run([docker, "start", "--attach", "--interactive", created], check=False)
