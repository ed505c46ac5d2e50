"""What drift speaks in: one interface change, what it means to a module, and a step of releases."""

from dataclasses import dataclass
from enum import StrEnum

from buildkit.releases import Release


class Category(StrEnum):
    """What sort of thing has changed."""

    INTERFACE = "interface"
    """A C++ class that modules or frameworks implement or call."""
    STRUCT = "struct"
    MESSAGE = "message"
    ENUM = "enum"
    KIND = "kind"
    """A module kind: its ``Module<T>`` and the header of it."""
    MACRO = "macro"
    """Of ``mesos/version.hpp``."""
    SUPPORT = "support"
    """What stout, libprocess and Mesos's own helpers offer."""
    LOADER = "loader"
    BUNDLED = "bundled"
    """A third-party library inside the release."""
    PROTO = "proto"
    """A .proto file below ``include/mesos``."""
    COMPILER = "compiler"
    LAYOUT = "layout"
    """Folders of a source or install tree."""


class What(StrEnum):
    """What has happened to it."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    RENAMED = "renamed"
    RENUMBERED = "renumbered"
    """A field or enum value keeps its name and gets another number."""
    MOVED = "moved"
    """To another header, namespace, .proto file or package."""
    REPLACED = "replaced"
    """Another type does its work now, such as a message that of a struct."""

    @classmethod
    def of(cls, before: object | None, after: object | None) -> "What":
        """What has happened to a thing of one name."""
        if before is None:
            return cls.ADDED
        return cls.REMOVED if after is None else cls.CHANGED


class Effect(StrEnum):
    """What it does to a module whose source was right for the older release."""

    DIES_SILENTLY = "dies-silently"
    """An override goes on to compile if it does not say ``override``, and is never called again."""
    NEEDS_GUARD = "needs-guard"
    """Code that uses it, or has to implement it, needs one text before and another after."""
    ADDITIVE = "additive"
    """The old text goes on to work; only code that wants what is new needs a guard."""
    NOTICE = "notice"
    """The old text means the same to the compiler; worth knowing all the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One difference between two releases."""

    category: Category
    subject: str
    """The table's name of the class, type, kind or group; what it is called in the newer release.
    An isolator's base class is ``Isolator`` throughout."""
    aspect: str = ""
    """What of the subject: ``method``, ``field``, ``header``, ...; empty for the subject itself."""
    item: str = ""
    """Name of the method, field, value or member; empty where ``aspect`` says it all."""
    what: What
    effect: Effect
    before: str | None = None
    """C++ or .proto text in the older release; None for what is added."""
    after: str | None = None
    was: str | None = None
    """The older name of the item, or of the subject if there is no item."""
    since: Release
    """First release, by number, for which ``after`` is true."""
    note: str = ""
    """What the two texts do not say by themselves."""

    def concerns(self, subject: str, item: str | None = None) -> bool:
        """Whether it is about ``subject``, and ``item`` of it if given, under either name."""
        names = {self.subject, (self.item and self.subject) or self.was}
        if subject not in names:
            return False
        return item is None or item in {self.item, self.item and self.was}


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """All changes from one release to a later one."""

    older: Release
    newer: Release
    changes: tuple[Change, ...]

    def concerning(self, subject: str, item: str | None = None) -> tuple[Change, ...]:
        """The changes of ``subject``, or of ``item`` of it, under either name."""
        return tuple(change for change in self.changes if change.concerns(subject, item))
