"""``drift``: say what changes between releases for a module; needs neither sources nor network."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from rich.text import Text

from buildkit.drift import Effect, Step, boundaries, kinds_of
from buildkit.drift.markdown import report_markdown
from buildkit.drift.record import report_json
from buildkit.drift.text import NOTHING, report_lines
from buildkit.errors import ExitCode, UsageError
from buildkit.interfaces import load
from buildkit.releases import FINAL_RELEASES, Release, did_you_mean, expand, select
from buildkit.tomlfile import read_toml
from buildkit.verbs.basics import DEFAULT_MATRIX, add_json, add_matrix, add_only, console_for

NAME = "drift"
HELP = "print what changes in Mesos's interfaces between releases"

_ALL = "all"
_BREAKING = frozenset({Effect.DIES_SILENTLY, Effect.NEEDS_GUARD})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "releases",
        nargs="*",
        metavar="RELEASE",
        help="two releases to compare; or one, to compare it with the one before it; or a range "
        "such as 0.24.1..1.2.3, to compare each release of the matrix in it with the next (a side "
        "left out is open); default: the whole matrix",
    )
    add_matrix(parser)
    add_only(parser)
    parser.add_argument(
        "--every-release",
        action="store_true",
        help="step over all final releases, not only those of the matrix",
    )
    parser.add_argument(
        "--kind",
        action="append",
        default=[],
        metavar="KIND",
        help="a module kind, or an interface of frameworks such as Scheduler; 'all' for all; "
        "repeatable (default: the kinds of the matrix's modules, or Isolator)",
    )
    parser.add_argument(
        "--breaking",
        action="store_true",
        help="only what needs a guard, or dies silently without one",
    )
    parser.add_argument(
        "--all-messages",
        action="store_true",
        help="every message of the interface table, also those that the kind does not meet",
    )
    add_json(parser)
    parser.add_argument("--markdown", action="store_true", help="print the report as Markdown")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print the report."""
    if arguments.json and arguments.markdown:
        raise UsageError("--json and --markdown: name one of them")
    table = load(further=True)
    kinds = _kinds(arguments)
    if _ALL in kinds:
        kinds = kinds_of(table)
    releases = _releases(arguments)
    known = [release for release in releases if release in FINAL_RELEASES]
    unknown = [release for release in releases if release not in FINAL_RELEASES]
    steps = boundaries(table, known, kinds, all_messages=arguments.all_messages)
    if arguments.breaking:
        steps = tuple(_breaking(step) for step in steps)
    _print(arguments, steps, kinds, unknown)
    return ExitCode.OK


def _print(
    arguments: argparse.Namespace,
    steps: Sequence[Step],
    kinds: Sequence[str],
    unknown: Sequence[Release],
) -> None:
    nothing = "no breaking change" if arguments.breaking else NOTHING
    if arguments.json:
        sys.stdout.write(report_json(steps, kinds, unknown))
    elif arguments.markdown:
        sys.stdout.write(report_markdown(steps, kinds, nothing))
    else:
        console = console_for(arguments)
        width = console.width if console.is_terminal else None
        for line in report_lines(steps, width, nothing):
            console.print(Text(line.text, line.style), soft_wrap=True)
    if unknown:
        names = ", ".join(map(str, unknown))
        sys.stderr.write(
            f"mesos-buildkit: no drift data for {names}: the interface table ends with "
            f"{FINAL_RELEASES[-1]}, so nothing is said about what changes there\n"
        )


def _breaking(step: Step) -> Step:
    return replace(step, changes=tuple(c for c in step.changes if c.effect in _BREAKING))


# --- which releases


def _releases(arguments: argparse.Namespace) -> tuple[Release, ...]:
    """The releases to compare, each with the next. Raises :class:`UsageError`."""
    match arguments.releases:
        case []:
            releases = select(_steps(arguments), arguments.only)
        case [str() as word] if ".." in word:
            releases = select(_range(arguments, word), arguments.only)
        case [*words] if arguments.only:
            raise UsageError(
                f"--only with {' and '.join(words)}: it chooses among the releases of the matrix; "
                "give it alone, or with a range such as 0.24.1..1.2.3"
            )
        case [str() as word]:
            return _with_predecessor(_release(word))
        case [str() as older, str() as newer]:
            return _pair(_release(older), _release(newer))
        case _:
            raise UsageError("at most two releases can be compared; a range is 0.24.1..1.2.3")
    if len(releases) < _PAIR:
        raise UsageError(
            f"only {', '.join(map(str, releases)) or 'nothing'} is left to compare; drift needs at "
            "least two releases"
        )
    return releases


_PAIR = 2


def _pair(older: Release, newer: Release) -> tuple[Release, ...]:
    if not older < newer:
        raise UsageError(f"{older} and {newer}: name the older release first, then a newer one")
    return (older, newer)


def _with_predecessor(release: Release) -> tuple[Release, ...]:
    position = FINAL_RELEASES.index(release)
    if position == 0:
        raise UsageError(f"{release} is the first release that the interface table has")
    return (FINAL_RELEASES[position - 1], release)


def _range(arguments: argparse.Namespace, word: str) -> tuple[Release, ...]:
    """Both ends, and what the matrix has between them."""
    first, _, last = word.partition("..")
    ends = {side: _release(text) for side, text in (("first", first), ("last", last)) if text}
    if len(ends) == _PAIR:
        _pair(ends["first"], ends["last"])
    lowest, highest = ends.get("first", FINAL_RELEASES[0]), ends.get("last", FINAL_RELEASES[-1])
    inside = {r for r in _steps(arguments, optional=True) if lowest <= r <= highest}
    return tuple(sorted(inside | set(ends.values())))


def _steps(arguments: argparse.Namespace, *, optional: bool = False) -> tuple[Release, ...]:
    """The releases of the matrix. All final ones, where those are asked for.

    Or, for an ``optional`` matrix, where there is no such file.
    """
    if arguments.every_release or (optional and _may_lack(arguments.matrix)):
        return FINAL_RELEASES
    raw = read_toml(arguments.matrix)
    try:
        return expand(raw["releases"], raw.get("groups", {}))
    except (UsageError, KeyError, TypeError, AttributeError):
        _explain(arguments.matrix)
        raise


def _may_lack(matrix: Path) -> bool:
    """Whether there is no matrix file, and none was named."""
    return str(matrix) == DEFAULT_MATRIX and not matrix.exists()


def _release(text: str) -> Release:
    """A release that the table has. Raises :class:`UsageError` that names the nearest one."""
    known = {str(release): release for release in FINAL_RELEASES}
    if text in known:
        return known[text]
    minor = ".".join(text.split(".")[:2])
    alike = [name for name in known if name.startswith(f"{minor}.")]
    hint = f"; did you mean {alike[-1]!r}?" if alike else did_you_mean(text, known)
    with suppress(UsageError):
        if Release.parse(text) > FINAL_RELEASES[-1]:
            hint = ""
    raise UsageError(
        f"no drift data for {text!r}{hint}; the interface table has the final releases from "
        f"{FINAL_RELEASES[0]} to {FINAL_RELEASES[-1]}"
    )


# --- which kinds


def _kinds(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Those that are named, else those of the matrix's modules, else the one that modules have."""
    if arguments.kind:
        return tuple(dict.fromkeys(arguments.kind))
    if _may_lack(arguments.matrix):
        return (_DEFAULT_KIND,)
    modules = read_toml(arguments.matrix).get("module", [])
    try:
        kinds = [module.get("kind", _DEFAULT_KIND) for module in modules]
        return tuple(dict.fromkeys(kinds)) or (_DEFAULT_KIND,)
    except (TypeError, AttributeError):
        _explain(arguments.matrix)
        raise


_DEFAULT_KIND = "Isolator"


def _explain(matrix: Path) -> None:
    """Raises the :class:`UsageError` that says what is wrong with a matrix file."""
    # The whole model takes longer to import than a report takes, and is needed only here.
    from buildkit.matrix import load_matrix  # noqa: PLC0415

    load_matrix(matrix)
