"""MESOS_VERSION_INT: how a release becomes the integer that a module's guards compare.

Mesos's own integer macros exist only in 0.28.3 and from 1.0.2 on, so the number has to come from
the build. Three encodings are in use; a module chooses one in matrix.toml. Pure.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from buildkit.errors import UsageError
from buildkit.releases import Release


class Encoding(StrEnum):
    """The ways a release is written as MESOS_VERSION_INT."""

    OCTAL = "octal"
    """Dots stripped, leading zero kept (0.24.1 is 0241, an octal literal), carried on past 0.27."""
    DECIMAL = "decimal"
    """Dots stripped, leading zeros dropped (0.24.1 is 241). Does not increase: 1.0.1 is 101."""
    PACKED = "packed"
    """major * 10000 + minor * 100 + patch (0.24.1 is 2401)."""

    def value_of(self, release: Release) -> int:
        """The number that the preprocessor is to see for ``release``."""
        major, minor, patch = release.major, release.minor, release.patch
        match self:
            case Encoding.OCTAL if major == 0:
                # Reading the stripped digits as octal gives just this, as long as each is below 8.
                return minor // 10 * 64 + minor % 10 * 8 + patch
            case Encoding.OCTAL:
                return major * 512 + minor * 8 + patch
            case Encoding.DECIMAL:
                return int(f"{major}{minor}{patch}")
            case Encoding.PACKED:
                return major * 10000 + minor * 100 + patch

    def literal(self, release: Release) -> str:
        """The C++ integer literal for ``release``, such as ``0241``."""
        value = self.value_of(release)
        return f"0{value:o}" if self is Encoding.OCTAL else str(value)

    def flag(self, release: Release) -> str:
        """The compiler flag, such as ``-DMESOS_VERSION_INT=0241``."""
        return f"-DMESOS_VERSION_INT={self.literal(release)}"


_LITERAL = re.compile(r"0[0-7]*|[1-9][0-9]*", re.ASCII)


def literal_value(literal: str) -> int:
    """What a C++ preprocessor reads an integer literal as.

    Raises :class:`ValueError` for a text that is none, such as ``0280``, whose 8 is no octal digit.
    """
    if not _LITERAL.fullmatch(literal):
        raise ValueError(f"{literal!r} is not a C++ integer literal")
    return int(literal, 8 if literal.startswith("0") else 10)


@dataclass(frozen=True, kw_only=True)
class Proof:
    """That an encoding is usable for some releases, and what to be wary of."""

    encoding: Encoding
    warnings: tuple[str, ...]


def prove(encoding: Encoding, releases: Sequence[Release], *, where: str) -> Proof:
    """Show that ``encoding`` tells ``releases`` apart, in order, and in valid literals.

    ``where`` says in errors whose choice this is, such as ``matrix.toml: [[module]] 'x'``.

    Raises :class:`UsageError` naming the two releases that clash, or the one whose literal a
    preprocessor would read as another number. An order that is not increasing is an error, too, but
    for ``decimal``, where it is a warning, because modules exist whose guards were written for it.
    """
    advice = f"{where}: encoding = {encoding.value!r}"
    seen: dict[int, Release] = {}
    for release in releases:
        value = encoding.value_of(release)
        literal = encoding.literal(release)
        if literal_value(literal) != value:
            raise UsageError(
                f"{advice}: {release} would be written {literal}, which the preprocessor "
                f"does not read as {value}; choose another encoding"
            )
        clash = seen.setdefault(value, release)
        if clash != release:
            raise UsageError(
                f"{advice}: {clash} and {release} both become {literal}, so no guard can tell "
                "them apart; choose another encoding (packed) or drop one of the two"
            )
    falls = [
        (lower, higher)
        for lower, higher in pairwise(sorted(releases))
        if encoding.value_of(lower) >= encoding.value_of(higher)
    ]
    if not falls:
        return Proof(encoding=encoding, warnings=())
    lower, higher = falls[0]
    message = (
        f"{advice}: not increasing: {lower} is {encoding.literal(lower)} but the later {higher} is "
        f"{encoding.literal(higher)}, so a guard that compares them goes the wrong way"
    )
    if encoding is not Encoding.DECIMAL:
        raise UsageError(f"{message}; choose another encoding")
    return Proof(
        encoding=encoding, warnings=(f"{message}; use MESOS_VERSION_AT_LEAST in new guards",)
    )


def version_header(release: Release, encoding: Encoding) -> str:
    """The header that every compile for ``release`` force-includes.

    It respects a MESOS_VERSION_INT that the command line has defined already.
    """
    return f"""\
// Generated for Mesos {release}: the release as numbers that the preprocessor can compare.
#ifndef MESOS_BUILDKIT_VERSION_H
#define MESOS_BUILDKIT_VERSION_H

#define MESOS_BUILDKIT_VERSION_MAJOR {release.major}
#define MESOS_BUILDKIT_VERSION_MINOR {release.minor}
#define MESOS_BUILDKIT_VERSION_PATCH {release.patch}

// In the module's encoding: {encoding.value}.
#ifndef MESOS_VERSION_INT
#define MESOS_VERSION_INT {encoding.literal(release)}
#endif

// Whether this is the release major.minor.patch or a later one, whatever the encoding.
#define MESOS_VERSION_AT_LEAST(major, minor, patch) \\
  (MESOS_BUILDKIT_VERSION_MAJOR > (major) || \\
   (MESOS_BUILDKIT_VERSION_MAJOR == (major) && \\
    (MESOS_BUILDKIT_VERSION_MINOR > (minor) || \\
     (MESOS_BUILDKIT_VERSION_MINOR == (minor) && \\
      MESOS_BUILDKIT_VERSION_PATCH >= (patch)))))

#endif
"""
