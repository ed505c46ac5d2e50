"""What a process has to itself is gone with it, or known to be nobody's."""

from dataclasses import replace

import pytest

from buildkit.files.owner import Owner
from buildkit.files.ownfolder import own_folder, remove_abandoned


def abandon(folder):
    """Let the folder be one whose process has been killed."""
    folder.mkdir()
    gone = replace(Owner.current(), boot="another")
    (folder / "owner").write_text(str(gone))
    return folder


def test_it_is_there_for_the_block_and_no_longer(tmp_path):
    with own_folder(tmp_path) as folder:
        (folder / "deep").mkdir()
        (folder / "deep/file").write_text("x")
        (folder / "deep").chmod(0o500)
        assert folder.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_it_goes_whatever_happens(tmp_path):
    with pytest.raises(KeyboardInterrupt), own_folder(tmp_path):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_what_is_renamed_out_of_it_stays(tmp_path):
    with own_folder(tmp_path) as folder:
        (folder / "new").mkdir()
        (folder / "new").rename(tmp_path / "kept")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_only_what_killed_processes_left_is_removed(tmp_path):
    left = abandon(tmp_path / "left")
    (left / "work").mkdir()
    with own_folder(tmp_path) as mine:
        others = [tmp_path / name for name in ("empty", "odd", "file")]
        others[0].mkdir()
        others[1].mkdir()
        (others[1] / "owner").write_bytes(b"\xff")
        others[2].write_text("")
        assert remove_abandoned(tmp_path.iterdir()) == 1
        assert sorted(tmp_path.iterdir()) == sorted([mine, *others])
