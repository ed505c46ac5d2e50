"""``drift`` on the command line: which releases, which kinds, which form."""

import json

import jsonschema
import pytest

from buildkit import cli
from buildkit.errors import ExitCode
from buildkit.releases import FINAL_RELEASES


def drift(capsys, *arguments: str) -> str:
    assert cli.main(["drift", *arguments]) == ExitCode.OK
    out, err = capsys.readouterr()
    assert err == ""
    return out


def compared(capsys, *arguments: str) -> list[tuple[str, str]]:
    report = json.loads(drift(capsys, *arguments, "--json"))
    return [(step["older"], step["newer"]) for step in report["steps"]]


def refused(capsys, *arguments: str) -> str:
    assert cli.main(["drift", *arguments]) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("mesos-buildkit: ") == 1
    return err


@pytest.fixture
def releases(project):
    project.set_releases("0.23.1", "0.24.1", "0.28.3", "1.2.3", "1.11.0")
    return project


class TestWhichReleases:
    def test_two_are_compared_without_a_matrix(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        assert compared(capsys, "0.23.1", "0.24.1") == [("0.23.1", "0.24.1")]
        assert "takes the place of struct ExecutorRunState" in drift(capsys, "0.23.1", "0.24.1")

    def test_one_is_compared_with_the_one_before(self, project, capsys):
        assert compared(capsys, "1.2.1") == [("1.2.0", "1.2.1")]
        assert compared(capsys, "0.22.0") == [("0.21.2", "0.22.0")]

    @pytest.mark.usefixtures("releases")
    def test_without_any_the_matrix_is_gone_through(self, capsys):
        assert compared(capsys) == [
            ("0.23.1", "0.24.1"),
            ("0.24.1", "0.28.3"),
            ("0.28.3", "1.2.3"),
            ("1.2.3", "1.11.0"),
        ]

    @pytest.mark.usefixtures("releases")
    @pytest.mark.parametrize(
        ("word", "expected"),
        [
            ("0.24.1..1.2.3", ["0.24.1", "0.28.3", "1.2.3"]),
            ("0.24.0..1.2.0", ["0.24.0", "0.24.1", "0.28.3", "1.2.0"]),
            ("1.2.3..", ["1.2.3", "1.11.0"]),
            ("..0.24.1", ["0.23.1", "0.24.1"]),
        ],
    )
    def test_a_range_has_its_ends_and_what_the_matrix_has_between(self, capsys, word, expected):
        found = compared(capsys, word)
        assert [found[0][0], *(newer for _, newer in found)] == expected

    @pytest.mark.usefixtures("releases")
    def test_only_chooses_among_them(self, capsys):
        assert compared(capsys, "--only", "<1") == [("0.23.1", "0.24.1"), ("0.24.1", "0.28.3")]
        assert compared(capsys, "0.24.0..", "--only", ">=1") == [("1.2.3", "1.11.0")]

    @pytest.mark.usefixtures("releases")
    def test_every_release(self, capsys):
        assert len(compared(capsys, "--every-release")) == len(FINAL_RELEASES) - 1
        assert compared(capsys, "1.2.0..1.2.2", "--every-release") == [
            ("1.2.0", "1.2.1"),
            ("1.2.1", "1.2.2"),
        ]

    def test_a_range_without_a_matrix_has_every_release(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        assert compared(capsys, "1.8.1..1.10.0") == [("1.8.1", "1.9.0"), ("1.9.0", "1.10.0")]

    def test_one_that_the_table_does_not_have_is_told_of(self, project, capsys):
        project.set_releases("1.10.0", "1.11.0", "1.12.0")
        assert cli.main(["drift", "--json"]) == ExitCode.OK
        out, err = capsys.readouterr()
        report = json.loads(out)
        assert report["unknown"] == ["1.12.0"]
        assert len(report["steps"]) == 1
        assert "no drift data for 1.12.0" in err


class TestWhichKinds:
    def test_the_matrix_names_them_or_they_are_isolators(self, project, tmp_path, capsys):
        assert json.loads(drift(capsys, "--json"))["kinds"] == ["Isolator"]
        project.add('kind = "Isolator"\n')
        assert json.loads(drift(capsys, "--json"))["kinds"] == ["Isolator"]

    @pytest.mark.usefixtures("project")
    def test_several(self, capsys):
        kinds = ("--kind", "Hook", "--kind", "Scheduler", "--kind", "Hook")
        out = json.loads(drift(capsys, "1.8.1", "1.9.0", *kinds, "--json"))
        assert out["kinds"] == ["Hook", "Scheduler"]
        subjects = {change["subject"] for change in out["steps"][0]["changes"]}
        assert "SchedulerDriver" in subjects
        assert "Isolator" not in subjects

    @pytest.mark.usefixtures("project")
    def test_all(self, capsys):
        out = json.loads(drift(capsys, "1.8.1", "1.9.0", "--kind", "all", "--json"))
        assert {"Isolator", "Allocator", "Executor"} <= set(out["kinds"])


@pytest.mark.usefixtures("project")
class TestForms:
    def test_breaking_leaves_the_rest_out(self, capsys):
        report = json.loads(drift(capsys, "1.6.2", "1.7.0", "--breaking", "--json"))
        assert [change["item"] for change in report["steps"][0]["changes"]] == ["recover"]
        assert "no breaking change" in drift(capsys, "1.8.1", "1.9.0", "--breaking")

    def test_markdown(self, capsys):
        assert drift(capsys, "1.6.2", "1.7.0", "--markdown").startswith("# Mesos interface drift")

    def test_json_is_what_the_published_schema_says(self, capsys):
        assert cli.main(["matrix", "--schema", "drift"]) == ExitCode.OK
        schema = json.loads(capsys.readouterr().out)
        jsonschema.validate(json.loads(drift(capsys, "--json")), schema)

    def test_no_line_is_folded_where_nobody_watches(self, capsys):
        declaration = (
            "recover(const std::vector<ContainerState>& states, const hashset<ContainerID>"
        )
        assert declaration in drift(capsys, "1.6.2", "1.7.0")


class TestBadInput:
    @pytest.mark.usefixtures("project")
    @pytest.mark.parametrize(
        ("arguments", "part"),
        [
            (["0.24.9"], "no drift data for '0.24.9'; did you mean '0.24.2'?"),
            (["1.2"], "did you mean '1.2.3'?"),
            (["0.23.1", "1.12.0"], "'1.12.0'; the interface table has the final releases from"),
            (["new"], "no drift data for 'new'"),
            (["0.24.1", "0.23.1"], "name the older release first"),
            (["0.24.1", "0.24.1"], "name the older release first"),
            (["1.2.3..0.24.1"], "name the older release first"),
            (["0.21.0"], "the first release"),
            (["0.23.1", "0.24.1", "0.25.0"], "at most two releases"),
            (["0.23.1", "0.24.1", "--only", "1.*"], "--only with 0.23.1 and 0.24.1"),
            (["--only", "0.24.1"], "only 0.24.1 is left to compare"),
            (["--only", "9.*"], "no release of the matrix matches"),
            (["--kind", "isolator"], "unknown kind 'isolator'; did you mean 'Isolator'?"),
            (["--json", "--markdown"], "name one of them"),
            (["--matrix", "gone.toml"], "gone.toml: no such file"),
            (["0.23.1", "0.24.1", "--matrix", "gone.toml"], "gone.toml: no such file"),
        ],
    )
    def test_one_message_says_what_is_wrong(self, capsys, arguments, part):
        assert part in refused(capsys, *arguments)

    @pytest.mark.parametrize(
        "text",
        [
            "releases = [",
            "module = 3\nreleases = ['1.0.0', '1.0.1']\n",
            "releases = 7\n",
            "releases = ['classic']\n",
            "releases = ['1.0']\n",
            "",
        ],
    )
    def test_a_matrix_that_is_wrong_is_explained_as_everywhere(self, project, capsys, text):
        project.write(text)
        here = refused(capsys)
        assert cli.main(["plan"]) == ExitCode.USAGE
        assert capsys.readouterr().err == here

    def test_no_matrix_at_all(self, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        assert "matrix.toml: no such file" in refused(capsys)
