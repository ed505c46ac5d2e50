"""A module's sources from a folder, read once. Those from git need git: see tests/gxx."""

import threading

import pytest

from buildkit.errors import UsageError
from buildkit.files.tree import File
from buildkit.sources.modules import Sources


def test_a_folder_is_read_relative_to_the_matrix_file(project, tmp_path, monkeypatch):
    module = project.matrix().file.module[0]
    monkeypatch.chdir(tmp_path)
    sources = Sources(root=project.root, cache=project.root / "cache")
    assert sources.tree(module, pytest.fail) == {"volume.cpp": File(b"int descriptor;\n")}


def test_all_targets_of_a_run_get_the_same_sources(project):
    """A file that is changed while the run goes on must not give releases different modules."""
    module = project.matrix().file.module[0]
    sources = Sources(root=project.root, cache=project.root / "cache")
    seen = []

    def read():
        seen.append(sources.tree(module, pytest.fail))

    threads = [threading.Thread(target=read) for _ in range(4)]
    read()
    (project.root / "src" / "volume.cpp").write_text("int changed;\n")
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(seen) == 5
    assert all(tree == seen[0] for tree in seen)


def test_modules_are_kept_apart(project):
    (project.root / "more").mkdir()
    (project.root / "more" / "a.cpp").write_text("")
    project.add('[[module]]\nname = "more"\nversion = "1"\nsymbol = "m"\nsource = "more"\n')
    sources = Sources(root=project.root, cache=project.root / "cache")
    trees = [sources.tree(module, pytest.fail) for module in project.matrix().file.module]
    assert [list(tree) for tree in trees] == [["volume.cpp"], ["a.cpp"]]


def test_a_link_out_of_the_folder_is_the_users_error(project):
    (project.root / "src" / "out.cpp").symlink_to("../matrix.toml")
    sources = Sources(root=project.root, cache=project.root / "cache")
    with pytest.raises(UsageError, match=r"out\.cpp: is a link out of"):
        sources.tree(project.matrix().file.module[0], pytest.fail)
