"""The scripts of this repository's workflows and actions, for the tests to run."""

import re
import shlex
import sys
import textwrap
from pathlib import Path

FOLDER = Path(__file__).parents[2] / ".github"


def step(file: str, name: str) -> tuple[str, ...]:
    """The command that runs what a step of ``.github/<file>`` gives to its shell.

    Raises :class:`ValueError` if there is no such step, or several.
    """
    text = (FOLDER / file).read_text()
    steps = re.split(r"^ *- (?=name:|uses:|run:)", text, flags=re.MULTILINE)
    (found,) = (one for one in steps if one.startswith(f"name: {name}\n"))
    ((several, one),) = re.findall(r"^ +run: (?:\|\n((?: +.*\n|\n)+)|(.*\n))", found, re.MULTILINE)
    # The runner's python is the one that has the tool.
    python = f'python() {{ {shlex.quote(sys.executable)} "$@"; }}\n'
    script = python + textwrap.dedent(several or one)
    return ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script)
