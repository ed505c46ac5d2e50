"""dist/: libraries, debug information, manifest and checksums, each written whole or not at all."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from pydantic import ValidationError

from buildkit.errors import UnavailableError, UsageError
from buildkit.files.tree import replace_text
from buildkit.matrix import Matrix
from buildkit.outcome import Artifact
from buildkit.plan import Target
from buildkit.results.manifest import Manifest, TargetRecord, manifest_json
from buildkit.smoke.abi import AbiFacts

MANIFEST = "manifest.json"
CHECKSUMS = "SHA256SUMS"
DEBUG_SUFFIX = ".debug"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, kw_only=True)
class Dist:
    """The folder for results. Several processes may write into it."""

    folder: Path
    lock: Path
    """Held while the manifest is rewritten; outside of ``folder``, which gets shipped."""

    def publish(self, target: Target, built: Path, build_id: str, abi: AbiFacts) -> Artifact:
        """Put the library in ``built`` and its debug file into the target's folder."""
        place = self.folder / target.folder
        place.mkdir(parents=True, exist_ok=True)
        library = place / target.library
        debug = library.with_name(library.name + DEBUG_SUFFIX)
        self._remove_others(place, keep={library.name, debug.name})
        if not _same(library, built / library.name):
            # A library that is there always has its own debug file, wherever this is cut off.
            library.unlink(missing_ok=True)
            _replace_copy(built / debug.name, debug)
            _replace_copy(built / library.name, library)
        return Artifact(
            path=library.relative_to(self.folder).as_posix(),
            sha256=sha256_of(library),
            size=library.stat().st_size,
            build_id=build_id,
            debug_path=debug.relative_to(self.folder).as_posix(),
            debug_sha256=sha256_of(debug),
            abi=abi,
        )

    def adopt(self, record: TargetRecord, source: Path) -> None:
        """Put a target's files here from ``source``.

        :mod:`buildkit.results.merge` has verified them.
        """
        if record.artifact is None:
            return
        library = self.folder / record.artifact.path
        debug = self.folder / record.artifact.debug_path
        library.parent.mkdir(parents=True, exist_ok=True)
        self._remove_others(library.parent, keep={library.name, debug.name})
        library.unlink(missing_ok=True)
        _replace_copy(source / record.artifact.debug_path, debug)
        _replace_copy(source / record.artifact.path, library)

    def withdraw(self, target: Target) -> None:
        """Remove what an earlier run left for a target that is no longer good."""
        place = self.folder / target.folder
        if place.is_dir():
            self._remove_others(place, keep=set())
            if not any(place.iterdir()):
                place.rmdir()

    def update_manifest(self, matrix: Matrix, records: Iterable[TargetRecord]) -> None:
        """Merge ``records`` into the manifest and write the checksums anew.

        What an earlier matrix had and this one has not is dropped, with its libraries. How long a
        target took to build is kept when it comes from the cache.

        Raises :class:`UsageError` for a manifest that is there and can't be read.
        """
        fresh = {record.name: record for record in records}
        modules = [module.name for module in matrix.file.module]
        releases = [str(release) for release in matrix.releases]
        platforms = [platform.name for platform in matrix.file.platform]

        def order(record: TargetRecord) -> tuple[int, int, int]:
            return (
                modules.index(record.module),
                releases.index(record.release),
                platforms.index(record.platform),
            )

        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.lock):
            before = {record.name: record for record in self.manifest().targets}
            kept = []
            for record in (before | _with_measurements(fresh, before)).values():
                if (
                    record.module in modules
                    and record.release in releases
                    and record.platform in platforms
                ):
                    kept.append(record)
                else:
                    self._remove_artifact(record)
            targets = tuple(sorted(kept, key=order))
            replace_text(self.folder / MANIFEST, manifest_json(Manifest(targets=targets)))
            replace_text(self.folder / CHECKSUMS, _checksums(targets))

    def _remove_artifact(self, record: TargetRecord) -> None:
        if record.artifact is None:
            return
        for name in (record.artifact.path, record.artifact.debug_path):
            file = self.folder / name
            # A manifest is a file that anyone can write; it gets nothing outside removed.
            if file.resolve().is_relative_to(self.folder.resolve()):
                file.unlink(missing_ok=True)

    def manifest(self) -> Manifest:
        """The manifest as it is now, as :func:`read_manifest` reads it."""
        return read_manifest(self.folder / MANIFEST)

    @staticmethod
    def _remove_others(place: Path, keep: set[str]) -> None:
        for file in place.iterdir():
            if file.is_file() and file.name not in keep:
                file.unlink()


def read_manifest(path: Path) -> Manifest:
    """A manifest; an empty one if there is none.

    Raises :class:`UsageError` for one that can't be read, and :class:`UnavailableError` where a
    file is in the place of its folder.
    """
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Manifest()
    except NotADirectoryError:
        file = next(parent for parent in path.parents if parent.exists())
        raise UnavailableError(
            f"{file}: a file, and a folder is expected there, for results; move it away"
        ) from None
    except ValidationError as error:
        raise UsageError(
            f"{path}: not a manifest this version can read "
            f"({error.error_count()} errors, the first: {error.errors()[0]['msg']}); "
            "move it away, or delete dist/"
        ) from None


def _with_measurements(
    fresh: Mapping[str, TargetRecord], before: Mapping[str, TargetRecord]
) -> dict[str, TargetRecord]:
    """The fresh records; those that measured nothing keep what was measured before."""
    return {
        name: record.model_copy(update={"measured_seconds": before[name].measured_seconds})
        if record.measured_seconds is None and name in before
        else record
        for name, record in fresh.items()
    }


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and sha256_of(one) == sha256_of(other)


def _checksums(targets: Iterable[TargetRecord]) -> str:
    lines = [
        f"{digest}  {path}\n"
        for target in targets
        if target.artifact is not None
        for path, digest in (
            (target.artifact.path, target.artifact.sha256),
            (target.artifact.debug_path, target.artifact.debug_sha256),
        )
    ]
    return "".join(lines)


def _replace_copy(source: Path, destination: Path) -> None:
    handle, name = tempfile.mkstemp(prefix=".new-", dir=destination.parent)
    os.close(handle)
    try:
        shutil.copyfile(source, name)
        Path(name).chmod(0o644)
        Path(name).replace(destination)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
