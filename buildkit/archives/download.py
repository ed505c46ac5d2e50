"""Downloads: one URL into one file, resumed where it was cut off, never two files glued together.

The body goes into a ``.part`` file, and what tells its version (ETag or Last-Modified) into a small
file beside it, so that another try, or another process after a crash, can ask for the rest of the
very same file.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO

import requests
import tenacity
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, Retry
from urllib3.exceptions import HTTPError

from buildkit import __version__
from buildkit.archives.problems import DownloadError, UnreachableError, WrongAnswerError
from buildkit.archives.progress import Report
from buildkit.errors import UnavailableError
from buildkit.files.tarballs import HEAD, why_no_archive

_CHUNK = 64 * 1024
_LONGEST_TEXT = 64 * 1024
_LONGEST_PAGE = 256 * 1024
_LATER = frozenset({429, 500, 502, 503, 504})
"""Answers that a server gives when another try may help."""
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+)", re.ASCII)


class _CutError(DownloadError):
    """The connection broke while the body arrived, or the rest did not fit what is there."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A text and where it came from in the end."""

    url: str
    """After redirects."""
    text: str


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait, and how often to try again."""

    tries: int = 5
    """To get the whole of a body whose connection breaks."""
    requests: int = 4
    """To get an answer at all."""
    pause: float = 0.5
    """Seconds before the second try; twice as long before each further one."""
    longest_pause: float = 20.0
    """Bound on that, in seconds."""
    connect_seconds: float = 10.0
    silent_seconds: float = 30.0
    """Without a single byte."""


class Downloader:
    """Gets files and short texts by HTTP; proxies and certificates are as ``requests`` has them."""

    def __init__(self, *, patience: Patience | None = None, limit_bytes: int = 1024**3) -> None:
        """Take no file of more than ``limit_bytes``."""
        self._patience = patience or Patience()
        self._limit = limit_bytes
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"mesos-buildkit/{__version__}"
        # The bytes as they are in the archive: neither packed for the way nor unpacked here.
        self._session.headers["Accept-Encoding"] = "identity"
        retry = _Retry(
            total=None,
            connect=self._patience.requests - 1,
            read=self._patience.requests - 1,
            status=self._patience.requests - 1,
            other=0,
            redirect=5,
            status_forcelist=_LATER,
            raise_on_status=False,
            backoff_factor=self._patience.pause,
            backoff_max=self._patience.longest_pause,
        )
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=retry))

    @staticmethod
    def discard(part: Path) -> None:
        """Remove what a download has left, if anything."""
        part.unlink(missing_ok=True)
        _beside(part).unlink(missing_ok=True)

    def text(self, url: str) -> str | None:
        """A short text; None if the server has none there. Raises :class:`DownloadError`."""
        try:
            with self._get(url, {}) as response:
                return response.raw.read(_LONGEST_TEXT, decode_content=True).decode(
                    errors="replace"
                )
        except WrongAnswerError:
            return None
        except HTTPError as error:
            raise DownloadError(f"cut off ({cause(error)})") from None

    def page(self, url: str) -> Page:
        """A page of text, whole. Raises :class:`DownloadError`, also for one that is too long."""
        try:
            with self._get(url, {}) as response:
                data = response.raw.read(_LONGEST_PAGE + 1, decode_content=True)
                found = response.url
        except HTTPError as error:
            raise DownloadError(f"cut off ({cause(error)})") from None
        if len(data) > _LONGEST_PAGE:
            raise WrongAnswerError(f"more than {_LONGEST_PAGE} bytes, as no such page has")
        return Page(url=found, text=data.decode(errors="replace"))

    def file(self, url: str, part: Path, report: Report) -> None:
        """Make ``part`` the whole file at ``url``, going on with what an earlier try left there.

        Raises :class:`DownloadError`, after which ``part`` is there only if another try can go on
        with it, and :class:`UnavailableError` if it can't be written: for want of space, say.
        """
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_CutError),
            stop=tenacity.stop_after_attempt(self._patience.tries),
            wait=tenacity.wait_exponential(
                multiplier=self._patience.pause, max=self._patience.longest_pause
            ),
            reraise=True,
        )
        try:
            retrying(self._receive, url, part, report)
        except WrongAnswerError:
            self.discard(part)
            raise
        except OSError as error:
            self.discard(part)
            raise UnavailableError(
                f"{part}: can't be written: {error.strerror}; make room there, or name another "
                "folder with MESOS_BUILDKIT_ARCHIVES"
            ) from None
        except BaseException:
            if not _Version.of(part).validator:
                self.discard(part)
            raise

    def _receive(self, url: str, part: Path, report: Report) -> None:
        """One try."""
        version = _Version.of(part)
        have = part.stat().st_size if version.url == url and version.validator else 0
        headers = {"Range": f"bytes={have}-", "If-Range": version.validator} if have else {}
        with self._get(url, headers) as response:
            if response.status_code == HTTPStatus.OK:
                have = 0
                version = _Version.from_answer(url, response)
                # In this order: what is in the part must be of the version beside it.
                part.write_bytes(b"")
                version.write(part)
            elif not version.goes_on_with(response, have):
                self.discard(part)
                raise _CutError("the file has changed on the server")
            if (version.length or 0) > self._limit:
                raise WrongAnswerError(f"{version.length} bytes, more than any archive has")
            why = ""
            if response.status_code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                try:
                    with part.open("ab") as file:
                        self._store(response, file, have, lambda done: report(done, version.length))
                except HTTPError as error:
                    why = f" ({cause(error)})"
        have = part.stat().st_size
        if why or version.length not in {None, have}:
            raise _CutError(f"cut off after {have} of {version.length or 'many'} bytes{why}")
        with part.open("rb") as file:
            _check_head(file.read(HEAD))

    def _store(
        self, response: requests.Response, file: IO[bytes], have: int, report: Callable[[int], None]
    ) -> None:
        """Append the body to ``file``, which has ``have`` bytes."""
        head = b""
        from_start = have == 0
        report(have)
        for chunk in response.raw.stream(_CHUNK, decode_content=False):
            file.write(chunk)
            have += len(chunk)
            if from_start and len(head) < HEAD:
                head = (head + chunk)[:HEAD]
                # A page instead of the archive need not be waited for.
                if len(head) == HEAD:
                    _check_head(head)
            if have > self._limit:
                raise WrongAnswerError(f"more than {self._limit} bytes, as no archive has")
            report(have)

    @contextmanager
    def _get(self, url: str, headers: dict[str, str]) -> Iterator[requests.Response]:
        timeout = (self._patience.connect_seconds, self._patience.silent_seconds)
        try:
            response = self._session.get(url, headers=headers, stream=True, timeout=timeout)
        except requests.exceptions.SSLError as error:
            raise UnreachableError(
                f"no trusted connection: {cause(error)}; REQUESTS_CA_BUNDLE names a file of "
                "certificates to trust"
            ) from None
        except requests.ConnectionError as error:
            raise UnreachableError(f"no connection: {cause(error)}") from None
        except requests.RequestException as error:
            raise DownloadError(cause(error)) from None
        with response:
            status = response.status_code
            expected = {HTTPStatus.OK}
            if "Range" in headers:
                expected |= {
                    HTTPStatus.PARTIAL_CONTENT,
                    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
                }
            if status in _LATER:
                raise DownloadError(f"{status} {response.reason}")
            if status not in expected:
                raise WrongAnswerError(f"{status} {response.reason}")
            yield response


def _beside(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


@dataclass(frozen=True, kw_only=True)
class _Version:
    """Which version of which file a part is of."""

    url: str = ""
    validator: str = ""
    """What the server tells this version by; empty if it is nothing to rely on."""
    length: int | None = None
    """Of the whole file, in bytes."""

    @classmethod
    def of(cls, part: Path) -> "_Version":
        """What is noted beside ``part``; an empty one if there is none, or no part."""
        try:
            noted = json.loads(_beside(part).read_bytes())
            if part.is_file():
                return cls(**noted)
        except (OSError, ValueError, TypeError):
            pass
        return cls()

    @classmethod
    def from_answer(cls, url: str, response: requests.Response) -> "_Version":
        """That of a whole file."""
        length = response.headers.get("Content-Length", "")
        return cls(
            url=url,
            validator=_validator(response),
            length=int(length) if length.isdecimal() else None,
        )

    def write(self, part: Path) -> None:
        """Note it beside ``part``."""
        _beside(part).write_text(json.dumps(asdict(self)))

    def goes_on_with(self, response: requests.Response, have: int) -> bool:
        """Whether the answer is the rest of this version from byte ``have`` on, maybe none.

        Not every server heeds If-Range.
        """
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if not found or _validator(response) not in {"", self.validator}:
            return False
        start = found[2] if found[1] is None else found[1]
        return int(start) == have and self.length in {None, int(found[2])}


def _validator(response: requests.Response) -> str:
    tag = response.headers.get("ETag", "")
    # A weak tag stands for several versions that differ in bytes.
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")


def _check_head(head: bytes) -> None:
    if (why := why_no_archive(head)) is not None:
        raise WrongAnswerError(why)


def cause(error: Exception) -> str:
    """The system's words for it, if it has any."""
    reason = getattr(error.args[0] if error.args else None, "reason", None) or error
    system = reason.__cause__ or reason.__context__
    return getattr(system, "strerror", None) or str(reason)


class _Retry(Retry):
    """A server may ask for a pause, but not for an hour."""

    longest = 20.0

    def get_retry_after(self, response: BaseHTTPResponse) -> float | None:
        """Seconds."""
        asked = super().get_retry_after(response)
        return None if asked is None else min(asked, self.longest)
