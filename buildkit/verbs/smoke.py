"""``smoke``: as ``build``, but what has passed its smoke test before is tested again."""

import argparse

from buildkit.errors import ExitCode
from buildkit.verbs import build

NAME = "smoke"
HELP = "smoke-test the module for every release again, building what is not built yet"

add_arguments = build.add_arguments


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the plan with every smoke stage."""
    return build.run(arguments, smoke_again=True)
