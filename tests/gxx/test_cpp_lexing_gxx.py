"""What is a directive, in text that is hardly C++, is what g++ says.

Lines that define a macro stand between all that could hide them: what begins a comment or a literal
and may not end it. ``g++ -E -dM`` tells which of them it has read.
"""

import re

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from test_cpp_gxx import FEW, Compiler, is_unsure, read_files

from buildkit.encoding import Encoding

_FLAGS = ("-std=c++17", "-dM")
_DEFINES = re.compile(r"^#define (P\d+) 1$", re.MULTILINE)

pieces = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *('"', "'", "\\", "/*", "*/", "//", "// it's", "/* it's */", "'\"'", "'\\''"),
                *('"\\""', '"/*"', "'/*'", '"//"', 'R"(', ')"', 'R"x(', ')x"', 'u8R"(#if 0\n)"'),
                *('LR"y(")x")y"', "L'x'", "u8'\"'", 'xR"(', "1'000", "0x1'f", "1e+1'0", "don't"),
                *("\\\n", "\\ \n", "\\\r\n", "\r", "\t", "\f", "é", "é'", "...", "->", "$x", "@"),
                *("foo(", ")", "{", "}", ";", "int x = ", "class A : public B", "MACRO", "return"),
                *("#include_next", "operator", "<a//b>", "#", "%:", "<<=", "::", "template <"),
            ]
        ),
        st.text("\"'\\/*R() \n1a", max_size=5),
    ),
    max_size=4,
).map(" ".join)
_starts = st.sampled_from(
    ["", "", "", "", "#define M ", "#define F(x) x", "#pragma ", "#warning ", "#undef M // ",
     "  # define N /**/", "%:define O "]
)  # fmt: skip
_lines = st.tuples(_starts, pieces).map("".join)


@st.composite
def texts(draw: st.DrawFn, depth: int = 2) -> list[str]:
    """Lines; the empty macro in some of them is where one is defined."""
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 4))):
        if depth and draw(st.integers(0, 3)) == 0:
            lines += [
                *(draw(st.sampled_from(["#if 0", "#if 1", "#ifdef A", "#if '/' == 47 // it's"])),),
                *draw(texts(depth - 1)),
                *(["#else", *draw(texts(depth - 1))] if draw(st.booleans()) else []),
                "#endif",
            ]
        else:
            lines += [draw(_lines), "DEFINE"]
    return lines


def _text(lines: list[str]) -> str:
    return "".join(
        f"#define P{number} 1\n" if line == "DEFINE" else f"{line}\n"
        for number, line in enumerate(lines)
    )


@pytest.fixture(scope="module")
def compiler(tmp_path_factory):
    return Compiler(tmp_path_factory.mktemp("lexing"))


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(lines=texts())
@example(['#define M "/*"', "DEFINE", "/* */", "DEFINE"])
@example(["#if 0", "don't \"foo", "DEFINE", 'it"s', "#endif", "DEFINE"])
@example(["class A : public B", "#if 1", ", public C // it's", "DEFINE", "#endif", "{};"])
@example(["void f(int a,", "#ifdef A", 'int b = g("', "DEFINE", "#else", "DEFINE", "#endif", ");"])
@example(['MACRO x R"(', "DEFINE", ')"', "DEFINE"])
@example(["#if 1'000 == 1000 // it's", "DEFINE", "#endif"])
@example(["#define M 1'000 /*", "DEFINE", "*/", "DEFINE"])
@example(["char c = '/*'; /*", "DEFINE", "*/", "DEFINE"])
@example(["#warning don't /*", "DEFINE", "*/ kept", "DEFINE"])
@example(["//* it's", "DEFINE", "x //* \\", "DEFINE"])
def test_directives_are_where_gxx_finds_them(compiler, lines):
    text = _text(lines)
    reading = read_files({"main.cpp": text}, Encoding.OCTAL)
    (compiler.folder / "main.cpp").write_bytes(text.encode())
    code, left = compiler.text("main.cpp", FEW[0], Encoding.OCTAL, _FLAGS)
    if code == 0:
        assert not is_unsure(reading, FEW[0])
        [variant] = [v for v in reading.variants("main.cpp") if FEW[0] in v.releases]
        found = {name for name in variant.macros if re.fullmatch(r"P\d+", name)}
        assert found == set(_DEFINES.findall(left)), text
