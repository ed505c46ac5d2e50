"""Fetching the archives of several releases: what can't be had stops no other."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.text import Text

from buildkit.archives.cache import Archives, archive_of, url_path_of
from buildkit.archives.progress import show_on
from buildkit.errors import BuildkitError, TargetError, UnavailableError
from buildkit.releases import Release


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What has become of one release's archive."""

    release: Release
    state: Literal["cached", "fetched", "failed"]
    path: Path | None = None
    error: BuildkitError | None = None


def fetch_all(archives: Archives, releases: Iterable[Release], console: Console) -> list[Fetched]:
    """See to it that the archive of each release is there; say what can't be had."""
    fetched = [_fetch(archives, release, console) for release in releases]
    for one in fetched:
        if one.error is not None:
            console.print(Text(f"FAILED {one.error}", "bold red"), soft_wrap=True)
    return fetched


def _fetch(archives: Archives, release: Release, console: Console) -> Fetched:
    name = archive_of(release)
    try:
        if (path := archives.find(name)) is not None:
            return Fetched(release=release, state="cached", path=path)
        path = archives.fetch(name, url_path_of(release), show_on(console))
    except (TargetError, UnavailableError) as error:
        return Fetched(release=release, state="failed", error=error)
    return Fetched(release=release, state="fetched", path=path)
