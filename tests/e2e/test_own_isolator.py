"""This repository's isolator for two releases, on each engine: from sources to what ships."""

import json
import os
import shutil
import subprocess
import uuid
from io import BytesIO

import jsonschema
import pytest

from buildkit.compat import tarfile

RELEASES = ("0.24.1", "1.11.0")
ONLY = [word for release in RELEASES for word in ("--only", release)]
LIBRARIES = {f"{r}/libdockervolume-1.0.0+mesos-{r}.stub.so" for r in RELEASES}


@pytest.fixture(scope="module", params=["docker", "host"])
def built(request, tmp_path_factory, own_sources, share_common, new_project):
    """The project after one build, and what that said. Not to be changed."""
    request.getfixturevalue(f"{request.param}_engine")
    project = new_project(tmp_path_factory.mktemp(request.param) / "checkout")
    own_sources(project.root)
    share_common(project.root)
    done = project.good_build(*ONLY, engine=request.param)
    return project, request.param, done


def build_id(file) -> str:
    notes = subprocess.run(
        ["readelf", "-n", file],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
    ).stdout
    (found,) = [line for line in notes.splitlines() if "Build ID" in line]
    return found.rpartition(" ")[2]


def test_dist_holds_libraries_debug_files_and_two_lists(built):
    project, _, done = built
    wanted = LIBRARIES | {f"{name}.debug" for name in LIBRARIES}
    visible = {name for name in project.dist() if not name.startswith(".")}
    assert visible == wanted | {"manifest.json", "SHA256SUMS"}
    for release, flag in (("0.24.1", "0241"), ("1.11.0", "01130")):
        (row,) = [line for line in done.out.splitlines() if line.startswith(release)]
        assert flag in row.split()
        assert f"dist/{release}/" in row


def test_manifest_fits_its_schema_and_says_what_was_done(built, repository):
    project, engine, _ = built
    manifest = json.loads((project.root / "dist/manifest.json").read_text())
    schema = json.loads((repository / "buildkit/manifest.schema.json").read_text())
    jsonschema.validate(manifest, schema)
    rows = project.manifest()
    assert list(rows) == [f"dockervolume/{release}/debian12" for release in RELEASES]
    for row in rows.values():
        assert row["status"] == "passed"
        assert row["engine"] == engine
        assert row["smoke"]["level"] == "run"
        levels = {check["level"] for check in row["smoke"]["checks"]}
        assert levels == {"inspect", "load", "run"}
    assert rows["dockervolume/0.24.1/debian12"]["version_flag"] == "-DMESOS_VERSION_INT=0241"


def test_checksums_hold_for_every_library_and_debug_file(built):
    project, _, _ = built
    project.verify_checksums()
    listed = {
        line.split("  ")[1] for line in (project.root / "dist/SHA256SUMS").read_text().splitlines()
    }
    assert listed == LIBRARIES | {f"{name}.debug" for name in LIBRARIES}


def test_debug_file_belongs_to_its_library(built):
    project, _, _ = built
    for row in project.manifest().values():
        artifact = row["artifact"]
        library = project.root / "dist" / artifact["path"]
        debug = project.root / "dist" / artifact["debug_path"]
        assert build_id(library) == build_id(debug) == artifact["build_id"]
        sections = subprocess.run(
            ["readelf", "-SW", library], check=True, capture_output=True, text=True
        ).stdout
        assert ".gnu_debuglink" in sections
        assert ".debug_info" not in sections


def test_second_run_does_nothing_and_says_so(built, tmp_path, new_project):
    first, engine, _ = built
    project = new_project(tmp_path / "moved")
    shutil.copytree(first.root, project.root)
    before = {
        path: path.stat().st_mtime_ns for path in (project.root / "build/cache").glob("*/*/*")
    }
    shutil.rmtree(project.root / "dist")
    done = project.good_build(*ONLY, engine=engine)
    assert "2 passed, all from the cache" in done.out
    for release in RELEASES:
        assert f"ok dockervolume/{release}/debian12 (cached)" in done.out
    after = {path: path.stat().st_mtime_ns for path in (project.root / "build/cache").glob("*/*/*")}
    assert after == before
    # From the cache comes the same as from the compiler.
    assert {p: f.read_bytes() for p, f in project.dist().items() if ".so" in p} == {
        p: f.read_bytes() for p, f in first.dist().items() if ".so" in p
    }


# The same bytes are promised for the same base image, and the host is none.
@pytest.mark.parametrize("built", ["docker"], indirect=True)
def test_plain_docker_build_ends_in_the_same_library(built, client, tree_digests, tmp_path):
    project, _, _ = built
    release = RELEASES[0]
    # As a user has it who was given the folder and nothing else.
    context = tmp_path / "given"
    shutil.copytree(project.root / "build/contexts" / release, context)
    tag = f"mesos-buildkit-test:{uuid.uuid4().hex}"
    name = f"libdockervolume-1.0.0+mesos-{release}.stub.so"
    try:
        docker_build(client, context, tag, target="artifact")
        container = client.api.create_container(tag, "none")["Id"]
        try:
            for file in (name, f"{name}.debug"):
                chunks, _ = client.api.get_archive(container, f"/{file}")
                with tarfile.open(fileobj=BytesIO(b"".join(chunks))) as archive:
                    archive.extractall(tmp_path / "out", filter="data")
        finally:
            client.api.remove_container(container)
        by_hand = tree_digests(tmp_path / "out")
        orchestrated = tree_digests(project.root / "dist" / release)
        assert by_hand[name] == orchestrated[name]
        assert by_hand[f"{name}.debug"] == orchestrated[f"{name}.debug"]

        # Without --target the smoke test runs as well, and must pass for the build to end.
        lines = docker_build(client, context, f"{tag}-smoke")
        assert any(line.startswith("ok run ") for line in lines)
        assert not any(line.startswith("FAIL ") for line in lines)
    finally:
        for image in client.images.list("mesos-buildkit-test"):
            for name in image.tags:
                if name.startswith(tag):
                    client.api.remove_image(name)


def docker_build(client, context, tag, **options) -> list[str]:
    """What a classic ``docker build`` prints."""
    lines = []
    for event in client.api.build(
        path=str(context), tag=tag, rm=True, forcerm=True, decode=True, **options
    ):
        assert "error" not in event, "".join(lines) + event["error"]
        lines.append(event.get("stream", ""))
    return "".join(lines).splitlines()


def test_contexts_are_the_same_bytes_wherever_they_are_written(
    tmp_path, own_sources, new_project, tree_digests
):
    trees = []
    for place in ("one", "another/place, deeper"):
        project = new_project(tmp_path / place)
        own_sources(project.root)
        for _ in range(2):
            done = project.run("contexts", "--only", ">=0.28,<1.3")
            assert done.code == 0, done.text
            folder = project.root / "build/contexts"
            modes = {p.relative_to(folder): p.stat().st_mode for p in folder.rglob("*")}
            trees.append((tree_digests(folder), modes))
        # Another time, another umask, another path.
        os.utime(project.root / "isolator/README.md", (0, 0))
    assert {release.split("/")[0] for release in trees[0][0] if not release.startswith(".")} == {
        "0.28.3", "1.0.4", "1.1.3", "1.2.3",
    }  # fmt: skip
    assert all(tree == trees[0] for tree in trees)
    assert not any(
        str(tmp_path) in path.read_text(errors="replace")
        for path in folder.rglob("*")
        if path.is_file()
    )


LOCK = "  const std::lock_guard<std::mutex> lock(mutex_);\n"
USE_AFTER_FREE = "  int* gone = new int(1);\n  delete gone;\n  if (*gone == 42) { throw 1; }\n"


@pytest.mark.parametrize(
    ("sanitizer", "instead", "words"),
    [
        ("thread", "", "ThreadSanitizer"),
        ("address", f"{LOCK}{USE_AFTER_FREE}", "heap-use-after-free"),
    ],
)
def test_a_sanitizer_finds_what_the_plain_build_does_not(
    tmp_path, own_sources, new_project, host_engine, sanitizer, instead, words
):
    project = new_project(tmp_path / "checkout")
    own_sources(project.root)
    project.good_build("--only", "0.24.1", "--sanitize", sanitizer)
    assert project.dist() == {}
    source = project.root / "isolator/core/volume_manager.cpp"
    text = source.read_text()
    assert LOCK in text
    source.write_text(text.replace(LOCK, instead))
    done = project.build("--only", "0.24.1", "--sanitize", sanitizer)
    assert done.code == 1, done.text
    assert words in (project.root / f"build/logs/0.24.1+{sanitizer}.log").read_text()
    assert project.dist() == {}
