"""--fix: what is rewritten compiles the same for every selected release; the rest is left."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support_cpp import check_module, read_module, release

from buildkit.cpp.reading import ConditionalReading, Reading
from buildkit.encoding import Encoding
from buildkit.guards.check import releases_to_read
from buildkit.guards.fix import Fixed, Texts, fix, never_known
from buildkit.guards.meaning import NO_BRANCH
from buildkit.releases import FINAL_RELEASES, Release

OCTAL, DECIMAL = Encoding.OCTAL, Encoding.DECIMAL
FEW = tuple(release(t) for t in ("0.23.1", "0.24.1", "0.28.3", "1.0.1", "1.9.0", "1.11.0"))


def fixed(
    text: str,
    *,
    encoding: Encoding = OCTAL,
    selected: Sequence[Release] = FEW,
    fits=never_known,
    more: dict[str, str] | None = None,
) -> Fixed:
    files = {"main.cpp": text, **(more or {})}
    report = check_module(files, encoding=encoding, selected=selected)

    def reread(texts: Texts) -> Reading:
        return read_module(
            {**files, **texts}, encoding=encoding, releases=releases_to_read(selected)
        )

    return fix(report, reread, fits)


def rewritten(condition: str, **options: object) -> str | None:
    """The condition after it, or None if it is left."""
    result = fixed(f"#if {condition}\nyes\n#else\nno\n#endif\n", **options)
    if "main.cpp" not in result.texts:
        return None
    return result.texts["main.cpp"].splitlines()[0].removeprefix("#if ")


class TestRewriting:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("MESOS_VERSION_INT < 0240", "!MESOS_VERSION_AT_LEAST(0, 24, 0)"),
            ("MESOS_VERSION_INT >= 01000", "MESOS_VERSION_AT_LEAST(1, 0, 0)"),
            ("MESOS_VERSION_INT > 0240", "MESOS_VERSION_AT_LEAST(0, 24, 1)"),
            ("MESOS_VERSION_INT <= 0240", "!MESOS_VERSION_AT_LEAST(0, 24, 1)"),
            ("0240 > MESOS_VERSION_INT", "!MESOS_VERSION_AT_LEAST(0, 24, 0)"),
            ("0240<=MESOS_VERSION_INT", "MESOS_VERSION_AT_LEAST(0, 24, 0)"),
            (
                "MESOS_VERSION_INT == 0241",
                "(MESOS_VERSION_AT_LEAST(0, 24, 1) && !MESOS_VERSION_AT_LEAST(0, 24, 2))",
            ),
            (
                "MESOS_VERSION_INT != 0241",
                "(!MESOS_VERSION_AT_LEAST(0, 24, 1) || MESOS_VERSION_AT_LEAST(0, 24, 2))",
            ),
            (
                "MESOS_VERSION_INT >= 0230 && ( MESOS_VERSION_INT<0250 )  // why",
                "MESOS_VERSION_AT_LEAST(0, 23, 0) && ( !MESOS_VERSION_AT_LEAST(0, 25, 0) )  // why",
            ),
            (
                "defined(X) && MESOS_VERSION_INT /* old */ < 0240u",
                "defined(X) && !MESOS_VERSION_AT_LEAST(0, 24, 0)",
            ),
        ],
    )
    def test_a_comparison_says_the_same_without_a_number(self, before, after):
        assert rewritten(before) == after

    def test_all_else_in_the_file_stays(self):
        text = (
            "// MESOS_VERSION_INT < 0240\r\n  #  if  MESOS_VERSION_INT < 0240 \\\r\n"
            '  && 1 /* why */\r\n"MESOS_VERSION_INT < 0240"\r\n#endif'
        )
        result = fixed(text)
        assert result.texts["main.cpp"] == text.replace(
            "if  MESOS_VERSION_INT < 0240", "if  !MESOS_VERSION_AT_LEAST(0, 24, 0)"
        )
        assert [(place.path, place.line) for place in result.places] == [("main.cpp", 2)]

    def test_twice_is_once(self):
        text = fixed("#if MESOS_VERSION_INT < 0240\n#endif\n").texts["main.cpp"]
        assert fixed(text) == Fixed(texts={}, places=(), refusals=())

    def test_headers_are_rewritten_too(self):
        header = "#if MESOS_VERSION_INT < 0240\n#endif\n"
        result = fixed('#include "a.hpp"\n', more={"a.hpp": header})
        assert list(result.texts) == ["a.hpp"]

    def test_decimal_is_rewritten_where_its_order_does_no_harm(self):
        condition = "MESOS_VERSION_INT > 200 && MESOS_VERSION_INT < 240"
        assert rewritten(condition, encoding=DECIMAL) == (
            "MESOS_VERSION_AT_LEAST(0, 20, 1) && !MESOS_VERSION_AT_LEAST(0, 24, 0)"
        )
        old = [r for r in FEW if r < release("1.0.0")]
        assert rewritten("MESOS_VERSION_INT < 240", encoding=DECIMAL, selected=old) == (
            "!MESOS_VERSION_AT_LEAST(0, 24, 0)"
        )


class TestRefusing:
    def test_what_would_change_is_left_and_the_releases_are_named(self):
        result = fixed("#if MESOS_VERSION_INT < 240\n#endif\n", encoding=DECIMAL)
        assert result.texts == {}
        [refusal] = result.refusals
        assert refusal.condition == "MESOS_VERSION_INT < 240"
        assert "1.0.1 and 1.9.0 would take another branch" in refusal.reason

    def test_the_others_are_rewritten_all_the_same(self):
        result = fixed(
            "#if MESOS_VERSION_INT < 240\n#endif\n#if MESOS_VERSION_INT == 241\n#endif\n",
            encoding=DECIMAL,
        )
        assert [place.line for place in result.places] == [3]
        assert [refusal.place.line for refusal in result.refusals] == [1]

    @pytest.mark.parametrize(
        "text",
        [
            "#define OLD (MESOS_VERSION_INT < 0240)\n#if OLD\n#endif\n",
            "#if (MESOS_VERSION_INT) < (0240)\n#endif\n",
        ],
    )
    def test_what_is_not_written_in_one_piece_is_left(self, text):
        result = fixed(text)
        assert result.texts == {}
        assert "in a macro, or has brackets" in result.refusals[0].reason

    def test_a_number_of_another_encoding_is_left_if_it_decides(self):
        assert rewritten("MESOS_VERSION_INT < 240") is None
        assert rewritten("MESOS_VERSION_INT < 240", selected=FEW[:1]) is not None

    def test_a_branch_inside_one_that_would_change_is_no_reason_of_its_own(self):
        text = "#if MESOS_VERSION_INT < 240\n#if MESOS_VERSION_INT < 230\n#endif\n#endif\n"
        result = fixed(text, encoding=DECIMAL)
        assert [refusal.place.line for refusal in result.refusals] == [1, 2]


class TestFitting:
    """With somebody who knows which branch fits which release."""

    CONDITION = "MESOS_VERSION_INT < 240"

    @staticmethod
    def knows(conditional: ConditionalReading, branch: int, of: Release) -> bool:
        return branch == (0 if of < release("0.24.0") else 1)

    @staticmethod
    def knows_the_opposite(conditional: ConditionalReading, branch: int, of: Release) -> bool:
        return branch == 0

    def test_the_right_branch_is_taken(self):
        after = rewritten(self.CONDITION, encoding=DECIMAL, fits=self.knows)
        assert after == "!MESOS_VERSION_AT_LEAST(0, 24, 0)"

    def test_a_branch_that_does_not_fit_is_not(self):
        assert rewritten(self.CONDITION, encoding=DECIMAL, fits=self.knows_the_opposite) is None

    def test_no_branch_is_asked_about_too(self):
        asked = []

        def fits(conditional: ConditionalReading, branch: int, of: Release) -> bool | None:
            asked.append(branch)
            return None

        fixed("#if MESOS_VERSION_INT < 240\n#endif\n", encoding=DECIMAL, fits=fits)
        assert set(asked) == {0} or NO_BRANCH in asked


_literals = {
    e: st.sampled_from([e.literal(r) for r in FINAL_RELEASES] + ["200", "0310"])
    for e in (OCTAL, DECIMAL)
}


@settings(max_examples=15)
@given(data=st.data(), encoding=st.sampled_from([OCTAL, DECIMAL]))
def test_whatever_is_rewritten_compiles_the_same(data, encoding):
    signs = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    terms = [
        f"MESOS_VERSION_INT {data.draw(signs)} {data.draw(_literals[encoding])}" for _ in range(4)
    ]
    glue = data.draw(st.sampled_from(["&&", "||"]))
    text = (
        f"#if {terms[0]} {glue} {terms[1]}\na\n#elif {terms[2]}\nb\n#if {terms[3]}\nc\n#endif\n"
        "#else\nd\n#endif\n"
    )
    result = fixed(text, encoding=encoding)
    after = result.texts.get("main.cpp", text)
    before_reading, after_reading = (
        read_module(t, encoding=encoding, releases=FEW) for t in (text, after)
    )
    for of in FEW:
        assert before_reading.text("main.cpp", of) == after_reading.text("main.cpp", of)
    left = {refusal.place.line for refusal in result.refusals}
    assert not left & {place.line for place in result.places}
