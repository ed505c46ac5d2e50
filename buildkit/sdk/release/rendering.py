"""Rendering the scripts of the release SDK's steps."""

from functools import cache
from importlib import resources

import jinja2

from buildkit.files.tree import File
from buildkit.rendering import script_environment

_PACKAGE = "buildkit.sdk.release"


@cache
def _environment() -> jinja2.Environment:
    return script_environment(_PACKAGE)


def render(template: str, **values: object) -> File:
    """The file that ``template`` makes of ``values``."""
    return File(_environment().get_template(template).render(**values).encode())


@cache
def own_file(name: str) -> File:
    """A file of our own beside the templates, as it is."""
    return File((resources.files(_PACKAGE) / "templates" / name).read_bytes())


def lines(values: list[str]) -> File:
    """A text file with a line for each value."""
    return File("".join(f"{value}\n" for value in values).encode())
