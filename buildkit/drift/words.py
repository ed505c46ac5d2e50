"""A change in words: its title, its effect, and a sentence that needs no table around it. Pure."""

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
    "include": "#include {} of its header",
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

_HAPPENED = {
    What.ADDED: "is new in {since}",
    What.REMOVED: "is gone in {since}",
    What.CHANGED: "changes in {since}",
    What.RENAMED: "is what {was} was before {since}",
    What.RENUMBERED: "gets another number in {since}",
    What.MOVED: "moves in {since}",
    What.REPLACED: "takes the place of {was} in {since}",
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


def former_title(change: Change) -> str:
    """What it was, such as ``commands``; of a type that is replaced, also what sort of thing."""
    sort = f"{change.before.split()[0]} " if change.what is What.REPLACED and change.before else ""
    return f"{sort}{change.was}"


def sentence(change: Change) -> str:
    """The change in one sentence, without a full stop.

    Such as ``recover() of class Isolator changes in 1.7.0: 'virtual ...' becomes 'virtual ...'``.
    """
    name = f"{title(change)} of {subject_title(change)}" if change.aspect else title(change)
    happened = _HAPPENED[change.what].format(since=change.since, was=former_title(change))
    match change.before, change.after:
        case None, None:
            return f"{name} {happened}"
        case (None, text) | (text, None):
            return f"{name} {happened}: {text!r}"
        case before, after:
            return f"{name} {happened}: {before!r} becomes {after!r}"
