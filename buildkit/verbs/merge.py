"""``merge``: collect several jobs' results into one dist/ with one manifest."""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from buildkit.board import mark
from buildkit.ci.step import tell_github
from buildkit.errors import ExitCode, TargetError
from buildkit.matrix import Matrix
from buildkit.outcome import Status
from buildkit.plan import target_names
from buildkit.results.artifacts import MANIFEST, Dist
from buildkit.results.manifest import TargetRecord
from buildkit.results.merge import Found, combine, find_parts
from buildkit.verbs.common import (
    add_matrix,
    add_only,
    add_platform,
    console_for,
    emit_on,
    read_matrix,
    read_options,
)
from buildkit.workspace import Workspace

NAME = "merge"
HELP = "collect the dist/ folders of several jobs into one, with one manifest"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_matrix(parser)
    add_only(parser)
    add_platform(parser)
    parser.add_argument(
        "folders",
        type=Path,
        nargs="+",
        metavar="DIR",
        help="a dist/ folder, or a folder of such, as a CI system downloads jobs' artifacts",
    )


def run(arguments: argparse.Namespace) -> ExitCode:
    """Verify, compare, copy, and say what is missing."""
    console = console_for(arguments)
    matrix, workspace = read_matrix(arguments)
    expected = target_names(matrix, read_options(arguments))
    dist = Dist(folder=workspace.dist, lock=workspace.dist_lock)
    folders = arguments.folders
    if (dist.folder / MANIFEST).is_file():
        # What is there already must agree as well: nothing is overwritten silently.
        folders = [dist.folder, *folders]
    found = combine(find_parts(folders))
    _refuse_strangers(matrix, found)
    ours = dist.folder.resolve()
    fresh = [one for one in found if one.part.folder.resolve() != ours]
    for one in fresh:
        dist.adopt(one.record, one.part.folder)
        _copy_log(one, workspace)
    dist.update_manifest(matrix, (one.record for one in fresh))
    records = {record.name: record for record in dist.manifest().targets}
    missing = [name for name in expected if name not in records]
    _report(console, list(records.values()), missing)
    tell_github(matrix, workspace, list(records.values()), emit_on(console), missing=missing)
    good = all(record.status.good for record in records.values())
    return ExitCode.OK if good and not missing else ExitCode.TARGET_FAILED


def _refuse_strangers(matrix: Matrix, found: Sequence[Found]) -> None:
    """What the matrix has not would be dropped from the manifest without a word."""
    modules = {module.name for module in matrix.file.module}
    platforms = {platform.name for platform in matrix.file.platform}
    releases = {str(release) for release in matrix.releases}
    strangers = [
        f"{one.record.name} in {one.part.folder}"
        for one in found
        if one.record.module not in modules
        or one.record.platform not in platforms
        or one.record.release not in releases
    ]
    if strangers:
        raise TargetError(
            f"can't merge: {matrix.path} has no target {', nor '.join(strangers)}; give the matrix "
            "file that the jobs had, with --matrix"
        )


def _copy_log(one: Found, workspace: Workspace) -> None:
    if one.record.log is None:
        return
    source = one.part.logs / one.record.log
    if source.is_file() and not source.is_symlink():
        place = workspace.logs / one.record.log
        place.parent.mkdir(parents=True, exist_ok=True)
        if not (place.exists() and place.samefile(source)):
            shutil.copyfile(source, place)


def _report(console: Console, records: Sequence[TargetRecord], missing: Sequence[str]) -> None:
    for record in records:
        if not record.status.good:
            word, style = mark(record.status)
            console.print(Text.assemble((word, style), f" {record.name}"), soft_wrap=True)
            for line in record.cause:
                console.print(Text(f"  {line}"), soft_wrap=True)
    for name in missing:
        console.print(Text.assemble(("MISSING", "bold red"), f" {name}"), soft_wrap=True)
    counts = [
        f"{number} {status.value}"
        for status in Status
        if (number := sum(record.status is status for record in records))
    ]
    console.print(Text(", ".join([*counts, *([f"{len(missing)} missing"] if missing else [])])))
