"""The matrix of jobs in the words of GitHub Actions and of GitLab. Pure."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Any

from buildkit.ci.shards import Shard

GITHUB_JOBS = 256
"""Jobs that one matrix may have (GitHub's documentation of usage limits)."""
GITLAB_JOBS = 200
"""Permutations of one parallel:matrix (GitLab's reference of .gitlab-ci.yml)."""
_RUNNERS = {"amd64": "ubuntu-24.04", "arm64": "ubuntu-24.04-arm"}
"""Architecture -> label of GitHub's own machines."""


def arguments_of(shard: Shard, sdk: str | None = None) -> tuple[str, ...]:
    """What makes ``build`` do this shard and no more."""
    only = (word for release in shard.releases for word in ("--only", str(release)))
    return (*only, "--platform", shard.platform, *(("--sdk", sdk) if sdk else ()))


def github(
    shards: Sequence[Shard], key: Callable[[Shard], str], sdk: str | None = None
) -> dict[str, Any]:
    """The value of ``strategy.matrix``."""
    return {
        "include": [
            {
                "name": _title(shard),
                "shard": shard.name,
                "releases": " ".join(map(str, shard.releases)),
                "platform": shard.platform,
                "architecture": shard.architecture,
                "runner": _RUNNERS[shard.architecture],
                "arguments": shlex.join(arguments_of(shard, sdk)),
                "seconds": round(shard.seconds),
                "cache-key": key(shard),
            }
            for shard in shards
        ]
    }


def gitlab(
    shards: Sequence[Shard],
    matrix: PurePosixPath,
    key: Callable[[Shard], str],
    sdk: str | None = None,
) -> dict[str, Any]:
    """A child pipeline. Its jobs build one shard each; a last one merges and reports.

    ``matrix`` is the matrix file, relative to the repository's root. A job's name has its
    variables in it and at most 255 characters, so the arguments are in the script.
    """
    file = shlex.join(("--matrix", str(matrix)))
    build, dist, parts = (str(matrix.parent / name) for name in ("build", "dist", "shards"))
    branches = [
        f"{shard.name}) set -- {shlex.join(arguments_of(shard, sdk))} ;;" for shard in shards
    ]
    choose = ['case "$SHARD" in', *branches, '*) echo "no shard $SHARD" >&2; exit 2 ;;', "esac"]
    return {
        "stages": ["build", "merge"],
        "variables": {
            "MESOS_BUILDKIT_IMAGE": "python:3.13",
            "MESOS_BUILDKIT_REQUIREMENT": "mesos-buildkit",
        },
        "default": {
            "image": "$MESOS_BUILDKIT_IMAGE",
            "before_script": ['python -m pip install --quiet "$MESOS_BUILDKIT_REQUIREMENT"'],
        },
        "build": {
            "stage": "build",
            "parallel": {
                "matrix": [{"SHARD": shard.name, "CACHE_KEY": key(shard)} for shard in shards]
            },
            "cache": {"key": "$CACHE_KEY", "paths": [f"{build}/cache"], "when": "always"},
            # In one piece, because the arguments are the shell's own.
            "script": ["\n".join([*choose, f'python -m buildkit build {file} "$@"'])],
            # All jobs' artifacts are unpacked into one folder.
            "after_script": [
                f'mkdir -p "{parts}/$SHARD/build"',
                f'mv {shlex.quote(dist)} "{parts}/$SHARD/dist"',
                f'mv {shlex.quote(build)}/logs "{parts}/$SHARD/build/logs"',
            ],
            "artifacts": {"when": "always", "paths": [parts]},
        },
        "merge": {
            "stage": "merge",
            "when": "always",
            "script": [f"python -m buildkit merge {file} {shlex.quote(parts)}/*"],
            # Of what failed, too.
            "after_script": [
                'python -m pip install --quiet "$MESOS_BUILDKIT_REQUIREMENT"',
                f"python -m buildkit report {file}",
            ],
            "artifacts": {
                "when": "always",
                "paths": [dist, f"{build}/logs"],
                "reports": {"junit": f"{dist}/junit.xml"},
            },
        },
    }


def _title(shard: Shard) -> str:
    """For people: what is in it."""
    releases = [str(release) for release in shard.releases]
    what = releases[0] if len(releases) == 1 else f"{len(releases)} releases from {releases[0]}"
    return f"{what} on {shard.platform}"
