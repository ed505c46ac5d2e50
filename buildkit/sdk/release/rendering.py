"""Rendering the scripts of the release SDK's steps."""

import shlex
from functools import cache
from importlib import resources

import jinja2

from buildkit.tree import File


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("buildkit.sdk.release", "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # Shell scripts are made here; every value goes through the filter 'sh'.
        autoescape=False,  # noqa: S701
    )
    environment.filters["sh"] = shlex.quote
    return environment


def render(template: str, **values: object) -> File:
    """The file that ``template`` makes of ``values``."""
    return File(_environment().get_template(template).render(**values).encode())


@cache
def own_file(name: str) -> File:
    """A file of our own beside the templates, as it is."""
    return File((resources.files("buildkit.sdk.release") / "templates" / name).read_bytes())


def lines(values: list[str]) -> File:
    """A text file with a line for each value."""
    return File("".join(f"{value}\n" for value in values).encode())
