"""What ``inspect`` finds out about the run time and std::string that a real library needs."""

import shutil
import struct
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from buildkit.smoke.abi import AbiFacts, Floor, named_floor
from buildkit.smoke.checks import failures
from buildkit.smoke.elf import abi_facts, inspect_library
from buildkit.smoke.policy import InspectPolicy

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")

DESCRIPTOR = "example_Module"
POLICY = InspectPolicy(descriptors=frozenset({DESCRIPTOR}), extra_libraries=("libstand-in.so",))
OLD_ABI = "-D_GLIBCXX_USE_CXX11_ABI=0"
STRING_CHECK = "uses the platform's std::string"

PLAIN = 'extern "C" { const char* example_Module = "example"; }\n'
# A string in the signature, so that it shows even where all of it is inlined.
STRINGS = (
    PLAIN
    + """
#include <string>
namespace mine { std::string greeting(const std::string& whom) { return "hello " + whom; } }
"""
)
# A bit of everything in the C++ library that has two forms, or uses one that has.
BROAD = (
    PLAIN
    + """
#include <fstream>
#include <functional>
#include <iostream>
#include <list>
#include <locale>
#include <map>
#include <random>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <system_error>
namespace mine {
std::list<int> numbers(const std::list<std::wstring>& words) { return {int(words.size())}; }
std::string all(std::map<std::string, std::string> values, std::string path) {
  std::ifstream file(path);
  std::ostringstream out;
  for (const auto& pair : values) out << pair.first << pair.second;
  if (!file) throw std::system_error(errno, std::generic_category(), path);
  if (std::regex_match(path, std::regex("a+"))) throw std::out_of_range(path);
  std::random_device device;
  std::function<std::string(int)> number = [](int n) { return std::to_string(n); };
  std::cout << std::locale().name() << std::use_facet<std::messages<char>>(std::locale()).get(
      0, 0, 0, path) << numbers({L"one"}).size();
  try { file.exceptions(std::ios::badbit); } catch (const std::ios_base::failure& failure) {}
  return out.str() + number(int(device()));
}
}
"""
)

Compiler = Callable[..., Path]


def run(*command: str | Path) -> None:
    subprocess.run(["nice", *map(str, command)], check=True, timeout=300)


@pytest.fixture
def build(tmp_path: Path) -> Compiler:
    """Compile and link as the build script does."""

    def compile_library(
        source: str, *flags: str | Path, name: str = "libexample.so", language: str = "c++11"
    ) -> Path:
        code = tmp_path / "module.cpp"
        code.write_text(source)
        script = tmp_path / "exports.map"
        script.write_text(f"{{ global: {DESCRIPTOR}; local: *; }};\n")
        library = tmp_path / name
        run(
            "g++", f"-std={language}", "-O1", "-g", "-fPIC", "-shared", code, "-o", library,
            f"-Wl,--version-script={script}", f"-Wl,-soname,{name}", "-Wl,--build-id=sha1",
            "-Wl,-z,now", *flags,
        )  # fmt: skip
        return library

    return compile_library


@pytest.fixture
def needing(build: Compiler, tmp_path: Path) -> Callable[[str], Path]:
    """A library that needs one function at a label of our choice, from a stand-in for the system.

    No system that this runs on has all the labels that there are.
    """

    def needing(label: str) -> Path:
        stand_in = tmp_path / "libstand-in.so"
        code = tmp_path / "stand-in.c"
        code.write_text("void wanted(void) {}\n")
        script = tmp_path / "stand-in.map"
        script.write_text(f"{label} {{ global: wanted; local: *; }};\n")
        run(
            "gcc", "-shared", "-fPIC", "-nostdlib", code, "-o", stand_in,
            f"-Wl,--version-script={script}", "-Wl,-soname,libstand-in.so",
        )  # fmt: skip
        source = PLAIN + 'extern "C" void wanted(); void use() { wanted(); }\n'
        return build(source, stand_in, "-nostdlib")

    return needing


def problems(library: Path, policy: InspectPolicy) -> dict[str, str]:
    checks = inspect_library(library, None, policy)
    return {check.name: check.detail for check in failures(checks)}


def with_floor(floor: Floor | None) -> InspectPolicy:
    return replace(POLICY, floor=floor)


# --- versions


def test_the_facts_are_read_and_reported(build: Compiler) -> None:
    source = STRINGS + '#include <cstdlib>\nconst char* home() { return std::getenv("HOME"); }\n'
    library = build(source)
    facts = abi_facts(library, None)
    assert facts.glibc is not None
    assert facts.glibcxx is not None
    # std::string's present form came with 3.4.21, which is newer than 3.4.9.
    assert tuple(map(int, facts.glibcxx.split("."))) >= (3, 4, 21)
    assert facts.std_string == "cxx11"
    [report] = [c for c in inspect_library(library, None, POLICY) if c.name == "ABI read"]
    assert report.ok
    assert report.detail == str(facts)
    assert f"GLIBCXX {facts.glibcxx}" in report.detail


def test_a_library_that_needs_nothing_has_no_versions(build: Compiler) -> None:
    assert abi_facts(build(PLAIN, "-nostdlib"), None) == AbiFacts()


@pytest.mark.parametrize(
    ("label", "below"),
    [
        ("GLIBC_2.32", Floor(glibc="2.31")),
        ("GLIBC_2.100", Floor(glibc="2.99")),
        ("GLIBCXX_3.4.29", Floor(glibcxx="3.4.28")),
        ("CXXABI_1.3.13", Floor(cxxabi="1.3.12")),
        ("CXXABI_FLOAT128", Floor(cxxabi="1.3.8")),
        ("GCC_12.0.0", Floor(gcc="11.0")),
        ("GLIBC_2.32", named_floor("debian11")),
        ("GLIBCXX_3.4.20", named_floor("ubuntu1404")),
        ("CXXABI_1.3.8", named_floor("centos7")),
        ("GCC_7.0.0", named_floor("ubuntu1604")),
    ],
)
def test_each_floor_is_one_that_can_be_crossed(
    needing: Callable[[str], Path], label: str, below: Floor
) -> None:
    library = needing(label)
    found = problems(library, with_floor(below))
    namespace = label.partition("_")[0]
    assert list(found) == [f"needs at most {namespace}_{below.limits[namespace]}"]
    [text] = found.values()
    assert f"{label} (wanted)" in text
    assert problems(library, with_floor(None)) == {}
    at_it = {"glibc": "2.100", "glibcxx": "3.4.29", "cxxabi": "1.3.13", "gcc": "12.0.0"}
    assert problems(library, with_floor(Floor(**at_it))) == {}


@pytest.mark.parametrize(
    ("source", "since", "symbol"),
    [
        # What a newer glibc has more, and what it has given a new label.
        ("#include <stdlib.h>\nunsigned use() { return arc4random(); }\n", "2.36", "arc4random"),
        ("#include <fcntl.h>\nint use(int f) { return fcntl64(f, F_GETFD); }\n", "2.28", "fcntl64"),
    ],
)
def test_a_function_of_a_newer_glibc_is_named(
    build: Compiler, source: str, since: str, symbol: str
) -> None:
    try:
        library = build(PLAIN + source)
    except subprocess.CalledProcessError:
        pytest.skip(f"this system's glibc has no {symbol}")
    major, _, minor = since.partition(".")
    name = f"needs at most GLIBC_{major}.{int(minor) - 1}"
    found = problems(library, with_floor(Floor(glibc=f"{major}.{int(minor) - 1}")))
    assert list(found) == [name]
    assert f"GLIBC_{since} ({symbol})" in found[name]
    assert problems(library, with_floor(Floor(glibc=since))) == {}


def test_a_function_of_a_newer_libstdcxx_is_named(build: Compiler) -> None:
    source = """
    #include <charconv>
    double use(const char* begin, const char* end) {
      double value = 0; std::from_chars(begin, end, value); return value;
    }
    """
    library = build(PLAIN + source, language="c++17")
    found = problems(library, with_floor(named_floor("debian11")))
    assert list(found) == ["needs at most GLIBCXX_3.4.28"]
    assert "GLIBCXX_3.4.29 (_ZSt10from_chars" in found["needs at most GLIBCXX_3.4.28"]


def test_the_present_std_string_does_not_fit_an_old_libstdcxx(build: Compiler) -> None:
    floor = Floor(glibcxx=named_floor("ubuntu1404").glibcxx)
    name = "needs at most GLIBCXX_3.4.19"
    found = problems(build(STRINGS), with_floor(floor))
    assert list(found) == [name]
    assert "__cxx11" in found[name]
    assert "cxx11_abi = false" in found[name]
    assert problems(build(STRINGS, OLD_ABI), with_floor(floor)) == {}


def test_a_private_interface_is_refused_without_any_floor(needing: Callable[[str], Path]) -> None:
    found = problems(needing("GLIBC_PRIVATE"), POLICY)
    assert list(found) == ["needs nothing private of the system"]
    assert "GLIBC_PRIVATE (wanted)" in found["needs nothing private of the system"]


def test_a_label_of_unknown_age_is_only_reported_without_a_floor(
    needing: Callable[[str], Path],
) -> None:
    library = needing("GLIBC_ABI_NEWS")
    assert problems(library, POLICY) == {}
    found = problems(library, with_floor(named_floor("debian13")))
    assert "GLIBC_ABI_NEWS (wanted)" in found["needs at most GLIBC_2.41"]


@pytest.mark.parametrize("libc", ["-lc", "-nostdlib"])
def test_packed_relocations_need_a_glibc_that_knows_them(build: Compiler, libc: str) -> None:
    # Without libc there is no libc.so.6 that the linker could ask for GLIBC_ABI_DT_RELR.
    try:
        library = build(PLAIN, "-Wl,-z,pack-relative-relocs", libc)
    except subprocess.CalledProcessError:
        pytest.skip("this linker cannot pack relocations")
    with library.open("rb") as stream:
        if ELFFile(stream).get_section_by_name(".relr.dyn") is None:
            pytest.skip("this linker does not pack relocations")
    assert abi_facts(library, None).glibc == "2.36"
    found = problems(library, with_floor(named_floor("debian11")))
    assert list(found) == ["needs at most GLIBC_2.31"]
    assert "GLIBC_ABI_DT_RELR" in found["needs at most GLIBC_2.31"]
    assert "nopack-relative-relocs" in found["needs at most GLIBC_2.31"]
    assert problems(library, with_floor(named_floor("debian12"))) == {}


def test_a_version_that_the_loader_can_do_without_is_not_needed(
    needing: Callable[[str], Path],
) -> None:
    library = needing("GLIBC_2.100")
    assert abi_facts(library, None).glibc == "2.100"
    with library.open("rb") as stream:
        elf = ELFFile(stream)
        section = elf.get_section_by_name(".gnu.version_r")
        order = "<" if elf.little_endian else ">"
        need = section["sh_offset"]
    content = bytearray(library.read_bytes())
    # struct Elf64_Verneed: vn_aux at 8; struct Elf64_Vernaux: vna_flags at 4, VER_FLG_WEAK is 2.
    [aux] = struct.unpack_from(f"{order}I", content, need + 8)
    struct.pack_into(f"{order}H", content, need + aux + 4, 2)
    library.write_bytes(content)
    assert abi_facts(library, None).glibc is None
    assert problems(library, with_floor(Floor(glibc="2.31"))) == {}


# --- std::string


@pytest.mark.parametrize(
    ("flags", "cxx11_abi", "std_string"), [((), True, "cxx11"), ((OLD_ABI,), False, "old")]
)
def test_a_library_uses_one_std_string_throughout(
    build: Compiler, flags: tuple[str, ...], std_string: str, *, cxx11_abi: bool
) -> None:
    library = build(BROAD, *flags)
    assert abi_facts(library, None).std_string == std_string
    assert problems(library, replace(POLICY, cxx11_abi=cxx11_abi)) == {}
    found = problems(library, replace(POLICY, cxx11_abi=not cxx11_abi))
    assert list(found) == [STRING_CHECK]
    assert "_Z" in found[STRING_CHECK]
    assert problems(library, replace(POLICY, cxx11_abi=None)) == {}


def test_a_library_without_strings_fits_both(build: Compiler) -> None:
    library = build(PLAIN)
    assert abi_facts(library, None).std_string == "none"
    for cxx11_abi in (True, False):
        assert problems(library, replace(POLICY, cxx11_abi=cxx11_abi)) == {}


def test_one_file_compiled_the_other_way_is_found(build: Compiler, tmp_path: Path) -> None:
    other = tmp_path / "other.cpp"
    other.write_text(
        "#include <string>\nnamespace other { int size(const std::string& s) { return s.size(); } }"
    )
    run("g++", "-std=c++11", "-O1", "-g", "-fPIC", OLD_ABI, "-c", other, "-o", tmp_path / "other.o")
    library = build(STRINGS, tmp_path / "other.o")
    assert abi_facts(library, None).std_string == "both"
    found = problems(library, replace(POLICY, cxx11_abi=True))
    assert list(found) == [STRING_CHECK]
    assert "_ZN5other4sizeERKSs" in found[STRING_CHECK]
    found = problems(library, replace(POLICY, cxx11_abi=False))
    assert "greeting" in found[STRING_CHECK]


def test_the_debug_file_is_looked_at_too(build: Compiler, tmp_path: Path) -> None:
    # Nothing of the string is left in the stripped library itself.
    source = "#include <string>\nnamespace mine { int size(std::string& s) { return s.size(); } }"
    library = build(PLAIN + source)
    debug = tmp_path / "libexample.so.debug"
    run("objcopy", "--only-keep-debug", library, debug)
    run("objcopy", "--strip-unneeded", library)
    assert abi_facts(library, None).std_string == "none"
    assert abi_facts(library, debug).std_string == "cxx11"
    checks = inspect_library(library, debug, replace(POLICY, cxx11_abi=False))
    assert [check.name for check in failures(checks)] == [STRING_CHECK]


@pytest.mark.parametrize(("flags", "std_string"), [((), "cxx11"), ((OLD_ABI,), "old")])
def test_a_libstdcxx_linked_in_does_not_count(
    build: Compiler, flags: tuple[str, ...], std_string: str
) -> None:
    library = build(STRINGS, "-static-libstdc++", *flags)
    facts = abi_facts(library, None)
    assert facts.glibcxx is None
    assert facts.std_string == std_string
