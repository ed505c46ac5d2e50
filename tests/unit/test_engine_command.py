"""Output becomes lines whatever its chunks are; the environment is what was asked for."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildkit.engine import Step
from buildkit.engine.command import LONGEST_LINE, Lines, framed


def lines_of(*chunks: bytes) -> list[str]:
    got: list[str] = []
    lines = Lines(got.append)
    for chunk in chunks:
        lines.feed(chunk)
    lines.close()
    return got


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_where_the_chunks_are_cut_makes_no_difference(data, cuts):
    edges = [0, *sorted(cuts), len(data)]
    chunks = [data[start:end] for start, end in itertools.pairwise(edges)]
    assert lines_of(*chunks) == lines_of(data)


def test_line_ends_go_and_an_unfinished_last_line_stays():
    assert lines_of(b"one\r\n\ntwo\nlast") == ["one", "", "two", "last"]


def test_bytes_that_are_no_text_do_not_stop_it():
    assert lines_of(b"a\xffb\n") == ["a\N{REPLACEMENT CHARACTER}b"]


def test_an_endless_line_is_cut():
    got = lines_of(*[b"x" * 1000] * 100)
    assert "".join(got) == "x" * 100_000
    assert max(map(len, got)) <= LONGEST_LINE


def step(**env: str) -> Step:
    return Step(name="build", target="t", argv=("sh", "build.sh"), inputs={}, env=env)


def test_the_command_follows_its_environment():
    assert framed(step(B="2", A="1 1"), home="/home/me") == [
        "A=1 1", "B=2", "HOME=/home/me", "LC_ALL=C", "TMPDIR=/home/me", "TZ=UTC", "sh", "build.sh",
    ]  # fmt: skip


def test_what_the_step_sets_wins():
    assert "LC_ALL=C.UTF-8" in framed(step(LC_ALL="C.UTF-8"), home="/home/me")


@pytest.mark.parametrize(("name", "value"), [("A=B", "x"), ("", "x"), ("A", "x\0y")])
def test_what_cannot_be_a_variable_is_refused(name, value):
    with pytest.raises(ValueError, match="environment variable"):
        framed(step(**{name: value}), home="/home/me")
