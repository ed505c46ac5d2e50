"""A real preprocessor takes the branches that Python predicts: 60 releases, three encodings.

One run of ``g++ -E`` for each release and encoding, over one file with a line for every condition.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from support_conditions import OPERATORS, predict

import buildkit
from buildkit.encoding import Encoding, literal_value, prove, version_header
from buildkit.errors import UsageError
from buildkit.releases import FINAL_RELEASES, Release

ISOLATOR = Path(buildkit.__file__).parent.parent / "isolator"

# Boundaries beside the releases: below all, above all, and patches that never came.
BOUNDARIES = (
    Release(0, 0, 0),
    *FINAL_RELEASES,
    *(Release(0, 24, 7), Release(0, 28, 7), Release(1, 2, 7), Release(1, 63, 7), Release(2, 0, 0)),
)
MADE_UP = (Release(1, 1, 10), Release(1, 11, 0))


def at_least(release: Release) -> str:
    return f"MESOS_VERSION_AT_LEAST({release.major}, {release.minor}, {release.patch})"


def boundary_conditions(encoding: Encoding) -> list[str]:
    return [
        condition
        for boundary in BOUNDARIES
        for condition in (
            *(f"MESOS_VERSION_INT {sign} {encoding.literal(boundary)}" for sign in OPERATORS),
            at_least(boundary),
            f"!{at_least(boundary)}",
        )
    ]


def isolator_guards() -> list[str]:
    """Every condition on the version in our own isolator's sources."""
    conditions = {
        line.partition("//")[0].strip()
        for path in sorted(ISOLATOR.rglob("*.[ch]pp"))
        for line in re.findall(r"^\s*#\s*(?:el)?if\s(.*)$", path.read_text(), re.MULTILINE)
        if "MESOS_VERSION" in line
    }
    return sorted(conditions)


@dataclass(frozen=True)
class Preprocessor:
    """Asks g++ which of some conditions hold."""

    folder: Path

    def run(self, flags: list[str], text: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [
                *("g++", "-std=c++11", "-Wall", "-Wextra", "-Wundef", "-pedantic-errors"),
                *("-Werror", *flags, "-E", "-P", "-x", "c++", "-"),
            ],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
        )

    def taken(self, conditions: list[str], release: Release, encoding: Encoding) -> set[str]:
        """As a build does it: the flag on the command line, the header force-included."""
        return self.with_flags(conditions, release, encoding, [encoding.flag(release)])

    def with_flags(
        self, conditions: list[str], release: Release, encoding: Encoding, flags: list[str]
    ) -> set[str]:
        (self.folder / "version.h").write_text(version_header(release, encoding))
        text = "".join(
            f"#if {condition}\nbranch_{number}\n#else\nother_{number}\n#endif\n"
            for number, condition in enumerate(conditions)
        )
        done = self.run([*flags, "-include", "version.h"], text)
        assert (done.returncode, done.stderr) == (0, "")
        branches = done.stdout.split()
        assert len(branches) == len(conditions)
        return {
            conditions[int(word.rpartition("_")[2])]
            for word in branches
            if word.startswith("branch_")
        }


@pytest.fixture
def gxx(tmp_path):
    return Preprocessor(tmp_path)


@pytest.mark.parametrize("encoding", Encoding)
def test_at_every_boundary_the_branch_is_the_predicted_one(gxx, encoding):
    conditions = boundary_conditions(encoding)
    for release in FINAL_RELEASES:
        expected = {c for c in conditions if predict(c, release, encoding)}
        assert gxx.taken(conditions, release, encoding) == expected, release


@pytest.mark.parametrize("encoding", [Encoding.OCTAL, Encoding.PACKED])
def test_a_sound_encoding_splits_the_releases_at_every_release(gxx, encoding):
    """Says in terms of the releases' own order what the test above says in numbers."""
    below = {r: f"MESOS_VERSION_INT < {encoding.literal(r)}" for r in FINAL_RELEASES}
    for release in FINAL_RELEASES:
        taken = gxx.taken(list(below.values()), release, encoding)
        assert taken == {below[later] for later in FINAL_RELEASES if release < later}


def test_at_least_is_right_even_where_decimal_is_not(gxx):
    release, encoding = Release(1, 0, 1), Encoding.DECIMAL
    wrong = f"MESOS_VERSION_INT < {encoding.literal(Release(0, 24, 0))}"
    right = at_least(Release(0, 24, 0))
    assert gxx.taken([wrong, right], release, encoding) == {wrong, right}


def test_releases_that_clash_are_alike_to_every_guard_and_refused(gxx):
    encoding = Encoding.DECIMAL
    conditions = [c for c in boundary_conditions(encoding) if "AT_LEAST" not in c]
    one, other = (gxx.taken(conditions, release, encoding) for release in MADE_UP)
    assert one == other
    with pytest.raises(UsageError, match=r"1\.1\.10 and 1\.11\.0 both become 1110"):
        prove(encoding, MADE_UP, where="here")
    newest = [at_least(MADE_UP[1])]
    assert [gxx.taken(newest, release, encoding) for release in MADE_UP] == [set(), set(newest)]


@pytest.mark.parametrize("encoding", Encoding)
def test_our_isolators_guards_take_the_predicted_branches(gxx, encoding):
    guards = isolator_guards()
    assert len(guards) > 10
    for release in FINAL_RELEASES:
        expected = {guard for guard in guards if predict(guard, release, encoding)}
        assert gxx.taken(guards, release, encoding) == expected, release


def test_each_guard_of_our_isolator_decides_something(gxx):
    """A guard that takes one branch for every release we build for is a mistake in it."""
    releases = [release for release in FINAL_RELEASES if release >= Release(0, 22, 0)]
    guards = isolator_guards()
    taken = [gxx.taken(guards, release, Encoding.OCTAL) for release in releases]
    assert [g for g in guards if len({g in found for found in taken}) == 1] == []


@pytest.mark.parametrize("encoding", Encoding)
def test_the_header_alone_defines_the_same(gxx, encoding):
    conditions = boundary_conditions(encoding)
    for release in FINAL_RELEASES[::9]:
        alone = gxx.with_flags(conditions, release, encoding, [])
        assert alone == gxx.taken(conditions, release, encoding)


def test_the_header_respects_the_command_line(gxx):
    flags = ["-DMESOS_VERSION_INT=42"]
    found = gxx.with_flags(["MESOS_VERSION_INT == 42"], Release(0, 24, 1), Encoding.OCTAL, flags)
    assert found == {"MESOS_VERSION_INT == 42"}


def test_the_header_may_be_included_twice_and_gives_the_numbers(gxx):
    (gxx.folder / "version.h").write_text(version_header(Release(1, 10, 3), Encoding.OCTAL))
    done = gxx.run(
        ["-include", "version.h", "-I."],
        '#include "version.h"\nMESOS_BUILDKIT_VERSION_MAJOR MESOS_BUILDKIT_VERSION_MINOR '
        "MESOS_BUILDKIT_VERSION_PATCH MESOS_VERSION_INT\n",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["1", "10", "3", "01123"]


@pytest.mark.parametrize("literal", ["0241", "0280", "08", "00", "0", "100", "0777", "1108"])
def test_a_literal_is_worth_what_g_plus_plus_says(gxx, literal):
    try:
        text = f"#if {literal} == {literal_value(literal)}\nsame\n#endif\n"
    except ValueError:
        done = gxx.run([], f"#if {literal}\n#endif\n")
        assert "invalid digit" in done.stderr
    else:
        assert gxx.run([], text).stdout.split() == ["same"]
