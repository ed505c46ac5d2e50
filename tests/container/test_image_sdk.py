"""Modules built in images that have a made-up Mesos; and against a prefix, in a container."""

import io
import shutil
import subprocess
import tarfile
import uuid
from pathlib import Path

import pytest
from support_installed import MODULE, Project, assert_isolator_ran

from buildkit.files.tree import read_tree
from buildkit.releases import Release
from buildkit.sdk.stub import render

PROGRAMS = Path(__file__).parents[1] / "support/installed"

# Links libmesos and a protobuf of its own, which lies where nobody else looks.
BUILD = """\
set -eu
mkdir -p {lib}
echo 'int parse() {{ return 0; }}' > protobuf.cpp
echo 'namespace mesos {{ int answer() {{ return 42; }} }}' > mesos.cpp
g++ -shared -fPIC protobuf.cpp -Wl,-soname,libprotobuf.so.32 -o {lib}/libprotobuf.so.32
g++ -shared -fPIC mesos.cpp -Wl,-soname,libmesos-{release}.so -Wl,--no-as-needed \
  {lib}/libprotobuf.so.32 -o {lib}/libmesos-{release}.so
ln -s libmesos-{release}.so {lib}/libmesos.so
mkdir -p {lib}/pkgconfig
printf 'prefix={prefix}\\nVersion: {release}\\nCflags: -I${{prefix}}/include -DFROM_PC\\n' \
  > {lib}/pkgconfig/mesos.pc
"""


@pytest.fixture(scope="module")
def make_image(docker_engine, base):
    """Makes images with a Mesos below a prefix; they are removed in the end."""
    import docker  # noqa: PLC0415

    client = docker.from_env(timeout=300)
    made = []

    def make(prefix, lib="lib", release="1.2.3"):
        script = BUILD.format(prefix=prefix, lib=f"{prefix}/{lib}", release=release)
        files = {f"include/{path}": data for path, data in render(Release(1, 2, 3)).items()}
        files["build.sh"] = script.encode()
        files |= {f"programs/{path}": file.data for path, file in read_tree(PROGRAMS).items()}
        files["Dockerfile"] = (
            f"FROM {base.identity}\nCOPY include/ {prefix}/include/\nCOPY build.sh /\n"
            f"COPY programs/ {prefix}/\nRUN sh /build.sh\n"
        ).encode()
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for path, data in files.items():
                member = tarfile.TarInfo(path)
                member.size = len(data)
                member.mode = 0o755
                archive.addfile(member, io.BytesIO(data))
        packed.seek(0)
        tag = f"mesos-buildkit-test:{uuid.uuid4().hex}"
        client.images.build(fileobj=packed, custom_context=True, tag=tag, rm=True, forcerm=True)
        made.append(tag)
        return tag

    yield make
    for tag in made:
        client.images.remove(tag, force=True)
    client.close()


@pytest.fixture
def project(tmp_path, monkeypatch, client):
    monkeypatch.chdir(tmp_path)
    project = Project(root=tmp_path, engine="docker")
    yield project
    for tag in project.bases:
        client.images.remove(tag, force=True)


def assert_a_task_ran(project, sdk):
    """The made-up programs in the image or prefix ran one task, with a volume."""
    project.add('[module.smoke]\nscenario = "docker-volume"\n')
    outcome = project.run(sdk, "agent")
    assert outcome.good, outcome.cause
    details = {check.name: check.detail for check in outcome.checks if check.level == "agent"}
    assert details["it is unmounted when the task has ended"].endswith("--volumename=v1")


def test_the_isolator_runs_with_the_images_own_libmesos(project, make_image):
    project.use_isolator(make_image("/opt/mesos"))
    assert_isolator_ran(project.run("image", "run"))
    assert "takes protobuf from libprotobuf.so.32" in project.log()
    assert project.run("image", "run").stages[0].state == "cached"
    assert_a_task_ran(project, "image")


def test_mesos_among_the_systems_own_files_is_found(project, make_image):
    # Where Debian's packages put libraries; and the compiler must still warn in these headers.
    image = make_image("/usr", "lib/x86_64-linux-gnu")
    project.matrix(image)
    project.write(
        "src/tiny.cpp",
        "#include <mesos/slave/isolator.hpp>\n"
        "struct Mine : mesos::slave::Isolator {\n"
        "  process::Future<Nothing> update();\n};\n" + MODULE.replace("Isolator", "Own"),
    )
    outcome = project.run("image")
    assert outcome.stages[1].state == "passed", outcome.cause
    assert any("silent-override" in warning for warning in outcome.warnings)


def test_a_symbol_that_libmesos_lacks_is_named(project, make_image):
    image = make_image("/opt/mesos")
    project.matrix(image)
    assert project.run("image").good
    project.add('flags = ["-DASKED=question"]\n')
    assert "_Z8questionv" in project.cause("image")


def test_an_image_with_another_release_is_refused(project, make_image):
    project.matrix(make_image("/usr/local", release="1.2.1"))
    cause = project.cause("image")
    for part in ("/usr/local: expected Mesos 1.2.3", "libmesos-1.2.1.so", "mesos.pc says 1.2.1"):
        assert part in cause


def test_an_image_without_mesos_is_refused(project, base):
    project.matrix(base.reference)
    assert "no include/mesos/version.hpp below /usr/local" in project.cause("image")


class TestPrefix:
    @pytest.fixture
    def installed(self, project):
        for path, data in render(Release(1, 2, 3)).items():
            project.write(f"mesos-1.2.3/include/{path}", data.decode())
        prefix = project.prefix
        script = BUILD.format(prefix=prefix, lib=prefix / "lib", release="1.2.3")
        subprocess.run(["sh", "-c", script], cwd=project.root, check=True)
        return project

    def test_it_reaches_the_container(self, installed):
        installed.use_isolator()
        assert_isolator_ran(installed.run(smoke="run"))
        assert "takes protobuf from libprotobuf.so.32" in installed.log()
        shutil.copytree(PROGRAMS, installed.prefix, dirs_exist_ok=True)
        assert_a_task_ran(installed, "prefix")

    def test_what_the_base_lacks_is_named_with_its_package(self, installed):
        (installed.prefix / "lib/libprotobuf.so.32").unlink()
        cause = installed.cause()
        for part in ("libprotobuf.so.32", "'packages' of platform 'debian12'", "libprotobuf32"):
            assert part in cause
