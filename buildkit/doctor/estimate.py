"""How much room a whole run may take. Pure.

The sizes are allowances, well above what was measured with this repository's own module on Debian
12: 370 MB for a base image, and for one target with all that is shared, 12 MB in build/ and dist/
with a stub SDK and 29 MB with one made of the archive of 0.24.1.
"""

from collections.abc import Iterable
from pathlib import Path

from buildkit.archives.cache import archive_of
from buildkit.engine import BaseRequest
from buildkit.plan import Target

_MIB = 1024**2
BASE_BYTES = 450 * _MIB
"""A base image with g++; as much again while it is made."""
STUB_TARGET_BYTES = 15 * _MIB
"""What one target leaves in build/ and dist/, with a stub SDK."""
RELEASE_TARGET_BYTES = 80 * _MIB
"""The same with an SDK made of the release's archive."""
JOB_BYTES = 400 * _MIB
"""One step's inputs, objects and results while it runs, with a release SDK."""
ARCHIVE_BYTES = 24 * _MIB
"""A release's source archive."""


def build_bytes(targets: Iterable[Target], cache_limit: int) -> int:
    """What all targets leave in build/ and dist/. The cache is trimmed to its limit afterwards."""
    total = sum(
        RELEASE_TARGET_BYTES if target.sdk == "release" else STUB_TARGET_BYTES for target in targets
    )
    # Trimming spares what was made within the last hour, so a run may go beyond it for a while.
    return min(total, 2 * cache_limit)


def engine_bytes(missing: Iterable[BaseRequest], jobs: int) -> int:
    """What the engine's own disk has to hold: bases that are to be made, and running steps."""
    return 2 * BASE_BYTES * len(set(missing)) + JOB_BYTES * jobs


def archive_bytes(targets: Iterable[Target], folder: Path) -> int:
    """The archives that are to be fetched."""
    missing = {
        target.release
        for target in targets
        if target.sdk == "release" and not (folder / archive_of(target.release)).is_file()
    }
    return ARCHIVE_BYTES * len(missing)
