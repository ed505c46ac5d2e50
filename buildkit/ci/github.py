"""What a step of GitHub Actions is told beside its log: annotations, groups, the summary. Pure.

The words are the runner's workflow commands: lines that begin with two colons.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from buildkit.outcome import Status
from buildkit.results.manifest import TargetRecord

MOST_ANNOTATIONS = 10
"""Of each level, for one step; the runner drops what comes after."""
SUMMARY_LIMIT = 1024 * 1024
"""Bytes of one step's summary; more of it and nothing is shown."""
_LOCATED = re.compile(
    r"module/(?P<path>[^\s:]+):(?P<line>\d+)(:(?P<column>\d+))?: "
    r"(?P<level>(fatal )?error|warning): (?P<text>.*)"
)
_SHORTENED = "\n\n(cut short; the whole is in dist/report.md)\n"

Level = Literal["error", "warning"]


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """A message, and where in the repository it belongs."""

    level: Level
    message: str
    file: str | None = None
    """Relative to the repository's root; None for what is not in it."""
    line: int | None = None
    column: int | None = None


def annotations(
    records: Iterable[TargetRecord], folders: Mapping[str, PurePosixPath]
) -> tuple[tuple[Annotation, tuple[str, ...]], ...]:
    """Each message once, with the targets that have it: errors first, then what most have.

    ``folders`` is where a module's sources are, by its name, relative to the repository's root; a
    module that is not in the repository is not in it.
    """
    found: dict[Annotation, list[str]] = {}
    for record in records:
        for annotation in _of(record, folders.get(record.module)):
            names = found.setdefault(annotation, [])
            if record.name not in names:
                names.append(record.name)
    ranked = sorted(found.items(), key=lambda item: (item[0].level, -len(item[1])))
    return tuple((annotation, tuple(names)) for annotation, names in ranked)


def _of(record: TargetRecord, folder: PurePosixPath | None) -> Iterable[Annotation]:
    failed = record.status in {Status.FAILED, Status.UNEXPECTED_PASS}
    lines = [*(record.cause if failed else ()), *record.warnings]
    located = [(line, match) for line in lines if (match := _LOCATED.match(line)) is not None]
    # A patch may have moved a line.
    patched = " (in the patched source)" if record.patches else ""
    for _, match in located:
        yield Annotation(
            level="warning" if match["level"] == "warning" else "error",
            message=f"{match['text']}{patched}",
            file=None if folder is None else str(folder / match["path"]),
            line=int(match["line"]),
            column=int(match["column"]) if match["column"] else None,
        )
    if failed and not any(match["level"] != "warning" for _, match in located):
        yield Annotation(level="error", message="\n".join(record.cause) or record.status.value)


def commands(found: Sequence[tuple[Annotation, tuple[str, ...]]]) -> list[str]:
    """The lines for the runner, no more than it takes."""
    lines: list[str] = []
    for level in ("error", "warning"):
        chosen = [pair for pair in found if pair[0].level == level]
        lines += [_command(annotation, names) for annotation, names in chosen[:MOST_ANNOTATIONS]]
    return lines


def _command(annotation: Annotation, names: tuple[str, ...]) -> str:
    title = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    properties = {"file": annotation.file, "line": annotation.line, "col": annotation.column}
    if annotation.file is None:
        properties = {}
    given = [f"{key}={_property(str(value))}" for key, value in properties.items() if value]
    return f"::{annotation.level} {','.join([*given, f'title={_property(title)}'])}::" + _data(
        annotation.message
    )


def group(title: str, lines: Iterable[str], token: str) -> list[str]:
    """Lines that a reader can fold out, and in which the runner sees no commands.

    ``token`` must be one that the lines' author could not know.
    """
    return [
        f"::group::{_data(title)}",
        f"::stop-commands::{token}",
        *lines,
        f"::{token}::",
        "::endgroup::",
    ]


def summary(markdown: str) -> str:
    """The Markdown, cut to what a summary may hold."""
    data = markdown.encode()
    if len(data) <= SUMMARY_LIMIT:
        return markdown
    head = data[: SUMMARY_LIMIT - len(_SHORTENED.encode())]
    # Whole lines, so that neither a letter nor a table's row is cut through.
    return head[: head.rfind(b"\n")].decode() + _SHORTENED


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
