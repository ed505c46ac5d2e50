"""Folders that one process fills and nobody else is to see.

Each says whose it is, so that what a killed process left can be told from what is in use.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from buildkit.files.owner import Owner

PREFIX = ".own-"
_OWNER = "owner"


@contextmanager
def own_folder(parent: Path | None, *, prefix: str = PREFIX) -> Iterator[Path]:
    """A new folder below ``parent``, or in the system's place for such; removed at the end.

    What is to stay is renamed to where it belongs. ``parent`` has to exist.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        (folder / _OWNER).write_text(str(Owner.current()), "utf-8")
        yield folder
    finally:
        _remove(folder)


def abandoned(folders: Iterable[Path]) -> list[Path]:
    """Those of :func:`own_folder`'s folders whose processes are gone.

    ``folders`` may hold others: what does not say whose it is is none, as is that of another host.
    """
    found = []
    for folder in folders:
        try:
            owner = Owner.parse((folder / _OWNER).read_text("utf-8"))
        except (OSError, UnicodeDecodeError):
            continue
        if owner and owner.whereabouts() == "gone":
            found.append(folder)
    return found


def remove_abandoned(folders: Iterable[Path]) -> int:
    """Remove what :func:`abandoned` finds; how many there were."""
    found = abandoned(folders)
    for folder in found:
        _remove(folder)
    return len(found)


def _remove(folder: Path) -> None:
    """Remove a folder even if somebody took permissions away from what is in it."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        for inner, _, _ in os.walk(folder):
            with suppress(OSError):
                Path(inner).chmod(0o700)
        shutil.rmtree(folder, ignore_errors=True)
