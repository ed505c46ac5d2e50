"""``report`` after a build: its files, its options, and what it says when there is nothing."""

import json
from xml.etree import ElementTree as ET

RELEASES = ("0.24.1", "0.25.0")
BREAK = '\n[[override]]\nmatch = "==0.25.0"\nflags = ["-DBREAK"]\n'


def test_after_a_build_it_writes_all_three_and_the_failure_does_not_fail_it(project, host_engine):
    project.matrix(*RELEASES, more=BREAK)
    assert project.build().code == 1
    done = project.run("report")
    assert done.code == 0, done.text
    assert "wrote dist/report.html" in done.out
    dist = project.root / "dist"
    page = (dist / "report.html").read_text()
    assert "1 passed, 1 failed" in page
    assert "#error broken on purpose" in page
    # Links lead to files that are there.
    [library] = project.libraries()
    assert f'href="{library}"' in page
    assert 'href="../build/logs/0.25.0.log"' in page
    assert (dist / "../build/logs/0.25.0.log").is_file()
    assert "#error broken on purpose" in (dist / "report.md").read_text()
    root = ET.parse(dist / "junit.xml").getroot()  # noqa: S314  # our own
    assert (root.get("tests"), root.get("failures")) == ("6", "1")
    before = {name: path.read_bytes() for name, path in project.dist().items()}
    assert project.run("report").code == 0
    assert {name: path.read_bytes() for name, path in project.dist().items()} == before
    # What is not a library is none of the checksums' business, and a build leaves it alone.
    project.verify_checksums()
    project.build()
    assert (dist / "report.html").is_file()


def test_one_form_to_a_place_of_its_own(project, host_engine):
    project.matrix("0.24.1")
    project.good_build()
    page = project.root / "site/pages/index.html"
    done = project.run("report", "--html", str(page))
    assert done.code == 0, done.text
    [library] = project.libraries()
    assert f'href="../../dist/{library}"' in page.read_text()
    assert 'href="../../build/logs/0.24.1.log"' in page.read_text()
    assert not (project.root / "dist/report.html").exists()
    assert not (project.root / "dist/junit.xml").exists()
    done = project.run("report", "--junit", "--markdown", "-")
    assert done.code == 0, done.text
    assert done.out.startswith("# Mesos modules: 1 passed\n")
    assert (project.root / "dist/junit.xml").is_file()
    assert not (project.root / "dist/report.md").exists()


def test_what_was_never_built_is_missing(project, host_engine):
    project.matrix(*RELEASES)
    project.good_build("--only", "0.24.1")
    done = project.run("report", "--markdown", "-")
    assert done.code == 0, done.text
    assert "1 passed, 1 missing" in done.out


def test_before_any_build_it_says_what_to_do(project):
    project.matrix("0.24.1")
    text = project.run("report").clean_failure(3)
    assert "nox -s build" in text


def test_of_a_manifest_of_version_1(project, host_engine):
    project.matrix("0.24.1")
    project.good_build()
    file = project.root / "dist/manifest.json"
    manifest = json.loads(file.read_text())
    manifest["schema_version"] = 1
    for row in manifest["targets"]:
        del row["log"]
    file.write_text(json.dumps(manifest))
    done = project.run("report")
    assert done.code == 0, done.text
    assert "build/logs" not in (project.root / "dist/report.html").read_text()
    project.good_build()
    assert json.loads(file.read_text())["schema_version"] == 3
