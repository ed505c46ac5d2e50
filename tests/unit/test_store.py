"""The store: whole entries or none, shared by threads, kept below its limit."""

import errno
import os
import threading

import pytest

from buildkit.files.store import CACHEDIR_TAG, Store, is_marked, mark_as_cache

HOUR = 3600.0


@pytest.fixture
def store(tmp_path):
    return Store(folder=tmp_path / "cache", limit=1000)


def fill(text="x", name="file"):
    return lambda entry: (entry / name).write_text(text) and None


def names(store):
    """Everything but the tag and locks."""
    return sorted(
        str(path.relative_to(store.folder))
        for path in store.folder.rglob("*")
        if path.is_dir() or path.parent != store.folder
    )


class TestPut:
    def test_an_entry_is_found_by_its_kind_and_digest(self, store):
        entry = store.put("build", "d1", fill())
        assert (entry / "file").read_text() == "x"
        assert store.get("build", "d1") == entry
        assert store.get("build", "d2") is None
        assert store.get("smoke", "d1") is None

    def test_an_entry_is_not_there_before_it_is_whole(self, store):
        def watch(entry):
            (entry / "file").write_text("half")
            assert store.get("build", "d1") is None

        assert store.put("build", "d1", watch)

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
    def test_a_fill_that_fails_leaves_nothing(self, store, error):
        def fail(entry):
            (entry / "file").write_text("half")
            raise error

        with pytest.raises(error):
            store.put("build", "d1", fail)
        assert store.get("build", "d1") is None
        assert names(store) == ["build"]

    def test_a_failed_fill_spoils_no_entry_that_is_there(self, store):
        store.put("build", "d1", fill("good"))

        def fail(entry):
            (entry / "file").write_text("half")
            raise RuntimeError

        with pytest.raises(RuntimeError):
            store.put("build", "d1", fail)
        assert (store.get("build", "d1") / "file").read_text() == "good"

    def test_of_several_at_once_one_wins_and_all_see_it(self, store):
        together = threading.Barrier(8)
        entries = []

        def work(number):
            def late(entry):
                (entry / "number").write_text(str(number))
                together.wait(timeout=30)

            entries.append(store.put("build", "d1", late))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        assert set(entries) == {store.get("build", "d1")}
        assert len(entries) == 8
        assert names(store) == ["build", "build/d1", "build/d1/number"]

    def test_an_entry_can_be_read_by_a_container(self, store):
        before = os.umask(0o077)
        try:
            entry = store.put("build", "d1", fill())
        finally:
            os.umask(before)
        assert entry.stat().st_mode & 0o777 == 0o755

    def test_what_is_dropped_is_gone_and_may_be_dropped_again(self, store):
        store.put("build", "d1", fill())
        store.drop("build", "d1")
        store.drop("build", "d1")
        assert store.get("build", "d1") is None


class TestTrim:
    @pytest.fixture
    def five(self, store):
        """Entries of 300 bytes, 0 used last and 4 first, two hours apart."""
        now = 1_000_000_000.0
        for number in range(5):
            entry = store.put("build", str(number), fill("x" * 300))
            os.utime(entry, (now - number * 2 * HOUR,) * 2)
        return store

    def left(self, store):
        return [number for number in range(5) if (store.folder / "build" / str(number)).is_dir()]

    def test_the_ones_unused_for_longest_go_until_the_limit_holds(self, five):
        assert five.trim() == 600
        assert self.left(five) == [0, 1, 2]

    def test_below_the_limit_nothing_goes(self, five):
        assert Store(folder=five.folder, limit=1500).trim() == 0
        assert self.left(five) == [0, 1, 2, 3, 4]

    def test_to_get_an_entry_is_to_use_it(self, five):
        five.get("build", "4")
        assert Store(folder=five.folder, limit=600).trim() == 900
        assert self.left(five) == [0, 4]

    def test_what_may_be_in_use_stays_whatever_the_limit(self, five):
        os.utime(five.folder / "build" / "1", (1_000_000_000.0 - HOUR / 2,) * 2)
        Store(folder=five.folder, limit=0).trim()
        assert self.left(five) == [0, 1]

    def test_what_a_killed_run_left_half_done_goes_as_well(self, five):
        half = five.folder / "build" / ".new-killed"
        half.mkdir()
        (half / "file").write_text("x" * 5000)
        os.utime(half, (0.0, 0.0))
        five.trim()
        assert not half.exists()

    @pytest.mark.parametrize(
        "broken", ["", "[1]", '{"build/1": "much"}', '{"build/1": null}', '{"build/1": 1e999}']
    )
    def test_entries_are_measured_once_and_again_if_that_cannot_be_read(self, five, broken):
        roomy = Store(folder=five.folder, limit=1500)
        roomy.trim()
        five.put("build", "new", fill("x" * 300))
        # An entry never changes, so this is not seen, which is how it shows.
        (five.folder / "build" / "1" / "file").write_text("x" * 5300)
        assert roomy.trim() == 300
        assert self.left(five) == [0, 1, 2, 3]
        (five.folder / ".sizes.json").write_text(broken)
        assert roomy.trim() == 300 + 300 + 5300
        assert self.left(five) == [0]

    def test_a_full_disk_is_no_reason_not_to_trim(self, five, monkeypatch):
        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("buildkit.files.store.replace_text", full)
        assert five.trim() == 600

    def test_a_store_that_is_not_there_needs_no_trimming(self, store):
        assert store.trim() == 0
        assert not store.folder.exists()

    def test_others_may_make_and_drop_entries_meanwhile(self, store):
        stop = threading.Event()

        def churn(kind):
            def many(entry):
                for number in range(20):
                    (entry / str(number)).write_text("x")

            while not stop.is_set():
                store.put(kind, "d", many)
                store.drop(kind, "d")

        threads = [threading.Thread(target=churn, args=(kind,)) for kind in ("a", "b")]
        for thread in threads:
            thread.start()
        try:
            for _ in range(100):
                store.trim()
        finally:
            stop.set()
            for thread in threads:
                thread.join(timeout=30)


class TestTag:
    def test_a_store_is_marked_as_a_cache(self, store):
        store.put("build", "d1", fill())
        tag = (store.folder / CACHEDIR_TAG).read_bytes()
        # The standard asks for these first 43 bytes.
        assert tag[:43] == b"Signature: 8a477f597d28d172789f06886806bc55"
        assert is_marked(store.folder)

    @pytest.mark.parametrize("content", [None, b"", b"Signature: other\n", b"\xff\xfe"])
    def test_nothing_else_is(self, tmp_path, content):
        if content is not None:
            (tmp_path / CACHEDIR_TAG).write_bytes(content)
        assert not is_marked(tmp_path)
        assert not is_marked(tmp_path / "absent")

    def test_marking_again_changes_nothing(self, tmp_path):
        mark_as_cache(tmp_path / "c")
        with (tmp_path / "c" / CACHEDIR_TAG).open("a") as tag:
            tag.write("# a note\n")
        mark_as_cache(tmp_path / "c")
        assert (tmp_path / "c" / CACHEDIR_TAG).read_text().endswith("# a note\n")
