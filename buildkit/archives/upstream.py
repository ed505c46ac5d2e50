"""Which releases the Apache archive lists, and how a matrix compares with that.

The archive's only index is the HTML page of its folder, which has a link to each release's own.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Protocol
from urllib.parse import unquote, urljoin, urlsplit

from buildkit.archives.download import Downloader, Page, Patience
from buildkit.archives.problems import DownloadError, WrongAnswerError
from buildkit.errors import UnavailableError, UsageError
from buildkit.releases import FINAL_RELEASES, Release

SECONDS = 45.0
"""How long the archive and all its mirrors may take together."""
_PATIENCE = Patience(requests=2, longest_pause=2.0, connect_seconds=5.0, silent_seconds=10.0)


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What an archive lists."""

    url: str
    """The folder's page that was read."""
    releases: tuple[Release, ...]
    """Final releases from the interface table's first one on, oldest first."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A matrix beside what the archive lists."""

    patches: tuple[Release, ...]
    """The newest listed patch of each minor version that the matrix has only older ones of."""
    minors: tuple[Release, ...]
    """The newest listed patch of each minor version that is newer than all of the matrix."""
    absent: tuple[Release, ...]
    """The same of older minor versions that the matrix does not have, as its author may want it."""
    unlisted: tuple[Release, ...]
    """Releases of the matrix that the archive does not list."""

    @property
    def new(self) -> tuple[Release, ...]:
        """What the matrix should get, oldest first."""
        return tuple(sorted((*self.patches, *self.minors)))

    @property
    def unknown(self) -> tuple[Release, ...]:
        """Those of them that the interface table does not have."""
        return tuple(release for release in self.new if release not in FINAL_RELEASES)

    @property
    def up_to_date(self) -> bool:
        """Whether there is nothing to do."""
        return not self.new and not self.unlisted


def compare(matrix: Iterable[Release], listed: Iterable[Release]) -> Comparison:
    """What of ``listed`` the matrix lacks. Pure."""
    have = set(matrix)
    there = set(listed)
    newest = {_minor(release): release for release in sorted(there)}
    mine = {_minor(release): release for release in sorted(have)}
    last = max(mine, default=(0, 0))
    lacking = [release for minor, release in newest.items() if minor not in mine]
    return Comparison(
        patches=tuple(
            release for minor, release in newest.items() if minor in mine and mine[minor] < release
        ),
        minors=tuple(release for release in lacking if _minor(release) > last),
        absent=tuple(release for release in lacking if _minor(release) < last),
        unlisted=tuple(sorted(have - there)),
    )


def _minor(release: Release) -> tuple[int, int]:
    return release.major, release.minor


# --- reading the page


def parse_listing(page: str, url: str) -> tuple[Release, ...]:
    """The final releases whose folders ``page`` links to from ``url``, oldest first. Pure.

    Release candidates and incubating releases are none, nor is what came before the interface
    table's first release; links that lead elsewhere say nothing.
    """
    parser = _Links()
    parser.feed(page)
    parser.close()
    base = url if url.endswith("/") else f"{url}/"
    found: set[Release] = set()
    for link in parser.links:
        try:
            parts = urlsplit(urljoin(base, link))
        except ValueError:
            continue
        folder = unquote(parts.path).removesuffix("/")
        parent, _, name = folder.rpartition("/")
        here = urlsplit(base)
        if (parts.netloc, f"{parent}/") != (here.netloc, unquote(here.path)):
            continue
        try:
            found.add(Release.parse(name))
        except UsageError:
            continue
    return tuple(sorted(release for release in found if release >= FINAL_RELEASES[0]))


class _Links(HTMLParser):
    """Collects where a page's links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links += [value for name, value in attrs if name == "href" and value]


# --- asking for it


class Pages(Protocol):
    """Whoever gets pages."""

    def page(self, url: str) -> Page:
        """The page at ``url``. Raises :class:`DownloadError`."""


def read_listing(
    bases: Sequence[str], pages: Pages | None = None, seconds: float = SECONDS
) -> Listing:
    """What the first of the archives at ``bases`` that answers with a listing lists.

    Raises :class:`UnavailableError` that says why each of them gave none, at the latest after
    ``seconds``.
    """
    asked = pages or Downloader(patience=_PATIENCE)
    return _within(seconds, lambda: _ask(bases, asked))


def _ask(bases: Sequence[str], pages: Pages) -> Listing:
    problems = []
    for base in bases:
        url = f"{base.rstrip('/')}/"
        try:
            page = pages.page(url)
            releases = parse_listing(page.text, page.url)
            if not releases:
                raise WrongAnswerError("its page lists no Mesos release")
        except DownloadError as error:
            problems.append(f"{url}: {error}")
        else:
            return Listing(url=page.url, releases=releases)
    raise _unavailable("; ".join(problems))


def _within(seconds: float, act: Callable[[], Listing]) -> Listing:
    """What ``act`` gives, or an error once ``seconds`` are over, whatever it waits for."""
    results: list[Listing] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(act())
        except BaseException as error:  # noqa: BLE001  # raised again by who waits
            errors.append(error)

    # A server that sends a byte now and then is never silent; a daemon thread may be left waiting.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if results:
        return results[0]
    if errors:
        raise errors[0]
    raise _unavailable(f"no whole answer within {seconds:g} seconds")


def _unavailable(why: str) -> UnavailableError:
    return UnavailableError(
        f"the list of Mesos releases can't be had (offline?): {why}. The matrix was compared with "
        "nothing; [archives] in the matrix file names the archive and its mirrors"
    )
