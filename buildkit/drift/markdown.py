"""A drift report as Markdown, for an issue or a wiki. Pure."""

import re
from collections.abc import Iterator, Sequence

from buildkit.drift.model import Effect, Step
from buildkit.drift.outline import Entry, outline, usual_since
from buildkit.drift.text import NOTHING, summary
from buildkit.drift.words import effect_words

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def report_markdown(steps: Sequence[Step], kinds: Sequence[str], nothing: str = NOTHING) -> str:
    """The report, with exact texts in fenced blocks; ``nothing`` is said of a step without any."""
    return "\n".join(_lines(steps, kinds, nothing)) + "\n"


def _lines(steps: Sequence[Step], kinds: Sequence[str], nothing: str) -> Iterator[str]:
    yield f"# Mesos interface drift: {', '.join(kinds)}"
    yield ""
    yield from (f"- **{effect}**: {effect_words(effect)}" for effect in Effect)
    for step in steps:
        yield ""
        yield f"## {step.older} to {step.newer}"
        yield ""
        if not step.changes:
            yield f"{nothing.capitalize()}."
            continue
        since = usual_since(step)
        tail = "" if since == step.newer else f" Since {since} unless another release is named."
        yield f"{summary(step).capitalize()}.{tail}"
        for section in outline(step):
            yield ""
            yield f"### {escape(section.heading)}"
            yield ""
            for entry in section.entries:
                yield from _entry(entry)


def _entry(entry: Entry) -> Iterator[str]:
    since = f" (since {entry.since})" if entry.since else ""
    yield f"- **{entry.effect}** {escape(entry.head)}{since}"
    texts = (("-", entry.before), ("+", entry.after))
    if any(text is not None for _, text in texts):
        yield ""
        yield "  ```diff"
        yield from (f"  {sign} {text}" for sign, text in texts if text is not None)
        yield "  ```"
        yield ""


def escape(text: str) -> str:
    """The text so that Markdown shows it as it is."""
    return _SPECIAL.sub(r"\\\1", text)
