"""The nox sessions: their names, what they call, which exit codes they pass on."""

import sys
from pathlib import Path

import nox.registry
import pytest
from nox.command import CommandFailed

import buildkit
import buildkit.nox
from buildkit.releases import FINAL_RELEASES

PLAIN = {
    "build",
    "smoke",
    "contexts",
    "bake",
    "sdk",
    "plan",
    "matrix",
    "guards",
    "drift",
    "report",
    "release",
    "deploy",
    "doctor",
    "clean",
}


@pytest.fixture
def sessions(monkeypatch):
    """Registers a matrix's sessions in a registry of their own."""
    monkeypatch.setattr(nox.registry, "_REGISTRY", {})

    def register(*arguments):
        buildkit.nox.register(*arguments)
        return dict(nox.registry.get())

    return register


class FakeSession:
    """Records what a session would run."""

    def __init__(self, posargs=(), return_code=0):
        self.posargs = list(posargs)
        self.calls = []
        self._return_code = return_code

    def run(self, *arguments, **options):
        self.calls.append((arguments, options))
        if self._return_code:
            raise CommandFailed(return_code=self._return_code)


class TestRegister:
    @pytest.mark.usefixtures("project")
    def test_every_release_has_its_sessions(self, sessions):
        found = sessions()
        assert found.keys() >= PLAIN
        assert found.keys() - PLAIN == {
            f"{verb}-{release}"
            for verb in ("build", "smoke", "shell")
            for release in ("0.24.1", "1.0.1")
        }

    def test_ours_has_a_build_session_for_each_of_the_21(self, sessions, monkeypatch):
        monkeypatch.chdir(Path(buildkit.__file__).parent.parent)
        builds = [name for name in sessions() if name.startswith("build-")]
        assert len(builds) == 21
        assert "build-0.24.1" in builds

    @pytest.mark.usefixtures("project")
    def test_each_has_a_line_of_help_that_names_its_release(self, sessions):
        for name, session in sessions().items():
            line = session.__doc__
            assert line
            assert "\n" not in line
            _, _, release = name.partition("-")
            assert release in line

    @pytest.mark.usefixtures("project")
    def test_only_build_runs_by_default_and_none_makes_an_environment(self, sessions):
        found = sessions()
        assert [name for name, session in found.items() if session.default] == ["build"]
        assert {session.venv_backend for session in found.values()} == {"none"}

    def test_a_matrix_may_have_another_name(self, project, sessions):
        project.path.rename(project.root / "other.toml")
        assert "build-0.24.1" in sessions("other.toml")

    @pytest.mark.parametrize(
        "text",
        [
            None,
            b"",
            b"releases = [",
            b"\xff\xfe\x00",
            b"releases = 5",
            b"releases = '0.24.1'",
            b"releases = [1.0]",
            b"releases = [[1]]",
            b"releases = [{a = 1}]",
            b"releases = {a = 1}",
            b"releases = ['0.24']",
            b"releases = ['0.24.1', '0.24.1']",
            b"releases = ['unknown']",
            b"groups = ['a']\nreleases = ['0.24.1']",
            b"groups = {g = 5}\nreleases = ['g']",
            b"groups = {g = [5]}\nreleases = ['g']",
        ],
    )
    def test_a_broken_matrix_gives_the_plain_sessions(self, project, sessions, text):
        project.path.unlink()
        if text is not None:
            project.path.write_bytes(text)
        assert sessions().keys() == PLAIN

    def test_what_only_the_models_refuse_keeps_its_releases(self, project, sessions):
        project.add("unknown = 1\n")
        assert "build-0.24.1" in sessions()


class TestCall:
    @pytest.mark.usefixtures("project")
    def test_a_session_is_a_call_of_the_package_with_what_follows(self, sessions):
        session = FakeSession(posargs=["--jobs", "2"])
        sessions()["build-0.24.1"](session)
        [(arguments, options)] = session.calls
        assert arguments == (
            *(sys.executable, "-m", "buildkit", "build", "--matrix", "matrix.toml"),
            *("--only", "0.24.1", "--jobs", "2"),
        )
        assert options["external"] is True

    @pytest.mark.usefixtures("project")
    def test_the_package_is_found_wherever_nox_is_installed(self, sessions, monkeypatch):
        monkeypatch.setenv("PYTHONPATH", "/elsewhere")
        session = FakeSession()
        sessions()["plan"](session)
        paths = session.calls[0][1]["env"]["PYTHONPATH"].split(":")
        assert paths == [str(Path(buildkit.__file__).parent.parent), "/elsewhere"]

    @pytest.mark.parametrize("code", [2, 3, 130])
    def test_codes_after_which_going_on_is_pointless_end_nox(self, code):
        with pytest.raises(SystemExit) as caught:
            buildkit.nox.call(FakeSession(return_code=code), "build")
        assert caught.value.code == code

    @pytest.mark.parametrize("code", [1, -9, 139])
    def test_a_failed_target_is_left_to_nox(self, code):
        with pytest.raises(CommandFailed):
            buildkit.nox.call(FakeSession(return_code=code), "build")

    def test_a_good_run_is_no_exception(self):
        buildkit.nox.call(FakeSession(), "build", "--only", "0.24.1")


def test_the_matrix_verbs_list_is_the_sessions_list(project, sessions, capsys):
    from buildkit import cli  # noqa: PLC0415

    names = ", ".join(f'"{release}"' for release in FINAL_RELEASES[::7])
    project.write(project.path.read_text().replace('"0.24.1", "1.0.1"', names))
    assert cli.main(["matrix"]) == 0
    listed = capsys.readouterr().out.split()
    assert [name for name in sessions() if name.startswith("build-")] == [
        f"build-{release}" for release in listed
    ]
