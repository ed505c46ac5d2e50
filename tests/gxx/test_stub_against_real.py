"""The stub SDK judges an isolator as the release's own headers and loader do.

The isolator as it is, and with each bound of each guard moved by one minor version, is built and
driven on both SDKs: the verdicts must be the same, for every release whose branch the move changes.
Of all releases that there is an archive of, those that stand for each other must have the same one.
Needs real source archives: MESOS_BUILDKIT_REAL_ARCHIVES names a folder with some. With
MESOS_BUILDKIT_REAL_CACHE, a folder for the result cache, SDKs are made once for all runs of it.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from support_guards import (
    ISOLATOR,
    Mutation,
    break_bound,
    build_isolator,
    check_representatives,
    find_bounds,
    write_project,
)

from buildkit.archives.cache import archive_of
from buildkit.releases import FINAL_RELEASES, RELEASE_SDK_BEGINS, Release

ARCHIVES = os.environ.get("MESOS_BUILDKIT_REAL_ARCHIVES")
CACHE = os.environ.get("MESOS_BUILDKIT_REAL_CACHE")
AVAILABLE = [
    release
    for release in FINAL_RELEASES
    if ARCHIVES and release >= RELEASE_SDK_BEGINS and Path(ARCHIVES, archive_of(release)).is_file()
]
MUTATIONS = [break_bound(ISOLATOR, bound, FINAL_RELEASES) for bound in find_bounds(ISOLATOR)]

pytestmark = pytest.mark.skipif(
    not AVAILABLE, reason="NO REAL MESOS ARCHIVE, SO STUBS ARE COMPARED WITH NOTHING"
)


_UNDEFINED = "every undefined symbol has a provider"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a run says of one release. Compilers word errors by what headers they read."""

    status: str
    stage: str | None
    checks: frozenset[str]
    """The names of the checks that failed."""


RIGHT = Verdict(status="passed", stage=None, checks=frozenset())
LEFT_UNDEFINED = Verdict(status="failed", stage=None, checks=frozenset({_UNDEFINED}))
"""A stub provides all that there is, so the linker says it; of a library, level inspect."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    folder = Path(CACHE) if CACHE else tmp_path_factory.mktemp("cache")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def judge(tmp_path, cache):
    def judge(releases: list[Release], mutation: Mutation | None, sdk: str) -> dict[str, Verdict]:
        run = build_isolator(
            tmp_path / sdk,
            releases,
            *("--sdk", sdk),
            cache=cache,
            mutation=mutation,
            env={"MESOS_BUILDKIT_ARCHIVES": str(ARCHIVES)},
        )
        return {str(release): _verdict(row) for release, row in run.targets.items()}

    return judge


def _verdict(row: dict) -> Verdict:
    failed = [stage["stage"] for stage in row["stages"] if stage["state"] == "failed"]
    checks = frozenset(c["name"] for c in row["smoke"]["checks"] if not c["ok"])
    if _UNDEFINED in checks or any("undefined reference to" in line for line in row["cause"]):
        return LEFT_UNDEFINED
    return Verdict(status=row["status"], stage=failed[0] if failed else None, checks=checks)


@pytest.mark.parametrize("release", AVAILABLE, ids=str)
def test_the_isolator_is_right_on_both(judge, release):
    right = {str(release): RIGHT}
    assert judge([release], None, "stub") == right
    assert judge([release], None, "release") == right


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_wrong_guard_is_wrong_on_both(judge, mutation, tmp_path):
    concerned = sorted(mutation.concerned & {*AVAILABLE})
    if not concerned:
        pytest.skip("it concerns no release that there is an archive of")
    on_stub = judge(concerned, mutation, "stub")
    on_release = judge(concerned, mutation, "release")
    assert on_stub == on_release
    assert {verdict.status for verdict in on_stub.values()} == {"failed"}

    # For the others the compiler sees what it saw in the test above.
    write_project(tmp_path / "all", AVAILABLE, mutation)
    check_representatives(
        tmp_path / "all", {one: on_release.get(str(one), RIGHT) for one in AVAILABLE}
    )
