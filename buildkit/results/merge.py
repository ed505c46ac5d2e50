"""Several jobs' dist/ folders brought together: found, verified, compared.

Nothing is written before all of it has been found good; :mod:`buildkit.verbs.merge` does that.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from buildkit.errors import TargetError, UsageError
from buildkit.results.artifacts import CHECKSUMS, MANIFEST, read_manifest, sha256_of
from buildkit.results.manifest import Manifest, TargetRecord

_PLACES = (".", "dist", "*", "*/dist")
"""Where below a folder a dist/ may be: it itself, beside its logs, and either in a folder of its
own, as a job's artifacts are when several are downloaded together."""
_SUM = re.compile(r"(?P<digest>[0-9a-f]{64})  (?P<path>\S.*)", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Part:
    """One job's results."""

    folder: Path
    """Its dist/."""
    manifest: Manifest

    @property
    def logs(self) -> Path:
        """Where its logs are, if they came along."""
        return self.folder.parent / "build" / "logs"


@dataclass(frozen=True, kw_only=True)
class Found:
    """A target, and the part that it is taken from."""

    record: TargetRecord
    part: Part


def find_parts(folders: Iterable[Path]) -> tuple[Part, ...]:
    """The parts in and below ``folders``, in their order and then by name.

    Raises :class:`UsageError` for a folder without any, and for a manifest that can't be read.
    """
    parts: dict[Path, Part] = {}
    for folder in folders:
        places = [
            place
            for pattern in _PLACES
            for place in sorted([folder] if pattern == "." else folder.glob(pattern))
            if (place / MANIFEST).is_file()
        ]
        if not places:
            raise UsageError(
                f"{folder}: no {MANIFEST} in it, in its dist/ or in a folder of it; expected what "
                "a job's build has left in dist/"
            )
        for place in places:
            parts.setdefault(
                place.resolve(), Part(folder=place, manifest=read_manifest(place / MANIFEST))
            )
    return tuple(parts.values())


def verify(part: Part) -> list[str]:
    """What is wrong with a part: files that are missing, altered, or that nobody has listed."""
    problems: list[str] = []
    listed = _listed(part, problems)
    for path, digest in listed.items():
        problems += _verify_file(part, path, digest)
    for record in part.manifest.targets:
        if record.log is not None and not _is_inside(record.log):
            problems.append(
                f"{part.folder / MANIFEST}: {record.name}: log {record.log!r} leaves build/logs/"
            )
        for path, digest in digests(record).items():
            if listed.get(path) != digest:
                problems.append(
                    f"{part.folder}: {path}: {MANIFEST} has SHA-256 {digest}, {CHECKSUMS} has "
                    f"{listed.get(path, 'none')}"
                )
    return problems


def _listed(part: Part, problems: list[str]) -> dict[str, str]:
    """The checksum file's path -> digest; what is wrong with it is added to ``problems``."""
    file = part.folder / CHECKSUMS
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, UnicodeDecodeError) as error:
        problems.append(f"{file}: {'not there' if isinstance(error, OSError) else 'not a text'}")
        return {}
    listed: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        found = _SUM.fullmatch(line)
        if found is None or not _is_inside(found["path"]):
            problems.append(f"{file}:{number}: expected a SHA-256 and a path below this folder")
        else:
            listed[found["path"]] = found["digest"]
    return listed


def _verify_file(part: Part, path: str, digest: str) -> list[str]:
    file = part.folder / path
    # A link could show what is elsewhere.
    if file.is_symlink() or not file.is_file() or not _really_inside(file, part.folder):
        return [f"{file}: {CHECKSUMS} lists it, but it is not there as a file"]
    actual = sha256_of(file)
    if actual == digest:
        return []
    return [f"{file}: its SHA-256 is {actual}, but {CHECKSUMS} has {digest}"]


def _is_inside(path: str) -> bool:
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts and "\\" not in path


def _really_inside(file: Path, folder: Path) -> bool:
    return file.resolve().is_relative_to(folder.resolve())


def digests(record: TargetRecord) -> dict[str, str]:
    """The files of a target's artifact: path relative to dist/ -> SHA-256, in hex."""
    artifact = record.artifact
    if artifact is None:
        return {}
    return {artifact.path: artifact.sha256, artifact.debug_path: artifact.debug_sha256}


def combine(parts: Sequence[Part]) -> tuple[Found, ...]:
    """Every target once, from the first part that has it.

    Raises :class:`TargetError` for parts that are damaged, and for parts that disagree on a target:
    other bytes, or another verdict.
    """
    problems = [problem for part in parts for problem in verify(part)]
    found: dict[str, Found] = {}
    owners: dict[str, str] = {}
    for part in parts:
        for record in part.manifest.targets:
            first = found.setdefault(record.name, Found(record=record, part=part))
            problems += _disagreements(first, Found(record=record, part=part))
            for path in digests(record):
                owner = owners.setdefault(path, record.name)
                if owner != record.name:
                    problems.append(f"{path}: of {owner}, and of {record.name} in {part.folder}")
    if problems:
        raise TargetError("can't merge:\n  " + "\n  ".join(dict.fromkeys(problems)))
    return tuple(found.values())


def _disagreements(one: Found, other: Found) -> list[str]:
    if one.record.status != other.record.status:
        verdict = f"{one.record.status} in {one.part.folder}"
        return [f"{one.record.name}: {verdict}, {other.record.status} in {other.part.folder}"]
    ours, theirs = digests(one.record), digests(other.record)
    return [
        f"{one.record.name}: not the same bytes: {path}\n"
        f"    {ours.get(path, 'no such file'):64}  {one.part.folder}\n"
        f"    {theirs.get(path, 'no such file'):64}  {other.part.folder}"
        for path in sorted({*ours, *theirs})
        if ours.get(path) != theirs.get(path)
    ]
