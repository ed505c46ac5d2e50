"""Contexts: snapshots of what is rendered, determinism, quoting, digests that follow the inputs.

``UPDATE_SNAPSHOTS=1 python -m pytest tests/unit/test_context.py`` renews the snapshots.
"""

import itertools
import os
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import buildkit
from buildkit.context import make_context
from buildkit.encoding import Encoding
from buildkit.errors import TargetError
from buildkit.files.tree import File
from buildkit.matrix import Smoke
from buildkit.patches import load_patch
from buildkit.sdk.model import Runtime, Sdk
from buildkit.sdk.stub.sdk import stub_sdk

SNAPSHOTS = Path(__file__).parent / "snapshots"

SDK = Sdk(
    kind="stub",
    digest="0" * 64,
    compile_flags=("-Isdk/include",),
    link_flags=("-Wl,--no-undefined",),
    real_loader=False,
    harness_link_flags=(),
    cached=True,
    tree=lambda: {"sdk/include/mesos/mesos.hpp": File(b"// Mesos\n")},
    runtime=lambda *_: Runtime(digest="none"),
)
SOURCES = {
    "core/text.cpp": File(b"int text;\n"),
    "core/text.hpp": File(b""),
    "src/volume.cpp": File(b"int descriptor;\n"),
    "src/mounts.cpp": File(b"int mounts;\n"),
    "include/mounts.hpp": File(b""),
}
BASE = "mesos-buildkit/base:debian12-0123456789ab"

# Whatever may stand in a flag: no line break and no NUL, as the matrix file's model says.
hostile = st.text(st.sampled_from("$`(){};|&<>'\"\\ *?#!~=-x\t%é"), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def make(make_target):
    def make(release="0.24.1", sources=SOURCES, sdk=SDK, base=BASE, smoke="run", **changes):
        return make_context(make_target(release, **changes), sources, sdk, base=base, smoke=smoke)

    return make


def with_module(make_target, **changes):
    return make_target().module.model_copy(update=changes)


def flags_of(context, function, script="flags.sh"):
    """The words of a shell function's command in a script, as a shell would split them."""
    script = (context.rendered | context.smoke)[script].data.decode()
    body = re.search(rf"^{function}\(\) {{\n(.*?)\n}}$", script, re.MULTILINE | re.DOTALL)
    return shlex.split(body.group(1).replace("\\\n", " "))


@pytest.mark.parametrize(
    "name", ["Dockerfile", "flags.sh", "harness.sh", "scenario.sh", "exports.map", "version.h"]
)
def test_snapshot(make, make_target, name):
    """One release with everything that can be rendered: a diff here is for a person to judge."""
    module = with_module(
        make_target,
        include=("include",),
        link_flags=("-Wl,--as-needed",),
        smoke=Smoke(scenario="docker-volume", parameters={"timeout_secs": "5", "command": "/d v"}),
    )
    context = make(
        module=module,
        flags=("-std=c++11", "-O2", "-Wall", "-DWORD=a b"),
        harness_flags=("-DABI=1",),
        env={"ZONE": "here", "GREETING": "it's me"},
    )
    tree = context.tree()
    place = {"version.h": "include/mesos_buildkit/version.h"}.get(name, name)
    snapshot = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_bytes(tree[place].data)
    assert tree[place].data.decode() == snapshot.read_text()


class TestContents:
    def test_it_is_the_whole_work_folder(self, make):
        tree = make().tree()
        for path in (
            *("Dockerfile", "build.sh", "harness.sh", "smoke.sh", "flags.sh", "exports.map"),
            *("module/src/volume.cpp", "module/include/mounts.hpp", "harness/stand-in.sh"),
            *("sdk/include/mesos/mesos.hpp", "include/mesos_buildkit/version.h"),
        ):
            assert path in tree
        assert tree["harness/stand-in.sh"].executable
        assert any(path.startswith("harness/") and path.endswith(".cpp") for path in tree)

    @pytest.mark.parametrize("sanitizer", [None, "thread"])
    def test_every_copy_of_the_dockerfile_is_of_something_there(self, make, sanitizer):
        tree = make(sanitizer=sanitizer).tree()
        folders = {path.partition("/")[0] + "/" for path in tree if "/" in path}
        copied = [
            word
            for line in make(sanitizer=sanitizer).dockerfile.splitlines()
            if line.startswith("COPY ") and "--from" not in line
            for word in line.split()[1:-1]
        ]
        assert set(copied) == folders | {path for path in tree if "/" not in path} - {"Dockerfile"}

    def test_the_dockerfile_needs_no_buildkit_and_ends_in_the_smoke_test(self, make):
        lines = make().dockerfile.splitlines()
        assert not [line for line in lines if line.startswith("# syntax") or "--mount" in line]
        stages = [line.split()[-1] for line in lines if line.startswith("FROM")]
        assert stages == ["common", "sdk", "build", "artifact", "harness", "smoke"]
        assert f"ARG BASE={BASE}" in lines

    @pytest.mark.parametrize(
        ("level", "in_docker"),
        [("inspect", "inspect"), ("load", "load"), ("run", "run"), ("agent", "run")],
    )
    def test_the_smoke_level_is_the_dockerfiles_too(self, make, level, in_docker):
        [command] = re.findall(r"sh smoke\.sh (\w+)", make(smoke=level).dockerfile)
        assert command == in_docker

    def test_an_agent_is_started_by_a_script_that_no_other_level_has(self, make):
        below, at = make("1.2.3"), make("1.2.3", smoke="agent")
        assert set(at.tree()) - set(below.tree()) == {"agent.sh"}
        assert at.smoke_digest != below.smoke_digest
        assert at.build_digest == below.build_digest

    @pytest.mark.parametrize(("release", "in_it"), [("1.0.4", False), ("1.2.3", True)])
    def test_that_script_has_the_releases_own_flags(self, make, release, in_it):
        script = make(release, smoke="agent").agent["agent.sh"].data.decode()
        words = shlex.split(script.replace("\\\n", " "), comments=True)
        after = {
            one: two for one, two in itertools.pairwise(words) if two.startswith("--launcher=")
        }
        assert after == {"--agent": "--launcher=posix"}
        assert ("--runtime_dir={work}/runtime" in words) == in_it

    def test_only_what_the_globs_match_is_compiled_in_a_fixed_order(self, make, make_target):
        script = make().rendered["flags.sh"].data.decode()
        compiled = re.findall(r"^  compile -c (\S+) -o (\S+)$", script, re.MULTILINE)
        assert compiled == [
            ("module/core/text.cpp", "obj/1.o"),
            ("module/src/mounts.cpp", "obj/2.o"),
            ("module/src/volume.cpp", "obj/3.o"),
        ]
        one = make(module=with_module(make_target, sources=("*/v*.cpp",)))
        script = one.rendered["flags.sh"].data.decode()
        assert "volume.cpp" in script
        assert "mounts.cpp" not in script

    def test_nothing_to_compile_is_the_targets_error(self, make):
        with pytest.raises(TargetError, match=r"volume/0\.24\.1/debian12: no source file matches"):
            make(sources={"README": File(b"")})

    def test_what_is_common_is_compiled_without_mesos_and_its_version(self, make, make_target):
        module = with_module(make_target, common_sources=("core/*.cpp",))
        script = make(module=module, flags=("-O2",)).tree()["common.sh"].data.decode()
        [command] = re.findall(r"^g\+\+ .*?\n.*$", script, re.MULTILINE)
        words = shlex.split(command.replace("\\\n", " "))
        assert words[-1] == "$1/1.o"
        assert "module/core/text.cpp" in words
        assert "-O2" in words
        assert not [word for word in words if "sdk" in word or "MESOS" in word]

    def test_a_source_is_compiled_once_though_two_globs_match_it(self, make, make_target):
        module = with_module(make_target, sources=("*/*.cpp",), common_sources=("core/*.cpp",))
        assert b"core/text.cpp" not in make(module=module).rendered["flags.sh"].data

    def test_common_sources_see_their_own_folders_alone(self, make, make_target):
        module = with_module(make_target, common_sources=("core/*.cpp",), include=("include",))
        common = make(module=module).common
        assert set(common) == {
            *("common.h", "common.sh", "module/core/text.cpp", "module/core/text.hpp"),
            "module/include/mounts.hpp",
        }

    def test_a_build_command_needs_no_match(self, make, make_target):
        module = with_module(make_target, build="make 'all of it' && echo $HOME")
        script = make(sources={"Makefile": File(b"")}, module=module).rendered["flags.sh"]
        words = flags_of(make(sources={"Makefile": File(b"")}, module=module), "build_module")
        assert "make 'all of it' && echo $HOME)" in words or any(
            word.startswith("make 'all of it' && echo $HOME") for word in words
        )
        assert b"-I../sdk/include" in script.data
        assert b"-include ../include/mesos_buildkit/version.h" in script.data
        assert b"--version-script=../exports.map" in script.data

    def test_the_library_is_linked_under_its_name_and_exports_its_descriptor_alone(self, make):
        context = make()
        words = flags_of(context, "link_module")
        assert "-Wl,-soname,libvolume-1.0.0+mesos-0.24.1.stub.so" in words
        assert "-Wl,--no-undefined" in words
        exports = context.rendered["exports.map"].data.decode().split()
        assert exports == ["{", "global:", "descriptor;", "local:", "*;", "};"]


class TestFlags:
    def test_the_version_is_defined_and_its_header_included(self, make):
        words = flags_of(make(), "compile")
        assert "-DMESOS_VERSION_INT=0241" in words
        assert words[words.index("-include") + 1] == "include/mesos_buildkit/version.h"
        assert words.index("-std=c++11") < words.index("-DMESOS_VERSION_INT=0241")

    def test_mesos_headers_are_no_system_headers(self, make):
        words = flags_of(make(), "compile")
        assert "-Isdk/include" in words
        assert "-isystem" not in words

    def test_the_harness_shares_the_abi_but_not_the_modules_flags(self, make):
        context = make(flags=("-DMINE",), harness_flags=("-D_GLIBCXX_USE_CXX11_ABI=0",))
        words = flags_of(context, "compile", "harness.sh")
        assert "-D_GLIBCXX_USE_CXX11_ABI=0" in words
        assert "-DMINE" not in words

    @given(flag=hostile)
    def test_a_hostile_flag_reaches_the_compiler_as_one_word(self, make, flag):
        context = make(flags=(flag,), harness_flags=(flag,))
        assert flag in flags_of(context, "compile")
        assert flag in flags_of(context, "compile", "harness.sh")
        module = context.target.module.model_copy(update={"link_flags": (flag,)})
        assert flag in flags_of(make(module=module), "link_module")

    @given(value=st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",))))
    def test_a_hostile_value_of_the_environment_stays_a_value(self, make, value):
        script = make(env={"NAME": value}).rendered["flags.sh"].data.decode()
        begin = script.index("export NAME=")
        [word] = shlex.split(script[begin : script.index("\n\ncompile()", begin)])[1:]
        assert word == f"NAME={value}"

    @given(key=hostile, value=hostile)
    def test_a_hostile_parameter_stays_one(self, make, key, value):
        module = make().target.module.model_copy(
            update={"smoke": Smoke(parameters={"a": "1", key: value})}
        )
        words = flags_of(make(module=module), "run_scenario", "scenario.sh")
        assert words[0] == "$@"
        assert f"{key}={value}" in words

    def test_nothing_of_a_hostile_source_name_is_run(self, make):
        sources = {"src/$(reboot) 'x'.cpp": File(b"")}
        words = flags_of(make(sources=sources), "build_module")
        assert "module/src/$(reboot) 'x'.cpp" in words


class TestDeterminism:
    def test_twice_the_same(self, make):
        assert make().tree() == make().tree()
        assert make().build_digest == make().build_digest
        assert make().harness_digest == make().harness_digest

    def test_no_order_of_a_table_matters(self, make, make_target):
        def context(turn):
            parameters = turn([("a", "1"), ("b", "2"), ("c", "3")])
            return make(
                sources=dict(turn(list(SOURCES.items()))),
                env=dict(turn([("A", "1"), ("B", "2")])),
                module=with_module(make_target, smoke=Smoke(parameters=dict(parameters))),
            )

        one, other = context(list), context(lambda items: items[::-1])
        assert one.tree() == other.tree()
        assert one.build_digest == other.build_digest

    def test_no_path_or_time_of_this_machine_is_in_it(self, make):
        package = os.fsencode(Path(buildkit.__file__).parent)
        for path, file in make().tree().items():
            assert package not in file.data, path


class TestDigests:
    def test_the_build_follows_everything_that_shapes_the_library(self, make, make_target):
        target = make_target()
        variants = {
            "nothing": {},
            "release": {"release": "0.24.2"},
            "source": {"sources": {**SOURCES, "src/volume.cpp": File(b"int d;\n")}},
            "header": {"sources": {**SOURCES, "include/mounts.hpp": File(b"//\n")}},
            "further file": {"sources": {**SOURCES, "data": File(b"")}},
            "sdk": {"sdk": replace(SDK, digest="1" * 64)},
            "sdk's flags": {"sdk": replace(SDK, compile_flags=("-isystem", "x"))},
            "flags": {"flags": ("-O3",)},
            "version flag": {"version_flag": "-DMESOS_VERSION_INT=241"},
            "env": {"env": {"CPATH": "/opt"}},
            "compiler": {"platform": target.platform.model_copy(update={"compiler": "clang++"})},
            "symbol": {"module": with_module(make_target, symbol="other")},
            "version": {"module": with_module(make_target, version="2")},
            "encoding": {"module": with_module(make_target, encoding=Encoding.PACKED)},
            "link flags": {"module": with_module(make_target, link_flags=("-lz",))},
            "build command": {"module": with_module(make_target, build="make")},
        }
        digests = {name: make(**changes).build_digest for name, changes in variants.items()}
        assert len(set(digests.values())) == len(digests), digests

    def test_the_build_does_not_follow_what_comes_after_it(self, make, make_target):
        platform = make_target().platform
        variants = [
            {"smoke": "load"},
            # The base's identity is in the engine's part of the key, not in this one.
            {"base": "mesos-buildkit/base:other"},
            {"platform": platform.model_copy(update={"base": "debian:trixie-slim"})},
            {"skip": "later"},
        ]
        assert {make(**changes).build_digest for changes in variants} == {make().build_digest}

    def test_what_is_common_follows_its_own_sources_and_no_release(self, make, make_target):
        module = with_module(make_target, common_sources=("core/*.cpp",))

        def digest(**changes):
            return make(module=module, **changes).common_digest

        same = [
            {},
            {"release": "1.0.1"},
            {"sources": {**SOURCES, "src/volume.cpp": File(b"int d;\n")}},
            {"sdk": replace(SDK, digest="1" * 64)},
        ]
        assert len({digest(**changes) for changes in same}) == 1
        other = [
            {},
            {"sources": {**SOURCES, "core/text.cpp": File(b"int t;\n")}},
            {"sources": {**SOURCES, "core/text.hpp": File(b"//\n")}},
            {"flags": ("-O3",)},
        ]
        assert len({digest(**changes) for changes in other}) == len(other)

    def test_the_harness_follows_sdk_abi_and_compiler_but_no_module(self, make, make_target):
        platform = make_target().platform
        follows = {
            "nothing": {},
            "sdk": {"sdk": replace(SDK, digest="1" * 64)},
            "abi": {"harness_flags": ("-D_GLIBCXX_USE_CXX11_ABI=0",)},
            "compiler": {"platform": platform.model_copy(update={"compiler": "clang++"})},
        }
        digests = {name: make(**changes).harness_digest for name, changes in follows.items()}
        assert len(set(digests.values())) == len(digests), digests
        same = [
            {"module": with_module(make_target, name="other", symbol="other")},
            {"sources": {"a.cpp": File(b"")}},
            {"flags": ("-O3",)},
            {"smoke": "load"},
        ]
        assert {make(**changes).harness_digest for changes in same} == {digests["nothing"]}


class TestPatches:
    @pytest.fixture
    def patch(self, tmp_path):
        def patch(text):
            (tmp_path / "shim.h").write_text("#include <locale.h>\n")
            (tmp_path / "p.toml").write_text(text)
            return load_patch("p.toml", tmp_path)

        return patch

    EDIT = '[[edit]]\nwhy = "w"\nto = "{}"\nfile = "{}"\npattern = "{}"\nreplacement = "new"\n'

    def test_module_and_sdk_are_changed_apart(self, make, make_target, patch):
        module = patch(self.EDIT.format("module", "src/volume.cpp", "descriptor"))
        tree = make(patches=(module,)).tree()
        assert tree["module/src/volume.cpp"].data == b"int new;\n"
        sdk = patch(self.EDIT.format("sdk", "include/mesos/mesos.hpp", "#ifndef"))
        patched, plain = make_target(patches=(sdk,)), make_target()
        tree = make(patches=(sdk,), sdk=stub_sdk(patched)).tree()
        assert tree["module/src/volume.cpp"].data == SOURCES["src/volume.cpp"].data
        assert b"new MESOS" in tree["sdk/include/mesos/mesos.hpp"].data
        assert stub_sdk(patched).digest != stub_sdk(plain).digest
        assert tree["module/src/volume.cpp"] == SOURCES["src/volume.cpp"]

    def test_what_does_not_apply_to_the_module_stops_the_target_at_once(self, make, patch):
        with pytest.raises(TargetError, match=r"p\.toml: \[\[edit\]\] 1: file src/volume\.cpp"):
            make(patches=(patch(self.EDIT.format("module", "src/volume.cpp", "absent")),))

    def test_a_compatibility_header_is_on_the_include_path(self, make, patch):
        rules = '[[header]]\nwhy = "w"\nfile = "shim.h"\ninclude = "xlocale.h"\nmatch = "<0.25"\n'
        context = make(patches=(patch(rules),))
        assert context.tree()["include/compat/xlocale.h"].data == b"#include <locale.h>\n"
        assert "-Iinclude/compat" in flags_of(context, "compile")
        later = make("1.0.1", patches=(patch(rules),))
        assert "-Iinclude/compat" not in flags_of(later, "compile")
