"""An installed Mesos in an image: read from the folder that ``image.sh`` leaves when run in it."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from buildkit.files.tree import Tree
from buildkit.releases import Release
from buildkit.sdk.installed.headers import SEARCHED_ANYWAY, mesos_version, read_own
from buildkit.sdk.installed.library import check_release
from buildkit.sdk.installed.pkgconfig import MesosPc, read_mesos_pc
from buildkit.smoke.agent import is_program


@dataclass(frozen=True, kw_only=True)
class Image:
    """What an image has for compiling and loading a module."""

    headers: Tree
    """Mesos's own, named as in a release's sources, not patched."""
    folders: tuple[str, ...]
    """Folders of other headers in the image."""
    pc: MesosPc | None
    """None where there is no mesos.pc."""
    library: str
    """The path of libmesos in the image."""
    needed: tuple[str, ...]
    """The libraries that libmesos names."""
    protoc: str
    """The path of the protobuf compiler in the image; empty if it has none."""
    prefix: str
    """Where Mesos is installed in the image."""
    programs: tuple[str, ...]
    """Its programs, below the prefix."""


def read_image(folder: Path, image: str, release: Release) -> Image:
    """Read what the script found in ``image``.

    Raises :class:`TargetError` if it is not that release.
    """
    headers = read_own(folder / "include")
    file = folder / "mesos.pc"
    pc = None
    if file.is_file():
        pc = read_mesos_pc(file.read_text(errors="replace"), f"mesos.pc of {image}")
    library = _text(folder / "library.txt")
    prefix = _text(folder / "prefix.txt")
    programs = tuple(_text(folder / "programs.txt").splitlines())
    check_release(
        f"image {image}: {prefix}",
        release,
        header=mesos_version(headers),
        names=[_text(folder / "soname.txt"), library.rpartition("/")[2]],
        pc=pc.version if pc else None,
    )
    named = [path for path in pc.include_folders if path not in SEARCHED_ANYWAY] if pc else []
    return Image(
        headers=headers,
        folders=tuple(dict.fromkeys([*named, *_text(folder / "includes.txt").splitlines()])),
        pc=pc,
        library=library,
        needed=tuple(_text(folder / "needed.txt").split()),
        protoc=_text(folder / "protoc.txt"),
        prefix=prefix,
        programs=tuple(name for name in programs if is_program(PurePosixPath(name))),
    )


def _text(file: Path) -> str:
    return file.read_text().strip()
