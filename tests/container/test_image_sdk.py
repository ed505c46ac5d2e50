"""Modules built in images that have a made-up Mesos; and against a prefix, in a container."""

import io
import shutil
import subprocess
import tarfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console

from buildkit.archivelock import ArchiveLock
from buildkit.archives import Archives
from buildkit.engine.bases import base_tag
from buildkit.matrix import load_matrix
from buildkit.options import Options
from buildkit.pipeline import Pipeline
from buildkit.plan import make_plan
from buildkit.probe import Probe
from buildkit.releases import Release
from buildkit.sdk.stub import render
from buildkit.session import run_plan
from buildkit.workspace import Workspace

REPOSITORY = Path(__file__).parents[2]

MATRIX = """\
releases = ["1.2.3"]

[sdk]
image = "{image}"
prefix = "mesos-{{release}}"

[[module]]
name = "tiny"
version = "0.1.0"
symbol = "tiny_Module"
source = "src"
"""

MODULE = """\
#include <mesos/version.hpp>
#include <stout/nothing.hpp>
namespace mesos {
namespace slave {
struct Isolator {
  virtual ~Isolator() {}
  virtual int prepare() { return 0; }
};
}
int answer();
}
struct Tiny : mesos::slave::Isolator {
  int prepare() override { return mesos::answer(); }
};
static mesos::slave::Isolator* create() { return new Tiny(); }
extern "C" { mesos::slave::Isolator* (*tiny_Module)() = create; }
"""

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
        files["Dockerfile"] = (
            f"FROM {base.identity}\nCOPY include/ {prefix}/include/\nCOPY build.sh /\n"
            "RUN sh /build.sh\n"
        ).encode()
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for path, data in files.items():
                member = tarfile.TarInfo(path)
                member.size = len(data)
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


@dataclass
class Project:
    root: Path
    lines: list[str] = field(default_factory=list)
    bases: set[str] = field(default_factory=set)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def run(self, sdk="image", smoke="inspect"):
        options = Options(sdk=sdk, smoke=smoke, jobs=2)
        probe = Probe(docker=True, docker_detail="the test's")
        plan = make_plan(load_matrix(self.root / "matrix.toml"), options, probe)
        self.bases |= {base_tag(t.base_request) for t in plan.targets if t.sdk == "image"}
        workspace = Workspace(root=self.root)
        console = Console(quiet=True)
        archives = Archives(
            folder=self.root / "archives",
            lock=ArchiveLock.beside(self.root / "matrix.toml", workspace.build),
            emit=print,
        )
        [outcome], _ = run_plan(plan, options, workspace, archives, console, Pipeline.run)
        return outcome

    def log(self):
        return (self.root / "build/logs/1.2.3.log").read_text()


@pytest.fixture
def project(tmp_path, monkeypatch, client):
    monkeypatch.chdir(tmp_path)
    project = Project(root=tmp_path)
    project.write("src/tiny.cpp", MODULE)
    yield project
    for tag in project.bases:
        client.images.remove(tag, force=True)


def use_isolator(project, image):
    shutil.copytree(REPOSITORY / "isolator", project.root / "src", dirs_exist_ok=True)
    project.write(
        "src/src/needs_libmesos.cpp",
        "#include <stdlib.h>\n"
        "#ifndef FROM_PC\n#error the flags of mesos.pc are not there\n#endif\n"
        "namespace mesos { int answer(); }\n"
        "namespace { struct Ask { Ask() { if (mesos::answer() != 42) abort(); } } ask; }\n",
    )
    project.write(
        "matrix.toml",
        MATRIX.format(image=image).replace("tiny_Module", "mesos_buildkit_DockerVolumeIsolator")
        + 'sources = ["src/*.cpp"]\ncommon-sources = ["core/*.cpp"]\n',
    )


def test_the_isolator_runs_with_the_images_own_libmesos(project, make_image):
    use_isolator(project, make_image("/opt/mesos"))
    outcome = project.run(smoke="run")
    assert outcome.good, outcome.cause
    assert {check.level for check in outcome.checks} == {"inspect", "load", "run"}
    assert outcome.artifact.path == "1.2.3/libtiny-0.1.0+mesos-1.2.3.so"
    assert "takes protobuf from libprotobuf.so.32" in project.log()
    assert project.run(smoke="run").stages[0].state == "cached"


def test_mesos_among_the_systems_own_files_is_found(project, make_image):
    # Where Debian's packages put libraries; and the compiler must still warn in these headers.
    image = make_image("/usr", "lib/x86_64-linux-gnu")
    project.write("matrix.toml", MATRIX.format(image=image))
    project.write(
        "src/tiny.cpp",
        "#include <mesos/slave/isolator.hpp>\n"
        "struct Mine : mesos::slave::Isolator {\n"
        "  process::Future<Nothing> update();\n};\n" + MODULE.replace("Isolator", "Own"),
    )
    outcome = project.run()
    assert outcome.stages[1].state == "passed", outcome.cause
    assert any("hidden" in warning for warning in outcome.warnings)


def test_a_symbol_that_libmesos_lacks_is_named(project, make_image):
    image = make_image("/opt/mesos")
    project.write("matrix.toml", MATRIX.format(image=image))
    assert project.run().good
    project.write("src/tiny.cpp", MODULE.replace("answer", "question"))
    assert "_ZN5mesos8questionEv" in "\n".join(project.run().cause)


def test_an_image_with_another_release_is_refused(project, make_image):
    project.write("matrix.toml", MATRIX.format(image=make_image("/usr/local", release="1.2.1")))
    [cause] = project.run().cause
    for part in ("/usr/local: expected Mesos 1.2.3", "libmesos-1.2.1.so", "mesos.pc says 1.2.1"):
        assert part in cause


def test_an_image_without_mesos_is_refused(project, base):
    project.write("matrix.toml", MATRIX.format(image=base.reference))
    assert "no include/mesos/version.hpp below /usr/local" in "\n".join(project.run().cause)


class TestPrefix:
    @pytest.fixture
    def installed(self, project):
        project.write("matrix.toml", MATRIX.format(image="unused"))
        prefix = project.root / "mesos-1.2.3"
        for path, data in render(Release(1, 2, 3)).items():
            file = prefix / "include" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        script = BUILD.format(prefix=prefix, lib=prefix / "lib", release="1.2.3")
        subprocess.run(["sh", "-c", script], cwd=project.root, check=True)
        return project

    def test_it_reaches_the_container(self, installed):
        use_isolator(installed, "unused")
        outcome = installed.run("prefix", smoke="run")
        assert outcome.good, outcome.cause
        assert "takes protobuf from libprotobuf.so.32" in installed.log()

    def test_what_the_base_lacks_is_named_with_its_package(self, installed):
        (installed.root / "mesos-1.2.3/lib/libprotobuf.so.32").unlink()
        [cause] = installed.run("prefix").cause
        for part in ("libprotobuf.so.32", "'packages' of platform 'debian12'", "libprotobuf32"):
            assert part in cause
