"""The SDK and the folders of its steps, made of small made-up sources."""

import re

import pytest

from buildkit.errors import UnavailableError
from buildkit.files.tree import File, texts
from buildkit.patches import apply_patches, compatibility_headers
from buildkit.releases import FINAL_RELEASES, Release
from buildkit.sdk.release.builtin import builtin_patches
from buildkit.sdk.release.headers import compile_flags, sdk_tree
from buildkit.sdk.release.messages import generate_tree
from buildkit.sdk.release.protobuf import protobuf_tree
from buildkit.sdk.release.runtime import runtime_flags, runtime_tree
from buildkit.sdk.release.substitution import substitute

RELEASE = Release(1, 2, 3)

MAKEFILE = r"""
libprotobuf_lite_la_SOURCES = \
  google/protobuf/stubs/common.cc \
  google/protobuf/stubs/hash.h
libprotobuf_la_SOURCES = $(libprotobuf_lite_la_SOURCES) google/protobuf/message.cc \
  google/protobuf/io/gzip_stream.cc
libprotoc_la_SOURCES = google/protobuf/compiler/plugin.cc \
  google/protobuf/compiler/cpp/cpp_file.cc \
  google/protobuf/compiler/java/java_file.cc
nobase_include_HEADERS = google/protobuf/message.h google/protobuf/compiler/parser.h $(GZHEADERS)
"""

SOURCES = texts(
    [
        ("mesos/include/mesos/version.hpp.in", 'V "@PACKAGE_VERSION@" @MESOS_MINOR_VERSION@\n'),
        ("mesos/include/mesos/resources.hpp", ""),
        ("mesos/include/mesos/mesos.proto", 'import "google/protobuf/any.proto";\n'),
        ("mesos/include/mesos/module/module.proto", 'import "mesos/mesos.proto";\n'),
        ("mesos/include/mesos/slave/isolator.proto", 'import "mesos/mesos.proto";\n'),
        ("mesos/include/mesos/slave/containerizer.proto", 'import "mesos/mesos.proto";\n'),
        ("mesos/include/mesos/lonely.proto", ""),
        ("mesos/src/messages/messages.proto", 'import "mesos/mesos.proto";\n'),
        ("mesos/src/csi/state.proto", 'import "csi.proto";\n'),
        ("mesos/src/csi/more.proto", 'import public "csi/state.proto";\n'),
        ("mesos/src/slave/paths.hpp", ""),
        *(
            (f"mesos/src/{name}.cpp", "")
            for name in (
                "module/manager",
                "slave/paths",
                "slave/state",
                "slave/slave",
                "slave/containerizer/isolator",
                "common/attributes",
                "common/resources",
                "common/resources_utils",
                "common/roles",
                "master/constants",
                "common/type_utils",
                "common/validation",
                "common/values",
            )
        ),
        ("stout/include/stout/try.hpp", ""),
        ("libprocess/include/process/future.hpp", ""),
        *(
            (f"libprocess/src/{name}", "")
            for name in (
                "config.hpp",
                "grpc.cpp",
                "help.cpp",
                "http.cpp",
                "io.cpp",
                "libev.cpp",
                "libev_poll.cpp",
                "openssl.cpp",
                "poll_socket.cpp",
                "process.cpp",
                "profiler.cpp",
            )
        ),
        ("boost/boost/version.hpp", ""),
        ("boost/boost/detail/list.ipp", ""),
        ("glog/src/glog/logging.h.in", "namespace @ac_google_namespace@ {}\n"),
        ("glog/src/glog/log_severity.h", ""),
        ("glog/src/base/mutex.h", ""),
        ("glog/src/logging.cc", ""),
        ("glog/src/logging_unittest.cc", ""),
        ("glog/src/windows/config.h", ""),
        ("picojson/picojson.h", ""),
        ("http-parser/http_parser.h", ""),
        ("http-parser/http_parser.c", ""),
        ("libev/ev.c", ""),
        ("libev/ev_epoll.c", ""),
        ("protobuf/src/Makefile.am", MAKEFILE),
        ("protobuf/src/google/protobuf/any.proto", ""),
        ("protobuf/src/google/protobuf/unittest.proto", ""),
        ("protobuf/src/google/protobuf/message.h", ""),
        ("protobuf/src/google/protobuf/message.cc", ""),
        ("protobuf/src/google/protobuf/message_unittest.cc", ""),
        ("protobuf/src/google/protobuf/io/gzip_stream.cc", ""),
        ("protobuf/src/google/protobuf/stubs/common.cc", ""),
        ("protobuf/src/google/protobuf/stubs/hash.h", ""),
        ("protobuf/src/google/protobuf/compiler/parser.h", ""),
        ("protobuf/src/google/protobuf/compiler/plugin.cc", ""),
        ("protobuf/src/google/protobuf/compiler/cpp/cpp_file.cc", ""),
        ("protobuf/src/google/protobuf/compiler/java/java_file.cc", ""),
    ]
)

GENERATED = texts(
    [
        ("bin/protoc", ""),
        ("include/mesos/mesos.pb.h", ""),
        ("include/mesos/mesos.pb.cc", ""),
        ("src/messages/messages.pb.h", ""),
    ]
)

OLD_STRINGS = """
[[platform]]
name = "old"
base = "debian:bookworm-slim"
cxx11_abi = false
"""


def text(tree, path):
    return tree[path].data.decode()


def without(path):
    return {name: file for name, file in SOURCES.items() if name != path}


def runtime(release=RELEASE, *, sources=SOURCES, libprocess=False, flags=()):
    return runtime_tree(sources, release, libprocess=libprocess, compiler="g++-4.8", flags=flags)


def listed(tree, name):
    return text(tree, name).splitlines()


def compiled(tree):
    """Every source file that a runtime is made of, also those inside a unit."""
    found = set()
    for path in listed(tree, "sources.txt"):
        if path.startswith("units/"):
            found |= {line.split('"')[1] for line in listed(tree, path)}
        else:
            found.add(path)
    return found


class TestSdk:
    def test_holds_what_a_module_compiles_against_and_nothing_else(self):
        tree = sdk_tree(SOURCES, GENERATED, RELEASE)
        assert {path for path in tree if not path.startswith("compat/")} == {
            "bin/protoc",
            "include/mesos/version.hpp",
            "include/mesos/resources.hpp",
            "include/mesos/mesos.proto",
            "include/mesos/module/module.proto",
            "include/mesos/slave/isolator.proto",
            "include/mesos/slave/containerizer.proto",
            "include/mesos/lonely.proto",
            "include/mesos/mesos.pb.h",
            "src/messages/messages.pb.h",
            "src/slave/paths.hpp",
            "lib/stout/try.hpp",
            "lib/process/future.hpp",
            "3rdparty/boost/version.hpp",
            "3rdparty/boost/detail/list.ipp",
            "3rdparty/glog/logging.h",
            "3rdparty/glog/log_severity.h",
            "3rdparty/picojson.h",
            "3rdparty/http_parser.h",
            "3rdparty/google/protobuf/message.h",
        }

    def test_version_is_substituted(self):
        tree = sdk_tree(SOURCES, GENERATED, RELEASE)
        assert text(tree, "include/mesos/version.hpp") == 'V "1.2.3" 2\n'

    def test_glog_headers_are_substituted(self):
        tree = sdk_tree(SOURCES, GENERATED, RELEASE)
        assert text(tree, "3rdparty/glog/logging.h") == "namespace google {}\n"

    def test_an_unknown_variable_is_named_with_its_file(self):
        with pytest.raises(UnavailableError, match=r"a\.in: unknown variable @b@; known are x, y"):
            substitute(File(b"@x@ @b@"), {"y": "", "x": ""}, "a.in")

    def test_a_missing_template_is_named(self):
        sources = without("mesos/include/mesos/version.hpp.in")
        with pytest.raises(UnavailableError, match=r"1\.2\.3 lack .*version\.hpp\.in"):
            sdk_tree(sources, GENERATED, RELEASE)

    def test_has_the_compatibility_headers_of_its_release(self):
        with_xlocale = {
            release
            for release in FINAL_RELEASES
            if "compat/xlocale.h" in sdk_tree(SOURCES, GENERATED, release)
        }
        assert min(with_xlocale) == Release(1, 2, 0)
        assert max(with_xlocale) == Release(1, 4, 0)


class TestCompileFlags:
    @pytest.mark.parametrize("release", FINAL_RELEASES, ids=str)
    def test_only_interfaces_may_warn(self, release):
        folders = [flag for flag in compile_flags(release) if "sdk/" in flag]
        assert [flag for flag in folders if not flag.startswith("-i")] == ["-Isdk/include"]

    def test_every_folder_is_searched(self):
        folders = {path.partition("/")[0] for path in sdk_tree(SOURCES, GENERATED, RELEASE)}
        searched = {flag.rpartition("/")[2] for flag in compile_flags(RELEASE) if "sdk/" in flag}
        assert folders - {"bin"} <= searched


def compiled_by(tree, name):
    """The sources that a list stands for, those of its units included."""
    compiled = []
    for path in listed(tree, name):
        unit = re.findall(r'#include "(.*)"', text(tree, path)) if "units/" in path else [path]
        compiled += unit
    return compiled


class TestProtobuf:
    def test_compiles_what_its_makefile_lists_for_cpp_without_zlib(self):
        tree = protobuf_tree(SOURCES, compiler="g++", flags=())
        assert compiled_by(tree, "library.txt") == [
            "src/google/protobuf/stubs/common.cc",
            "src/google/protobuf/message.cc",
        ]
        assert listed(tree, "protoc.txt") == [
            "src/google/protobuf/compiler/plugin.cc",
            "src/google/protobuf/compiler/cpp/cpp_file.cc",
            "protoc.cc",
        ]

    def test_has_every_file_that_it_lists(self):
        tree = protobuf_tree(SOURCES, compiler="g++", flags=())
        lists = ("library.txt", "protoc.txt")
        assert set(tree) >= {path for name in lists for path in compiled_by(tree, name)}
        assert set(tree) >= {path for name in lists for path in listed(tree, name)}
        assert "src/google/protobuf/stubs/hash.h" in tree

    def test_many_sources_are_compiled_in_one_go_but_those_with_names_in_common_alone(self):
        plain = [f"google/protobuf/part{number}.cc" for number in range(20)]
        odd = ["google/protobuf/util/x.cc", "google/protobuf/generated_message_table_driven.cc"]
        makefile = f"{MAKEFILE}libprotobuf_la_SOURCES += {' '.join([*plain, *odd])}\n"
        sources = {
            **SOURCES,
            "protobuf/src/Makefile.am": File(makefile.encode()),
            **{f"protobuf/src/{path}": File(b"") for path in (*plain, *odd)},
        }
        tree = protobuf_tree(sources, compiler="g++", flags=())
        compiled = compiled_by(tree, "library.txt")
        assert compiled[2:] == [f"src/{path}" for path in (*plain, *odd)]
        assert listed(tree, "library.txt") == [
            "units/0.cc",
            "units/1.cc",
            *(f"src/{path}" for path in odd),
        ]

    def test_changes_with_compiler_and_flags_only(self):
        one = protobuf_tree(SOURCES, compiler="g++", flags=("-D_GLIBCXX_USE_CXX11_ABI=0",))
        two = protobuf_tree(SOURCES, compiler="clang++", flags=())
        assert {path for path in one if one[path] != two[path]} == {"compile.sh", "protobuf.sh"}
        assert "-D_GLIBCXX_USE_CXX11_ABI=0" in text(one, "compile.sh")
        assert "clang++" in text(two, "compile.sh")

    def test_is_the_same_whatever_else_a_release_has(self):
        other = {**SOURCES, "mesos/src/more.cpp": File(b""), "stout/include/more.hpp": File(b"")}
        one = protobuf_tree(SOURCES, compiler="g++", flags=())
        assert one == protobuf_tree(other, compiler="g++", flags=())

    def test_sources_without_a_list_are_refused(self):
        with pytest.raises(UnavailableError, match=r"no src/Makefile\.am"):
            protobuf_tree(without("protobuf/src/Makefile.am"), compiler="g++", flags=())


class TestGenerate:
    def test_makes_all_messages_whose_imports_are_there(self):
        tree = generate_tree(SOURCES)
        assert listed(tree, "include.txt") == [
            "include/mesos/lonely.proto",
            "include/mesos/mesos.proto",
            "include/mesos/module/module.proto",
            "include/mesos/slave/containerizer.proto",
            "include/mesos/slave/isolator.proto",
        ]
        # csi/state.proto lacks an import, and csi/more.proto imports that.
        assert listed(tree, "src.txt") == ["src/messages/messages.proto"]

    def test_has_the_messages_of_protobuf_that_are_imported(self):
        tree = generate_tree(SOURCES)
        assert [path for path in tree if path.startswith("library/")] == [
            "library/google/protobuf/any.proto"
        ]

    def test_names_no_folder_that_is_not_there(self):
        sources = {path: file for path, file in SOURCES.items() if "any.proto" not in path}
        sources["mesos/include/mesos/mesos.proto"] = File(b"")
        assert "-Ilibrary" in text(generate_tree(SOURCES), "generate.sh")
        assert "-Ilibrary" not in text(generate_tree(sources), "generate.sh")


class TestRuntime:
    def test_core_has_the_manager_values_and_messages_but_no_agent_nor_libprocess(self):
        files = compiled(runtime())
        assert {
            "mesos/src/module/manager.cpp",
            "mesos/src/common/resources.cpp",
            "messages/mesos/mesos.pb.cc",
            "messages/mesos/slave/containerizer.pb.cc",
            "messages/messages/messages.pb.cc",
            "glog/src/logging.cc",
        } <= files
        assert "mesos/src/slave/slave.cpp" not in files
        assert "messages/mesos/lonely.pb.cc" not in files
        assert not any(path.startswith(("libprocess/", "libev/")) for path in files)

    def test_with_libprocess_it_has_that_too_but_nothing_for_other_libraries(self):
        files = compiled(runtime(libprocess=True))
        assert compiled(runtime()) < files
        assert {path for path in files if path.startswith(("libprocess", "libev", "http"))} == {
            "libprocess/src/help.cpp",
            "libprocess/src/http.cpp",
            "libprocess/src/io.cpp",
            "libprocess/src/libev.cpp",
            "libprocess/src/libev_poll.cpp",
            "libprocess/src/poll_socket.cpp",
            "libprocess/src/process.cpp",
            "libprocess/src/profiler.cpp",
            "libev/ev.c",
            "http-parser/http_parser.c",
        }

    @pytest.mark.parametrize("libprocess", [False, True])
    def test_no_source_is_compiled_twice(self, libprocess):
        tree = runtime(libprocess=libprocess)
        inside = [
            line.split('"')[1]
            for path in listed(tree, "sources.txt")
            if path.startswith("units/")
            for line in listed(tree, path)
        ]
        every = [*inside, *listed(tree, "sources.txt")]
        assert len(every) == len(set(every))

    @pytest.mark.parametrize("libprocess", [False, True])
    def test_has_every_file_that_it_compiles_and_does_not_make(self, libprocess):
        tree = runtime(libprocess=libprocess)
        made = {path for path in compiled(tree) if path.startswith("messages/")}
        assert compiled(tree) - made <= set(tree)

    def test_only_with_libprocess_nothing_may_stay_undefined(self):
        assert "-z,lazy" in text(runtime(), "runtime.sh")
        assert "-z,defs" in text(runtime(libprocess=True), "runtime.sh")
        watched = runtime(libprocess=True, flags=("-fsanitize=thread",))
        assert "-z,lazy" in text(watched, "runtime.sh")

    def test_what_is_watched_keeps_the_symbols_that_reports_name_functions_by(self):
        assert "-Wl,-s" in text(runtime(), "runtime.sh").split()
        watched = runtime(flags=("-fsanitize=thread",))
        assert "-Wl,-s" not in text(watched, "runtime.sh").split()

    @pytest.mark.parametrize(
        ("sanitizer", "libprocess", "watched"),
        [
            ("thread", True, True),
            ("thread", False, False),
            ("address", True, False),
            ("address", False, False),
        ],
    )
    def test_only_what_threads_meet_in_is_watched_by_the_thread_sanitizer(
        self, project, sanitizer, libprocess, watched
    ):
        project.write(f"{project.path.read_text()}{OLD_STRINGS}")
        target = project.target(sanitize=(sanitizer,))
        flags = runtime_flags(target, libprocess=libprocess)
        assert ("-fsanitize=thread" in flags) == watched
        assert "-fsanitize=address" not in flags
        assert "-D_GLIBCXX_USE_CXX11_ABI=0" in flags

    def test_without_a_sanitizer_every_runtime_has_the_flags_of_the_abi_alone(self, project):
        project.write(f"{project.path.read_text()}{OLD_STRINGS}")
        flags = {runtime_flags(project.target(), libprocess=choice) for choice in (True, False)}
        assert flags == {("-D_GLIBCXX_USE_CXX11_ABI=0",)}

    @pytest.mark.parametrize(
        ("release", "path", "there"),
        [
            (Release(0, 23, 1), "mesos/src/slave/containerizer/isolator.cpp", True),
            (Release(0, 24, 0), "mesos/src/slave/containerizer/isolator.cpp", False),
            (Release(0, 23, 1), "messages/mesos/slave/isolator.pb.cc", False),
            (Release(0, 24, 0), "messages/mesos/slave/isolator.pb.cc", True),
            (Release(1, 0, 4), "messages/mesos/slave/isolator.pb.cc", True),
            (Release(1, 1, 0), "messages/mesos/slave/isolator.pb.cc", False),
            (Release(1, 1, 0), "messages/mesos/slave/containerizer.pb.cc", True),
            (Release(0, 26, 2), "mesos/src/common/roles.cpp", False),
            (Release(0, 27, 0), "mesos/src/common/roles.cpp", True),
            (Release(0, 26, 0), "mesos/src/master/constants.cpp", True),
            (Release(0, 26, 1), "mesos/src/master/constants.cpp", False),
            (Release(0, 27, 1), "mesos/src/master/constants.cpp", True),
            (Release(0, 27, 2), "mesos/src/master/constants.cpp", False),
            (Release(1, 1, 3), "mesos/src/common/validation.cpp", False),
            (Release(1, 2, 0), "mesos/src/common/validation.cpp", True),
        ],
    )
    def test_parts_are_chosen_by_release(self, release, path, there):
        assert (path in compiled(runtime(release))) is there

    def test_what_is_missing_is_named_with_its_purpose(self):
        sources = without("mesos/src/common/values.cpp")
        with pytest.raises(UnavailableError, match=r"1\.2\.3 lack .*values\.cpp.*the value types"):
            runtime(sources=sources)

    def test_a_missing_message_is_named(self):
        with pytest.raises(UnavailableError, match=r"lack mesos/module/module\.proto"):
            runtime(sources=without("mesos/include/mesos/module/module.proto"))

    def test_every_compile_has_the_flags_of_the_platform(self):
        script = text(runtime(libprocess=True, flags=("-m32",)), "compile.sh")
        commands = [line for line in script.splitlines() if "g++-4.8" in line]
        assert commands
        assert all(" -m32 " in command for command in commands)

    def test_agent_only_functions_are_private(self):
        globs = [line.strip() for line in listed(runtime(), "exports.map")]
        assert "*createExecutorDirectory*;" in globs


class TestBuiltinPatches:
    def test_all_are_for_sdks(self):
        rules = [
            rule
            for patch in builtin_patches()
            for kind in (patch.rules.diff, patch.rules.edit, patch.rules.header)
            for rule in kind
        ]
        assert rules
        assert {rule.to for rule in rules} == {"sdk"}

    def test_the_argument_count_is_compared_and_not_its_address(self):
        path = "stout/include/stout/flags/flags.hpp"
        source = {
            path: File(
                b"name_ = argc > 0 ? a : b;\n  programName_ = argc > 0 ? Path(*(argv[0])).x;\n"
            )
        }
        old = Release(0, 27, 3)
        (compilers,) = (patch for patch in builtin_patches() if patch.name == "compilers.toml")
        assert text(apply_patches(source, [compilers], old, "sdk"), path) == (
            "name_ = argc > 0 ? a : b;\n  programName_ = *argc > 0 ? Path(*(argv[0])).x;\n"
        )
        assert apply_patches(source, [compilers], Release(0, 28, 0), "sdk") == source

    def test_missing_headers_of_the_system_are_stood_in_for(self):
        assert set(compatibility_headers(builtin_patches(), Release(0, 24, 1))) == {
            "curl/curl.h",
            "zlib.h",
        }
