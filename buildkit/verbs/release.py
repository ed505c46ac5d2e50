"""``release``: from dist/ to files that can be published."""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import get_args

from rich.console import Console
from rich.text import Text

from buildkit.deploy.choose import choose_module
from buildkit.deploy.operator import make_deployment
from buildkit.errors import ExitCode, TargetError, UsageError
from buildkit.files.store import mark_as_cache
from buildkit.files.tree import File
from buildkit.matrix import Matrix, Module, SmokeLevel
from buildkit.plan import Target, make_targets
from buildkit.probe import NOTHING
from buildkit.publish.bundle import bundle_tree, debug_tree, stem_of
from buildkit.publish.components import Component
from buildkit.publish.folder import VERIFY, Published, ReleaseFolder
from buildkit.publish.inputs import find_components, find_licences
from buildkit.publish.packing import published_tarball
from buildkit.publish.provenance import provenance
from buildkit.publish.refusals import Candidate, Rules, refusals, source_doubts
from buildkit.publish.sbom import sbom_json
from buildkit.publish.signing import Signer, verify_command
from buildkit.releases import RELEASE_SDK_BEGINS
from buildkit.results.artifacts import CHECKSUMS, Dist, sha256_of
from buildkit.results.manifest import ArtifactRecord, TargetRecord
from buildkit.results.merge import digests
from buildkit.session import sources_of
from buildkit.sources.modules import Sources
from buildkit.verbs.common import (
    add_json,
    add_matrix,
    add_only,
    add_platform,
    console_for,
    emit_on,
    open_archives,
    read_matrix,
    read_options,
)
from buildkit.workspace import Workspace

NAME = "release"
HELP = "make files that can be published of what is in dist/"

_EPOCH = "SOURCE_DATE_EPOCH"
_WITHOUT_COMMIT = 315_532_800
"""1980-01-01: the time of files whose sources no commit dates. tar warns of 1970."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_matrix(parser)
    add_only(parser)
    add_platform(parser)
    parser.add_argument(
        "--module",
        action="append",
        default=[],
        metavar="NAME",
        help="a module of the matrix; repeatable (default: all)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="where to publish; nothing there is ever changed (default: dist/release)",
    )
    parser.add_argument(
        "--require-smoke",
        choices=get_args(SmokeLevel),
        help="the smoke level that must have been reached (default: the matrix's)",
    )
    parser.add_argument(
        "--allow-dirty",
        action="store_true",
        help="publish in spite of uncommitted changes, and of sources, patches or flags that are "
        "not those it was built from; they are named",
    )
    parser.add_argument(
        "--sign-key",
        type=Path,
        metavar="FILE",
        help="sign with this private key of OpenSSH's (ssh-keygen -t ed25519)",
    )
    add_json(parser)


@dataclass(frozen=True, kw_only=True)
class _Release:
    """A target that may be published, and what its files are made of."""

    module: Module
    record: TargetRecord
    artifact: ArtifactRecord
    modified: int
    licences: dict[str, File]
    components: tuple[Component, ...]


def run(arguments: argparse.Namespace) -> ExitCode:
    """Refuse, or make, compare and publish."""
    console = console_for(arguments)
    signer = None if arguments.sign_key is None else Signer.open(arguments.sign_key)
    epoch = _epoch()
    matrix, workspace = read_matrix(arguments)
    rules = Rules(
        smoke=arguments.require_smoke or matrix.file.defaults.smoke,
        allow_dirty=arguments.allow_dirty,
    )
    sources = sources_of(matrix, workspace)
    candidates = _candidates(arguments, matrix, workspace, sources, console)
    if reasons := refusals(candidates, rules):
        raise TargetError(
            "nothing was published:\n  " + "\n  ".join(str(reason) for reason in reasons)
        )
    good = [
        (one.record, one.artifact)
        for one in candidates
        if one.record is not None and one.artifact is not None
    ]
    if not good:
        names = ", ".join(one.target.name for one in candidates)
        raise TargetError(f"nothing to publish: no library is meant to come of {names}")
    warnings = [
        *(
            f"{name}: {doubt}"
            for name, doubts in source_doubts(candidates).items()
            for doubt in doubts
        ),
        *_warnings(record for record, _ in good),
    ]
    archives = open_archives(matrix, workspace, console, offline=True)
    found = find_components(archives, [record for record, _ in good])
    modules = {module.name: module for module in matrix.file.module}
    licences = {
        name: find_licences(matrix, modules[name], sources.tree(modules[name], emit_on(console)))
        for name in {record.module for record, _ in good}
    }
    warnings += [
        f"{name}: no licence file; name one with license-files in its [[module]]"
        for name, files in sorted(licences.items())
        if not files
    ]
    for warning in warnings:
        console.print(Text(f"warning: {warning}", "yellow"), soft_wrap=True)
    releases = [
        _Release(
            module=modules[record.module],
            record=record,
            artifact=artifact,
            modified=_modified(record, epoch),
            licences=licences[record.module],
            components=found[record.name],
        )
        for record, artifact in good
    ]
    output = workspace.dist / "release" if arguments.output is None else arguments.output
    first = matrix.file.platform[0].name
    mark_as_cache(workspace.build)
    with ReleaseFolder.open(output, workspace.build / "release.lock") as folder:
        for one in releases:
            _add(folder, one, workspace, matrix, first)
        published = folder.publish(signer)
    _say(console, published, workspace.shown(output), signed=signer is not None)
    if arguments.json:
        json.dump(
            {
                "schema": 1,
                "output": str(output),
                "files": [
                    {"name": one.name, "sha256": one.sha256, "state": one.state}
                    for one in published
                ],
                "warnings": warnings,
                "verify": _verify_commands(signed=signer is not None),
            },
            sys.stdout,
            indent=2,
        )
        sys.stdout.write("\n")
    return ExitCode.OK


def _epoch() -> int | None:
    """What SOURCE_DATE_EPOCH says, if anything. See reproducible-builds.org."""
    text = os.environ.get(_EPOCH, "")
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or int(text) >= 1 << 33:
        raise UsageError(f"{_EPOCH}={text}: expected a number of seconds since 1970")
    return int(text)


def _modified(record: TargetRecord, epoch: int | None) -> int:
    if epoch is not None:
        return epoch
    committed = None if record.source is None else record.source.time
    return _WITHOUT_COMMIT if committed is None else committed


def _candidates(
    arguments: argparse.Namespace,
    matrix: Matrix,
    workspace: Workspace,
    sources: Sources,
    console: Console,
) -> list[Candidate]:
    """The targets asked for, with all that is to be known of them."""
    real = frozenset(one for one in matrix.releases if one >= RELEASE_SDK_BEGINS)
    targets, _ = make_targets(
        # Whether something is a stub's is for the manifest to say.
        matrix,
        read_options(arguments),
        replace(NOTHING, release_sdks=real),
    )
    names = {choose_module(matrix, name).name for name in arguments.module}
    dist = Dist(folder=workspace.dist, lock=workspace.dist_lock)
    records = {record.name: record for record in dist.manifest().targets}
    return [
        _candidate(target, records.get(target.name), workspace, sources, console)
        for target in targets
        if not names or target.module.name in names
    ]


def _candidate(
    target: Target,
    record: TargetRecord | None,
    workspace: Workspace,
    sources: Sources,
    console: Console,
) -> Candidate:
    paths = () if record is None else digests(record)
    return Candidate(
        target=target,
        record=record,
        origin=sources.origin(target.module, emit_on(console)),
        files={path: _digest_in(workspace.dist, path) for path in paths},
    )


def _digest_in(folder: Path, path: str) -> str | None:
    """SHA-256, in hex, of a file that is really in the folder; None if there is none."""
    place = folder / path
    # A manifest is a file that anyone can write; it gets nothing else packed.
    inside = place.resolve().is_relative_to(folder.resolve())
    return sha256_of(place) if inside and place.is_file() else None


def _warnings(records: Iterable[TargetRecord]) -> list[str]:
    found = []
    for record in records:
        if record.source is not None and record.source.revision is None:
            found.append(f"{record.name}: its sources are not under git, so no commit is named")
        if not record.archives:
            found.append(
                f"{record.name}: built against an installed Mesos ({record.sdk} "
                f"{record.sdk_origin or 'unknown'}): what that brings along is not listed"
            )
    return found


def _add(
    folder: ReleaseFolder, one: _Release, workspace: Workspace, matrix: Matrix, first: str
) -> None:
    """Make a target's files."""
    stem = stem_of(one.record, first)
    deployment = make_deployment(one.module, one.record, one.artifact)
    artifact = one.artifact
    library = _read(workspace, artifact.path, artifact.sha256)
    debug = _read(workspace, artifact.debug_path, artifact.debug_sha256)
    tree = bundle_tree(stem, deployment, library, one.licences, one.components)
    debug_files = debug_tree(stem, PurePosixPath(artifact.debug_path).name, debug)
    document = sbom_json(
        one.record,
        one.artifact,
        one.components,
        license_id=one.module.license,
        modified=one.modified,
        archives_url=matrix.file.archives.url,
    )
    files = {
        f"{stem}.tar.gz": published_tarball(tree, one.modified),
        f"{stem}.debug.tar.gz": published_tarball(debug_files, one.modified),
        f"{stem}.cdx.json": document.encode(),
    }
    about = {name: folder.add(name, data) for name, data in files.items()}
    statement = provenance(one.record, one.module, about)
    folder.add_statement(f"{stem}.provenance.json", json.dumps(statement, indent=2) + "\n")


def _read(workspace: Workspace, path: str, digest: str) -> bytes:
    data = (workspace.dist / path).read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        raise TargetError(
            f"{path}: has changed meanwhile; is a build running? Nothing was published"
        )
    return data


def _verify_commands(*, signed: bool) -> list[str]:
    commands = [f"sha256sum -c --ignore-missing {CHECKSUMS}"]
    return [*commands, verify_command(CHECKSUMS)] if signed else commands


def _say(console: Console, published: Sequence[Published], where: str, *, signed: bool) -> None:
    for one in published:
        word = "published" if one.state == "written" else "as before"
        console.print(Text(f"{word} {one.sha256}  {where}/{one.name}"), soft_wrap=True)
    written = sum(one.state == "written" for one in published)
    console.print(Text(f"{written} published, {len(published) - written} as before, in {where}"))
    console.print(Text(f"check them there ({VERIFY} says more):"))
    for command in _verify_commands(signed=signed):
        console.print(Text(f"  {command}"), soft_wrap=True)
