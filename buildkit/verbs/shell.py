"""``shell``: an interactive shell where a target is built, with its context around it."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.text import Text

from buildkit.engine import Emit
from buildkit.engine.docker import DockerEngine
from buildkit.errors import ExitCode, UnavailableError, UsageError
from buildkit.plan import Target, make_plan
from buildkit.probe import probe
from buildkit.verbs.common import (
    add_engine,
    add_selection,
    console_for,
    open_archives,
    read_matrix,
    read_options,
)
from buildkit.verbs.contexts import write_contexts

NAME = "shell"
BUILD_COMMAND = "sh common.sh common && sh build.sh common out"
"""What the engines and the Dockerfile run as well."""
HELP = "open a shell where one target is built, in a copy of its context"


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
    options = read_options(arguments)
    archives = open_archives(matrix, workspace, console)
    found = probe(archives)
    plan = make_plan(matrix, options, found)
    if len(plan.targets) != 1:
        names = ", ".join(target.name for target in plan.targets)
        raise UsageError(f"shell needs exactly one target; --only selects {names}")
    [target] = plan.targets
    if target.skip is not None:
        raise UsageError(f"{target.name} is skipped: {target.skip}")
    code, _ = write_contexts(plan.targets, matrix, options, found, workspace, archives, console)
    if code is not ExitCode.OK:
        return code
    with tempfile.TemporaryDirectory(prefix="mesos-buildkit-shell-") as scratch:
        # A copy, so that nothing done in there reaches the next build.
        folder = Path(scratch, "work")
        shutil.copytree(workspace.context(target), folder)
        emit(f"{target.name}: '{BUILD_COMMAND}' builds, 'exit' leaves")
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
    # Without a terminal, as in a CI job, the shell reads commands and ends where they end.
    terminal = ["--tty"] if sys.stdin.isatty() else []
    labels = [f"--label={name}={value}" for name, value in engine.labels(target.name, NAME).items()]
    options = ["--interactive", *terminal, "--rm", "--network=none", "--workdir=/work", *labels]
    created = subprocess.run(
        [docker, "create", *options, base.identity, "sh"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    subprocess.run([docker, "cp", f"{folder}/.", f"{created}:/work"], check=True)
    subprocess.run([docker, "start", "--attach", "--interactive", created], check=False)
