"""A content-addressed store of folders: what has been made once is not made again.

An entry is a folder named by the digest of all that shaped it. It appears by a rename, so an entry
that is there is whole, whoever was killed while making it. Several processes may use one store.
"""

import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from buildkit.files.ownfolder import own_folder
from buildkit.files.tree import replace_text

CACHEDIR_TAG = "CACHEDIR.TAG"
_SIGNATURE = "Signature: 8a477f597d28d172789f06886806bc55\n"
"""From the Cache Directory Tagging Specification, https://bford.info/cachedir/."""


def mark_as_cache(folder: Path) -> None:
    """Create ``folder`` and tag it: backups may leave it out, and ``clean`` may delete it.

    A folder that somebody else has put something into is not tagged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tag = folder / CACHEDIR_TAG
    if not is_marked(folder) and all(path == tag for path in folder.iterdir()):
        tag.write_text(f"{_SIGNATURE}# Made by mesos-buildkit; can be deleted at any time.\n")


def is_marked(folder: Path) -> bool:
    """Whether ``folder`` says of itself that it is a cache."""
    try:
        return (folder / CACHEDIR_TAG).read_text(errors="replace").startswith(_SIGNATURE)
    except OSError:
        return False


@dataclass(frozen=True, kw_only=True)
class Store:
    """``folder/<kind>/<digest>/``; ``limit`` is the size, in bytes, that it is trimmed to."""

    folder: Path
    limit: int

    def get(self, kind: str, digest: str) -> Path | None:
        """The entry's folder, or None. Marks it as used now."""
        entry = self.folder / kind / digest
        try:
            os.utime(entry)
        except FileNotFoundError:
            return None
        return entry

    def put(self, kind: str, digest: str, fill: Callable[[Path], None]) -> Path:
        """Make an entry: ``fill`` is given an empty folder and may raise to leave nothing."""
        mark_as_cache(self.folder)
        entry = self.folder / kind / digest
        entry.parent.mkdir(exist_ok=True)
        with own_folder(entry.parent) as place:
            fresh = place / "entry"
            fresh.mkdir()
            # Whatever the umask: a container has to read it.
            fresh.chmod(0o755)
            fill(fresh)
            try:
                fresh.rename(entry)
            except OSError:
                # Another process was faster; equal digests mean equal contents.
                if not entry.is_dir():
                    raise
        return entry

    def lock_file(self, kind: str, digest: str) -> Path:
        """A file that whoever makes an entry may lock, so that no other makes it as well."""
        mark_as_cache(self.folder)
        folder = self.folder / ".locks"
        folder.mkdir(exist_ok=True)
        return folder / f"{kind}-{digest}.lock"

    def drop(self, kind: str, digest: str) -> None:
        """Forget an entry, if it is there."""
        shutil.rmtree(self.folder / kind / digest, ignore_errors=True)

    def trim(self) -> int:
        """Delete the entries unused for longest until the limit holds; bytes freed.

        To be called when this process uses no entry. Another process that is using one meets a
        missing file, so entries used within the last hour stay whatever the limit.
        """
        if not self.folder.is_dir():
            return 0
        with FileLock(self.folder / ".trim.lock"):
            entries = []
            sizes = _Sizes(self.folder / ".sizes.json")
            for entry in self.folder.glob("*/*"):
                # What another process renames or drops meanwhile is not ours to count.
                with suppress(FileNotFoundError):
                    if entry.is_dir():
                        entries.append((entry.stat().st_mtime, sizes.of(entry), entry))
            sizes.keep()
            entries.sort()
            total = sum(size for _, size, _ in entries)
            newest = max((used for used, _, _ in entries), default=0.0)
            freed = 0
            for used, size, entry in entries:
                if total - freed <= self.limit or used > newest - _IN_USE_SECONDS:
                    break
                shutil.rmtree(entry, ignore_errors=True)
                freed += size
            return freed


class _Sizes:
    """What entries take, in bytes. Remembered: an SDK has thousands of files, and never changes."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known = self._read()
        self._now: dict[str, int] = {}

    def _read(self) -> dict[str, int]:
        try:
            found = json.loads(self._file.read_text())
            return {str(name): int(size) for name, size in found.items()}
        except (OSError, ValueError, TypeError, AttributeError, OverflowError):
            return {}

    def of(self, entry: Path) -> int:
        """Raises :class:`FileNotFoundError` for an entry that goes meanwhile."""
        name = f"{entry.parent.name}/{entry.name}"
        size = self._known.get(name)
        if size is None:
            size = sum(f.stat().st_size for f in entry.rglob("*") if f.is_file())
        # What begins with a dot is half done.
        if not entry.name.startswith("."):
            self._now[name] = size
        return size

    def keep(self) -> None:
        """Remember those that were asked for."""
        if self._now != self._known:
            # On a full disk they are measured again, which is no reason for a run to fail.
            with suppress(OSError):
                replace_text(self._file, json.dumps(self._now, indent=1, sort_keys=True))


_IN_USE_SECONDS = 3600.0
