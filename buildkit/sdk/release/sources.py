"""The sources of a release, under the same names whatever the release.

Mesos moved its bundled archives, stout and libprocess about over the years. Here they end up in
one layout, with the bundled patches applied, so that one edit rule serves sixty releases:

    mesos/include  mesos/src  stout/include  libprocess/include  libprocess/src
    boost  glog/src  picojson  http-parser  libev  protobuf/src  concurrentqueue  rapidjson/include
"""

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from buildkit.archives.check import check_release
from buildkit.errors import UnavailableError
from buildkit.files.tarballs import read_tarball
from buildkit.files.tree import File, Tree, under
from buildkit.releases import Release
from buildkit.sdk.release.fuzzy import apply_fuzzily

ARCHIVE_LIMIT = 512 * 1024 * 1024
BUNDLED_LIMIT = 256 * 1024 * 1024
"""Bytes unpacked; the largest so far have 60 and 15 MB."""


@dataclass(frozen=True, kw_only=True)
class Bundled:
    """One archive that Mesos brings along, and what is needed of it."""

    place: str
    """Its folder in the normalised sources."""
    stems: tuple[str, ...]
    """What its file name may start with, before ``-<version>.tar.gz``."""
    wanted: Callable[[str], bool]
    """Which of its files are needed, by their path inside its top folder."""
    since: str = ""
    """PEP 440 specifier of the releases that need it."""


def _below(*folders: str) -> Callable[[str], bool]:
    return lambda path: path.startswith(folders)


def _one_of(*names: str) -> Callable[[str], bool]:
    return lambda path: path in names


def _headers_at_top(path: str) -> bool:
    return "/" not in path and path.endswith((".h", ".hpp"))


BUNDLED = (
    Bundled(place="boost", stems=("boost",), wanted=_below("boost/")),
    Bundled(place="glog", stems=("glog",), wanted=_below("src/")),
    Bundled(place="picojson", stems=("picojson",), wanted=_one_of("picojson.h")),
    Bundled(
        place="http-parser",
        stems=("http-parser", "ry-http-parser"),
        wanted=_one_of("http_parser.h", "http_parser.c"),
    ),
    Bundled(
        place="libev",
        stems=("libev",),
        wanted=lambda path: "/" not in path and path.endswith((".h", ".c")),
    ),
    Bundled(place="protobuf", stems=("protobuf",), wanted=_below("src/")),
    Bundled(
        place="concurrentqueue", stems=("concurrentqueue",), wanted=_headers_at_top, since=">=1.4"
    ),
    Bundled(place="rapidjson", stems=("rapidjson",), wanted=_below("include/"), since=">=1.7"),
)

_ROOTS = {
    "include/": "mesos/include/",
    "src/": "mesos/src/",
    "3rdparty/libprocess/include/": "libprocess/include/",
    "3rdparty/libprocess/src/": "libprocess/src/",
    "3rdparty/libprocess/3rdparty/stout/include/": "stout/include/",
    "3rdparty/stout/include/": "stout/include/",
}
"""Folder of the archive -> folder of the normalised sources."""

_FOREIGN = re.compile(
    r"src/(tests|examples|java|python|webui|jvm|cli|cli_new|deploy|scaling|internal/devolve_tests)/"
    r"|3rdparty/libprocess/src/(tests|examples)/"
)
_SOURCE_SUFFIXES = (".hpp", ".cpp", ".h", ".c", ".cc", ".proto", ".in")
VERSIONS = "versions.am"
"""Where a release names the versions of what it bundles."""
THIRD_PARTY = ("3rdparty/", "3rdparty/libprocess/3rdparty/")
"""Where bundled archives may be."""


def read_sources(release: Release, archive: Path, completions: Mapping[str, Path]) -> Tree:
    """Read ``mesos-<release>.tar.gz``, its bundled archives and their patches.

    ``completions`` maps the name of a bundled archive, such as ``protobuf-3.5.0.tar.gz``, to a
    file that is used where the archive lacks it.

    Raises :class:`TargetError` for an archive that can't be read or is of another release, and
    :class:`UnavailableError` for one that lacks something that ``completions`` don't have either.
    """
    files = strip_top(read_tarball(archive, wanted=_wanted, limit_bytes=ARCHIVE_LIMIT))
    check_release(release, files, str(archive))
    folder = bundle_folder(archive, files)
    sources: dict[str, File] = {}
    for path, file in files.items():
        root = next((root for root in _ROOTS if path.startswith(root)), None)
        if root:
            sources[_ROOTS[root] + path.removeprefix(root)] = file
    for bundled in BUNDLED:
        if release.matches(bundled.since):
            sources |= _unpack(bundled, archive, files, folder, completions)
    return sources


def lacking_archives(release: Release, archive: Path) -> tuple[str, ...]:
    """The bundled archives, such as ``protobuf-3.5.0.tar.gz``, that are needed and not inside.

    Raises as :func:`read_sources`.
    """
    files = strip_top(read_tarball(archive, wanted=_about_bundled, limit_bytes=ARCHIVE_LIMIT))
    folder = bundle_folder(archive, files)
    versions = files[folder + VERSIONS].data.decode(errors="replace")
    stems = [stem_of(bundled, versions) for bundled in BUNDLED if release.matches(bundled.since)]
    names = (f"{stem}.tar.gz" for stem in stems if stem is not None)
    return tuple(name for name in names if folder + name not in files)


def _about_bundled(path: str) -> bool:
    inner = path.partition("/")[2]
    return inner.startswith(THIRD_PARTY) and inner.endswith((".tar.gz", "/versions.am"))


def _wanted(path: str) -> bool:
    inner = path.partition("/")[2]
    if inner == "configure.ac":
        return True
    if inner.startswith("3rdparty/") and inner.endswith((".tar.gz", ".patch", "/versions.am")):
        return inner.startswith(THIRD_PARTY)
    return (
        inner.startswith(tuple(_ROOTS))
        and inner.endswith(_SOURCE_SUFFIXES)
        and not _FOREIGN.match(inner)
    )


def strip_top(files: Mapping[str, File]) -> dict[str, File]:
    """The files by their path inside the archive's top folder."""
    return {path.partition("/")[2]: file for path, file in files.items()}


def bundle_folder(archive: Path, files: Mapping[str, File]) -> str:
    """The folder with the bundled archives: the deepest one with the versions of protobuf."""
    for folder in reversed(THIRD_PARTY):
        versions = files.get(folder + VERSIONS)
        if versions and b"PROTOBUF_VERSION" in versions.data:
            return folder
    raise UnavailableError(
        f"{archive}: no 3rdparty/{VERSIONS} that names the bundled protobuf; "
        "expected a source archive as Apache publishes it"
    )


_VERSION_LINE = re.compile(r"^([A-Z0-9_]+)_VERSION\s*=\s*(\S+)\s*$", re.MULTILINE)


def stem_of(bundled: Bundled, versions: str) -> str | None:
    """Such as ``protobuf-3.5.0``, as ``versions.am`` has it."""
    known = {
        name.lower().replace("_", "-"): value for name, value in _VERSION_LINE.findall(versions)
    }
    return next((f"{stem}-{known[stem]}" for stem in bundled.stems if stem in known), None)


def _unpack(
    bundled: Bundled,
    archive: Path,
    files: Mapping[str, File],
    folder: str,
    completions: Mapping[str, Path],
) -> dict[str, File]:
    versions = files[folder + VERSIONS].data.decode(errors="replace")
    stem = stem_of(bundled, versions)
    if stem is None:
        raise UnavailableError(
            f"{archive}: {folder}{VERSIONS} names no version of {bundled.place}; "
            "expected a source archive as Apache publishes it"
        )
    name = f"{stem}.tar.gz"
    source: io.BytesIO | Path
    if inside := files.get(folder + name):
        source = io.BytesIO(inside.data)
    elif name in completions:
        source = completions[name]
    else:
        raise UnavailableError(
            f"{archive}: lacks {folder}{name}; put {name} into the archive cache beside it"
        )
    # Some were packed with a top folder of another name.
    found = strip_top(
        read_tarball(
            source,
            wanted=lambda path: bundled.wanted(path.partition("/")[2]),
            limit_bytes=BUNDLED_LIMIT,
        )
    )
    patch = files.get(f"{folder}{stem}.patch")
    if patch:
        where = f"{archive}: {folder}{stem}.patch"
        found = apply_fuzzily(found, patch.data.decode(errors="replace"), where=where)
    return under(bundled.place, found)
