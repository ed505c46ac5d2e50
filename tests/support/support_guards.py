"""Guards on the release in C++ sources: where their bounds are, and how to break each of them.

And what the real tool says of our isolator with one of them broken.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from support_conditions import predict

from buildkit.encoding import Encoding, literal_value
from buildkit.matrix import load_matrix
from buildkit.options import Options
from buildkit.plan import make_plan
from buildkit.prediction.forecast import forecast
from buildkit.prediction.representatives import represent
from buildkit.probe import NOTHING
from buildkit.releases import FINAL_RELEASES, Release
from buildkit.sources.modules import Sources

ROOT = Path(__file__).parents[2]
ISOLATOR = ROOT / "isolator"
ENCODING = Encoding.OCTAL

# Below all the default releases, so that the guards for 0.22 have one that they are for.
OLDEST = Release(0, 22, 2)
RELEASES = (OLDEST, *load_matrix(ROOT / "matrix.toml").releases)

_MATRIX = """
releases = [{releases}]

[defaults]
engine = "host"
cache-size = "64GiB"

[[module]]
name = "dockervolume"
version = "1.0.0"
symbol = "mesos_buildkit_DockerVolumeIsolator"
source = "isolator"
sources = ["src/*.cpp"]
common-sources = ["core/*.cpp"]
flags = ["-O0"]  # which branch is compiled does not depend on it, and it halves the time

[module.smoke]
scenario = "docker-volume"
"""

# No fact about Mesos's interfaces decides these guards: every release has what both branches use,
# and which is right depends on what the launcher does with it. Driving the module tells.
BEHAVIOUR = {
    "launch.hpp:57:24-0.23.0-to-0.24.0": "0.23 gets the command that is right for 0.22",
    "launch.hpp:39-keeps-53": "commands mount, which the launcher could do by itself",
    "launch.hpp:57-keeps-58": "all get the command that is right for 0.22",
    "launch.hpp:57-keeps-59": "0.22 gets what is right for others",
}
# The function that this would keep is nowhere any more, so for all that the sources say some header
# has it. The compiler tells.
NO_TRACE = {"isolator.cpp:66-keeps-87"}

_CONDITIONAL = re.compile(r"^\s*#\s*(?P<word>if|ifdef|ifndef|elif|else|endif)\b(?P<rest>.*)$")
_BOUND = re.compile(
    r"MESOS_VERSION_INT\s*(?:<|>=)\s*(?P<literal>\w+)"
    r"|MESOS_VERSION_AT_LEAST\((?P<numbers>\d+, \d+, \d+)\)"
)
_VERSION = re.compile(r"\w*VERSION\w*")


@dataclass(frozen=True, kw_only=True)
class Bound:
    """One comparison with a release in one condition, such as ``MESOS_VERSION_INT < 0240``."""

    path: str
    """The source, relative to the module's folder."""
    line: int
    """Counted from 0."""
    start: int
    """Where in the line the number itself begins, and where it ends."""
    end: int
    condition: str
    comparison: str
    release: Release
    numbered: bool
    """Whether the release is written as three numbers rather than as one literal."""

    def moved(self, lines: Sequence[str], release: Release) -> list[str]:
        """The source with this bound at another release and all else as it is."""
        text = (
            f"{release.major}, {release.minor}, {release.patch}"
            if self.numbered
            else ENCODING.literal(release)
        )
        line = lines[self.line]
        changed = line[: self.start] + text + line[self.end :]
        return [*lines[: self.line], changed, *lines[self.line + 1 :]]


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """A bound at the release of another minor version, and what must come of it."""

    bound: Bound
    to: Release
    text: str
    """The whole source, mutated."""
    concerned: frozenset[Release]
    """The releases for which another branch is taken."""

    def __str__(self) -> str:
        name = Path(self.bound.path).name
        return f"{name}:{self.bound.line + 1}:{self.bound.start}-{self.bound.release}-to-{self.to}"

    @property
    def path(self) -> str:
        """The source, relative to the module's folder."""
        return self.bound.path


@dataclass(frozen=True, kw_only=True)
class Removal:
    """A conditional taken out, one of its branches being kept for all releases."""

    path: str
    line: int
    """Of the conditional, counted from 1."""
    kept: int
    """The branch's first line; of an #else that is not there, the #endif's."""
    text: str
    """The whole source, without the conditional."""
    concerned: frozenset[Release]
    """The releases that compile something else now."""

    def __str__(self) -> str:
        return f"{Path(self.path).name}:{self.line}-keeps-{self.kept}"


def find_bounds(folder: Path) -> list[Bound]:
    """Every bound in the sources below ``folder``.

    A condition on the version that is not made of known comparisons fails an assertion: none may
    slip through because this cannot read it.
    """
    return [bound for path in _sources(folder) for bound in _bounds_of(folder, path)]


def break_bound(folder: Path, bound: Bound, releases: Sequence[Release]) -> Mutation:
    """The bound one minor version later; if no release notices, one minor version earlier."""
    lines = (folder / bound.path).read_text().splitlines(keepends=True)
    for to in (_next_minor(bound.release), _previous_minor(bound.release)):
        if to is None:
            continue
        moved = bound.moved(lines, to)
        concerned = frozenset(r for r in releases if compiled(lines, r) != compiled(moved, r))
        if concerned:
            return Mutation(bound=bound, to=to, text="".join(moved), concerned=concerned)
    raise AssertionError(
        f"{bound.path}:{bound.line + 1}: {bound.comparison} decides nothing for any release"
    )


def remove_guards(folder: Path, releases: Sequence[Release]) -> list[Removal]:
    """Each conditional on the release removed, in turn for each of its branches."""
    return [removal for path in _sources(folder) for removal in _removals(folder, path, releases)]


def compiled(lines: Sequence[str], release: Release) -> list[int]:
    """The numbers of the lines that the compiler sees for ``release``."""
    # For each open #if: whether the branch is taken, whether one was taken before.
    open_: list[tuple[bool, bool]] = []
    seen: list[int] = []
    for number, line in enumerate(lines):
        found = _CONDITIONAL.match(line)
        if not found:
            if all(taken for taken, _ in open_):
                seen.append(number)
            continue
        match found["word"]:
            case "if":
                open_.append((_holds(found["rest"], release),) * 2)
            case "ifndef":
                # Of an include guard, the only one there is; find_bounds() sees to that.
                open_.append((True, True))
            case "elif":
                _, before = open_.pop()
                taken = not before and _holds(found["rest"], release)
                open_.append((taken, taken or before))
            case "else":
                _, before = open_.pop()
                open_.append((not before, True))
            case "endif":
                open_.pop()
    assert not open_
    return seen


def neighbours(concerned: frozenset[Release], releases: Sequence[Release]) -> list[Release]:
    """The releases next to a concerned one that are not concerned themselves."""
    return [
        release
        for at, release in enumerate(releases)
        if release not in concerned and concerned & {*releases[max(0, at - 1) : at + 2]}
    ]


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a build of the isolator has come to."""

    code: int
    screen: str
    targets: dict[Release, dict]
    """Each release's row of ``--json``."""
    dist: Path


def build_isolator(
    folder: Path,
    listed: Iterable[Release],
    *arguments: str,
    cache: Path,
    mutation: Mutation | Removal | None = None,
    env: Mapping[str, str] | None = None,
) -> Run:
    """Run ``build`` on the host in ``folder``, on a matrix of the releases ``listed``.

    The result cache is at ``cache``; ``env`` goes beside the environment that is there.
    """
    write_project(folder, listed, mutation)
    (folder / "build").mkdir()
    (folder / "build" / "cache").symlink_to(cache)
    done = subprocess.run(
        [sys.executable, "-m", "buildkit", "build", "--json", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stderr
    targets = json.loads(done.stdout)["targets"]
    return Run(
        code=done.returncode,
        screen=done.stderr,
        targets={Release.parse(target["release"]): target for target in targets},
        dist=folder / "dist",
    )


def write_project(
    folder: Path, listed: Iterable[Release], mutation: Mutation | Removal | None
) -> None:
    """The isolator, mutated or as it is, and a matrix of the releases ``listed``."""
    shutil.copytree(ISOLATOR, folder / "isolator")
    if mutation is not None:
        (folder / "isolator" / mutation.path).write_text(mutation.text)
    releases = ", ".join(f'"{release}"' for release in listed)
    (folder / "matrix.toml").write_text(_MATRIX.format(releases=releases))


def check_representatives(folder: Path, verdicts: Mapping[Release, object]) -> None:
    """Of the releases that have a verdict, those that stand for each other must have the same.

    ``folder`` is one of :func:`write_project`.
    """
    matrix = load_matrix(folder / "matrix.toml")
    options = Options(only=tuple(map(str, verdicts)), sdk="stub", engine="host")
    plan = make_plan(matrix, options, NOTHING)
    sources = Sources(root=matrix.root, cache=folder / "git")
    for target in represent(plan, forecast(matrix, plan.targets, sources)).targets:
        group = {release: verdicts[release] for release in (target.release, *target.stands_for)}
        assert set(group.values()) == {verdicts[target.release]}, group


def _sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in {".hpp", ".h", ".cpp"})


def _bounds_of(folder: Path, path: Path) -> Iterator[Bound]:
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines):
        found = _CONDITIONAL.match(line)
        if not found or found["word"] in {"else", "endif"}:
            continue
        where = f"{path}:{number + 1}: {line}"
        if found["word"] == "ifndef":
            assert lines[number + 1].split() == ["#define", *found["rest"].split()], where
            continue
        code = line.partition("//")[0]
        bounds = list(_BOUND.finditer(code))
        assert bounds, f"not a guard on the release: {where}"
        assert len(bounds) == len(_VERSION.findall(code)), f"not all of it can be read: {where}"
        for bound in bounds:
            group = "literal" if bound["literal"] else "numbers"
            yield Bound(
                path=path.relative_to(folder).as_posix(),
                line=number,
                start=bound.start(group),
                end=bound.end(group),
                condition=code.strip(),
                comparison=bound[0],
                release=_release(bound[group]),
                numbered=group == "numbers",
            )


def _removals(folder: Path, path: Path, releases: Sequence[Release]) -> Iterator[Removal]:
    lines = path.read_text().splitlines(keepends=True)
    for directives in _conditionals(lines):
        if not _VERSION.search(lines[directives[0]]):
            continue
        last = _CONDITIONAL.match(lines[directives[-2]])
        assert last is not None
        # A branch that is not there is an empty one.
        ends = directives if last["word"] == "else" else [*directives, directives[-1]]
        for before, after in pairwise(ends):
            kept = range(before + 1, after)
            gone = {*range(directives[0], directives[-1] + 1)}.difference(kept)
            text = ["\n" if number in gone else line for number, line in enumerate(lines)]
            yield Removal(
                path=path.relative_to(folder).as_posix(),
                line=directives[0] + 1,
                kept=before + 1 + (after > before),
                text="".join(text),
                concerned=frozenset(r for r in releases if _code(lines, r) != _code(text, r)),
            )


def _conditionals(lines: Sequence[str]) -> Iterator[list[int]]:
    """The directives of each conditional, as line numbers from 0."""
    open_: list[list[int]] = []
    for number, line in enumerate(lines):
        found = _CONDITIONAL.match(line)
        if found and found["word"] in {"if", "ifdef", "ifndef"}:
            open_.append([number])
        elif found:
            open_[-1].append(number)
            if found["word"] == "endif":
                yield open_.pop()


def _code(lines: Sequence[str], release: Release) -> list[str]:
    return [lines[number] for number in compiled(lines, release) if lines[number].strip()]


def _release(text: str) -> Release:
    if "," in text:
        return Release(*map(int, text.split(",")))
    value = literal_value(text)
    return next(r for r in FINAL_RELEASES if ENCODING.value_of(r) == value)


def _holds(condition: str, release: Release) -> bool:
    return predict(condition.partition("//")[0].strip(), release, ENCODING)


def _minors() -> list[Release]:
    return [release for release in FINAL_RELEASES if release.patch == 0]


def _next_minor(release: Release) -> Release | None:
    return next((r for r in _minors() if r > release), None)


def _previous_minor(release: Release) -> Release | None:
    return next((r for r in reversed(_minors()) if r < release), None)
