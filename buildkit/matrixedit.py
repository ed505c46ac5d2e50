"""Changes to a matrix file that leave everything else in it as its author wrote it. Pure."""

import difflib
import tomllib
from collections.abc import Iterable

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array

from buildkit.errors import UsageError
from buildkit.releases import Release, expand


def add_releases(text: str, releases: Iterable[Release]) -> str:
    """The matrix file's text with more releases in its list, each beside its neighbour by number.

    Comments, quotes and layout stay. Raises :class:`UsageError` for a text in which that cannot be
    done; the list then has to be changed by hand.
    """
    wanted = sorted(set(releases))
    try:
        changed = _inserted(text, wanted)
        before, after = _releases(text), _releases(changed)
    except (TOMLKitError, tomllib.TOMLDecodeError, KeyError, TypeError, UsageError):
        raise _by_hand(wanted) from None
    if after != before | set(wanted):
        raise _by_hand(wanted)
    return changed


def _inserted(text: str, releases: Iterable[Release]) -> str:
    document = tomlkit.parse(text)
    names = document["releases"]
    if not isinstance(names, Array):
        raise TypeError
    for release in releases:
        names.insert(_place([str(name) for name in names], release), str(release))
    return tomlkit.dumps(document)


def diff(before: str, after: str, name: str) -> str:
    """A unified diff between two versions of a file; empty if they are the same."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{name}", f"b/{name}"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _place(names: list[str], release: Release) -> int:
    """Where in the list a release goes: behind the last smaller one, else to the end."""
    # What does not begin with a digit is a group, and no neighbour.
    direct = [(index, name) for index, name in enumerate(names) if name[:1].isdigit()]
    smaller = [index for index, name in direct if Release.parse(name) < release]
    return smaller[-1] + 1 if smaller else len(names)


def _releases(text: str) -> set[Release]:
    raw = tomllib.loads(text)
    return set(expand(raw["releases"], raw.get("groups", {})))


def _by_hand(releases: Iterable[Release]) -> UsageError:
    names = ", ".join(f'"{release}"' for release in releases)
    return UsageError(f"key 'releases': can't be changed from here; add {names} to it by hand")
