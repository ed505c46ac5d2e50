"""``guards``: say which branch of each guard every release takes, and what is wrong with guards."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from rich.console import Console
from rich.text import Text

from buildkit.cpp.module import read_module
from buildkit.errors import ExitCode, UsageError
from buildkit.findings import Level
from buildkit.guards.check import check, releases_to_read
from buildkit.guards.record import ModuleReport, reports_json
from buildkit.guards.rules import RULES
from buildkit.guards.text import finding_text, guards_table, summary
from buildkit.interfaces import InterfaceTable, load
from buildkit.matrix import Matrix, Module
from buildkit.releases import FINAL_RELEASES, Release, did_you_mean, select
from buildkit.sarif import Located, sarif_log
from buildkit.sources import Sources
from buildkit.tree import Tree, replace_text
from buildkit.verbs.common import add_json, add_matrix, add_only, console_for, read_matrix
from buildkit.workspace import Workspace

NAME = "guards"
HELP = "print which #if branch each release takes, and what is wrong with guards"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_matrix(parser)
    add_only(parser)
    parser.add_argument(
        "--all-releases",
        "--every-release",
        action="store_true",
        help="for all final releases, not only those of the matrix",
    )
    parser.add_argument(
        "--module",
        action="append",
        default=[],
        metavar="NAME",
        help="only this module of the matrix; repeatable (default: all)",
    )
    parser.add_argument(
        "--sarif",
        metavar="FILE",
        help="write the findings as SARIF 2.1.0, for code scanning; - is standard output",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print the report; fail if a release is built wrongly."""
    if arguments.json and arguments.sarif == "-":
        raise UsageError("--json and --sarif -: standard output takes one of them")
    matrix, workspace = read_matrix(arguments)
    modules = _modules(matrix, arguments.module)
    releases = select(FINAL_RELEASES if arguments.all_releases else matrix.releases, arguments.only)
    console = _console(arguments)
    sources = Sources(root=workspace.root, cache=workspace.repositories)
    table = load()
    reports = []
    for module in modules:
        tree = sources.tree(module, lambda line: console.print(Text(line), soft_wrap=True))
        reports.append(report_on(matrix, module, tree, releases, table))
    if arguments.json:
        sys.stdout.write(reports_json(reports))
    elif arguments.sarif != "-":
        for module, one in zip(modules, reports, strict=True):
            _print(console, workspace, module, one, named=len(modules) > 1)
    if arguments.sarif:
        _write_sarif(arguments.sarif, modules, reports)
    levels = {finding.rule.level for one in reports for finding in one.report.findings}
    return ExitCode.TARGET_FAILED if Level.ERROR in levels else ExitCode.OK


def report_on(
    matrix: Matrix,
    module: Module,
    tree: Tree,
    releases: Sequence[Release],
    table: InterfaceTable,
) -> ModuleReport:
    """Read a module's sources and check its guards."""
    reading = read_module(matrix, module, tree, releases_to_read(releases), table)
    report = check(
        reading, encoding=module.encoding, kind=module.kind, selected=releases, table=table
    )
    return ModuleReport(name=module.name, encoding=module.encoding, report=report)


def _modules(matrix: Matrix, names: Sequence[str]) -> list[Module]:
    known = {module.name: module for module in matrix.file.module}
    for name in names:
        if name not in known:
            raise UsageError(
                f"--module {name}: no such module in {matrix.path}{did_you_mean(name, known)}; it "
                f"has {', '.join(known)}"
            )
    return [module for name, module in known.items() if not names or name in names]


def _console(arguments: argparse.Namespace) -> Console:
    console = console_for(arguments)
    if arguments.sarif == "-":
        console.stderr = True
    return console


def _print(
    console: Console, workspace: Workspace, module: Module, one: ModuleReport, *, named: bool
) -> None:
    def shown(path: str) -> str:
        # Of a repository's files there is no copy to point at.
        local = workspace.root / (module.source or "") / path
        return workspace.shown(local) if module.source is not None else path

    if named:
        console.print(Text(f"module {module.name}", style="bold"))
    if one.report.guards:
        console.print(guards_table(one.report, shown))
    for finding in one.report.findings:
        console.print(finding_text(one.report, finding, shown), soft_wrap=True)
    console.print(Text(f"{module.name}: {summary(one.report)}"), soft_wrap=True)


def _write_sarif(target: str, modules: Sequence[Module], reports: Sequence[ModuleReport]) -> None:
    located = []
    for module, one in zip(modules, reports, strict=True):
        folder = PurePosixPath(module.source or module.subpath or "")
        for finding in one.report.findings:
            source = one.report.reading.files[finding.place.path].source
            located.append(
                Located(
                    finding=finding,
                    uri=quote(str(folder / finding.place.path)),
                    line_text=source.text.split("\n")[finding.place.line - 1],
                )
            )
    log = sarif_log(located, RULES)
    if target == "-":
        sys.stdout.write(log)
    else:
        path = Path(target)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, log)
