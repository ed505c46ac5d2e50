"""``matrix --check-upstream``: what the Apache archive has that the matrix lacks, and the edit."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.text import Text

from buildkit.archives.upstream import Comparison, Listing, compare, read_listing
from buildkit.errors import ExitCode, UnavailableError, UsageError
from buildkit.files.tree import replace_text
from buildkit.matrixedit import add_releases, diff
from buildkit.releases import FINAL_RELEASES, Release
from buildkit.verbs.common import console_for, read_matrix


def check(arguments: argparse.Namespace) -> ExitCode:
    """Compare, print, and write if asked to.

    Exit code 0 if the matrix has what it should, or has been given it; 1 if there is something new
    that it has not, or if the archive does not list a release of it. Raises
    :class:`UnavailableError` if the archive cannot be asked.
    """
    matrix, _ = read_matrix(arguments)
    archives = matrix.file.archives
    listing = read_listing((archives.url, *archives.mirrors))
    found = compare(matrix.releases, listing.releases)
    before = _read(matrix.path)
    try:
        after = add_releases(before, found.new) if found.new else before
    except UsageError as error:
        raise UsageError(f"{matrix.path}: {error}") from None
    written = arguments.write and after != before
    if written:
        _write(matrix.path, after)
    change = diff(before, after, matrix.path.name)
    if arguments.json:
        json.dump(_record(listing, found, change, written=written), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        name = matrix.path.name
        lines = (*_findings(name, listing, found), *_edit(name, change, written=written))
        _print(console_for(arguments), lines)
    left = found.unlisted or (found.new and not written)
    return ExitCode.TARGET_FAILED if left else ExitCode.OK


def _read(path: Path) -> str:
    # Not with universal newlines: the lines that stay must stay as they are.
    return path.read_bytes().decode()


def _write(path: Path, text: str) -> None:
    try:
        replace_text(path.resolve(), text)
    except OSError as error:
        raise UnavailableError(f"{path}: can't be written: {error.strerror}") from None


def _record(
    listing: Listing, found: Comparison, change: str, *, written: bool
) -> dict[str, object]:
    return {
        "url": listing.url,
        "listed": _names(listing.releases),
        "up_to_date": found.up_to_date,
        "new_patches": _names(found.patches),
        "new_minors": _names(found.minors),
        "absent": _names(found.absent),
        "unlisted": _names(found.unlisted),
        "no_drift_data": _names(found.unknown),
        "diff": change,
        "written": written,
    }


def _print(console: Console, lines: Iterable[tuple[str, str]]) -> None:
    for line, style in lines:
        console.print(Text(line, style), soft_wrap=True)


def _findings(name: str, listing: Listing, found: Comparison) -> Iterator[tuple[str, str]]:
    """What there is to say about the releases, and in what style."""
    yield (
        f"{listing.url} lists {len(listing.releases)} final releases from {FINAL_RELEASES[0]} on",
        "",
    )
    told = (
        (found.patches, f"newer patches of what {name} has: {{}}", "yellow"),
        (found.minors, f"newer than all that {name} has: {{}}", "yellow"),
        (found.unknown, _NO_DATA, "yellow"),
        (
            found.unlisted,
            f"in {name}, but not listed there: {{}}; a mistyped number, or a mirror that lacks it",
            "red",
        ),
        (found.absent, f"of minor versions that {name} leaves out: {{}}", "dim"),
    )
    for releases, text, style in told:
        if releases:
            yield text.format(", ".join(_names(releases))), style
    if found.up_to_date:
        yield f"{name} is up to date", "green"


_NO_DATA = (
    f"no drift data for {{}}: the interface table ends with {FINAL_RELEASES[-1]}. Guards and drift "
    "say nothing about it, and it has no stub SDK; the release SDK is made from its own archive, "
    "so 'build --sdk release' tells whether the module fits"
)


def _edit(name: str, change: str, *, written: bool) -> Iterator[tuple[str, str]]:
    """The edit, and what has become or may become of it."""
    for line in change.splitlines():
        yield line, {"+": "green", "-": "red"}.get(line[:1], "dim")
    if written:
        yield f"{name} has been changed", ""
    elif change:
        yield "to make this edit: the same command with --write", ""


def _names(releases: Iterable[Release]) -> list[str]:
    return [str(release) for release in releases]
