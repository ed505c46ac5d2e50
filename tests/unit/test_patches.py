"""Patches: exact application or a refusal that says where; edit rules; headers."""

import difflib
import textwrap

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from buildkit.errors import TargetError, UsageError
from buildkit.files.tree import File
from buildkit.patches import apply_patches, compatibility_headers, load_patch
from buildkit.releases import Release

RELEASE = Release(0, 24, 1)

# Few different lines, so that a hunk would fit in several places; some that other tools split.
line = st.sampled_from(["a", "b", "c", "", "-", "+x", "--- a/f", "@@", "\\", "p\x0cq", "p\rq", "é"])
lines = st.lists(line, min_size=1, max_size=12)


def diff_of(old, new, context=3):
    text = difflib.unified_diff(old, new, "a/f", "b/f", lineterm="", n=context)
    return "".join(f"{row}\n" for row in text)


def text_of(rows):
    return "".join(f"{row}\n" for row in rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("patches")


@pytest.fixture
def load(folder):
    """Writes a patch file and loads it."""

    def write(name, text, **others):
        for other, content in {name: text, **others}.items():
            (folder / other).write_bytes(textwrap.dedent(content).encode())
        return load_patch(name, folder)

    return write


@pytest.fixture(scope="module")
def patched(folder):
    """Applies one diff to the file ``f``."""

    def patch(diff, old):
        (folder / "x.diff").write_bytes(diff.encode())
        loaded = load_patch("x.diff", folder)
        tree = apply_patches({"f": File(old.encode())}, [loaded], RELEASE, "module")
        return tree["f"].data.decode()

    return patch


@given(lines, lines, st.integers(0, 3))
def test_a_diff_turns_the_old_text_into_the_new(patched, old, new, context):
    assume(old != new)
    assert patched(diff_of(old, new, context), text_of(old)) == text_of(new)


@given(lines, lines, st.data())
def test_a_changed_line_under_a_diff_is_refused(patched, old, new, data):
    assume(old != new)
    diff = diff_of(old, new)
    covered = {
        index
        for group in difflib.SequenceMatcher(None, old, new).get_grouped_opcodes(3)
        for _, first, last, _, _ in group
        for index in range(first, last)
    }
    assume(covered)
    changed = list(old)
    changed[data.draw(st.sampled_from(sorted(covered)))] += "!"
    with pytest.raises(TargetError, match=r"x\.diff: file f: hunk \d+ \(@@ .* does not apply"):
        patched(diff, text_of(changed))


@given(lines, lines, lines)
def test_a_hunk_that_would_fit_elsewhere_is_refused(patched, old, new, above):
    """No offset is tried: the lines that come before count."""
    assume(old != new)
    shifted = [*above, *old]
    start = next(i for i, (a, b) in enumerate([*zip(old, new, strict=False), (0, 1)]) if a != b)
    assume(shifted[start : start + len(old)] != old[start:])
    assume(shifted[: len(old)] != old)
    diff = diff_of(old, new, context=len(old))
    with pytest.raises(TargetError, match="does not apply exactly"):
        patched(diff, text_of(shifted))


def test_a_line_end_that_is_missing_is_kept_apart(patched):
    diff = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"
    assert patched(diff, "a") == "a\n"
    with pytest.raises(TargetError, match="does not apply exactly"):
        patched(diff, "a\n")
    dropped = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n\\ No newline at end of file\n"
    assert patched(dropped, "a\n") == "b"


def test_line_ends_of_another_system_are_kept(patched):
    diff = "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\r\n-b\r\n+c\r\n"
    assert patched(diff, "a\r\nb\r\n") == "a\r\nc\r\n"
    with pytest.raises(TargetError, match="does not apply exactly"):
        patched(diff, "a\nb\n")


def test_lines_added_behind_the_end_are_refused(patched):
    with pytest.raises(TargetError, match="hunk 1"):
        patched("--- a/f\n+++ b/f\n@@ -99,0 +100 @@\n+b\n", "a\n")


def test_an_empty_file_can_be_filled_and_emptied(patched):
    assert patched("--- a/f\n+++ b/f\n@@ -0,0 +1 @@\n+b\n", "") == "b\n"
    assert patched("--- a/f\n+++ b/f\n@@ -1 +0,0 @@\n-b\n", "b\n") == ""


class TestWholeFiles:
    add = "--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+x\n"
    remove = "--- a/old\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"

    def test_a_file_is_added(self, load):
        tree = apply_patches({}, [load("x.diff", self.add)], RELEASE, "module")
        assert tree == {"new": File(b"x\n")}

    def test_a_file_is_removed(self, load):
        old = {"old": File(b"x\n"), "kept": File(b"")}
        tree = apply_patches(old, [load("x.diff", self.remove)], RELEASE, "module")
        assert list(tree) == ["kept"]
        assert list(old) == ["old", "kept"]

    def test_what_is_there_is_not_added(self, load):
        with pytest.raises(TargetError, match="file new: to be added, but already there"):
            apply_patches({"new": File(b"")}, [load("x.diff", self.add)], RELEASE, "module")

    def test_what_has_more_lines_is_not_removed(self, load):
        with pytest.raises(TargetError, match="file old: to be removed, but it has other lines"):
            apply_patches(
                {"old": File(b"x\ny\n")}, [load("x.diff", self.remove)], RELEASE, "module"
            )

    def test_what_is_not_there_is_neither_changed_nor_removed(self, load):
        with pytest.raises(TargetError, match=r"x\.diff: file old: not among the sources"):
            apply_patches({}, [load("x.diff", self.remove)], RELEASE, "module")

    def test_renaming_is_refused(self, load):
        diff = "diff --git a/e b/g\nsimilarity index 100%\nrename from e\nrename to g\n"
        with pytest.raises(TargetError, match="not supported"):
            apply_patches({"e": File(b"")}, [load("x.diff", diff)], RELEASE, "module")

    def test_a_mode_stays(self, load):
        diff = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n"
        old = {"f": File(b"a\n", executable=True)}
        tree = apply_patches(old, [load("x.diff", diff)], RELEASE, "module")
        assert tree["f"] == File(b"b\n", executable=True)


EDIT = """\
[[edit]]
why = "renamed in 0.24"
file = "f"
pattern = "^old\\\\((\\\\w+)\\\\)"
replacement = "new(\\\\1)"
count = 2
"""


class TestEdits:
    def test_every_match_is_replaced(self, load):
        tree = {"f": File(b"old(a)\nx old(b)\nold(c)\n", executable=True)}
        done = apply_patches(tree, [load("e.toml", EDIT)], RELEASE, "module")
        assert done["f"] == File(b"new(a)\nx old(b)\nnew(c)\n", executable=True)

    @pytest.mark.parametrize(("text", "hits"), [("", 0), ("old(a)\n", 1), ("old(a)\n" * 3, 3)])
    def test_another_count_is_refused(self, load, text, hits):
        with pytest.raises(TargetError) as caught:
            apply_patches({"f": File(text.encode())}, [load("e.toml", EDIT)], RELEASE, "module")
        for part in ("e.toml: [[edit]] 1", "file f", f"matches {hits} times", "expected 2"):
            assert part in str(caught.value)

    def test_a_missing_file_is_named(self, load):
        with pytest.raises(TargetError, match=r"e\.toml: \[\[edit\]\] 1: file f is not among"):
            apply_patches({}, [load("e.toml", EDIT)], RELEASE, "module")

    def test_a_binary_file_is_refused(self, load):
        with pytest.raises(TargetError, match="file f is not UTF-8"):
            apply_patches({"f": File(b"\xff")}, [load("e.toml", EDIT)], RELEASE, "module")

    def test_a_replacement_that_cannot_be_is_the_targets_error(self, load):
        rule = EDIT.replace("new(\\\\1)", "\\\\7")
        with pytest.raises(TargetError, match=r"e\.toml: \[\[edit\]\] 1: replacement"):
            apply_patches({"f": File(b"old(a)\n")}, [load("e.toml", rule)], RELEASE, "module")

    def test_a_rule_is_for_its_subject_and_its_releases(self, load):
        tree = {"f": File(b"old(a)\nold(b)\n")}
        for extra in ('to = "sdk"\n', 'match = ">=0.25"\n'):
            patch = load("e.toml", EDIT + extra)
            assert apply_patches(tree, [patch], RELEASE, "module") == tree
        in_sdk = load("e.toml", EDIT + 'to = "sdk"\n')
        assert apply_patches(tree, [in_sdk], RELEASE, "sdk") != tree


def test_patches_apply_in_the_order_given_and_leave_the_input_alone(load):
    first = load("1.diff", "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n")
    second = load("2.diff", "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-b\n+c\n")
    tree = {"f": File(b"a\n")}
    assert apply_patches(tree, [first, second], RELEASE, "module")["f"].data == b"c\n"
    with pytest.raises(TargetError, match=r"2\.diff"):
        apply_patches(tree, [second, first], RELEASE, "module")
    assert tree == {"f": File(b"a\n")}


def test_in_a_rule_file_diffs_come_before_edits(load):
    rules = """\
        [[edit]]
        why = "w"
        file = "f"
        pattern = "b"
        replacement = "c"

        [[diff]]
        why = "w"
        file = "1.diff"
        """
    patch = load("r.toml", rules, **{"1.diff": "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n"})
    assert apply_patches({"f": File(b"a\n")}, [patch], RELEASE, "module")["f"].data == b"c\n"


def test_a_header_is_for_its_releases(load):
    rules = """\
        [[header]]
        why = "glibc 2.26 dropped it"
        file = "shim.h"
        include = "xlocale.h"
        match = "<0.28"
        """
    patch = load("h.toml", rules, **{"shim.h": "#include <locale.h>\n"})
    assert compatibility_headers([patch], RELEASE) == {"xlocale.h": File(b"#include <locale.h>\n")}
    assert compatibility_headers([patch], Release(1, 0, 0)) == {}


def test_the_digest_changes_with_every_file_of_a_patch(load):
    rules = '[[header]]\nwhy = "w"\nfile = "shim.h"\ninclude = "x.h"\n'
    digests = {
        load("h.toml", rules, **{"shim.h": "1\n"}).digest,
        load("h.toml", rules, **{"shim.h": "2\n"}).digest,
        load("h.toml", rules + 'match = "<1"\n', **{"shim.h": "2\n"}).digest,
    }
    assert len(digests) == 3
    assert load("h.toml", rules, **{"shim.h": "1\n"}).digest in digests


def test_several_wrong_rules_are_named_together(load):
    with pytest.raises(UsageError) as caught:
        load("bad.toml", '[[edit]]\nfile = "/f"\npattern = "("\nreplacement = ""\ncount = 0\n')
    for part in ("'why'", "'file'", "'pattern'", "'count'", "bad.toml: [[edit]] 1"):
        assert part in str(caught.value)
