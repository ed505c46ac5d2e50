"""The patches that Mesos carries for its bundled archives, applied as ``patch -p1`` would.

Some don't fit to the line: their context has moved, or differs at its edges. Patches of our own
must fit exactly; see :mod:`buildkit.patches`. The libraries that apply patches allow no fuzz, or
want files on disk.
"""

import re
from collections.abc import Iterable
from itertools import chain, takewhile

from unidiff.errors import UnidiffParseError
from unidiff.patch import Hunk, Line
from unidiff.patch import PatchSet as UnifiedDiff

from buildkit.errors import UnavailableError
from buildkit.files.tree import File, Tree

_CONTEXT = 3
"""Lines of context that a hunk has at either end."""
_MOST_FUZZ = 2
"""How many of them may differ; what ``patch`` does by default."""


def apply_fuzzily(tree: Tree, text: str, *, where: str) -> dict[str, File]:
    """``tree`` after the unified diff ``text``, whose paths have one folder too many.

    Files that are not in ``tree`` are passed over: it holds only what is needed. ``where`` names
    the patch in errors.

    Raises :class:`UnavailableError` for what is no unified diff or has a hunk that fits nowhere.
    """
    result = dict(tree)
    for change in _parse(text, where):
        path = change.source_file.partition("/")[2]
        file = result.get(path)
        if file is None:
            continue
        lines = re.findall(r"[^\n]*\n|[^\n]+", file.data.decode(errors="surrogateescape"))
        shift = 0
        for number, hunk in enumerate(change, 1):
            place = _place(lines, hunk, shift)
            if place is None:
                raise UnavailableError(
                    f"{where}: hunk {number} does not fit {path}; the bundled archive is not the "
                    "one that this patch was made for"
                )
            start, old, new = place
            lines[start : start + len(old)] = new
            shift += len(new) - len(old)
        data = "".join(lines).encode(errors="surrogateescape")
        result[path] = File(data, executable=file.executable)
    return result


def _parse(text: str, where: str) -> UnifiedDiff:
    # Blank lines at its end, which belong to the last hunk, have been lost in editors.
    for lost in range(_CONTEXT + 1):
        try:
            return UnifiedDiff(text.rstrip("\n") + "\n" * (lost + 1))
        except UnidiffParseError as error:
            problem = str(error).strip()
    raise UnavailableError(f"{where}: not a unified diff: {problem}")


def _place(lines: list[str], hunk: Hunk, shift: int) -> tuple[int, list[str], list[str]] | None:
    """Where in ``lines`` the hunk fits, with as little fuzz as can be, and its two sides there."""
    old = [line.value for line in hunk if line.is_context or line.is_removed]
    new = [line.value for line in hunk if line.is_context or line.is_added]
    head, tail = _context(hunk), _context(reversed(hunk))
    for fuzz in range(_MOST_FUZZ + 1):
        first, last = min(fuzz, head), min(fuzz, tail)
        wanted = old[first : len(old) - last]
        start = hunk.source_start - 1 + shift + first
        for place in _nearest(start, len(lines) - len(wanted)):
            if lines[place : place + len(wanted)] == wanted:
                return place, wanted, new[first : len(new) - last]
    return None


def _context(lines: Iterable[Line]) -> int:
    return sum(1 for _ in takewhile(lambda line: line.is_context, lines))


def _nearest(start: int, last: int) -> list[int]:
    """Every place from 0 to ``last``, those near ``start`` first."""
    farthest = max(start, last - start) + 1
    order = chain.from_iterable((start + step, start - step) for step in range(farthest))
    return [place for place in order if 0 <= place <= last]
