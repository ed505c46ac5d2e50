"""Findings about how numbers are written in guards."""

from collections.abc import Iterator

from buildkit.cpp.lexer import Token, TokenKind
from buildkit.cpp.reading import BranchReading
from buildkit.encoding import Encoding
from buildkit.findings import Finding
from buildkit.guards.context import Context
from buildkit.guards.literals import Comparison, bounds, octal_digits, other_encoding, valued
from buildkit.guards.meaning import Guard
from buildkit.guards.rules import FOREIGN_LITERAL, OCTAL_ARGUMENT, STRANGE_LITERAL
from buildkit.guards.wording import rewritten

AT_LEAST = "MESOS_VERSION_AT_LEAST"


def number_findings(context: Context, guard: Guard) -> Iterator[Finding]:
    """Numbers of another encoding, and parts of releases that are octal."""
    for branch, comparison in guard.comparisons:
        if context.get_to(guard, branch):
            yield from _literal(context, guard, branch, comparison)
    for branch in guard.conditional.branches:
        if context.get_to(guard, branch):
            for arguments in calls(branch.tokens):
                for token in arguments:
                    if octal_digits(token):
                        yield _octal_argument(context, guard, branch, token)


def calls(tokens: tuple[Token, ...]) -> Iterator[tuple[Token, ...]]:
    """The arguments of each MESOS_VERSION_AT_LEAST that is called with plain numbers."""
    solid = [token for token in tokens if token.kind is not TokenKind.SPACE]
    for at, token in enumerate(solid):
        if token.text == AT_LEAST:
            part = solid[at + 1 : at + 8]
            signs = [token.text for token in part[::2]]
            if signs == ["(", ",", ",", ")"] and all(t.text.isdigit() for t in part[1::2]):
                yield tuple(part[1::2])


def _literal(
    context: Context, guard: Guard, branch: BranchReading, comparison: Comparison
) -> Iterator[Finding]:
    literal, encoding = comparison.literal, context.encoding
    foreign = other_encoding(literal.text, encoding)
    some = context.get_to(guard, branch)
    if foreign:
        other, release = foreign
        same = valued(comparison.value, encoding)
        yield context.finding(
            FOREIGN_LITERAL,
            guard,
            branch,
            some,
            f"{literal.text} is {release} in encoding {other}, but the module's is {encoding}, "
            + (
                f"in which it is {same}"
                if same
                else f"in which that is {encoding.literal(release)}"
            ),
            f"write {rewritten(comparison, bounds(literal, encoding)[0])}",
            offset=literal.offset,
        )
    elif _strange(literal.text, comparison.value, encoding):
        same = valued(comparison.value, encoding)
        base = "octal" if encoding is Encoding.OCTAL else "decimal"
        yield context.finding(
            STRANGE_LITERAL,
            guard,
            branch,
            some,
            f"{literal.text} is not written in {base}, as encoding {encoding} writes releases; its "
            f"value is {comparison.value}, which is {same or 'no release'}",
            "write MESOS_VERSION_AT_LEAST(major, minor, patch) with the release that is meant",
            offset=literal.offset,
        )


def _strange(text: str, value: int, encoding: Encoding) -> bool:
    if value < 8:  # noqa: PLR2004 - one digit is the same in every base
        return False
    return text.startswith("0") != (encoding is Encoding.OCTAL) or text[:2] in {"0x", "0X"}


def _octal_argument(context: Context, guard: Guard, branch: BranchReading, token: Token) -> Finding:
    digits = token.text.lstrip("0") or "0"
    try:
        value = f"{int(token.text, 8)}"
    except ValueError:
        value = "no number"
    return context.finding(
        OCTAL_ARGUMENT,
        guard,
        branch,
        context.get_to(guard, branch),
        f"{token.text} begins with 0, so it is octal: {value}",
        f"write {digits}",
        offset=token.offset,
    )
