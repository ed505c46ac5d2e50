"""A packed SDK that is unpacked once and lent to builds."""

import pytest

from buildkit.errors import TargetError
from buildkit.files.tarballs import write_tarball
from buildkit.files.tree import File
from buildkit.sdk.unpacked import unpack, unpacked

TREE = {
    "sdk/include/mesos/mesos.hpp": File(b"struct Mesos;\n"),
    "sdk/bin/protoc": File(b"#!/bin/sh\n", executable=True),
}


@pytest.fixture
def packed(tmp_path):
    path = tmp_path / "sdk.tar.gz"
    path.write_bytes(write_tarball(TREE))
    return path


@pytest.fixture
def entry(tmp_path, packed):
    folder = tmp_path / "entry"
    folder.mkdir()
    unpack(packed, folder)
    return folder


def test_what_was_packed_is_there_by_its_top_folder(entry):
    found = unpacked(entry)

    assert list(found) == ["sdk"]
    assert (found["sdk"] / "include/mesos/mesos.hpp").read_bytes() == b"struct Mesos;\n"
    assert (found["sdk"] / "bin/protoc").stat().st_mode & 0o111


def test_nothing_of_the_store_itself_is_lent(entry):
    (entry / "log.txt").write_text("what was said")

    assert list(unpacked(entry)) == ["sdk"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "include/mesos/mesos.hpp").write_text("struct Mesos {};\n"),
        lambda folder: (folder / "include/mesos/mesos.hpp").write_bytes(b"struct Osmes;\n"),
        lambda folder: (folder / "include/mesos/mesos.hpp").unlink(),
        lambda folder: (folder / "include/config.h").touch(),
        lambda folder: (folder / "include/config.h").symlink_to("/etc/passwd"),
        lambda folder: (folder / "bin/protoc").chmod(0o644),
    ],
    ids=["longer", "as long", "removed", "added", "link added", "mode"],
)
def test_what_a_build_has_changed_is_not_lent_again(entry, spoil):
    spoil(unpacked(entry)["sdk"])

    assert unpacked(entry) is None


def test_what_has_lost_its_stamp_is_not_lent(entry):
    (entry / "stamp.txt").unlink()

    assert unpacked(entry) is None


def test_a_broken_archive_is_refused_in_words(tmp_path):
    packed = tmp_path / "sdk.tar.gz"
    packed.write_bytes(b"no archive")

    with pytest.raises(TargetError, match=r"sdk\.tar\.gz"):
        unpack(packed, tmp_path)
