"""The lists of files that a ``Makefile.am`` holds."""

import re

_VARIABLE = re.compile(r"^(\w+)[ \t]*\+?=(.*)$", re.MULTILINE)


def file_lists(text: str) -> dict[str, tuple[str, ...]]:
    """Variable -> the words assigned to it, wherever and under whatever condition.

    References to other variables are left out.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name, value in _VARIABLE.findall(text.replace("\\\n", " ")):
        words = tuple(word for word in value.split() if "$" not in word and "@" not in word)
        found[name] = found.get(name, ()) + words
    return found
