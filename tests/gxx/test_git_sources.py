"""A module's sources from a git repository: exactly the commit, whatever the branch is now."""

import io
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from buildkit.bundles.bundle import read_bundle, write_bundle
from buildkit.bundles.parts import RepositoriesPart
from buildkit.errors import TargetError, UnavailableError
from buildkit.files.tree import File
from buildkit.matrix import Module
from buildkit.sources.modules import Sources, pack_commit


@pytest.fixture
def git(tmp_path):
    """Runs git in a repository of its own, as nobody in particular."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    repository = tmp_path / "project" / "repository"
    repository.mkdir(parents=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_NAME": "nobody" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "nobody@example.org" for who in ("AUTHOR", "COMMITTER")},
    }

    def git(*arguments: str) -> str:
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
def repository(tmp_path):
    return tmp_path / "project" / "repository"


@pytest.fixture
def revision(git, repository):
    """The first of two commits."""
    (repository / "isolator").mkdir()
    (repository / "isolator" / "a.cpp").write_text("int first;\n")
    (repository / "isolator" / "run.sh").write_text("#!/bin/sh\n")
    (repository / "isolator" / "run.sh").chmod(0o755)
    (repository / "README").write_text("")
    git("add", ".")
    git("commit", "--quiet", "-m", "first")
    first = git("rev-parse", "HEAD")
    (repository / "isolator" / "a.cpp").write_text("int second;\n")
    git("commit", "--quiet", "-a", "-m", "second")
    return first


def module(revision: str, url: str = "repository", subpath: str | None = "isolator") -> Module:
    return Module(
        name="volume", version="1", symbol="d", git=url, revision=revision, subpath=subpath
    )


def sources(repository: Path) -> Sources:
    root = repository.parent
    return Sources(root=root, cache=root / "build" / "git")


def test_the_commit_counts_and_not_what_came_after(repository, revision):
    tree = sources(repository).tree(module(revision), lambda _: None)
    assert tree == {
        "a.cpp": File(b"int first;\n"),
        "run.sh": File(b"#!/bin/sh\n", executable=True),
    }


def test_without_a_subpath_all_of_it_is_there(repository, revision):
    tree = sources(repository).tree(module(revision, subpath=None), lambda _: None)
    assert set(tree) == {"README", "isolator/a.cpp", "isolator/run.sh"}


def test_what_was_fetched_once_needs_no_repository_any_more(repository, revision, tmp_path):
    said = []
    url = f"file://{repository}"
    first = sources(repository).tree(module(revision, url), said.append)
    assert said == [f"fetching {url} at {revision}"]
    repository.rename(tmp_path / "gone")
    assert sources(repository).tree(module(revision, url), pytest.fail) == first


def test_a_commit_that_is_not_there_is_the_targets_error(repository, revision):
    absent = "0" * 39 + "1"
    with pytest.raises((TargetError, UnavailableError)) as caught:
        sources(repository).tree(module(absent), lambda _: None)
    assert absent in str(caught.value)
    assert "module volume" in str(caught.value)
    assert sources(repository).tree(module(revision), lambda _: None)


def test_a_subpath_that_is_not_there_is_named(repository, revision):
    with pytest.raises(TargetError, match="no folder 'gone' in repository at"):
        sources(repository).tree(module(revision, subpath="gone"), lambda _: None)


def test_a_repository_that_is_not_there_is_named(repository, revision):
    url = f"file://{repository}-gone"
    with pytest.raises(UnavailableError, match="can't fetch"):
        sources(repository).tree(module(revision, url), lambda _: None)


def test_an_address_is_no_option(repository, revision, tmp_path):
    """Git takes a word that begins with a dash for an option, and one of those runs commands."""
    url = f"--upload-pack=touch {tmp_path}/run;"
    with pytest.raises(UnavailableError):
        sources(repository).tree(module(revision, url), lambda _: None)
    assert not (tmp_path / "run").exists()


class TestLinks:
    @pytest.fixture
    def linked(self, git, repository, revision):
        """Commits a link and reads the sources."""

        def linked(to: str):
            (repository / "isolator" / "b.cpp").symlink_to(to)
            git("add", ".")
            git("commit", "--quiet", "-m", "link")
            return sources(repository).tree(module(git("rev-parse", "HEAD")), lambda _: None)

        return linked

    def test_one_that_stays_is_followed(self, linked):
        assert linked("a.cpp")["b.cpp"].data == b"int second;\n"

    @pytest.mark.parametrize("to", ["../README", "/etc/hostname", "gone", "."])
    def test_any_other_is_an_error_and_not_left_out(self, linked, to):
        with pytest.raises(TargetError, match=r"repository: b\.cpp: a link"):
            linked(to)


def test_a_bundle_carries_a_commit_to_a_site_without_network(repository, revision, tmp_path):
    volume = module(revision, f"file://{repository}")
    there = sources(repository).repository(volume, print)
    tree = sources(repository).tree(volume, print)
    write_bundle(tmp_path / "b.tar", [RepositoriesPart(there.parent, [(there, revision)])])
    repository.rename(tmp_path / "gone")
    for _ in range(2):
        assert read_bundle(tmp_path / "b.tar", [RepositoriesPart(tmp_path / "elsewhere")]) == 1
        elsewhere = Sources(root=tmp_path, cache=tmp_path / "elsewhere")
        assert elsewhere.tree(volume, pytest.fail) == tree


def test_a_bundle_brings_no_commit_under_anothers_name(repository, revision, git, tmp_path):
    there = sources(repository).repository(module(revision), print)
    pack = pack_commit(there, revision)
    other = git("rev-parse", "HEAD")
    part = RepositoriesPart(tmp_path / "elsewhere")
    with pytest.raises(TargetError, match=other):
        part.accept(f"{there.name}-{other}.pack", io.BytesIO(pack))
    damaged = bytearray(pack)
    damaged[len(pack) // 2] ^= 1
    with pytest.raises(TargetError, match=revision):
        part.accept(f"{there.name}-{revision}.pack", io.BytesIO(bytes(damaged)))
    part.accept(f"{there.name}-{revision}.pack", io.BytesIO(pack))
