"""Slots are held once, waited for, given back, and never in a folder of somebody else's."""

import os
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from buildkit.errors import UnavailableError
from buildkit.slots import (
    Capacity,
    Slots,
    WaitCancelledError,
    default_jobs,
    machine_folder,
    measure_capacity,
    private_folder,
)

GIB = 1024**3


def never() -> threading.Event:
    return threading.Event()


class TestSlots:
    def test_each_holder_has_a_slot_of_its_own(self, tmp_path):
        slots = Slots(3, tmp_path / "slots")
        with ExitStack() as held:
            numbers = [held.enter_context(slots.acquire(never())) for _ in range(3)]
        assert sorted(numbers) == [0, 1, 2]

    def test_never_more_at_a_time_than_the_limit(self, tmp_path):
        holding, most, guard = 0, 0, threading.Lock()

        def work():
            nonlocal holding, most
            # As another process would: through an object of its own.
            with Slots(2, tmp_path / "slots").acquire(never()):
                with guard:
                    holding += 1
                    most = max(most, holding)
                both.wait(timeout=30)
                with guard:
                    holding -= 1

        both = threading.Barrier(2)
        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        # The barrier lets nobody go before two hold a slot, so it is no less either.
        assert (holding, most) == (0, 2)

    def test_a_waiter_can_be_called_off(self, tmp_path):
        slots, cancelled = Slots(1, tmp_path / "slots"), threading.Event()
        waiting, outcome = threading.Event(), []

        def wait():
            waiting.set()
            try:
                with slots.acquire(cancelled):
                    outcome.append("held")
            except WaitCancelledError:
                outcome.append("cancelled")

        with slots.acquire(never()):
            thread = threading.Thread(target=wait)
            thread.start()
            assert waiting.wait(30)
            cancelled.set()
            thread.join(timeout=30)
        assert outcome == ["cancelled"]

    def test_a_slot_is_given_back_after_an_error(self, tmp_path):
        slots = Slots(1, tmp_path / "slots")
        with pytest.raises(KeyError), slots.acquire(never()):
            raise KeyError
        with slots.acquire(never()) as number:
            assert number == 0

    def test_called_off_beforehand_takes_no_slot(self, tmp_path):
        cancelled = threading.Event()
        cancelled.set()
        with (
            pytest.raises(WaitCancelledError),
            Slots(1, tmp_path / "slots").acquire(cancelled),
        ):
            pytest.fail("held a slot")

    def test_a_long_wait_for_others_is_told_once(self, tmp_path, monkeypatch):
        monkeypatch.setattr("buildkit.slots._PATIENCE_SECONDS", 0.0)
        others, lines, told = Slots(2, tmp_path / "slots"), [], threading.Event()

        def notify(line):
            lines.append(line)
            told.set()

        slots = Slots(2, tmp_path / "slots", notify)

        def wait():
            with slots.acquire(never()):
                pass

        with ExitStack() as held:
            for _ in range(2):
                held.enter_context(others.acquire(never()))
            waiters = [threading.Thread(target=wait) for _ in range(3)]
            for waiter in waiters:
                waiter.start()
            assert told.wait(timeout=30)
        for waiter in waiters:
            waiter.join(timeout=30)
        (line,) = lines
        assert "all 2 job slots" in line
        assert str(tmp_path / "slots") in line

    def test_a_wait_for_jobs_of_its_own_is_not_told(self, tmp_path, monkeypatch):
        monkeypatch.setattr("buildkit.slots._PATIENCE_SECONDS", 0.0)
        lines, tried = [], threading.Event()
        slots = Slots(1, tmp_path / "slots", lines.append)

        class Cancelled(threading.Event):
            def wait(self, timeout=None):
                tried.set()
                return super().wait(timeout)

        def wait():
            with slots.acquire(Cancelled()):
                pass

        with slots.acquire(never()):
            waiter = threading.Thread(target=wait)
            waiter.start()
            assert tried.wait(timeout=30)
        waiter.join(timeout=30)
        assert lines == []

    def test_a_limit_of_none_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match="limit of 0"):
            Slots(0, tmp_path)


class TestFolder:
    def test_it_is_private(self, tmp_path):
        folder = private_folder(tmp_path / "a" / "b")
        assert folder.stat().st_mode & 0o777 == 0o700

    def test_one_that_became_public_is_made_private_again(self, tmp_path):
        (tmp_path / "a").mkdir()
        (tmp_path / "a").chmod(0o777)
        assert private_folder(tmp_path / "a").stat().st_mode & 0o777 == 0o700

    def test_a_link_in_its_place_is_refused(self, tmp_path):
        (tmp_path / "real").mkdir()
        (tmp_path / "alias").symlink_to("real")
        with pytest.raises(UnavailableError, match="alias"):
            private_folder(tmp_path / "alias")

    def test_somebody_elses_is_refused(self, tmp_path, monkeypatch):
        (tmp_path / "a").mkdir()
        monkeypatch.setattr(os, "getuid", lambda: 12345)
        with pytest.raises(UnavailableError, match="this user's own"):
            private_folder(tmp_path / "a")

    def test_a_file_in_its_place_is_refused(self, tmp_path):
        (tmp_path / "a").write_text("")
        with pytest.raises(UnavailableError, match="needed for locks"):
            private_folder(tmp_path / "a")

    def test_the_runtime_folder_is_used_if_it_is_the_users_own(self, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        assert machine_folder() == tmp_path / "mesos-buildkit"

    def test_otherwise_the_temporary_folder(self, tmp_path, monkeypatch):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "not there"))
        assert machine_folder() == tmp_path / f"mesos-buildkit-{os.getuid()}"


class TestCapacity:
    @pytest.fixture
    def root(self, tmp_path):
        (tmp_path / "proc" / "self").mkdir(parents=True)
        (tmp_path / "proc" / "meminfo").write_text(
            "MemTotal: 32000000 kB\nMemAvailable:   16777216 kB\n"
        )
        return tmp_path

    def put(self, root: Path, name: str, text: str) -> None:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def test_memory_is_what_is_available(self, root):
        assert measure_capacity(root).memory_bytes == 16 * GIB

    def test_groups_of_version_2_bound_it_and_so_do_those_around_them(self, root, monkeypatch):
        monkeypatch.setattr("buildkit.slots._affinity", lambda: 8)
        self.put(root, "proc/self/cgroup", "0::/outer/inner\n")
        self.put(root, "sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n")
        self.put(root, "sys/fs/cgroup/outer/inner/memory.max", "max\n")
        self.put(root, "sys/fs/cgroup/outer/cpu.max", "250000 100000\n")
        self.put(root, "sys/fs/cgroup/outer/memory.max", str(4 * GIB))
        self.put(root, "sys/fs/cgroup/outer/memory.current", str(1 * GIB))
        assert measure_capacity(root) == Capacity(cpus=2.5, memory_bytes=3 * GIB)

    def test_groups_of_version_1_bound_it(self, root, monkeypatch):
        monkeypatch.setattr("buildkit.slots._affinity", lambda: 8)
        self.put(root, "proc/self/cgroup", "5:cpu,cpuacct:/job\n4:memory:/job\n1:name=x:/\n")
        self.put(root, "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "300000\n")
        self.put(root, "sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n")
        self.put(root, "sys/fs/cgroup/memory/job/memory.limit_in_bytes", str(2 * GIB))
        self.put(root, "sys/fs/cgroup/memory/job/memory.usage_in_bytes", str(3 * GIB))
        assert measure_capacity(root) == Capacity(cpus=3.0, memory_bytes=0)

    def test_no_quota_is_no_bound(self, root, monkeypatch):
        monkeypatch.setattr("buildkit.slots._affinity", lambda: 8)
        self.put(root, "proc/self/cgroup", "5:cpu:/\n")
        self.put(root, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n")
        self.put(root, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
        assert measure_capacity(root).cpus == 8

    @pytest.mark.parametrize(
        ("cpus", "memory", "jobs"),
        [
            (8.0, 64 * GIB, 8),
            (8.0, 5 * GIB, 2),
            (2.5, 64 * GIB, 2),
            (0.5, 64 * GIB, 1),
            (4.0, 0, 1),
        ],
    )
    def test_jobs_are_bounded_by_both_and_never_none(self, cpus, memory, jobs):
        assert Capacity(cpus=cpus, memory_bytes=memory).jobs(2 * GIB) == jobs

    def test_this_machine_runs_at_least_one(self):
        assert default_jobs(2**60) == 1
        assert default_jobs(1) >= 1
