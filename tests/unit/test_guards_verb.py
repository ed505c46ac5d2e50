"""``guards`` on the command line: what it prints in each form, exits with, and writes."""

import json
from collections.abc import Mapping

import jsonschema
import pytest
from rich.text import Text

from buildkit import cli
from buildkit.errors import ExitCode
from buildkit.guards.rules import RULES
from buildkit.prediction.predict import RULES as PREDICTION_RULES

GOOD = "#if MESOS_VERSION_INT < 0240\nold\n#else\nnew\n#endif\n"
BAD = "#if MESOS_VERSION_INT < 240\nold\n#else\nnew\n#endif\n"


@pytest.fixture
def module(project):
    def write(text: str, **keys: str) -> None:
        (project.root / "src" / "volume.cpp").write_text(text)
        for key, value in keys.items():
            project.add(f"{key} = {value!r}\n")

    return write


def guards(capsys, *arguments: str) -> tuple[int, str, str]:
    code = cli.main(["guards", *arguments])
    return (code, *capsys.readouterr())


MISFIT = """\
#include <mesos/slave/isolator.hpp>
void f(mesos::slave::ContainerPrepareInfo* info);
"""


class TestPredictions:
    def test_code_that_does_not_fit_a_release_is_found_with_the_guards(self, module, capsys):
        module(MISFIT)
        code, out, _ = guards(capsys)
        assert code == ExitCode.TARGET_FAILED
        assert "src/volume.cpp:2:8: error: there is no mesos::slave::ContainerPrepareInfo" in out
        assert "[unguarded-change]" in out
        assert "releases: 1.0.1" in out

    def test_code_nested_too_deeply_is_no_crash(self, module, capsys):
        module(f"{MISFIT}int g() {{ return {'(' * 5000}x{')' * 5000}; }}\n")
        code, out, _ = guards(capsys)
        assert code == ExitCode.OK
        assert "volume: its code is nested too deeply" in out


class TestText:
    def test_the_table_says_who_takes_which_branch(self, module, capsys):
        module(GOOD)
        code, out, err = guards(capsys)
        assert (code, err) == (ExitCode.OK, "")
        lines = [line.split() for line in out.splitlines()]
        assert lines[0] == ["src/volume.cpp"]
        assert lines[1] == ["1", "#if", "MESOS_VERSION_INT", "<", "0240", "-"]
        assert lines[2] == ["3", "#else", "0.24.1", "and", "1.0.1"]
        assert out.splitlines()[-1] == "volume: 1 guard, 2 releases: 1 note"

    @pytest.mark.parametrize("columns", [100, 50])
    def test_the_columns_of_a_file_are_aligned_and_folded_where_a_terminal_ends(
        self, module, capsys, monkeypatch, columns
    ):
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", str(columns))
        condition = "MESOS_VERSION_AT_LEAST(0, 24, 0) && MESOS_VERSION_INT >= 0240"
        module(f"{GOOD}#if {condition}\n#endif\n")
        _, out, _ = guards(capsys)
        lines = Text.from_ansi(out).plain.splitlines()
        rows = lines[
            1 : lines.index(
                "src/volume.cpp:1:1: note: no release of the matrix takes "
                "'#if MESOS_VERSION_INT < 0240'; it is for 0.21.0 to 0.23.1 "
                "[unused-branch]"
            )
        ]
        assert {row.index("0.24.1") for row in rows if "0.24.1" in row} == {rows[0].index("-")}
        assert (condition in "\n".join(rows)) is (columns == 100)
        assert max(map(len, rows)) <= columns

    def test_a_finding_is_as_a_compilers_and_fails(self, module, capsys):
        module(BAD)
        code, out, _ = guards(capsys)
        assert code == ExitCode.TARGET_FAILED
        assert "src/volume.cpp:1:25: error: 240 is 0.24.0 in encoding decimal" in out
        assert "[foreign-literal]" in out
        assert "    write !MESOS_VERSION_AT_LEAST(0, 24, 0)" in out

    def test_other_releases_can_be_asked_about(self, module, capsys):
        module(GOOD)
        _, out, _ = guards(capsys, "--all-releases")
        assert "0.21.0 to 0.23.1" in out
        assert "60 releases: nothing to say" in out
        _, out, _ = guards(capsys, "--all-releases", "--only", "<0.24")
        assert "8 releases" in out
        _, out, _ = guards(capsys, "--only", "0.24.1")
        assert "1 release: " in out

    def test_a_module_without_guards_has_nothing_to_say(self, module, capsys):
        module("int x;\n")
        code, out, _ = guards(capsys)
        assert (code, out) == (ExitCode.OK, "volume: 0 guards, 2 releases: nothing to say\n")

    def test_a_module_that_a_command_builds_may_have_no_sources_to_read(self, project, capsys):
        project.add("build = 'make'\nsources = ['*.cc']\n")
        code, out, _ = guards(capsys)
        assert (code, out) == (ExitCode.OK, "volume: no source file matches, so nothing is read\n")

    def test_an_unknown_condition_says_perhaps(self, module, capsys):
        module("#if defined(__linux__) && MESOS_VERSION_AT_LEAST(1, 0, 0)\n#endif\n")
        _, out, _ = guards(capsys)
        assert "perhaps 1.0.1" in out

    def test_flags_and_overrides_of_the_matrix_count(self, module, project, capsys):
        module("#if OLD && MESOS_VERSION_INT > 0\nold\n#endif\n")
        project.add('flags = ["-DOLD=0"]\n[[override]]\nmatch = "<1"\nflags = ["-UOLD", "-DOLD"]\n')
        _, out, _ = guards(capsys)
        assert "0.24.1" in out.splitlines()[1]
        assert "1.0.1" in out.splitlines()[2]


class TestModules:
    @pytest.fixture
    def two(self, project, module):
        module(GOOD)
        (project.root / "other").mkdir()
        (project.root / "other" / "b.cpp").write_text(BAD)
        project.add(
            '[[module]]\nname = "other"\nversion = "1"\nsymbol = "o"\nsource = "other"\n'
            'encoding = "decimal"\n'
        )

    def test_each_is_read_in_its_own_encoding(self, two, capsys):
        _, out, _ = guards(capsys, "--json")
        report = json.loads(out)
        assert [m["encoding"] for m in report["modules"]] == ["octal", "decimal"]
        assert [m["module"] for m in report["modules"]] == ["volume", "other"]

    def test_one_can_be_chosen(self, two, capsys):
        _, out, _ = guards(capsys, "--module", "other")
        assert "src/volume.cpp" not in out
        assert "other/b.cpp" in out

    def test_a_wrong_name_is_refused_with_the_right_one(self, two, capsys):
        code, out, err = guards(capsys, "--module", "othr")
        assert (code, out) == (ExitCode.USAGE, "")
        assert "did you mean 'other'?" in err

    def test_a_file_of_two_modules_below_their_folder(self, two, capsys):
        _, out, _ = guards(capsys, "--sarif", "-")
        uris = {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
                for r in json.loads(out)["runs"][0]["results"]}  # fmt: skip
        assert uris == {"src/volume.cpp", "other/b.cpp"}


class TestJson:
    def test_it_keeps_to_its_schema(self, module, capsys):
        module(GOOD + BAD + "#ifdef X\n#if MESOS_VERSION_INT < 0280\n#endif\n#endif\n")
        code, out, err = guards(capsys, "--json", "--all-releases")
        report = json.loads(out)
        assert (code, err) == (ExitCode.TARGET_FAILED, "")
        jsonschema.validate(report, _schema(capsys))
        [one] = report["modules"]
        assert one["guards"][0]["branches"][0]["releases"][-1] == "0.23.1"
        assert one["guards"][0]["branches"][1]["condition"] is None
        assert {f["rule"] for f in one["findings"]} == {"foreign-literal", "invalid-literal"}

    def test_the_schema_is_strict_about_what_must_be_there(self, module, capsys):
        module(GOOD)
        report = json.loads(guards(capsys, "--json")[1])
        del report["modules"][0]["guards"][0]["branches"]
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(report, _schema(capsys))


def _schema(capsys) -> dict:
    assert cli.main(["matrix", "--schema", "guards"]) == ExitCode.OK
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


class TestSarif:
    def log(self, capsys, *arguments: str) -> dict:
        _, out, _ = guards(capsys, "--sarif", "-", *arguments)
        return json.loads(out)

    def test_what_code_scanning_asks_for_is_there(self, module, capsys):
        module(BAD)
        log = self.log(capsys)
        assert log["version"] == "2.1.0"
        assert log["$schema"].endswith("sarif-schema-2.1.0.json")
        [run] = log["runs"]
        driver = run["tool"]["driver"]
        assert driver["name"] == "mesos-buildkit"
        known = [rule.name for rule in (*RULES, *PREDICTION_RULES)]
        assert [rule["id"] for rule in driver["rules"]] == known
        for rule in driver["rules"]:
            assert rule["shortDescription"]["text"].endswith(".")
            assert rule["defaultConfiguration"]["level"] in {"error", "warning", "note"}
        for result in run["results"]:
            self.check(result, driver["rules"])
        assert [result["ruleId"] for result in run["results"]] == ["foreign-literal"]

    def check(self, result: Mapping, rules: list[Mapping]) -> None:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        assert result["message"]["text"]
        [location] = result["locations"]
        place = location["physicalLocation"]
        assert place["artifactLocation"] == {"uri": "src/volume.cpp", "uriBaseId": "%SRCROOT%"}
        assert place["region"]["startLine"] >= 1
        assert place["region"]["startColumn"] >= 1
        assert all(isinstance(v, str) and v for v in result["partialFingerprints"].values())

    def fingerprints(self, capsys) -> list[str]:
        results = self.log(capsys)["runs"][0]["results"]
        return [value for result in results for value in result["partialFingerprints"].values()]

    def test_a_fingerprint_outlives_lines_above_and_tells_twins_apart(self, module, capsys):
        module(BAD + BAD)
        first = self.fingerprints(capsys)
        assert len({*first}) == 2
        module("\n\n" + BAD + "int x;\n" + BAD)
        assert self.fingerprints(capsys) == first

    def test_it_can_be_a_file_beside_the_report(self, module, project, capsys):
        module(BAD)
        code, out, _ = guards(capsys, "--sarif", "out/guards.sarif")
        assert code == ExitCode.TARGET_FAILED
        assert "[foreign-literal]" in out
        assert json.loads((project.root / "out" / "guards.sarif").read_text())["runs"]

    def test_standard_output_takes_one_form(self, module, capsys):
        code, out, err = guards(capsys, "--json", "--sarif", "-")
        assert (code, out) == (ExitCode.USAGE, "")
        assert "--sarif -" in err


class TestFix:
    def test_files_are_changed_and_looked_at_again(self, module, project, capsys):
        module(BAD.replace("240", "240 && MESOS_VERSION_INT < 0250"))
        project.set_releases("0.23.1")
        code, out, _ = guards(capsys, "--fix")
        assert code == ExitCode.OK
        assert "volume: rewrote 1 condition in 1 file, left 0" in out
        text = (project.root / "src" / "volume.cpp").read_text()
        assert text.startswith(
            "#if !MESOS_VERSION_AT_LEAST(0, 24, 0) && !MESOS_VERSION_AT_LEAST(0, 25, 0)\n"
        )

    def test_what_is_left_is_said_and_fails(self, module, project, capsys):
        module(BAD)
        before = project.snapshot()
        code, out, _ = guards(capsys, "--fix")
        assert code == ExitCode.TARGET_FAILED
        assert "src/volume.cpp:1: left as it is: 'MESOS_VERSION_INT < 240'" in out
        assert project.snapshot() == before

    def test_the_branch_that_fits_is_known_from_the_interface_table(self, module, project, capsys):
        module(
            "#include <mesos/slave/isolator.hpp>\n"
            "void f(mesos::slave::ContainerLaunchInfo& info)\n{\n"
            "#if MESOS_VERSION_INT <= 200\n"
            '  info.add_pre_exec_commands()->set_value("x");\n'
            "#else\n"
            '  info.add_commands()->set_value("x");\n'
            "#endif\n}\n",
            encoding="decimal",
        )
        project.set_releases("0.28.3", "1.9.0", "1.10.0")
        code, out, _ = guards(capsys)
        assert code == ExitCode.TARGET_FAILED
        assert "1.10.0 takes the #else in line 6 by accident" in out
        code, out, _ = guards(capsys, "--fix")
        assert code == ExitCode.OK, out
        text = (project.root / "src" / "volume.cpp").read_text()
        assert "#if MESOS_VERSION_AT_LEAST(1, 0, 0)\n" in text

    def test_a_diff_changes_nothing(self, module, project, capsys):
        module(GOOD)
        before = project.snapshot()
        _, out, _ = guards(capsys, "--fix", "--diff")
        assert "-#if MESOS_VERSION_INT < 0240\n+#if !MESOS_VERSION_AT_LEAST(0, 24, 0)\n" in out
        assert "would rewrite 1 condition" in out
        assert project.snapshot() == before

    def test_other_bytes_survive(self, module, project, capsys):
        path = project.root / "src" / "volume.cpp"
        path.write_bytes(b"// caf\xe9\r\n" + GOOD.encode())
        guards(capsys, "--fix")
        assert path.read_bytes().startswith(b"// caf\xe9\r\n#if !MESOS_VERSION_AT_LEAST")

    def test_a_diff_needs_a_fix(self, module, capsys):
        code, _, err = guards(capsys, "--diff")
        assert code == ExitCode.USAGE
        assert "--diff goes with --fix" in err

    def test_json_stays_json(self, module, capsys):
        module(GOOD)
        _, out, err = guards(capsys, "--fix", "--json")
        assert json.loads(out)["modules"][0]["guards"]
        assert "rewrote 1 condition" in err
