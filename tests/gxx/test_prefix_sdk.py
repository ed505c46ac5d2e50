"""Modules built against a made-up installed Mesos: real libraries, stub headers or next to none."""

import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from contextlib import suppress
from pathlib import Path

import pytest
from support_installed import MODULE, Project, assert_isolator_ran

from buildkit.engine.host import processes_with
from buildkit.releases import Release
from buildkit.sdk.stub import render

REPOSITORY = Path(__file__).parents[2]
INSTALLED = REPOSITORY / "tests/support/installed"

# With what an official build has inside.
LIBMESOS = """\
namespace mesos { int answer() { return 42; } }
#ifndef UNBUNDLED
namespace google {
namespace protobuf {
struct DescriptorPool { static void generated_pool(); };
void DescriptorPool::generated_pool() {}
}
struct LogMessage { void Flush(); };
void LogMessage::Flush() {}
}
#endif
"""


def link(source, output, *flags, soname=None):
    output.parent.mkdir(parents=True, exist_ok=True)
    name = soname or output.name
    command = ["g++", "-shared", "-fPIC", "-g", "-x", "c++", "-", "-x", "none", *flags]
    command += [f"-Wl,-soname,{name}", "-o", str(output)]
    subprocess.run(command, input=source, text=True, check=True)


def install(project, *flags, version="1.2.3", name="libmesos-1.2.3.so"):
    """The smallest Mesos: one header, the library."""
    project.write("mesos-1.2.3/include/mesos/version.hpp", f'#define MESOS_VERSION "{version}"\n')
    link(LIBMESOS, project.prefix / "lib" / name, *flags)
    (project.prefix / "lib/libmesos.so").symlink_to(name)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Project(root=tmp_path, engine="host")


@pytest.fixture(scope="module")
def isolator(tmp_path_factory):
    """This repository's isolator, with a Mesos that has libmesos and programs: compiled once."""
    project = Project(root=tmp_path_factory.mktemp("isolator"), engine="host")
    project.use_isolator()
    project.add(
        '[module.smoke]\nscenario = "docker-volume"\n'
        f'[[override]]\nmatch = ""\nenv = {{ MARK = "{project.root.name}" }}\n'
    )
    install(project)
    for path, data in render(Release(1, 2, 3)).items():
        project.write(f"mesos-1.2.3/include/{path}", data.decode())
    project.write(
        "mesos-1.2.3/lib/pkgconfig/mesos.pc",
        "prefix=/usr/local\nName: mesos\nVersion: 1.2.3\n"
        "Cflags: -I${prefix}/include -D__STDC_FORMAT_MACROS -DFROM_PC\n",
    )
    shutil.copytree(INSTALLED, project.prefix, dirs_exist_ok=True)
    return project


def test_the_isolator_runs_with_the_prefixes_own_libmesos(isolator):
    outcome = isolator.run(smoke="run")
    assert_isolator_ran(outcome)
    assert not outcome.warnings
    context = isolator.root / "build/contexts/1.2.3"
    assert "-D__STDC_FORMAT_MACROS" in (context / "flags.sh").read_text()
    dockerfile = (context / "Dockerfile").read_text()
    assert "COPY sdk.tar.gz" in dockerfile
    # A container that is built from the context alone has no libmesos.
    assert "harness" not in dockerfile
    with tarfile.open(fileobj=io.BytesIO((context / "sdk.tar.gz").read_bytes())) as packed:
        names = set(packed.getnames())
    assert {"sdk/include/mesos/slave/isolator.hpp", "sdk/lib/process/future.hpp"} <= names
    assert "sdk/3rdparty/google/protobuf/message.h" in names


def commands(pid):
    """A process's command line; nothing if it is gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


class TestAgentLevel:
    """With programs that are shell scripts: see tests/support/installed."""

    @staticmethod
    def misbehave(project, wrong):
        program = project.prefix / "sbin/mesos-agent"
        lines = (INSTALLED / "sbin/mesos-agent").read_text().splitlines()
        program.write_text("\n".join([lines[0], f"MISBEHAVE={wrong}", *lines[1:], ""]))

    @pytest.fixture(autouse=True)
    def repair(self, isolator):
        yield
        shutil.copytree(INSTALLED, isolator.prefix, dirs_exist_ok=True)

    def run(self, project):
        outcome = project.run(smoke="agent")
        if any("not possible here" in check.name for check in outcome.checks):
            pytest.skip(f"NO AGENT IS STARTED: {outcome.checks[-1].detail}")
        assert processes_with(f"MARK={project.root.name}".encode()) == []
        return outcome

    def test_it_comes_after_the_others_and_is_cached_like_them(self, isolator):
        outcome = self.run(isolator)
        assert outcome.good, outcome.cause
        assert {check.level for check in outcome.checks} == {"inspect", "load", "run", "agent"}
        assert "| I0101 slave.cpp:1] Registered" in isolator.log()
        assert isolator.run(smoke="agent").stages[-1].state == "cached"

    def test_a_wrong_mount_fails_and_nothing_is_published(self, isolator):
        self.misbehave(isolator, "twice")
        outcome = self.run(isolator)
        assert not outcome.good
        assert outcome.artifact is None
        assert not list((isolator.root / "dist").rglob("*.so"))
        assert any("expected one mount of --volumedriver=rexray" in line for line in outcome.cause)

    def test_an_agent_that_refuses_the_module_fails_with_its_words(self, isolator):
        self.misbehave(isolator, "agent-dies")
        outcome = self.run(isolator)
        assert any("Error loading modules: no such module" in line for line in outcome.cause)

    def test_ctrl_c_ends_all_of_it(self, isolator):
        self.misbehave(isolator, "task-hangs")
        mark = f"MARK={isolator.root.name}".encode()
        command = [sys.executable, "-m", "buildkit", "build", "--engine", "host"]
        with subprocess.Popen(
            [*command, "--sdk", "prefix", "--smoke", "agent"],
            cwd=isolator.root,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.DEVNULL,
        ) as process:
            log = isolator.root / "build/logs/1.2.3.log"
            # The agent, what it has left behind, and the task's shell.
            until = time.monotonic() + 120
            while not any(b"sleep\x0061" in commands(pid) for pid in processes_with(mark)):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until
                time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 130
        assert processes_with(mark) == []

    def test_a_mesos_without_programs_is_refused_by_name(self, isolator):
        (isolator.prefix / "bin/mesos-execute").unlink()
        [cause] = isolator.run(smoke="agent").cause
        for part in ("mesos-1.2.3: smoke level 'agent'", "no mesos-execute in sbin or bin"):
            assert part in cause


class TestUndefinedSymbols:
    def test_one_that_libmesos_has_is_fine(self, project):
        install(project)
        outcome = project.run()
        assert outcome.good, outcome.cause
        assert project.run().stages[-1].state == "cached"

    def test_one_that_it_lacks_is_named(self, project):
        install(project)
        project.add('flags = ["-DASKED=question"]\n')
        assert "no agent provides: _Z8questionv" in project.cause()

    def test_a_libmesos_that_has_changed_is_asked_again(self, project):
        install(project)
        assert project.run().good
        link("int other() { return 0; }", project.prefix / "lib/libmesos-1.2.3.so")
        assert "_ZN5mesos6answerEv" in project.cause()


class TestRelease:
    def test_headers_of_another_are_refused(self, project):
        install(project, version="1.2.1")
        cause = project.cause()
        for part in ("mesos-1.2.3: expected Mesos 1.2.3", "mesos/version.hpp says 1.2.1"):
            assert part in cause

    def test_a_library_of_another_is_refused(self, project):
        install(project, name="libmesos-1.2.1.so")
        assert "libmesos is libmesos-1.2.1.so" in project.cause()

    def test_a_library_under_a_wrong_name_is_refused(self, project):
        install(project)
        link(LIBMESOS, project.prefix / "lib/libmesos-1.2.3.so", soname="libmesos-1.2.1.so")
        assert "libmesos is libmesos-1.2.1.so and libmesos-1.2.3.so" in project.cause()

    def test_only_the_target_fails_whose_prefix_is_not_there(self, project):
        assert "mesos-1.2.3: no such folder" in project.cause()


class TestVendorBuilds:
    @pytest.fixture
    def vendor(self, project):
        """A project with a Mesos that takes protobuf from a library beside it."""
        protobuf = project.prefix / "lib/libprotobuf.so.32"
        link("int parse() { return 0; }", protobuf)
        install(project, "-DUNBUNDLED", "-Wl,--no-as-needed", str(protobuf))
        return project

    def test_it_is_recognised_and_what_is_unbundled_named(self, vendor):
        assert vendor.run().good
        assert (
            "warning: vendor build: libmesos-1.2.3.so takes protobuf from libprotobuf.so.32"
            in vendor.log()
        )
        assert "libmesos-1.2.3.so neither has glog inside" in vendor.log()

    def test_what_the_unbundled_library_has_is_provided(self, vendor):
        vendor.add('flags = ["-DASKED=parse"]\n')
        assert vendor.run().good

    def test_one_that_is_not_there_is_named_with_its_package(self, vendor):
        (vendor.prefix / "lib/libprotobuf.so.32").unlink()
        cause = vendor.cause()
        for part in ("needs libprotobuf.so.32, which the base lacks", "Debian's libprotobuf32"):
            assert part in cause

    def test_an_official_build_is_not_taken_for_one(self, project):
        install(project)
        project.run()
        assert "vendor build" not in project.log()

    def test_protobuf_headers_that_are_not_the_messages_own_are_refused(self, project):
        install(project)
        include = "mesos-1.2.3/include"
        project.write(
            f"{include}/mesos/mesos.pb.h", "#if 2006001 < GOOGLE_PROTOBUF_MIN_PROTOC_VERSION\n"
        )
        project.write(
            f"{include}/google/protobuf/stubs/common.h", "#define GOOGLE_PROTOBUF_VERSION 2005000\n"
        )
        cause = project.cause()
        assert "made by protobuf 2.6.1" in cause
        assert "headers beside them are of protobuf 2.5.0" in cause


class TestHeaders:
    def test_a_patch_for_the_sdk_reaches_them(self, project):
        install(project)
        project.write("src/tiny.cpp", f"#include <stout/flags.hpp>\n{MODULE}")
        project.write("mesos-1.2.3/include/stout/flags.hpp", "#error broken on purpose\n")
        assert "broken on purpose" in project.cause()
        project.write(
            "mend.toml",
            '[[edit]]\nwhy = "w"\nto = "sdk"\nfile = "stout/include/stout/flags.hpp"\n'
            'pattern = "#error.*"\nreplacement = ""\n',
        )
        project.add('[[override]]\nmatch = ""\npatches = ["mend.toml"]\n')
        assert project.run().good

    def test_the_compiler_warns_of_hidden_virtuals_in_mesoss_own(self, project):
        install(project)
        project.write(
            "mesos-1.2.3/include/mesos/base.hpp",
            "struct Base { virtual ~Base() {} virtual int update(int) { return 0; } };\n",
        )
        project.write(
            "src/tiny.cpp",
            f"#include <mesos/base.hpp>\nstruct Mine : Base {{ int update(); }};\n{MODULE}",
        )
        assert any("silent-override" in warning for warning in project.run().warnings)

    def test_third_party_headers_in_the_places_of_a_bundling_install_are_found(self, project):
        install(project)
        project.write("mesos-1.2.3/lib/mesos/3rdparty/include/boost/part.hpp", "")
        project.write("src/tiny.cpp", f"#include <boost/part.hpp>\n{MODULE}")
        assert project.run().good

    def test_a_folder_elsewhere_that_mesos_pc_names_is_searched(self, project, tmp_path_factory):
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        (elsewhere / "part.hpp").write_text("")
        install(project)
        project.write(
            "mesos-1.2.3/lib/pkgconfig/mesos.pc",
            f"Version: 1.2.3\nCflags: -I{elsewhere} -I/no/where\n",
        )
        project.write("src/tiny.cpp", f"#include <part.hpp>\n{MODULE}")
        assert project.run().good
        assert "mesos.pc names /no/where, which the base lacks" in project.log()

    def test_protoc_is_where_a_build_command_looks_for_it(self, project):
        install(project)
        protoc = project.prefix / "lib/mesos/3rdparty/bin/protoc"
        protoc.parent.mkdir(parents=True)
        protoc.write_text("#!/bin/sh\necho made by its own protoc\n")
        project.add('build = "$PROTOC; $CXX $CXXFLAGS tiny.cpp $LDFLAGS -o $LIBRARY"\n')
        assert project.run().good
        assert "made by its own protoc" in project.log()
