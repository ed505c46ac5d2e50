"""dist/: libraries whole or not at all, the merged manifest, checksums that verify."""

import contextlib
import hashlib
import json
import threading
from pathlib import PurePosixPath

import pytest

from buildkit.errors import UnavailableError, UsageError
from buildkit.outcome import Status
from buildkit.results.artifacts import Dist, read_manifest, sha256_of
from buildkit.results.manifest import Manifest, record
from buildkit.smoke.abi import AbiFacts


@pytest.fixture
def dist(tmp_path):
    return Dist(folder=tmp_path / "dist", lock=tmp_path / "build" / "dist.lock")


@pytest.fixture
def build(tmp_path):
    """Makes a folder as a build leaves it."""

    def build(target, data=b"library", debug=b"debug"):
        folder = tmp_path / "built" / target.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / target.library).write_bytes(data)
        if debug is not None:
            (folder / f"{target.library}.debug").write_bytes(debug)
        return folder

    return build


def files(dist):
    return sorted(p.relative_to(dist.folder).as_posix() for p in dist.folder.rglob("*.*"))


class TestPublish:
    def test_library_and_debug_file_are_where_the_design_says(self, dist, build, make_target):
        target = make_target()
        artifact = dist.publish(target, build(target), "abc", AbiFacts())
        assert artifact.path == "0.24.1/libvolume-1.0.0+mesos-0.24.1.stub.so"
        assert artifact.debug_path == f"{artifact.path}.debug"
        library = dist.folder / artifact.path
        assert library.read_bytes() == b"library"
        assert artifact.sha256 == hashlib.sha256(b"library").hexdigest() == sha256_of(library)
        assert artifact.debug_sha256 == hashlib.sha256(b"debug").hexdigest()
        assert (artifact.size, artifact.build_id) == (7, "abc")
        assert library.stat().st_mode & 0o777 == 0o644

    def test_a_new_library_replaces_the_old_ones_whatever_their_names(
        self, dist, build, make_target
    ):
        stub, real = make_target(), make_target(sdk="release")
        dist.publish(stub, build(stub), "", AbiFacts())
        artifact = dist.publish(real, build(real, b"real"), "", AbiFacts())
        assert [name for name in files(dist) if ".so" in name] == [
            "0.24.1/libvolume-1.0.0+mesos-0.24.1.so",
            "0.24.1/libvolume-1.0.0+mesos-0.24.1.so.debug",
        ]
        assert (dist.folder / artifact.path).read_bytes() == b"real"

    def test_a_build_without_its_library_publishes_nothing_half(self, dist, build, make_target):
        target = make_target()
        dist.publish(target, build(target, b"old"), "", AbiFacts())
        fresh = build(target, b"new")
        (fresh / target.library).unlink()
        with pytest.raises(FileNotFoundError):
            dist.publish(target, fresh, "", AbiFacts())
        place = dist.folder / "0.24.1"
        assert (place / target.library).read_bytes() == b"old"
        assert not [path for path in place.iterdir() if path.name.startswith(".")]

    def test_readers_see_the_old_library_or_the_new_one_whole(self, dist, build, make_target):
        target = make_target()
        folders = [build(target, bytes([n]) * 100_000) for n in range(1)]
        artifact = dist.publish(target, folders[0], "", AbiFacts())
        seen, stop = set(), threading.Event()

        def read():
            while not stop.is_set():
                # Between the two there may be none, but never half a one or the wrong debug file.
                with contextlib.suppress(FileNotFoundError):
                    seen.add((dist.folder / artifact.path).read_bytes())

        reader = threading.Thread(target=read)
        reader.start()
        try:
            for number in range(1, 30):
                dist.publish(target, build(target, bytes([number]) * 100_000), "", AbiFacts())
        finally:
            stop.set()
            reader.join(timeout=30)
        assert seen
        assert all(len(data) == 100_000 and len(set(data)) == 1 for data in seen)


class TestWithdraw:
    def test_what_is_no_longer_good_goes_and_its_neighbours_stay(self, dist, build, make_target):
        one, other = make_target(), make_target("1.0.1")
        for target in (one, other):
            dist.publish(target, build(target), "", AbiFacts())
        dist.withdraw(one)
        assert not (dist.folder / "0.24.1").exists()
        assert (dist.folder / "1.0.1" / other.library).is_file()

    def test_a_folder_within_stays(self, dist, build, make_target):
        """Were a module named as a release is, its folder would be the other's."""
        one = make_target()
        inner = make_target("1.0.1", folder=PurePosixPath("0.24.1/1.0.1"))
        for target in (one, inner):
            dist.publish(target, build(target), "", AbiFacts())
        dist.withdraw(one)
        assert (dist.folder / "0.24.1" / "1.0.1" / inner.library).is_file()

    def test_nothing_to_withdraw_is_no_error(self, dist, make_target):
        dist.withdraw(make_target())
        assert not dist.folder.exists()


class TestManifest:
    @pytest.mark.parametrize("at", ["dist", "dist/0.24.1"])
    def test_a_file_where_a_folder_belongs_is_named(self, tmp_path, at):
        file = tmp_path / at
        file.parent.mkdir(exist_ok=True)
        file.touch()
        with pytest.raises(UnavailableError, match=f"{at}: a file, and a folder is expected"):
            read_manifest(file / "manifest.json")

    @pytest.fixture
    def update(self, dist, project):
        def update(*outcomes):
            plan = project.plan()
            dist.update_manifest(plan.matrix, [record(plan, outcome) for outcome in outcomes])
            return [(row.release, row.status) for row in dist.manifest().targets]

        return update

    def test_runs_with_only_merge(self, update, make_outcome):
        update(make_outcome("1.0.1"), make_outcome("0.24.1"))
        merged = update(make_outcome("0.24.1", Status.FAILED))
        assert merged == [("0.24.1", Status.FAILED), ("1.0.1", Status.PASSED)]

    def test_what_a_build_took_outlasts_runs_that_fail(self, dist, update, make_outcome):
        update(make_outcome(measured=3.0))
        update(make_outcome("0.24.1", Status.FAILED))
        (row,) = dist.manifest().targets
        assert row.measured_seconds == 3.0
        update(make_outcome(measured=21.0))
        (row,) = dist.manifest().targets
        assert row.measured_seconds == 21.0

    def test_the_order_is_that_of_the_releases_and_no_text(self, update, make_outcome, project):
        project.set_releases("0.24.1", "1.2.0", "1.9.0", "1.10.0")
        rows = update(*(make_outcome(text) for text in ("1.10.0", "0.24.1", "1.9.0", "1.2.0")))
        assert [release for release, _ in rows] == ["0.24.1", "1.2.0", "1.9.0", "1.10.0"]

    def test_modules_and_platforms_come_in_the_matrixs_order(
        self, dist, project, make_outcome, make_target
    ):
        project.add('[[module]]\nname = "Aaa"\nversion = "1"\nsymbol = "a"\nsource = "src"\n')
        plan = project.plan()
        module = make_target().module
        outcomes = [
            make_outcome(target=make_target(module=module.model_copy(update={"name": name})))
            for name in ("zzz-gone", "Aaa", "volume")
        ]
        dist.update_manifest(plan.matrix, [record(plan, outcome) for outcome in outcomes])
        # What the matrix no longer has is gone.
        assert [row.module for row in dist.manifest().targets] == ["volume", "Aaa"]

    def test_what_the_matrix_no_longer_has_goes_with_its_library(
        self, dist, build, project, make_outcome, make_target
    ):
        old, new = make_target("0.24.1"), make_target("1.0.1")
        for target in (old, new):
            artifact = dist.publish(target, build(target), "", AbiFacts())
            outcome = make_outcome(target=target, artifact=artifact)
            plan = project.plan()
            dist.update_manifest(plan.matrix, [record(plan, outcome)])
        project.set_releases("1.0.1")
        dist.update_manifest(project.matrix(), [])
        assert [row.release for row in dist.manifest().targets] == ["1.0.1"]
        assert "0.24.1" not in (dist.folder / "SHA256SUMS").read_text()
        assert [path.parent.name for path in dist.folder.rglob("*.so")] == ["1.0.1"]

    def test_the_checksums_verify(self, dist, build, update, make_outcome, make_target):
        artifact = dist.publish(make_target(), build(make_target()), "", AbiFacts())
        update(make_outcome(artifact=artifact), make_outcome("1.0.1", Status.FAILED, artifact=None))
        lines = (dist.folder / "SHA256SUMS").read_text().splitlines()
        # As sha256sum --check reads it: digest, two spaces, path.
        listed = dict(reversed(line.split("  ", 1)) for line in lines)
        assert set(listed) == {artifact.path, artifact.debug_path}
        for path, digest in listed.items():
            assert hashlib.sha256((dist.folder / path).read_bytes()).hexdigest() == digest

    def test_without_a_manifest_there_are_no_targets(self, dist):
        assert dist.manifest() == Manifest()

    @pytest.mark.parametrize(
        "content",
        [b"", b"not json", b"[]", b'{"schema_version": 99}', b'{"extra": 1}', b"\xff\x00"],
    )
    def test_one_that_cannot_be_read_is_kept_and_named(self, dist, update, make_outcome, content):
        dist.folder.mkdir()
        (dist.folder / "manifest.json").write_bytes(content)
        with pytest.raises(UsageError) as caught:
            update(make_outcome())
        assert str(dist.folder / "manifest.json") in str(caught.value)
        assert "delete dist/" in str(caught.value)
        assert (dist.folder / "manifest.json").read_bytes() == content

    def test_writers_at_the_same_time_lose_nothing(self, dist, project, make_outcome):
        texts = [f"1.{minor}.0" for minor in range(8)]
        project.set_releases(*texts)
        plan = project.plan()

        def work(text):
            dist.update_manifest(plan.matrix, [record(plan, make_outcome(text))])

        threads = [threading.Thread(target=work, args=(text,)) for text in texts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        assert [row.release for row in dist.manifest().targets] == texts

    def test_it_is_json_that_ends_in_a_line(self, dist, update, make_outcome):
        update(make_outcome())
        text = (dist.folder / "manifest.json").read_text()
        assert text.endswith("}\n")
        assert json.loads(text)["schema_version"] == 3
