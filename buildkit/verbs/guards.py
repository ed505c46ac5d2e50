"""``guards``: say which branch of each guard every release takes, and what is wrong with guards."""

import argparse
import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from rich.console import Console
from rich.text import Text

from buildkit.cpp.module import read_module
from buildkit.cpp.reading import Reading
from buildkit.errors import ExitCode, UsageError
from buildkit.files.tree import Tree, replace_text
from buildkit.findings import Finding, Level, in_order
from buildkit.guards.check import check, releases_to_read
from buildkit.guards.fix import fix
from buildkit.guards.fixing import print_fixed, with_texts, write_fixed
from buildkit.guards.record import ModuleReport, reports_json
from buildkit.guards.rules import RULES
from buildkit.guards.text import Shown, finding_text, guards_table, summary
from buildkit.interfaces import InterfaceTable, load
from buildkit.matrix import Matrix, Module
from buildkit.prediction.predict import RULES as PREDICTION_RULES
from buildkit.prediction.predict import predict_reading
from buildkit.releases import FINAL_RELEASES, STUB_BEGINS, Release, did_you_mean, select
from buildkit.sarif import Located, sarif_log
from buildkit.sources.modules import Sources
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
    parser.add_argument(
        "--fix",
        action="store_true",
        help="rewrite comparisons of MESOS_VERSION_INT to MESOS_VERSION_AT_LEAST where every "
        "release is proved to compile the same, or what fits it instead of what does not",
    )
    parser.add_argument(
        "--diff", action="store_true", help="with --fix: print the changes instead of making them"
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print the report; fail if a release is built wrongly."""
    if arguments.json and arguments.sarif == "-":
        raise UsageError("--json and --sarif -: standard output takes one of them")
    if arguments.diff and not arguments.fix:
        raise UsageError("--diff goes with --fix")
    matrix, workspace = read_matrix(arguments)
    modules = _modules(matrix, arguments.module)
    releases = select(FINAL_RELEASES if arguments.all_releases else matrix.releases, arguments.only)
    console = _console(arguments)
    sources = Sources(root=workspace.root, cache=workspace.repositories)
    inspection = _Inspection(
        matrix=matrix, workspace=workspace, releases=releases, table=load(), console=console
    )
    reports = []
    with _nothing_collected():
        for module in modules:
            tree = sources.tree(module, lambda line: console.print(Text(line), soft_wrap=True))
            one = inspection.report(module, tree)
            if arguments.fix:
                one = inspection.fixed(module, tree, one, diff=arguments.diff)
            reports.append(one)
        _put_out(arguments, console, workspace, modules, reports)
    levels = {finding.rule.level for one in reports for finding in one.report.findings}
    return ExitCode.TARGET_FAILED if Level.ERROR in levels else ExitCode.OK


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """What is read stays to the end, so looking for garbage in it takes time and finds none."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _put_out(
    arguments: argparse.Namespace,
    console: Console,
    workspace: Workspace,
    modules: Sequence[Module],
    reports: Sequence[ModuleReport],
) -> None:
    if arguments.json:
        sys.stdout.write(reports_json(reports))
    elif arguments.sarif != "-":
        for module, one in zip(modules, reports, strict=True):
            if len(modules) > 1:
                console.print(Text(f"module {module.name}", style="bold"))
            _print(console, _shown(workspace, module), one, table=not arguments.fix)
    if arguments.sarif:
        _write_sarif(arguments.sarif, modules, reports)


@dataclass(frozen=True, kw_only=True)
class _Inspection:
    """What is the same for all modules."""

    matrix: Matrix
    workspace: Workspace
    releases: tuple[Release, ...]
    table: InterfaceTable
    console: Console

    def read(self, module: Module, tree: Tree) -> Reading:
        releases = releases_to_read(self.releases)
        return read_module(self.matrix, module, tree, releases, self.table)

    def report(self, module: Module, tree: Tree) -> ModuleReport:
        report = check(
            self.read(module, tree),
            encoding=module.encoding,
            kind=module.kind,
            selected=self.releases,
            table=self.table,
        )
        found = in_order((*report.findings, *self.foreseen(module, tree, report.reading)))
        report = replace(report, findings=found)
        return ModuleReport(name=module.name, encoding=module.encoding, report=report)

    def misfits(self, module: Module, tree: Tree, reading: Reading) -> Iterator[Finding]:
        """The lines that do not fit a release that compiles them."""
        return (f for f in self.foreseen(module, tree, reading) if f.rule.level is Level.ERROR)

    def foreseen(self, module: Module, tree: Tree, reading: Reading) -> tuple[Finding, ...]:
        """What is predicted of the code, and what it could do without."""
        # No module is built for one before: it does not install the headers.
        known = [r for r in self.releases if r in self.table and r >= STUB_BEGINS]
        try:
            return predict_reading(reading, module, tree, known, self.table).findings
        except RecursionError:
            text = f"module {module.name}: its code is nested too deeply to be held against Mesos"
            self.console.print(Text(text, "yellow"), soft_wrap=True)
            return ()

    def fixed(self, module: Module, tree: Tree, one: ModuleReport, *, diff: bool) -> ModuleReport:
        """Rewrite what can be proved, or show it; the report on what is there then."""
        if module.source is None:
            raise UsageError(
                f"--fix: module {module.name} comes from {module.git}, so there is no folder to "
                "change"
            )
        fixed = fix(
            one.report,
            lambda texts: self.read(module, with_texts(tree, texts)),
            lambda reading: self.misfits(module, tree, reading),
        )
        print_fixed(self.console, _shown(self.workspace, module), one, fixed, diff=diff)
        if diff:
            return one
        write_fixed(self.workspace, module, fixed)
        return self.report(module, with_texts(tree, fixed.texts))


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


def _shown(workspace: Workspace, module: Module) -> Shown:
    """How a module's files are named to the user."""
    if module.source is None:
        return str  # of a repository's files there is no copy to point at
    folder = workspace.root / module.source
    return lambda path: workspace.shown(folder / path)


def _print(console: Console, shown: Shown, one: ModuleReport, *, table: bool) -> None:
    if not one.report.reading.files:
        console.print(Text(f"{one.name}: no source file matches, so nothing is read"))
        return
    if table and one.report.guards:
        console.print(guards_table(one.report, shown, console.width))
    lines = [finding_text(one.report, finding, shown) for finding in one.report.findings]
    lines.append(Text(f"{one.name}: {summary(one.report)}"))
    # At once: each call takes its time.
    console.print(Text("\n").join(lines), soft_wrap=True)


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
    log = sarif_log(located, (*RULES, *PREDICTION_RULES))
    if target == "-":
        sys.stdout.write(log)
    else:
        path = Path(target)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, log)
