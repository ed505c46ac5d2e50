"""Which modules can only be loaded where libprocess is. Pure."""

import re
from collections.abc import Iterable

from buildkit.releases import Release

_INSIDE = re.compile(r"_Z(N|NK|TI|TV|TS|Z)?(N|NK|ZN)?7process")
"""Mangled names of what is in the namespace process itself."""


def needs_libprocess(release: Release, undefined: Iterable[str]) -> bool:
    """Whether a module with these undefined symbols needs more than the core runtime.

    Mesos 0.23 drives every isolator by a process of libprocess.
    """
    return release.matches("<0.24") or any(_INSIDE.match(name) for name in undefined)
