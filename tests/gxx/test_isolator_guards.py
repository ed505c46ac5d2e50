"""Each guard of our isolator is needed, and the tool says where one is wrong.

Every bound of every guard is moved to the next minor version, one at a time, and the real tool is
run on the result: exactly the releases for which another branch is then taken must fail, with the
cause on screen, and the ones beside them must pass and be kept.

Only the releases concerned and their neighbours are built; with MESOS_BUILDKIT_ALL_RELEASES=1 all
of them, which takes half an hour.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from filelock import FileLock
from support_guards import (
    BEHAVIOUR,
    ISOLATOR,
    NO_TRACE,
    OLDEST,
    RELEASES,
    Mutation,
    Removal,
    Run,
    break_bound,
    build_isolator,
    check_representatives,
    find_bounds,
    neighbours,
    remove_guards,
)

from buildkit.releases import Release, expand

MUTATIONS = [break_bound(ISOLATOR, bound, RELEASES) for bound in find_bounds(ISOLATOR)]
EVERYWHERE = os.environ.get("MESOS_BUILDKIT_ALL_RELEASES") == "1"

# What names the place: a line of the module's source, or a check of the smoke stage.
NAMED = re.compile(
    r"\bmodule/\S+:\d+(:\d+)?: (fatal error|error|undefined reference)\b"
    r"|^FAIL (inspect|load|run) \S+"
)


def status(run: Run) -> dict[str, set[Release]]:
    found: dict[str, set[Release]] = {}
    for release, target in run.targets.items():
        found.setdefault(target["status"], set()).add(release)
    return found


def libraries(run: Run) -> set[Release]:
    return {Release.parse(path.parent.name) for path in run.dist.glob("*/*.so")}


class Workshop:
    """Runs the tool on copies of the isolator. All runs share one cache."""

    def __init__(self, root: Path) -> None:
        self._cache = root / "cache"
        self._runtime = root / "runtime"
        self._runtime.mkdir(exist_ok=True)
        with FileLock(root / "lock"):
            if not self._cache.exists():
                # What all runs need is made once, and not by each of pytest's processes.
                self._cache.mkdir()
                run = self.build(root / "first", [OLDEST])
                assert run.code == 0, run.screen

    def build(
        self,
        folder: Path,
        releases: Sequence[Release],
        mutation: Mutation | Removal | None = None,
    ) -> Run:
        only = [word for release in releases for word in ("--only", str(release))]
        return build_isolator(
            folder,
            RELEASES,
            *("--sdk", "stub", *only),
            cache=self._cache,
            mutation=mutation,
            # Slots of their own: another run on this machine may hold those it shares for long.
            env={"XDG_RUNTIME_DIR": str(self._runtime)},
        )


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    # Under xdist each process has a folder of its own below one that they share.
    root = tmp_path_factory.getbasetemp()
    shared = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    folder = shared / "guards"
    folder.mkdir(exist_ok=True)
    return Workshop(folder)


def causes(screen: str) -> dict[Release, list[str]]:
    """What stands on the screen below the headline of each failed target."""
    found: dict[Release, list[str]] = {}
    lines: list[str] = []
    for line in screen.splitlines():
        headline = re.match(r"failed in stage \w+: [\w-]+/([\d.]+)/", line, re.IGNORECASE)
        if headline:
            lines = found.setdefault(Release.parse(headline[1]), [])
        elif line.startswith("  ") and "full log: " not in line:
            lines.append(line.strip())
    return found


def check_predictions(run: Run) -> None:
    """What the compiler refuses was predicted, and what was predicted came true.

    What only driving the module shows has no verdict, though mostly a warning; that is for
    tests/unit/test_prediction_isolator.py.
    """
    for release, target in run.targets.items():
        failed = {stage["stage"] for stage in target["stages"] if stage["state"] == "failed"}
        foretold = target["prediction"]
        if "build" in failed:
            assert foretold["verdict"] == "breaks", f"{release}: {foretold}"
        if foretold["verdict"] != "ok":
            assert failed & {"build", "smoke"}, f"{release}: {foretold}"
    assert "but failed in build" not in run.screen
    assert "but passed" not in run.screen


def test_the_releases_are_the_default_ones_and_one_below():
    defaults = expand(["classic"], {"classic": ["0.23.1", "0.24.1", "0.25.0", "0.26.0"]})
    assert {*defaults} < {*RELEASES}
    assert min(RELEASES) == OLDEST
    assert list(RELEASES) == sorted(RELEASES)


def test_guards_are_found_where_there_are_some():
    assert {Path(mutation.bound.path).name for mutation in MUTATIONS} == {
        path.name
        for path in ISOLATOR.rglob("*.[ch]pp")
        if re.search(r"^\s*#.*MESOS_VERSION", path.read_text(), re.MULTILINE)
    }
    assert len(MUTATIONS) > 20


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_broken_guard_fails_exactly_the_releases_it_concerns(
    workshop: Workshop, tmp_path: Path, mutation: Mutation
):
    good = neighbours(mutation.concerned, RELEASES)
    assert good
    chosen = RELEASES if EVERYWHERE else sorted([*mutation.concerned, *good])
    run = workshop.build(tmp_path / "project", chosen, mutation)

    kept = {*chosen} - mutation.concerned
    assert status(run) == {"failed": {*mutation.concerned}, "passed": kept}, run.screen
    assert run.code == 1
    assert libraries(run) == kept

    check_predictions(run)
    check_representatives(
        tmp_path / "project", {release: t["status"] for release, t in run.targets.items()}
    )

    shown = causes(run.screen)
    assert shown.keys() == mutation.concerned
    for release, lines in shown.items():
        assert any(NAMED.search(line) for line in lines), f"{release}: {lines}"


@pytest.mark.parametrize(
    "removal",
    [one for one in remove_guards(ISOLATOR, RELEASES) if str(one) in {*BEHAVIOUR, *NO_TRACE}],
    ids=str,
)
def test_a_removed_guard_that_is_not_predicted_fails_its_releases(
    workshop: Workshop, tmp_path: Path, removal: Removal
):
    # The oldest and the newest; those between take the same branch.
    chosen = sorted({min(removal.concerned), max(removal.concerned)})
    run = workshop.build(tmp_path / "project", chosen, removal)
    assert status(run) == {"failed": {*chosen}}, run.screen
