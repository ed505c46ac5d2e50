"""Releases: reading, order, the list of final ones, selection, groups."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from buildkit import interfaces
from buildkit.errors import UsageError
from buildkit.releases import (
    FINAL_RELEASES,
    Release,
    did_you_mean,
    expand,
    nearest,
    neighbours_of,
    select,
)

releases = st.builds(Release, *[st.integers(0, 120)] * 3)
subsets = st.lists(st.sampled_from(FINAL_RELEASES), unique=True, min_size=1)
specifiers = st.builds(
    "{}{}.{}{}".format,
    st.sampled_from([">=", "<=", "<", ">", "==", "!=", "~="]),
    st.integers(0, 1),
    st.integers(0, 30),
    st.sampled_from(["", ".0", ".1", ".2"]),
)


@given(releases)
def test_what_is_written_reads_back(release):
    assert Release.parse(str(release)) == release


@given(releases, releases)
def test_the_order_is_that_of_pep_440(one, other):
    assert (one < other) == (Version(str(one)) < Version(str(other)))


@pytest.mark.parametrize(
    "text",
    [
        *("", "0.24", "0.24.1.0", "00.24.1", "0.024.1", "v0.24.1", "0.24.1-rc1", "0.24.1 "),
        *("0.24.1\n", "0.24.x", "-1.0.0", "0,24,1", "\u0660.\u0662\u0664.\u0661"),
    ],
)
def test_anything_else_is_no_release(text):
    with pytest.raises(UsageError) as caught:
        Release.parse(text)
    assert repr(text) in str(caught.value)
    assert "such as 0.24.1" in str(caught.value)


def test_the_final_releases_are_sixty_from_0_21_0_to_1_11_0():
    assert len(FINAL_RELEASES) == len(set(FINAL_RELEASES)) == 60
    assert list(FINAL_RELEASES) == sorted(FINAL_RELEASES)
    assert (str(FINAL_RELEASES[0]), str(FINAL_RELEASES[-1])) == ("0.21.0", "1.11.0")


def test_the_interface_table_knows_the_same_releases():
    assert sorted(interfaces.load().dates) == list(FINAL_RELEASES)


@pytest.mark.parametrize(
    ("release", "neighbours"),
    [
        ("1.0.4", ["1.0.3", "1.1.0"]),
        ("1.0.0", ["0.28.3", "1.0.1"]),
        ("0.21.0", ["0.21.1"]),
        ("1.11.0", ["1.10.0"]),
        # Of a release that the table does not have.
        ("1.0.9", ["1.0.4", "1.1.0"]),
        ("2.0.0", ["1.11.0"]),
    ],
)
def test_neighbours_are_the_final_releases_before_and_after(release, neighbours):
    assert [str(other) for other in neighbours_of(Release.parse(release))] == neighbours


class TestSelect:
    def test_without_a_spec_all_are_selected(self):
        assert select(FINAL_RELEASES, ()) == FINAL_RELEASES

    @given(subsets, st.data())
    def test_the_result_is_part_of_the_releases_in_their_order(self, given_releases, data):
        wanted = data.draw(st.lists(st.sampled_from(given_releases), min_size=1))
        chosen = select(given_releases, [str(release) for release in wanted])
        assert chosen == tuple(release for release in given_releases if release in wanted)

    @given(specifiers)
    def test_a_specifier_means_what_packaging_says(self, specifier):
        expected = tuple(r for r in FINAL_RELEASES if SpecifierSet(specifier).contains(str(r)))
        if expected:
            assert select(FINAL_RELEASES, [specifier]) == expected
        else:
            with pytest.raises(UsageError, match="no release of the matrix matches"):
                select(FINAL_RELEASES, [specifier])

    @pytest.mark.parametrize(
        ("specs", "expected"),
        [
            (["0.24.1"], "0.24.1"),
            (["0.24.*"], "0.24.0 0.24.1 0.24.2"),
            (["0.2[34].1"], "0.23.1 0.24.1"),
            ([">=0.26.1,<0.27"], "0.26.1 0.26.2"),
            ([" >= 0.26.1, < 0.27 "], "0.26.1 0.26.2"),
            (["==0.24.*"], "0.24.0 0.24.1 0.24.2"),
            (["~=1.10"], "1.10.0 1.11.0"),
            (["1.11.0", "0.21.0"], "0.21.0 1.11.0"),
            (["0.24.1", "<0.21.1", "0.24.*"], "0.21.0 0.24.0 0.24.1 0.24.2"),
        ],
    )
    def test_specs_add_up(self, specs, expected):
        assert [str(release) for release in select(FINAL_RELEASES, specs)] == expected.split()

    def test_a_spec_for_nothing_is_an_error_that_names_the_nearest(self):
        with pytest.raises(UsageError) as caught:
            select(FINAL_RELEASES[:4], ["0.21.0", "0.21.7"])
        assert "--only '0.21.7'" in str(caught.value)
        assert "did you mean '0.21." in str(caught.value)
        assert "0.21.0, 0.21.1, 0.21.2, 0.22.0" in str(caught.value)

    def test_a_group_is_no_spec(self):
        with pytest.raises(UsageError, match="groups are for the matrix file"):
            select(FINAL_RELEASES, ["classic"])

    @pytest.mark.parametrize("spec", ["", "24", "*.rc1", "0.24.1,0.25.0", "latest"])
    def test_no_spec_silently_selects_nothing(self, spec):
        with pytest.raises(UsageError, match="no release of the matrix matches"):
            select(FINAL_RELEASES, [spec])

    @pytest.mark.parametrize("spec", ["<>0.24", "=0.24", ">", "~=1", ">=0.24,<", ">=0.24 <1.0"])
    def test_a_malformed_specifier_is_named(self, spec):
        with pytest.raises(UsageError) as caught:
            select(FINAL_RELEASES, [spec])
        assert f"--only {spec}" in str(caught.value)
        assert "not a PEP 440 specifier" in str(caught.value)


class TestExpand:
    groups = {"classic": ["0.23.1", "0.24.1"], "new": ["1.11.0"]}  # noqa: RUF012

    def test_groups_and_releases_make_one_sorted_list(self):
        found = expand(["1.0.1", "new", "classic", "0.22.0"], self.groups)
        assert [str(r) for r in found] == ["0.22.0", "0.23.1", "0.24.1", "1.0.1", "1.11.0"]

    @given(subsets, st.randoms())
    def test_the_order_written_does_not_matter(self, given_releases, random):
        names = [str(release) for release in given_releases]
        random.shuffle(names)
        assert expand(names, {}) == tuple(sorted(given_releases))

    @pytest.mark.parametrize(
        ("names", "sources"),
        [
            (["0.24.0", "0.24.0"], ["the list itself"]),
            (["0.24.1", "classic"], ["the list itself", "group 'classic'"]),
            (["classic", "0.24.1"], ["the list itself", "group 'classic'"]),
            (["classic", "same"], ["group 'classic'", "group 'same'"]),
        ],
    )
    def test_a_release_named_twice_is_an_error_that_says_where(self, names, sources):
        groups = {**self.groups, "same": ["0.24.1"]}
        with pytest.raises(UsageError, match=r"0\.24\.[01] is named twice") as caught:
            expand(names, groups)
        assert all(source in str(caught.value) for source in sources)

    def test_an_unknown_group_is_an_error_that_names_the_nearest(self):
        with pytest.raises(UsageError, match="unknown group 'clasic'; did you mean 'classic'"):
            expand(["clasic"], self.groups)


def test_the_nearest_name_is_offered_only_if_one_is_near():
    assert nearest("smok", ["smoke", "engine"]) == "smoke"
    assert nearest("zzz", ["smoke", "engine"]) is None
    assert did_you_mean("smok", ["smoke"]) == "; did you mean 'smoke'?"
    assert did_you_mean("zzz", ["smoke"]) == ""
