"""Times ``guards`` on a generated module against starting Python; prints a table.

    python benchmarks/guards.py [--runs N] [--lines N]

As in run.py: what is compared runs in turn, and the ratio is taken pair by pair. The module
includes a header of Mesos's everywhere, so that all of it is held against Mesos, and its guards are
at releases in which the isolator's interface has changed.
"""

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from run import BUILDKIT, Comparison, compare

from buildkit.encoding import Encoding
from buildkit.interfaces import load
from buildkit.releases import FINAL_RELEASES, Release

_FILES = 40
"""Half of them headers, which every other file includes."""
_LINES_PER_GUARD = 20
_INCLUDE = "#include <mesos/slave/isolator.hpp>\n"


def write_module(folder: Path, lines: int) -> None:
    """A module of about ``lines`` lines with a guard in every twentieth."""
    chance = random.Random(1)  # noqa: S311 - the same module every time
    each = lines // _FILES
    source = folder / "src"
    source.mkdir()
    changed = [generation.since for generation in load().generations("Isolator")][1:]
    headers = [f"part{number}.hpp" for number in range(_FILES // 2)]
    for number, header in enumerate(headers):
        body = _INCLUDE + _body(chance, each, changed)
        (source / header).write_text(f"#ifndef PART{number}\n#define PART{number}\n{body}#endif\n")
        includes = "".join(f'#include "{name}"\n' for name in headers)
        (source / f"part{number}.cpp").write_text(includes + _body(chance, each, changed))
    releases = ", ".join(f'"{release}"' for release in FINAL_RELEASES)
    (folder / "matrix.toml").write_text(
        f"releases = [{releases}]\n[[module]]\nname = 'm'\nversion = '1'\nsymbol = 's'\n"
        "source = 'src'\n"
    )


def _body(chance: random.Random, lines: int, changed: Sequence[Release]) -> str:
    parts = []
    for number in range(max(1, lines // _LINES_PER_GUARD)):
        release = chance.choice(changed)
        literal = Encoding.OCTAL.literal(release)
        numbers = f"{release.major}, {release.minor}, {release.patch}"
        condition = chance.choice(
            [
                f"MESOS_VERSION_INT < {literal}",
                f"MESOS_VERSION_AT_LEAST({numbers})",
                f"MESOS_VERSION_INT >= {literal} && !MESOS_VERSION_AT_LEAST(1, 8, 0)",
            ]
        )
        code = "".join(f'  call{n}("text", {n});  // what it does\n' for n in range(7))
        parts.append(f"void f{number}() {{\n#if {condition}\n{code}#else\n{code}#endif\n}}\n\n")
    return "".join(parts)


def main() -> None:
    """Read the command line and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="pairs of runs (default: 3)")
    parser.add_argument("--lines", type=int, default=10_000, help="of the module (default: 10000)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mesos-buildkit-bench-") as name:
        folder = Path(name)
        write_module(folder, arguments.lines)
        for title, options in (("guards", ()), ("guards --fix --diff", ("--fix", "--diff"))):
            comparison = Comparison(
                f"{title}, {arguments.lines} lines, {len(FINAL_RELEASES)} releases / plan --help",
                (*BUILDKIT, "guards", *options),
                (*BUILDKIT, "plan", "--help"),
            )
            compare(comparison, folder, arguments.runs)


if __name__ == "__main__":
    sys.exit(main())
