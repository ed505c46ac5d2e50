"""The environment that tests of the whole tool start it in."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def plain_environment():
    """This process's own, but for colours, which would hide words from the tests."""
    colours = {"FORCE_COLOR", "CLICOLOR_FORCE"}
    inherited = {name: value for name, value in os.environ.items() if name not in colours}
    return {**inherited, "NO_COLOR": "1", "PYTHONPATH": str(REPOSITORY)}
