"""What a CI system does with ``matrix --github`` and ``--gitlab``: every job, then the merge."""

import json
import os
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from support_workflow import step

NOX = (sys.executable, "-m", "nox", "--script-mode", "none")
RELEASES = ("0.24.1", "0.25.0", "1.0.1")
BREAK = '\n[[override]]\nmatch = "==0.25.0"\nflags = ["-DBREAK"]\n'


@pytest.fixture
def job(project, tmp_path, new_project):
    """Makes a job's own clone: the module is named as in all, the folder and the slots are its."""

    def job(name):
        shutil.copytree(project.root / "src", tmp_path / name / "src")
        shutil.copy(project.root / "matrix.toml", tmp_path / name)
        return new_project(tmp_path / name)

    return job


@pytest.fixture
def github(project):
    """The matrix's jobs, through a line as ``echo "matrix=$(...)" >> $GITHUB_OUTPUT`` writes."""

    def github(*arguments):
        done = project.run("matrix", "--github", *arguments)
        assert done.code == 0, done.text
        assert done.out.count("\n") == 1
        return json.loads(done.out)["include"]

    return github


def results_of(job):
    """What the job uploads: a folder with dist/ and build/logs/, as upload-artifact packs both."""
    artifact = job.root.with_name(f"artifact-{job.root.name}")
    shutil.copytree(job.root / "dist", artifact / "dist")
    shutil.copytree(job.root / "build/logs", artifact / "build/logs")
    return artifact


def test_jobs_of_github_in_clones_of_their_own_are_merged(project, job, github, host_engine):
    project.matrix(*RELEASES)
    rows = github("--shards", "2", "--sdk", "stub")
    assert len(rows) == 2
    artifacts = []
    for row in rows:
        clone = job(row["shard"])
        clone.good_build(*shlex.split(row["arguments"]))
        assert set(clone.statuses()) == set(row["releases"].split())
        artifacts.append(results_of(clone))
    done = project.run("merge", *map(str, artifacts))
    assert done.code == 0, done.text
    assert "3 passed" in done.out
    assert project.statuses() == dict.fromkeys(RELEASES, "passed")
    assert len(project.libraries()) == 3
    project.verify_checksums()
    assert {path.name for path in (project.root / "build/logs").iterdir()} == {
        f"{release}.log" for release in RELEASES
    }


def test_it_is_what_one_job_would_have_built(project, job, github, tree_digests, host_engine):
    project.matrix(*RELEASES)
    project.good_build()
    whole = tree_digests(project.root / "dist")
    shutil.rmtree(project.root / "dist")
    for row in github("--shards", "3"):
        clone = job(row["shard"])
        clone.good_build(*shlex.split(row["arguments"]))
        assert (
            project.run("merge", *shlex.split(row["arguments"])[:2], str(clone.root / "dist")).code
            == 0
        )
    merged = tree_digests(project.root / "dist")
    # The manifest has times in it.
    assert {k: v for k, v in merged.items() if k != "manifest.json"} == {
        k: v for k, v in whole.items() if k != "manifest.json"
    }


def test_a_failed_job_makes_the_merge_fail_and_hides_no_other(project, job, github, host_engine):
    project.matrix(*RELEASES, more=BREAK)
    downloads = project.root.parent / "downloads"
    downloads.mkdir()
    for row in github("--shards", "2"):
        clone = job(row["shard"])
        clone.build(*shlex.split(row["arguments"]))
        results_of(clone).rename(downloads / row["shard"])
    done = project.run("merge", str(downloads))
    assert done.code == 1, done.text
    assert "FAILED" in done.out
    assert "broken on purpose" in done.out
    assert "2 passed, 1 failed" in done.out
    assert len(project.libraries()) == 2
    project.verify_checksums()


def test_a_job_that_never_came_is_missed(project, job, github, host_engine):
    project.matrix(*RELEASES)
    first, *_ = github()
    clone = job(first["shard"])
    clone.good_build(*shlex.split(first["arguments"]))
    done = project.run("merge", str(clone.root))
    assert done.code == 1, done.text
    assert f"MISSING {project.name}/0.25.0/debian12" in done.out
    assert "1 passed, 2 missing" in done.out
    assert project.run("merge", "--only", "0.24.1", str(clone.root)).code == 0


def test_jobs_of_gitlab_by_the_scripts_of_the_pipeline(project, host_engine):
    project.matrix(*RELEASES)
    done = project.run("matrix", "--gitlab", "--shards", "2", "--sdk", "stub")
    assert done.code == 0, done.text
    pipeline = json.loads(done.out)
    project.env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for variables in pipeline["build"]["parallel"]["matrix"]:
        project.env.update(variables)
        for script in ("script", "after_script"):
            lines = "\n".join(["set -e", *pipeline["build"][script]])
            done = project.execute("sh", "-c", lines)
            assert done.code == 0, done.text
    assert not (project.root / "dist").exists()
    done = project.execute("sh", "-c", "\n".join(["set -e", *pipeline["merge"]["script"]]))
    assert done.code == 0, done.text
    assert project.statuses() == dict.fromkeys(RELEASES, "passed")
    project.verify_checksums()


class TestDisagreement:
    @pytest.fixture
    def twice(self, project, job, host_engine):
        """The same target, built by two jobs."""
        project.matrix("0.24.1")
        jobs = [job("one"), job("other")]
        for clone in jobs:
            clone.good_build()
        return jobs

    def test_the_same_bytes_are_one_target(self, project, twice):
        done = project.run("merge", *(str(clone.root / "dist") for clone in twice))
        assert done.code == 0, done.text
        assert project.statuses() == {"0.24.1": "passed"}

    def test_other_bytes_are_an_error_with_both_digests(self, project, twice):
        _, other = twice
        source = other.root / "src/tiny.cpp"
        source.write_text(source.read_text().replace("INT; }", "INT + 1; }"))
        other.good_build()
        done = project.run("merge", *(str(clone.root / "dist") for clone in twice))
        text = done.clean_failure(1)
        for clone in twice:
            [row] = clone.manifest().values()
            assert row["artifact"]["sha256"] in text
            assert str(clone.root / "dist") in text
        assert not (project.root / "dist").exists()

    def test_what_is_in_dist_already_is_not_overwritten(self, project, twice, tree_digests):
        one, other = twice
        assert project.run("merge", str(one.root)).code == 0
        before = tree_digests(project.root / "dist")
        source = other.root / "src/tiny.cpp"
        source.write_text(source.read_text().replace("INT; }", "INT + 1; }"))
        other.good_build()
        assert "not the same bytes" in project.run("merge", str(other.root)).clean_failure(1)
        assert tree_digests(project.root / "dist") == before

    def test_a_damaged_library_is_refused(self, project, twice):
        one, _ = twice
        [library] = [path for name, path in one.dist().items() if name.endswith(".so")]
        library.write_bytes(library.read_bytes() + b"x")
        text = project.run("merge", str(one.root)).clean_failure(1)
        assert str(library.name) in text
        assert "SHA256SUMS" in text
        assert not (project.root / "dist").exists()

    def test_passed_and_failed_do_not_go_together(self, project, twice):
        one, other = twice
        other.write("src/tiny.cpp", "#error broken\n")
        assert other.build().code == 1
        text = project.run("merge", str(one.root), str(other.root)).clean_failure(1)
        assert "passed in" in text
        assert "failed in" in text


def test_a_folder_without_results_is_named(project):
    project.matrix("0.24.1")
    assert str(project.root / "src") in project.run(
        "merge", str(project.root / "src")
    ).clean_failure(2)


def test_nothing_but_the_line_is_on_nox_standard_output(project, repository):
    shutil.copy(repository / "noxfile.py", project.root)
    shutil.copytree(
        repository / "buildkit",
        project.root / "buildkit",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    shutil.copytree(repository / "patches/sdk", project.root / "patches/sdk")
    project.matrix(*RELEASES)
    output = project.root / "output"
    done = project.execute(
        "sh",
        "-c",
        f'echo "matrix=$({shlex.join(NOX)} -s matrix -- --github --shards 2)" >> "$GITHUB_OUTPUT"',
        env={**project.environment(), "GITHUB_OUTPUT": str(output)},
    )
    assert done.code == 0, done.text
    assert "was successful" in done.err, done.text
    name, _, value = output.read_text().partition("=")
    assert name == "matrix"
    assert value.count("\n") == 1
    assert len(json.loads(value)["include"]) == 2


def test_the_cache_key_is_that_of_what_is_cached(project):
    project.matrix(*RELEASES)

    def key(*arguments):
        done = project.run("matrix", "--cache-key", *arguments)
        assert done.code == 0, done.text
        return done.out

    before = key()
    project.write("src/tiny.cpp", "// another module\n")
    assert key() == before
    assert key("--only", "1.0.1") != before
    project.matrix(*RELEASES, more='\n[[platform]]\nname = "debian12"\nbase = "debian:12"\n')
    assert key() != before


class TestWhatTheActionKeeps:
    """Between runs, under a key that is written once."""

    @pytest.fixture
    def kept(self, project, tmp_path, host_engine):
        """Runs the step; what it tells those that follow, and how it calls ``docker save``."""
        docker = tmp_path / "bin/docker"
        docker.parent.mkdir()
        docker.write_text(
            '#!/bin/sh\n[ "$1" = save ] && { echo "$@" > "$SAVED"; exit; }\n'
            "echo mesos-buildkit/base:one\necho mesos-buildkit/base:two\n"
        )
        docker.chmod(0o755)
        output, saved = tmp_path / "output", tmp_path / "saved"
        project.env.update(
            PATH=f"{docker.parent}:{os.environ['PATH']}",
            GITHUB_OUTPUT=str(output),
            SAVED=str(saved),
        )

        def kept():
            done = project.execute(*step("actions/build/action.yml", "Save the base images"))
            assert done.code == 0, done.text
            return tuple(file.read_text() if file.exists() else "" for file in (output, saved))

        return kept

    @pytest.mark.parametrize("builds", [1, 2])
    def test_all_base_images_if_there_is_every_sdk(self, project, kept, builds):
        project.matrix(*RELEASES[:2], more=BREAK)
        for _ in range(builds):
            assert project.build().code == 1
        images = "mesos-buildkit/base:one mesos-buildkit/base:two"
        assert kept() == ("whole=true\n", f"save --output build/bases.tar {images}\n")

    @pytest.mark.parametrize("state", ["failed", "cancelled"])
    def test_nothing_if_an_sdk_is_missing(self, project, kept, state):
        project.matrix(*RELEASES[:2])
        project.good_build()
        file = project.root / "dist/manifest.json"
        manifest = json.loads(file.read_text())
        (sdk,) = (s for s in manifest["targets"][1]["stages"] if s["stage"] == "sdk")
        sdk["state"] = state
        file.write_text(json.dumps(manifest))
        assert kept() == ("", "")

    def test_nothing_if_nothing_was_built(self, project, kept):
        project.matrix(*RELEASES)
        assert kept() == ("", "")

    def test_what_is_not_to_be_built_needs_no_sdk(self, project, kept):
        left_out = '\n[[override]]\nmatch = "==0.25.0"\nskip = "nobody runs it"\n'
        project.matrix(*RELEASES[:2], more=left_out)
        project.good_build()
        assert "0.25.0" in project.statuses()
        assert kept()[0] == "whole=true\n"
