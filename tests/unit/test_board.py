"""The board is a function of its state; the plain display prints a line a target."""

import io

import pytest
from rich.console import Console

from buildkit.board import Board, BoardState, Lines, ended_line, make_display, mark, render
from buildkit.outcome import StageOutcome, Status


def test_what_runs_is_shown_longest_first_with_its_stage_and_time():
    state = BoardState(
        total=5,
        begun=100.0,
        running={"a/1": ("smoke", 130.0), "b/1": ("build", 110.0)},
        ended=1,
    )
    assert render(state, 140.0) == [
        "  build  b/1  30 s",
        "  smoke  a/1  10 s",
        "  1 of 5 done, 40 s",
    ]


@pytest.mark.parametrize(
    ("ended", "failed", "line"),
    [
        (0, 0, "  0 of 4 done, 1 s"),
        (3, 0, "  3 of 4 done, 1 s"),
        (3, 2, "  3 of 4 done, 2 failed, 1 s"),
    ],
)
def test_the_count_names_failures_if_there_are_any(ended, failed, line):
    assert render(BoardState(total=4, begun=0.0, ended=ended, failed=failed), 1.0) == [line]


def test_to_render_changes_nothing():
    state = BoardState(total=1, begun=0.0, running={"a": ("sdk", 0.0)})
    assert render(state, 5.0) == render(state, 5.0)


def test_every_status_has_a_word_of_its_own():
    assert len({mark(status)[0] for status in Status}) == len(Status)


@pytest.fixture
def plain():
    return Console(file=io.StringIO(), width=40, force_terminal=False)


class TestLines:
    def test_a_target_has_one_line_however_long(self, plain, make_outcome):
        with make_display(plain, 2) as display:
            display.entered(make_outcome().target, "build")
            display.ended(make_outcome())
            display.ended(make_outcome("1.0.1", Status.FAILED, cause=("x" * 100, "more")))
        assert plain.file.getvalue().splitlines() == [
            "ok volume/0.24.1/debian12 (3.0 s)",
            f"FAILED volume/1.0.1/debian12 (3.0 s): {'x' * 100}",
        ]

    def test_what_was_cached_says_so(self, make_outcome):
        stages = (StageOutcome(stage="build", state="cached"),)
        assert "(cached)" in ended_line(make_outcome(stages=stages)).plain

    def test_brackets_of_a_compiler_are_no_markup(self, plain, make_outcome):
        cause = ("error: unused [-Werror=unused] [/bold] :bug:",)
        with make_display(plain, 1) as display:
            display.ended(make_outcome(status=Status.FAILED, cause=cause))
        assert cause[0] in plain.file.getvalue()


class TestBoard:
    def test_a_terminal_gets_a_board_and_anything_else_lines(self, plain):
        terminal = Console(file=io.StringIO(), force_terminal=True)
        assert isinstance(make_display(terminal, 1), Board)
        assert isinstance(make_display(plain, 1), Lines)

    def test_targets_come_and_go(self, make_outcome):
        terminal = Console(file=io.StringIO(), force_terminal=True, width=100)
        good, bad = make_outcome(), make_outcome("1.0.1", Status.FAILED)
        with Board(terminal, 2) as board:
            board.entered(good.target, "build")
            board.entered(bad.target, "smoke")
            board.ended(good)
            board.ended(bad)
        shown = terminal.file.getvalue()
        assert "ok" in shown
        assert "volume/0.24.1/debian12 (3.0 s)" in shown
        assert "2 of 2 done, 1 failed" in shown
