"""What the runner of GitHub Actions is told: annotations in the right place, and nothing else."""

from pathlib import PurePosixPath

import pytest

from buildkit.ci import github
from buildkit.ci.step import tell_github
from buildkit.outcome import Status
from buildkit.results.manifest import record
from buildkit.workspace import Workspace

ERROR = "module/src/a.cpp:12:3: error: 'x' was not declared: in, this scope 100%"
WARNING = "module/src/a.cpp:4: warning: unused"
FOLDERS = {"volume": PurePosixPath("modules/volume")}


@pytest.fixture
def failed(project, make_outcome):
    """The record of a target that failed with some lines."""

    def failed(release="0.24.1", *cause, status=Status.FAILED, warnings=(), **changes):
        outcome = make_outcome(release, status, cause=cause, warnings=warnings)
        return record(project.plan(), outcome).model_copy(update=changes)

    return failed


def lines(*records, folders=FOLDERS):
    return github.commands(github.annotations(records, folders))


def test_an_error_is_where_the_repository_has_it(failed):
    [line] = lines(failed("0.24.1", "build: exited with 1", ERROR))
    assert line == (
        "::error file=modules/volume/src/a.cpp,line=12,col=3,title=volume/0.24.1/debian12::"
        "'x' was not declared: in, this scope 100%25"
    )


def test_the_same_error_in_many_releases_is_told_once(failed):
    records = [failed(f"1.{n}.0", ERROR) for n in range(5)]
    [line] = lines(*records)
    assert "title=volume/1.0.0/debian12 and 4 more::" in line


def test_what_has_no_place_is_told_without_one(failed):
    [line] = lines(failed("0.24.1", "build: exited with 1", "ld: no, such: library"))
    assert line.startswith("::error title=volume/0.24.1/debian12::build: exited with 1%0Ald: no, ")


def test_sources_from_elsewhere_are_no_files_of_the_repository(failed):
    [line] = lines(failed("0.24.1", ERROR), folders={})
    assert "file=" not in line
    assert "line=" not in line


def test_a_patched_line_says_so(failed):
    [line] = lines(failed("0.24.1", ERROR, patches=("p.diff",)))
    assert line.endswith("(in the patched source)")


@pytest.mark.parametrize(
    "status", [Status.PASSED, Status.EXPECTED_FAILURE, Status.SKIPPED, Status.CANCELLED]
)
def test_what_is_no_failure_is_no_error(failed, status):
    assert lines(failed("0.24.1", ERROR, status=status)) == []


def test_warnings_come_after_errors_whatever_the_order(failed):
    found = lines(
        failed("0.23.1", status=Status.PASSED, warnings=(WARNING,)), failed("1.0.1", ERROR)
    )
    assert [line.split()[0] for line in found] == ["::error", "::warning"]
    assert "line=4," in found[1]
    assert "col=" not in found[1]


def test_no_more_than_the_runner_shows(failed):
    causes = [ERROR.replace("12", str(number)) for number in range(100, 130)]
    assert len(lines(*(failed(f"1.{n}.0", cause) for n, cause in enumerate(causes)))) == 10


def test_an_error_cannot_end_its_line(failed):
    evil = "module/a.cpp:1:2: error: \r\n::set-env name=A::b"
    found = lines(
        failed("0.24.1", evil.replace("\n", "\x0b")), failed("1.0.1", "x\n::stop-commands::y")
    )
    assert all(
        line.startswith("::error ") and "\n" not in line and "\r" not in line for line in found
    )


def test_a_group_hides_commands_from_the_runner():
    shown = github.group("log: 100%", ["::error::x", "::endgroup::"], "secret")
    assert shown == [
        *("::group::log: 100%25", "::stop-commands::secret", "::error::x", "::endgroup::"),
        *("::secret::", "::endgroup::"),
    ]


def test_a_long_summary_is_cut_at_a_line():
    text = "| é | row |\n" * 200_000
    cut = github.summary(text)
    assert len(cut.encode()) <= github.SUMMARY_LIMIT
    assert cut.startswith(text[:1000])
    assert cut.endswith("| row |\n\n(cut short; the whole is in dist/report.md)\n")
    assert github.summary("short\n") == "short\n"


class TestStep:
    @pytest.fixture
    def tell(self, project, failed):
        def tell(*records, **options):
            said = []
            workspace = Workspace(root=project.root)
            tell_github(project.matrix(), workspace, records, said.append, **options)
            return said

        return tell

    def test_elsewhere_nothing_is_said(self, tell, failed, monkeypatch, project):
        monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.root / "summary.md"))
        assert tell(failed("0.24.1", ERROR)) == []
        assert not (project.root / "summary.md").exists()

    def test_summary_log_and_annotation(self, tell, failed, monkeypatch, project):
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.root / "summary.md"))
        monkeypatch.setenv("GITHUB_WORKSPACE", str(project.root.parent))
        log = project.root / "build/logs/0.24.1.log"
        log.parent.mkdir(parents=True)
        log.write_text("::warning::not for the runner\n")
        (project.root / "summary.md").write_text("before\n")
        said = tell(failed("0.24.1", ERROR), missing=("volume/1.0.1/debian12",))
        assert said[0] == "::group::end of build/logs/0.24.1.log (volume/0.24.1/debian12)"
        token = said[1].removeprefix("::stop-commands::")
        assert len(token) >= 32
        assert said[2:5] == ["::warning::not for the runner", f"::{token}::", "::endgroup::"]
        assert said[5].startswith("::error file=project/src/src/a.cpp,line=12,col=3,")
        text = (project.root / "summary.md").read_text()
        assert text.startswith("before\n# Mesos modules: 1 failed, 1 missing\n")
        assert "| 0.24.1 | **failed** |" in text
