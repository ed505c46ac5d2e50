"""What a report needs of the disk: the manifest, the logs, and how to reach them from it."""

import os
from collections.abc import Iterable
from pathlib import Path

from buildkit.errors import UnavailableError
from buildkit.report.view import Log
from buildkit.results.artifacts import MANIFEST, read_manifest
from buildkit.results.manifest import Manifest, TargetRecord

TAIL_LINES = 60
"""Of a failed target's log."""
_TAIL_BYTES = 64 * 1024


def manifest_of(dist: Path) -> Manifest:
    """The manifest to report on.

    Raises :class:`UnavailableError` if there is none yet.
    """
    path = dist / MANIFEST
    if not path.is_file():
        raise UnavailableError(f"{path}: not there; build first: nox -s build")
    return read_manifest(path)


def logs_of(manifest: Manifest, logs: Path, report: Path) -> dict[str, Log]:
    """The logs that are there, by target; ``report`` is the folder that the links start from."""
    return {
        record.name: Log(link=way(path, report), tail=() if record.status.good else _tail(path))
        for record, path in _existing(manifest.targets, logs)
    }


def way(path: Path, start: Path) -> str:
    """The relative address of ``path`` from the folder ``start``."""
    return Path(os.path.relpath(path.resolve(), start.resolve())).as_posix()


def _existing(records: Iterable[TargetRecord], logs: Path) -> Iterable[tuple[TargetRecord, Path]]:
    for record in records:
        # A manifest is a file that anyone can write; it gets nothing outside shown.
        if record.log and (logs / record.log).resolve().is_relative_to(logs.resolve()):
            path = logs / record.log
            if path.is_file():
                yield record, path


def _tail(path: Path) -> tuple[str, ...]:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        text = file.read().decode(errors="replace")
    return tuple(text.splitlines()[-TAIL_LINES:])
