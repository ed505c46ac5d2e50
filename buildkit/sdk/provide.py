"""The SDK of a target, whatever its kind: what to put in the context and on the command line."""

from collections.abc import Callable
from dataclasses import dataclass

from buildkit.errors import UnavailableError
from buildkit.matrix import SdkKind
from buildkit.releases import Release
from buildkit.sdk import stub
from buildkit.tree import File, Tree


@dataclass(frozen=True, kw_only=True)
class Sdk:
    """What a module compiles against for one release."""

    kind: SdkKind
    digest: str
    """SHA-256, in hex, over all that shapes the SDK; known without making it."""
    compile_flags: tuple[str, ...]
    """Where the headers are, relative to the work folder. Mesos's own by -I, because the
    compiler does not warn of hidden virtuals in headers found through -isystem."""
    link_flags: tuple[str, ...]
    provided: frozenset[str]
    """Symbols that the runtime has beyond those of the C and C++ libraries."""
    tree: Callable[[], Tree]
    """Makes the SDK's files, to go below ``sdk/`` in the work folder."""


def provide_sdk(kind: SdkKind, release: Release) -> Sdk:
    """Describe the SDK of ``release``; its files are made only when asked for.

    Raises :class:`UsageError` for a release that a stub can't be made for, and
    :class:`UnavailableError` for an SDK that is not to be had.
    """
    if kind != "stub":
        raise UnavailableError(f"SDK {kind} for {release}: not available in this version")

    def tree() -> Tree:
        return {f"include/{path}": File(data) for path, data in stub.render(release).items()}

    return Sdk(
        kind=kind,
        digest=stub.digest(release),
        compile_flags=("-Isdk/include",),
        # With a stub everything is inline, so what the linker misses, the module lacks.
        link_flags=("-Wl,--no-undefined",),
        provided=frozenset(),
        tree=tree,
    )
