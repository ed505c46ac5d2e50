"""The scripts and headers of the release SDK do with a real compiler what they promise."""

import subprocess

import pytest

from buildkit.files.tarballs import write_tarball
from buildkit.files.tree import File, texts, write_tree
from buildkit.releases import Release
from buildkit.sdk.release.builtin import builtin_patches
from buildkit.sdk.release.protobuf import protobuf_tree
from buildkit.sdk.release.rendering import own_file
from buildkit.sdk.release.runtime import runtime_tree

RELEASE = Release(0, 24, 1)

VALUES = """
namespace mesos {
namespace v1 { int absent(); int twin() { return absent(); } }
int getResourceConversions() { return v1::absent(); }
int add(int a, int b) { return a + b; }
}
"""
AGENT = """
namespace process { int absent(); }
int recover() { return process::absent(); }
"""
HANDOVER = """
#include <atomic>
static std::atomic<bool> ready;
void give() { ready = true; }
void take() { while (!ready) {} }
"""
HANDING = """
#include <thread>
void give();
void take();
int main() {
  int value = 0;
  std::thread other([&] { value = 1; give(); });
  take();
  int taken = value;
  other.join();
  return taken - 1;
}
"""
SOURCES = texts(
    [
        ("mesos/include/mesos/module/module.proto", ""),
        ("mesos/include/mesos/slave/isolator.proto", ""),
        ("mesos/src/messages/messages.proto", ""),
        ("mesos/src/module/manager.cpp", "int manage() { return 1; }\n"),
        (
            "mesos/src/slave/paths.cpp",
            "static int once() { return 2; } int path() { return once(); }",
        ),
        ("mesos/src/slave/state.cpp", AGENT),
        ("mesos/src/common/attributes.cpp", ""),
        (
            "mesos/src/common/resources.cpp",
            VALUES,
        ),
        ("mesos/src/common/resources_utils.cpp", ""),
        ("mesos/src/common/type_utils.cpp", ""),
        ("mesos/src/common/values.cpp", ""),
        ("glog/src/logging.cc", '#include "config.h"\nint size = SIZEOF_VOID_P;\n'),
    ]
)

PROTOC = """#!/bin/sh
# Makes a source file of every message, as the real one would.
for argument; do
  case $argument in
    --cpp_out=*) out=${argument#*=} ;;
    -I*) ;;
    *)
      name=${argument#*/}
      mkdir -p "$out/$(dirname "$name")"
      echo "int $(basename "$name" .proto)_message = 3;" > "$out/${name%.proto}.pb.cc"
      ;;
  esac
done
"""


@pytest.fixture
def built(tmp_path):
    """The runtime of some made-up sources."""
    sdk, protobuf, step = tmp_path / "sdk.tar.gz", tmp_path / "protobuf", tmp_path / "step"
    sdk.write_bytes(write_tarball({"sdk/bin/protoc": File(PROTOC.encode(), executable=True)}))
    (protobuf / "lib").mkdir(parents=True)
    (tmp_path / "p.cpp").write_text("int parse() { return 4; }\n")
    run("g++", "-fPIC", "-c", tmp_path / "p.cpp", "-o", tmp_path / "p.o")
    run("ar", "rcs", protobuf / "lib" / "libprotobuf.a", tmp_path / "p.o")

    def build(sources, flags=()):
        tree = runtime_tree(sources, RELEASE, libprocess=False, compiler="g++", flags=flags)
        write_tree(tree, step)
        done = subprocess.run(
            ["sh", step / "runtime.sh", sdk, protobuf, tmp_path / "out"],
            capture_output=True,
            text=True,
            check=False,
        )
        return done, tmp_path / "out" / "lib" / "libmesos_runtime.so"

    return build


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def symbols(library, which):
    names = run("nm", "-DC", which, library).splitlines()
    return {line.split(maxsplit=2 if which == "--defined-only" else 1)[-1] for line in names}


def test_everything_is_exported_but_what_only_an_agent_calls(built):
    done, library = built(SOURCES)
    assert done.returncode == 0, done.stderr
    names = symbols(library, "--defined-only")
    assert {
        "manage()",
        "path()",
        "recover()",
        "mesos::add(int, int)",
        "module_message",
        "isolator_message",
        "messages_message",
        "size",
        "parse()",
    } <= names
    assert not {name for name in names if "v1" in name or "getResourceConversions" in name}


def test_what_private_functions_alone_call_is_not_missed(built):
    _, library = built(SOURCES)
    missing = symbols(library, "--undefined-only")
    assert not {name for name in missing if "v1" in name}
    assert {name for name in missing if "absent" in name} == {"process::absent()"}


def test_what_is_missing_and_never_called_does_not_keep_it_from_loading(built, tmp_path):
    _, library = built(SOURCES)
    (tmp_path / "main.cpp").write_text("int manage(); int main() { return manage(); }\n")
    program = tmp_path / "main"
    flags = ("-Wl,--allow-shlib-undefined", f"-Wl,-rpath,{library.parent}", "-Wl,-z,lazy")
    run("g++", tmp_path / "main.cpp", library, *flags, "-o", program)
    assert subprocess.run([program], check=False).returncode == 1


@pytest.mark.parametrize(("flags", "races"), [((), True), (("-fsanitize=thread",), False)])
def test_what_a_runtime_hands_between_threads_is_a_race_unless_it_is_watched(
    built, tmp_path, flags, races
):
    done, library = built({**SOURCES, "mesos/src/slave/state.cpp": File(HANDOVER.encode())}, flags)
    assert done.returncode == 0, done.stderr
    (tmp_path / "main.cpp").write_text(HANDING)
    program = tmp_path / "main"
    linking = ("-Wl,--allow-shlib-undefined", f"-Wl,-rpath,{library.parent}", "-Wl,-z,lazy")
    watching = ("-std=c++11", "-fsanitize=thread", "-pthread")
    run("g++", *watching, tmp_path / "main.cpp", library, *linking, "-o", program)
    found = subprocess.run([program], check=False, capture_output=True, text=True)
    assert ("data race" in found.stderr) == races, found.stderr
    assert found.returncode == (66 if races else 0)


def test_a_source_that_does_not_compile_fails_the_step_and_is_shown(built):
    done, library = built({**SOURCES, "mesos/src/slave/state.cpp": File(b"int f( {\n")})
    assert done.returncode != 0
    assert "state.cpp" in done.stderr
    assert not library.exists()


@pytest.mark.parametrize("language", ["c", "c++"])
def test_compatibility_headers_compile_on_their_own(tmp_path, language):
    for patch in builtin_patches():
        for rule in patch.rules.header:
            place = tmp_path / rule.include
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(patch.files[rule.file].data)
    headers = [path.relative_to(tmp_path) for path in sorted(tmp_path.rglob("*.h"))]
    assert headers
    source = tmp_path / "all.c"
    source.write_text("".join(f'#include "{header}"\n' for header in headers))
    compiler = ("g++", "-x", language, "-Wall", "-Wextra", "-Werror", f"-I{tmp_path}")
    run(*compiler, "-fsyntax-only", source)


def test_the_stand_in_for_zlib_defines_what_its_header_declares_and_exports_nothing(tmp_path):
    (tmp_path / "no_zlib.c").write_bytes(own_file("no_zlib.c").data)
    flags = ("-x", "c", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
    run("g++", *flags, tmp_path / "no_zlib.c", "-o", tmp_path / "z.so")
    (header,) = (
        patch.files[rule.file]
        for patch in builtin_patches()
        for rule in patch.rules.header
        if rule.include == "zlib.h"
    )
    run("g++", "-x", "c", "-c", tmp_path / "no_zlib.c", "-o", tmp_path / "z.o")
    defined = {line.split()[-1] for line in run("nm", "-g", tmp_path / "z.o").splitlines()}
    assert "inflateInit2_" in defined
    assert not [name for name in defined if f" {name}(" not in header.data.decode()]
    exported = run("nm", "-D", "--defined-only", tmp_path / "z.so").split()
    assert not defined.intersection(exported)


@pytest.fixture
def protobuf(tmp_path):
    """Compiles a made-up protobuf of these sources; what was said, and the archive's functions."""

    def build(library):
        names = [f"google/protobuf/{name}.cc" for name in library]
        makefile = (
            f"libprotobuf_lite_la_SOURCES =\nlibprotobuf_la_SOURCES = {' '.join(names)}\n"
            "libprotoc_la_SOURCES = google/protobuf/compiler/main.cc\n"
        )
        sources = {
            "protobuf/src/Makefile.am": makefile,
            "protobuf/src/google/protobuf/compiler/main.cc": "",
            **{f"protobuf/src/{n}": text for n, text in zip(names, library.values(), strict=True)},
        }
        tree = protobuf_tree(texts(sources.items()), compiler="g++", flags=())
        # The real one needs more of protobuf than there is here.
        write_tree({**tree, "protoc.cc": File(b"int main() {}\n")}, tmp_path / "step")
        done = subprocess.run(
            ["sh", tmp_path / "step/protobuf.sh", tmp_path / "out"],
            check=False, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "JOBS": "2"},
        )  # fmt: skip
        return done, tmp_path / "out/lib/libprotobuf.a"

    return build


def functions(archive):
    symbols = run("nm", "-C", "--defined-only", "--format=just-symbols", archive)
    return [line for line in symbols.splitlines() if line.endswith("()")]


def test_sources_that_go_together_are_compiled_in_one_go(protobuf):
    done, archive = protobuf({"a": "int a() { return 1; }\n", "b": "int b() { return 2; }\n"})
    assert done.returncode == 0, done.stderr
    assert run("ar", "t", archive).split() == ["units.0.cc.o"]
    assert functions(archive) == ["a()", "b()"]


def test_sources_with_a_name_in_common_are_compiled_one_by_one(protobuf):
    own = "static int own() {{ return {}; }}\nint {}() {{ return own(); }}\n"
    done, archive = protobuf({"a": own.format(1, "a"), "b": own.format(2, "b")})
    assert done.returncode == 0, done.stderr
    assert "units/0.cc: its sources are compiled one by one" in done.stdout
    assert "error" not in done.stderr
    objects = ["src.google.protobuf.a.cc.o", "src.google.protobuf.b.cc.o"]
    assert run("ar", "t", archive).split() == objects
    assert {"a()", "b()"} <= set(functions(archive))


def test_a_source_that_does_not_compile_is_named(protobuf):
    done, archive = protobuf({"a": "int a() { return 1; }\n", "b": "#error broken on purpose\n"})
    assert done.returncode != 0
    assert "src/google/protobuf/b.cc:1:2: error: #error broken on purpose" in done.stderr
    assert not archive.exists()
