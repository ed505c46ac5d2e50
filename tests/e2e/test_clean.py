"""``clean`` and the cache's limit: only what is ours goes, and only when it is due."""

import os
import shutil
import time
from dataclasses import replace

import pytest

from buildkit.files.owner import Owner

pytestmark = pytest.mark.usefixtures("host_engine")


def test_clean_removes_build_and_keeps_dist(project):
    project.matrix("0.24.1")
    project.good_build()
    assert (project.root / "build/CACHEDIR.TAG").is_file()
    done = project.run("clean")
    assert done.code == 0, done.text
    assert not (project.root / "build").exists()
    assert len(project.libraries()) == 1
    assert project.run("clean").code == 0
    done = project.run("clean", "--dist")
    assert done.code == 0
    assert not (project.root / "dist").exists()


@pytest.mark.parametrize("tag", [None, "", "Signature: another\n"])
def test_clean_refuses_a_folder_that_is_not_ours(project, tag):
    project.matrix("0.24.1")
    project.write("build/precious", "mine\n")
    if tag is not None:
        project.write("build/CACHEDIR.TAG", tag)
    message = project.run("clean").clean_failure(2)
    assert "build" in message
    assert (project.root / "build/precious").read_text() == "mine\n"


def test_a_build_folder_that_was_there_before_stays_its_owners(project):
    project.matrix("0.24.1")
    project.write("build/precious", "mine\n")
    # It may work there or refuse to, but must not make the folder its own.
    project.build()
    project.run("contexts")
    project.run("clean")
    assert (project.root / "build/precious").read_text() == "mine\n"


def test_clean_follows_no_link_out(project, tmp_path):
    project.matrix("0.24.1")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("mine\n")
    project.good_build()
    (project.root / "build/link").symlink_to(outside)
    assert project.run("clean").code == 0
    assert (outside / "precious").exists()
    assert not (project.root / "build").exists()


@pytest.mark.parametrize("prefix", ["mesos-buildkit-host-", "mesos-buildkit-ssh-"])
def test_clean_removes_what_killed_runs_left_in_the_temporary_folder(project, tmp_path, prefix):
    project.matrix("0.24.1")
    project.env["TMPDIR"] = str(tmp_path)
    here = Owner.current()
    for name, owner in {"alive": here, "killed": replace(here, started="1")}.items():
        project.write(f"../{prefix}{name}/owner", str(owner))
    assert project.run("clean").code == 0
    assert [path.name for path in tmp_path.glob(f"{prefix}*")] == [f"{prefix}alive"]


def entries(project) -> set[str]:
    cache = project.root / "build/cache"
    return {str(path.relative_to(cache)) for path in cache.glob("*/*") if path.is_dir()}


def test_what_is_unused_for_long_goes_when_the_cache_is_full(project):
    project.matrix("0.24.1", "0.25.0", defaults='cache-size = "1KiB"')
    project.good_build()
    first = entries(project)
    assert first
    yesterday = time.time() - 86400
    for entry in first:
        os.utime(project.root / "build/cache" / entry, (yesterday, yesterday))
    # One release is used, so what it is made from stays; the other's goes.
    done = project.good_build("--only", "0.24.1")
    assert "all from the cache" in done.out
    left = entries(project)
    assert left < first
    done = project.good_build()
    assert f"ok {project.name}/0.24.1/debian12 (cached)" in done.out
    assert f"ok {project.name}/0.25.0/debian12 (cached)" not in done.out
    project.verify_checksums()


def test_below_its_limit_nothing_goes(project):
    project.matrix("0.24.1")
    project.good_build()
    first = entries(project)
    for entry in first:
        os.utime(project.root / "build/cache" / entry, (0, 0))
    project.good_build()
    assert entries(project) == first


def test_a_run_survives_the_loss_of_its_cache(project):
    project.matrix("0.24.1")
    project.good_build()
    shutil.rmtree(project.root / "build/cache")
    done = project.good_build()
    assert "cached" not in done.out
    project.verify_checksums()
