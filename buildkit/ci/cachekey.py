"""The key under which a CI system keeps what a job's targets need: SDKs and base images.

It changes with what shapes those, and with nothing else: not with the module's sources.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources

from buildkit import __version__
from buildkit.archives.cache import archive_of
from buildkit.engine.bases import recipe
from buildkit.files.tree import digest_of, read_tree, tree_digest
from buildkit.plan import Target
from buildkit.sdk.release.builtin import builtin_patches

_PREFIX = "mesos-buildkit"


def cache_key(targets: Iterable[Target], pins: Mapping[str, str]) -> str:
    """The key; ``pins`` are the lock file's: an archive's name -> its SHA-512.

    Patches of the module count, too, because a rule file may hold rules for the SDK.
    """
    rows = sorted(
        digest_of(
            *(
                str(target.release),
                target.sdk,
                target.sdk_origin or "",
                recipe(target.base_request),
            ),
            *(target.platform.compiler, *target.abi_flags),
            pins.get(archive_of(target.release), ""),
            *(patch.digest for patch in target.patches),
        )
        for target in targets
        if target.skip is None
    )
    return f"{_PREFIX}-{digest_of(_tool_digest(), *dict.fromkeys(rows))[:32]}"


@cache
def _tool_digest() -> str:
    """Over this tool: what it makes of the same archives may change with it."""
    patches = (patch.digest for patch in builtin_patches())
    with resources.as_file(resources.files("buildkit")) as folder:
        return digest_of(__version__, tree_digest(read_tree(folder)), *patches)
