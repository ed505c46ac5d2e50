"""What the outside world has to offer, asked once and with a bound in time.

The answer is a plain value, so that the plan made from it stays pure.
"""

from dataclasses import dataclass

from buildkit.archives.cache import Archives
from buildkit.engine.daemon import probe_docker
from buildkit.releases import RELEASE_SDK_BEGINS, Release


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A snapshot of the outside."""

    docker: bool
    """Whether a Docker (or Podman) daemon answers."""
    docker_detail: str
    """Its version and address, or why there is none."""
    release_sdks: frozenset[Release] = frozenset()
    """Releases whose SDK or source archive is in the cache."""


NOTHING = Probe(docker=False, docker_detail="not asked")
"""For work that needs nothing of the outside."""


def probe(archives: Archives, seconds: float = 1.0) -> Probe:
    """Ask. Takes about ``seconds`` at most."""
    found = probe_docker(timeout=seconds)
    return Probe(
        docker=found.available,
        docker_detail=found.detail,
        release_sdks=frozenset(
            release for release in archives.releases() if release >= RELEASE_SDK_BEGINS
        ),
    )
