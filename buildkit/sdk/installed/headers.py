"""The headers of an installed Mesos: read, named as in a release's sources, patched, laid out.

They get the names that the same files have in a release's normalised sources, so that a patch for
``to = "sdk"`` serves both: ``mesos/include/mesos/...``, ``stout/include/stout/...`` and
``libprocess/include/process/...``. What is not Mesos's own is below ``3rdparty/``.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from buildkit.errors import TargetError
from buildkit.files.tree import File, Tree, under
from buildkit.patches import Patch, PatchSet, apply_patches, compatibility_headers
from buildkit.releases import Release
from buildkit.sdk.layout import place_of

VERSION_HEADER = "mesos/version.hpp"
_HOMES = {
    "mesos": "mesos/include/",
    "csi": "mesos/include/",
    "stout": "stout/include/",
    "process": "libprocess/include/",
}
"""Mesos's own folders below an include folder -> where the release's sources have them."""
_THIRD_PARTY = "3rdparty/"
SEARCHED_ANYWAY = frozenset({"/usr/include", "/usr/local/include"})
"""Compilers look here by themselves, and must not be told to look here earlier."""

_VERSION = re.compile(r'^[ \t]*#[ \t]*define[ \t]+MESOS_VERSION[ \t]+"([^"\n]*)"', re.MULTILINE)
_GENERATED = re.compile(r"^#if (\d+) < (?:GOOGLE_)?PROTOBUF_MIN_PROTOC_VERSION", re.MULTILINE)
_PROTOBUF = re.compile(r"^#define GOOGLE_PROTOBUF_VERSION (\d+)", re.MULTILINE)


def read_own(include: Path) -> dict[str, File]:
    """Mesos's own headers below an include folder.

    Raises :class:`TargetError` for a file that can't be read.
    """
    return {
        f"{home}{folder}/{path}": file
        for folder, home in _HOMES.items()
        for path, file in _read(include / folder, ())
    }


def read_third_party(include: Path) -> dict[str, File]:
    """All other headers below an include folder.

    Raises :class:`TargetError` for a file that can't be read.
    """
    return under(_THIRD_PARTY.rstrip("/"), dict(_read(include, tuple(_HOMES))))


def _read(folder: Path, left_out: Sequence[str], *above: Path) -> Iterator[tuple[str, File]]:
    """The files below a folder. Links are followed: that is how systems share what they install."""
    real = folder.resolve()
    if not folder.is_dir() or real in above:
        return
    try:
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            path = Path(entry.path)
            if entry.name in left_out:
                continue
            if entry.is_dir():
                for inner, file in _read(path, (), real, *above):
                    yield f"{entry.name}/{inner}", file
            elif entry.is_file():
                yield entry.name, File(path.read_bytes())
    except OSError as error:
        raise TargetError(f"{error.filename}: can't be read: {error.strerror}") from None


def mesos_version(headers: Tree) -> str | None:
    """What the headers call their release; None if they don't say."""
    return _first(_VERSION, headers, f"mesos/include/{VERSION_HEADER}")


def generated_by(headers: Tree) -> int | None:
    """Version of the protobuf that made Mesos's messages, such as 3005000; None if unsaid."""
    found = _first(_GENERATED, headers, "mesos/include/mesos/mesos.pb.h")
    return None if found is None else int(found)


def protobuf_version(headers: Tree) -> int | None:
    """Version of the protobuf headers among these, such as 3005000; None if there are none."""
    found = _first(_PROTOBUF, headers, f"{_THIRD_PARTY}google/protobuf/stubs/common.h")
    return None if found is None else int(found)


def _first(pattern: re.Pattern[str], headers: Tree, path: str) -> str | None:
    file = headers.get(path)
    found = pattern.search(file.data.decode(errors="replace")) if file else None
    return found[1] if found else None


def patched(
    headers: Tree,
    *,
    ours: Sequence[Patch],
    users: Sequence[Patch],
    release: Release,
    say: Callable[[str], None],
) -> dict[str, File]:
    """The headers after patches: this tool's own where they fit, the user's exactly.

    Whoever installed this Mesos may have mended it already; then ours are not needed.

    Raises :class:`TargetError` for a patch of the user's that does not apply.
    """
    result = dict(headers)
    for patch in ours:
        for single in _one_by_one(patch):
            try:
                result = apply_patches(result, (single,), release, "sdk")
            except TargetError as error:
                say(f"not patched: {error}")
    result |= under("compat", compatibility_headers(ours, release))
    return apply_patches(result, users, release, "sdk")


def _one_by_one(patch: Patch) -> Iterator[Patch]:
    for diff in patch.rules.diff:
        yield replace(patch, rules=PatchSet(diff=(diff,)))
    for edit in patch.rules.edit:
        yield replace(patch, rules=PatchSet(edit=(edit,)))


def sdk_tree(headers: Tree) -> dict[str, File]:
    """The headers as they lie below ``sdk/`` of a work folder."""
    # What is not Mesos's own, and what is ours, is named as it is to lie there.
    return {place_of(path) or path: file for path, file in headers.items()}
