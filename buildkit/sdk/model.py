"""The SDK of a target, whatever its kind: what to put in the context and on the command line."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from buildkit.files.tree import Tree
from buildkit.matrix import SdkKind
from buildkit.smoke.agent import Role
from buildkit.steps.runner import Site

PACKED = "sdk.tar.gz"
"""The file of a context that holds the SDK's files, of those kinds that have many."""


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """What a module finds in the process that loads it, beyond the C and C++ libraries."""

    digest: str
    """SHA-256, in hex, over all that shapes it."""
    provided: frozenset[str] = frozenset()
    """The symbols that it has."""
    cached: bool = True
    """Whether nothing had to be made for it."""
    inputs: Mapping[str, Path] = field(default_factory=dict)
    """What the harness is linked with and loaded beside: place below the work folder -> here."""


@dataclass(frozen=True, kw_only=True)
class Installation:
    """The programs of a whole Mesos; places are below the work folder, or absolute on the base."""

    digest: str
    """SHA-256, in hex, over the programs."""
    programs: Mapping[Role, str]
    """Where each is."""
    launcher: str
    """The folder of the programs that an agent starts."""
    libraries: tuple[str, ...]
    """The folders that libmesos and what comes with it are found in."""
    inputs: Mapping[str, Path] = field(default_factory=dict)
    """As in :class:`Runtime`; the libraries are the runtime's."""


@dataclass(frozen=True, kw_only=True)
class Sdk:
    """What a module compiles against for one release, with the target's patches applied."""

    kind: SdkKind
    digest: str
    """SHA-256, in hex, over all that shapes the SDK; known without making its files."""
    compile_flags: tuple[str, ...]
    """Where the headers are, relative to the work folder. Mesos's own by -I, because the
    compiler does not warn of hidden virtuals in headers found through -isystem."""
    link_flags: tuple[str, ...]
    """For the module."""
    real_loader: bool
    """Whether its runtime has the release's own module loader, which the harness then uses."""
    harness_link_flags: tuple[str, ...]
    """What brings the runtime into the harness."""
    cached: bool
    """Whether nothing had to be made for it."""
    tree: Callable[[], Tree]
    """Makes the SDK's files, relative to the work folder."""
    runtime: Callable[[Site, frozenset[str]], Runtime]
    """Makes, or finds, what a library with these undefined symbols needs to be loaded."""
    archives: tuple[tuple[str, str], ...] = ()
    """What it was made of: each source archive's name and its SHA-512, in hex."""
    installation: Callable[[], Installation] | None = None
    """Finds the programs of the installed Mesos; None for a kind of SDK that has none."""
