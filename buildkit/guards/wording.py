"""How guards are spoken of: runs of releases, conditions as they should be written. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from buildkit.cpp.lexer import Token, TokenKind
from buildkit.cpp.reading import BranchReading
from buildkit.guards.literals import Bound, Comparison
from buildkit.releases import Release


def runs(releases: Iterable[Release], among: Sequence[Release]) -> str:
    """Releases in words: ``0.23.1, 1.0.0 to 1.9.0``; neighbours in ``among`` are one run."""
    chosen = {*releases}
    parts: list[list[Release]] = []
    before = None
    for release in among:
        if release in chosen:
            if before is not None and before in chosen:
                parts[-1].append(release)
            else:
                parts.append([release])
        before = release
    return ", ".join(_run(part) for part in parts)


def _run(part: list[Release]) -> str:
    if len(part) == 1:
        return str(part[0])
    return f"{part[0]}{' and ' if len(part) == 2 else ' to '}{part[-1]}"  # noqa: PLR2004


def at_least(release: Release) -> str:
    """The guard that is right in every encoding."""
    return f"MESOS_VERSION_AT_LEAST({release.major}, {release.minor}, {release.patch})"


def rewritten(comparison: Comparison, bound: Bound) -> str:
    """A comparison without a number that depends on the encoding."""
    here = at_least(bound.release)
    if bound.era:
        return {"<": here, "<=": here, "!=": "1", "==": "0"}.get(comparison.sign, f"!{here}")
    above = at_least(Release(bound.release.major, bound.release.minor, bound.release.patch + 1))
    return {
        ">=": here,
        "<": f"!{here}",
        ">": above,
        "<=": f"!{above}",
        "==": f"({here} && !{above})",
        "!=": f"(!{here} || {above})",
    }[comparison.sign]


def condition_at_least(
    branch: BranchReading, compared: Iterable[Comparison], readings: Mapping[int, Bound]
) -> str | None:
    """A condition with all its comparisons rewritten; None if one of them can't be."""
    edits = []
    for comparison in compared:
        span = written_span(branch.tokens, comparison)
        bound = readings.get(comparison.value)
        if span is None or bound is None:
            return None
        edits.append((span, rewritten(comparison, bound)))
    parts: list[str] = []
    done = -1
    for token in branch.tokens:
        edit = next((text for span, text in edits if span[0] == token.offset), None)
        if edit is not None:
            parts.append(edit)
            done = next(span[1] for span, _ in edits if span[0] == token.offset)
        elif token.offset >= done:
            parts.append(" " if token.kind is TokenKind.SPACE else token.text)
    return "".join(parts)


def written_span(tokens: Sequence[Token], comparison: Comparison) -> tuple[int, int] | None:
    """Where a comparison stands in its condition, as offsets; None if a macro has it.

    Also None for one with brackets of its own in it.
    """
    node = comparison.node
    parts = (node.left.token, node.token, node.right.token)  # type: ignore[union-attr]
    if not all(part.written for part in parts):
        return None
    first, last = parts[0], parts[2]
    between = [t for t in tokens if first.offset < t.offset < last.offset]
    if any(t.text in {"(", ")"} for t in between):
        return None
    return first.offset, last.offset + len(last.text)
