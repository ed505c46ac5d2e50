"""What bundles carry beside archives: repositories of modules, and base images."""

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from buildkit.engine import BaseRequest
from buildkit.engine.bases import REPOSITORY, base_tag
from buildkit.engine.docker import DockerEngine
from buildkit.errors import TargetError
from buildkit.files.tarballs import read_tarball
from buildkit.files.tree import Tree
from buildkit.sources.modules import pack_commit, unpack_commit

_PACK = re.compile(r"([0-9a-f]{16})-([0-9a-f]{40})\.pack")
_IMAGE = re.compile(r"[A-Za-z0-9_.-]+\.tar")
_LISTS = frozenset({"manifest.json", "index.json", "repositories"})
_NAMES = ("io.containerd.image.name",)
_IMAGE_LIMIT = 16 * 1024**3


class RepositoriesPart:
    """Commits of modules, with the bare repositories below the folder of :class:`Sources`."""

    name = "git"

    def __init__(self, folder: Path, commits: Sequence[tuple[Path, str]] = ()) -> None:
        """``commits`` are repositories, and what is wanted of each."""
        self._folder = folder
        self._commits = commits

    def files(self) -> Iterable[tuple[str, Path | bytes]]:
        """Each commit, and what it holds, as a pack of git's."""
        for repository, revision in sorted(set(self._commits)):
            yield f"{repository.name}-{revision}.pack", pack_commit(repository, revision)

    def accept(self, name: str, content: IO[bytes]) -> None:
        """Add the commit to its repository. Git computes every object's ID anew."""
        match = _PACK.fullmatch(name)
        if match is None:
            raise TargetError(f"{name}: not the name of a commit's pack")
        with _spooled(content) as file:
            unpack_commit(self._folder / match[1], match[2], file)


class BasesPart:
    """Base images of a Docker daemon, as ``docker save`` writes them."""

    name = "bases"

    def __init__(
        self, connect: Callable[[], DockerEngine], requests: Sequence[BaseRequest] = ()
    ) -> None:
        """``connect`` is asked for the daemon when an image comes or goes, and not before."""
        self._connect = connect
        self._requests = requests

    def files(self) -> Iterator[tuple[str, Path | bytes]]:
        """Each image as one tar file, under its tag."""
        for tag in sorted({base_tag(request) for request in self._requests}):
            with tempfile.TemporaryDirectory(prefix="mesos-buildkit-export-") as scratch:
                file = Path(scratch, "image.tar")
                with self._connect() as engine, file.open("wb") as stream:
                    for chunk in engine.save_image(tag):
                        stream.write(chunk)
                yield f"{tag.rpartition(':')[2]}.tar", file

    def accept(self, name: str, content: IO[bytes]) -> None:
        """Load the image, if it has no other name than a base's own."""
        if not _IMAGE.fullmatch(name):
            raise TargetError(f"{name}: not the name of a base image")
        with _spooled(content) as file:
            lists = read_tarball(
                file, wanted=_LISTS.__contains__, limit_bytes=_IMAGE_LIMIT, name=name
            )
            expected = f"{REPOSITORY}:{name.removesuffix('.tar')}"
            if _tags(lists) != {expected}:
                raise TargetError(f"{name}: does not hold the image {expected} and nothing else")
            with self._connect() as engine, file.open("rb") as stream:
                engine.load_image(stream)


def _tags(lists: Tree) -> set[str]:
    """Every name that a daemon could give to an image in there, in whichever list it looks."""
    try:
        tags = {
            tag for image in json.loads(lists["manifest.json"].data) for tag in image["RepoTags"]
        }
        if "index.json" in lists:
            for image in json.loads(lists["index.json"].data)["manifests"]:
                notes = image.get("annotations", {})
                tags.update(notes[key] for key in _NAMES if key in notes)
        if "repositories" in lists:
            for repository, versions in json.loads(lists["repositories"].data).items():
                tags.update(f"{repository}:{version}" for version in versions)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise TargetError(f"not an image as 'docker save' writes it: {error!r}") from None
    full = f"docker.io/{REPOSITORY}:"
    return {
        f"{REPOSITORY}:{tag.removeprefix(full)}" if tag.startswith(full) else tag for tag in tags
    }


@contextmanager
def _spooled(content: IO[bytes]) -> Iterator[Path]:
    """The content in a file: it is read more than once."""
    with tempfile.TemporaryDirectory(prefix="mesos-buildkit-import-") as scratch:
        file = Path(scratch, "content")
        with file.open("wb") as stream:
            shutil.copyfileobj(content, stream)
        yield file
