"""Sources are read as g++ preprocesses them: generated ones and our isolator, for many releases.

Each generated program is preprocessed once for each of a few releases, by ``g++ -E``, and the words
that are left must be those that the reading says this release compiles.
"""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import buildkit
from buildkit.cpp.reader import Sources, Unit, read
from buildkit.cpp.reading import Reading
from buildkit.encoding import Encoding, version_header
from buildkit.releases import FINAL_RELEASES, Release

ROOT = Path(buildkit.__file__).parent.parent
SOURCES = [*(ROOT / "isolator").rglob("*.[ch]pp")]
FEW = tuple(Release.parse(r) for r in ("0.21.0", "0.23.1", "0.24.0", "0.28.3", "1.0.1", "1.11.0"))


@dataclass(frozen=True)
class Compiler:
    """``g++ -E`` in a folder."""

    folder: Path
    known: dict[tuple[str, Release, Encoding], str] = field(default_factory=dict)

    def words(
        self, path: str, release: Release, encoding: Encoding, flags: Sequence[str] = ()
    ) -> tuple[int, list[str]]:
        """The exit code, and the words that are left of a file."""
        code, text = self.text(path, release, encoding, flags)
        return code, words_of(text)

    def text(
        self, path: str, release: Release, encoding: Encoding, flags: Sequence[str] = ()
    ) -> tuple[int, str]:
        """The exit code, and what is left of a file."""
        (self.folder / "version.h").write_text(version_header(release, encoding))
        done = subprocess.run(
            [
                *("g++", "-std=c++11", "-w", *flags, encoding.flag(release)),
                *("-include", "version.h", "-I.", "-E", "-P", path),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
        )
        return done.returncode, done.stdout

    def lines(self, path: str, release: Release, encoding: Encoding, prefix: str) -> set[int]:
        """The numbers behind the words with a prefix that are left."""
        key = (path, release, encoding)
        if key not in self.known:
            self.known.clear()
            self.known[key] = self.text(path, release, encoding)[1]
        return {int(word) for word in re.findall(rf"\b{prefix}(\d+)\b", self.known[key])}


def words_of(text: str) -> list[str]:
    """The words that the programs here consist of."""
    return re.findall(r"\bw\d+\b", text)


def read_files(
    files: dict[str, str],
    encoding: Encoding,
    flags: Sequence[str] = (),
    known: frozenset[str] = frozenset("ABFG"),
) -> Reading:
    unit = Unit(
        path="main.cpp",
        flags=tuple((*flags, encoding.flag(release)) for release in FEW),
        forced=tuple(version_header(release, encoding) for release in FEW),
    )
    return read(Sources(files=files, units=[unit], known=known), FEW)


def read_knowing_all(text: str, encoding: Encoding) -> Reading:
    """Of a program alone in the world: a name that is pasted together is nobody's macro either."""
    known = frozenset("ABFG")
    while True:
        reading = read_files({"main.cpp": text}, encoding, known=known)
        asked = {n for c in reading.conditionals() for b in c.branches for n in b.names}
        if asked <= known:
            return reading
        known |= asked


# --- expressions

_versions = st.sampled_from(
    [
        "MESOS_VERSION_INT",
        "MESOS_VERSION_AT_LEAST(0, 24, 0)",
        "MESOS_VERSION_AT_LEAST( 1 ,\t0, 1 )",
        "MESOS_BUILDKIT_VERSION_MAJOR",
        "MESOS_BUILDKIT_VERSION_MINOR",
    ]
)
_numbers = st.sampled_from(
    [
        *("0", "1", "2", "7", "0240", "240", "0x1F", "10u", "10UL", "10ull", "-1", "0b101"),
        *("18446744073709551615u", "9223372036854775807", "'a'", "'\\n'", "true", "false"),
    ]
)
_names = st.sampled_from(
    [
        "A",
        "B",
        "defined A",
        "defined(B)",
        "defined ( F )",
        "F(1)",
        "F(A)",
        "G(A, 2)",
        "G((1, 2), B)",
    ]
)
_binary = st.sampled_from(
    ["+", "-", "*", "/", "%", "<<", ">>", "<", "<=", ">", ">=", "==", "!=", "&", "|", "^", "&&",
     "||", "and", "or", "not_eq"]
)  # fmt: skip
expressions = st.recursive(
    st.one_of(_versions, _numbers, _names),
    lambda inner: st.one_of(
        st.tuples(inner, _binary, inner).map(" ".join),
        st.tuples(st.sampled_from(["!", "~", "-", "+", "not "]), inner).map("".join),
        inner.map(lambda part: f"({part})"),
        st.tuples(inner, inner, inner).map(lambda p: f"({p[0]}) ? ({p[1]}) : ({p[2]})"),
    ),
    max_leaves=6,
)
_definitions = st.sampled_from(
    [
        *("#define A 3", "#define A", "#define A B", "#define A MESOS_VERSION_AT_LEAST(1, 0, 0)"),
        *("#define B A", "#define B MESOS_VERSION_INT", "#define B (MESOS_VERSION_INT < 0240)"),
        *("# define A 0 // a comment", "#define A /* one */ 1"),
        *("#define F(x) (x + 1)", "#define F(x) x", "#define F 5", "#define F(x) F(x)"),
        *("#define F(x) MESOS_ ## x", "#define F() 1"),
        *("#define F(x) MESOS_VERSION_AT_LEAST(x, 0, 0)", "#define G(x, y) ((x) > (y))"),
        *("#define G(x, y) x ## y", "#define G(...) 0", "#define G(x, ...) __VA_ARGS__"),
        *("#undef A", "#undef B", "#undef F", "#undef G"),
    ]
)


@st.composite
def programs(draw: st.DrawFn, depth: int = 2) -> list[str]:
    """Lines of conditionals, definitions and the place for words."""
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.integers(0, 5 if depth else 2))
        if kind == 0:
            lines.append("WORD")
        elif kind <= 2:
            lines.append(draw(_definitions))
        else:
            lines += _conditional(draw, depth)
    return lines


def _conditional(draw: st.DrawFn, depth: int) -> list[str]:
    word = draw(st.sampled_from(["if", "if", "if", "ifdef", "ifndef"]))
    first = (
        draw(expressions)
        if word == "if"
        else draw(st.sampled_from(["A", "B", "MESOS_VERSION_INT"]))
    )
    lines = [f"#{word} {first}", *draw(programs(depth - 1)), "WORD"]
    for _ in range(draw(st.integers(0, 2))):
        lines += [f"#elif {draw(expressions)}", *draw(programs(depth - 1)), "WORD"]
    if draw(st.booleans()):
        lines += ["#  else", *draw(programs(depth - 1)), "WORD"]
    return [*lines, "#endif"]


def _with_words(lines: Sequence[str]) -> str:
    return "".join(
        f"w{number}\n" if line == "WORD" else f"{line}\n" for number, line in enumerate(lines)
    )


@pytest.fixture(scope="module")
def compiler(tmp_path_factory):
    return Compiler(tmp_path_factory.mktemp("cpp"))


@pytest.mark.parametrize("encoding", Encoding)
def test_every_file_of_our_isolator_is_read_as_gxx_reads_it(compiler, encoding):
    """Line by line, for a release of each minor version; other people's headers are left out."""
    names = [*sorted(p.relative_to(ROOT / "isolator").as_posix() for p in SOURCES)]
    texts = {name: (ROOT / "isolator" / name).read_text() for name in names}
    releases = [release for release in FINAL_RELEASES if release.patch == 0]
    unit = Unit(
        path="src/isolator.cpp",
        flags=tuple((encoding.flag(release),) for release in releases),
        forced=tuple(version_header(release, encoding) for release in releases),
    )
    reading = read(Sources(files=texts, units=[unit]), releases)
    for name, text in texts.items():
        place = compiler.folder / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(_numbered(name, text, names))
    for release in releases:
        code, _ = compiler.words("src/isolator.cpp", release, encoding)
        assert code == 0
        for name in reading.files:
            shown = {
                number
                for number, line in enumerate(reading.text(name, release).split("\n"))
                if line.strip() and not line.startswith("#include")
            }
            left = compiler.lines("src/isolator.cpp", release, encoding, mark(name, names))
            assert shown == left & _solid(texts[name]), (name, str(release))


def mark(name: str, names: Sequence[str]) -> str:
    return f"w{names.index(name) + 1}_"


def _solid(text: str) -> set[int]:
    """The lines that are neither blank nor directives nor part of one."""
    lines = text.split("\n")
    return {
        number
        for number, line in enumerate(lines)
        if line.strip() and not line.lstrip().startswith("#")
    }


def _numbered(name: str, text: str, names: Sequence[str]) -> str:
    """The file with a word in place of each line of code; includes of others are dropped."""
    made = []
    for number, line in enumerate(text.split("\n")):
        if line.lstrip().startswith("#include"):
            made.append(line if any(line.endswith(f'{n}"') for n in _spellings(names)) else "")
        elif line.lstrip().startswith("#"):
            made.append(line)
        else:
            made.append(f"{mark(name, names)}{number}")
    return "\n".join(made)


def _spellings(names: Sequence[str]) -> list[str]:
    return [f'"{form}' for name in names for form in (name, Path(name).name)]


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(lines=programs(), encoding=st.sampled_from(Encoding), release=st.sampled_from(FEW))
def test_a_generated_program_is_read_as_gxx_reads_it(compiler, lines, encoding, release):
    text = _with_words(lines)
    reading = read_knowing_all(text, encoding)
    (compiler.folder / "main.cpp").write_text(text)
    code, words = compiler.words("main.cpp", release, encoding)
    stopped = [problem for problem in reading.problems if release in problem.releases]
    assert bool(stopped) == (code != 0), (stopped, text)
    if code == 0:
        assert not is_unsure(reading, release)
        assert words_of(reading.text("main.cpp", release)) == words


@pytest.mark.parametrize("definition", ["", "#define A", "#define A 0", "#define A B"])
@pytest.mark.parametrize("body", ["defined A", "defined(A)", "!defined A || B"])
def test_defined_in_a_macro_is_what_gxx_makes_of_it(compiler, definition, body):
    """The standard leaves it open; people write it all the same."""
    text = f"{definition}\n#define B {body}\n#if B\nw1\n#else\nw2\n#endif\n"
    (compiler.folder / "main.cpp").write_text(text)
    code, words = compiler.words("main.cpp", FEW[0], Encoding.OCTAL)
    reading = read_files({"main.cpp": text}, Encoding.OCTAL)
    assert (code, words) == (0, words_of(reading.text("main.cpp", FEW[0])))


def is_unsure(reading: Reading, release: Release) -> bool:
    bit = 1 << reading.releases.index(release)
    return any(conditional.unknown & bit for conditional in reading.conditionals())
