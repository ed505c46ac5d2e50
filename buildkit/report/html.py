"""The report as one HTML file that needs nothing else: no network, no script to be read. Pure."""

import base64
import hashlib
from functools import cache
from importlib import resources
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from buildkit.report.view import View


def html(view: View, *, dist: str = "") -> str:
    """The page. ``dist`` is the way from its folder to dist/: empty, or ending in a slash."""
    style, script = _part("report.css"), _part("report.js")
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            view=view,
            dist=dist,
            style=Markup(style),  # noqa: S704
            script=Markup(script),  # noqa: S704
            # Nothing but these two may run or style; nothing may be fetched.
            policy="default-src 'none'; "
            f"style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
            "img-src data:; base-uri 'none'; form-action 'none'",
            slowest=max((row.record.seconds for row in view.rows), default=0.0) or 1.0,
        )
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


@cache
def _part(name: str) -> str:
    """A file beside the template; ours, so there is nothing in it to escape."""
    return (resources.files("buildkit.report") / "templates" / name).read_text(encoding="utf-8")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("buildkit.report", "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["address"] = lambda path: quote(path, safe="/+")
    return environment
