"""The file libmesos: found below a prefix, read, and asked which release it is."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection, DynamicTag
from elftools.elf.elffile import ELFFile

from buildkit.errors import TargetError
from buildkit.releases import Release
from buildkit.smoke.policy import matches_any, shipped

_NAMES = (
    re.compile(r"libmesos-(.+)\.so(?:\.\d+)*"),  # as libtool names it
    re.compile(r"libmesos\.so\.(\d+\.\d+\.\d+.*)"),  # as CMake does
)
_SYSTEM = re.compile(r"/(?:usr/)?lib(?:64)?(?:/[a-z0-9_]+-linux-gnu[a-z0-9]*)?")
_TRIPLET = "*-linux-gnu*"


@dataclass(frozen=True, kw_only=True)
class Library:
    """A shared library as its file describes it."""

    path: Path
    """Where it really is, links followed."""
    soname: str
    """What others look for it as; the file's name if it does not say."""
    needed: tuple[str, ...]
    """What it looks for, in order."""
    machine: str
    """pyelftools' name of the CPU, such as ``EM_X86_64``."""


def read_library(path: Path) -> Library:
    """Read a library's dynamic section.

    Raises :class:`TargetError` for what is no shared library.
    """
    path = path.resolve()
    try:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            section = elf.get_section_by_name(".dynamic")
            tags = list(section.iter_tags()) if isinstance(section, DynamicSection) else []
            machine = str(elf["e_machine"])
            needed = _texts(tags, "DT_NEEDED")
            names = _texts(tags, "DT_SONAME")
    except (OSError, ELFError, AssertionError) as error:
        raise TargetError(f"{path}: can't be read as a shared library: {error}") from None
    return Library(
        path=path, soname=names[0] if names else path.name, needed=needed, machine=machine
    )


def _texts(tags: list[DynamicTag], name: str) -> tuple[str, ...]:
    """The strings of all entries with this tag. pyelftools names each attribute after its tag."""
    attribute = name.removeprefix("DT_").lower()
    return tuple(str(getattr(tag, attribute)) for tag in tags if tag.entry.d_tag == name)


def library_folders(prefix: Path) -> list[Path]:
    """The folders of libraries below a prefix that are there."""
    below = [prefix / "lib64", prefix / "lib", *sorted((prefix / "lib").glob(_TRIPLET))]
    return [folder for folder in below if folder.is_dir()]


def find_libmesos(folders: Iterable[Path], release: Release) -> Path | None:
    """The file to take for libmesos; the release's own if there are several."""
    folders = list(folders)
    names = (f"libmesos-{release}.so", f"libmesos.so.{release}", "libmesos.so")
    for name in names:
        for folder in folders:
            if (folder / name).is_file():
                return folder / name
    others = (path for folder in folders for path in sorted(folder.glob("libmesos[-.]*so*")))
    return next((path for path in others if release_in(path.name) and path.is_file()), None)


def release_in(name: str) -> str | None:
    """The release that a file name or SONAME of libmesos says, or None."""
    found = (pattern.fullmatch(name) for pattern in _NAMES)
    return next((match[1] for match in found if match), None)


def companions(library: Library, folders: Iterable[Path]) -> dict[str, Path]:
    """The libraries in ``folders`` that ``library`` needs, and what these need: SONAME -> file.

    Those of the C and C++ run time are never among them, nor any from where the base system has its
    own: an installed Mesos may lie among all of the system's libraries.
    """
    folders = [folder for folder in folders if not _SYSTEM.fullmatch(str(folder.resolve()))]
    found: dict[str, Path] = {}
    asked = list(library.needed)
    while asked:
        name = asked.pop()
        if name in found or matches_any(name, shipped().system_libraries):
            continue
        path = next((folder / name for folder in folders if (folder / name).is_file()), None)
        if path is not None:
            found[name] = path.resolve()
            asked += read_library(path).needed
    return found


def file_digests(files: Iterable[tuple[str, Path]]) -> Iterator[str]:
    """Name and SHA-256 of each file."""
    for name, path in files:
        with path.open("rb") as stream:
            yield f"{name} {hashlib.file_digest(stream, 'sha256').hexdigest()}"


def check_release(
    where: str, release: Release, *, header: str | None, names: Iterable[str], pc: str | None
) -> None:
    """Refuse an installed Mesos that is not ``release``.

    ``header`` is what mesos/version.hpp says, ``names`` what libmesos is called, ``pc`` the version
    in mesos.pc, if there is one.

    Raises :class:`TargetError` naming what was found.
    """
    names = list(dict.fromkeys(names))
    library = {said for name in names if (said := release_in(name)) is not None}
    asked = str(release)
    problems = []
    if header is None:
        problems.append("include/mesos/version.hpp does not define MESOS_VERSION")
    elif header != asked:
        problems.append(f"include/mesos/version.hpp says {header}")
    if not library:
        problems.append(f"{' and '.join(names)}: a name that says no release")
    elif library != {asked}:
        problems.append(f"libmesos is {' and '.join(names)}")
    if pc is not None and pc != asked:
        problems.append(f"mesos.pc says {pc}")
    if problems:
        raise TargetError(f"{where}: expected Mesos {asked}, but {'; '.join(problems)}")
