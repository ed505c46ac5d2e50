"""A change in words: its title, its effect, and a sentence that needs no table around it. Pure."""

from typing import assert_never

from buildkit.drift.model import Category, Change, Effect, What

_SUBJECTS = {
    Category.INTERFACE: "class {}",
    Category.STRUCT: "struct {}",
    Category.MESSAGE: "message {}",
    Category.ENUM: "enum {}",
    Category.KIND: "module kind {}",
    Category.MACRO: "macro {}",
    Category.SUPPORT: "support headers' {}",
    Category.LOADER: "loader's rule on {}",
    Category.BUNDLED: "bundled {}",
    Category.PROTO: "file {}",
    Category.COMPILER: "compiler: {}",
    Category.LAYOUT: "folders: {}",
}
_ITEMS = {
    "method": "{}()",
    "constructor": "constructor {}()",
    "field": "field {}",
    "member": "member {}",
    "value": "value {}",
    "include": "#include {}",
    "class": "class to derive from",
    "base": "base class",
    "create": "what create() returns",
    "file": ".proto file",
    "type": "Module<T>",
}
_EFFECTS = {
    Effect.DIES_SILENTLY: "an override of the old form compiles, and is never called",
    Effect.NEEDS_GUARD: "code that has to do with it needs a guard",
    Effect.ADDITIVE: "only code that wants it needs a guard",
    Effect.NOTICE: "no code needs a guard",
}


def title(change: Change) -> str:
    """What of the subject has changed, such as ``recover()`` or ``field user``; or the subject."""
    if not change.aspect:
        return subject_title(change)
    return _ITEMS.get(change.aspect, change.aspect).format(change.item)


def subject_title(change: Change) -> str:
    """The subject and what sort of thing it is, such as ``message ContainerState``."""
    return _SUBJECTS[change.category].format(change.subject)


def effect_words(effect: Effect) -> str:
    """What an effect asks of a module's author."""
    return _EFFECTS[effect]


def sentence(change: Change) -> str:
    """The change in one sentence, without a full stop.

    Such as ``recover() of class Isolator changes in 1.7.0: 'virtual ...' becomes 'virtual ...'``.
    """
    name = f"{title(change)} of {subject_title(change)}" if change.aspect else title(change)
    since, before, after = change.since, change.before, change.after
    match change.what:
        case What.ADDED:
            return f"{name} is new in {since}: {after!r}"
        case What.REMOVED:
            return f"{name} is gone in {since}; before: {before!r}"
        case What.REPLACED:
            return (
                f"{name} takes the place of {change.was} in {since}: {before!r} becomes {after!r}"
            )
        case What.RENAMED:
            return f"{name} is what was {change.was} before {since}: {before!r} becomes {after!r}"
        case What.CHANGED:
            return f"{name} changes in {since}: {before!r} becomes {after!r}"
        case What.RENUMBERED:
            return f"{name} gets another number in {since}: {before!r} becomes {after!r}"
        case What.MOVED:
            return f"{name} is another one from {since} on: {before!r} becomes {after!r}"
        case _:
            assert_never(change.what)
