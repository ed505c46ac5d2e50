"""The fixed places, and a target's log."""

import threading
from pathlib import PurePosixPath

import pytest

from buildkit.steps.log import TargetLog
from buildkit.workspace import Workspace


@pytest.mark.parametrize(
    ("folder", "log"),
    [
        ("0.24.1", "0.24.1.log"),
        ("0.24.1-debian11", "0.24.1-debian11.log"),
        ("other/0.24.1", "other/0.24.1.log"),
    ],
)
def test_the_places_are_those_of_the_design(tmp_path, make_target, folder, log):
    workspace = Workspace(root=tmp_path)
    target = make_target(folder=PurePosixPath(folder))
    assert workspace.context(target) == tmp_path / "build" / "contexts" / folder
    assert workspace.log(target) == tmp_path / "build" / "logs" / log
    assert workspace.failed(target) == tmp_path / "build" / "failed" / folder
    assert workspace.dist == tmp_path / "dist"


def test_a_path_is_shown_as_the_user_would_name_it(tmp_path, monkeypatch):
    workspace = Workspace(root=tmp_path)
    monkeypatch.chdir(tmp_path)
    assert workspace.shown(tmp_path / "build" / "x") == "build/x"
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    assert workspace.shown(tmp_path / "build" / "x") == str(tmp_path / "build" / "x")


class TestLog:
    def test_a_line_is_in_the_file_at_once(self, tmp_path):
        log = TargetLog(tmp_path / "logs" / "0.24.1.log")
        log("first")
        assert log.path.read_text() == "first\n"
        log.close()

    def test_a_new_run_begins_a_new_log(self, tmp_path):
        for text in ("old", "new"):
            log = TargetLog(tmp_path / "x.log")
            log(text)
            log.close()
        assert log.path.read_text() == "new\n"

    def test_what_was_said_since_a_mark(self, tmp_path):
        log = TargetLog(tmp_path / "x.log")
        log("a")
        mark = len(log.lines)
        log("b")
        assert log.since(mark) == ["b"]
        log.close()

    def test_text_that_no_file_can_hold_does_not_stop_a_build(self, tmp_path):
        log = TargetLog(tmp_path / "x.log")
        log("\udcff")
        log("ü")
        log.close()
        assert log.path.read_text(encoding="utf-8").splitlines()[1] == "ü"

    def test_lines_of_several_threads_stay_whole(self, tmp_path):
        log = TargetLog(tmp_path / "x.log")

        def say(word):
            for _ in range(200):
                log(word * 50)

        threads = [threading.Thread(target=say, args=(word,)) for word in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        log.close()
        lines = log.path.read_text().splitlines()
        assert sorted(lines) == sorted([word * 50 for word in "abc"] * 200)
        assert lines == log.lines
