"""What has changed between releases: the functions that everything else here is for. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from buildkit.drift.classes import Classes
from buildkit.drift.model import Change, Step
from buildkit.drift.reach import called, check_kinds, reach
from buildkit.drift.rows import Span
from buildkit.drift.surroundings import include_changes, kind_changes, release_changes
from buildkit.drift.types import Types
from buildkit.errors import UsageError
from buildkit.interfaces import InterfaceTable
from buildkit.releases import FINAL_RELEASES, Release, did_you_mean


def changes(
    table: InterfaceTable,
    older: Release,
    newer: Release,
    kinds: Sequence[str],
    *,
    all_messages: bool = False,
) -> tuple[Change, ...]:
    """Every difference between two releases that concerns modules of these kinds.

    First that of the interfaces, then of the types that they reach, then of what concerns every
    module. ``all_messages`` takes every type of the table, whether the kinds reach it or not.

    Raises :class:`UsageError` for an unknown kind, for a release that the table does not have, and
    for releases in the wrong order.
    """
    return tuple(_checked(table, older, newer, kinds, all_messages=all_messages))


def differ(
    table: InterfaceTable,
    older: Release,
    newer: Release,
    kinds: Sequence[str],
    *,
    all_messages: bool = False,
) -> bool:
    """Whether there are any :func:`changes`. Looks no further than the first; raises as that."""
    found = _checked(table, older, newer, kinds, all_messages=all_messages)
    return next(found, None) is not None


def _checked(
    table: InterfaceTable,
    older: Release,
    newer: Release,
    kinds: Sequence[str],
    *,
    all_messages: bool,
) -> Iterator[Change]:
    check_kinds(table, kinds)
    for release in (older, newer):
        _check_release(release)
    if not older < newer:
        raise UsageError(f"{older} to {newer}: the older release comes first")
    return _changes(table, Span(older=older, newer=newer), kinds, all_messages=all_messages)


def boundaries(
    table: InterfaceTable,
    releases: Iterable[Release],
    kinds: Sequence[str],
    *,
    all_messages: bool = False,
) -> tuple[Step, ...]:
    """The changes from each of the releases to the next one, by number; also where there are none.

    Raises as :func:`changes`.
    """
    return tuple(
        Step(
            older=older,
            newer=newer,
            changes=changes(table, older, newer, kinds, all_messages=all_messages),
        )
        for older, newer in pairwise(sorted(set(releases)))
    )


def _check_release(release: Release) -> None:
    if release not in FINAL_RELEASES:
        known = [str(other) for other in FINAL_RELEASES]
        raise UsageError(
            f"no drift data for {release}{did_you_mean(str(release), known)}; the interface table "
            f"has the final releases from {known[0]} to {known[-1]}"
        )


def _changes(
    table: InterfaceTable, span: Span, kinds: Sequence[str], *, all_messages: bool
) -> Iterator[Change]:
    old, new = (reach(table, tuple(kinds), release) for release in (span.older, span.newer))
    classes = Classes(table=table, span=span, called=called(table))
    types = Types(table=table, span=span, returned=old.returned | new.returned)
    met = old.types | new.types
    interfaces = [name for name in table.interfaces if name in old.interfaces | new.interfaces]
    for kind in kinds:
        yield from kind_changes(span, kind, table.kind_rows)
    for interface in interfaces:
        yield from classes.changes(interface)
        location = table.location(interface, span.newer)
        if location:
            yield from include_changes(table, span, interface, location.header)
    entries = (*table.structs, *table.messages, *table.enums)
    yield from types.changes(name for name in entries if all_messages or name in met)
    yield from release_changes(table, span)
