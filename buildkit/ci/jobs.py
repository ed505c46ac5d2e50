"""``matrix --github``, ``--gitlab`` and ``--cache-key``: options, and what they print."""

import argparse
import json
import os
from pathlib import Path, PurePosixPath

from buildkit.archives.lock import ArchiveLock
from buildkit.ci import strategy
from buildkit.ci.cachekey import cache_key
from buildkit.ci.shards import Shard, divide, measured_seconds
from buildkit.errors import UsageError
from buildkit.matrix import Matrix
from buildkit.plan import make_targets
from buildkit.probe import Probe
from buildkit.releases import RELEASE_SDK_BEGINS
from buildkit.results.artifacts import MANIFEST, read_manifest
from buildkit.verbs.common import positive, read_options
from buildkit.workspace import Workspace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument(
        "--github",
        action="store_true",
        help="print a matrix of jobs for GitHub Actions, as one line of JSON",
    )
    kinds.add_argument(
        "--gitlab",
        action="store_true",
        help="print a child pipeline for GitLab with parallel:matrix, as one line of JSON, which "
        "is YAML as well",
    )
    kinds.add_argument(
        "--cache-key",
        action="store_true",
        help="print the key that SDKs and base images of the selection can be cached under",
    )
    parser.add_argument(
        "--shards",
        type=positive,
        metavar="N",
        help="divide the matrix of jobs among N (default: one for each release and platform)",
    )
    parser.add_argument(
        "--times",
        type=Path,
        metavar="FILE",
        help="balance shards by the times in this manifest (default: dist/manifest.json, if there; "
        "what it lacks is estimated)",
    )


def asked_for(arguments: argparse.Namespace) -> bool:
    """Whether one of the options wants :func:`text`."""
    return bool(arguments.github or arguments.gitlab or arguments.cache_key)


def refuse_alone(arguments: argparse.Namespace) -> None:
    """Raises :class:`UsageError` for options that mean nothing without the others."""
    for name in ("shards", "times"):
        if vars(arguments)[name] is not None and not (arguments.github or arguments.gitlab):
            raise UsageError(f"--{name} goes with --github or --gitlab")


def text(arguments: argparse.Namespace, matrix: Matrix, workspace: Workspace) -> str:
    """The line to print.

    Raises :class:`UsageError` for a number of shards that can't be.
    """
    targets, _ = make_targets(matrix, read_options(arguments), _elsewhere(matrix))
    pins = ArchiveLock.beside(matrix.path, workspace.build).pins()
    if arguments.cache_key:
        return cache_key(targets, pins)
    most = strategy.GITHUB_JOBS if arguments.github else strategy.GITLAB_JOBS
    times = arguments.times or workspace.dist / MANIFEST
    if arguments.times and not times.is_file():
        raise UsageError(f"--times {times}: no such file")
    measured = measured_seconds(read_manifest(times))
    shards = divide(targets, measured, shards=arguments.shards, most=most)

    def key(shard: Shard) -> str:
        return cache_key(shard.targets, pins)

    document = (
        strategy.github(shards, key, arguments.sdk)
        if arguments.github
        else strategy.gitlab(shards, _relative(matrix.path), key, arguments.sdk)
    )
    return json.dumps(document, separators=(",", ":"))


def _elsewhere(matrix: Matrix) -> Probe:
    """What may be on the jobs' machines: all of it, since what is on this one says nothing."""
    return Probe(
        docker=True,
        docker_detail="not asked",
        release_sdks=frozenset(r for r in matrix.releases if r >= RELEASE_SDK_BEGINS),
    )


def _relative(path: Path) -> PurePosixPath:
    """The matrix file as a job finds it, which starts in the repository's root, as we do."""
    relative = PurePosixPath(os.path.relpath(path))
    if ".." in relative.parts:
        raise UsageError(
            f"--gitlab: {path} is not below this folder; start from the repository's root"
        )
    return relative
