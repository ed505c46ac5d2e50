"""One target fails: what becomes of the others, of dist/, and of who has to find out why."""

import json

import pytest

RELEASES = ("0.24.1", "0.25.0", "0.26.0")
BREAK = '\n[[override]]\nmatch = "==0.25.0"\nflags = ["-DBREAK"]\n'


def expect(stage: str, pattern: str) -> str:
    return f'expect = "fail"\nreason = "known"\nstage = "{stage}"\npattern = "{pattern}"\n'


def test_others_stay_green_and_the_stale_library_goes(project, engine):
    project.matrix(*RELEASES)
    project.good_build(engine=engine)
    assert len(project.libraries()) == 3
    project.matrix(*RELEASES, more=BREAK)
    done = project.build(engine=engine)
    assert done.code == 1
    assert {path.split("/")[0] for path in project.libraries()} == {"0.24.1", "0.26.0"}
    assert not [path for path in project.dist() if path.startswith("0.25.0/")]
    assert project.statuses() == {"0.24.1": "passed", "0.25.0": "failed", "0.26.0": "passed"}
    project.verify_checksums()
    # The cause is on screen, and where to read more.
    assert "#error broken on purpose" in done.out
    assert "full log: build/logs/0.25.0.log" in done.out
    assert "2 passed, 1 failed" in done.out
    assert "#error broken on purpose" in (project.root / "build/logs/0.25.0.log").read_text()
    assert "broken on purpose" not in (project.root / "build/logs/0.24.1.log").read_text()
    # And it comes back when it is good again.
    project.matrix(*RELEASES)
    project.good_build(engine=engine)
    assert len(project.libraries()) == 3
    project.verify_checksums()


def test_json_goes_to_standard_output_alone(project):
    project.matrix(*RELEASES, more=BREAK)
    done = project.build("--json")
    assert done.code == 1
    rows = {row["release"]: row for row in json.loads(done.out)["targets"]}
    assert rows["0.25.0"]["status"] == "failed"
    assert any("broken on purpose" in line for line in rows["0.25.0"]["cause"])
    assert rows["0.26.0"]["artifact"]["path"].startswith("0.26.0/")
    assert "full log" in done.err


def test_fail_fast_starts_nothing_more(project):
    project.matrix(*RELEASES, more=BREAK.replace("==0.25.0", "==0.24.1"))
    done = project.build("--fail-fast", jobs=1)
    assert done.code == 1
    assert "1 failed, 2 cancelled" in done.out
    assert project.libraries() == set()
    assert not (project.root / "build/logs/0.26.0.log").exists()


def test_a_run_cut_short_leaves_the_rest_as_it_was(project):
    project.matrix(*RELEASES)
    project.good_build()
    project.write("src/tiny.cpp", "#error broken\n")
    done = project.build("--fail-fast", jobs=1)
    assert done.code == 1
    # What is in dist/ and what the manifest says of it go together, whatever was cancelled.
    listed = {row["artifact"]["path"] for row in project.manifest().values() if row["artifact"]}
    assert listed == project.libraries()
    project.verify_checksums()


def test_a_kept_work_folder_repeats_the_failure(project):
    project.matrix(*RELEASES, more=BREAK)
    done = project.build("--keep-failed")
    assert done.code == 1
    assert "kept: build/failed/0.25.0" in done.out
    kept = project.root / "build/failed/0.25.0"
    again = project.execute("sh", "build.sh", "common", "out", cwd=kept)
    assert again.code != 0
    assert "broken on purpose" in again.text
    # As its finder would go on: the cause is taken away, and it builds.
    source = kept / "module/tiny.cpp"
    source.write_text(source.read_text().replace("#error", "//"))
    fixed = project.execute("sh", "build.sh", "common", "out", cwd=kept)
    assert fixed.code == 0, fixed.text
    assert (kept / f"out/lib{project.name}-0.1.0+mesos-0.25.0.stub.so").is_file()
    assert not (project.root / "build/failed/0.24.1").exists()


def test_without_the_option_nothing_is_kept(project):
    project.matrix(*RELEASES, more=BREAK)
    assert project.build().code == 1
    assert not (project.root / "build/failed").exists()


@pytest.mark.parametrize(
    ("flags", "expectation", "code", "status", "says"),
    [
        (["-DBREAK"], ("build", "broken on"), 0, "expected failure", "fails as expected"),
        (["-DBREAK"], ("smoke", "broken on"), 1, "failed", "in stage smoke, not in build"),
        (["-DBREAK"], ("build", "another"), 1, "failed", "matches 'another', not this one"),
        ([], ("build", "broken on"), 1, "unexpected pass", "PASSED UNEXPECTEDLY"),
    ],
    ids=["as foretold", "wrong stage", "wrong pattern", "unexpected pass"],
)
def test_an_expected_failure(project, flags, expectation, code, status, says):
    override = f'\n[[override]]\nmatch = "==0.25.0"\nflags = {json.dumps(flags)}\n'
    project.matrix("0.24.1", "0.25.0", more=override + expect(*expectation))
    done = project.build()
    assert done.code == code, done.text
    assert project.statuses() == {"0.24.1": "passed", "0.25.0": status}
    assert says in done.out
    assert {path.split("/")[0] for path in project.libraries()} == {"0.24.1"}


def test_a_skipped_release_is_not_built_and_its_library_goes(project):
    project.matrix("0.24.1", "0.25.0")
    project.good_build()
    project.matrix(
        "0.24.1", "0.25.0", more='\n[[override]]\nmatch = "==0.25.0"\nskip = "nobody runs it"\n'
    )
    done = project.good_build()
    assert "nobody runs it" in done.out
    assert project.statuses() == {"0.24.1": "passed", "0.25.0": "skipped"}
    assert {path.split("/")[0] for path in project.libraries()} == {"0.24.1"}
    project.verify_checksums()


def test_what_changed_is_built_again_and_nothing_else(project):
    project.matrix("0.24.1", "0.25.0")
    project.good_build()
    source = project.root / "src/tiny.cpp"
    source.write_text(source.read_text().replace("create()", "make()").replace("create;", "make;"))
    done = project.good_build("--only", "0.25.0")
    assert "cached" not in done.out
    assert "ok" in done.out
    # A flag for one release leaves the other as it is.
    project.matrix("0.24.1", "0.25.0", more='[[override]]\nmatch = "<0.25"\nflags = ["-DNEW"]\n')
    done = project.good_build()
    assert f"ok {project.name}/0.25.0/debian12 (cached)" in done.out
    assert f"ok {project.name}/0.24.1/debian12 (cached)" not in done.out


class TestWorkFolder:
    """What lies in build/contexts/ is for people to look at and play with."""

    def test_an_older_context_is_not_built(self, project):
        project.matrix("0.24.1")
        good = (project.root / "src/tiny.cpp").read_text()
        bad = "#error broken for good\n"
        project.write("src/tiny.cpp", bad)
        assert project.build().code == 1
        project.write("src/tiny.cpp", good)
        assert project.run("contexts").code == 0
        project.write("src/tiny.cpp", bad)
        done = project.build()
        assert done.code == 1
        assert "broken for good" in done.out

    def test_what_a_user_did_in_a_context_does_not_get_into_a_library(self, project, tree_digests):
        project.matrix("0.24.1")
        project.good_build()
        wanted = tree_digests(project.root / "dist/0.24.1")
        context = project.root / "build/contexts/0.24.1"
        assert project.execute("sh", "build.sh", "common", "out", cwd=context).code == 0
        for file in (context / "module").rglob("*.cpp"):
            file.write_text(file.read_text() + "int experiment = 1;\n")
        (context / "out/junk").write_text("junk")
        # An object that the next link would take along.
        made = project.execute(
            "g++",
            "-shared",
            "-fPIC",
            "-r",
            "-nostdlib",
            "-x",
            "c++",
            "-c",
            "/dev/null",
            "-o",
            "obj/2.o",
            cwd=context,
        )
        assert made.code == 0, made.text
        project.run("smoke")
        for entry in (project.root / "build/cache/build").iterdir():
            for file in entry.iterdir():
                file.unlink()
            entry.rmdir()
        project.good_build()
        assert tree_digests(project.root / "dist/0.24.1") == wanted
