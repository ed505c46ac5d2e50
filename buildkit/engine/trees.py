"""File trees across the border of an engine: the same bytes in every time, and nothing evil out.

Going in, an entry keeps only its name, its content and whether it is executable. Coming out, a tree
may hold files, folders, and links that stay inside it.
"""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from buildkit.compat import tarfile
from buildkit.errors import TargetError, UsageError

MAX_RESULT_BYTES = 4 * 1024**3
"""Bound on what one step may hand back, before it fills this machine's disk."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One file, folder or link of a tree that goes into an engine."""

    name: str
    """POSIX path below the tree's top."""
    kind: Literal["folder", "file", "link"]
    source: Path | None = None
    """Where a file's content is."""
    executable: bool = False
    leads_to: str = ""
    """A link's text."""

    @property
    def mode(self) -> int:
        """Permission bits; whatever the umask of who wrote the sources was."""
        return 0o755 if self.executable or self.kind == "folder" else 0o644


def entries(inputs: Mapping[str, Path], folders: Iterable[str] = ()) -> list[Entry]:
    """All entries of the tree that ``inputs`` describe, sorted, each folder before its content.

    ``inputs`` maps a destination (POSIX, ``"."`` for the top) to a file or folder; several folders
    may be laid over one another as long as no two give the same file. ``folders`` are added empty.

    Raises :class:`UsageError` for what cannot be taken along: a link that leads out of its folder,
    a device, a file that cannot be read, two files for one name.
    """
    found: dict[str, Entry] = {}

    def add(entry: Entry) -> None:
        for parent in PurePosixPath(entry.name).parents[:-1]:
            add_one(Entry(name=str(parent), kind="folder"))
        add_one(entry)

    def add_one(entry: Entry) -> None:
        other = found.setdefault(entry.name, entry)
        if other != entry:
            raise UsageError(
                f"two inputs give {entry.name!r}: {other.source or other.kind} "
                f"and {entry.source or entry.kind}; only folders may be laid over one another"
            )

    for folder in folders:
        add(Entry(name=_destination(folder), kind="folder"))
    for destination, source in inputs.items():
        top = _destination(destination)
        for entry in _read(top, source):
            if entry.name != ".":
                add(entry)
    # By components: in plain text order "a-b" comes between "a" and "a/b".
    return sorted(found.values(), key=lambda entry: entry.name.split("/"))


def _destination(text: str) -> str:
    path = PurePosixPath(text)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{text!r} is not a path below the work folder")
    return str(path)


def _read(name: str, source: Path) -> Iterator[Entry]:
    """One input's entries, the links in it unfollowed. ``source`` itself may be a link."""
    try:
        status = source.stat()
    except OSError as error:
        raise UsageError(f"{source}: {error.strerror}; it is needed as {name!r}") from error
    if stat.S_ISREG(status.st_mode):
        yield _file(name, source, status)
    elif stat.S_ISDIR(status.st_mode):
        yield Entry(name=name, kind="folder")
        yield from _walk(name, source, "")
    else:
        raise UsageError(f"{source}: neither a file nor a folder; it is needed as {name!r}")


def _walk(top: str, folder: Path, below: str) -> Iterator[Entry]:
    """The entries of ``folder``, which is ``below`` the input's own top folder."""
    try:
        listed = sorted(os.scandir(folder), key=lambda item: item.name)
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror}") from error
    for item in listed:
        inside = f"{below}{item.name}"
        name = str(PurePosixPath(top) / inside)
        status = item.stat(follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            yield Entry(name=name, kind="link", leads_to=_inner_link(Path(item.path), inside))
        elif stat.S_ISDIR(status.st_mode):
            yield Entry(name=name, kind="folder")
            yield from _walk(top, Path(item.path), f"{inside}/")
        elif stat.S_ISREG(status.st_mode):
            yield _file(name, Path(item.path), status)
        else:
            raise UsageError(f"{item.path}: neither a file, a folder nor a link; remove it")


def _file(name: str, source: Path, status: os.stat_result) -> Entry:
    executable = bool(status.st_mode & stat.S_IXUSR)
    return Entry(name=name, kind="file", source=source, executable=executable)


def _inner_link(link: Path, inside: str) -> str:
    leads_to = link.readlink()
    landed = Path(os.path.normpath(Path(inside).parent / leads_to))
    if leads_to.is_absolute() or landed.parts[:1] == ("..",):
        raise UsageError(
            f"{link}: a link to {leads_to}, out of the folder that is handed over, where no "
            "container can follow it; put a copy in its place"
        )
    return str(leads_to)


def pack(tree: Iterable[Entry], *, top: str, owner: int, modified: int = 0) -> IO[bytes]:
    """A tar of the tree below a folder ``top``, rewound; the caller closes it.

    The same tree gives the same bytes. All belongs to user and group ``owner`` (a number) and has
    the time ``modified`` (seconds since 1970).
    """
    file = tempfile.TemporaryFile(prefix="mesos-buildkit-")  # noqa: SIM115  # handed to the caller
    try:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
            _put(tar, Entry(name=".", kind="folder"), top, owner, modified)
            for entry in tree:
                _put(tar, entry, top, owner, modified)
        # Without the zeros behind the end that tarfile fills up with: Podman's reader stops at the
        # end, and if that is before all has been written to it, the whole transfer has failed.
        file.truncate(tar.offset)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _put(tar: tarfile.TarFile, entry: Entry, top: str, owner: int, modified: int) -> None:
    member = tarfile.TarInfo(str(PurePosixPath(top) / entry.name))
    member.uid = member.gid = owner
    member.mtime = modified
    member.mode = entry.mode
    match entry.kind:
        case "folder":
            member.type = tarfile.DIRTYPE
            tar.addfile(member)
        case "link":
            member.type = tarfile.SYMTYPE
            member.linkname = entry.leads_to
            tar.addfile(member)
        case "file":
            assert entry.source is not None  # noqa: S101  # for mypy: files have one
            with entry.source.open("rb") as content:
                member.size = os.fstat(content.fileno()).st_size
                tar.addfile(member, content)


def lay(tree: Iterable[Entry], folder: Path, *, modified: int = 0) -> None:
    """Copy the tree into a folder that is there, with the modes and times of :func:`pack`."""
    placed = list(tree)
    for entry in placed:
        path = folder / entry.name
        match entry.kind:
            case "folder":
                path.mkdir()
            case "link":
                path.symlink_to(entry.leads_to)
            case "file":
                assert entry.source is not None  # noqa: S101  # for mypy: files have one
                shutil.copyfile(entry.source, path)
        if entry.kind != "link":
            path.chmod(entry.mode)
    for entry in reversed(placed):
        os.utime(folder / entry.name, (modified, modified), follow_symlinks=False)


def unpack(stream: IO[bytes], output: Path, *, top: str, limit: int = MAX_RESULT_BYTES) -> None:
    """Extract what is below ``top`` in a tar that a step could have any hand in, into ``output``.

    ``stream`` is only read forward; ``output`` is made if need be. Regular files, folders and links
    within the tree come through, without their owners and without special permission bits.

    Raises :class:`TargetError` for anything else, and for more than ``limit`` bytes;
    :class:`tarfile.ReadError` if the tar is cut off.
    """
    output.mkdir(parents=True, exist_ok=True)
    gauge = Gauge(limit)

    def accept(member: tarfile.TarInfo, destination: str) -> tarfile.TarInfo | None:
        inside = _strip(member.name, top)
        if inside is None:
            return None
        gauge.take(member)
        linkname = member.linkname
        if member.issym():
            _check_link(inside, member.linkname)
        elif member.islnk():
            linkname = _strip(member.linkname, top) or ""
        elif not (member.isreg() or member.isdir()):
            raise TargetError(f"the step left {inside!r} in {top}/, which is a device or a pipe")
        renamed = member.replace(name=inside, linkname=linkname, deep=False)
        return tarfile.data_filter(renamed, destination)

    try:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            tar.extractall(output, filter=accept)  # the filter is the check
    except tarfile.FilterError as error:
        raise TargetError(f"the step left something in {top}/ that is refused: {error}") from error


def _strip(name: str, top: str) -> str | None:
    """``name`` without the folder ``top`` in front; None for ``top`` itself."""
    head, _, inside = name.removeprefix("./").partition("/")
    if head != top:
        raise TargetError(f"{name!r} is not below {top}/ in what came back from the step")
    return inside.strip("/") or None


def _check_link(name: str, leads_to: str) -> None:
    # Stricter than the standard filter: without ".." no chain of links, however made, can get out.
    if leads_to.startswith("/") or ".." in leads_to.split("/"):
        raise TargetError(
            f"the step left a link {name!r} to {leads_to!r} among its results; links there must "
            "be relative and without '..'"
        )


class Gauge:
    """Adds up what a step hands back and stops it at a limit in bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._total = 0

    def take(self, member: tarfile.TarInfo) -> tarfile.TarInfo:
        """Count one member, and hand it on."""
        # A header and padding for each, so that a million empty files count as well.
        self._total += member.size + 512
        if self._total > self._limit:
            raise TargetError(f"the step's results are larger than {self._limit} bytes")
        return member


def repack(folder: Path, *, limit: int = MAX_RESULT_BYTES) -> IO[bytes]:
    """A tar of ``folder`` under its own name, for :func:`unpack` to judge; the caller closes it."""
    gauge = Gauge(limit)
    file = tempfile.TemporaryFile(prefix="mesos-buildkit-")  # noqa: SIM115  # handed to the caller
    try:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
            tar.add(folder, arcname=folder.name, filter=gauge.take)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file
