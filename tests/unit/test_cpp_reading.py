"""Reading C++ sources: lines, literals, macros, includes, unknown conditions, and problems."""

import pytest
from support_cpp import read_module, release

from buildkit.cpp.lexer import TokenKind, scan
from buildkit.cpp.problems import ProblemKind
from buildkit.cpp.reading import Reading
from buildkit.encoding import Encoding
from buildkit.releases import FINAL_RELEASES

SOME = tuple(release(text) for text in ("0.23.1", "0.24.1", "1.0.1", "1.11.0"))


def words(reading: Reading, path: str = "main.cpp") -> dict[str, str]:
    """What each release compiles, as words."""
    return {str(r): " ".join(reading.text(path, r).split()) for r in reading.releases}


def takers(reading: Reading, line: int) -> list[str]:
    """The releases that take the branch at a line."""
    [branch] = [b for c in reading.conditionals() for b in c.branches if b.line == line]
    return [str(r) for r in reading.names(branch.certain)]


def problems(reading: Reading) -> list[tuple[ProblemKind, int, str]]:
    return [(problem.kind, problem.line, problem.text) for problem in reading.problems]


class TestBranches:
    def test_each_release_compiles_its_own(self):
        reading = read_module(
            """\
            #if MESOS_VERSION_INT < 0240
            old
            #elif MESOS_VERSION_AT_LEAST(1, 0, 0)
            new
            #else
            middle
            #endif
            """,
            releases=SOME,
        )
        assert words(reading) == {
            "0.23.1": "old", "0.24.1": "middle", "1.0.1": "new", "1.11.0": "new"
        }  # fmt: skip

    def test_releases_that_compile_the_same_share_a_variant(self):
        reading = read_module("#if MESOS_VERSION_INT < 0240\nold\n#endif\nall\n", releases=SOME)
        old, new = reading.variants("main.cpp")
        assert [str(r) for r in old.releases] == ["0.23.1"]
        assert old.text == "\nold\n\nall\n"
        assert [str(r) for r in new.releases] == ["0.24.1", "1.0.1", "1.11.0"]
        assert new.text == "\n\n\nall\n"

    def test_a_text_keeps_its_lines_and_its_includes_but_no_other_directive(self):
        reading = read_module('#define A 1 \\\n + 2\n#include "x.hpp"\ncode\n', releases=SOME)
        [variant] = reading.variants("main.cpp")
        assert variant.text == '\n\n#include "x.hpp"\ncode\n'

    def test_conditionals_know_what_they_are_in(self):
        reading = read_module(
            "#if MESOS_VERSION_INT < 0240\n#else\n#if MESOS_VERSION_INT < 0250\n#endif\n#endif\n",
            releases=SOME,
        )
        outer, inner = reading.conditionals()
        assert outer.parent is None
        assert inner.parent == (outer, 1)
        assert [str(r) for r in reading.names(inner.reached)] == ["0.24.1", "1.0.1", "1.11.0"]

    @pytest.mark.parametrize("encoding", Encoding)
    def test_the_numbers_are_the_encodings(self, encoding):
        text = f"#if MESOS_VERSION_INT == {encoding.literal(release('0.28.3'))}\n#endif\n"
        reading = read_module(text, encoding=encoding)
        assert takers(reading, 1) == ["0.28.3"]


class TestText:
    """What is a directive, and what only looks like one."""

    @pytest.mark.parametrize(
        "text",
        [
            "/*\n#if 0\n*/ kept",
            "// \\\n#if 0\nkept",
            'const char* s = R"(\n#if 0\n)"; kept',
            'const char* s = R"x(\n)"\n#if 0\n)x"; kept',
            'const char* s = u8R"(\n#if 0\n)"; kept',
            'const char* s = "\\\n#if 0"; kept',
            "#define A /*\n#if 0\n*/\nkept",
            "int n = 1'000; /*\n#if 0\n*/ kept",
            "char c = '\\''; /*\n#if 0\n*/ kept",
            "#error don't /*\n#undef A\nkept",
            'MACRO x R"(\n#if 0\n)"; kept',
            "#define A 1'000 /*\n#if 0\n*/\nkept",
            "char c = '/*'; /*\n#if 0\n*/ kept",
            "// it's \\\r\n#if 0\r\nkept",
            "x //* \\\n#if 0\nkept",
            '"\udce9" /*\n#if 0\n\udce9 */ kept',
        ],
    )
    def test_what_only_looks_like_a_directive_is_none(self, text):
        reading = read_module(f"#if 1\n#endif\n#if 0\n#else\n{text}\n#endif\n", releases=SOME[:1])
        assert "kept" in reading.text("main.cpp", SOME[0])
        assert [kind for kind, *_ in problems(reading)] in ([], [ProblemKind.ERROR])

    @pytest.mark.parametrize(
        "text",
        ["  #  if 0", "%: if 0", "/* x */ #if 0", "#if /* a\nb */ 0", "#if \\\n 0", "#if\t0 // x",
         "#if 0\r"],
    )  # fmt: skip
    def test_however_a_directive_is_written_it_is_one(self, text):
        reading = read_module(f"{text}\nlost\n#endif\nkept\n", releases=SOME[:1])
        assert words(reading) == {"0.23.1": "kept"}

    @pytest.mark.parametrize(
        "text",
        [
            '#define A "/*"\n{} /* */',
            "#define A '/*'\n{} /* */",
            "#pragma don't /*\n{} /* */",
            "don't\n' /*\n{} /* */",
            '"\n" /*\n{} /* */',
            "#if 0\ndon't \"say\n#endif\n{}",
            "class A : public B\n#if 1\n, public C  // it's\n{}\n#endif\n{{}};",
            'void f(int a,\n#if 1\nint b = g("\n{}\n#endif\n);',
            'xR"(\n{}\n)"',
            'R"a b(\n{}\n)a b"',
            "\udce9' \"\n{}",
            "1'000' \n{}",
            "é'/*\n{} /* */",
        ],
    )
    def test_what_no_comment_and_no_literal_hides_is_a_directive(self, text):
        """However little like C++ it is."""
        reading = read_module(text.format("#define THERE 1\n#define B"), releases=SOME[:1])
        [variant] = reading.variants("main.cpp")
        assert variant.macros["THERE"] == "1"

    def test_the_tokens_of_a_directive_are_cpps(self):
        text = '#if 1\'000 ... a::b $x 0b1 .5e+3 <<= L\'a\' /* b */ u8"/*" é##x R"(")" \'x'
        tokens = scan("a", text).tokens(3, len(text))
        assert [token.text for token in tokens if token.kind is not TokenKind.SPACE] == [
            *("1'000", "...", "a", "::", "b", "$x", "0b1", ".5e+3", "<<=", "L", "'a'", "u8"),
            *('"/*"', "é", "##", "x", "R", '"(")"', "'x"),
        ]
        assert all(text.startswith(t.text, t.offset) for t in tokens if t.text.strip())

    def test_places_are_those_of_the_file(self):
        source = scan("a", 'x\n  "a\\\nb" yz')
        offset = source.text.index("yz")
        assert (source.line_of(offset), source.column_of(offset)) == (3, 4)
        assert len(source.code) == len(source.text)

    def test_a_file_without_an_end_of_line_and_an_empty_one_are_files(self):
        assert words(read_module("a", releases=SOME[:1])) == {"0.23.1": "a"}
        assert words(read_module("", releases=SOME[:1])) == {"0.23.1": ""}
        unfinished = read_module('R"x(\n#if 0', releases=SOME[:1])
        assert problems(unfinished) == []


class TestMacros:
    @pytest.mark.parametrize(
        ("definitions", "condition"),
        [
            ("#define OLD (MESOS_VERSION_INT < 0240)", "OLD"),
            ("#define OLD MESOS_VERSION_INT < 0240", "!(OLD) == 0"),
            ("#define V MESOS_VERSION_INT\n#define BEFORE(x) (V < (x))", "BEFORE(0240)"),
            ("#define OLD !MESOS_VERSION_AT_LEAST(0, 24, 0)", "OLD"),
            ("#if MESOS_VERSION_INT < 0240\n#define OLD\n#endif", "defined(OLD)"),
            ("#if MESOS_VERSION_INT < 0240\n#define N 1\n#else\n#define N 2\n#endif", "N == 1"),
            ("#if MESOS_VERSION_INT < 0240\n#define N (1)\n#else\n#define N 2 - 2\n#endif", "N"),
            ("#define F(x) 0\n#if MESOS_VERSION_INT < 0240\n#define F(x) x\n#endif", "F(1)"),
            ("#define GLUE(a, b) a ## b", "GLUE(MESOS_VERSION, _INT) < 0240"),
        ],
    )  # fmt: skip
    def test_a_macro_made_from_the_version_is_followed(self, definitions, condition):
        reading = read_module(f"{definitions}\n#if {condition}\nold\n#endif\n", releases=SOME)
        assert words(reading) == {"0.23.1": "old", "0.24.1": "", "1.0.1": "", "1.11.0": ""}

    @pytest.mark.parametrize("definitions", [
        "#define A A", "#define A B\n#define B A", "#define A(x) x", "#define A B\n#define B(x) A",
    ])  # fmt: skip
    def test_what_is_left_of_a_macro_is_0(self, definitions):
        reading = read_module(f"{definitions}\n#if A\n#else\nno\n#endif\n", releases=SOME[:1])
        assert words(reading) == {"0.23.1": "no"}

    def test_flags_define_and_undefine(self):
        flags = ["-DA", "-DB=2", "-D", "C=3", "-DF(x)=x", "-UA"]
        text = "#if !defined(A) && B == 2 && C == 3 && F(1)\nyes\n#endif\n"
        assert words(read_module(text, releases=SOME[:1], flags=flags)) == {"0.23.1": "yes"}

    def test_a_file_tells_its_macros(self):
        reading = read_module(
            """\
            #define GUARD_H
            #define OVERRIDE override
            #define CALL(x) x
            #if MESOS_VERSION_INT < 0240
            #define BASE IsolatorProcess
            #endif
            """,
            releases=SOME[:2],
        )
        old, new = reading.variants("main.cpp")
        assert old.macros == {"BASE": "IsolatorProcess", "OVERRIDE": "override"}
        assert new.macros == {"OVERRIDE": "override"}


class TestIncludes:
    def test_files_of_the_module_are_followed_and_see_the_macros_before_them(self):
        reading = read_module(
            {
                "main.cpp": '#define N 1\n#include "a/one.hpp"\n#include <two.hpp>\n#include <x>\n',
                "a/one.hpp": '#include "near.hpp"\n#if N == 1\none\n#endif\n',
                "a/near.hpp": "#undef N\n#define N 1\nnear\n",
                "inc/two.hpp": "two\n",
            },
            releases=SOME[:1],
            include=("", "inc"),
        )
        assert list(reading.files) == ["main.cpp", "a/one.hpp", "a/near.hpp", "inc/two.hpp"]
        assert [words(reading, path)["0.23.1"] for path in reading.files][1:] == [
            '#include "near.hpp" one', "near", "two"
        ]  # fmt: skip

    def test_a_file_that_only_some_releases_include_has_a_variant_for_these(self):
        reading = read_module(
            {
                "main.cpp": '#if MESOS_VERSION_INT < 0240\n#include "old.hpp"\n#endif\n',
                "old.hpp": "old\n",
            },
            releases=SOME,
        )
        [variant] = reading.variants("old.hpp")
        assert [str(r) for r in variant.releases] == ["0.23.1"]
        assert reading.text("old.hpp", SOME[1]) == ""

    @pytest.mark.parametrize("guard", ["#pragma once", "#ifndef H\n#define H"])
    def test_what_is_guarded_is_read_once(self, guard):
        end = "#endif\n" if "ifndef" in guard else ""
        once = f'{guard}\n#ifdef SEEN\n#error twice\n#endif\n#define SEEN\n#include "a.hpp"\n{end}'
        reading = read_module(
            {"main.cpp": '#include "a.hpp"\n#include "a.hpp"\n', "a.hpp": once}, releases=SOME[:1]
        )
        assert problems(reading) == []

    GUARDED = "#ifndef H\n#define H\n{}#endif  // H\n"

    @pytest.mark.parametrize("form", [GUARDED, "// c\n#if !defined(H)\n#define H\n{}#endif\n",
                                      "#pragma once\n{}"])  # fmt: skip
    def test_what_is_perhaps_included_in_a_circle_is_read_once(self, form):
        """Where a condition is unknown, a guard is perhaps defined, which alone ends no circle."""
        reading = read_module(
            {
                "main.cpp": '#ifdef _WIN32\n#include "a.hpp"\n#endif\n#include "b.hpp"\n',
                "a.hpp": form.format('a\n#include "b.hpp"\n'),
                "b.hpp": form.replace("H", "B").format(
                    '#ifdef __linux__\nb\n#include "a.hpp"\n#endif\n'
                ),
            },
            releases=SOME[:1],
        )
        assert problems(reading) == []
        assert "a" in words(reading, "a.hpp")["0.23.1"].split()
        assert "b" in words(reading, "b.hpp")["0.23.1"].split()

    def test_what_was_perhaps_included_is_included_for_sure_later(self):
        reading = read_module(
            {
                "main.cpp": '#ifdef X\n#else\n#include "a.hpp"\n#endif\n#include "a.hpp"\n'
                "#if N == 1\nsure\n#endif\n",
                "a.hpp": self.GUARDED.format("#define N 1\na\n"),
            },
            releases=SOME[:1],
        )
        assert words(reading, "a.hpp") == {"0.23.1": "a"}
        assert takers(reading, 6) == ["0.23.1"]

    def test_a_guard_that_is_taken_back_is_none(self):
        reading = read_module(
            {
                "main.cpp": '#include "a.hpp"\n#undef H\n#undef A\n#include "a.hpp"\n'
                "#if A\n#endif\n",
                "a.hpp": self.GUARDED.format("#define A 1\n"),
            },
            releases=SOME[:1],
        )
        assert takers(reading, 5) == ["0.23.1"]

    def test_files_without_end_are_a_problem_not_a_crash(self):
        reading = read_module(
            {"main.cpp": '#include "a.hpp"\n', "a.hpp": '#include "a.hpp"\n#include "a.hpp"\n'},
            releases=SOME,
        )
        [(kind, line, _)] = problems(reading)
        assert (kind, line) == (ProblemKind.INCLUDES, 1)

    @pytest.mark.parametrize(
        "header", ["mesos/version.hpp", "mesos/module.hpp", "mesos/module/hook.hpp"]
    )
    def test_mesos_own_macros_come_with_its_headers(self, header):
        number = "#if MESOS_MAJOR_VERSION_NUM == 1\nnew\n#endif\n"
        there = read_module(f"#include <{header}>\n{number}", releases=SOME)
        assert {r for r, text in words(there).items() if "new" in text} == {"1.11.0"}
        assert set(words(read_module(number, releases=SOME)).values()) == {""}

    def test_another_header_of_mesos_may_bring_them_where_they_are(self):
        text = "#include <mesos/mesos.hpp>\n#if MESOS_MAJOR_VERSION_NUM == 1\n#endif\n"
        reading = read_module(text, releases=SOME)
        [conditional] = reading.conditionals()
        assert [str(r) for r in reading.names(conditional.unknown)] == ["1.11.0"]


class TestUnknown:
    def test_both_branches_are_possible_and_the_first_is_shown(self):
        reading = read_module("#ifdef __linux__\nlinux\n#else\nother\n#endif\n", releases=SOME)
        [conditional] = reading.conditionals()
        assert [branch.certain for branch in conditional.branches] == [0, 0]
        assert [branch.possible for branch in conditional.branches] == [reading.everyone] * 2
        assert set(words(reading).values()) == {"linux"}

    @pytest.mark.parametrize(
        ("condition", "taken"),
        [
            ("UNKNOWN && 0", False),
            ("0 && UNKNOWN", False),
            ("UNKNOWN || 1", True),
            ("UNKNOWN ? 1 : 1", None),
            ("UNKNOWN && 1", None),
            ("UNKNOWN + 1 > 0", None),
            ("!UNKNOWN", None),
            ("__has_include(<x>)", None),
            ("UNKNOWN(1, (2)) && 0", False),
            ("defined(UNKNOWN) && UNKNOWN > 3", None),
        ],
    )
    def test_logic_has_three_values(self, condition, taken):
        reading = read_module(f"#if {condition}\n#endif\n", releases=SOME[:1])
        [conditional] = reading.conditionals()
        [branch] = conditional.branches
        expected = {True: (1, 1), False: (0, 0), None: (0, 1)}[taken]
        assert (branch.certain, branch.possible) == expected
        assert problems(reading) == []

    def test_what_is_defined_on_an_unknown_condition_is_unknown(self):
        reading = read_module(
            "#ifdef __GNUC__\n#define N 1\n#else\n#define N 2\n#endif\n#if N == 1\n#endif\n",
            releases=SOME,
        )
        _, first = reading.conditionals()
        assert first.unknown == reading.everyone

    def test_the_release_decides_where_it_can(self):
        reading = read_module(
            "#if MESOS_VERSION_INT < 0240 && defined(UNKNOWN)\n#else\n#endif\n", releases=SOME
        )
        assert takers(reading, 1) == []
        assert takers(reading, 2) == ["0.24.1", "1.0.1", "1.11.0"]


class TestProblems:
    @pytest.mark.parametrize(
        ("text", "kind", "line"),
        [
            ("\n#if 1\n", ProblemKind.UNTERMINATED, 2),
            ("#endif\n", ProblemKind.STRAY, 1),
            ("#else\n", ProblemKind.STRAY, 1),
            ("#elif 1\n", ProblemKind.STRAY, 1),
            ("#if 1\n#else\n#else\n#endif\n", ProblemKind.STRAY, 3),
            ("#if 1\n#else\n#elif 1\n#endif\n", ProblemKind.STRAY, 3),
            ("#if 0280\n#endif\n", ProblemKind.LITERAL, 1),
            ("#if MESOS_VERSION_INT < 0280\n#endif\n", ProblemKind.LITERAL, 1),
            ("#if MESOS_VERSION_AT_LEAST(1, 08, 0)\n#endif\n", ProblemKind.LITERAL, 1),
            ("#if 1.5\n#endif\n", ProblemKind.LITERAL, 1),
            ("#if 0x\n#endif\n", ProblemKind.LITERAL, 1),
            ("#if 99999999999999999999\n#endif\n", ProblemKind.LITERAL, 1),
            ("#if\n#endif\n", ProblemKind.EXPRESSION, 1),
            ("#if (1\n#endif\n", ProblemKind.EXPRESSION, 1),
            ("#if 1)\n#endif\n", ProblemKind.EXPRESSION, 1),
            ("#if 1 2\n#endif\n", ProblemKind.EXPRESSION, 1),
            ("#if 1 +\n#endif\n", ProblemKind.EXPRESSION, 1),
            ("#if 1 ? 2\n#endif\n", ProblemKind.EXPRESSION, 1),
            ("#if defined\n#endif\n", ProblemKind.EXPRESSION, 1),
            ("#if defined(A\n#endif\n", ProblemKind.EXPRESSION, 1),
            ('#if "text"\n#endif\n', ProblemKind.EXPRESSION, 1),
            ("#if A = 1\n#endif\n", ProblemKind.EXPRESSION, 1),
            ("#ifdef\n#endif\n", ProblemKind.EXPRESSION, 1),
            ("#ifndef 3\n#endif\n", ProblemKind.EXPRESSION, 1),
            ("#if MESOS_VERSION_AT_LEAST(1)\n#endif\n", ProblemKind.EXPRESSION, 1),
            ("#if MESOS_VERSION_AT_LEAST(1, 2, 3\n#endif\n", ProblemKind.EXPRESSION, 1),
            ("#if 1 / 0\n#endif\n", ProblemKind.DIVISION, 1),
            ("#if 1 % 0\n#endif\n", ProblemKind.DIVISION, 1),
            ("#define\n", ProblemKind.DEFINITION, 1),
            ("#define 3\n", ProblemKind.DEFINITION, 1),
            ("#define F(x\n", ProblemKind.DEFINITION, 1),
            ("#undef\n", ProblemKind.DEFINITION, 1),
            ("#error no\n", ProblemKind.ERROR, 1),
        ],
    )
    def test_what_a_compiler_refuses_is_a_problem_with_a_place(self, text, kind, line):
        reading = read_module(text, releases=SOME)
        assert [(found, at) for found, at, _ in problems(reading)] == [(kind, line)]
        assert reading.problems[0].releases == SOME

    def test_a_macro_that_some_releases_call_wrongly_is_no_problem_of_the_others(self):
        text = (
            "#if MESOS_VERSION_INT < 0240\n#define F() 1\n#else\n#define F(x) x\n#endif\n"
            "#if F(1) && F(2)\nnew\n#endif\n"
        )
        reading = read_module(text, releases=SOME)
        [problem] = reading.problems
        assert (problem.kind, problem.line) == (ProblemKind.EXPRESSION, 6)
        assert problem.releases == SOME[:1]
        assert takers(reading, 6) == ["0.24.1", "1.0.1", "1.11.0"]

    def test_an_include_that_some_releases_cannot_make_out_is_read_by_the_others(self):
        text = (
            "#if MESOS_VERSION_INT < 0240\n#define F() 1\n#else\n"
            '#define F(x) "a.hpp"\n#endif\n#include F(1)\n'
        )
        reading = read_module({"main.cpp": text, "a.hpp": "here\n"}, releases=SOME)
        assert [str(r) for v in reading.variants("a.hpp") for r in v.releases] == [
            "0.24.1", "1.0.1", "1.11.0"
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "text",
        [
            "#if 0\n#if 0280\n#endif\n#endif\n",
            "#if 1\n#elif 0280\n#endif\n",
            "#if 0 && 1 / 0\n#endif\n",
            "#if 1 ? 2 : 1 / 0\n#endif\n",
            "#if 0\n#error no\n#endif\n",
            "#ifdef UNKNOWN\n#error perhaps\n#endif\n",
            "#\n#pragma GCC diagnostic\n#line 7\n#include MACRO\n#include\n#import <x>\n#foo\n",
        ],
    )
    def test_what_no_compiler_gets_to_is_none(self, text):
        assert problems(read_module(text, releases=SOME)) == []

    def test_what_nests_too_deeply_is_a_problem_not_a_crash(self):
        [(kind, line, _), *_] = problems(read_module("#if 1\n" * 5000, releases=SOME))
        assert (kind, line) == (ProblemKind.UNTERMINATED, 1)
        brackets = "#if " + "(" * 5000 + "1" + ")" * 5000 + "\n#endif\n"
        [conditional] = read_module(brackets, releases=SOME[:1]).conditionals()
        assert conditional.unknown == 1

    def test_a_problem_is_of_the_releases_that_get_to_it(self):
        reading = read_module("#if MESOS_VERSION_INT < 0240\n#error old\n#endif\n", releases=SOME)
        assert [str(r) for r in reading.problems[0].releases] == ["0.23.1"]
        assert FINAL_RELEASES[0] not in reading.problems[0].releases
