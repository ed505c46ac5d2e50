"""Bundled patches are applied as the official build does: context may have moved or frayed."""

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildkit.errors import UnavailableError
from buildkit.files.tree import File
from buildkit.sdk.release.fuzzy import apply_fuzzily

LETTERS = list("abcdefghij")


def text_of(rows):
    return "".join(f"{row}\n" for row in rows)


def diff_of(old, new):
    return text_of(difflib.unified_diff(old, new, "a/f", "b/f", lineterm=""))


def patched(old, diff):
    return apply_fuzzily({"f": File(text_of(old).encode())}, diff, where="p")["f"].data.decode()


def changed(rows, at, to="X"):
    return [*rows[:at], to, *rows[at + 1 :]]


DIFF = diff_of(LETTERS, changed(LETTERS, 4))


def test_what_fits_exactly_is_applied():
    assert patched(LETTERS, DIFF) == text_of(changed(LETTERS, 4))


@given(st.integers(0, 40))
def test_a_hunk_is_found_where_it_has_moved_to(distance):
    old = ["-"] * distance + LETTERS
    assert patched(old, DIFF) == text_of(changed(old, 4 + distance))


def test_a_hunk_is_found_further_up():
    old = ["-"] * 5 + LETTERS
    assert patched(LETTERS, diff_of(old, changed(old, 9))) == text_of(changed(LETTERS, 4))


@pytest.mark.parametrize("frayed", [[1], [1, 2], [7], [6, 7], [1, 2, 6, 7]])
def test_context_may_differ_at_the_edges_of_a_hunk_and_stays(frayed):
    old = LETTERS
    for at in frayed:
        old = changed(old, at, "?")
    assert patched(old, DIFF) == text_of(changed(old, 4))


@pytest.mark.parametrize("frayed", [3, 4, 5])
def test_a_line_next_to_the_change_may_not_differ(frayed):
    with pytest.raises(UnavailableError, match=r"p: hunk 1 does not fit f"):
        patched(changed(LETTERS, frayed, "?"), DIFF)


def test_the_nearest_of_equal_places_is_taken():
    block = ["{", "a", "b", "c", "}"]
    old = block * 5
    diff = diff_of(old, changed(old, 12))
    moved = ["-", *old]
    assert patched(moved, diff) == text_of(changed(moved, 13))


def test_a_second_hunk_is_looked_for_where_the_first_has_moved_it():
    old = [str(number) for number in range(40)]
    new = changed([*old[:5], "new", "new", *old[5:]], 32)
    assert patched(old, diff_of(old, new)) == text_of(new)


def test_blank_lines_lost_at_the_end_of_the_patch_are_no_obstacle():
    old = ["a", "b", "c", "d", "", "", "", "e"]
    diff = diff_of(old, changed(old, 3))
    cut = text_of(row.rstrip() for row in diff.splitlines()).rstrip("\n") + "\n"
    assert cut.count("\n") < diff.count("\n")
    assert patched(old, cut) == text_of(changed(old, 3))


def test_files_that_are_not_needed_are_passed_over():
    tree = {"g": File(b"g\n")}
    assert apply_fuzzily(tree, DIFF, where="p") == tree


def test_a_file_stays_executable():
    tree = {"f": File(text_of(LETTERS).encode(), executable=True)}
    assert apply_fuzzily(tree, DIFF, where="p")["f"].executable


def test_what_is_no_diff_is_refused():
    with pytest.raises(UnavailableError, match="p: not a unified diff"):
        apply_fuzzily({}, "--- a/f\n+++ b/f\n@@ -1,9 +1,9 @@\n a\n", where="p")
