"""Parts found, verified and compared; nothing is believed because a manifest says so."""

import hashlib
import json

import pytest

from buildkit.errors import TargetError, UsageError
from buildkit.outcome import Status
from buildkit.results.artifacts import Dist
from buildkit.results.manifest import record
from buildkit.results.merge import combine, find_parts


@pytest.fixture
def part(tmp_path, project, make_outcome, make_artifact, make_target):
    """Makes a job's folder, with dist/ and build/logs/, for some releases."""

    def part(name, *releases, data=b"library", status=Status.PASSED):
        root = tmp_path / name
        dist = Dist(folder=root / "dist", lock=root / "build/dist.lock")
        plan = project.plan()
        records = []
        for release in releases:
            target = make_target(release)
            artifact = make_artifact(target)
            row = record(plan, make_outcome(release, status))
            if status is Status.PASSED:
                for path in (artifact.path, artifact.debug_path):
                    file = dist.folder / path
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(data)
                digest = hashlib.sha256(data).hexdigest()
                digests = {"sha256": digest, "debug_sha256": digest}
                row = row.model_copy(update={"artifact": row.artifact.model_copy(update=digests)})
            records.append(row)
            log = root / "build/logs" / f"{release}.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text(name)
        dist.update_manifest(plan.matrix, records)
        return root

    return part


def merged(*folders):
    return {one.record.name: one.part.folder for one in combine(find_parts(folders))}


def edit(file, change):
    file.write_text(json.dumps(change(json.loads(file.read_text()))))


class TestFinding:
    def test_a_dist_a_job_and_a_folder_of_jobs_are_all_the_same(self, part, tmp_path):
        job = part("jobs/one", "0.24.1")
        for folder in (job / "dist", job, tmp_path / "jobs"):
            [found] = find_parts([folder])
            assert found.folder == job / "dist"
            assert found.logs == job / "build/logs"

    def test_downloads_of_dist_alone(self, part, tmp_path):
        for name in ("one", "two"):
            (tmp_path / "downloads" / name).parent.mkdir(exist_ok=True)
            (part(name, "0.24.1") / "dist").rename(tmp_path / "downloads" / name)
        assert len(find_parts([tmp_path / "downloads"])) == 2

    def test_named_twice_it_is_one(self, part):
        job = part("one", "0.24.1")
        assert len(find_parts([job, job / "dist", job])) == 1

    def test_what_is_none_is_named(self, tmp_path):
        (tmp_path / "empty").mkdir()
        for folder in (tmp_path / "empty", tmp_path / "absent"):
            with pytest.raises(UsageError) as caught:
                find_parts([folder])
            assert str(folder) in str(caught.value)

    def test_a_manifest_that_cannot_be_read(self, part):
        job = part("one", "0.24.1")
        (job / "dist/manifest.json").write_text("{")
        with pytest.raises(UsageError, match=r"manifest\.json"):
            find_parts([job])


class TestCombining:
    def test_different_targets_come_together(self, part):
        one, other = part("one", "0.24.1"), part("other", "1.0.1")
        assert merged(one, other) == {
            "volume/0.24.1/debian12": one / "dist",
            "volume/1.0.1/debian12": other / "dist",
        }

    def test_the_same_target_with_the_same_bytes_is_taken_once(self, part):
        one, other = part("one", "0.24.1"), part("other", "0.24.1")
        assert merged(one, other) == {"volume/0.24.1/debian12": one / "dist"}

    def test_different_bytes_are_told_with_both_digests(self, part):
        one, other = part("one", "0.24.1"), part("other", "0.24.1", data=b"another")
        with pytest.raises(TargetError) as caught:
            merged(one, other)
        for data in (b"library", b"another"):
            assert hashlib.sha256(data).hexdigest() in str(caught.value)
        assert "volume/0.24.1/debian12: not the same bytes" in str(caught.value)

    def test_passed_here_and_failed_there(self, part):
        one, other = part("one", "0.24.1"), part("other", "0.24.1", status=Status.FAILED)
        with pytest.raises(TargetError, match=r"passed in .*one.*failed in .*other"):
            merged(one, other)


class TestVerifying:
    @pytest.fixture
    def job(self, part):
        return part("one", "0.24.1")

    @pytest.fixture
    def library(self, job):
        [library] = (job / "dist").rglob("*.so")
        return library

    def refused(self, job):
        with pytest.raises(TargetError) as caught:
            merged(job)
        return str(caught.value)

    def test_altered_bytes(self, job, library):
        library.write_bytes(b"altered")
        text = self.refused(job)
        assert hashlib.sha256(b"altered").hexdigest() in text
        assert hashlib.sha256(b"library").hexdigest() in text

    def test_a_missing_library(self, job, library):
        library.unlink()
        assert "not there as a file" in self.refused(job)

    def test_a_link_is_no_library(self, job, library, tmp_path):
        (tmp_path / "secret").write_bytes(b"library")
        library.unlink()
        library.symlink_to(tmp_path / "secret")
        assert "not there as a file" in self.refused(job)

    def test_a_manifest_that_says_other_than_the_checksums(self, job):
        def change(manifest):
            manifest["targets"][0]["artifact"]["sha256"] = "0" * 64
            return manifest

        edit(job / "dist/manifest.json", change)
        assert "0" * 64 in self.refused(job)

    @pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a/../../b", "..\\x"])
    def test_paths_that_leave_the_folder(self, job, path):
        def change(manifest):
            manifest["targets"][0]["artifact"]["path"] = path
            return manifest

        edit(job / "dist/manifest.json", change)
        with (job / "dist/SHA256SUMS").open("a") as file:
            file.write(f"{'0' * 64}  {path}\n")
        assert "expected a SHA-256 and a path below this folder" in self.refused(job)

    def test_a_log_that_leaves_the_folder(self, job):
        def change(manifest):
            manifest["targets"][0]["log"] = "../../secret"
            return manifest

        edit(job / "dist/manifest.json", change)
        assert "leaves build/logs/" in self.refused(job)

    @pytest.mark.parametrize("content", [None, b"", b"junk\n", b"\xff\xfe", b"0  x\n"])
    def test_checksums_that_are_none(self, job, content):
        file = job / "dist/SHA256SUMS"
        file.unlink()
        if content is not None:
            file.write_bytes(content)
        assert "SHA256SUMS" in self.refused(job)

    def test_one_problem_does_not_hide_another(self, part):
        one, other = part("one", "0.24.1"), part("other", "1.0.1")
        for job in (one, other):
            next((job / "dist").rglob("*.so")).unlink()
        with pytest.raises(TargetError) as caught:
            merged(one, other)
        assert str(one) in str(caught.value)
        assert str(other) in str(caught.value)
