"""The workflows call only what is pinned, and the verbs that there are."""

import re
from pathlib import Path

import pytest

from buildkit.cli import make_parser

FOLDER = Path(__file__).parents[2] / ".github"
FILES = sorted(FOLDER.rglob("*.yml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(FOLDER).as_posix())
class TestEachFile:
    def test_what_it_uses_is_ours_or_pinned_to_a_commit(self, file):
        for name in re.findall(r"uses: *(\S+)", file.read_text()):
            assert re.fullmatch(r"\$/\.github/\S+|[\w/-]+@[0-9a-f]{40}", name), name

    def test_what_it_uses_of_ours_is_there(self, file):
        for name in re.findall(r"uses: *\$/(\S+)", file.read_text()):
            place = FOLDER.parent / name
            assert place.is_file() or (place / "action.yml").is_file(), name

    def test_the_same_action_has_the_same_commit_everywhere(self, file):
        pins = dict(re.findall(r"uses: *([\w/-]+)@(\w+)", file.read_text()))
        for other in FILES:
            for name, commit in re.findall(r"uses: *([\w/-]+)@(\w+)", other.read_text()):
                assert pins.get(name, commit) == commit

    def test_no_expression_is_pasted_into_a_script(self, file):
        for script in re.findall(r"run: (?:\|\n((?:(?: {8,}.*)?\n)+)|(.*))", file.read_text()):
            assert "${{" not in "".join(script)

    def test_its_command_lines_are_ones_we_take(self, file):
        text = file.read_text().replace("\\\n", " ")
        for line in re.findall(r"python -m buildkit ([a-z]+(?: --[a-z-]+)*)", text):
            verb, *options = line.split()
            parser = make_parser()
            [verbs] = [a for a in parser._actions if isinstance(a.choices, dict)]
            known = {option for a in verbs.choices[verb]._actions for option in a.option_strings}
            assert {*options} <= known


def test_there_are_some():
    assert len(FILES) == 4
