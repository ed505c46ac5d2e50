"""Where a module's sources come from: what a release must be able to name. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The sources that a library was built from."""

    digest: str
    """SHA-256, in hex, over the source folder before patches."""
    revision: str | None = None
    """Full commit ID; None for a folder that is not under git."""
    time: int | None = None
    """When that was committed, in seconds since 1970."""
    dirty: tuple[str, ...] = ()
    """Files that were not as that commit has them."""
