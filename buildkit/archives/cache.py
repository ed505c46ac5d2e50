"""The archive cache: a folder of official source archives, each verified by its pinned SHA-512.

The folder is shared by all of a user's projects. Somebody without network fills it by hand; what is
missing is fetched from the Apache archive or a mirror of it.
"""

import hashlib
import os
import re
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

import platformdirs
from filelock import FileLock, Timeout
from rich.filesize import decimal

from buildkit.archives.check import check_archive
from buildkit.archives.lock import ArchiveLock, check_name
from buildkit.archives.problems import DownloadError, UnreachableError, WrongAnswerError
from buildkit.archives.progress import Show, show_nothing
from buildkit.engine import Emit
from buildkit.errors import TargetError, UnavailableError
from buildkit.releases import Release

if TYPE_CHECKING:
    from buildkit.archives.download import Downloader

FOLDER_VARIABLE = "MESOS_BUILDKIT_ARCHIVES"
_ARCHIVE = re.compile(r"mesos-((0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*))\.tar\.gz")
OFFICIAL_URL = "https://archive.apache.org/dist/mesos"


def default_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The cache's folder: the one that the user names, or one in the user's cache folder."""
    if named := environment.get(FOLDER_VARIABLE):
        return Path(named).expanduser().absolute()
    return platformdirs.user_cache_path("mesos-buildkit", appauthor=False) / "archives"


def archive_of(release: Release) -> str:
    """The name of a release's source archive."""
    return f"mesos-{release}.tar.gz"


def release_of(name: str) -> Release | None:
    """The release whose source archive has this name; None for an archive of something else."""
    match = _ARCHIVE.fullmatch(name)
    return Release.parse(match[1]) if match else None


def url_path_of(release: Release) -> str:
    """Where it is, below the URL of the official archive or of a mirror."""
    return f"{release}/{archive_of(release)}"


def published_digest(text: str, name: str) -> str | None:
    """The SHA-512, in lower-case hex, in a ``.sha512`` file; None if there is none to be seen.

    sha512sum writes it as one word beside the name, gpg as many words over several lines.
    """
    words = re.findall(r"\b(?:[0-9A-Fa-f]{2})+\b", text.replace(name, " "), re.ASCII)
    digest = "".join(words).lower()
    return digest if len(digest) == _HEX_DIGITS else None


_HEX_DIGITS = 128


class Archives:
    """The archives in ``folder``, which need not exist yet.

    Threads and processes may share one folder. ``base_url`` and then each of ``mirrors`` is where a
    missing one is fetched from; ``offline`` forbids that. ``update`` makes the lock file follow the
    archives instead of refusing those that have changed. ``emit`` is told what a user should know.
    """

    def __init__(  # noqa: PLR0913
        self,
        *,
        folder: Path,
        lock: ArchiveLock,
        emit: Emit,
        base_url: str = OFFICIAL_URL,
        mirrors: Sequence[str] = (),
        offline: bool = False,
        update: bool = False,
        downloader: "Downloader | None" = None,
    ) -> None:
        self.folder = folder
        self.lock = lock
        self._emit = emit
        self._bases = [url.rstrip("/") for url in (base_url, *mirrors)]
        self._offline = offline
        self._update = update
        self._given = downloader
        self._mutex = threading.Lock()
        self._digests: dict[Path, tuple[tuple[int, int], str]] = {}
        self._failures: dict[str, str] = {}
        """Archive -> why it could not be fetched."""
        self._unreachable: dict[str, UnreachableError] = {}
        """Server -> why there is no way to it. Other archives need not wait for it again."""

    @cached_property
    def _downloader(self) -> "Downloader":
        # What it is made of takes longer to import than most commands run, which fetch nothing.
        from buildkit.archives.download import Downloader  # noqa: PLC0415

        return self._given or Downloader()

    def has(self, name: str) -> bool:
        """Whether the archive is there, right or wrong. Takes no time."""
        return (self.folder / name).is_file()

    def releases(self) -> frozenset[Release]:
        """The releases whose archives are there. Takes no time."""
        found = (release_of(path.name) for path in self.folder.glob("mesos-*.tar.gz"))
        return frozenset(release for release in found if release is not None)

    def digest(self, name: str) -> str:
        """The SHA-512, in hex, that the archive is pinned to; one that is not gets pinned.

        Raises :class:`TargetError` as :meth:`find`, and for an archive that is not there.
        """
        pinned = self.lock.pin(name)
        if pinned is not None and not self._update:
            # Whether it is that one is seen when it is read.
            return pinned
        if self.find(name) is None:
            raise TargetError(
                self._failures.get(name)
                or f"{name}: not in {self.folder}; get it with 'python -m buildkit sdk', or put it "
                f"there ({FOLDER_VARIABLE} names another folder)"
            )
        pinned = self.lock.pin(name)
        if pinned is None:
            raise AssertionError("find pins what it gives")
        return pinned

    def find(self, name: str) -> Path | None:
        """The archive, verified; None if it is not there. One that is not pinned yet gets pinned.

        Raises :class:`TargetError` for one that is not the pinned one, is no whole archive, or is
        by its name a release's and holds another.
        """
        check_name(name)
        path = self.folder / name
        if not path.is_file():
            return None
        with self._mutex:
            digest = self._digest(path)
            pinned = self.lock.pin(name)
            if digest != pinned:
                if pinned is not None and not self._update:
                    raise TargetError(
                        f"{self.lock.mismatch(name, digest)}; remove {path} to have it fetched "
                        "anew, or accept it with 'python -m buildkit sdk --update-lock'"
                    )
                check_archive(path, str(path), release_of(name))
                self._record(name, digest, pinned, "as it lies in the archive folder")
        return path

    def fetch(self, name: str, url_path: str, show: Show = show_nothing) -> Path:
        """The archive, verified; fetched if it is not there.

        ``url_path`` is where it is below a mirror's URL. Raises :class:`TargetError` for an archive
        that is not the pinned one or that no server has, and :class:`UnavailableError` if no server
        can be asked or the folder can't be written.
        """
        if (found := self.find(name)) is not None:
            return found
        if self._offline:
            problems: list[tuple[str, DownloadError]] = [
                (f"{base}/{url_path}", UnreachableError("not tried: offline"))
                for base in self._bases
            ]
            raise self._failure(name, problems)
        with self._only_one(name):
            # Who held the lock before may have fetched it.
            return self.find(name) or self._fetch(name, url_path, show)

    def take(self, name: str, content: IO[bytes], digest: str) -> None:
        """Put an archive that comes from elsewhere into the folder, and pin it.

        Raises :class:`TargetError` if its SHA-512 is not ``digest``, or if another one is pinned.
        """
        check_name(name)
        with self._only_one(name):
            path, part = self.folder / name, self.folder / f".{name}.import"
            if path.is_file() and self._digest(path) == digest:
                if self.lock.pin(name) != digest:
                    check_archive(path, str(path), release_of(name))
                self.lock.record(name, digest, update=self._update)
                return
            try:
                with part.open("wb") as file:
                    shutil.copyfileobj(content, file)
                found = _sha512(part)
                if found == digest:
                    check_archive(part, name, release_of(name))
                    self._keep_other(path)
                    self.lock.record(name, digest, update=self._update)
                    part.replace(path)
                    return
            finally:
                part.unlink(missing_ok=True)
        raise TargetError(f"{name}: its SHA-512 is {found}; expected {digest}")

    def _keep_other(self, path: Path) -> None:
        """The folder is shared by projects: one must not take another's archive away."""
        if path.is_file() and not self._update:
            raise TargetError(
                f"{path.name}: another one is in {self.folder} already; remove it, or replace it "
                "with --update-lock"
            )

    def _fetch(self, name: str, url_path: str, show: Show) -> Path:
        part = self.folder / f".{name}.part"
        problems: list[tuple[str, DownloadError]] = []
        for base in self._bases:
            try:
                self._fetch_from(base, name, url_path, part, show)
            except DownloadError as error:
                if isinstance(error, WrongAnswerError):
                    self._downloader.discard(part)
                problems.append((f"{base}/{url_path}", error))
            else:
                path = self.folder / name
                part.replace(path)
                self._downloader.discard(part)
                self._emit(f"fetched {name} ({decimal(path.stat().st_size)}) from {base}")
                return path
        raise self._failure(name, problems)

    def _fetch_from(self, base: str, name: str, url_path: str, part: Path, show: Show) -> None:
        """Make ``part`` the whole archive, verified and pinned."""
        server = urlsplit(base).netloc
        if server in self._unreachable:
            raise self._unreachable[server]
        url = f"{base}/{url_path}"
        try:
            with show(name) as report:
                self._downloader.file(url, part, report)
            self._verify(name, url, part)
        except UnreachableError as error:
            self._unreachable[server] = error
            raise

    def _verify(self, name: str, url: str, part: Path) -> None:
        """Compare with the pin; without one, with what is published beside it, and pin it."""
        digest = _sha512(part)
        pinned = self.lock.pin(name)
        if digest == pinned:
            return
        if pinned is not None and not self._update:
            raise WrongAnswerError(self.lock.mismatch(name, digest))
        published = published_digest(self._downloader.text(f"{url}.sha512") or "", name)
        if published not in {None, digest}:
            raise WrongAnswerError(f"its SHA-512 is {digest}, but {url}.sha512 says {published}")
        try:
            check_archive(part, name, release_of(name))
        except TargetError as error:
            raise WrongAnswerError(str(error)) from None
        why = f"as {url}.sha512 says" if published else "on trust: no digest is published there"
        self._record(name, digest, pinned, why)

    def _record(self, name: str, digest: str, pinned: str | None, why: str) -> None:
        self.lock.record(name, digest, update=self._update)
        how = "recorded on first use" if pinned is None else f"changed from {pinned[:16]}..."
        self._emit(f"{name}: SHA-512 {digest[:16]}... {how} in {self.lock.path}, {why}")

    def _digest(self, path: Path) -> str:
        """SHA-512 of a file, in hex. Not computed again while the file stays as it is."""
        status = path.stat()
        key = (status.st_size, status.st_mtime_ns)
        known = self._digests.get(path)
        if known is None or known[0] != key:
            known = self._digests[path] = (key, _sha512(path))
        return known[1]

    @contextmanager
    def _only_one(self, name: str) -> Iterator[None]:
        """Keeps other processes and threads from writing the same archive."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / f".{name}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                self._emit(f"{name}: waiting for another process that fetches it")
                lock.acquire()
        except OSError as error:
            raise UnavailableError(
                f"{self.folder}: can't be written: {error.strerror}; name another folder with "
                f"{FOLDER_VARIABLE}"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def _failure(self, name: str, problems: Sequence[tuple[str, DownloadError]]) -> Exception:
        tried = "; ".join(f"{url}: {error}" for url, error in problems)
        # A server that was there and did not have it says nothing about other archives.
        answered = any(isinstance(error, WrongAnswerError) for _, error in problems)
        self._failures[name] = (
            f"{name}: not in {self.folder}, and can't be fetched: {tried}. Without network, put "
            f"the file {name} into that folder ({FOLDER_VARIABLE} names another one), or take "
            "along what 'python -m buildkit sdk --export FILE' writes elsewhere"
        )
        return (TargetError if answered else UnavailableError)(self._failures[name])


def _sha512(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha512").hexdigest()
