"""What ``release`` refuses, and makes of a module against a counterfeit of an installed Mesos.

What it makes with a release SDK is in test_release_sdk.py, where there is one.
"""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
from io import BytesIO

import pytest
from support_podman import lacking, podman_service
from support_release import Checkout, unpacked
from support_workflow import step

from buildkit.compat import tarfile


@pytest.fixture
def built(project, host_engine):
    project.matrix(
        "0.24.1",
        "1.0.1",
        "1.1.0",
        more='[[override]]\nmatch = "==1.1.0"\nskip = "nobody runs it"\n'
        '[[override]]\nmatch = "==1.0.1"\nflags = ["-DBREAK"]\n',
    )
    assert project.build("--sdk", "stub").code == 1
    return project


def test_every_reason_is_said_at_once_and_nothing_is_made(built):
    message = built.run("release").clean_failure(1)
    assert f"{built.name}/0.24.1/debian12: built against a stub" in message
    assert f"{built.name}/1.0.1/debian12: failed when it was last built: " in message
    assert "1.1.0" not in message
    assert not (built.root / "dist/release").exists()
    library = next(path for name, path in built.dist().items() if name.endswith(".so"))
    library.unlink()
    assert "not there, though the manifest names it" in built.run("release").clean_failure(1)


def test_only_what_is_selected_is_judged(built):
    message = built.run("release", "--only", "0.24.1", "--allow-dirty").clean_failure(1)
    assert "1.0.1" not in message
    assert "nothing to publish" in built.run("release", "--only", "1.1.0").clean_failure(1)


def test_a_manifest_that_names_no_sources_is_refused(built):
    file = built.root / "dist/manifest.json"
    manifest = json.loads(file.read_text())
    manifest["schema_version"] = 2
    for row in manifest["targets"]:
        for key in ("source", "archives", "sdk_origin", "ended"):
            del row[key]
    file.write_text(json.dumps(manifest))
    message = built.run("release", "--only", "0.24.1").clean_failure(1)
    assert "does not say which sources it was built from" in message


def test_nothing_built_yet_is_refused_with_the_command(built):
    (built.root / "dist/manifest.json").unlink()
    message = built.run("release").clean_failure(1)
    assert "0.24.1/debian12: not built yet; make it with: nox -s build-0.24.1" in message


@pytest.mark.parametrize(
    ("arguments", "env", "words"),
    [
        (("--module", "tinny"), {}, "--module tinny"),
        (("--only", "9.9.9"), {}, "9.9.9"),
        (("--sign-key", "no-such-key"), {}, "--sign-key no-such-key: No such file"),
        ((), {"SOURCE_DATE_EPOCH": "yesterday"}, "SOURCE_DATE_EPOCH=yesterday"),
    ],
)
def test_a_command_line_that_is_wrong_is_one_message(built, arguments, env, words):
    built.env.update(env)
    assert words in built.run("release", *arguments).clean_failure(2)


# With what an official build has inside.
LIBMESOS = """\
namespace google {
namespace protobuf {
struct DescriptorPool { static void generated_pool(); };
void DescriptorPool::generated_pool() {}
}
struct LogMessage { void Flush(); };
void LogMessage::Flush() {}
}
"""


@pytest.fixture(scope="module")
def prefix(tmp_path_factory, host_engine):
    """The smallest Mesos: one header, the library."""
    folder = tmp_path_factory.mktemp("installed") / "mesos-1.2.3"
    header = folder / "include/mesos/version.hpp"
    header.parent.mkdir(parents=True)
    header.write_text('#define MESOS_VERSION "1.2.3"\n')
    library = folder / "lib/libmesos-1.2.3.so"
    library.parent.mkdir()
    command = ["g++", "-shared", "-fPIC", "-x", "c++", "-", "-Wl,-soname,libmesos-1.2.3.so"]
    subprocess.run([*command, "-o", str(library)], input=LIBMESOS, text=True, check=True)
    (library.parent / "libmesos.so").symlink_to(library.name)
    return folder


@pytest.fixture
def make_checkout(project, prefix):
    """Makes a module under git, built by an engine and released."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")

    def make(engine):
        project.matrix(
            "1.2.3",
            defaults='sdk = "prefix"',
            module='license = "MIT"',
            more='[sdk]\nprefix = "mesos-{release}"\n',
        )
        project.write("src/LICENSE", "The licence of the module.\n")
        project.write(".gitignore", "build/\ndist/\nmesos-*\n")
        shutil.copytree(prefix, project.root / "mesos-1.2.3", symlinks=True)
        checkout = Checkout(project)
        checkout.commit()
        project.good_build(engine=engine)
        checkout.good_release()
        return checkout

    return make


@pytest.fixture
def checkout(make_checkout):
    return make_checkout("host")


@pytest.fixture
def stem(project):
    return f"{project.name}-0.1.0+mesos-1.2.3"


def test_the_same_commit_built_elsewhere_is_the_same_to_the_bit(
    make_checkout, engine, stem, prefix, new_project, tmp_path
):
    checkout = make_checkout(engine)
    other = new_project(tmp_path / "another" / "place" / "clone")
    other.root.parent.mkdir(parents=True)
    checkout.git("clone", "--quiet", str(checkout.project.root), str(other.root))
    shutil.copytree(prefix, other.root / "mesos-1.2.3", symlinks=True)
    other.good_build(engine=engine)
    two = Checkout(other)
    done = two.good_release("--output", str(tmp_path / "out"), "--json")
    ours, theirs = checkout.published(), two.published(tmp_path / "out")
    assert ours.keys() == theirs.keys()
    assert {name for name in ours if ours[name] != theirs[name]} <= {f"{stem}.provenance.json"}
    told = json.loads(done.out)
    for file in told["files"]:
        assert file["state"] == "written"
        assert file["sha256"] == hashlib.sha256(theirs[file["name"]]).hexdigest()
    (warning,) = told["warnings"]
    assert "built against an installed Mesos (prefix " in warning


@pytest.fixture
def podman(docker_engine, base_request):
    """Podman's URL; it has been given docker's base image."""
    import docker  # noqa: PLC0415

    if why := lacking():
        if os.environ.get("MESOS_BUILDKIT_REQUIRE_PODMAN") == "1":
            pytest.fail(f"no Podman: {why}")
        pytest.skip(f"NO PODMAN, SO ITS RELEASES ARE NOT COMPARED WITH DOCKER'S: {why}")
    base = docker_engine.provide(base_request, print)
    with podman_service() as url:
        api = docker.APIClient(url, version="auto", timeout=600)
        try:
            for event in api.load_image(docker_engine.save_image(base.reference)):
                assert "error" not in event
        finally:
            api.close()
        yield url


def test_docker_and_podman_give_the_same_to_the_bit(
    make_checkout, podman, prefix, new_project, stem, tmp_path
):
    checkout = make_checkout("docker")
    other = new_project(tmp_path / "elsewhere")
    checkout.git("clone", "--quiet", str(checkout.project.root), str(other.root))
    shutil.copytree(prefix, other.root / "mesos-1.2.3", symlinks=True)
    other.env["DOCKER_HOST"] = podman
    assert podman in other.good_build(engine="docker").out
    two = Checkout(other)
    two.good_release()
    ours, theirs = checkout.published(), two.published()
    assert f"{stem}.tar.gz" in ours
    assert ours.keys() == theirs.keys()
    assert {name for name in ours if ours[name] != theirs[name]} == {f"{stem}.provenance.json"}
    built = [json.loads(one[f"{stem}.provenance.json"]) for one in (ours, theirs)]
    base = [
        next(
            entry["digest"]
            for entry in one["predicate"]["buildDefinition"]["resolvedDependencies"]
            if "base" in entry["name"]
        )
        for one in built
    ]
    assert base[0] == base[1]


@pytest.mark.parametrize("signed", [False, True])
def test_the_workflow_releases_what_was_merged(checkout, new_project, stem, tmp_path, signed):
    other = new_project(tmp_path / "merging")
    checkout.git("clone", "--quiet", str(checkout.project.root), str(other.root))
    done = other.run("merge", str(checkout.project.root / "dist"))
    assert done.code == 0, done.text
    key = tmp_path / "key"
    if signed:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    other.env.update(
        SIGN_KEY=key.read_text() if signed else "", KEY_FILE=str(tmp_path / "runner-key")
    )
    done = other.execute(*step("workflows/build-matrix.yml", "Make what can be published"))
    assert done.code == 0, done.text
    ours, theirs = checkout.published(), Checkout(other).published()
    assert ours[f"{stem}.tar.gz"] == theirs[f"{stem}.tar.gz"]
    assert any(name.endswith(".sig") for name in theirs) is signed


def test_members_are_sorted_and_of_the_commits_time(checkout, stem):
    data = checkout.published()[f"{stem}.tar.gz"]
    with tarfile.open(fileobj=BytesIO(data)) as archive:
        members = archive.getmembers()
    assert [m.name for m in members] == sorted(m.name for m in members)
    time = int(checkout.git("show", "--no-patch", "--format=%ct", "HEAD"))
    assert {(m.mtime, m.uid, m.gid, m.uname) for m in members} == {(time, 0, 0, "")}
    files = unpacked(data)
    licence = files[f"LICENSES/{checkout.project.name}/LICENSE"]
    assert licence == b"The licence of the module.\n"
    checkout.project.env["SOURCE_DATE_EPOCH"] = "86400"
    checkout.good_release("--output", "later")
    later = checkout.published("later")[f"{stem}.tar.gz"]
    assert later != data
    assert unpacked(later) == files


def test_the_checksums_are_right(checkout):
    done = checkout.project.execute(
        "sha256sum", "--strict", "-c", "SHA256SUMS", cwd=checkout.folder
    )
    assert done.code == 0, done.text


def test_what_was_cut_off_is_completed_and_nothing_is_changed(checkout, stem):
    before = checkout.published()
    for name in (f"{stem}.cdx.json", "SHA256SUMS"):
        (checkout.folder / name).unlink()
    checkout.good_release()
    assert checkout.published() == before
    spoilt = checkout.folder / f"{stem}.tar.gz"
    spoilt.write_bytes(b"other")
    message = checkout.release().clean_failure(1)
    lines = before["SHA256SUMS"].decode()
    listed = re.search(rf"^(\w+)  {re.escape(spoilt.name)}$", lines, re.MULTILINE)
    assert listed[1] in message
    assert hashlib.sha256(b"other").hexdigest() in message
    assert checkout.published() == {**before, spoilt.name: b"other"}


def test_a_rebuild_keeps_the_provenance_that_is_there(checkout):
    before = checkout.published()
    checkout.project.good_build()
    assert "4 as before" in checkout.good_release().out
    assert checkout.published() == before


def test_changed_sources_are_named_and_refused_unless_allowed(checkout):
    before = checkout.published()
    source = checkout.project.root / "src/tiny.cpp"
    source.write_text(source.read_text() + "// One line more.\n")
    message = checkout.release().clean_failure(1)
    assert "uncommitted changes since it was built: src/tiny.cpp" in message
    assert "the sources are not those that it was built from" in message
    allowed = checkout.good_release("--allow-dirty")
    assert "uncommitted changes since it was built: src/tiny.cpp" in allowed.out
    assert checkout.published() == before
    checkout.project.good_build()
    assert "with uncommitted changes: src/tiny.cpp" in checkout.release().clean_failure(1)


def test_a_signed_release_is_checked_by_one_command(checkout, stem, tmp_path):
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    keys = [tmp_path / "key", tmp_path / "other"]
    for key in keys:
        command = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "nobody", "-f", str(key))
        assert checkout.project.execute(*command).code == 0
    done = checkout.good_release("--sign-key", str(keys[0]), "--json")
    _, verify = json.loads(done.out)["verify"]
    for name in ("SHA256SUMS", f"{stem}.provenance.json"):
        command = verify.replace("SHA256SUMS", shlex.quote(name))
        good = checkout.project.execute("sh", "-c", command, cwd=checkout.folder)
        assert good.code == 0, good.text
        assert 'Good "file" signature' in good.out
    before = checkout.published()
    assert verify in before["VERIFY.txt"].decode()
    checkout.good_release("--sign-key", str(keys[0]))
    checkout.good_release()
    assert checkout.published() == before
    other = checkout.release("--sign-key", str(keys[1])).clean_failure(1)
    assert "allowed_signers: there with other bytes" in other
    assert checkout.published() == before
    (checkout.folder / "SHA256SUMS").write_bytes(before["SHA256SUMS"] + b"\n")
    bad = checkout.project.execute("sh", "-c", verify, cwd=checkout.folder)
    assert bad.code != 0


def test_a_full_disk_is_one_message_and_leaves_nothing(checkout):
    # A file may be this large, and no larger.
    message = checkout.project.execute(
        *("sh", "-c", 'ulimit -f 1 && exec "$@"', "sh"),
        *checkout.project.command("release", "--output", "full"),
    )
    assert message.code == 3, message.text
    assert "Traceback" not in message.text
    assert "File too large" in message.err
    assert list((checkout.project.root / "full").iterdir()) == []


def test_a_licence_that_is_not_there_is_named(checkout):
    matrix = checkout.project.root / "matrix.toml"
    matrix.write_text(
        matrix.read_text().replace('license = "MIT"', 'license-files = ["NO-SUCH-FILE"]')
    )
    message = checkout.release("--allow-dirty").clean_failure(2)
    assert "key 'license-files': NO-SUCH-FILE: No such file" in message


def test_a_manifest_gets_nothing_packed_from_outside(checkout, tmp_path):
    file = checkout.project.root / "dist/manifest.json"
    manifest = json.loads(file.read_text())
    (tmp_path / "secret").write_bytes(b"secret")
    artifact = manifest["targets"][0]["artifact"]
    artifact |= {
        "path": "../../secret",
        "sha256": hashlib.sha256(b"secret").hexdigest(),
    }
    file.write_text(json.dumps(manifest))
    assert "../../secret: not there" in checkout.release().clean_failure(1)
