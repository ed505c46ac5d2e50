"""The report in Markdown, as GitHub and GitLab render it. Pure."""

import re
from collections.abc import Sequence

from buildkit.report.view import Group, Row, View

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&@-])")

_STUBS = (
    "These libraries prove that the module fits the interface. **They are never for shipping.**"
)


def markdown(view: View) -> str:
    """The whole report."""
    parts = [f"# Mesos modules: {_text(view.headline)}", ""]
    if view.stubs:
        parts += [f"> **Stub SDK for {view.stubs} of {len(view.rows)} targets.** {_STUBS}", ""]
    for group in view.groups:
        parts += _group(group)
    if view.missing:
        parts += ["## Missing", "", *(f"- {_text(name)}" for name in view.missing), ""]
    for row in view.failures:
        parts += _failure(row)
    if view.warnings:
        parts += ["## Compiler warnings", ""]
        parts += [f"- {_code(line)}: {_text(', '.join(who))}" for line, who in view.warnings]
        parts += [""]
    for title, table in (
        ("Guard branches", view.extras.guards),
        ("Predicted against actual", view.extras.predictions),
        ("Drift at each boundary", view.extras.drift),
    ):
        if table is not None:
            parts += [f"## {title}", "", *_table(table.titles, table.rows), ""]
    parts += ["## Built with", ""]
    parts += [f"- {name}: {', '.join(map(_code, values))}" for name, values in view.facts]
    parts += ["", f"Written by {_text(view.generator)}."]
    return "\n".join(parts) + "\n"


def _group(group: Group) -> list[str]:
    titles = ("Release", "Verdict", "SDK", "sdk", "build", "smoke", "Time", "Size", "Needs", "Flag")
    rows = [
        (
            _text(row.record.release),
            f"**{row.word}**" if row.tone == "bad" else row.word,
            "**STUB**" if row.stub else row.record.sdk,
            *(cell.word for cell in row.cells),
            row.time,
            row.size,
            _text(", ".join(f"{name} {version}" for name, version in row.needs[:2]) or "-"),
            _text(row.flag),
        )
        for row in group.rows
    ]
    title = f"{group.module} {group.version} on {group.platform} ({group.architecture})"
    lines = [
        "| " + " | ".join(titles) + " |",
        "|" + "---|" * len(titles),
        *("| " + " | ".join(row) + " |" for row in rows),
    ]
    floor = [f"Must load on {_text(group.floor)}.", ""] if group.floor else []
    return [f"## {_text(title)}", "", *floor, *lines, ""]


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        "| " + " | ".join(map(_text, titles)) + " |",
        "|" + "---|" * len(titles),
        *("| " + " | ".join(map(_lines, row)) + " |" for row in rows),
    ]


def _lines(text: str) -> str:
    """In a cell, a break is the only way to a new line."""
    return "<br>".join(map(_text, text.splitlines()))


def _failure(row: Row) -> list[str]:
    failed = next((cell.stage for cell in row.cells if cell.tone == "bad"), None)
    where = f" in stage {failed}" if failed else ""
    lines = [
        f"## {_text(row.word)}{where}: {_text(row.record.name)}",
        "",
        *_block(row.record.cause),
    ]
    if row.log is not None:
        lines += ["", f"[Full log](<{row.log.link}>)"]
    return [*lines, ""]


def _text(text: str) -> str:
    """Means itself, whatever is in it."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """A code span that holds any text."""
    text = " ".join(text.split())
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}" if "`" in text else f"`{text}`"


def _block(lines: Sequence[str]) -> list[str]:
    """A code block that holds any lines."""
    runs = (len(run) for line in lines for run in re.findall("`+", line))
    fence = "`" * max(3, *(length + 1 for length in runs), 3)
    return [f"{fence}text", *lines, fence]
