"""Whose a leftover is can be told after the PID was given out again, and is not guessed."""

import os
from dataclasses import replace

import pytest

from buildkit.files.owner import Owner

HERE = Owner.current()


def test_it_is_read_as_it_was_written():
    assert Owner.parse(str(HERE)) == HERE


@pytest.mark.parametrize("text", ["", "pid=1", "host=a boot=b pidns=c pid=x started=1", "rubbish"])
def test_anything_else_is_nobody(text):
    assert Owner.parse(text) is None


def test_this_process_is_alive():
    assert HERE.whereabouts() == "alive"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(HERE, started="1"), id="the PID was given out again"),
        pytest.param(replace(HERE, boot="before"), id="the machine was started again"),
        pytest.param(replace(HERE, pid=2**22 + 1), id="no such process"),
        pytest.param(replace(HERE, pid=2**22 + 1, started=""), id="no such process, no time known"),
    ],
)
def test_gone(other):
    assert other.whereabouts() == "gone"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(HERE, host="another", boot="x"), id="another host"),
        pytest.param(replace(HERE, namespace="1", pid=2**22 + 1), id="another PID namespace"),
    ],
)
def test_what_cannot_be_seen_from_here_is_not_called_gone(other):
    assert other.whereabouts() == "elsewhere"


def test_without_a_start_time_the_pid_decides():
    assert replace(HERE, pid=os.getpid(), started="").whereabouts() == "alive"
