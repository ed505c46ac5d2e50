"""Reads small programs as a module of the matrix would be read."""

import textwrap
from collections.abc import Mapping, Sequence

from buildkit.cpp.macros import Definitions
from buildkit.cpp.mesos import headers_of, version_macros
from buildkit.cpp.module import GUARD_MACROS
from buildkit.cpp.reader import Sources, Unit, read
from buildkit.cpp.reading import Reading
from buildkit.encoding import Encoding, version_header
from buildkit.guards.check import Report, check, releases_to_read
from buildkit.interfaces import load
from buildkit.releases import FINAL_RELEASES, Release

TABLE = load()


def release(text: str) -> Release:
    return Release.parse(text)


def read_module(
    files: Mapping[str, str] | str,
    *,
    encoding: Encoding = Encoding.OCTAL,
    releases: Sequence[Release] = FINAL_RELEASES,
    flags: Sequence[str] = (),
    include: Sequence[str] = ("",),
    common: bool = False,
) -> Reading:
    """``main.cpp`` alone, or several files of which that is the one to compile."""
    texts = {"main.cpp": files} if isinstance(files, str) else files
    versions = [() if common else (encoding.flag(r),) for r in releases]
    unit = Unit(
        path="main.cpp",
        flags=tuple((*flags, *version) for version in versions),
        forced=() if common else tuple(version_header(r, encoding) for r in releases),
    )
    definitions = Definitions()
    return read(
        Sources(
            files={path: textwrap.dedent(text) for path, text in texts.items()},
            units=[unit],
            include=tuple(include),
            known=GUARD_MACROS | version_macros(TABLE),
        ),
        releases,
        definitions=definitions,
        external=headers_of(TABLE, releases, definitions),
    )


def check_module(
    files: Mapping[str, str] | str,
    *,
    encoding: Encoding = Encoding.OCTAL,
    selected: Sequence[Release] = FINAL_RELEASES,
    common: bool = False,
) -> Report:
    reading = read_module(
        files, encoding=encoding, releases=releases_to_read(selected), common=common
    )
    return check(reading, encoding=encoding, kind="Isolator", selected=selected, table=TABLE)
