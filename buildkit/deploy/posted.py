"""What came of posting an application: a plain value, apart from what talks to Marathon."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Posted:
    """What Marathon did."""

    application: str
    """The application's ID."""
    replaced: bool
    """Whether there was one, which has been replaced."""
    deployments: tuple[str, ...]
    """IDs of the deployments that this began."""
    version: str
    """The version that Marathon gave the definition; empty if it does not say."""
