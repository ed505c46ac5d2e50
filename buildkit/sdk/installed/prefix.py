"""An installed Mesos below a prefix on this machine: what is there, read without running anything.

It is read here and not on the base, because a container does not see this machine's files.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from buildkit.errors import TargetError
from buildkit.files.tree import File, Tree
from buildkit.releases import Release
from buildkit.sdk.installed.headers import (
    SEARCHED_ANYWAY,
    VERSION_HEADER,
    mesos_version,
    read_own,
    read_third_party,
)
from buildkit.sdk.installed.library import (
    Library,
    check_release,
    companions,
    find_libmesos,
    library_folders,
    read_library,
)
from buildkit.sdk.installed.pkgconfig import MesosPc, read_mesos_pc
from buildkit.smoke.agent import FOLDERS, LAUNCHER, is_program


@dataclass(frozen=True, kw_only=True)
class Prefix:
    """What a prefix has for compiling and loading a module."""

    headers: Tree
    """Named as in a release's sources, not patched."""
    outside: tuple[str, ...]
    """Folders of headers that mesos.pc names and that are elsewhere on this machine."""
    pc: MesosPc | None
    """None where there is no mesos.pc."""
    library: Library
    companions: Mapping[str, Path]
    """The libraries in the prefix that libmesos needs: SONAME -> file."""
    protoc: File | None
    """The protobuf compiler that was installed with Mesos."""
    programs: Mapping[str, Path]
    """Mesos's own programs that a smoke test may start: path below the prefix -> file."""


def read_prefix(prefix: Path, release: Release) -> Prefix:
    """Read what is installed below ``prefix``.

    Raises :class:`TargetError` if it is no Mesos with headers and library, or not that release.
    """
    where = f"prefix {prefix}"
    include = prefix / "include"
    if not prefix.is_dir():
        raise TargetError(f"{where}: no such folder; see key 'prefix' of [sdk] in the matrix file")
    if not (include / VERSION_HEADER).is_file():
        raise TargetError(f"{where}: no include/{VERSION_HEADER}; is Mesos installed there?")
    folders = library_folders(prefix)
    file = find_libmesos(folders, release)
    if file is None:
        raise TargetError(f"{where}: no libmesos in lib or lib64; is Mesos installed there?")
    library = read_library(file)
    pc = _find_mesos_pc([*folders, prefix / "share"])
    own = read_own(include)
    check_release(
        where,
        release,
        header=mesos_version(own),
        names=[library.soname, library.path.name],
        pc=pc.version if pc else None,
    )
    # With --enable-install-module-dependencies, which mesos.pc then names, or would if it could.
    parts = [folder / "mesos/3rdparty" for folder in folders]
    inside, outside = _sort_out(pc, prefix)
    third_party: dict[str, File] = {}
    for folder in reversed([include, *inside, *(part / "include" for part in parts)]):
        if str(folder.resolve()) not in SEARCHED_ANYWAY:
            third_party |= read_third_party(folder)
    protoc = next((p for part in parts if (p := part / "bin/protoc").is_file()), None)
    return Prefix(
        headers={**third_party, **own},
        outside=outside,
        pc=pc,
        library=library,
        companions=companions(
            library, [*folders, *(part / lib for part in parts for lib in ("lib", "lib64"))]
        ),
        protoc=File(protoc.read_bytes(), executable=True) if protoc else None,
        programs=dict(prefix_programs(prefix)),
    )


def prefix_programs(prefix: Path) -> Iterator[tuple[str, Path]]:
    """Mesos's own programs below a prefix: path and file, links followed."""
    for folder in (*FOLDERS, LAUNCHER):
        for path in sorted((prefix / folder).glob("*")):
            name = path.relative_to(prefix)
            if path.is_file() and is_program(PurePosixPath(name)):
                yield name.as_posix(), path.resolve()


def _find_mesos_pc(folders: list[Path]) -> MesosPc | None:
    for folder in folders:
        file = folder / "pkgconfig" / "mesos.pc"
        if file.is_file():
            return read_mesos_pc(file.read_text(errors="replace"), str(file))
    return None


def _sort_out(pc: MesosPc | None, prefix: Path) -> tuple[list[Path], tuple[str, ...]]:
    """The include folders of mesos.pc that lie in the prefix, and the others."""
    inside: list[Path] = []
    outside: list[str] = []
    for text in pc.include_folders if pc else ():
        folder = _moved(Path(text), pc.prefix if pc else None, prefix)
        if folder.is_relative_to(prefix):
            inside.append(folder)
        elif text not in SEARCHED_ANYWAY:
            outside.append(text)
    return inside, tuple(outside)


def _moved(folder: Path, before: str | None, now: Path) -> Path:
    """Where a folder is now that the prefix is no longer where Mesos was built for.

    DESTDIR or a copy out of a package does that. Other software's folders have not moved along.
    """
    if before is None or not folder.is_relative_to(before):
        return folder
    moved = now / folder.relative_to(before)
    return moved if moved.is_dir() or "mesos" in folder.parts else folder
