"""A drift report as lines for a terminal or a log. Pure."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from buildkit.drift.model import Effect, Step
from buildkit.drift.outline import Entry, counts, outline, usual_since
from buildkit.drift.words import effect_words

_STYLES = {
    Effect.DIES_SILENTLY: "bold red",
    Effect.NEEDS_GUARD: "yellow",
    Effect.ADDITIVE: "green",
    Effect.NOTICE: "dim",
}
_COLUMN = max(map(len, Effect)) + 4
"""Where an entry's text begins."""
NOTHING = "no change"
_INLINE = 60
"""Texts up to this many characters stand in the entry's own line."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line and how it looks, in rich's words."""

    text: str
    style: str = ""


def report_lines(
    steps: Sequence[Step], width: int | None = None, nothing: str = NOTHING
) -> Iterator[Line]:
    """The report, folded to ``width`` columns; not folded at all without one.

    Steps without a change are named in one line, as ``nothing``. The effects that occur are
    explained at the end.
    """
    for same, group in _runs(steps):
        first, last = group[0], group[-1]
        if same:
            yield Line(text=f"{first.older} -> {last.newer}: {nothing}", style="dim")
            continue
        since = usual_since(first)
        told = "" if since == first.newer else f" (since {since} unless another is named)"
        heading = f"{first.older} -> {first.newer}: {summary(first)}{told}"
        yield from _fold(heading, width, 4, "bold")
        for section in outline(first):
            yield Line(text=f"  {section.heading}", style="bold")
            for entry in section.entries:
                yield from _entry(entry, width)
    for effect in counts(change for step in steps for change in step.changes):
        yield Line(text=f"{effect}: {effect_words(effect)}", style=_STYLES[effect])


def summary(step: Step) -> str:
    """How many changes of which effect, such as ``1 dies-silently, 3 additive``."""
    found = counts(step.changes)
    return ", ".join(f"{number} {effect}" for effect, number in found.items()) or NOTHING


def _runs(steps: Sequence[Step]) -> Iterator[tuple[bool, list[Step]]]:
    """Each step with changes by itself; neighbours without any together."""
    same: list[Step] = []
    for step in steps:
        if not step.changes:
            same.append(step)
            continue
        if same:
            yield True, same
            same = []
        yield False, [step]
    if same:
        yield True, same


def _entry(entry: Entry, width: int | None) -> Iterator[Line]:
    texts = [text for text in (entry.before, entry.after) if text is not None]
    since = f" [since {entry.since}]" if entry.since else ""
    inline = texts and all(len(text) <= _INLINE for text in texts)
    told = f": {' -> '.join(texts)}" if inline else ""
    style = _STYLES[entry.effect]
    label = f"    {entry.effect}".ljust(_COLUMN + 1)
    yield from _fold(f"{label}{entry.head}{told}{since}", width, _COLUMN + 3, style)
    if not inline:
        for sign, text in (("-", entry.before), ("+", entry.after)):
            if text is not None:
                indent = " " * (_COLUMN + 3)
                yield from _fold(f"{indent}{sign} {text}", width, _COLUMN + 7, "")


def _fold(text: str, width: int | None, indent: int, style: str) -> Iterable[Line]:
    if width is None:
        return [Line(text=text, style=style)]
    folded = textwrap.wrap(
        text,
        max(width, indent + 20),
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [Line(text=line, style=style) for line in folded]
