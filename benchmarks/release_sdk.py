"""What a release SDK costs: seconds, memory and disk of whole builds; prints Markdown or JSON.

    python benchmarks/release_sdk.py ARCHIVES [--runs N] [--json] [PART ...]

ARCHIVES is a folder with the source archives of the releases, and of the protobuf that they lack.
Parts are builds (cold, next, oldest) and the rebuild; all need cold, the first.
Each figure is of one machine, with the load that is printed beside it; only the rebuild is compared
with something, its own bare compile, in turn and pair by pair. Nothing here passes or fails.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from run import BUILDKIT, ROOT, Sample, measure, scratch_project

RELEASES = {
    "cold": "1.0.4",
    # Bundles the same protobuf.
    "next": "1.1.3",
    # Its isolators are processes, so its runtime has all of libprocess.
    "oldest": "0.23.1",
}
REBUILD = "rebuild"

TOUCHED = "src/isolator.cpp"
BARE = ". ./flags.sh; common=common; out=out; mkdir -p obj out; build_module"
"""What build.sh does beside unpacking, in a context where the SDK is unpacked already."""
_POLL_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Build:
    """One build of one release, from the archive to the smoke-tested library."""

    what: str
    release: str
    seconds: float
    cpu_seconds: float
    peak_mib: int
    """Of all its processes together, as resident pages; several steps may have run at a time."""
    disk_mib: float
    """What it left below build/ and dist/."""


@dataclass(frozen=True, kw_only=True)
class Rebuild:
    """After a change of one source: the tool's whole run against the bare compile."""

    release: str
    seconds: float
    bare_seconds: float
    difference: float
    """Median of the pairs', in seconds."""
    cpu_difference: float
    """The same of CPU seconds, which other work on the machine changes less."""
    ratio: float
    stages: dict[str, float]
    """Of the last run, as the manifest has them."""


@dataclass(frozen=True, kw_only=True)
class Results:
    """All figures, and what else the machine was doing."""

    cpus: int
    load: list[float] = field(default_factory=list)
    """The load average of the last minute, before each build and at the end."""
    builds: list[Build] = field(default_factory=list)
    rebuild: Rebuild | None = None


class Bench:
    """A scratch project with an environment of its own."""

    def __init__(self, project: Path, archives: Path, scratch: Path) -> None:
        self.project = project
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(scratch),
            "PYTHONPATH": str(ROOT),
            "MESOS_BUILDKIT_ARCHIVES": str(archives),
            # Slots of its own, or other runs on this machine would hold it up.
            "XDG_RUNTIME_DIR": str(scratch),
        }

    def run(self, release: str) -> Sample:
        """Build one release. Raises CalledProcessError if it fails."""
        command = ("build", "--engine", "host", "--sdk", "release", "--only", release)
        return self._call(*BUILDKIT, *command)

    def build(self, what: str, release: str) -> Build:
        """As :meth:`run`, with memory and disk."""
        before = disk_mib(self.project)
        with watch_memory() as peak:
            sample = self.run(release)
        return Build(
            what=what,
            release=release,
            seconds=round(sample.wall, 1),
            cpu_seconds=round(sample.cpu, 1),
            peak_mib=peak[0] >> 20,
            disk_mib=round(disk_mib(self.project) - before, 1),
        )

    def rebuild(self, release: str, runs: int) -> Rebuild:
        """Change one source and build; compile the same by hand; in turn."""
        bare = self._bare_context(release)
        pairs = []
        for number in range(runs):
            line = f'namespace {{ __attribute__((used)) const char touched[] = "{number}"; }}\n'
            for module in (self.project / "isolator", bare / "module"):
                with (module / TOUCHED).open("a") as file:
                    file.write(line.replace("touched", f"touched{number}"))
            pairs.append((self.run(release), self._call("sh", "-ec", BARE, cwd=bare)))

        def median(figure: Callable[[Sample, Sample], float]) -> float:
            return round(statistics.median(figure(*pair) for pair in pairs), 2)

        return Rebuild(
            release=release,
            seconds=median(lambda tool, _: tool.wall),
            bare_seconds=median(lambda _, by_hand: by_hand.wall),
            difference=median(lambda tool, by_hand: tool.wall - by_hand.wall),
            cpu_difference=median(lambda tool, by_hand: tool.cpu - by_hand.cpu),
            ratio=median(lambda tool, by_hand: tool.wall / by_hand.wall),
            stages=self._stages(release),
        )

    def _bare_context(self, release: str) -> Path:
        """A copy of the context in which nothing is left to do but to compile."""
        bare = self.project / "bare"
        shutil.copytree(self.project / "build/contexts" / release, bare)
        self._call("tar", "-xzf", "sdk.tar.gz", cwd=bare)
        [common] = (self.project / "build/cache/common").glob("[!.]*")
        shutil.copytree(common, bare / "common")
        return bare

    def _stages(self, release: str) -> dict[str, float]:
        manifest = json.loads((self.project / "dist/manifest.json").read_text())
        [row] = [row for row in manifest["targets"] if row["release"] == release]
        return {stage["stage"]: stage["seconds"] for stage in row["stages"]}

    def _call(self, *command: str, cwd: Path | None = None) -> Sample:
        try:
            return measure(command, cwd or self.project, self.env)
        except subprocess.CalledProcessError as error:
            sys.stderr.buffer.write(error.stdout + error.stderr)
            raise


def disk_mib(project: Path) -> float:
    """What the project's results and caches take."""
    folders = (project / "build", project / "dist")
    files = (path for folder in folders for path in folder.rglob("*"))
    return sum(path.lstat().st_blocks * 512 for path in files) / 2**20


@contextmanager
def watch_memory() -> Iterator[list[int]]:
    """Resident bytes of all descendants of this process: a list with the most that was seen."""
    peak = [0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_POLL_SECONDS):
            peak[0] = max(peak[0], _resident())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def _resident() -> int:
    parents: dict[int, int] = {}
    pages: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(entry.name)] = int(fields[1])
        pages[int(entry.name)] = int(fields[21])
    return os.sysconf("SC_PAGE_SIZE") * sum(
        count for pid, count in pages.items() if _descends(pid, parents)
    )


def _descends(pid: int, parents: Mapping[int, int]) -> bool:
    while pid in parents:
        pid = parents[pid]
        if pid == os.getpid():
            return True
    return False


def markdown(results: Results) -> str:
    """The figures as a table and a sentence."""
    load = ", ".join(f"{one:.1f}" for one in results.load)
    columns = ("build", "release", "seconds", "CPU seconds", "peak MiB", "disk MiB")
    rows = [
        columns,
        ("---",) * len(columns),
        *(tuple(vars(one).values()) for one in results.builds),
    ]
    lines = [f"{results.cpus} CPUs; load {load}", ""]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    if results.rebuild is not None:
        one = results.rebuild
        stages = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in one.stages.items())
        lines += ["", f"{one.release} rebuilt after a change of {TOUCHED} ({stages}):"]
        lines += [f"{one.seconds} s; bare compile {one.bare_seconds} s; ratio {one.ratio};"]
        lines += [f"{one.difference} s more, of which {one.cpu_difference} s of CPU"]
    return "\n".join(lines)


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archives", type=Path, metavar="ARCHIVES")
    parser.add_argument("--runs", type=int, default=3, help="pairs of rebuilds (default: 3)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("parts", nargs="*", metavar="PART", help="what to measure (default: all)")
    arguments = parser.parse_intermixed_args()
    parts = arguments.parts or [*RELEASES, REBUILD]
    results = Results(cpus=os.cpu_count() or 1)
    with (
        scratch_project() as project,
        tempfile.TemporaryDirectory(prefix="mesos-buildkit-bench-") as scratch,
    ):
        bench = Bench(project, arguments.archives.absolute(), Path(scratch))
        for what, release in RELEASES.items():
            if what == "cold" or what in parts:
                results.load.append(os.getloadavg()[0])
                results.builds.append(bench.build(what, release))
        results.load.append(os.getloadavg()[0])
        if REBUILD in parts:
            rebuild = bench.rebuild(RELEASES["cold"], arguments.runs)
            results = replace(results, rebuild=rebuild)
            results.load.append(os.getloadavg()[0])
    print(json.dumps(asdict(results), indent=2) if arguments.json else markdown(results))


if __name__ == "__main__":
    main()
