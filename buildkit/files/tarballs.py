"""Tarballs, read and written in memory; nothing of them is ever unpacked to disk.

What is read may come from anywhere, so all of it is checked, also what nobody asked for: paths that
climb out, links that lead out, devices, sparse files, and archives that unpack to more than anybody
would pack. An archive that fails is refused as a whole.
"""

import bz2
import gzip
import io
import lzma
import posixpath
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, Protocol

from buildkit.compat import tarfile
from buildkit.errors import TargetError
from buildkit.files.tree import File, Tree

LIMIT_BYTES = 1024**3
"""Bound on what an archive may unpack to: Mesos 1.11.0 unpacks to 45 MB, all of boost to 0.7 GB."""
LIMIT_MEMBERS = 100_000
"""Bound on the number of files, folders and links: Mesos 1.11.0 has 2,500, all of boost 60,000."""
HEAD = 512
"""Bytes that :func:`why_no_archive` needs to see."""
_MODIFIED = 315_532_800
"""1980-01-01. GNU tar warns of files from 1970."""
_LONGEST_PATH = 4096
_LONGEST_HEADER = 1024**2
"""With a long name or with pax records, in bytes; tarfile keeps all of it in memory."""
_LONGEST_PADDING = 1024**2
"""After an archive's end mark, in bytes; tar itself pads to 10 KiB."""
_CHUNK = 64 * 1024


_HTML = (b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<!--")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What an archive may hold at most."""

    size: int = LIMIT_BYTES
    """Of all of it unpacked, headers included, in bytes."""
    members: int = LIMIT_MEMBERS


@dataclass(frozen=True, kw_only=True)
class Member:
    """One entry of an archive, checked. A folder has neither ``content`` nor ``leads_to``."""

    path: str
    """POSIX, relative to the archive's top, without ``.`` and ``..``."""
    content: IO[bytes] | None = None
    """A file's; to be read before the next member is asked for."""
    size: int = 0
    """A file's, in bytes."""
    executable: bool = False
    leads_to: str | None = None
    """A symbolic or hard link's end, from the archive's top; maybe nothing is there."""


def why_no_archive(head: bytes) -> str | None:
    """Why a file that begins with ``head`` is no archive, as a message's tail; None if it may be.

    ``head`` is the file's first :data:`HEAD` bytes, or all of a shorter file.
    """
    if not head:
        return "is empty"
    if _unpacker(head) is not None:
        return None
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_HTML):
        return (
            "looks like an HTML page: the server or a proxy answered with a page instead of the "
            "archive"
        )
    return f"is no tar archive packed with gzip, bzip2 or xz; it begins with {head[:16]!r}"


def read_tarball(
    source: Path | BinaryIO,
    *,
    wanted: Callable[[str], bool],
    limit_bytes: int = LIMIT_BYTES,
    limit_members: int = LIMIT_MEMBERS,
    name: str | None = None,
) -> dict[str, File]:
    """The regular files of an archive whose paths are ``wanted``, by their whole paths.

    A wanted link, symbolic or hard, becomes a copy of the file it ends at, which itself need not be
    wanted; one that ends at a folder or at nothing is left out. ``source`` is a seekable file,
    plain or packed with gzip, bzip2 or xz; ``name`` is what messages call it.

    Raises :class:`TargetError` for an archive that is damaged or cut off, that has any member that
    is no file, folder or link or that leads out of it, or that goes over a limit.
    """
    limits = Limits(size=limit_bytes, members=limit_members)
    with _source(source, name) as (file, label):
        start = file.tell()
        found, links, files = _collect(file, label, limits, wanted)
        ends = {link: _end(link, links) for link in links if wanted(link)}
        elsewhere = files.intersection(ends.values()).difference(found)
        copied = found
        if elsewhere:
            # What a link ends at was not wanted for its own sake, so it has not been kept.
            file.seek(start)
            copied = found | _collect(file, label, limits, elsewhere.__contains__)[0]
        found = found | {link: copied[end] for link, end in ends.items() if end in copied}
    leaves = files | links.keys()
    for path in found:
        if not path.isprintable():
            raise TargetError(f"{label}: {path!r}: a path with unprintable characters; refused")
        if not leaves.isdisjoint(map(str, PurePosixPath(path).parents)):
            raise TargetError(f"{label}: {path!r}: lies below a file or link; refused")
    return found


def _collect(
    file: BinaryIO, label: str, limits: Limits, wanted: Callable[[str], bool]
) -> tuple[dict[str, File], dict[str, str], set[str]]:
    """The wanted files, all links with where they lead, and the paths of all files."""
    found: dict[str, File] = {}
    links: dict[str, str] = {}
    files: set[str] = set()
    with open_tarball(file, name=label, limits=limits) as members:
        for member in members:
            path = member.path
            # As for tar itself, of two members with one path the later one counts.
            found.pop(path, None)
            links.pop(path, None)
            files.discard(path)
            if member.leads_to is not None:
                links[path] = member.leads_to
            elif member.content is not None:
                files.add(path)
                if wanted(path):
                    found[path] = File(member.content.read(), member.executable)
    return found, links, files


def _end(link: str, links: Mapping[str, str]) -> str:
    """Where a link leads in the end, over any number of further links."""
    seen = set()
    while link in links and link not in seen:
        seen.add(link)
        link = links[link]
    return link


def check_tarball(source: Path, name: str | None = None) -> None:
    """Read all of an archive, keep nothing. Raises as :func:`read_tarball`."""
    read_tarball(source, wanted=lambda _: False, name=name)


def write_tar(tree: Tree, *, modified: int = _MODIFIED) -> bytes:
    """A tar of the tree's files, by path, all of one time and of nobody in particular.

    ``modified`` is that time, in seconds since 1970. The same tree and time give the same bytes on
    every supported Python and machine.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(tree):
            file = tree[path]
            member = tarfile.TarInfo(path)
            member.size = len(file.data)
            member.mtime = modified
            member.mode = 0o755 if file.executable else 0o644
            archive.addfile(member, io.BytesIO(file.data))
    return packed.getvalue()


def write_tarball(tree: Tree) -> bytes:
    """A ``.tar.gz`` of the tree's files.

    The same tree gives the same tar on every supported Python and machine. How gzip packs it is up
    to the zlib that this Python was built with: the same zlib gives the same bytes.
    """
    packed = io.BytesIO()
    # gzip.compress would be shorter, but puts another header than this in some versions.
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=packed, mtime=0) as stream:
        stream.write(write_tar(tree))
    return packed.getvalue()


@contextmanager
def open_tarball(
    source: Path | BinaryIO, *, name: str | None = None, limits: Limits | None = None
) -> Iterator[Iterator[Member]]:
    """The members of an archive, in its order, while it is only read forward.

    Raises :class:`TargetError` as :func:`read_tarball`, also inside the ``with`` block. That the
    archive is whole is known only when the last member has been taken.
    """
    limits = limits or Limits()
    with _source(source, name) as (file, label), _refusing(label):
        head = file.read(HEAD)
        file.seek(-len(head), io.SEEK_CUR)
        unpack = _unpacker(head)
        if unpack is None:
            raise TargetError(f"{label}: {why_no_archive(head)}")
        with unpack(file) as unpacked:
            stream = _Forward(unpacked, limits.size, label)
            yield _members(stream, limits.members, label)


def _members(stream: "_Forward", limit: int, label: str) -> Iterator[Member]:
    stream.budget = _LONGEST_HEADER
    # Not tarfile's own stream mode, which keeps to itself what made it stop.
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        for number, info in enumerate(archive, 1):
            if number > limit:
                raise TargetError(f"{label}: more than {limit} members; refused as a tar bomb")
            if not 0 <= info.size <= stream.left:
                raise stream.too_much()
            stream.budget = stream.left
            yield _member(info, archive, label)
            stream.budget = _LONGEST_HEADER
    # It takes a damaged header, or none, for the archive's end.
    if any(stream.last):
        raise tarfile.ReadError("a header in the middle makes no sense")
    if not stream.last:
        raise EOFError
    # Only at its end gzip and its like say whether all has come, and come unchanged.
    stream.budget = 2 * _LONGEST_PADDING
    padding = 0
    while chunk := stream.read(_CHUNK):
        padding += len(chunk)
        if padding > _LONGEST_PADDING:
            raise TargetError(f"{label}: goes on for long after its end; refused as a tar bomb")


def _member(info: tarfile.TarInfo, archive: tarfile.TarFile, label: str) -> Member:
    path = _checked_path(info, label)
    if info.issym() or info.islnk():
        return Member(path=path, leads_to=_checked_link(info, path, label))
    if info.isdir():
        return Member(path=path)
    if not info.isreg() or info.issparse():
        raise TargetError(
            f"{label}: {path!r}: neither a plain file nor a folder nor a link; refused"
        )
    return Member(
        path=path,
        content=archive.extractfile(info),
        size=info.size,
        executable=bool(info.mode & 0o100),
    )


def _checked_path(info: tarfile.TarInfo, label: str) -> str:
    if len(info.name) > _LONGEST_PATH or len(info.linkname) > _LONGEST_PATH:
        raise TargetError(
            f"{label}: {info.name[:60]!r}...: a path of over {_LONGEST_PATH} characters"
        )
    path = PurePosixPath(info.name)
    if path.is_absolute() or ".." in path.parts:
        raise TargetError(f"{label}: {info.name!r}: a path that climbs out of the archive; refused")
    if not path.parts and not info.isdir():
        raise TargetError(f"{label}: {info.name!r}: a member without a name; refused")
    return str(path)


def _checked_link(info: tarfile.TarInfo, path: str, label: str) -> str:
    # A symbolic link starts where it is, a hard link at the archive's top.
    start = posixpath.dirname(path) if info.issym() else ""
    landed = posixpath.normpath(posixpath.join(start, info.linkname))
    if landed.startswith(("/", "../")) or landed == ".." or not info.linkname:
        raise TargetError(
            f"{label}: {path!r}: a link to {info.linkname!r}, out of the archive; refused"
        )
    return landed


@contextmanager
def _source(source: Path | BinaryIO, name: str | None) -> Iterator[tuple[BinaryIO, str]]:
    """The file to read, and what to call it."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield file, name or str(source)
    else:
        yield source, name or "archive"


@contextmanager
def _refusing(label: str) -> Iterator[None]:
    """Turn the many ways in which a broken archive shows into one."""
    try:
        yield
    except EOFError:
        raise TargetError(f"{label}: is cut off; a part of it is missing") from None
    except (tarfile.TarError, zlib.error, lzma.LZMAError, RecursionError) as error:
        raise TargetError(f"{label}: is damaged: {error}") from None
    except OSError as error:
        # gzip and bz2 use it for bad data; those of the system have a number.
        if error.errno is not None:
            raise
        raise TargetError(f"{label}: is damaged: {error}") from None


def _unpacker(head: bytes) -> Callable[[BinaryIO], AbstractContextManager["_Readable"]] | None:
    """What unpacks a file with this head; None if it is nothing we know."""
    if head.startswith(b"\x1f\x8b\x08"):
        return lambda file: gzip.GzipFile(fileobj=file)
    if head.startswith(b"BZh"):
        return bz2.BZ2File
    if head.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMAFile
    if head[257:262] == b"ustar":
        return nullcontext
    return None


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; none at the end."""


class _Forward(io.RawIOBase):
    """A stream as a file that is only read forward. ``limit``, in bytes, is for others to heed."""

    def __init__(self, stream: _Readable, limit: int, label: str) -> None:
        self._stream = stream
        self._limit = limit
        self._label = label
        self._place = 0
        self.last = b""
        """The piece that was read last."""
        self.budget = limit
        """How many bytes more may be read, other than to pass over them."""

    @property
    def left(self) -> int:
        """How many bytes more may be read."""
        return self._limit - self._place

    def read(self, size: int = -1, /) -> bytes:
        """As of any file. Raises :class:`TargetError` for more than the budget."""
        if not 0 <= size <= self.budget:
            raise TargetError(f"{self._label}: a header that is too long; refused as a tar bomb")
        self.budget -= size
        return self._take(size)

    def _take(self, size: int) -> bytes:
        self.last = self._stream.read(size)
        self._place += len(self.last)
        return self.last

    def tell(self) -> int:
        """How much has been read, in bytes."""
        return self._place

    def seek(self, place: int, whence: int = io.SEEK_SET, /) -> int:
        """Go forward. Raises :class:`tarfile.ReadError` for the way back."""
        if whence != io.SEEK_SET or place < self._place:
            raise tarfile.ReadError("a member before the one before it")
        while self._place < place and self._take(min(place - self._place, _CHUNK)):
            pass
        return self._place

    def too_much(self) -> TargetError:
        """The error for an archive that is too large."""
        return TargetError(
            f"{self._label}: unpacks to more than {self._limit / 1024**2:.0f} MiB; refused as a "
            "tar bomb"
        )
