"""``contexts``: write one self-contained Docker build context per target."""

import argparse

from rich.text import Text

from buildkit.assembly import assemble
from buildkit.errors import ExitCode
from buildkit.plan import make_targets
from buildkit.probe import NOTHING
from buildkit.sources import Sources
from buildkit.store import mark_as_cache
from buildkit.tree import write_tree
from buildkit.verbs.common import add_selection, console_for, read_matrix, read_options

NAME = "contexts"
HELP = "write build/contexts/<release>/, which plain 'docker build' turns into the same library"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_selection(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Write every selected target's context. Needs no daemon."""
    console = console_for(arguments)
    matrix, workspace = read_matrix(arguments)
    targets, _ = make_targets(matrix, read_options(arguments), NOTHING)
    mark_as_cache(workspace.build)
    sources = Sources(root=workspace.root, cache=workspace.build / "git")
    for target in targets:
        if target.skip is not None:
            console.print(Text(f"{target.name}: skipped: {target.skip}"), soft_wrap=True)
            continue
        context = assemble(target, sources, matrix.file.defaults.smoke, console.print)
        folder = workspace.context(target)
        write_tree(context.tree(), folder)
        console.print(Text(workspace.shown(folder)), soft_wrap=True)
    return ExitCode.OK
