"""A packed SDK, unpacked once for all builds on an engine that can lend them the folder.

Making and deleting a few thousand files takes seconds on some file systems: ext4 looks for inodes
that were not freed lately. A build that writes to its SDK would spoil the next one's, so what was
unpacked is looked at before it is lent.
"""

from collections.abc import Mapping
from pathlib import Path

from buildkit.files.tarballs import read_tarball
from buildkit.files.tree import digest_of, write_tree

_FOLDER = "files"
_STAMP = "stamp.txt"


def unpack(packed: Path, entry: Path) -> None:
    """Unpack an SDK's archive into a folder of the store.

    Raises :class:`buildkit.errors.TargetError` for what is no archive.
    """
    write_tree(read_tarball(packed, wanted=lambda _: True), entry / _FOLDER)
    (entry / _STAMP).write_text(_stamp(entry / _FOLDER))


def unpacked(entry: Path) -> Mapping[str, Path] | None:
    """What was unpacked: place below the work folder -> here. None if it has been changed since."""
    folder = entry / _FOLDER
    try:
        whole = (entry / _STAMP).read_text() == _stamp(folder)
    except FileNotFoundError:
        return None
    if not whole:
        return None
    return {path.name: path for path in folder.iterdir()}


def _stamp(folder: Path) -> str:
    """Changes when a file is added, removed or written to. Reads no file: that takes too long."""
    files = sorted(
        (str(path.relative_to(folder)), path.lstat())
        for path in folder.rglob("*")
        if not path.is_dir() or path.is_symlink()
    )
    return digest_of(*(f"{name} {s.st_size} {s.st_mtime_ns} {s.st_mode}" for name, s in files))
