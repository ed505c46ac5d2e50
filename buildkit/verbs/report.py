"""``report``: the results in dist/ as a page, as Markdown and as JUnit XML."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from buildkit import interfaces
from buildkit.errors import ExitCode
from buildkit.files.tree import replace_text
from buildkit.plan import target_names
from buildkit.report.collect import logs_of, manifest_of, way
from buildkit.report.drift import drift_table
from buildkit.report.guards import guards_table
from buildkit.report.html import html
from buildkit.report.junit import junit
from buildkit.report.markdown import markdown
from buildkit.report.predictions import predictions_table
from buildkit.report.view import Extras, View, make_view
from buildkit.sources.modules import Sources
from buildkit.verbs.common import add_matrix, console_for, read_matrix, read_options

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "report"
HELP = "write the results as a page (dist/report.html), as Markdown and as JUnit XML"
_STANDARD_OUTPUT = Path("-")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_matrix(parser)
    for name, file in (("html", "report.html"), ("markdown", "report.md"), ("junit", "junit.xml")):
        parser.add_argument(
            f"--{name}",
            type=Path,
            nargs="?",
            const=Path(),
            metavar="FILE",
            help=f"write this format only, to FILE (default: dist/{file}; - is standard output); "
            "may be given together with the others",
        )


def run(arguments: argparse.Namespace) -> ExitCode:
    """Write what was asked for, or all three."""
    matrix, workspace = read_matrix(arguments)
    manifest = manifest_of(workspace.dist)
    expected = target_names(matrix, read_options(arguments))
    known = {record.name for record in manifest.targets}
    missing = [name for name in expected if name not in known]
    kinds = [module.kind for module in matrix.file.module]
    sources = Sources(root=workspace.root, cache=workspace.repositories)
    extras = Extras(
        guards=guards_table(matrix, sources, matrix.releases),
        predictions=predictions_table(manifest),
        drift=drift_table(interfaces.load(), matrix.releases, kinds),
    )

    def view(folder: Path) -> View:
        return make_view(
            manifest, logs_of(manifest, workspace.logs, folder), missing=missing, extras=extras
        )

    def page(folder: Path) -> str:
        prefix = way(workspace.dist, folder)
        return html(view(folder), dist="" if prefix == "." else f"{prefix}/")

    formats: dict[str, tuple[Path, Callable[[Path], str]]] = {
        "html": (workspace.dist / "report.html", page),
        "markdown": (workspace.dist / "report.md", lambda folder: markdown(view(folder))),
        "junit": (workspace.dist / "junit.xml", lambda folder: junit(view(folder))),
    }
    asked = {name: vars(arguments)[name] for name in formats if vars(arguments)[name] is not None}
    console = console_for(arguments)
    for name, given in (asked or dict.fromkeys(formats, Path())).items():
        standard, make = formats[name]
        if given == _STANDARD_OUTPUT:
            sys.stdout.write(make(Path()))
            continue
        file = standard if given == Path() else given
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_text(file, make(file.parent))
        if _STANDARD_OUTPUT not in asked.values():
            console.print(Text(f"wrote {workspace.shown(file)}"), soft_wrap=True)
    return ExitCode.OK
