"""Mesos releases: their numbers, the list of final ones, and selecting among them.

Pure. Uses nothing beyond the standard library and ``packaging``, because :mod:`buildkit.nox`
lists sessions with it where only nox is installed.
"""

import difflib
import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from buildkit.errors import UsageError

_NUMBER = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\Z", re.ASCII)


@dataclass(frozen=True, order=True)
class Release:
    """One final Mesos version. Orders by its numbers, so 0.9.0 < 0.10.0."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> "Release":
        """Read ``"0.24.1"``.

        Raises :class:`UsageError` for anything but three dotted numbers without leading zeros.
        """
        found = _NUMBER.match(text)
        if not found:
            raise UsageError(
                f"{text!r} is not a Mesos release; expected three numbers such as 0.24.1"
            )
        return cls(*(int(part) for part in found.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @cached_property
    def version(self) -> Version:
        """The same as PEP 440 version, for matching specifiers."""
        return Version(str(self))

    def matches(self, specifier: str) -> bool:
        """Whether a PEP 440 specifier such as ``">=0.24,<1.0"`` holds for this release."""
        return self.version in SpecifierSet(specifier)


_PATCHES = {
    "0.21": 2, "0.22": 2, "0.23": 1, "0.24": 2, "0.25": 1, "0.26": 2, "0.27": 3, "0.28": 3,
    "1.0": 4, "1.1": 3, "1.2": 3, "1.3": 2, "1.4": 3, "1.5": 3, "1.6": 2, "1.7": 3,
    "1.8": 1, "1.9": 0, "1.10": 0, "1.11": 0,
}  # fmt: skip

FINAL_RELEASES: tuple[Release, ...] = tuple(
    Release.parse(f"{minor}.{patch}")
    for minor, newest in _PATCHES.items()
    for patch in range(newest + 1)
)
"""All 60 final releases from 0.21.0 to 1.11.0, oldest first (source: the tags of apache/mesos)."""

STUB_BEGINS = Release(0, 22, 0)
"""First release the stub SDK covers: 0.21 does not install the isolator's header."""

RELEASE_SDK_BEGINS = Release(0, 23, 0)
"""First release whose SDK is assembled from its archive; C++11 in full begins there."""

AGENT_BEGINS = Release(0, 25, 0)
"""First release whose agent has the flag --launcher (source: src/slave/flags.cpp of the tags)."""


def neighbours_of(release: Release) -> tuple[Release, ...]:
    """The final release before and the one after; only one of them at an end of the list."""
    older = [other for other in FINAL_RELEASES if other < release]
    newer = [other for other in FINAL_RELEASES if other > release]
    return (*older[-1:], *newer[:1])


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of ``names`` that ``name`` was probably meant to be, or None."""
    return next(iter(difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)), None)


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A tail for an error message: ``"; did you mean X?"``, or nothing if none is near."""
    found = nearest(name, names)
    return f"; did you mean {found!r}?" if found else ""


def select(releases: Sequence[Release], specs: Sequence[str]) -> tuple[Release, ...]:
    """The releases that at least one spec names, in the order given; all of them without a spec.

    A spec is a release (``0.24.1``), a glob over its text (``0.24.*``) or a PEP 440 specifier
    (``>=0.24,<1.0``).

    Raises :class:`UsageError` for a malformed spec and for one that selects nothing: a typing
    error must not turn into a green run over no targets.
    """
    if not specs:
        return tuple(releases)
    chosen: set[Release] = set()
    for spec in specs:
        hit = {release for release in releases if _matches(release, spec)}
        if not hit:
            known = [str(release) for release in releases]
            hint = (
                did_you_mean(spec, known)
                if any(character.isdigit() for character in spec)
                else "; expected a release, a glob such as '1.*' or a specifier such as '>=1.0' "
                "(groups are for the matrix file)"
            )
            raise UsageError(
                f"--only {spec!r}: no release of the matrix matches; it has "
                f"{', '.join(known)}{hint}"
            )
        chosen |= hit
    return tuple(release for release in releases if release in chosen)


def _matches(release: Release, spec: str) -> bool:
    spec = spec.strip()
    # An operator decides: "==0.24.*" is a specifier although it looks like a glob.
    if spec[:1] in "<>=!~" and spec:
        try:
            return release.matches(spec)
        except InvalidSpecifier:
            raise UsageError(
                f"--only {spec}: not a PEP 440 specifier; expected something like '>=0.24,<1.0'"
            ) from None
    return fnmatch.fnmatchcase(str(release), spec)


def expand(names: Sequence[str], groups: Mapping[str, Sequence[str]]) -> tuple[Release, ...]:
    """The releases that a list of releases and group names stands for, oldest first.

    Raises :class:`UsageError` for an unknown name and for a release that is named twice.
    """
    found: dict[Release, str] = {}
    for name in names:
        members = groups.get(name)
        if members is None and not name[:1].isdigit():
            raise UsageError(f"unknown group {name!r}{did_you_mean(name, groups)}")
        for text in (name,) if members is None else members:
            source = "the list itself" if members is None else f"group {name!r}"
            release = Release.parse(text)
            if release in found:
                raise UsageError(f"{release} is named twice: by {found[release]} and by {source}")
            found[release] = source
    return tuple(sorted(found))
