"""Bundles: one tar file that carries what a site without network needs, there and back.

What a bundle carries is divided into parts, each a folder of the tar with a class of its own here.
"""

import io
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Protocol

from buildkit.archives.cache import Archives
from buildkit.archives.lock import parse_pins
from buildkit.compat import tarfile
from buildkit.errors import TargetError, UnavailableError, UsageError
from buildkit.files.tarballs import Limits, open_tarball

_LIMITS = Limits(size=1024**4, members=100_000)
"""A bundle holds many archives, and maybe whole base images."""
_MODIFIED = 315_532_800
"""1980-01-01, so that equal contents are equal bundles."""


class BundlePart(Protocol):
    """One kind of thing that a bundle carries."""

    @property
    def name(self) -> str:
        """Its folder in the tar."""

    def files(self) -> Iterable[tuple[str, Path | bytes]]:
        """What to carry: a path below the part's folder, and the file or its content."""

    def accept(self, name: str, content: IO[bytes]) -> None:
        """Take one file out of a bundle, in the order in which :meth:`files` gave them.

        Raises :class:`TargetError` for one that is not what it should be.
        """


class ArchivesPart:
    """The named archives of a cache, and their lines of the lock file."""

    name = "archives"
    _SUMS = "SHA512SUMS"

    def __init__(self, archives: Archives, names: Sequence[str] = ()) -> None:
        self._archives = archives
        self._names = names
        self._pins: dict[str, str] = {}

    def files(self) -> Iterable[tuple[str, Path | bytes]]:
        """The archives, and before them their digests."""
        paths = {}
        for name in sorted(self._names):
            path = self._archives.find(name)
            if path is None:
                raise TargetError(f"{name}: not in {self._archives.folder}")
            paths[name] = path
        pins = self._archives.lock.pins()
        yield self._SUMS, "".join(f"{pins[name]}  {name}\n" for name in paths).encode()
        yield from paths.items()

    def accept(self, name: str, content: IO[bytes]) -> None:
        """Put the archive into the cache, if it is the one that is pinned here or there."""
        if name == self._SUMS:
            self._pins = parse_pins(content.read(1024**2), name)
        elif name not in self._pins:
            raise TargetError(f"{name}: not in the bundle's {self._SUMS}")
        else:
            self._archives.take(name, content, self._pins[name])


def write_bundle(path: Path, parts: Iterable[BundlePart]) -> None:
    """Write a bundle of all parts, whole or not at all.

    Raises :class:`UnavailableError` if it can't be written, for want of space, say.
    """
    try:
        handle, fresh = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with (
                os.fdopen(handle, "wb") as file,
                tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive,
            ):
                for part in parts:
                    for name, content in part.files():
                        _add(archive, f"{part.name}/{name}", content)
            Path(fresh).chmod(0o644)
            Path(fresh).replace(path)
        except BaseException:
            Path(fresh).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UnavailableError(f"{path}: can't be written: {error.strerror}") from None


def read_bundle(path: Path, parts: Iterable[BundlePart]) -> int:
    """Hand each file of a bundle to its part; how many there were.

    Raises :class:`UsageError` for a file that is no bundle or that holds what it should not. What
    was taken before the fault was found has been verified, and stays.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file; expected what --export has written")
    known = {part.name: part for part in parts}
    taken = 0
    try:
        with open_tarball(path, limits=_LIMITS) as members:
            for member in members:
                if member.content is None and member.leads_to is None:
                    continue
                folder, _, name = member.path.partition("/")
                if member.content is None or folder not in known:
                    raise UsageError(
                        f"{path}: {member.path!r}: not what 'python -m buildkit sdk --export' of "
                        "this version writes"
                    )
                known[folder].accept(name, member.content)
                taken += 1
    except TargetError as error:
        text = str(error)
        raise UsageError(text if text.startswith(str(path)) else f"{path}: {text}") from None
    except OSError as error:
        raise UnavailableError(f"{error.filename or path}: {error.strerror}") from None
    return taken


def _add(archive: tarfile.TarFile, name: str, content: Path | bytes) -> None:
    member = tarfile.TarInfo(name)
    member.mode = 0o644
    member.mtime = _MODIFIED
    with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as file:
        member.size = file.seek(0, io.SEEK_END)
        file.seek(0)
        archive.addfile(member, file)
