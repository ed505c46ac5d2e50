"""Bundles: what one site has written, another without network takes in, verified."""

import hashlib
import io

import pytest
from support_archives import archive

from buildkit.archives.cache import Archives
from buildkit.archives.lock import ArchiveLock
from buildkit.bundles.bundle import ArchivesPart, read_bundle, write_bundle
from buildkit.compat import tarfile
from buildkit.errors import TargetError, UnavailableError, UsageError

DATA = {
    name: archive(name)
    for name in ("mesos-0.24.1.tar.gz", "mesos-1.0.1.tar.gz", "protobuf-3.5.0.tar.gz")
}


@pytest.fixture
def make(tmp_path):
    """Makes a site: a project with its lock file, and an archive cache of its own."""

    def make(site, names=(), *, update=False):
        folder = tmp_path / site
        archives = Archives(
            folder=folder / "cache",
            lock=ArchiveLock(path=folder / "matrix.lock", guard=folder / "build" / "guard"),
            emit=lambda _: None,
            offline=True,
            update=update,
        )
        archives.folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            (archives.folder / name).write_bytes(DATA[name])
        return archives

    return make


@pytest.fixture
def bundle(tmp_path, make):
    """A bundle of all archives."""
    write_bundle(tmp_path / "b.tar", [ArchivesPart(make("here", DATA), list(DATA))])
    return tmp_path / "b.tar"


def read(bundle, archives):
    return read_bundle(bundle, [ArchivesPart(archives)])


def rewritten(bundle, change):
    """Lets ``change`` do what it likes to the members, a dictionary."""
    with tarfile.open(bundle) as archive:
        members = {m.name: archive.extractfile(m).read() for m in archive}
    change(members)
    with tarfile.open(bundle, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def test_what_one_site_wrote_another_has(bundle, make):
    there = make("there")
    read(bundle, there)
    for name, data in DATA.items():
        assert there.find(name).read_bytes() == data
        assert there.lock.pin(name) == hashlib.sha512(data).hexdigest()


def test_only_what_is_asked_for_is_carried(tmp_path, make):
    write_bundle(tmp_path / "b.tar", [ArchivesPart(make("here", DATA), ["mesos-1.0.1.tar.gz"])])
    with tarfile.open(tmp_path / "b.tar") as archive:
        names = archive.getnames()
    assert names == ["archives/SHA512SUMS", "archives/mesos-1.0.1.tar.gz"]


def test_sha512sum_can_check_it_unpacked(bundle):
    with tarfile.open(bundle) as archive:
        text = archive.extractfile("archives/SHA512SUMS").read().decode()
    assert text == "".join(
        f"{hashlib.sha512(data).hexdigest()}  {name}\n" for name, data in sorted(DATA.items())
    )


def test_equal_contents_are_equal_bundles(tmp_path, bundle, make):
    write_bundle(tmp_path / "c.tar", [ArchivesPart(make("other", DATA), list(reversed(DATA)))])
    assert (tmp_path / "c.tar").read_bytes() == bundle.read_bytes()


def test_reading_it_twice_changes_nothing(bundle, make):
    there = make("there")
    read(bundle, there)
    before = {path: path.stat().st_mtime_ns for path in there.folder.glob("*.gz")}
    read(bundle, make("there"))
    assert {path: path.stat().st_mtime_ns for path in there.folder.glob("*.gz")} == before


def test_what_is_not_there_cannot_be_carried(tmp_path, make):
    with pytest.raises(TargetError, match=r"mesos-1\.0\.1\.tar\.gz: not in"):
        write_bundle(tmp_path / "b.tar", [ArchivesPart(make("here"), ["mesos-1.0.1.tar.gz"])])
    assert list(tmp_path.glob("*b.tar*")) == []


def test_a_pin_of_this_site_is_kept_unless_asked(bundle, make):
    there = make("there")
    name = "mesos-0.24.1.tar.gz"
    there.lock.record(name, "0" * 128)
    with pytest.raises(UsageError, match=rf"b\.tar: {name}: .*not the file that was used before"):
        read(bundle, there)
    assert not there.has(name)
    read(bundle, make("there", update=True))
    assert there.lock.pin(name) == hashlib.sha512(DATA[name]).hexdigest()


NAME = "archives/mesos-0.24.1.tar.gz"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.update({NAME: b"changed"}), "its SHA-512 is"),
        (lambda m: m.pop("archives/SHA512SUMS"), "not in the bundle's SHA512SUMS"),
        (lambda m: m.update({"archives/SHA512SUMS": b"?\n"}), "SHA512SUMS: line 1"),
        (lambda m: m.update({"archives/x.tar.gz": b"x"}), "not in the bundle's SHA512SUMS"),
        (lambda m: m.update({"archives/a/b": b"x"}), "not in the bundle's SHA512SUMS"),
        (lambda m: m.update({"images/base.tar": b"x"}), "'images/base.tar': not what"),
        (lambda m: m.update({"loose": b"x"}), "'loose': not what"),
        (lambda m: m.update({"archives/../../x": b"x"}), "climbs out"),
    ],
)
def test_what_is_wrong_with_it_is_said(bundle, make, change, message):
    rewritten(bundle, change)
    there = make("there")
    with pytest.raises(UsageError, match=message):
        read(bundle, there)
    assert [path.name for path in there.folder.glob(".*") if path.suffix != ".lock"] == []
    for path in there.folder.glob("*.gz"):
        assert path.read_bytes() == DATA[path.name]


def test_one_that_is_cut_off(bundle, make):
    bundle.write_bytes(bundle.read_bytes()[: len(bundle.read_bytes()) // 4])
    with pytest.raises(UsageError, match=r"b\.tar: is (damaged|cut off)"):
        read(bundle, make("there"))


@pytest.mark.parametrize("content", [b"", b"<html>", b"text"])
def test_something_else(tmp_path, make, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(UsageError, match=r"x: (is empty|looks like|is no tar)"):
        read(tmp_path / "x", make("there"))


def test_one_that_is_not_there(tmp_path, make):
    with pytest.raises(UsageError, match="absent: no such file"):
        read(tmp_path / "absent", make("there"))


def test_one_that_cannot_be_written(tmp_path, make):
    with pytest.raises(UnavailableError, match=r"no/b\.tar: can't be written"):
        write_bundle(tmp_path / "no" / "b.tar", [ArchivesPart(make("here"))])


class Notes:
    """A part of another kind."""

    name = "notes"

    def __init__(self, notes):
        self.notes = notes

    def files(self):
        return sorted(self.notes.items())

    def accept(self, name, content):
        self.notes[name] = content.read()


def test_parts_of_other_kinds_go_along(tmp_path, make):
    parts = [ArchivesPart(make("here", DATA), list(DATA)), Notes({"a/b": b"text", "c": b""})]
    write_bundle(tmp_path / "b.tar", parts)
    notes = Notes({})
    assert read_bundle(tmp_path / "b.tar", [notes, ArchivesPart(make("there"))]) == 6
    assert notes.notes == {"a/b": b"text", "c": b""}
