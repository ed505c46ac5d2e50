"""The guard that keeps unit tests pure does see what it is there for."""

import os
import socket
import subprocess
import sys
from contextlib import suppress

import pytest


def _start():
    subprocess.run([sys.executable, "-c", ""], check=False)


def _spawn():
    os.posix_spawn(sys.executable, [sys.executable, "-c", ""], {})


def _connect():
    with socket.socket(socket.AF_UNIX) as unix:
        unix.connect("/nonexistent")


def _look_up():
    socket.getaddrinfo("localhost", 80)


@pytest.mark.parametrize("act", [_start, _spawn, os.fork, _connect, _look_up])
def test_a_test_that_leaves_the_process_is_stopped_and_remembered(act, guard):
    with pytest.raises(pytest.fail.Exception, match="a unit test did"):
        act()
    assert guard.seen
    guard.seen.clear()


def test_hiding_the_error_does_not_help(guard):
    with suppress(BaseException):
        _start()
    assert guard.seen
    guard.seen.clear()
