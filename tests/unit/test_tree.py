"""Trees: read from disk, digested without ambiguity, written whole."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildkit.errors import UsageError
from buildkit.files.tree import File, digest_of, read_tree, texts, tree_digest, under, write_tree

# A small alphabet with digits, colons and slashes: what the digest itself writes between parts.
path = st.text("ab:/01", min_size=1, max_size=6)
trees = st.dictionaries(path, st.builds(File, st.binary(max_size=6), st.booleans()), max_size=4)


@given(trees, trees)
def test_only_equal_trees_share_a_digest(one, other):
    assert (tree_digest(one) == tree_digest(other)) == (one == other)


@given(trees)
def test_the_order_of_the_files_does_not_matter(tree):
    assert tree_digest(dict(reversed(tree.items()))) == tree_digest(tree)


@given(st.lists(st.text("a:01", max_size=5)), st.lists(st.text("a:01", max_size=5)))
def test_only_equal_sequences_share_a_digest(one, other):
    assert (digest_of(*one) == digest_of(*other)) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": File(b"")}, {"b": File(b"")}),
        ({"a": File(b"")}, {"a": File(b"", executable=True)}),
        ({"a": File(b"1"), "b": File(b"2")}, {"a": File(b"2"), "b": File(b"1")}),
        ({"a": File(b"1:b:0:0:")}, {"a": File(b""), "b": File(b"")}),
    ],
)
def test_close_trees_have_digests_of_their_own(one, other):
    assert tree_digest(one) != tree_digest(other)


def test_what_is_written_reads_back(tmp_path):
    tree = {"a/b/run.sh": File(b"#!/bin/sh\n", executable=True), "c": File(b"\x00\xff")}
    write_tree(tree, tmp_path / "out")
    assert read_tree(tmp_path / "out") == tree


def test_writing_replaces_what_was_there(tmp_path):
    write_tree({"old": File(b"")}, tmp_path / "out")
    write_tree({"new": File(b"")}, tmp_path / "out")
    assert set(read_tree(tmp_path / "out")) == {"new"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_writing_that_fails_leaves_what_was_there(tmp_path):
    write_tree({"old": File(b"")}, tmp_path / "out")
    with pytest.raises(OSError, match="x"):
        write_tree({"new": File(b""), "new/x": File(b"")}, tmp_path / "out")
    assert set(read_tree(tmp_path / "out")) == {"old"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_a_written_tree_has_the_same_modes_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        write_tree({"d/a": File(b""), "d/b": File(b"", executable=True)}, tmp_path / "out")
    finally:
        os.umask(before)
    modes = {p.name: p.stat().st_mode & 0o777 for p in (tmp_path / "out").rglob("*")}
    assert (modes["a"], modes["b"]) == (0o644, 0o755)


def test_hidden_files_and_caches_are_left_out(tmp_path):
    for name in (".git/config", ".swp", "__pycache__/x.pyc", "src/.hidden", "src/a.cpp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert list(read_tree(tmp_path)) == ["src/a.cpp"]


class TestLinks:
    @pytest.fixture
    def inside(self, tmp_path):
        (tmp_path / "outside").write_text("secret")
        (tmp_path / "in" / "sub").mkdir(parents=True)
        (tmp_path / "in" / "a").write_text("content")
        return tmp_path / "in"

    def test_one_that_stays_is_followed(self, inside):
        (inside / "sub" / "b").symlink_to("../a")
        assert read_tree(inside)["sub/b"] == File(b"content")

    @pytest.mark.parametrize("to", ["../outside", "/etc/hostname"])
    def test_one_that_leaves_is_refused(self, inside, to):
        (inside / "b").symlink_to(to)
        with pytest.raises(UsageError, match="b: is a link out of"):
            read_tree(inside)

    def test_one_to_nothing_is_refused(self, inside):
        (inside / "b").symlink_to("gone")
        with pytest.raises(UsageError, match="b: neither a file nor a folder"):
            read_tree(inside)

    @pytest.mark.parametrize("to", ["..", ".", "sub", "/etc"])
    def test_one_to_a_folder_is_refused_and_not_left_out(self, inside, to):
        (inside / "b").symlink_to(to)
        with pytest.raises(UsageError, match="b: is a link to a folder"):
            read_tree(inside)

    def test_a_folder_reached_through_a_link_is_read(self, inside):
        (inside.parent / "link").symlink_to("in")
        assert read_tree(inside.parent / "link") == {"a": File(b"content")}


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="pipe: neither a file nor a folder"):
        read_tree(tmp_path)


def test_a_tree_moves_below_a_folder():
    assert under("a/b", texts([("c", "x")])) == {"a/b/c": File(b"x")}
