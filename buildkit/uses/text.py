"""Makes of a file's text one that a parser of plain C++ can read, line for line. Pure.

Macros are what stands between: those that the module defines by a name alone are replaced by what
they stand for, and the foreach macros become range-based for loops.
"""

import re
from collections.abc import Mapping

_SKIPPED = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'', re.DOTALL)
_LOOP_OR_SKIPPED = re.compile(
    _SKIPPED.pattern
    + r"|\b(?P<loop>foreach|foreachkey|foreachvalue|BOOST_FOREACH)(?P<space>\s*)\(",
    re.DOTALL,
)
_WORD = re.compile(r"[A-Za-z_]\w*")


def prepare(text: str, macros: Mapping[str, str]) -> str:
    """The text, in which there are no directives but #include, with macros and foreach replaced."""
    if "foreach" in text or "BOOST_FOREACH" in text:
        text = _replace_loops(text)
    used = {name: value for name, value in macros.items() if name in text}
    return _expand(text, used) if used else text


def _expand(text: str, macros: Mapping[str, str]) -> str:
    def once(found: re.Match[str]) -> str:
        word = found[0]
        # One that leads back to itself stays as it is, as with a preprocessor.
        seen = set()
        while word in macros and word not in seen:
            seen.add(word)
            word = macros[word]
        return word

    names = "|".join(map(re.escape, macros))
    pattern = re.compile(rf"{_SKIPPED.pattern}|\b(?:{names})\b", re.DOTALL)
    return pattern.sub(lambda found: once(found) if _WORD.match(found[0]) else found[0], text)


def _replace_loops(text: str) -> str:
    """``foreachkey (K k, map)`` becomes ``for (K k: foreachkey(map))``, likewise foreachvalue."""
    pieces: list[str] = []
    done = 0
    for found in _LOOP_OR_SKIPPED.finditer(text):
        parts = _parts(text, found.end()) if found["loop"] else None
        # One loop's range has none inside.
        if parts is None or found.start() < done:
            continue
        comma, end = parts
        over = text[comma + 1 : end]
        if found["loop"] in {"foreachkey", "foreachvalue"}:
            over = f"{found['loop']}({over})"
        variable = text[found.end() : comma]
        pieces += [text[done : found.start()], f"for{found['space']}({variable}:{over}"]
        done = end
    return "".join([*pieces, text[done:]])


def _parts(text: str, at: int) -> tuple[int, int] | None:
    """The places of the comma between a loop's variable and its range, and of the end; or None."""
    depth = 0
    comma = None
    # Operators such as -> and < after the comma are no brackets.
    for place in range(at, min(len(text), at + 1000)):
        character = text[place]
        if character in "([" or (character == "<" and comma is None):
            depth += 1
        elif character in ")]" or (character == ">" and comma is None):
            if not depth:
                return None if comma is None else (comma, place)
            depth -= 1
        elif character == "," and not depth and comma is None:
            comma = place
    return None
