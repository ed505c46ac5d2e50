"""The command line: options, exit codes, what the verbs print."""

import json
import signal
import tomllib
from pathlib import Path

import pytest

import buildkit
from buildkit import cli
from buildkit import matrix as matrix_file
from buildkit.engine.daemon import DockerProbe
from buildkit.errors import (
    BuildkitError,
    ExitCode,
    InterruptedRunError,
    UnavailableError,
    UsageError,
)
from buildkit.files.store import is_marked, mark_as_cache
from buildkit.files.tree import read_tree
from buildkit.probe import Probe
from buildkit.results import manifest
from buildkit.verbs import clean, contexts, planning, shell


@pytest.fixture(autouse=True)
def no_docker(monkeypatch):
    """The verbs ask the outside; here it always answers the same."""
    answer = Probe(docker=False, docker_detail="nothing listens")
    for verb in (contexts, planning, shell):
        monkeypatch.setattr(verb, "probe", lambda _: answer)
    daemon = DockerProbe(available=False, detail="nothing listens", version="")
    monkeypatch.setattr(clean, "probe_docker", lambda **_: daemon)


class TestMain:
    @pytest.mark.usefixtures("project")
    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (UsageError("what to do"), 2),
            (UnavailableError("what to do"), 3),
            (InterruptedRunError("what to do"), 130),
            (BuildkitError("what to do"), 1),
            (KeyboardInterrupt(), 130),
        ],
    )
    def test_an_error_is_a_line_and_an_exit_code(self, capsys, monkeypatch, error, code):
        def fail(*_):
            raise error

        monkeypatch.setattr(planning, "make_plan", fail)
        assert cli.main(["plan"]) == code
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("mesos-buildkit: ")
        assert len(err.splitlines()) == 1
        assert str(error) in err

    @pytest.mark.usefixtures("project")
    def test_a_message_is_printed_as_it_is(self, capsys, monkeypatch):
        message = "a" * 300 + " [bold]x[/nothing] :bug: C:\\new"

        def fail(*_):
            raise UsageError(message)

        monkeypatch.setattr(planning, "make_plan", fail)
        cli.main(["plan"])
        assert capsys.readouterr().err == f"mesos-buildkit: {message}\n"

    @pytest.mark.usefixtures("project")
    def test_a_bug_is_not_hidden(self, monkeypatch):
        def fail(*_):
            raise ZeroDivisionError

        monkeypatch.setattr(planning, "make_plan", fail)
        with pytest.raises(ZeroDivisionError):
            cli.main(["plan"])

    def test_the_version(self, capsys):
        with pytest.raises(SystemExit) as caught:
            cli.main(["--version"])
        assert caught.value.code == 0
        assert buildkit.__version__ in capsys.readouterr().out

    def test_the_help_has_every_verb_and_every_exit_code(self, capsys):
        with pytest.raises(SystemExit):
            cli.main(["--help"])
        text = capsys.readouterr().out
        for verb in cli.VERBS:
            assert verb in text
        for code in ExitCode:
            assert str(int(code)) in text

    @pytest.mark.parametrize("name", cli.VERBS)
    def test_every_verb_has_help(self, capsys, name):
        verb = cli.load_verb(name)
        assert name == verb.NAME
        with pytest.raises(SystemExit) as caught:
            cli.main([name, "--help"])
        assert caught.value.code == 0
        assert verb.HELP.split()[0] in capsys.readouterr().out


class TestPlan:
    def test_it_prints_what_would_happen_and_why(self, project, capsys):
        project.add('[[override]]\nmatch = "<1"\nflags = ["-DOLD"]\nenv = { A = "b" }\n')
        before = project.snapshot()
        assert cli.main(["plan"]) == ExitCode.OK
        out = capsys.readouterr().out
        for part in (
            *("engine host", "nothing listens", "no sandbox", "stub SDK for 2 of 2"),
            *("volume/0.24.1/debian12", "-DMESOS_VERSION_INT=0241", "flags -DOLD", "A=b"),
            "dist/0.24.1/libvolume-1.0.0+mesos-0.24.1.stub.so",
        ):
            assert part in out
        assert project.snapshot() == before

    @pytest.mark.usefixtures("project")
    def test_json_is_all_of_standard_output(self, capsys):
        assert cli.main(["plan", "--json", "--only", "1.*"]) == ExitCode.OK
        found = json.loads(capsys.readouterr().out)
        assert [target["name"] for target in found["targets"]] == ["volume/1.0.1/debian12"]

    def test_it_predicts_each_target(self, project, capsys):
        project.set_releases("1.1.3", "1.10.0", "1.11.0")
        (project.root / "src" / "volume.cpp").write_text(
            "#include <mesos/slave/isolator.hpp>\n"
            "void f(mesos::slave::ContainerLaunchInfo* info) { info->set_namespaces(1); }\n"
        )
        assert cli.main(["plan"]) == ExitCode.OK
        out = capsys.readouterr().out
        rows = {line.split()[0]: line for line in out.splitlines() if line.startswith("volume/")}
        assert " ok " in rows["volume/1.1.3/debian12"]
        assert " breaks " in rows["volume/1.11.0/debian12"]
        reason = "volume.cpp:2: mesos::slave::ContainerLaunchInfo has no set_namespaces()"
        assert f"volume: breaks: {reason} [1.10.0, 1.11.0]" in out
        assert cli.main(["plan", "--json"]) == ExitCode.OK
        targets = json.loads(capsys.readouterr().out)["targets"]
        assert [target["prediction"] for target in targets] == [
            {"verdict": "ok", "reasons": []},
            *[{"verdict": "breaks", "reasons": [reason]}] * 2,
        ]

    def test_skips_and_expected_failures_are_told_with_their_reasons(self, project, capsys):
        project.add('[[override]]\nmatch = "<1"\nskip = "broken headers"\n')
        project.add(
            '[[override]]\nmatch = ">=1"\nexpect = "fail"\nreason = "not ported"\n'
            'stage = "build"\npattern = "x"\n'
        )
        cli.main(["plan"])
        out = capsys.readouterr().out
        assert "skipped: broken headers" in out
        assert "expected to fail in build: not ported" in out

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [
            (["--only", "0.99.*"], 2),
            (["--only", ">>1"], 2),
            (["--smoke", "agent"], 2),
            (["--engine", "docker"], 3),
            (["--sdk", "image"], 2),
        ],
    )
    @pytest.mark.parametrize("verb", ["plan", "build"])
    def test_what_cannot_be_is_said_before_anything_starts(
        self, project, capsys, verb, arguments, code
    ):
        before = project.snapshot()
        assert cli.main([verb, *arguments]) == code
        assert capsys.readouterr().err.startswith("mesos-buildkit: ")
        assert project.snapshot() == before

    @pytest.mark.parametrize("release", ["0.21.1", "9.9.9", "0.24.7"])
    def test_a_release_that_no_stub_exists_for(self, project, capsys, release):
        project.write(project.path.read_text().replace("0.24.1", release))
        assert cli.main(["build"]) == ExitCode.USAGE
        assert f"no interface stubs for Mesos {release}" in capsys.readouterr().err

    @pytest.mark.parametrize(("release", "hint"), [("1.12.0", "--sdk release"), ("0.24.7", "mean")])
    def test_and_what_to_do_about_it(self, project, capsys, release, hint):
        project.write(project.path.read_text().replace("0.24.1", release))
        assert cli.main(["plan"]) == ExitCode.USAGE
        message = capsys.readouterr().err
        assert hint in message
        assert ("did you mean" in message) == (hint == "mean")


class TestMatrix:
    @pytest.mark.usefixtures("project")
    def test_it_lists_the_releases(self, capsys):
        assert cli.main(["matrix"]) == ExitCode.OK
        assert capsys.readouterr().out == "0.24.1\n1.0.1\n"

    @pytest.mark.usefixtures("project")
    def test_as_json_for_a_ci_matrix(self, capsys):
        assert cli.main(["matrix", "--json", "--only", "<1"]) == ExitCode.OK
        assert json.loads(capsys.readouterr().out) == ["0.24.1"]

    @pytest.mark.usefixtures("tmp_path")
    @pytest.mark.parametrize(
        ("name", "schema"),
        [("matrix", matrix_file.json_schema()), ("manifest", manifest.json_schema())],
    )
    def test_it_prints_the_schemas_without_any_matrix(self, capsys, name, schema):
        assert cli.main(["matrix", "--schema", name]) == ExitCode.OK
        assert capsys.readouterr().out == schema


class TestContexts:
    def test_each_target_has_one_twice_the_same(self, project, capsys):
        project.add('[[override]]\nmatch = ">=1"\nskip = "later"\n')
        assert cli.main(["contexts"]) == ExitCode.OK
        out = capsys.readouterr().out
        assert "build/contexts/0.24.1" in out
        assert "volume/1.0.1/debian12: skipped: later" in out
        folder = project.root / "build" / "contexts" / "0.24.1"
        first = read_tree(folder)
        assert first["module/volume.cpp"].data == b"int descriptor;\n"
        assert any(path.startswith("sdk/include/mesos/") for path in first)
        assert is_marked(project.root / "build")
        cli.main(["contexts"])
        assert read_tree(folder) == first

    def test_a_patch_that_does_not_apply_stops_its_own_target_only(self, project, capsys):
        project.add('[[override]]\nmatch = "<1"\npatches = ["rules.toml"]\n')
        (project.root / "rules.toml").write_text(
            "[[edit]]\nwhy = 'x'\nfile = 'volume.cpp'\npattern = 'gone'\nreplacement = 'x'\n"
        )
        assert cli.main(["contexts"]) == ExitCode.TARGET_FAILED
        out = capsys.readouterr().out
        assert "FAILED volume/0.24.1/debian12: rules.toml: [[edit]] 1" in out
        assert "build/contexts/1.0.1" in out
        assert not (project.root / "build/contexts/0.24.1").exists()


class TestInit:
    @pytest.mark.usefixtures("capsys")
    def test_it_starts_a_repository_that_plans(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert cli.main(["init"]) == ExitCode.OK
        assert sorted(path.name for path in tmp_path.iterdir()) == ["matrix.toml", "noxfile.py"]
        raw = tomllib.loads((tmp_path / "matrix.toml").read_text())
        (tmp_path / raw["module"][0]["source"]).mkdir(exist_ok=True)
        (tmp_path / raw["module"][0]["source"] / "module.cpp").write_text("")
        assert "buildkit.nox" in (tmp_path / "noxfile.py").read_text()
        assert cli.main(["plan"]) == ExitCode.OK

    @pytest.mark.parametrize("name", ["matrix.toml", "noxfile.py"])
    def test_it_overwrites_nothing(self, tmp_path, capsys, name):
        (tmp_path / name).write_text("mine")
        assert cli.main(["init", str(tmp_path)]) == ExitCode.USAGE
        assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
        assert name in capsys.readouterr().err

    def test_a_folder_that_is_not_there_is_named(self, tmp_path, capsys):
        assert cli.main(["init", str(tmp_path / "gone")]) == ExitCode.USAGE
        assert "gone" in capsys.readouterr().err


class TestClean:
    @pytest.mark.usefixtures("capsys")
    def test_it_removes_what_we_have_marked_and_keeps_results(self, project):
        mark_as_cache(project.root / "build")
        (project.root / "dist").mkdir()
        assert cli.main(["clean"]) == ExitCode.OK
        assert not (project.root / "build").exists()
        assert (project.root / "dist").is_dir()
        assert cli.main(["clean", "--dist"]) == ExitCode.OK
        assert not (project.root / "dist").exists()

    def test_a_build_folder_of_somebody_else_stays(self, project, capsys):
        (project.root / "build").mkdir()
        (project.root / "build" / "thesis.tex").write_text("")
        assert cli.main(["clean"]) == ExitCode.USAGE
        assert (project.root / "build" / "thesis.tex").exists()
        assert "by hand" in capsys.readouterr().err

    @pytest.mark.usefixtures("project")
    def test_nothing_to_clean_is_fine(self):
        assert cli.main(["clean"]) == ExitCode.OK


@pytest.mark.usefixtures("project")
def test_shell_wants_one_target(capsys):
    assert cli.main(["shell"]) == ExitCode.USAGE
    err = capsys.readouterr().err
    assert "volume/0.24.1/debian12, volume/1.0.1/debian12" in err


@pytest.mark.usefixtures("project")
def test_signals_are_as_before_after_any_verb():
    before = signal.getsignal(signal.SIGINT)
    cli.main(["plan"])
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.usefixtures("project")
def test_the_matrix_file_may_lie_elsewhere(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["matrix", "--matrix", str(Path("project") / "matrix.toml")]) == ExitCode.OK
    assert capsys.readouterr().out == "0.24.1\n1.0.1\n"
