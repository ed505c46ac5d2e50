"""Times whole commands against each other, as ratios within one run; prints a table.

    python benchmarks/run.py [--runs N] [NAME ...]

Figures of one machine mean little on another, and machines drift: what is compared runs in turn,
A B A B, and the ratio is taken pair by pair. Nothing here passes or fails.
"""

import argparse
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILDKIT = (sys.executable, "-m", "buildkit")
ENVIRONMENT = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(Path.home())}
FOUR = ("--only", "0.24.1", "--only", "0.28.3", "--only", "1.4.3", "--only", "1.11.0")


@dataclass(frozen=True)
class Sample:
    """One run of a command: wall-clock and CPU seconds."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Comparison:
    """Two commands, and what happens before each run of either."""

    name: str
    first: tuple[str, ...]
    second: tuple[str, ...]
    before: Callable[[Path], None] = lambda _: None


def forget(project: Path) -> None:
    """Make the next build a cold one."""
    shutil.rmtree(project / "build", ignore_errors=True)
    shutil.rmtree(project / "dist", ignore_errors=True)


def without_common(project: Path) -> None:
    """A cold build, from a matrix that compiles every source for every release."""
    forget(project)
    text = (project / "matrix.toml").read_text()
    changed = text.replace('sources = ["src/*.cpp"]', 'sources = ["src/*.cpp", "core/*.cpp"]')
    lines = (line for line in changed.splitlines() if not line.startswith("common-sources"))
    (project / "all.toml").write_text("\n".join(lines) + "\n")


HOST = ("build", "--engine", "host", "--sdk", "stub", *FOUR)
COMPARISONS = (
    Comparison(
        "plan / starting Python with the libraries it needs",
        (*BUILDKIT, "plan"),
        (sys.executable, "-c", "import pydantic, rich.table, jinja2, elftools, tree_sitter_cpp"),
    ),
    Comparison(
        "plan with the predictions for 21 releases / for one",
        (*BUILDKIT, "plan"),
        (*BUILDKIT, "plan", "--only", "1.11.0"),
    ),
    Comparison(
        "all cached, host / plan",
        (*BUILDKIT, "build", "--engine", "host", "--sdk", "stub", *FOUR),
        (*BUILDKIT, "plan", "--engine", "host", *FOUR),
    ),
    Comparison(
        "four releases, host, --jobs 2 / --jobs 1",
        (*BUILDKIT, *HOST, "--jobs", "2"),
        (*BUILDKIT, *HOST, "--jobs", "1"),
        before=forget,
    ),
    Comparison(
        "four releases, host: common sources once / for each release",
        (*BUILDKIT, *HOST),
        (*BUILDKIT, *HOST, "--matrix", "all.toml"),
        before=without_common,
    ),
    Comparison(
        "four releases: docker / host",
        (*BUILDKIT, "build", "--engine", "docker", "--sdk", "stub", *FOUR),
        (*BUILDKIT, *HOST),
        before=forget,
    ),
)


@contextmanager
def scratch_project() -> Iterator[Path]:
    """A copy of what the commands need, whose build/ and dist/ may be deleted."""
    with tempfile.TemporaryDirectory(prefix="mesos-buildkit-bench-") as folder:
        project = Path(folder)
        shutil.copy(ROOT / "matrix.toml", project)
        shutil.copytree(ROOT / "isolator", project / "isolator")
        yield project


def measure(
    command: Sequence[str], project: Path, environment: Mapping[str, str] = ENVIRONMENT
) -> Sample:
    """Run a command to its end. Raises CalledProcessError if it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.monotonic()
    subprocess.run(command, cwd=project, check=True, capture_output=True, env=environment)
    wall = time.monotonic() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Sample(wall, cpu)


def compare(comparison: Comparison, project: Path, runs: int) -> None:
    """Run both in turn and print their medians and the ratios."""
    pairs = []
    for command in (comparison.first, comparison.second):
        # Not counted: what is compared warm has to be warm.
        comparison.before(project)
        measure(command, project)
    for _ in range(runs):
        samples = []
        for command in (comparison.first, comparison.second):
            comparison.before(project)
            samples.append(measure(command, project))
        pairs.append(samples)
    ratios = sorted(first.wall / second.wall for first, second in pairs)
    walls = [statistics.median(pair[i].wall for pair in pairs) for i in (0, 1)]
    cpus = [statistics.median(pair[i].cpu for pair in pairs) for i in (0, 1)]
    print(comparison.name)
    print(f"  wall {walls[0]:.2f} s / {walls[1]:.2f} s, CPU {cpus[0]:.2f} s / {cpus[1]:.2f} s")
    print(f"  ratio {statistics.median(ratios):.2f} (from {ratios[0]:.2f} to {ratios[-1]:.2f})")


def main(comparisons: Sequence[Comparison] = COMPARISONS) -> None:
    """Read the command line and run what it names of the comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="pairs of runs (default: 3)")
    parser.add_argument("names", nargs="*", metavar="NAME", help="parts of names (default: all)")
    arguments = parser.parse_args()
    with scratch_project() as project:
        for comparison in comparisons:
            if not arguments.names or any(n in comparison.name for n in arguments.names):
                compare(comparison, project, arguments.runs)


if __name__ == "__main__":
    main()
