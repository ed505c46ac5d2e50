"""``inspect`` over libraries that a real g++ made: one good one, and each way to be wrong."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from buildkit.smoke.checks import failures
from buildkit.smoke.elf import inspect_library
from buildkit.smoke.overrides import Interface, OverrideReport, find_dead_overrides, override_checks
from buildkit.smoke.policy import InspectPolicy

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")

DESCRIPTOR = "example_Module"
POLICY = InspectPolicy(descriptors=frozenset({DESCRIPTOR}))

GOOD = """
#include <string>
struct Descriptor { const char* name; };
std::string greeting(const std::string& whom) { return "hello " + whom; }
extern "C" { Descriptor example_Module = {"example"}; }
"""

SECOND_GLOG = """
namespace google { struct LogMessage { void Flush(); }; void LogMessage::Flush() {} }
"""
SECOND_PROTOBUF = """
namespace google { namespace protobuf {
struct DescriptorPool { static const DescriptorPool* generated_pool(); };
const DescriptorPool* DescriptorPool::generated_pool() { return nullptr; }
} }
"""

# The shape of the real interface, without its dependencies.
INTERFACE_TYPES = """
#include <list>
#include <string>
#include <vector>
struct ContainerID { std::string value; };
struct ContainerState { ContainerID id; };
struct Nothing {};
namespace process { template <typename T> struct Future { T* value; }; }
"""

INTERFACE_1_7 = (
    INTERFACE_TYPES
    + """
namespace mesos { namespace slave {
class Isolator {
public:
  virtual ~Isolator() {}
  virtual bool supportsNesting() { return false; }
  virtual process::Future<Nothing> recover(
      const std::vector<ContainerState>&, const std::list<ContainerID>&)
  { return process::Future<Nothing>(); }
  virtual process::Future<Nothing> cleanup(const ContainerID&)
  { return process::Future<Nothing>(); }
};
} }
"""
)

TRUE_RECOVER = (
    "process::Future<Nothing> recover("
    "const std::vector<ContainerState>&, const hashset<ContainerID>&)"
)
ISOLATOR_1_7 = Interface(
    release="1.7.3",
    base_class="mesos::slave::Isolator",
    methods=frozenset({"recover", "cleanup", "namespaces", "supportsNesting"}),
    true_signatures={
        "recover": TRUE_RECOVER,
        "cleanup": "process::Future<Nothing> cleanup(const ContainerID&)",
        "supportsNesting": "bool supportsNesting()",
    },
    lifetimes={"namespaces": "0.23.0 to 0.24.2"},
)

NEW_RECOVER = "const std::vector<ContainerState>&, const std::list<ContainerID>&"
OLD_RECOVER = "const std::list<ContainerState>&, const std::list<ContainerID>&"


@dataclass(frozen=True, kw_only=True)
class Built:
    library: Path
    debug: Path | None


Compiler = Callable[..., Built]


@pytest.fixture
def build(tmp_path: Path) -> Compiler:
    """Compile and link as the build script does; parameters leave things out or add to them."""

    def run(*command: str | Path) -> None:
        subprocess.run(["nice", *map(str, command)], check=True, timeout=120)

    def compile_library(
        source: str,
        *,
        name: str = "libexample.so",
        compile_flags: tuple[str, ...] = ("-O1", "-g"),
        link_flags: tuple[str, ...] = (),
        exports: tuple[str, ...] = (DESCRIPTOR,),
        soname: str | None = None,
        strip: bool = False,
    ) -> Built:
        code = tmp_path / "module.cpp"
        code.write_text(source)
        script = tmp_path / "exports.map"
        script.write_text(f"{{ global: {' '.join(f'{name};' for name in exports)} local: *; }};\n")
        library = tmp_path / name
        run(
            "g++", "-std=c++11", "-fPIC", *compile_flags, "-shared", code,
            "-o", library, f"-Wl,--version-script={script}", f"-Wl,-soname,{soname or name}",
            "-Wl,--build-id=sha1", "-Wl,-z,now", *link_flags,
        )  # fmt: skip
        if not strip:
            return Built(library=library, debug=None)
        debug = tmp_path / f"{name}.debug"
        run("objcopy", "--only-keep-debug", library, debug)
        run("objcopy", "--strip-unneeded", f"--add-gnu-debuglink={debug}", library)
        return Built(library=library, debug=debug)

    return compile_library


def problems(built: Built, policy: InspectPolicy = POLICY) -> dict[str, str]:
    checks = inspect_library(built.library, built.debug, policy)
    return {check.name: check.detail for check in failures(checks)}


def test_a_good_library_has_no_problem(build: Compiler) -> None:
    assert problems(build(GOOD)) == {}


def test_a_good_stripped_library_with_its_debug_file_has_no_problem(build: Compiler) -> None:
    assert problems(build(GOOD, strip=True)) == {}


@pytest.mark.parametrize(
    "flag",
    ["-Wl,--enable-new-dtags,-rpath,/build/lib", "-Wl,--disable-new-dtags,-rpath,/build/lib"],
)
def test_a_search_path_is_refused(build: Compiler, flag: str) -> None:
    found = problems(build(GOOD, link_flags=(flag,)))
    assert list(found) == ["no RPATH or RUNPATH"]
    assert "/build/lib" in found["no RPATH or RUNPATH"]


def test_exports_beyond_the_descriptor_are_refused(build: Compiler) -> None:
    found = problems(build(GOOD, exports=(DESCRIPTOR, "*greeting*")))
    assert list(found) == ["exports exactly the descriptor"]
    assert "greeting" in found["exports exactly the descriptor"]


def test_a_descriptor_that_is_not_exported_is_named(build: Compiler) -> None:
    found = problems(build(GOOD, exports=("nothing_of_this_name",)))
    assert list(found) == ["exports exactly the descriptor"]
    assert f"does not export {DESCRIPTOR}" in found["exports exactly the descriptor"]


def test_a_wrong_soname_is_refused(build: Compiler) -> None:
    found = problems(build(GOOD, soname="libother.so"))
    assert list(found) == ["SONAME is the file's name"]
    assert "libother.so" in found["SONAME is the file's name"]


@pytest.mark.parametrize(("body", "twin"), [(SECOND_GLOG, "glog"), (SECOND_PROTOBUF, "protobuf")])
@pytest.mark.parametrize("strip", [False, True])
def test_a_second_copy_inside_is_found(
    build: Compiler, body: str, twin: str, *, strip: bool
) -> None:
    built = build(GOOD + body, strip=strip)
    name = "no second protobuf or glog inside"
    found = problems(built)
    assert list(found) == [name]
    assert f"{twin} itself was linked in" in found[name]
    assert problems(built, replace(POLICY, allow_twins=frozenset({twin}))) == {}


def test_a_stripped_library_without_debug_file_cannot_be_judged(build: Compiler) -> None:
    built = replace(build(GOOD, strip=True), debug=None)
    found = problems(built)
    assert "cannot tell" in found["no second protobuf or glog inside"]


def test_an_undefined_symbol_needs_a_provider(build: Compiler) -> None:
    built = build(GOOD + 'extern "C" void of_agent(); void use() { of_agent(); }\n')
    found = problems(built)
    assert list(found) == ["every undefined symbol has a provider"]
    assert "of_agent" in found["every undefined symbol has a provider"]
    assert problems(built, replace(POLICY, provided=frozenset({"of_agent"}))) == {}


def test_an_undefined_weak_symbol_needs_none(build: Compiler) -> None:
    source = 'extern "C" void maybe() __attribute__((weak)); void use() { if (maybe) maybe(); }\n'
    assert problems(build(GOOD + source)) == {}


def test_a_library_off_the_list_is_refused(build: Compiler) -> None:
    other = build('extern "C" void other() {}', name="libglog.so.0", exports=("other",))
    found = problems(
        build(
            GOOD + 'extern "C" void other(); void use() { other(); }',
            link_flags=(str(other.library),),
        ),
        replace(POLICY, provided=frozenset({"other"})),
    )
    assert list(found) == ["needs only allowed libraries"]
    assert "libglog.so.0" in found["needs only allowed libraries"]
    assert "second glog" in found["needs only allowed libraries"]


def test_lazy_binding_is_refused(build: Compiler) -> None:
    assert list(problems(build(GOOD, link_flags=("-Wl,-z,lazy",)))) == ["binds at load time"]


def test_an_executable_stack_is_refused(build: Compiler) -> None:
    found = problems(build(GOOD, link_flags=("-Wl,-z,execstack",)))
    assert list(found) == ["stack is not executable"]


def test_text_relocations_are_refused(build: Compiler) -> None:
    # The address of a variable inside code, as non-PIC code has it.
    source = GOOD + 'int here; asm(".text\\n.dc.a here\\n");\n'
    found = problems(build(source, link_flags=("-Wl,-z,notext",)))
    assert list(found) == ["no text relocations"]


def test_a_debug_file_of_another_build_is_refused(build: Compiler, tmp_path: Path) -> None:
    built = build(GOOD, strip=True)
    assert built.debug is not None
    kept = built.debug.rename(tmp_path / "kept.debug")
    changed = build(GOOD.replace("hello", "goodbye"), strip=True)
    found = problems(replace(changed, debug=kept))
    assert list(found) == ["has a build ID, the debug file the same"]


def test_a_missing_build_id_is_refused(build: Compiler) -> None:
    found = problems(build(GOOD, link_flags=("-Wl,--build-id=none",)))
    assert list(found) == ["has a build ID, the debug file the same"]


def test_another_machine_is_refused(build: Compiler) -> None:
    found = problems(build(GOOD), replace(POLICY, machine="EM_S390"))
    assert list(found) == ["built for the right machine"]


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"not an ELF file at all"])
def test_what_is_no_library_is_one_failed_check(tmp_path: Path, content: bytes) -> None:
    library = tmp_path / "libexample.so"
    library.write_bytes(content)
    found = problems(Built(library=library, debug=None))
    assert list(found) == ["file is an ELF shared object"]


# --- dead overrides


def module(body: str, interface: str = INTERFACE_1_7, use: str = "Mine") -> str:
    """A module whose descriptor makes an object, so that its class is in the library."""
    return f"""{interface}
{body}
extern "C" {{ mesos::slave::Isolator* example_Module() {{ return new {use}(); }} }}
"""


def method(name: str, parameters: str, result: str = "process::Future<Nothing>") -> str:
    return f"{result} {name}({parameters}) {{ return {result}(); }}"


def declared(
    *methods: str, name: str = "Mine", bases: str = "public mesos::slave::Isolator"
) -> str:
    lines = "\n".join(f"  virtual {one}" for one in methods)
    return f"class {name} : {bases} {{ public:\n{lines}\n}};"


def find(built: Built, interface: Interface = ISOLATOR_1_7) -> OverrideReport:
    return find_dead_overrides(built.library, built.debug, interface)


def dead_methods(report: OverrideReport) -> list[tuple[str, str]]:
    assert report.problem is None
    return [(dead.class_name, dead.method) for dead in report.dead]


DWARFS = {
    "dwarf 5": ("-O1", "-g"),
    "dwarf 4": ("-O1", "-gdwarf-4"),
    "dwarf 5 type units": ("-O1", "-g", "-fdebug-types-section"),
    "dwarf 4 type units": ("-O1", "-gdwarf-4", "-fdebug-types-section"),
    "unoptimised": ("-O0", "-g"),
}


@pytest.mark.parametrize("flags", DWARFS.values(), ids=DWARFS)
def test_a_list_recover_is_dead_where_the_interface_takes_a_vector(
    build: Compiler, flags: tuple[str, ...]
) -> None:
    body = declared(method("recover", OLD_RECOVER), method("cleanup", "const ContainerID&"))
    report = find(build(module(body), compile_flags=flags, strip=True))
    assert dead_methods(report) == [("Mine", "recover")]
    assert [(one.method, one.in_table) for one in report.live] == [("cleanup", True)]
    dead = report.dead[0]
    assert (
        dead.declared == "recover(const std::list<ContainerState>&, const std::list<ContainerID>&)"
    )
    assert dead.place is not None
    assert dead.place.file.endswith("module.cpp")
    line = module(body).splitlines()[dead.place.line - 1]
    assert "recover" in line
    assert "does not override anything in Mesos 1.7.3" in str(dead)
    assert TRUE_RECOVER in str(dead)
    checks = override_checks(report)
    assert [check.ok for check in checks] == [False]
    assert "Mine::recover" in checks[0].name


@pytest.mark.parametrize("flags", DWARFS.values(), ids=DWARFS)
def test_true_overrides_are_live(build: Compiler, flags: tuple[str, ...]) -> None:
    body = declared(
        method("recover", NEW_RECOVER),
        method("cleanup", "const ContainerID&"),
        method("supportsNesting", "", "bool"),
    )
    report = find(build(module(body), compile_flags=flags))
    assert dead_methods(report) == []
    assert {one.method for one in report.live} == {"recover", "cleanup", "supportsNesting"}
    assert all(one.in_table for one in report.live)
    assert [check.ok for check in override_checks(report)] == [True]


def test_a_method_that_is_gone_is_never_called(build: Compiler) -> None:
    body = declared(method("namespaces", "", "process::Future<int>"))
    report = find(build(module(body)))
    assert dead_methods(report) == [("Mine", "namespaces")]
    message = str(report.dead[0])
    assert "does not exist in Mesos 1.7.3" in message
    assert "0.23.0 to 0.24.2" in message
    assert "never called" in message


def test_a_method_that_is_not_virtual_does_not_override(build: Compiler) -> None:
    body = f"""class Mine : public mesos::slave::Isolator {{ public:
      {method("recover", OLD_RECOVER)} }};
      process::Future<Nothing> use(Mine& mine) {{ return mine.recover({{}}, {{}}); }}"""
    assert dead_methods(find(build(module(body)))) == [("Mine", "recover")]


def test_a_method_no_release_knows_is_no_concern(build: Compiler) -> None:
    body = declared(method("cleanup", "const ContainerID&"), method("mountAll", "int"))
    assert dead_methods(find(build(module(body)))) == []


def test_a_base_behind_a_typedef_is_found(build: Compiler) -> None:
    body = (
        "typedef mesos::slave::Isolator OldName; using IsolatorBase = const OldName;\n"
        "typedef OldName Base;\n" + declared(method("recover", OLD_RECOVER), bases="public Base")
    )
    assert dead_methods(find(build(module(body)))) == [("Mine", "recover")]


def test_every_class_of_a_chain_is_looked_at(build: Compiler) -> None:
    body = "\n".join(
        [
            "namespace mine {",
            declared(
                method("recover", OLD_RECOVER), method("cleanup", "const ContainerID&"),
                name="Middle",
            ),
            declared(method("cleanup", "const ContainerID&"), name="Last", bases="public Middle"),
            "}",
        ]
    )  # fmt: skip
    report = find(build(module(body, use="mine::Last")))
    assert dead_methods(report) == [("mine::Middle", "recover")]
    assert {(one.class_name, one.method) for one in report.live} == {
        ("mine::Middle", "cleanup"),
        ("mine::Last", "cleanup"),
    }


def test_an_override_in_an_intermediate_class_is_live(build: Compiler) -> None:
    body = "\n".join(
        [
            declared(method("recover", NEW_RECOVER), name="Middle"),
            declared(method("cleanup", "const ContainerID&"), bases="public Middle"),
        ]
    )
    assert dead_methods(find(build(module(body)))) == []


def test_a_helper_of_the_same_name_beside_the_override_is_no_concern(build: Compiler) -> None:
    body = declared(method("recover", NEW_RECOVER), method("recover", "const std::string&"))
    assert dead_methods(find(build(module(body)))) == []


def test_a_class_in_an_unnamed_namespace_is_looked_at(build: Compiler) -> None:
    body = "\n".join(
        [
            "namespace {",
            declared(method("recover", OLD_RECOVER), method("cleanup", "const ContainerID&")),
            "}",
        ]
    )
    report = find(build(module(body)))
    assert dead_methods(report) == [("(anonymous namespace)::Mine", "recover")]
    assert [(one.method, one.in_table) for one in report.live] == [("cleanup", True)]


def test_a_base_that_is_not_the_first_is_checked_in_its_own_table(build: Compiler) -> None:
    # Mine's own new slot comes after First's three, where Isolator has its `recover`: the index
    # alone would look right.
    first = "struct First { virtual ~First() {} virtual void work() { ++count; } int count; };\n"
    bases = "public First, public mesos::slave::Isolator"
    dead = first + declared(method("recover", OLD_RECOVER), bases=bases)
    assert dead_methods(find(build(module(dead)))) == [("Mine", "recover")]
    live = first + declared(method("recover", NEW_RECOVER), bases=bases)
    report = find(build(module(live)))
    assert dead_methods(report) == []
    assert [one.in_table for one in report.live] == [True]


def test_a_virtual_base_is_followed(build: Compiler) -> None:
    bases = "public virtual mesos::slave::Isolator"
    live = declared(method("recover", NEW_RECOVER), bases=bases)
    assert dead_methods(find(build(module(live)))) == []


def test_a_nested_class_is_looked_at(build: Compiler) -> None:
    body = f"struct Outer {{ {declared(method('recover', OLD_RECOVER), name='Inner')} }};"
    report = find(build(module(body, use="Outer::Inner")))
    assert dead_methods(report) == [("Outer::Inner", "recover")]


def test_without_debug_information_nothing_can_be_said(build: Compiler) -> None:
    report = find(build(module(declared(method("recover", OLD_RECOVER))), compile_flags=("-O1",)))
    assert report.problem is not None
    assert "-g" in report.problem
    assert [check.ok for check in override_checks(report)] == [False]


def test_a_library_without_such_a_class_is_a_problem(build: Compiler) -> None:
    report = find(build(GOOD))
    assert report.problem == "no class in it derives from mesos::slave::Isolator"


def test_a_file_that_is_no_library_is_a_problem(tmp_path: Path) -> None:
    library = tmp_path / "libexample.so"
    library.write_bytes(b"text")
    report = find(Built(library=library, debug=None))
    assert report.problem is not None
    assert "libexample.so" in report.problem
