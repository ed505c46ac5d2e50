"""From a source archive to a shippable module: all of it, on small archives of the tests' own.

They are laid out like real ones, their protobuf is a real one, and a module is loaded by the
loader that comes with them. Real archives are not needed, and none is used.
"""

import http.server
import json
import os
import re
import shutil
import subprocess
import threading
import uuid
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest
import support_mesos
import support_protobuf
import tomlkit
from support_release import Checkout, unpacked
from support_workflow import step
from test_own_isolator import docker_build

from buildkit.compat import tarfile
from buildkit.files.tarballs import read_tarball
from buildkit.releases import Release, neighbours_of
from buildkit.sdk import stub
from buildkit.smoke.results import read_report

# Both bundle the same protobuf, and an isolator's update() differs.
OLDER, NEWER = Release(1, 10, 0), Release(1, 11, 0)
SYMBOL = "mesos_buildkit_DockerVolumeIsolator"
# In a container with one release: what both have in common is seen on the host.
RELEASES = {"host": (OLDER, NEWER), "docker": (NEWER,)}


def only(*releases):
    return [word for release in releases for word in ("--only", str(release))]


def library_of(release):
    return f"{release}/libdockervolume-1.0.0+mesos-{release}.so"


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """The folder of archives, as somebody without network fills it by hand. Not to be changed."""
    folder = tmp_path_factory.mktemp("archives")
    support_protobuf.write_archive(folder)
    for release in (OLDER, NEWER):
        support_mesos.write_archive(release, folder)
    return folder


@pytest.fixture(scope="module")
def make(archives, own_sources, share_common, new_project):
    """Makes a project with this repository's isolator, and what another has made before."""

    def project(root, engine="host", *, like=None, folder=archives):
        project = new_project(root)
        project.env["MESOS_BUILDKIT_ARCHIVES"] = str(folder)
        own_sources(project.root)
        if like is None:
            share_common(project.root)
        else:
            shutil.copytree(like.root / "build/cache", project.root / "build/cache")
            shutil.copy(like.root / "matrix.lock", project.root)
        return project

    return project


def build_first(engine, tmp_path_factory, make):
    """``sdk``, then ``build``, as the README has it."""
    project = make(tmp_path_factory.mktemp(engine) / "checkout")
    where = ["--engine", engine, "--jobs", "2", *only(*RELEASES[engine])]
    sdk = project.run("sdk", "--offline", *where)
    assert sdk.code == 0, sdk.text
    done = project.run("build", "--sdk", "release", *where)
    assert done.code == 0, done.text
    return project, sdk, done


@pytest.fixture(scope="module")
def on_host(host_engine, tmp_path_factory, make):
    return build_first("host", tmp_path_factory, make)


@pytest.fixture(scope="module")
def in_container(docker_engine, tmp_path_factory, make):
    return build_first("docker", tmp_path_factory, make)


@pytest.fixture(params=["host", "docker"])
def engine(request):
    return request.param


@pytest.fixture
def built(request, engine):
    """The project after ``sdk`` and ``build``, and what these said. Not to be changed."""
    return request.getfixturevalue({"host": "on_host", "docker": "in_container"}[engine])


def entries(project, kind):
    """The store's entries of a kind, and when each was made."""
    return {
        path: path.stat().st_mtime_ns
        for path in (project.root / "build/cache" / kind).glob("*/*")
        if not path.parent.name.startswith(".")
    }


def test_module_passes_with_the_releases_own_loader(built, engine):
    project, _, done = built
    rows = project.manifest()
    assert [row["release"] for row in rows.values()] == [str(r) for r in RELEASES[engine]]
    for row in rows.values():
        release = row["release"]
        assert (row["status"], row["sdk"], row["engine"]) == ("passed", "release", engine)
        assert row["smoke"]["level"] == "run"
        details = {check["name"]: check["detail"] for check in row["smoke"]["checks"]}
        names = set(details)
        assert f"module: is accepted by the ModuleManager of Mesos {release}" in names
        assert f"module: can be created by the ModuleManager of Mesos {release}" in names
        assert any("the loader model agrees with Mesos" in name for name in names)
        for other in neighbours_of(Release.parse(release)):
            rejected = details[f"module: the neighbour's mesos-{other}.so is rejected"]
            assert f"but module is compiled with version {other}" in rejected
        assert any(check["level"] == "run" for check in row["smoke"]["checks"])
    assert project.libraries() == {library_of(release) for release in RELEASES[engine]}
    assert ".stub" not in done.out
    project.verify_checksums()


def test_auto_takes_the_release_and_a_second_run_does_nothing(built, engine, make, tmp_path):
    first, _, _ = built
    project = make(tmp_path / "again", like=first)
    before = entries(project, "*")
    done = project.good_build(*only(*RELEASES[engine]), engine=engine)
    assert f"{len(RELEASES[engine])} passed, all from the cache" in done.out
    assert project.libraries() == first.libraries()
    assert entries(project, "*") == before
    for name in project.libraries():
        assert project.dist()[name].read_bytes() == first.dist()[name].read_bytes()


def test_two_releases_share_a_protobuf(on_host):
    project, sdk, _ = on_host
    kinds = {
        path.name: len([entry for entry in path.iterdir() if not entry.name.startswith(".")])
        for path in (project.root / "build/cache").iterdir()
        if path.is_dir()
    }
    assert (kinds["protobuf"], kinds["sdk"], kinds["runtime"]) == (1, 2, 2)
    for release in (OLDER, NEWER):
        assert f"ok dockervolume/{release}/" in sdk.out


def test_lock_file_has_every_archive_that_was_used(on_host, archives):
    project, _, _ = on_host
    done = project.execute(
        "sha512sum", "--strict", "-c", project.root / "matrix.lock", cwd=archives
    )
    assert done.code == 0, done.text
    assert {line.split(":")[0] for line in done.out.splitlines()} == {
        path.name for path in archives.iterdir() if path.suffix == ".gz"
    }


def packed_sdk(project, release):
    """The files of an SDK, by path below ``sdk/``."""
    path = project.root / f"build/contexts/{release}/sdk.tar.gz"
    return {
        name.removeprefix("sdk/"): file.data
        for name, file in read_tarball(path, wanted=lambda _: True).items()
    }


def test_sdk_holds_what_modules_compile_against(on_host):
    project, _, _ = on_host
    files = packed_sdk(project, NEWER)
    assert {
        "3rdparty/boost/version.hpp",
        "3rdparty/glog/logging.h",
        "3rdparty/google/protobuf/message.h",
        "bin/protoc",
        "include/mesos/mesos.pb.h",
        "include/mesos/mesos.proto",
        "include/mesos/slave/isolator.hpp",
        "lib/process/future.hpp",
        "lib/stout/try.hpp",
        "src/messages/messages.pb.h",
        "src/module/manager.hpp",
    } <= files.keys()
    assert not [path for path in files if path.endswith((".cc", ".cpp", ".in"))]
    assert f'#define MESOS_VERSION "{NEWER}"' in files["include/mesos/version.hpp"].decode()
    # It imports what only comes with CSI.
    assert "src/csi/state.pb.h" not in files


CLASS = re.compile(r"^class (\w+) : .*?(?=^class \w+ : |\Z)", re.MULTILINE | re.DOTALL)
METHOD = re.compile(r"[ *&](\w+)\(")


def methods(header):
    """Each message's class -> the names of its methods, in a header of a ``.proto`` file."""
    return {found[1]: {*METHOD.findall(found[0])} for found in CLASS.finditer(header.decode())}


@pytest.mark.parametrize("release", [OLDER, NEWER], ids=str)
def test_stub_messages_have_no_method_that_protobuf_does_not_make(on_host, release):
    project, _, _ = on_host
    files = packed_sdk(project, release)
    stubs = {path: text for path, text in stub.render(release).items() if path.endswith(".pb.h")}
    assert "mesos/slave/containerizer.pb.h" in stubs
    for path, text in stubs.items():
        real = methods(files[f"include/{path}"])
        for name, known in methods(text).items():
            assert "MergeFrom" in known
            assert known - real[name] == set(), f"{path}: {name}"


def test_the_real_module_for_a_neighbour_is_rejected_by_the_loader(on_host, tmp_path):
    project, _, _ = on_host
    for release, other in ((OLDER, NEWER), (NEWER, OLDER)):
        # As smoke.sh has them: the harness finds the runtime in the folder beside its own.
        place = tmp_path / str(release)
        for kind, file in (("harness", "harness"), ("runtime", "lib/libmesos_runtime.so")):
            where = {"harness": "tools", "runtime": "runtime"}[kind]
            shutil.copytree(entry_for(project, kind, file, release), place / where)
        done = project.execute(
            *(place / "tools/harness", "load", "--symbol", SYMBOL, "--kind", "Isolator"),
            *("--library", project.root / "dist" / library_of(release)),
            *("--neighbour-library", project.root / "dist" / library_of(other)),
            *("--work", place / "work", "--report", place / "load.jsonl"),
        )
        assert done.code == 0, done.text
        checks = read_report(place / "load.jsonl", level="load")
        (check,) = [check for check in checks if "the neighbour's " in check.name]
        assert check.ok
        assert f"but module is compiled with version {other}" in check.detail


def entry_for(project, kind, file, release):
    """The store's entry whose ``file`` was compiled for the release."""
    (found,) = [
        entry
        for entry in (project.root / "build/cache" / kind).iterdir()
        if f"{release}\0".encode() in (entry / file).read_bytes()
    ]
    return found


@pytest.mark.parametrize(("kind", "step"), [("sdk", "generate"), ("runtime", "runtime")])
def test_what_kill_9_interrupts_is_made_anew(on_host, make, wait_for, tmp_path, kind, step):
    first, _, _ = on_host
    project = make(tmp_path / "checkout", like=first)
    for lost in {"sdk", "runtime"} if kind == "sdk" else {"runtime"}:
        shutil.rmtree(project.root / "build/cache" / lost)
    with held_at_xargs(project, tmp_path) as reached:
        # The second run must not take what the first has left for the whole.
        for _ in range(2):
            process = project.start(
                *project.command("sdk", "--engine", "host", *only(NEWER)),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            wait_for(reached.exists, process)
            process.kill()
            process.communicate()
            log = project.root / f"build/logs/{NEWER}.log"
            assert log.read_text().splitlines()[-1].startswith(f"--- {step}: ")
            assert entries(project, kind) == {}
            reached.unlink()
    if kind == "sdk":
        done = project.run("contexts", "--engine", "host", *only(NEWER))
        assert done.code == 0, done.text
        (packed,) = (project.root / "build/cache/sdk").glob("*/sdk.tar.gz")
        before = first.root / packed.relative_to(project.root)
        assert packed.read_bytes() == before.read_bytes()


@contextmanager
def held_at_xargs(project, folder):
    """A script that calls xargs waits there and then fails. Yields a file that says it does."""
    hold, reached = folder / "hold", folder / "reached"
    script = folder / "bin/xargs"
    script.parent.mkdir()
    script.write_text(
        f"#!/bin/sh\n: > {reached}\nwhile [ -e {hold} ]; do sleep 0.1; done\nexit 1\n"
    )
    script.chmod(0o755)
    hold.touch()
    path = project.env.get("PATH", os.environ["PATH"])
    project.env.update(PATH=f"{script.parent}:{path}", TMPDIR=str(folder))
    try:
        yield reached
    finally:
        hold.unlink()
        project.env["PATH"] = path


def cut_off(folder, path):
    path.write_bytes(path.read_bytes()[:-1000])


def a_page(folder, path):
    path.write_text("<!DOCTYPE html>\n<title>Please log in</title>\n")


def another_release(folder, path):
    support_mesos.write_archive(OLDER, folder, claims=NEWER)


@pytest.mark.parametrize(
    ("spoil", "pinned", "words"),
    [
        (cut_off, False, "is cut off"),
        (a_page, False, "HTML"),
        (another_release, False, f"holds Mesos {NEWER}, expected {OLDER}"),
        (another_release, True, "not the file that was used before"),
    ],
)
def test_bad_archive_fails_its_release_alone(
    on_host, archives, make, tmp_path, spoil, pinned, words
):
    first, _, _ = on_host
    folder = tmp_path / "archives"
    shutil.copytree(archives, folder)
    name = f"mesos-{OLDER}.tar.gz"
    spoil(folder, folder / name)
    project = make(tmp_path / "checkout", like=first, folder=folder)
    if not pinned:
        lock = project.root / "matrix.lock"
        lines = lock.read_text().splitlines(keepends=True)
        lock.write_text("".join(line for line in lines if name not in line))
    # What has been made of the pinned archive needs it no more.
    shutil.rmtree(project.root / "build/cache/sdk")
    where = ("--engine", "host", *only(OLDER, NEWER))
    done = project.run("build", "--sdk", "release", *where)
    assert done.code == 1, done.text
    assert words in done.text
    assert name in done.text
    assert "Traceback" not in done.text
    assert project.statuses() == {str(OLDER): "failed", str(NEWER): "passed"}
    assert project.libraries() == {library_of(NEWER)}
    sdk = project.run("sdk", *where)
    assert sdk.code == 1, sdk.text
    assert words in sdk.text
    assert f"ok dockervolume/{NEWER}/" in sdk.text
    # Only what was right is pinned, so the right one is taken at once.
    assert (name in (project.root / "matrix.lock").read_text()) == pinned
    shutil.copy(archives / name, folder)
    right = project.run("sdk", "--fetch-only", "--offline", *only(OLDER))
    assert right.code == 0, right.text


def test_missing_bundled_archive_is_named(on_host, archives, make, tmp_path):
    first, _, _ = on_host
    folder = tmp_path / "archives"
    shutil.copytree(archives, folder)
    name = f"{support_protobuf.STEM}.tar.gz"
    (folder / name).unlink()
    project = make(tmp_path / "checkout", like=first, folder=folder)
    # What has been made of it needs it no more.
    shutil.rmtree(project.root / "build/cache/sdk")
    done = project.build("--sdk", "release", *only(NEWER))
    assert done.code == 1, done.text
    assert f"mesos-{NEWER}.tar.gz: lacks the bundled {name}; put {name} into {folder}" in done.text


CALLING = """\
#include <slave/paths.hpp>
static const std::string folder = mesos::internal::slave::paths::{name}("/var/lib/mesos");
"""
MESSAGE = """\
syntax = "proto2";
import "mesos/mesos.proto";
package tiny;
message Note {
  optional mesos.ContainerID container = 1;
}
"""
WRITING = """\
#include "note.pb.h"
static const std::string note = tiny::Note().SerializeAsString();
"""


def test_inspect_knows_what_a_release_provides(on_host, project, archives):
    first, _, _ = on_host
    project.env["MESOS_BUILDKIT_ARCHIVES"] = str(archives)
    plain = (project.root / "src/tiny.cpp").read_text()
    project.write("finds/tiny.cpp", CALLING.format(name="metaFolder") + plain)
    project.write("lacks/tiny.cpp", CALLING.format(name="lostFolder") + plain)
    project.write("notes/tiny.cpp", WRITING + plain)
    project.write("notes/note.proto", MESSAGE)
    project.matrix(
        str(NEWER),
        more=project.table("finds", source='source = "finds"')
        + project.table("lacks", source='source = "lacks"')
        + project.table("notes", 'protos = ["*.proto"]', source='source = "notes"'),
    )
    shutil.copytree(first.root / "build/cache", project.root / "build/cache")
    before = entries(project, "sdk") | entries(project, "runtime")
    done = project.build("--sdk", "release")
    assert done.code == 1, done.text
    assert {name.split("/")[0]: row["status"] for name, row in project.manifest().items()} == {
        project.name: "passed",
        "finds": "passed",
        "lacks": "failed",
        "notes": "passed",
    }
    assert "every undefined symbol has a provider" in done.out
    assert "lostFolder" in done.out
    assert "metaFolder" not in done.out
    # All of that with the SDK that the first project has made.
    assert entries(project, "sdk") | entries(project, "runtime") == before


def test_what_was_written_to_an_sdk_does_not_reach_the_next_build(
    on_host, make, tmp_path, tree_digests
):
    first, _, _ = on_host
    project = make(tmp_path / "checkout", like=first)
    shutil.rmtree(project.root / "build/cache/build")
    unpacked = project.root / "build/cache/unpacked"
    for header in unpacked.glob("*/files/sdk/include/mesos/version.hpp"):
        header.write_text("#error spoilt\n")
    done = project.good_build(*only(NEWER), engine="host")
    log = (project.root / f"build/logs/{NEWER}.log").read_text()
    assert "has been written to by a build" in log
    name = library_of(NEWER)
    assert tree_digests(project.root / "dist")[name] == tree_digests(first.root / "dist")[name]
    assert "all from the cache" not in done.out


def test_context_with_the_packed_sdk_ends_in_the_same_library(
    in_container, client, make, tmp_path, tree_digests
):
    first, _, _ = in_container
    project = make(tmp_path / "checkout", like=first)
    done = project.run("contexts", "--engine", "docker", *only(NEWER))
    assert done.code == 0, done.text
    folder = project.root / f"build/contexts/{NEWER}"
    assert (folder / "sdk.tar.gz").stat().st_size < 15_000_000
    assert not (folder / "sdk").exists()
    # As a user has it who was given the folder and nothing else.
    context = tmp_path / "given"
    shutil.copytree(folder, context)
    tag = f"mesos-buildkit-test:{uuid.uuid4().hex}"
    name = Path(library_of(NEWER)).name
    docker_build(client, context, tag, target="artifact")
    try:
        container = client.api.create_container(tag, "none")["Id"]
        try:
            chunks, _ = client.api.get_archive(container, f"/{name}")
        finally:
            client.api.remove_container(container)
    finally:
        client.api.remove_image(tag)
    with tarfile.open(fileobj=BytesIO(b"".join(chunks))) as archive:
        archive.extractall(tmp_path / "out", filter="data")
    by_hand = tree_digests(tmp_path / "out")
    assert by_hand[name] == tree_digests(first.root / "dist")[library_of(NEWER)]


STEM = f"dockervolume-1.0.0+mesos-{NEWER}"


@pytest.fixture
def released(built, engine, make, tmp_path):
    """A checkout with a release of what an earlier build has left, and its commit."""
    first, _, _ = built
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    project = make(tmp_path / "one" / "checkout", engine, like=first)
    project.write(".gitignore", "build/\ndist/\n")
    project.write("LICENSE", "The licence of the module.\n")
    checkout = Checkout(project, tuple(only(NEWER)))
    revision = checkout.commit()
    project.good_build("--sdk", "release", *only(NEWER), engine=engine)
    checkout.good_release()
    return checkout, revision


def test_release_made_elsewhere_is_the_same_to_the_bit(released, engine, make, tmp_path):
    """SDK and library are compiled again, by another path. Of Mesos what takes long is shared."""
    one, revision = released
    other = make(tmp_path / "another" / "place" / "clone", engine)
    shutil.rmtree(other.root)
    one.git("clone", "--quiet", str(one.project.root), str(other.root))
    for kind in ("protobuf", "runtime", "runtime-digest"):
        shutil.copytree(one.project.root / "build/cache" / kind, other.root / "build/cache" / kind)
    two = Checkout(other, one.arguments)
    # How far it was tested is no part of what must be the same.
    built = other.good_build("--sdk", "release", "--smoke", "inspect", *only(NEWER), engine=engine)
    assert "cached" not in built.out
    refused = two.release().clean_failure(1)
    assert f"dockervolume/{NEWER}/debian12: smoke-tested up to inspect, run is required" in refused
    two.good_release("--require-smoke", "inspect", "--output", "elsewhere")
    ours, theirs = one.published(), two.published("elsewhere")
    assert ours.keys() == theirs.keys()
    assert {name for name in ours if ours[name] != theirs[name]} <= {f"{STEM}.provenance.json"}
    assert theirs["SHA256SUMS"].count(b"\n") == 3
    files = unpacked(theirs[f"{STEM}.tar.gz"])
    assert json.loads(files["manifest.json"])["source"]["revision"] == revision
    library = other.root / "dist" / library_of(NEWER)
    assert files[library.name] == library.read_bytes()


def test_release_names_and_licenses_all_that_is_inside(released, engine):
    checkout, revision = released
    published = checkout.published()
    assert published.keys() == {
        *(f"{STEM}{suffix}" for suffix in (".tar.gz", ".debug.tar.gz", ".cdx.json")),
        *(f"{STEM}.provenance.json", "SHA256SUMS", "VERIFY.txt"),
    }
    files = unpacked(published[f"{STEM}.tar.gz"])
    library = Path(library_of(NEWER)).name
    assert json.loads(files["modules.json"])["libraries"][0]["file"].endswith(f"/{library}")
    assert SYMBOL in json.loads(files["agent-flags.json"])["flags"]["isolation"]
    assert f"install -m 0644 {library}" in files["INSTALL.txt"].decode()
    assert files["LICENSES/dockervolume/LICENSE"] == b"The licence of the module.\n"
    assert files["LICENSES/mesos-1.11.0/LICENSE"] == b"All of this archive is the tests' own.\n"
    assert files["LICENSES/protobuf-3.5.0/LICENSE"] == b"The licence of protobuf.\n"
    assert files["LICENSES/glog-0.4.0/COPYING"] == b"The licence of glog.\n"
    assert b"boost-1.65.0: BSL-1.0: no text: " in files["LICENSES/README.txt"]
    document = json.loads(published[f"{STEM}.cdx.json"])
    parts = {part["name"]: part for part in document["components"]}
    pins = (checkout.project.root / "matrix.lock").read_text()
    for name in ("mesos", "protobuf"):
        assert parts[name]["hashes"][0]["content"] in pins
    assert {"boost", "glog", "picojson", "g++"} <= parts.keys()
    statement = json.loads(published[f"{STEM}.provenance.json"])
    build = statement["predicate"]["buildDefinition"]
    assert build["internalParameters"]["engine"] == engine
    assert {"name": "commit", "digest": {"gitCommit": revision}} in build["resolvedDependencies"]
    assert statement["predicate"]["runDetails"]["metadata"].keys() == {"startedOn", "finishedOn"}


def test_release_needs_the_archives_that_it_takes_licences_from(released):
    checkout, _ = released
    checkout.project.env["MESOS_BUILDKIT_ARCHIVES"] = "/nonexistent/archives"
    message = checkout.release().clean_failure(3)
    assert f"mesos-{NEWER}.tar.gz, {support_protobuf.STEM}.tar.gz: not in" in message


@pytest.fixture
def apache(archives, tmp_path):
    """The URL of a server that has the newer release's archive where Apache's has it."""
    folder = tmp_path / "apache" / str(NEWER)
    folder.mkdir(parents=True)
    shutil.copy(archives / f"mesos-{NEWER}.tar.gz", folder)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=folder.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_workflow_releases_on_a_machine_without_archives(
    on_host, make, archives, apache, new_project, tmp_path
):
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    job = make(tmp_path / "job" / "checkout", like=on_host[0])
    matrix = tomlkit.parse((job.root / "matrix.toml").read_text())
    matrix["releases"] = [str(NEWER)]
    matrix["archives"] = {"url": apache}
    job.write("matrix.toml", tomlkit.dumps(matrix))
    job.write(".gitignore", "build/\ndist/\n")
    job.write("LICENSE", "The licence of the module.\n")
    built = Checkout(job)
    built.commit()
    job.good_build("--sdk", "release")
    built.good_release()

    last = new_project(tmp_path / "last" / "checkout")
    last.root.parent.mkdir()
    built.git("clone", "--quiet", str(job.root), str(last.root))
    folder = tmp_path / "fetched"
    folder.mkdir()
    # Apache's archives have it inside.
    shutil.copy(archives / f"{support_protobuf.STEM}.tar.gz", folder)
    last.env.update(
        MESOS_BUILDKIT_ARCHIVES=str(folder), PARTS=str(job.root), SIGN_KEY="", KEY_FILE=""
    )
    for name in (
        "Merge them",
        "Fetch the archives that licences are taken from",
        "Make what can be published",
    ):
        done = last.execute(*step("workflows/build-matrix.yml", name))
        assert done.code == 0, done.text
    assert Checkout(last).published() == built.published()
