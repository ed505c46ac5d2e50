"""What a library has inside of others' work: names, versions, digests, licences.

Read from the very archives that its SDK was made of.
"""

import hashlib
import io
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, Field

from buildkit.archives.cache import archive_of
from buildkit.errors import TargetError
from buildkit.files.tarballs import read_tarball
from buildkit.files.tree import File
from buildkit.releases import Release
from buildkit.sdk.release.sources import (
    ARCHIVE_LIMIT,
    BUNDLED,
    BUNDLED_LIMIT,
    THIRD_PARTY,
    VERSIONS,
    bundle_folder,
    stem_of,
    strip_top,
)

_MESOS_TEXTS = ("LICENSE", "NOTICE")
_HEAD = re.compile(rb"\s*(/\*.*?\*/|(?://[^\n]*\n)+)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Component:
    """One work of others."""

    name: str
    version: str
    license: str
    """SPDX identifier."""
    archive: str
    """File name of the archive that it comes in; empty if it is installed."""
    sha512: str
    """Of that archive, in hex; empty if it is installed."""
    texts: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Its licence: file name -> content."""
    why_none: str = ""
    """Why there may be no text."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    place: str
    license: str
    texts: tuple[str, ...]
    heads: tuple[str, ...] = ()
    """Files whose first comment is taken where none of ``texts`` is there."""
    heads_license: str | None = Field(None, alias="heads-license")
    """The licence that they have, if another."""
    why_none: str = Field("", alias="why-none")


@cache
def _rows() -> tuple[_Row, ...]:
    text = (resources.files("buildkit.publish") / "components.toml").read_text(encoding="utf-8")
    return tuple(_Row.model_validate(row) for row in tomllib.loads(text)["component"])


def installed_mesos(release: Release) -> tuple[Component, ...]:
    """What is known of an installed Mesos: that it is one."""
    why = "the Mesos that it was built against was installed, without its sources"
    return (
        Component(
            name="mesos",
            version=str(release),
            license="Apache-2.0",
            archive="",
            sha512="",
            why_none=why,
        ),
    )


def read_components(
    release: Release, archives: Mapping[str, tuple[Path, str]]
) -> tuple[Component, ...]:
    """Mesos, and what a release brings along for those who compile against it.

    ``archives`` are those that the SDK was made of, by name: where each is, and its SHA-512.

    Raises :class:`TargetError` for an archive that can't be read or lacks a licence's text, and
    :class:`buildkit.errors.UnavailableError` for one that is not laid out like Mesos's.
    """
    name = archive_of(release)
    path, digest = archives[name]
    files = strip_top(read_tarball(path, wanted=_wanted, limit_bytes=ARCHIVE_LIMIT))
    mesos = Component(
        name="mesos",
        version=str(release),
        license="Apache-2.0",
        archive=name,
        sha512=digest,
        texts={one: files[one].data for one in _MESOS_TEXTS if one in files},
    )
    if not mesos.texts:
        raise TargetError(
            f"{path}: no {' nor '.join(_MESOS_TEXTS)} in it; expected Mesos's licence"
        )
    folder = bundle_folder(path, files)
    versions = files[folder + VERSIONS].data.decode(errors="replace")
    found = [mesos]
    for row in _rows():
        bundled = next(one for one in BUNDLED if one.place == row.place)
        stem = stem_of(bundled, versions) if release.matches(bundled.since) else None
        if stem is not None:
            found.append(_bundled(row, stem, files.get(f"{folder}{stem}.tar.gz"), archives, path))
    return tuple(found)


def _wanted(path: str) -> bool:
    inner = path.partition("/")[2]
    return inner in _MESOS_TEXTS or (
        inner.startswith(THIRD_PARTY) and inner.endswith((".tar.gz", f"/{VERSIONS}"))
    )


def _bundled(
    row: _Row,
    stem: str,
    inside: File | None,
    archives: Mapping[str, tuple[Path, str]],
    mesos: Path,
) -> Component:
    name = f"{stem}.tar.gz"
    if inside is not None:
        digest = hashlib.sha512(inside.data).hexdigest()
        texts = _texts(row, io.BytesIO(inside.data), name)
    elif name in archives:
        path, digest = archives[name]
        with path.open("rb") as file:
            texts = _texts(row, file, name)
    else:
        raise TargetError(f"{mesos}: lacks {name}, and the SDK was made without it")
    if not texts and not row.why_none:
        wanted = " nor ".join((*row.texts, *row.heads))
        raise TargetError(f"{mesos}: {name}: no {wanted} in it; expected its licence")
    from_heads = any(path not in {PurePosixPath(one).name for one in row.texts} for path in texts)
    return Component(
        name=row.place,
        version=stem.rpartition("-")[2],
        license=row.license if not from_heads else row.heads_license or row.license,
        archive=name,
        sha512=digest,
        texts=texts,
        why_none="" if texts else row.why_none,
    )


def _texts(row: _Row, archive: BinaryIO, name: str) -> dict[str, bytes]:
    wanted = {*row.texts, *row.heads}
    files = strip_top(
        read_tarball(
            archive,
            wanted=lambda path: path.partition("/")[2] in wanted,
            limit_bytes=BUNDLED_LIMIT,
            name=name,
        )
    )
    texts = {PurePosixPath(path).name: files[path].data for path in row.texts if path in files}
    if texts:
        return texts
    heads = {path: _HEAD.match(files[path].data) for path in row.heads if path in files}
    return {f"{path}.txt": found[1].rstrip() + b"\n" for path, found in heads.items() if found}
