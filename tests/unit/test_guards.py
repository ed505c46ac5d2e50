"""Each rule about guards: what it finds, what it says, and what it leaves alone."""

from pathlib import Path

import pytest
from support_cpp import TABLE, check_module, release

import buildkit
from buildkit.cpp.module import read_module
from buildkit.encoding import Encoding
from buildkit.files.tree import read_tree
from buildkit.findings import Finding, Level
from buildkit.guards.check import check, releases_to_read
from buildkit.guards.rules import RULES
from buildkit.guards.wording import runs
from buildkit.matrix import load_matrix
from buildkit.releases import FINAL_RELEASES

ROOT = Path(buildkit.__file__).parent.parent
OCTAL, DECIMAL, PACKED = Encoding.OCTAL, Encoding.DECIMAL, Encoding.PACKED
NOTES = ("unused-branch", "nothing-changed", "one-patch")


def guarded(condition: str) -> str:
    return f"#if {condition}\nyes\n#else\nno\n#endif\n"


def named(rule: str, text: str, **options: object) -> list[Finding]:
    return [f for f in check_module(text, **options).findings if f.rule.name == rule]


def serious(text: str, **options: object) -> list[str]:
    findings = check_module(text, **options).findings
    return [f.rule.name for f in findings if f.rule.level is not Level.NOTE]


def names(finding: Finding) -> list[str]:
    return [str(r) for r in finding.releases]


class TestWhatIsAGuard:
    def test_what_asks_for_the_release_by_whatever_way(self):
        report = check_module(
            """\
            #define OLD (MESOS_VERSION_INT < 0240)
            #if OLD
            #endif
            #ifdef __linux__
            #endif
            #if MESOS_BUILDKIT_VERSION_MAJOR > 0
            #endif
            #if defined(__linux__) && MESOS_VERSION_AT_LEAST(1, 0, 0)
            #endif
            """
        )
        assert [guard.conditional.line for guard in report.guards] == [2, 6, 8]
        assert serious("#ifdef __linux__\n#elif 0\n#else\n#endif\n") == []

    @pytest.mark.parametrize(("encoding", "condition"), [
        (OCTAL, "MESOS_VERSION_INT < 0240"), (OCTAL, "MESOS_VERSION_INT >= 01000"),
        (OCTAL, "0240 > MESOS_VERSION_INT"), (OCTAL, "MESOS_VERSION_INT > 0"),
        (OCTAL, "MESOS_VERSION_INT == 01021"), (OCTAL, "MESOS_VERSION_INT < 0240u"),
        (DECIMAL, "MESOS_VERSION_INT >= 240 || MESOS_VERSION_INT < 200"),
        (DECIMAL, "MESOS_VERSION_INT > 200 && MESOS_VERSION_INT < 240"),
        (PACKED, "MESOS_VERSION_INT < 2400"), (PACKED, "MESOS_VERSION_INT >= 10000"),
        (DECIMAL, "MESOS_VERSION_AT_LEAST(0, 24, 0)"),
        (OCTAL, "MESOS_VERSION_AT_LEAST(1, 0, 0) && !MESOS_VERSION_AT_LEAST(1, 5, 0)"),
    ])  # fmt: skip
    def test_a_good_one_is_left_alone(self, encoding, condition):
        text = f"#if {condition}\n#endif\n"
        assert serious(text, encoding=encoding) == []


class TestNumbers:
    @pytest.mark.parametrize(("encoding", "literal", "says", "advises"), [
        (OCTAL, "240", "240 is 0.24.0 in encoding decimal, but the module's is octal", "0, 24, 0"),
        (OCTAL, "2400", "2400 is 0.24.0 in encoding packed", "0, 24, 0"),
        (OCTAL, "110", "110 is 1.1.0 in encoding decimal", "1, 1, 0"),
        (DECIMAL, "0240", "0240 is 0.24.0 in encoding octal", "0, 24, 0"),
        (DECIMAL, "01021", "01021 is 1.2.1 in encoding octal", "1, 2, 1"),
        (PACKED, "240", "240 is 0.24.0 in encoding decimal", "0, 24, 0"),
        (PACKED, "0240", "0240 is 0.24.0 in encoding octal", "0, 24, 0"),
    ])  # fmt: skip
    def test_one_of_another_encoding(self, encoding, literal, says, advises):
        [finding] = named(
            "foreign-literal", guarded(f"MESOS_VERSION_INT < {literal}"), encoding=encoding
        )
        assert says in finding.message
        assert finding.advice == f"write !MESOS_VERSION_AT_LEAST({advises})"
        assert (finding.place.line, finding.place.column) == (1, 25)
        assert finding.releases == FINAL_RELEASES

    def test_what_it_is_in_the_modules_own_encoding_is_said(self):
        [finding] = named("foreign-literal", guarded("MESOS_VERSION_INT < 0240"), encoding=DECIMAL)
        assert "in which it is 1.6.0" in finding.message
        [finding] = named("foreign-literal", guarded("MESOS_VERSION_INT < 240"))
        assert "in which that is 0240" in finding.message

    @pytest.mark.parametrize(("encoding", "literal"), [
        (OCTAL, "200"), (OCTAL, "0xA0"), (DECIMAL, "0377"),
    ])  # fmt: skip
    def test_one_that_is_written_as_no_release_is(self, encoding, literal):
        text = f"#if MESOS_VERSION_INT > {literal}\n#endif\n"
        [finding] = named("strange-literal", text, encoding=encoding)
        assert finding.rule.level is Level.WARNING
        assert literal in finding.message

    def test_an_invalid_one_is_found_with_what_was_meant(self):
        [finding] = named("invalid-literal", guarded("MESOS_VERSION_INT < 0280"))
        assert "8 is no octal digit" in finding.message
        assert "MESOS_VERSION_AT_LEAST(0, 28, 0)" in finding.advice
        assert "0300" in finding.advice
        assert (finding.place.line, finding.place.column) == (1, 25)

    @pytest.mark.parametrize(("part", "value"), [("023", "19"), ("010", "8")])
    def test_an_octal_part_of_a_release(self, part, value):
        [finding] = named("octal-argument", guarded(f"MESOS_VERSION_AT_LEAST(0, {part}, 0)"))
        assert value in finding.message
        assert finding.advice == f"write {part.lstrip('0')}"

    def test_one_in_a_branch_that_no_selected_release_looks_at_is_left_alone(self):
        text = "#if MESOS_VERSION_AT_LEAST(1, 0, 0)\n#elif MESOS_VERSION_INT < 240\n#endif\n"
        assert named("foreign-literal", text, selected=[release("1.2.0")]) == []
        assert len(named("foreign-literal", text)) == 1


class TestOrder:
    def test_releases_that_take_a_branch_by_accident(self):
        [finding] = named("out-of-order", guarded("MESOS_VERSION_INT < 240"), encoding=DECIMAL)
        assert names(finding) == [str(r) for r in FINAL_RELEASES
                                  if release("1.0.0") <= r <= release("1.9.0")]  # fmt: skip
        assert "100, 101, 102, ..." in finding.message
        assert "the one in line 3" in finding.message
        assert finding.advice == "write #if !MESOS_VERSION_AT_LEAST(0, 24, 0)"

    def test_releases_that_fall_into_the_else_by_accident(self):
        [finding] = named("else-by-accident", guarded("MESOS_VERSION_INT >= 240"), encoding=DECIMAL)
        assert finding.place.line == 1
        assert "take the #else in line 3 by accident" in finding.message
        assert finding.advice == "write #if MESOS_VERSION_AT_LEAST(0, 24, 0)"
        assert {"1.0.0", "1.9.0"} <= {*names(finding)}
        assert "1.10.0" not in names(finding)

    def test_and_those_that_take_no_branch(self):
        [finding] = named(
            "else-by-accident", "#if MESOS_VERSION_INT >= 240\n#endif\n", encoding=DECIMAL,
            selected=[release("0.24.1"), release("1.0.1")],
        )  # fmt: skip
        assert names(finding) == ["1.0.1"]
        assert "1.0.1 takes no branch by accident" in finding.message

    def test_a_border_between_1_and_0_is_understood_until_1_10(self):
        text = "#if MESOS_VERSION_INT <= 200\none\n#elif MESOS_VERSION_INT < 240\n#else\n#endif\n"
        before = [r for r in FINAL_RELEASES if r < release("1.10.0")]
        assert serious(text, encoding=DECIMAL, selected=before) == []
        [finding] = named("else-by-accident", text, encoding=DECIMAL)
        assert names(finding) == ["1.10.0", "1.11.0"]
        assert "with 200 as the border between 1.x and 0.x" in finding.message
        assert finding.advice == "write #if MESOS_VERSION_AT_LEAST(1, 0, 0)"

    def test_a_chain_that_comes_out_right_is_right(self):
        text = """\
        #if MESOS_VERSION_INT < 200 || MESOS_VERSION_INT >= 280
        #elif MESOS_VERSION_INT >= 270
        #endif
        """
        assert serious(text, encoding=DECIMAL) == []

    def test_only_the_selected_releases_count(self):
        old = [r for r in FINAL_RELEASES if r < release("1.0.0")]
        assert serious(guarded("MESOS_VERSION_INT < 240"), encoding=DECIMAL, selected=old) == []

    @pytest.mark.parametrize("encoding", [OCTAL, PACKED])
    def test_an_encoding_that_increases_has_no_accidents(self, encoding):
        text = guarded(f"MESOS_VERSION_INT < {encoding.literal(release('0.24.0'))}")
        assert serious(text, encoding=encoding) == []

    def test_an_unknown_condition_raises_no_alarm(self):
        text = guarded("defined(__linux__) && MESOS_VERSION_INT < 240")
        assert serious(text, encoding=DECIMAL) == []

    def test_a_macro_is_seen_through_though_it_is_not_rewritten(self):
        text = "#define OLD (MESOS_VERSION_INT < 240)\n" + guarded("OLD")
        [finding] = named("out-of-order", text, encoding=DECIMAL)
        assert finding.advice == "use MESOS_VERSION_AT_LEAST"


class TestDeadBranches:
    def test_one_that_no_release_takes(self):
        text = "#if MESOS_VERSION_INT < 0240\n#elif MESOS_VERSION_INT < 0230\n#endif\n"
        [finding] = named("dead-branch", text)
        assert finding.place.line == 2
        assert "no release of those that get there from 0.21.0 to 1.11.0" not in finding.message
        assert "'#elif MESOS_VERSION_INT < 0230'" in finding.message

    def test_an_else_that_nothing_is_left_for(self):
        text = "#if MESOS_VERSION_INT < 0240 || MESOS_VERSION_INT >= 0240\n#else\n#endif\n"
        [finding] = named("dead-branch", text)
        assert finding.place.line == 2

    def test_one_inside_another(self):
        text = "#if MESOS_VERSION_INT >= 0270\n#if MESOS_VERSION_INT < 0240\n#endif\n#endif\n"
        [finding] = named("dead-branch", text)
        assert "of those that get there" in finding.message

    def test_one_that_is_dead_for_the_matrix_alone_is_a_note(self):
        text = "#if MESOS_VERSION_INT < 0230\n#endif\n"
        [finding] = check_module(text, selected=[release("0.24.1")]).findings
        assert (finding.rule.name, finding.rule.level) == ("unused-branch", Level.NOTE)
        assert "it is for 0.21.0 to 0.22.2" in finding.message

    @pytest.mark.parametrize(
        "text",
        [
            "#if MESOS_VERSION_AT_LEAST(1, 12, 0)\n#endif\n",
            "#if MESOS_VERSION_INT < 0210\n#endif\n",
            "#if MESOS_VERSION_INT >= 0\n#else\n#error no such release\n#endif\n",
            "#if MESOS_VERSION_INT < 0230 && defined(UNKNOWN)\n#endif\n",
            "#if 0\n#elif MESOS_VERSION_INT < 0230\n#endif\n",
        ],
    )
    def test_the_future_the_past_and_a_lock_on_the_door_are_no_dead_branches(self, text):
        assert serious(text) == []

    def test_what_is_in_a_dead_branch_is_said_once(self):
        text = """\
        #if MESOS_VERSION_INT < 0240 && MESOS_VERSION_INT >= 0240
        #if MESOS_VERSION_INT < 0230
        #endif
        #endif
        """
        assert serious(text) == ["dead-branch"]


class TestNames:
    @pytest.mark.parametrize(
        ("condition", "right"),
        [
            ("MESOS_VERSON_INT < 0240", "MESOS_VERSION_INT"),
            ("MESOS_VERSION_ATLEAST(1, 0, 0)", "MESOS_VERSION_AT_LEAST"),
            ("defined(MESOS_VERSION_ITN)", "MESOS_VERSION_INT"),
            ("MESOS_MAJOR_VERSION_NUMB > 0", "MESOS_MAJOR_VERSION_NUM"),
        ],
    )
    def test_one_that_is_misspelt(self, condition, right):
        [finding] = named("unknown-version-macro", guarded(condition))
        assert finding.advice == f"did you mean {right}?"
        assert finding.rule.level is Level.ERROR

    @pytest.mark.parametrize(
        "name", ["MESOS_VERSION_HPP", "__MESOS_VERSION_HPP__", "VERSION", "MESOS"]
    )
    def test_one_that_is_not(self, name):
        assert serious(f"#ifdef {name}\n#endif\n#if {name} > 1\n#endif\n") == []

    def test_one_that_the_module_defines_itself_is_its_own_affair(self):
        assert serious("#define MESOS_VERSON_INT 3\n#if MESOS_VERSON_INT > 2\n#endif\n") == []

    def test_the_version_where_there_is_none(self):
        [finding] = named("undefined-version", guarded("MESOS_VERSION_INT < 0240"), common=True)
        assert "common-sources" in finding.advice
        assert named("undefined-version", guarded("MESOS_VERSION_INT < 0240")) == []

    def test_mesos_own_macros_where_mesos_lacks_them(self):
        text = "#include <mesos/version.hpp>\n" + guarded("MESOS_MAJOR_VERSION_NUM >= 1")
        [finding] = named("wrong-mesos-macro", text)
        assert names(finding) == ["1.0.0", "1.0.1"]
        assert "1.0.0 and 1.0.1 therefore take another branch" in finding.message
        assert "MESOS_VERSION_AT_LEAST" in finding.advice

    def test_where_it_makes_no_difference_it_is_a_warning(self):
        text = "#include <mesos/version.hpp>\n" + guarded("MESOS_MAJOR_VERSION_NUM >= 2")
        assert named("wrong-mesos-macro", text) == []
        [finding] = named("missing-mesos-macro", text)
        assert {"0.21.0", "0.28.2", "1.0.1"} <= {*names(finding)}
        assert not {"0.28.3", "1.0.2"} & {*names(finding)}

    def test_they_may_be_asked_for_behind_defined(self):
        condition = "defined(MESOS_MAJOR_VERSION_NUM) && MESOS_MAJOR_VERSION_NUM >= 1"
        assert serious("#include <mesos/version.hpp>\n" + guarded(condition)) == []

    def test_before_their_header_they_are_not_there(self):
        [finding] = named(
            "wrong-mesos-macro", guarded("MESOS_MAJOR_VERSION_NUM >= 1"),
            selected=[release("1.4.0")],
        )  # fmt: skip
        assert "not defined before <mesos/version.hpp> is included" in finding.message


class TestBoundaries:
    @pytest.mark.parametrize("condition", [
        "MESOS_VERSION_INT < 0231", "MESOS_VERSION_INT > 0230", "MESOS_VERSION_AT_LEAST(0, 23, 1)",
    ])  # fmt: skip
    def test_a_guard_where_nothing_has_changed(self, condition):
        [finding] = named("nothing-changed", guarded(condition))
        assert "between 0.23.0 and 0.23.1 nothing has changed for kind Isolator" in finding.message
        assert finding.advice == "something has changed in 0.23.0 and in 0.24.0"
        assert finding.rule.level is Level.NOTE

    @pytest.mark.parametrize("condition", [
        "MESOS_VERSION_INT < 0240", "MESOS_VERSION_AT_LEAST(1, 2, 1)", "MESOS_VERSION_INT > 0231",
        "MESOS_VERSION_AT_LEAST(0, 21, 0)", "MESOS_VERSION_AT_LEAST(1, 12, 0)",
    ])  # fmt: skip
    def test_a_guard_where_something_has(self, condition):
        assert named("nothing-changed", guarded(condition)) == []

    def test_one_patch_release_with_neighbours_like_it(self):
        [finding] = named("one-patch", guarded("MESOS_VERSION_INT == 0231"))
        assert "tells 0.23.1 from 0.23.0, which has the same interface" in finding.message
        assert named("one-patch", guarded("MESOS_VERSION_INT >= 0231")) == []


class TestOthers:
    def test_an_error_that_is_reached(self):
        text = "#if MESOS_VERSION_INT < 0230\n#error too old\n#endif\n"
        [finding] = named("reached-error", text)
        assert finding.message == "stops with #error too old"
        assert names(finding)[-1] == "0.22.2"
        assert named("reached-error", text, selected=[release("0.24.0")]) == []

    def test_what_does_not_nest(self):
        [finding] = named("broken-directive", "x\n#if MESOS_VERSION_INT < 0240\n")
        assert (finding.place.line, finding.advice) == (2, "add the #endif")

    def test_findings_are_in_the_order_of_the_file(self):
        report = check_module(guarded("MESOS_VERSION_INT < 0280") * 3)
        assert [f.place.line for f in report.findings] == [1, 6, 11]

    def test_rules_have_names_of_their_own(self):
        assert len({rule.name for rule in RULES}) == len(RULES)

    def test_runs_are_among_the_releases_there_are(self):
        some = [release(text) for text in ("0.23.1", "0.24.1", "0.28.3", "1.0.1", "1.11.0")]
        assert runs(some[:1], some) == "0.23.1"
        assert runs([some[0], some[1], some[3]], some) == "0.23.1 and 0.24.1, 1.0.1"
        assert runs(some, some) == "0.23.1 to 1.11.0"


@pytest.fixture(scope="module")
def ours():
    """Our isolator, for all releases and for those of its matrix."""
    matrix = load_matrix(ROOT / "matrix.toml")
    [module] = matrix.file.module
    tree = read_tree(ROOT / "isolator")
    reading = read_module(matrix, module, tree, releases_to_read(matrix.releases), TABLE)
    return [
        check(reading, encoding=module.encoding, kind=module.kind, selected=some, table=TABLE)
        for some in (FINAL_RELEASES, matrix.releases)
    ]


class TestOurIsolator:
    def test_there_is_nothing_to_say_of_all_releases(self, ours):
        everything, _ = ours
        assert everything.findings == ()
        assert len(everything.guards) > 20

    def test_and_of_the_matrix_only_that_it_begins_later(self, ours):
        _, matrix = ours
        assert {f.rule.name for f in matrix.findings} == {"unused-branch"}
