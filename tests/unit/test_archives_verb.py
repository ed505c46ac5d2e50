"""The verb ``sdk``: archives of all selected releases, what it says, and its exit codes."""

import argparse
import hashlib
import io
import json

import pytest
from rich.console import Console
from support_archives import archive

from buildkit.archives.download import UnreachableError, WrongAnswerError
from buildkit.archives.progress import show_on
from buildkit.errors import BuildkitError, ExitCode
from buildkit.probe import Probe
from buildkit.verbs import sdk

DATA = {
    name: archive(name)
    for name in ("mesos-0.24.1.tar.gz", "mesos-1.0.1.tar.gz", "protobuf-3.5.0.tar.gz")
}
ALL = list(DATA)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MESOS_BUILDKIT_ARCHIVES", str(tmp_path / "archives"))
    (tmp_path / "archives").mkdir()
    return tmp_path / "archives"


@pytest.fixture
def put(folder):
    def put(*names):
        for name in names:
            (folder / name).write_bytes(DATA[name])

    return put


@pytest.fixture
def run(project, folder, capsys, monkeypatch):
    """Runs the verb's fetching half; its exit code, standard output and standard error."""

    answer = Probe(docker=False, docker_detail="nothing listens")
    monkeypatch.setattr(sdk, "probe", lambda _: answer)

    def run(*argv):
        parser = argparse.ArgumentParser()
        sdk.add_arguments(parser)
        try:
            code = sdk.run(parser.parse_args(["--fetch-only", *argv]))
        except BuildkitError as error:
            code = error.exit_code
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def network(monkeypatch):
    """What servers answer: the end of a URL -> a body or an error."""
    answers = {}

    def file(_, url, part, report):
        answer = answers.get(url.rpartition("/")[2], WrongAnswerError("404 Not Found"))
        if isinstance(answer, Exception):
            raise answer
        part.write_bytes(answer)

    monkeypatch.setattr("buildkit.archives.download.Downloader.file", file)
    monkeypatch.setattr("buildkit.archives.download.Downloader.text", lambda *_: None)
    return answers


def test_what_is_in_the_folder_is_verified_and_pinned(run, put, project):
    put(*ALL)
    code, out, _ = run("--offline")
    assert code == ExitCode.OK
    assert out.count("recorded on first use") == 2
    pinned = (project.root / "matrix.lock").read_text()
    assert "mesos-0.24.1.tar.gz" in pinned
    assert "protobuf" not in pinned  # nobody has used it
    assert run("--offline")[1] == ""


def test_only_the_selected_releases(run, put, project):
    put(*ALL)
    run("--offline", "--only", "1.0.1")
    assert "mesos-0.24.1" not in (project.root / "matrix.lock").read_text()


def test_json(run, put, folder):
    put("mesos-1.0.1.tar.gz")
    code, out, err = run("--offline", "--json")
    result = json.loads(out)
    assert code == ExitCode.TARGET_FAILED
    assert result["schema"] == 1
    missing, there = result["archives"]
    assert there == {
        "release": "1.0.1",
        "archive": "mesos-1.0.1.tar.gz",
        "state": "cached",
        "path": str(folder / "mesos-1.0.1.tar.gz"),
        "sha512": hashlib.sha512(DATA["mesos-1.0.1.tar.gz"]).hexdigest(),
        "error": None,
    }
    assert (missing["state"], missing["path"], missing["sha512"]) == ("failed", None, None)
    assert "not tried: offline" in missing["error"]
    assert missing["error"] in err


def test_what_is_missing_is_fetched(run, put, folder, network):
    put("mesos-0.24.1.tar.gz")
    network["mesos-1.0.1.tar.gz"] = DATA["mesos-1.0.1.tar.gz"]
    code, out, _ = run()
    assert code == ExitCode.OK
    assert "fetched mesos-1.0.1.tar.gz (" in out
    assert (folder / "mesos-1.0.1.tar.gz").read_bytes() == DATA["mesos-1.0.1.tar.gz"]


@pytest.mark.parametrize(
    ("older", "newer", "code"),
    [
        (DATA[ALL[0]], DATA[ALL[1]], ExitCode.OK),
        (DATA[ALL[0]], WrongAnswerError("404"), ExitCode.TARGET_FAILED),
        (DATA[ALL[0]], UnreachableError("down"), ExitCode.TARGET_FAILED),
        (WrongAnswerError("404"), UnreachableError("down"), ExitCode.TARGET_FAILED),
        (UnreachableError("down"), UnreachableError("down"), ExitCode.UNAVAILABLE),
    ],
)
def test_exit_codes(run, network, older, newer, code):
    network.update({ALL[0]: older, ALL[1]: newer})
    assert run()[0] == code


def test_a_change_is_refused_unless_asked_for(run, put, folder):
    put(*ALL)
    run("--offline")
    (folder / "mesos-0.24.1.tar.gz").write_bytes(archive("mesos-0.24.1.tar.gz", b"other"))
    code, out, _ = run("--offline")
    assert code == ExitCode.TARGET_FAILED
    assert "--update-lock" in out
    assert run("--offline", "--update-lock")[0] == ExitCode.OK
    assert run("--offline")[0] == ExitCode.OK


def test_from_one_site_to_another(run, put, folder, project):
    put(*ALL)
    run("--offline")
    file = str(project.root / "b.tar")
    code, out, _ = run("--offline", "--export", file)
    assert code == ExitCode.OK
    assert f"wrote {file}" in out
    for path in folder.iterdir():
        path.unlink()
    (project.root / "matrix.lock").unlink()
    code, out, _ = run("--offline", "--import", file)
    assert code == ExitCode.OK
    assert sorted(path.name for path in folder.glob("*.gz")) == ALL[:2]


def test_used_archives_of_others_go_along(run, put, folder, project, monkeypatch):
    put(*ALL)
    (folder / "mesos-9.9.9.tar.gz").write_bytes(DATA[ALL[0]])
    rows = [
        f"{hashlib.sha512(DATA[name]).hexdigest()}  {name}\n" for name in ("protobuf-3.5.0.tar.gz",)
    ]
    rows.append(f"{hashlib.sha512(DATA[ALL[0]]).hexdigest()}  mesos-9.9.9.tar.gz\n")
    (project.root / "matrix.lock").write_text("".join(rows))
    run("--offline", "--only", "1.0.1", "--export", str(project.root / "b.tar"))
    for path in folder.iterdir():
        path.unlink()
    run("--offline", "--only", "1.0.1", "--import", str(project.root / "b.tar"))
    names = sorted(path.name for path in folder.glob("*.gz"))
    assert names == ["mesos-1.0.1.tar.gz", "protobuf-3.5.0.tar.gz"]


def test_how_far_a_build_would_test_is_no_matter(run, put, project):
    put(*ALL)
    project.add('[defaults]\nsmoke = "agent"\n')
    run("--offline")
    code, out, _ = run("--offline", "--export", str(project.root / "b.tar"))
    assert code == ExitCode.OK, out


def test_a_bundle_that_is_not_there(run):
    code, *_ = run("--offline", "--import", "absent")
    assert code == ExitCode.USAGE


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_is_shown_on_a_terminal_only(terminal):
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=120)
    with show_on(console)("mesos-[b]0.24.1") as report:
        report(1_000_000, 4_000_000)
        report(4_000_000, None)
    assert ("mesos-[b]0.24.1" in text.getvalue()) == terminal
    if not terminal:
        assert text.getvalue() == ""
