"""Predictions of our own isolator: none of trouble, and every broken guard by release.

That what is predicted here does happen, and that what is not is found by the build or the smoke
test, is for tests/gxx/test_isolator_guards.py to show.
"""

import pytest
from support_guards import (
    BEHAVIOUR,
    ISOLATOR,
    NO_TRACE,
    RELEASES,
    ROOT,
    break_bound,
    find_bounds,
    remove_guards,
)

from buildkit import interfaces
from buildkit.files.tree import File, read_tree
from buildkit.matrix import load_matrix
from buildkit.prediction.predict import predict
from buildkit.prediction.verdicts import Verdict
from buildkit.releases import FINAL_RELEASES, STUB_BEGINS

MATRIX = load_matrix(ROOT / "matrix.toml")
TREE = read_tree(ISOLATOR)
TABLE = interfaces.load()
ALL = tuple(release for release in FINAL_RELEASES if release >= STUB_BEGINS)

MUTATIONS = [break_bound(ISOLATOR, bound, RELEASES) for bound in find_bounds(ISOLATOR)]
REMOVALS = remove_guards(ISOLATOR, RELEASES)


def predicted(releases=RELEASES, **changed: str):
    tree = {**TREE, **{path: File(text.encode()) for path, text in changed.items()}}
    return predict(MATRIX, MATRIX.file.module[0], tree, releases, TABLE)


def concerned(predictions) -> set:
    return {release for finding in predictions.findings for release in finding.releases}


def test_no_release_has_a_finding():
    predictions = predicted(ALL)
    assert predictions.findings == ()
    assert {p.verdict for p in predictions.by_release.values()} == {Verdict.FINE}
    assert tuple(predictions.by_release) == ALL


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_moved_bound_is_predicted_for_exactly_the_releases_it_concerns(mutation):
    expected = set() if str(mutation) in BEHAVIOUR else {*mutation.concerned}
    found = predicted(**{mutation.bound.path: mutation.text})
    assert concerned(found) == expected, found.findings


@pytest.mark.parametrize("removal", REMOVALS, ids=str)
def test_a_removed_guard_is_predicted_for_exactly_the_releases_it_concerns(removal):
    missed = str(removal) in BEHAVIOUR or str(removal) in NO_TRACE
    found = predicted(**{removal.path: removal.text})
    assert concerned(found) == (set() if missed else {*removal.concerned}), found.findings


def test_what_only_a_running_module_shows_is_little():
    names = {str(one) for one in (*MUTATIONS, *REMOVALS)}
    assert BEHAVIOUR.keys() | NO_TRACE <= names
    assert len(names) > 80


def test_a_finding_says_where_why_and_what_to_write():
    header = (ISOLATOR / "src" / "launch.hpp").read_text()
    changed = header.replace("MESOS_VERSION_AT_LEAST(1, 2, 0)", "MESOS_VERSION_AT_LEAST(1, 3, 0)")
    predictions = predicted(**{"src/launch.hpp": changed})
    broken = [f for f in predictions.findings if f.rule.name == "unguarded-change"]
    [finding] = broken
    assert (finding.place.path, finding.place.line) == ("src/launch.hpp", 32)
    assert [str(release) for release in finding.releases] == ["1.2.3"]
    assert "ContainerLaunchInfo has no set_namespaces()" in finding.message
    assert "clone_namespaces" in finding.message
    assert "1.2.0" in finding.message
    assert "#if MESOS_VERSION_AT_LEAST(1, 2, 0)" in finding.advice
