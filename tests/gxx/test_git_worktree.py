"""Which commit a folder is of, and what in it that commit has not: real git, real folders."""

import os
import shutil
import subprocess

import pytest

from buildkit.errors import UnavailableError
from buildkit.matrix import Module
from buildkit.sources.git import commit_time, look_at
from buildkit.sources.modules import Sources


@pytest.fixture
def git(tmp_path, monkeypatch):
    """Runs git in a repository, as nobody in particular; the code under test sees no other."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    repository = tmp_path / "repository"
    repository.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    who = {
        f"GIT_{one}_{key}": "nobody" for one in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")
    }
    environment = {**os.environ, **who, "GIT_COMMITTER_DATE": "1700000000 +0000"}

    def git(*arguments):
        done = subprocess.run(
            ["git", *arguments],
            cwd=repository,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    git("init", "--quiet")
    return git


@pytest.fixture
def root(git, tmp_path):
    """A project in a folder of the repository, all of it committed."""
    root = tmp_path / "repository" / "project"
    for name in ("src/a.cpp", "src/b c.cpp", "other/x.cpp", "matrix.toml"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{name}\n")
    (root / ".gitignore").write_text("*.o\n")
    git("add", ".")
    git("commit", "--quiet", "--message", "all")
    return root


def seen(root):
    return look_at(root, [root / "src", root / "matrix.toml"])


def test_a_clean_folder_is_its_commit(git, root):
    found = seen(root)
    assert found.revision == git("rev-parse", "HEAD")
    assert found.time == 1700000000 == commit_time(found.revision, "-C", str(root))
    assert found.dirty == ()


def test_changes_of_every_kind_are_named(git, root):
    (root / "src/a.cpp").write_text("changed\n")
    git("mv", "project/src/b c.cpp", "project/src/ü.cpp")
    (root / "src/new").mkdir()
    (root / "src/new/n.cpp").write_text("new\n")
    (root / "src/ignored.o").write_text("read all the same\n")
    (root / "matrix.toml").write_text("changed\n")
    assert seen(root).dirty == (
        *("project/matrix.toml", "project/src/a.cpp", "project/src/b c.cpp"),
        *("project/src/ignored.o", "project/src/new/n.cpp", "project/src/ü.cpp"),
    )


def test_what_is_no_source_does_not_count(root):
    (root / "other/x.cpp").write_text("changed\n")
    for name in (".a.cpp.swp", "__pycache__/x.pyc"):
        (root / "src" / name).parent.mkdir(exist_ok=True)
        (root / "src" / name).write_text("hidden\n")
    assert seen(root).dirty == ()


def test_without_git_or_commit_there_is_none(git, tmp_path):
    assert look_at(tmp_path, [tmp_path]) is None
    assert look_at(tmp_path / "repository", []) is None


def test_a_broken_repository_is_an_error(root):
    (root.parent / ".git" / "HEAD").write_text("nonsense\n")
    with pytest.raises(UnavailableError, match="git: "):
        seen(root)


def test_a_module_has_the_origin_of_its_folder(git, root, tmp_path):
    module = Module(name="m", version="1", symbol="s", source="src")
    sources = Sources(root=root, cache=tmp_path / "cache", beside=[root / "matrix.toml"])
    (root / "matrix.toml").write_text("changed\n")
    origin = sources.origin(module, print)
    assert (origin.revision, origin.time) == (git("rev-parse", "HEAD"), 1700000000)
    assert origin.dirty == ("project/matrix.toml",)


def test_a_module_in_a_repository_has_the_origin_that_it_names(git, root, tmp_path):
    revision = git("rev-parse", "HEAD")
    (root / "src/a.cpp").write_text("a later commit\n")
    git("commit", "--quiet", "--all", "--message", "more")
    module = Module(
        name="m",
        version="1",
        symbol="s",
        git=str(root.parent),
        revision=revision,
        subpath="project/src",
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    origin = Sources(root=elsewhere, cache=tmp_path / "cache").origin(module, print)
    assert (origin.revision, origin.time, origin.dirty) == (revision, 1700000000, ())
