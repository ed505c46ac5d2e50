"""MESOS_VERSION_INT: exact values, and that a proof is right about every list of releases."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildkit.encoding import Encoding, literal_value, prove
from buildkit.errors import UsageError
from buildkit.releases import FINAL_RELEASES, Release

OCTAL, DECIMAL, PACKED = Encoding.OCTAL, Encoding.DECIMAL, Encoding.PACKED

any_release = st.builds(Release, *[st.integers(0, 120)] * 3)
# Where octal is promised to be in order: what Mesos could have released, and more.
plausible = st.one_of(
    st.builds(Release, st.just(0), st.integers(20, 29), st.integers(0, 7)),
    st.builds(Release, st.integers(1, 9), st.integers(0, 63), st.integers(0, 7)),
)


@pytest.mark.parametrize(
    ("encoding", "release", "literal"),
    [
        (OCTAL, "0.21.0", "0210"),
        (OCTAL, "0.23.1", "0231"),
        (OCTAL, "0.24.1", "0241"),
        (OCTAL, "0.27.3", "0273"),
        (OCTAL, "0.28.0", "0300"),
        (OCTAL, "0.28.3", "0303"),
        (OCTAL, "1.0.0", "01000"),
        (OCTAL, "1.0.1", "01001"),
        (OCTAL, "1.2.1", "01021"),
        (OCTAL, "1.8.0", "01100"),
        (OCTAL, "1.10.0", "01120"),
        (OCTAL, "1.11.0", "01130"),
        (DECIMAL, "0.24.1", "241"),
        (DECIMAL, "1.0.1", "101"),
        (DECIMAL, "1.11.0", "1110"),
        (PACKED, "0.24.1", "2401"),
        (PACKED, "1.0.1", "10001"),
        (PACKED, "1.11.0", "11100"),
    ],
)
def test_the_known_values(encoding, release, literal):
    assert encoding.literal(Release.parse(release)) == literal


def test_the_flag_of_0_24_1_is_the_makefiles():
    assert OCTAL.flag(Release(0, 24, 1)) == "-DMESOS_VERSION_INT=0241"


@pytest.mark.parametrize("release", FINAL_RELEASES, ids=str)
def test_octal_is_plain_stripping_wherever_that_works(release):
    stripped = str(release).replace(".", "")
    works = release.major == 0 and re.fullmatch("[0-7]+", stripped) is not None
    assert works == (release.major == 0 and release.minor != 28)
    if works:
        assert OCTAL.literal(release) == stripped


@given(st.sampled_from(Encoding), any_release)
def test_the_preprocessor_reads_the_value_that_is_meant(encoding, release):
    assert literal_value(encoding.literal(release)) == encoding.value_of(release)


@pytest.mark.parametrize("text", ["0280", "08", "", "-1", "0x10", "1u", "1 ", "٣", "1'000"])
def test_what_is_no_literal_has_no_value(text):
    with pytest.raises(ValueError, match="not a C"):
        literal_value(text)


@given(plausible, plausible)
def test_octal_keeps_the_order(one, other):
    assert (one < other) == (OCTAL.value_of(one) < OCTAL.value_of(other))


@pytest.mark.parametrize("encoding", [OCTAL, PACKED])
def test_all_final_releases_are_proven_without_a_warning(encoding):
    assert prove(encoding, FINAL_RELEASES, where="here").warnings == ()


def test_decimal_is_usable_for_all_final_releases_but_named_unsound():
    [warning] = prove(DECIMAL, FINAL_RELEASES, where="here").warnings
    # The first pair that is out of order: 0.28.3 is 283, 1.0.0 is 100.
    for part in ("here", "decimal", "0.28.3", "283", "1.0.0", "100", "MESOS_VERSION_AT_LEAST"):
        assert part in warning


def test_decimal_has_no_warning_where_it_is_in_order():
    upto = [release for release in FINAL_RELEASES if release.major == 0]
    assert prove(DECIMAL, upto, where="here").warnings == ()


@pytest.mark.parametrize(
    ("encoding", "one", "other", "literal"),
    [
        (DECIMAL, "1.1.10", "1.11.0", "1110"),
        (DECIMAL, "0.1.11", "0.11.1", "111"),
        (OCTAL, "0.24.8", "0.25.0", "0250"),
        (OCTAL, "0.28.0", "0.30.0", "0300"),
        (OCTAL, "0.80.0", "1.0.0", "01000"),
        (OCTAL, "1.0.8", "1.1.0", "01010"),
        (OCTAL, "1.64.0", "2.0.0", "02000"),
        (PACKED, "0.24.100", "0.25.0", "2500"),
        (PACKED, "0.100.0", "1.0.0", "10000"),
    ],
)
@pytest.mark.parametrize("reverse", [False, True])
def test_two_releases_that_look_alike_are_named(encoding, one, other, literal, reverse):
    pair = [Release.parse(one), Release.parse(other)]
    with pytest.raises(UsageError) as caught:
        prove(encoding, pair[::-1] if reverse else pair, where="[[module]] 'x'")
    for part in (one, other, literal, "[[module]] 'x'", encoding.value, "both become"):
        assert part in str(caught.value)


def test_an_order_that_falls_is_an_error_for_octal_without_any_clash():
    with pytest.raises(UsageError, match=r"not increasing: 0\.29\.7 is 0317 .* 0\.30\.0 is 0300"):
        prove(OCTAL, [Release(0, 29, 7), Release(0, 30, 0)], where="here")


@given(st.sampled_from(Encoding), st.lists(any_release, unique=True))
def test_a_proof_holds(encoding, releases):
    values = [encoding.value_of(release) for release in releases]
    in_order = [encoding.value_of(release) for release in sorted(releases)]
    falls = in_order != sorted(in_order)
    try:
        proof = prove(encoding, releases, where="here")
    except UsageError as error:
        named = {r for r in releases if re.search(rf"(?<![\d.]){r}(?![\d.])", str(error))}
        assert len(named) >= 2
        clash = len(set(values)) < len(values)
        assert clash or (falls and encoding is not DECIMAL)
        if clash:
            assert len({encoding.value_of(release) for release in named}) < len(named)
    else:
        assert len(set(values)) == len(values)
        assert bool(proof.warnings) == falls
        assert not falls or encoding is DECIMAL
