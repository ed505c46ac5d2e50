"""What a number in a guard means: the release that its author had in mind. Pure."""

import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from buildkit.cpp.conditions import parts_of
from buildkit.cpp.expression import (
    Binary,
    ConditionError,
    Expression,
    Literal,
    Name,
    literal_number,
)
from buildkit.cpp.lexer import Token
from buildkit.encoding import Encoding
from buildkit.releases import FINAL_RELEASES, Release

VERSION_INT = "MESOS_VERSION_INT"

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_OPERATORS: dict[str, Callable[[Release, Release], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_SUFFIX = re.compile(r"[uUlLzZ]+$")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """``MESOS_VERSION_INT < 0240`` in a condition, whichever way round it is written."""

    node: Binary
    sign: str
    """As if MESOS_VERSION_INT stood on the left."""
    literal: Token
    value: int


@dataclass(frozen=True, kw_only=True)
class Bound:
    """What a number stands for."""

    release: Release
    era: bool = False
    """A number between all of 1.0.0 to 1.9.0 and all of 0.x, where 1.0.0 begins *below* it: the
    comparison tells 1.x from 0.x."""

    def holds(self, sign: str, release: Release) -> bool:
        """Whether the comparison, as it is meant, is true of a release."""
        if not self.era:
            return _OPERATORS[sign](release, self.release)
        later = release >= self.release
        return later if sign in {"<", "<=", "!="} else not later and sign != "=="


def comparisons(expression: Expression) -> Iterator[Comparison]:
    """The comparisons of MESOS_VERSION_INT with a number, in the order in which they stand."""
    for part in parts_of(expression):
        match part:
            case Binary(left=Name(token=name), right=Literal() as literal):
                sign = part.sign
            case Binary(left=Literal() as literal, right=Name(token=name)):
                sign = _MIRRORED.get(part.sign, "")
            case _:
                continue
        if name.text == VERSION_INT and sign in _MIRRORED:
            number = literal.number.value
            yield Comparison(node=part, sign=sign, literal=literal.token, value=number)


def named_by(text: str, encoding: Encoding) -> Release | None:
    """The final release that an encoding writes as ``text``."""
    return _BY_TEXT[encoding].get(_SUFFIX.sub("", text))


def valued(value: int, encoding: Encoding) -> Release | None:
    """The final release whose number is ``value``."""
    return _BY_VALUE[encoding].get(value)


def other_encoding(text: str, encoding: Encoding) -> tuple[Encoding, Release] | None:
    """The encoding that a literal is of, if it names a release in another than the module's."""
    if named_by(text, encoding):
        return None
    for other in Encoding:
        found = named_by(text, other)
        if found:
            return other, found
    return None


def bounds(literal: Token, encoding: Encoding) -> tuple[Bound, ...]:
    """What a number may stand for, the likeliest first.

    One that names a final release stands for that alone. Otherwise it may be one that never came,
    or, in ``decimal``, the border between 0.x and 1.x, whose numbers are lower.
    """
    foreign = other_encoding(literal.text, encoding)
    if foreign:
        return (Bound(release=foreign[1]),)
    try:
        value = literal_number(literal).value
    except ConditionError:
        return ()
    final = valued(value, encoding)
    if final:
        return (Bound(release=final),)
    found = [Bound(release=release) for release in _imagined(value, encoding)]
    if encoding is Encoding.DECIMAL and _ERA_BEGINS < value < _ERA_ENDS:
        found.append(Bound(release=Release(1, 0, 0), era=True))
    return tuple(found)


def octal_digits(token: Token) -> bool:
    """Whether a number of a release's, such as the minor one, is octal without meaning to."""
    return len(token.text) > 1 and token.text[0] == "0" and token.text[1:].isdigit()


def _imagined(value: int, encoding: Encoding) -> Iterator[Release]:
    """Releases that there are not, but that would have this number."""
    for major in range(3):
        for minor in range(40):
            for patch in range(10):
                release = Release(major, minor, patch)
                if encoding.value_of(release) == value:
                    yield release


_BY_TEXT = {e: {e.literal(r): r for r in FINAL_RELEASES} for e in Encoding}
_BY_VALUE = {e: {e.value_of(r): r for r in FINAL_RELEASES} for e in Encoding}
_ERA_BEGINS = Encoding.DECIMAL.value_of(Release(1, 9, 9))
_ERA_ENDS = min(Encoding.DECIMAL.value_of(r) for r in FINAL_RELEASES if not r.major)
