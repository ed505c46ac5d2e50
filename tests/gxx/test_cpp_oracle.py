"""The reading agrees with a reader of guards that was written apart from it.

Every bound of every guard of our isolator is moved; both must say that the same releases then
compile something else.
"""

import pytest
from support_guards import ISOLATOR, RELEASES, Mutation, break_bound, find_bounds

from buildkit.cpp.module import read_module
from buildkit.cpp.reading import Reading
from buildkit.files.tree import File, read_tree
from buildkit.interfaces import load
from buildkit.matrix import load_matrix

MATRIX = load_matrix(ISOLATOR.parent / "matrix.toml")
TREE = read_tree(ISOLATOR)
TABLE = load()
MUTATIONS = [break_bound(ISOLATOR, bound, RELEASES) for bound in find_bounds(ISOLATOR)]


def reading_of(tree: dict[str, File]) -> Reading:
    return read_module(MATRIX, MATRIX.file.module[0], tree, RELEASES, TABLE)


@pytest.fixture(scope="module")
def original() -> Reading:
    return reading_of(TREE)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_moved_bound_concerns_the_same_releases(original: Reading, mutation: Mutation):
    path = mutation.bound.path
    mutated = reading_of({**TREE, path: File(mutation.text.encode())})
    changed = {
        release
        for release in RELEASES
        if original.text(path, release) != mutated.text(path, release)
    }
    assert changed == mutation.concerned
