"""README and guides name nothing that there is not: links, options, verbs, sessions, keys."""

import argparse
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import buildkit.nox
from buildkit.cli import VERBS, make_parser
from buildkit.matrix import MatrixFile
from buildkit.patches import PatchSet

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    {
        *ROOT.glob("README.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("*/README.md"),
        *ROOT.glob("examples/*/README.md"),
    }
)
GUIDES = [page for page in PAGES if page.parent in {ROOT, ROOT / "docs"}]
OF_OTHERS = {
    # pytest's and pip's, sha512sum's, Docker's, and those of Mesos's programs.
    *("--require-hashes", "--requirement", "--dest", "--quiet", "--ignore-missing", "--list"),
    *("--print", "--target", "--modules", "--modules_dir", "--isolation", "--recovery_timeout"),
}
PATCH_KEYS = {"edit", "header", "diff"}


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks in that language."""
    fences = re.finditer(r"^( *)```(\w*)\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL)
    return [fence[3] for fence in fences if fence[2] == language]


def heading_anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    """The relative links that lead nowhere."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in heading_anchors(target)):
            broken.append(link)
    return broken


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Verb -> its parser."""
    for action in make_parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    raise AssertionError("the parser has no verbs")


PARSERS = parsers()
OPTIONS = {
    verb: {option for action in parser._actions for option in action.option_strings}
    for verb, parser in PARSERS.items()
}
SESSIONS = {*buildkit.nox._VERBS, "tests", "lint"}
PER_RELEASE = re.compile(rf"(?:{'|'.join(buildkit.nox._PER_RELEASE)})-")


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each ``python -m buildkit VERB ...`` and ``nox -s SESSION -- ...``: name and options."""
    for match in re.finditer(r"python -m buildkit ([A-Za-z]+)([^\n`|#;]*)", text):
        if match[1] != "VERB":
            yield match[1], options_in(match[2])
    for match in re.finditer(r"(?:nox|mesos-buildkit)(?: -j \d+)? -s ([^\n`|#;]*)", text):
        names, _, rest = match[1].partition(" -- ")
        for name in names.split():
            if name not in {"VERB", "SESSION"}:
                yield name, options_in(rest)


def options_in(words: str) -> list[str]:
    """The long options among a command's words."""
    return re.findall(r"(?<!\S)--[a-z][a-z-]*", words)


def wrong_commands(text: str) -> list[str]:
    """Commands whose verb, session or option there is not."""
    wrong = []
    for name, options in commands(text):
        verb = name.partition("-")[0] if PER_RELEASE.match(name) else name
        if verb in {"tests", "lint"}:
            continue
        if verb not in VERBS and verb not in SESSIONS:
            wrong.append(name)
        else:
            wrong += [f"{name} {option}" for option in options if option not in OPTIONS[verb]]
    return wrong


def unknown_options(text: str) -> set[str]:
    """Long options in code, outside fenced blocks, that no verb has."""
    known = set().union(*OPTIONS.values()) | OF_OTHERS
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", prose)
    return {option for span in spans for option in options_in(span)} - known


def wrong_toml(text: str) -> list[str]:
    """What is wrong with the TOML blocks that are whole files of ours."""
    wrong = []
    for block in blocks(text, "toml"):
        try:
            raw: dict[str, Any] = tomllib.loads(block)
            if {"releases", "module"} <= raw.keys():
                MatrixFile.model_validate(raw)
            elif raw and raw.keys() <= PATCH_KEYS:
                PatchSet.model_validate(raw)
            else:
                check_part(raw)
        except ValueError as error:
            wrong.append(f"{error}\nin:\n{block}")
    return wrong


def check_part(raw: dict[str, Any]) -> None:
    """Check some tables of a matrix file: raises ``ValueError`` for what is wrong in them."""
    whole: dict[str, Any] = {
        "releases": ["1.11.0"],
        "module": [{"name": "m", "version": "1", "symbol": "m", "source": "src"}],
    }
    if raw.keys() <= {"floor"}:
        raw = {"platform": [{"name": "p", "base": "b", **raw}]}
    MatrixFile.model_validate({**whole, **raw})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
class TestPages:
    def test_every_relative_link_leads_somewhere(self, page):
        assert broken_links(page) == []

    def test_every_command_is_one(self, page):
        assert wrong_commands(page.read_text()) == []

    def test_every_toml_block_is_taken(self, page):
        assert wrong_toml(page.read_text()) == []


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_every_option_named_is_one(page):
    assert unknown_options(page.read_text()) == set()


def test_the_readme_has_a_row_for_every_session():
    table = re.findall(r"^\| (`[^|]+`) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    named = {name for cell in table for name in re.findall(r"`([a-z]+)(?:-<release>)?`", cell)}
    assert named >= SESSIONS | set(buildkit.nox._PER_RELEASE)


def test_the_index_lists_every_guide():
    index = (ROOT / "docs" / "README.md").read_text()
    links = set(re.findall(r"\]\(([a-z-]+\.md)\)", index))
    assert links == {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}


def test_the_tools_own_modules_are_there():
    """Those of the table in the guide on the inside, and the packages of the tool are all in it."""
    text = (ROOT / "docs" / "inside.md").read_text()
    table = text[text.index("## Who does what") : text.index("## SDK kinds")]
    cells = re.findall(r"^\| (`[^|]+`) \|", table, re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`([a-z]+/?)`", cell)}
    package = ROOT / "buildkit"
    assert {name for name in named if not (package / name).is_dir()} <= {
        path.stem for path in package.glob("*.py")
    }
    packages = {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    assert packages <= named


def test_the_examples_of_the_guides_parse():
    """Whole command lines are what the parser takes, placeholders apart."""
    for page in GUIDES:
        for line in re.findall(r"^ {4}\$ python -m buildkit (.+)$", page.read_text(), re.MULTILINE):
            words = shlex.split(line, comments=True)
            verb = make_parser([words[0]]).parse_args(words).verb
            assert words[0] == verb.NAME


class TestTheChecksThemselves:
    """Each check finds what it is there for."""

    def test_links(self, tmp_path):
        page = tmp_path / "page.md"
        page.write_text("# A heading\n[a](page.md#a-heading) [b](gone.md) [c](#none) [d](http://x)")
        assert broken_links(page) == ["gone.md", "#none"]

    @pytest.mark.parametrize(
        ("text", "wrong"),
        [
            ("`python -m buildkit build --only 1.0.1`", []),
            ("python -m buildkit bulid", ["bulid"]),
            ("python -m buildkit plan --fail-fast", ["plan --fail-fast"]),
            ("nox -s guards -- --fix --dif", ["guards --dif"]),
            ("nox -j 2 -s build-0.23.1 built-0.24.1", ["built-0.24.1"]),
            ("./mesos-buildkit -s tests -- --anything", []),
        ],
    )
    def test_commands(self, text, wrong):
        assert wrong_commands(text) == wrong

    def test_options(self):
        assert unknown_options("`--only X`, `sdk --exprot FILE`, --no-code") == {"--exprot"}

    @pytest.mark.parametrize(
        "block",
        [
            'releases = ["1.0.1"]\nmodule = [{ name = "m", version = "1", symbol = "m" }]',
            "[[edit]]\nwhy = 'x'\nfile = 'a'\npatern = 'x'\nreplacement = 'y'",
            '[archives]\nulr = "http://x"',
            'floor = "debian0"',
        ],
    )
    def test_toml(self, block):
        assert len(wrong_toml(f"```toml\n{block}\n```\n")) == 1
