"""How a report puts a step's changes together, whatever it is written in. Pure.

What an author has to act on stands by itself, with its exact text before and after; what is only
new is named in one line for each class or message, so that a step fits on a screen.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from buildkit.drift.model import Category, Change, Effect, Step, What
from buildkit.drift.words import former_title, subject_title, title
from buildkit.releases import Release

K = TypeVar("K", bound=Hashable)

_TYPES = frozenset({Category.STRUCT, Category.MESSAGE, Category.ENUM})
_CLASSES = frozenset({Category.INTERFACE, Category.KIND})
_GROUPS = {
    Category.MACRO: "version macros",
    Category.SUPPORT: "support headers",
    Category.PROTO: ".proto files",
    Category.LOADER: "loader",
    Category.BUNDLED: "bundled libraries",
    Category.COMPILER: "compiler",
    Category.LAYOUT: "folders",
}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of a report, with the texts below it."""

    effect: Effect
    head: str
    before: str | None = None
    after: str | None = None
    since: Release | None = None
    """Given where it is not the release that most of the step's changes begin with."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """Entries under a heading."""

    heading: str
    entries: tuple[Entry, ...]


def outline(step: Step) -> tuple[Section, ...]:
    """A step's changes in sections: each class, the types, the release as a whole."""
    sections: list[tuple[str, Iterator[Entry]]] = []
    classes = [change for change in step.changes if change.category in _CLASSES]
    for subject, changes in _by(classes, lambda change: change.subject).items():
        sections.append((subject, _class(step, changes)))
    types = [change for change in step.changes if change.category in _TYPES]
    sections.append(("Messages, enums and structs", _types(step, types)))
    rest = [change for change in step.changes if change.category in _GROUPS]
    sections.append(("Every module", _release(step, rest)))
    return tuple(
        Section(heading=heading, entries=tuple(sorted(entries, key=_worst_first)))
        for heading, entries in ((heading, list(entries)) for heading, entries in sections)
        if entries
    )


def _worst_first(entry: Entry) -> int:
    return _ORDER[entry.effect]


_ORDER = {effect: position for position, effect in enumerate(Effect)}


def counts(changes: Iterable[Change]) -> dict[Effect, int]:
    """How many changes there are of each effect, the worst first; no zeros."""
    found = [change.effect for change in changes]
    return {effect: found.count(effect) for effect in Effect if effect in found}


def _class(step: Step, changes: list[Change]) -> Iterator[Entry]:
    relaxed = [change for change in changes if _is_relaxed(change)]
    for change in changes:
        if change not in relaxed:
            yield _entry(step, change, title(change))
    for since, group in _by(relaxed, lambda change: change.since).items():
        names = ", ".join(f"{change.item}()" for change in group)
        yield Entry(
            effect=Effect.ADDITIVE,
            head=f"no longer pure, so need not be overridden: {names}",
            since=_other(step, since),
        )


def _is_relaxed(change: Change) -> bool:
    """Whether a method only gets a default body."""
    if change.before is None or change.after is None or not change.before.endswith(" = 0"):
        return False
    head = change.before.removesuffix(" = 0")
    return change.effect is Effect.ADDITIVE and change.after.startswith(f"{head} {{")


def _types(step: Step, changes: list[Change]) -> Iterator[Entry]:
    gains = [c for c in changes if c.what is What.ADDED and c.effect is Effect.ADDITIVE]
    moves = [c for c in changes if c.what is What.MOVED]
    notes = [c for c in changes if c.effect is Effect.NOTICE and c.aspect == "field"]
    listed = {*gains, *moves, *notes}
    for change in changes:
        if change not in listed:
            where = f"{subject_title(change)}: " if change.aspect else ""
            yield _entry(step, change, f"{where}{title(change)}")
    for (aspect, before, after, since), group in _by(
        moves, lambda change: (change.aspect, change.before, change.after, change.since)
    ).items():
        yield Entry(
            effect=Effect.NEEDS_GUARD,
            head=f"other {_PLACES[aspect]} of {_names(group)}",
            before=before,
            after=after,
            since=_other(step, since),
        )
    for (_, since), group in _by(notes, lambda change: (change.subject, change.since)).items():
        told = "; ".join(f"{change.item} {change.note}" for change in group)
        yield Entry(
            effect=Effect.NOTICE,
            head=f"{subject_title(group[0])}: {told}",
            since=_other(step, since),
        )
    parts = [change for change in gains if change.aspect]
    for (_, since), group in _by(parts, lambda change: (change.subject, change.since)).items():
        yield Entry(
            effect=Effect.ADDITIVE,
            head=f"{subject_title(group[0])} gains {', '.join(change.item for change in group)}",
            since=_other(step, since),
        )
    whole = [change for change in gains if not change.aspect]
    for since, group in _by(whole, lambda change: change.since).items():
        yield Entry(effect=Effect.ADDITIVE, head=f"new {_names(group)}", since=_other(step, since))


_PLACES = {
    "file": ".proto file",
    "package": "package",
    "header": "header",
    "namespace": "namespace",
}


def _names(changes: Iterable[Change]) -> str:
    """Subjects by their sort: ``messages A, B; enum C``."""
    groups = _by(changes, lambda change: change.category)
    return "; ".join(
        f"{category}{'s' if len(group) > 1 else ''} {', '.join(c.subject for c in group)}"
        for category, group in groups.items()
    )


def _release(step: Step, changes: list[Change]) -> Iterator[Entry]:
    for (category, effect, since), group in _by(
        changes, lambda change: (change.category, change.effect, change.since)
    ).items():
        told = "; ".join(_short(change) for change in group)
        yield Entry(effect=effect, head=f"{_GROUPS[category]}: {told}", since=_other(step, since))


def _short(change: Change) -> str:
    """A change in a list of such."""
    texts = " -> ".join(text for text in (change.before, change.after) if text is not None)
    sign = {What.ADDED: "+ ", What.REMOVED: "- "}.get(change.what, "")
    match change.category:
        case Category.PROTO:
            return f"{sign}{change.subject.removeprefix('mesos/')}"
        case Category.SUPPORT:
            return f"{sign}{texts}"
        case Category.BUNDLED:
            return f"{sign}{change.subject} {texts}"
        case Category.MACRO:
            return f"{sign}{change.subject} ({texts})"
        case _:
            return f"{sign}{change.subject}: {texts}"


def _entry(step: Step, change: Change, name: str) -> Entry:
    texts: tuple[str | None, str | None] = (change.before, change.after)
    match change.what:
        case What.RENAMED if change.item:
            head = f"{name}, before {change.was}"
        case What.REPLACED:
            head = f"{name} takes the place of {former_title(change)}"
        case What.ADDED:
            head = f"{name}, new"
        case What.REMOVED:
            head = f"{name}, gone"
        case _:
            head = name
    if change.aspect == "include":
        texts = (None, None)
    note = f" ({change.note})" if change.note and change.aspect != "field" else ""
    return Entry(
        effect=change.effect,
        head=f"{head}{note}",
        before=texts[0],
        after=texts[1],
        since=_other(step, change.since),
    )


def usual_since(step: Step) -> Release:
    """The release that most of a step's changes begin with; the newest of several."""
    found = Counter(change.since for change in step.changes)
    return max(found, key=lambda release: (found[release], release), default=step.newer)


def _other(step: Step, since: Release) -> Release | None:
    return None if since == usual_since(step) else since


def _by(changes: Iterable[Change], key: Callable[[Change], K]) -> dict[K, list[Change]]:
    """Grouped, in the order of each group's first."""
    groups: dict[K, list[Change]] = {}
    for change in changes:
        groups.setdefault(key(change), []).append(change)
    return groups
