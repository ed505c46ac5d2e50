"""``sdk``: fetch the source archives of the releases, for SDKs that shippable modules need."""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.text import Text

from buildkit.archives.cache import Archives, archive_of
from buildkit.archives.fetch import Fetched, fetch_all
from buildkit.bundles.bundle import ArchivesPart, BundlePart, read_bundle, write_bundle
from buildkit.bundles.parts import BasesPart, RepositoriesPart
from buildkit.engine.docker import DockerEngine
from buildkit.errors import ExitCode, TargetError, UnavailableError
from buildkit.files.store import mark_as_cache
from buildkit.matrix import Matrix
from buildkit.options import Options
from buildkit.outcome import exit_code
from buildkit.pipeline import Pipeline
from buildkit.plan import Plan, make_plan
from buildkit.probe import probe
from buildkit.releases import RELEASE_SDK_BEGINS, Release, select
from buildkit.run import signals_as_interrupt
from buildkit.sdk.release.sources import lacking_archives
from buildkit.session import run_plan
from buildkit.sources.modules import Sources
from buildkit.summary import print_failure
from buildkit.verbs.build import announce
from buildkit.verbs.common import (
    add_engine,
    add_json,
    add_matrix,
    add_only,
    add_run,
    console_for,
    open_archives,
    read_matrix,
    read_options,
)
from buildkit.workspace import Workspace

NAME = "sdk"
HELP = "fetch the source archives of the releases and prepare their SDKs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_matrix(parser)
    add_only(parser)
    add_engine(parser)
    add_run(parser)
    add_json(parser)
    parser.add_argument(
        "--fetch-only", action="store_true", help="fetch the archives; prepare nothing"
    )
    parser.add_argument(
        "--offline", action="store_true", help="use what is in the archive folder; fetch nothing"
    )
    parser.add_argument(
        "--update-lock",
        action="store_true",
        help="where an archive is not the one in the lock file, change the lock file",
    )
    parser.add_argument(
        "--import",
        dest="import_file",
        type=Path,
        metavar="FILE",
        help="first take in what --export has written, for a site without network",
    )
    parser.add_argument(
        "--export",
        dest="export_file",
        type=Path,
        metavar="FILE",
        help="at last write archives, repositories of modules and base images into a tar file, "
        "for a site without network",
    )


def run(arguments: argparse.Namespace) -> ExitCode:
    """Import, fetch, prepare, export: as asked for."""
    console = console_for(arguments)
    matrix, workspace = read_matrix(arguments)
    mark_as_cache(workspace.build)
    archives = open_archives(
        matrix, workspace, console, offline=arguments.offline, update=arguments.update_lock
    )
    releases = _releases(matrix, arguments, console)
    with signals_as_interrupt():
        if arguments.import_file is not None:
            parts: list[BundlePart] = [
                ArchivesPart(archives),
                RepositoriesPart(workspace.repositories),
                BasesPart(DockerEngine.connect),
            ]
            count = read_bundle(arguments.import_file, parts)
            _say(console, f"took {count} files from {arguments.import_file}")
        fetched = fetch_all(archives, releases, console)
        code = _fetch_code(fetched)
        if not arguments.fetch_only and any(one.error is None for one in fetched):
            code = max(code, _prepare(arguments, matrix, workspace, archives, console))
        if arguments.export_file is not None and code is not ExitCode.INTERRUPTED:
            _export(arguments, matrix, workspace, archives, console)
    if arguments.json:
        json.dump(describe(archives, fetched), sys.stdout, indent=2)
        sys.stdout.write("\n")
    return code


def _releases(
    matrix: Matrix, arguments: argparse.Namespace, console: Console
) -> tuple[Release, ...]:
    """The selected releases that an SDK can be made for."""
    selected = select(matrix.releases, arguments.only)
    older = [release for release in selected if release < RELEASE_SDK_BEGINS]
    if older:
        names = ", ".join(str(release) for release in older)
        _say(console, f"no SDK for {names}: they begin at {RELEASE_SDK_BEGINS}")
    return tuple(release for release in selected if release not in older)


def _fetch_code(fetched: Sequence[Fetched]) -> ExitCode:
    errors = [one.error for one in fetched if one.error is not None]
    if not errors:
        return ExitCode.OK
    nothing = len(errors) == len(fetched) and all(isinstance(e, UnavailableError) for e in errors)
    return ExitCode.UNAVAILABLE if nothing else ExitCode.TARGET_FAILED


def _prepare(
    arguments: argparse.Namespace,
    matrix: Matrix,
    workspace: Workspace,
    archives: Archives,
    console: Console,
) -> ExitCode:
    """Make the SDKs, with what a smoke test loads modules into, of all releases that are there."""
    plan, options = _plan(arguments, matrix, archives)
    announce(console, plan)
    outcomes, interrupted = run_plan(plan, options, workspace, archives, console, Pipeline.prepare)
    for outcome in outcomes:
        if not outcome.good:
            print_failure(console, outcome)
    return exit_code(outcomes, interrupted=interrupted)


def _plan(
    arguments: argparse.Namespace, matrix: Matrix, archives: Archives
) -> tuple[Plan, Options]:
    """The targets whose archives are there, as for a build with release SDKs."""
    there = [r for r in matrix.releases if r >= RELEASE_SDK_BEGINS and archives.has(archive_of(r))]
    # How far a build would test matters to none of them.
    options = replace(read_options(arguments), sdk="release", smoke="run")
    plan = make_plan(replace(matrix, releases=tuple(there)), options, probe(archives))
    targets = tuple(target for target in plan.targets if target.skip is None)
    return replace(plan, targets=targets, warnings=()), options


def _export(
    arguments: argparse.Namespace,
    matrix: Matrix,
    workspace: Workspace,
    archives: Archives,
    console: Console,
) -> None:
    """Write all that a site without network needs to build the selected targets."""
    plan, _ = _plan(arguments, matrix, archives)
    sources = Sources(root=workspace.root, cache=workspace.repositories)
    modules = {t.module.name: t.module for t in plan.targets if t.module.git is not None}
    requests = sorted({target.base_request for target in plan.targets}, key=repr)

    def emit(line: str) -> None:
        _say(console, line)

    if plan.engine == "docker":
        with DockerEngine.connect() as engine:
            for request in requests:
                engine.provide(request, emit)
    parts: list[BundlePart] = [
        ArchivesPart(archives, archives_to_carry(archives, {t.release for t in plan.targets})),
        RepositoriesPart(
            workspace.repositories,
            [(sources.repository(m, emit), m.revision or "") for m in modules.values()],
        ),
        BasesPart(DockerEngine.connect, requests if plan.engine == "docker" else []),
    ]
    write_bundle(arguments.export_file, parts)
    _say(console, f"wrote {arguments.export_file}")


def archives_to_carry(archives: Archives, releases: Iterable[Release]) -> list[str]:
    """The releases' archives, and the bundled ones that these lack or that were used before.

    The folder may hold other projects' archives; those stay.
    """
    names = {name for name in archives.lock.pins() if not name.startswith("mesos-")}
    for release in releases:
        names.add(archive_of(release))
        # One that can't be read goes along as it is; where it is used, it is refused.
        with suppress(UnavailableError, TargetError):
            names.update(lacking_archives(release, archives.folder / archive_of(release)))
    return sorted(name for name in names if archives.has(name))


def describe(archives: Archives, fetched: Sequence[Fetched]) -> dict[str, object]:
    """The result for ``--json``."""
    pins = archives.lock.pins()
    rows = [
        {
            "release": str(one.release),
            "archive": archive_of(one.release),
            "state": one.state,
            "path": None if one.path is None else str(one.path),
            "sha512": None if one.path is None else pins[archive_of(one.release)],
            "error": None if one.error is None else str(one.error),
        }
        for one in fetched
    ]
    return {"schema": 1, "folder": str(archives.folder), "archives": rows}


def _say(console: Console, line: str) -> None:
    console.print(Text(line), soft_wrap=True)
