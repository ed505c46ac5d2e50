"""What ``survey.sh`` has found out about libmesos on a base: the folder that it leaves, read."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_MISSING = re.compile(r"^\s*(\S+) => not found$", re.MULTILINE)
_NEWER = re.compile(r": version [`']([^']+)' not found \(required by ", re.MULTILINE)
_RESOLVED = re.compile(r"^\s*\S+ => (/.*) \(0x[0-9a-f]+\)$", re.MULTILINE)

_PACKAGE = re.compile(r"lib(.+)\.so\.([0-9].*)")
_PACKAGES = {
    "libz.so.1": "zlib1g",
    "libapr-1.so.0": "libapr1",
    "libaprutil-1.so.0": "libaprutil1",
    "libcurl-nss.so.4": "libcurl3-nss",
    "libcurl-gnutls.so.4": "libcurl3-gnutls",
    "libglog.so.0": "libglog0v5",
}
"""Debian packages that are not named after their library."""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """libmesos, as the base's loader, nm and compiler see it."""

    missing: tuple[str, ...]
    """Libraries that it needs, itself or by way of others, and the base has not."""
    newer: tuple[str, ...]
    """Versions of the base's libraries that it needs and they don't have, such as GLIBC_2.38."""
    resolved: tuple[PurePosixPath, ...]
    """Where on the base the others are."""
    folders: tuple[str, ...]
    """The folders of the base that were looked through first."""
    absent: tuple[str, ...]
    """Folders of headers that the base should have and has not."""
    protobuf: int | None
    """Version of the protobuf headers that the base has, such as 3005000."""
    symbols: Path
    """A file of symbols for each library."""

    def provided(self) -> frozenset[str]:
        """The symbols that libmesos and the libraries that come with it define."""
        files = (file.read_text() for file in self.symbols.iterdir())
        return frozenset(name for text in files for name in text.split())

    def defines(self, library: str, start: str) -> bool:
        """Whether a library defines a symbol that begins with ``start``."""
        names = (self.symbols / library).read_text().split()
        return any(name.startswith(start) for name in names)

    def beside(self) -> list[PurePosixPath]:
        """The resolved libraries that lie where only libmesos's users look."""
        return [path for path in self.resolved if str(path.parent) in self.folders]


def read_survey(folder: Path) -> Survey:
    """What the script left in ``folder``."""
    loader = (folder / "ldd.txt").read_text(errors="replace")
    protobuf = (folder / "protobuf.txt").read_text().strip()
    return Survey(
        missing=tuple(dict.fromkeys(_MISSING.findall(loader))),
        newer=tuple(dict.fromkeys(_NEWER.findall(loader))),
        resolved=tuple(PurePosixPath(path) for path in _RESOLVED.findall(loader)),
        folders=_lines(folder / "folders.txt"),
        absent=_lines(folder / "absent.txt"),
        protobuf=int(protobuf) if protobuf.isdecimal() else None,
        symbols=folder / "symbols",
    )


def _lines(file: Path) -> tuple[str, ...]:
    return tuple(line for line in file.read_text().splitlines() if line)


def debian_packages(libraries: Iterable[str]) -> list[str]:
    """The packages that Debian has these libraries in, by its rule for their names."""
    return sorted({name for library in libraries if (name := _package(library))})


def _package(library: str) -> str:
    if library in _PACKAGES:
        return _PACKAGES[library]
    if library.startswith("libsvn_"):
        return "libsvn1"
    found = _PACKAGE.fullmatch(library.replace("libcrypto.so", "libssl.so"))
    if found is None:
        return ""
    name = found[1].lower().replace("_", "-")
    return f"lib{name}{'-' if name[-1].isdigit() else ''}{found[2]}"
