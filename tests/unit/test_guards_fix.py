"""--fix: what is rewritten compiles the same for every selected release; the rest is left."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support_cpp import check_module, read_module, release

from buildkit.cpp.reading import Reading
from buildkit.encoding import Encoding
from buildkit.findings import Finding, Place
from buildkit.guards.check import releases_to_read
from buildkit.guards.fix import Fixed, Misfits, Texts, fix
from buildkit.guards.rules import OUT_OF_ORDER
from buildkit.releases import FINAL_RELEASES, Release

OCTAL, DECIMAL = Encoding.OCTAL, Encoding.DECIMAL
FEW = tuple(release(t) for t in ("0.23.1", "0.24.1", "0.28.3", "1.0.1", "1.9.0", "1.11.0"))


def fixed(
    text: str,
    *,
    encoding: Encoding = OCTAL,
    selected: Sequence[Release] = FEW,
    misfits: Misfits = lambda _: (),
    more: dict[str, str] | None = None,
) -> Fixed:
    files = {"main.cpp": text, **(more or {})}
    report = check_module(files, encoding=encoding, selected=selected)

    def reread(texts: Texts) -> Reading:
        return read_module(
            {**files, **texts}, encoding=encoding, releases=releases_to_read(selected)
        )

    return fix(report, reread, misfits)


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


def knowing(word: str, holds: Callable[[Release], bool]) -> Misfits:
    """Lines with ``word`` fit no release of which ``holds`` is true."""

    def misfits(reading: Reading) -> list[Finding]:
        return [
            Finding(
                rule=OUT_OF_ORDER,
                place=Place(path="main.cpp", line=line),
                releases=(of,),
                message="does not fit",
                advice="",
            )
            for of in reading.releases
            if holds(of)
            for line, text in enumerate(reading.text("main.cpp", of).split("\n"), 1)
            if text == word
        ]

    return misfits


class TestMisfits:
    """With somebody who knows which lines fit which release."""

    TEXT = "#if MESOS_VERSION_INT < 240\nold\n#else\nnew\n#endif\n"

    def test_the_branch_that_fits_is_taken(self):
        misfits = knowing("old", lambda of: of >= release("0.24.0"))
        result = fixed(self.TEXT, encoding=DECIMAL, misfits=misfits)
        assert result.texts["main.cpp"].startswith("#if !MESOS_VERSION_AT_LEAST(0, 24, 0)\nold")
        assert result.refusals == ()

    @pytest.mark.parametrize(
        "misfits", [knowing("new", lambda _: True), knowing("old", lambda of: of.major == 0)]
    )
    def test_one_that_fits_no_better_is_not(self, misfits):
        assert fixed(self.TEXT, encoding=DECIMAL, misfits=misfits).texts == {}

    def test_nor_one_that_fits_some_of_the_releases_better(self):
        misfits = knowing("old", lambda of: of == release("1.0.1"))
        [refusal] = fixed(self.TEXT, encoding=DECIMAL, misfits=misfits).refusals
        assert refusal.reason.startswith("1.9.0 would take another branch")

    def test_that_nothing_is_compiled_is_never_known_to_be_right(self):
        misfits = knowing("old", lambda of: of >= release("0.24.0"))
        text = "#if MESOS_VERSION_INT < 240\nold\n#endif\n"
        assert fixed(text, encoding=DECIMAL, misfits=misfits).texts == {}


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
