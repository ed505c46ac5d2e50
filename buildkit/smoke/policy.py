"""The rules ``inspect`` applies, as data: ``policy.toml`` plus what one target adds to it."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Any

from buildkit.smoke.abi import Floor


@dataclass(frozen=True, kw_only=True)
class Twin:
    """Something that must not be in the agent's process twice."""

    name: str
    patterns: tuple[str, ...]
    """Shell globs: library names, or mangled symbol names."""
    why: str


@dataclass(frozen=True, kw_only=True)
class ShippedPolicy:
    """``policy.toml``, read."""

    system_libraries: tuple[str, ...]
    twin_libraries: tuple[Twin, ...]
    twin_code: tuple[Twin, ...]


@cache
def shipped() -> ShippedPolicy:
    """The policy that comes with this package."""
    text = resources.files("buildkit.smoke").joinpath("policy.toml").read_text(encoding="utf-8")
    table: dict[str, Any] = tomllib.loads(text)
    return ShippedPolicy(
        system_libraries=tuple(table["system_libraries"]),
        twin_libraries=tuple(_twin(row, "libraries") for row in table["twin_library"]),
        twin_code=tuple(_twin(row, "symbols") for row in table["twin_code"]),
    )


@dataclass(frozen=True, kw_only=True)
class InspectPolicy:
    """What one target's library must look like."""

    descriptors: frozenset[str]
    """The module descriptors' symbols: exactly these may be exported."""
    soname: str | None = None
    """The SONAME; None for the file's own name."""
    machine: str | None = None
    """pyelftools' name of the CPU (``EM_X86_64``); None for any."""
    extra_libraries: tuple[str, ...] = ()
    """Further libraries (globs) this module may need. Outranks the twins: the author vouches."""
    provided: frozenset[str] = frozenset()
    """Unversioned symbols that the agent's process provides; empty for a stub SDK, where the
    headers bring everything."""
    system_libraries: tuple[str, ...] = field(default_factory=lambda: shipped().system_libraries)
    twin_libraries: tuple[Twin, ...] = field(default_factory=lambda: shipped().twin_libraries)
    twin_code: tuple[Twin, ...] = field(default_factory=lambda: shipped().twin_code)
    floor: Floor | None = None
    """What the agents' systems have; None to report only what the library needs of them."""
    cxx11_abi: bool | None = None
    """Which std::string the agent was compiled with; None for any."""
    allow_twins: frozenset[str] = frozenset()
    """Names of twins that are not forbidden for this target."""


def _twin(row: dict[str, Any], patterns: str) -> Twin:
    return Twin(name=row["name"], patterns=tuple(row[patterns]), why=row["why"])


def matches_any(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of the shell globs matches the whole name."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
