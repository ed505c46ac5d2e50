"""Trees of files in memory: read from disk, digested, written back.

What a target's build depends on is small (sources, scripts, rendered headers), so it is held in
memory and one object is hashed, patched, sent to a daemon or written as a context folder.
"""

import fnmatch
import hashlib
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from buildkit.errors import UsageError
from buildkit.files.ownfolder import own_folder


@dataclass(frozen=True)
class File:
    """One regular file."""

    data: bytes
    executable: bool = False


Tree = Mapping[str, File]
"""POSIX path relative to the tree's root -> file."""

_LEFT_OUT = {"__pycache__"}


def read_tree(folder: Path) -> dict[str, File]:
    """All files below ``folder``, without hidden ones (``.git``, editors' files).

    Links are followed only if they stay below ``folder``. Raises :class:`UsageError` for one that
    leaves it, because a context must not depend on what lies elsewhere, for one to a folder, which
    could lead in circles, and for what is not a file.
    """
    root = folder.resolve()
    found: dict[str, File] = {}
    for directory, names, files in os.walk(root):
        names[:] = sorted(n for n in names if not n.startswith(".") and n not in _LEFT_OUT)
        for name in names:
            if (path := Path(directory, name)).is_symlink():
                raise UsageError(f"{path}: is a link to a folder; copy the folder in instead")
        for name in sorted(files):
            path = Path(directory, name)
            if name.startswith("."):
                continue
            real = path.resolve()
            if not real.is_relative_to(root):
                raise UsageError(f"{path}: is a link out of {folder}; copy the file in instead")
            if not real.is_file():
                raise UsageError(f"{path}: neither a file nor a folder, so it can't be copied")
            found[path.relative_to(root).as_posix()] = File(
                real.read_bytes(), executable=os.access(real, os.X_OK)
            )
    return found


def under(prefix: str, tree: Tree) -> dict[str, File]:
    """The same tree one or more folders deeper."""
    return {f"{prefix}/{path}": file for path, file in tree.items()}


def matching(tree: Tree, globs: Iterable[str]) -> list[str]:
    """The paths in a tree that at least one glob fits, sorted."""
    globs = tuple(globs)
    return [path for path in sorted(tree) if any(fnmatch.fnmatchcase(path, g) for g in globs)]


def tree_digest(tree: Tree) -> str:
    """SHA-256, in hex, over paths, modes and contents; two trees share it only if equal."""
    digest = hashlib.sha256()
    for path in sorted(tree):
        file = tree[path]
        # Lengths first: otherwise a path's tail could pass for a content's head.
        digest.update(f"{len(path.encode())}:{path}:{file.executable:d}:{len(file.data)}:".encode())
        digest.update(file.data)
    return digest.hexdigest()


def digest_of(*parts: str) -> str:
    """SHA-256, in hex, over a sequence of texts; no two sequences of texts look alike."""
    digest = hashlib.sha256()
    for part in parts:
        # Sources need not be UTF-8.
        data = part.encode(errors="surrogateescape")
        digest.update(f"{len(data)}:".encode())
        digest.update(data)
    return digest.hexdigest()


def write_tree(tree: Tree, folder: Path) -> None:
    """Make ``folder`` hold exactly ``tree``, appearing whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with own_folder(folder.parent) as own:
        fresh = own / "new"
        fresh.mkdir()
        fresh.chmod(0o755)
        for path, file in tree.items():
            place = fresh / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.data)
            place.chmod(0o755 if file.executable else 0o644)
        replace_folder(fresh, folder)


def replace_folder(fresh: Path, folder: Path) -> None:
    """Put ``fresh`` in the place of ``folder``, which need not exist; both on one file system."""
    if not folder.exists():
        fresh.rename(folder)
        return
    with own_folder(folder.parent) as own:
        old = own / "old"
        folder.rename(old)
        try:
            fresh.rename(folder)
        except OSError:
            old.rename(folder)
            raise


def replace_text(path: Path, text: str) -> None:
    """Make ``text`` the content of the file ``path``: all of it or, whatever happens, nothing."""
    handle, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def texts(files: Iterable[tuple[str, str]]) -> dict[str, File]:
    """A tree of plain text files."""
    return {path: File(text.encode()) for path, text in files}
