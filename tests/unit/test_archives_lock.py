"""The archives' lock file: what sha512sum reads and writes, pinned on first use, then kept."""

import hashlib
import threading

import pytest

from buildkit.archives.lock import ArchiveLock, parse_pins
from buildkit.errors import TargetError, UsageError

ONE, TWO = (hashlib.sha512(text).hexdigest() for text in (b"1", b"2"))


@pytest.fixture
def lock(tmp_path):
    return ArchiveLock.beside(tmp_path / "matrix.toml", tmp_path / "build")


def test_it_lies_beside_the_matrix_file(tmp_path, lock):
    lock.record("x.tar.gz", ONE)
    assert (tmp_path / "matrix.lock").is_file()
    assert [path.name for path in tmp_path.glob("*.lock")] == ["matrix.lock"]


def test_without_a_file_nothing_is_pinned(lock):
    assert lock.pins() == {}
    assert lock.pin("x.tar.gz") is None


def test_what_is_recorded_is_pinned(lock):
    lock.record("mesos-0.24.1.tar.gz", ONE)
    lock.record("protobuf-3.5.0.tar.gz", TWO)
    assert lock.pin("mesos-0.24.1.tar.gz") == ONE
    assert lock.pins() == {"mesos-0.24.1.tar.gz": ONE, "protobuf-3.5.0.tar.gz": TWO}


def test_lines_are_those_of_sha512sum_sorted_by_name(lock):
    for name in ("c.tar.gz", "a.tar.gz", "b.tar.gz"):
        lock.record(name, ONE)
    remark, *lines = lock.path.read_text().splitlines()
    assert remark.startswith("#")
    assert lines == [f"{ONE}  {name}" for name in ("a.tar.gz", "b.tar.gz", "c.tar.gz")]


def test_the_order_of_recording_does_not_show(tmp_path):
    texts = []
    for names in ("ab", "ba"):
        lock = ArchiveLock(path=tmp_path / f"{names}.lock", guard=tmp_path / "guard")
        for name in names:
            lock.record(name, ONE)
        texts.append(lock.path.read_bytes())
    assert texts[0] == texts[1]


def test_recording_the_same_again_writes_nothing(lock):
    lock.record("x.tar.gz", ONE)
    lock.path.chmod(0o400)
    before = lock.path.stat()
    lock.record("x.tar.gz", ONE)
    after = lock.path.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_another_digest_is_refused_unless_asked_for(lock):
    lock.record("x.tar.gz", ONE)
    with pytest.raises(TargetError, match=rf"x\.tar\.gz: .*{TWO}.*matrix\.lock has {ONE}"):
        lock.record("x.tar.gz", TWO)
    assert lock.pin("x.tar.gz") == ONE
    lock.record("x.tar.gz", TWO, update=True)
    assert lock.pin("x.tar.gz") == TWO


def test_remarks_stay(lock):
    lock.path.write_text(f"# ours \xe9\n{ONE}  b\n# too\n")
    lock.record("a", TWO)
    assert lock.path.read_text() == f"# ours \xe9\n# too\n{TWO}  a\n{ONE}  b\n"


def test_what_people_and_sha512sum_write_is_read():
    text = f"\n{ONE.upper()} *a-1.tar.gz\r\n#\n{TWO}  b_2+x.tar.xz  \n"
    assert parse_pins(text.encode(), "x") == {"a-1.tar.gz": ONE, "b_2+x.tar.xz": TWO}


@pytest.mark.parametrize(
    "line",
    [
        "<<<<<<< HEAD",
        f"{ONE[:-1]}  a.tar.gz",
        f"{ONE}0  a.tar.gz",
        f"{ONE[:-1]}g  a.tar.gz",
        f"{ONE} a.tar.gz",
        f"{ONE}  ",
        f"{ONE}  ../a.tar.gz",
        f"{ONE}  folder/a.tar.gz",
        f"{ONE}  .hidden",
        f"\\{ONE}  a\\nb",
        f"{ONE}  a b",
    ],
)
def test_any_other_line_is_named(lock, line):
    lock.path.write_text(f"# remark\n{ONE}  x.tar.gz\n{line}\n")
    with pytest.raises(UsageError, match=r"matrix\.lock: line 3: .* is no line of sha512sum"):
        lock.pins()
    before = lock.path.read_bytes()
    with pytest.raises(UsageError):
        lock.record("new.tar.gz", TWO)
    assert lock.path.read_bytes() == before


def test_bytes_that_are_no_text_are_no_line(lock):
    lock.path.write_bytes(b"\x1f\x8b\x00\xff\n")
    with pytest.raises(UsageError, match="line 1"):
        lock.pins()


def test_an_archive_is_pinned_once(lock):
    lock.path.write_text(f"{ONE}  a\n{TWO}  a\n")
    with pytest.raises(UsageError, match="line 2: a is there twice"):
        lock.pins()


@pytest.mark.parametrize("name", ["", "../a", "a/b", "/a", ".a", "-a", "a b", "a\n", "é"])
def test_only_plain_names_are_recorded(lock, name):
    with pytest.raises(TargetError, match="not an archive's name"):
        lock.record(name, ONE)
    assert not lock.path.exists()


def test_of_many_at_once_all_are_recorded(lock):
    names = [f"a{number}" for number in range(20)]
    threads = [threading.Thread(target=lock.record, args=(name, ONE)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(lock.pins()) == sorted(names)


def test_a_write_that_fails_leaves_the_file_as_it_was(lock, monkeypatch):
    lock.record("a", ONE)
    before = lock.path.read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(OSError, match="No space left"):
        lock.record("b", ONE)
    assert lock.path.read_bytes() == before
    assert sorted(path.name for path in lock.path.parent.iterdir()) == ["build", "matrix.lock"]
