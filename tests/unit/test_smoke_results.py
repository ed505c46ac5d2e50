"""Reading the harness's report, whole, cut off and missing."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from buildkit.smoke.checks import Check, failures
from buildkit.smoke.results import LAST_CHECK, read_report

GOOD = Check(level="run", name="prepare mounts both volumes", ok=True)
BAD = Check(level="run", name="cleanup unmounts", ok=False, detail="found nothing")
LAST = Check(level="run", name=LAST_CHECK, ok=True)


def line(check: Check) -> str:
    row = {"level": check.level, "check": check.name, "ok": check.ok, "detail": check.detail}
    return json.dumps(row) + "\n"


def report(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "run.jsonl"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_whole_report_is_its_checks(tmp_path: Path) -> None:
    path = report(tmp_path, line(GOOD) + line(BAD) + line(LAST))
    assert read_report(path, level="run") == [GOOD, BAD, LAST]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (line(GOOD), GOOD.name),
        (line(GOOD) + line(BAD)[:30], GOOD.name),
        (line(GOOD) + line(BAD)[:-1], BAD.name),
        (line(GOOD) + '{"level": "run"}\n', "line 2"),
        (line(GOOD) + "[]\n" + line(LAST), "line 2"),
        (line(GOOD) + '{"level":"run","check":"x","ok":1,"detail":""}\n' + line(LAST), "line 2"),
        ("", "reported no check"),
    ],
)
def test_a_cut_off_report_fails_the_level_and_names_the_last_check(
    tmp_path: Path, text: str, named: str
) -> None:
    checks = read_report(report(tmp_path, text), level="run")
    last = checks[-1]
    assert not last.ok
    assert last.level == "run"
    assert named in last.detail


def test_a_missing_report_fails_the_level(tmp_path: Path) -> None:
    checks = read_report(tmp_path / "none.jsonl", level="load", ended="killed after 60 seconds")
    assert [check.ok for check in checks] == [False]
    assert "killed after 60 seconds" in checks[0].detail
    assert checks[0].level == "load"


def test_an_unusual_end_fails_even_a_whole_report(tmp_path: Path) -> None:
    path = report(tmp_path, line(GOOD) + line(LAST))
    checks = read_report(path, level="run", ended="killed after 60 seconds")
    assert [check.ok for check in checks] == [True, True, False]


def test_the_unusual_end_of_a_step_is_not_that_of_a_harness_beside_with_a_whole_report(
    tmp_path: Path,
) -> None:
    whole = report(tmp_path, line(GOOD) + line(LAST))
    assert read_report(whole, level="load", ended="killed", alone=False) == [GOOD, LAST]


def test_the_unusual_end_of_a_step_explains_a_report_that_is_cut_off(tmp_path: Path) -> None:
    cut_off = report(tmp_path, line(GOOD))
    checks = read_report(cut_off, level="load", ended="killed", alone=False)
    assert [check.ok for check in checks] == [True, False]
    assert "killed" in checks[-1].detail


def test_bytes_that_are_no_utf_8_do_not_stop_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_bytes(line(GOOD).encode() + b"\xff\xfe\n")
    assert read_report(path, level="run")[0] == GOOD


@given(cut=st.integers(min_value=0))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_cut_off_report_passes(tmp_path: Path, cut: int) -> None:
    whole = line(GOOD) + line(LAST)
    part = whole[: cut % (len(whole) - 1)]
    assert failures(read_report(report(tmp_path, part), level="run"))


def test_a_check_reads_as_the_harness_prints_it() -> None:
    assert str(GOOD) == "ok run prepare mounts both volumes"
    assert str(BAD) == "FAIL run cleanup unmounts: found nothing"
