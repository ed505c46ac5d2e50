"""Conditions of ``#if``: parsed once, evaluated for a whole set of releases at a time. Pure.

The arithmetic is the preprocessor's: 64-bit integers, signed unless a literal or an operand says
otherwise. There is a third truth value, *unknown* (None), for what depends on a macro that nobody
here knows; it follows Kleene's logic, so that ``0 && UNKNOWN`` is 0.
"""

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

from buildkit.cpp.lexer import Token, TokenKind
from buildkit.cpp.sets import ReleaseSet, Varied, mapped, merged, restricted, where


class ConditionError(Exception):
    """A condition that no preprocessor takes; ``token`` is where it goes wrong, if anywhere."""

    def __init__(self, text: str, token: Token | None = None, *, literal: bool = False) -> None:
        super().__init__(text)
        self.token = token
        self.literal = literal
        """Whether it is a number's fault."""


class Number(NamedTuple):
    """A value of the preprocessor's integer types."""

    value: int
    unsigned: bool = False


Value = Number | None
"""None: not known."""

FALSE, TRUE = Number(0), Number(1)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Literal:
    """An integer or a character as written."""

    token: Token
    number: Number


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Name:
    """An identifier that is left when all macros are expanded, or one whose value varies."""

    token: Token


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Defined:
    """``defined NAME``."""

    token: Token
    """The name's."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Opaque:
    """What only a compiler can know, such as ``__has_include(<x>)``."""

    token: Token


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Unary:
    """An operator and its operand."""

    sign: str
    operand: "Expression"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Binary:
    """An operator between two operands."""

    sign: str
    token: Token
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Choice:
    """``condition ? yes : no``."""

    condition: "Expression"
    yes: "Expression"
    no: "Expression"


Expression = Literal | Name | Defined | Opaque | Unary | Binary | Choice


class Environment(Protocol):
    """What names stand for, for each release."""

    def value(self, name: str, releases: ReleaseSet) -> Varied[Value]:
        """The value of a name that is no macro to expand."""

    def defined(self, name: str, releases: ReleaseSet) -> Varied[Value]:
        """Whether a macro is defined: 0, 1 or unknown."""


# --- parsing

_WORDS = {
    "and": "&&", "or": "||", "not": "!", "not_eq": "!=", "bitand": "&", "bitor": "|",
    "xor": "^", "compl": "~",
}  # fmt: skip
_PRECEDENCE = {
    "*": 11, "/": 11, "%": 11, "+": 10, "-": 10, "<<": 9, ">>": 9,
    "<": 8, "<=": 8, ">": 8, ">=": 8, "==": 7, "!=": 7,
    "&": 6, "^": 5, "|": 4, "&&": 3, "||": 2, "?": 1, ",": 0,
}  # fmt: skip
_INTEGER = re.compile(
    r"(?P<digits>0[xX][0-9a-fA-F']+|0[bB][01']+|[0-9][0-9']*)(?P<tail>[A-Za-z0-9_.+-]*)", re.ASCII
)
_SUFFIX = re.compile(r"(?:[uU](?:ll?|LL?|z|Z)?|(?:ll?|LL?|z|Z)[uU]?)?")
_ESCAPES = {"n": 10, "t": 9, "r": 13, "0": 0, "\\": 92, "'": 39, '"': 34, "a": 7, "b": 8, "f": 12,
            "v": 11, "?": 63}  # fmt: skip


def parse(tokens: Sequence[Token]) -> Expression:
    """Read a condition whose macros have been expanded.

    Raises :class:`ConditionError` with what is wrong, and where.
    """
    parser = _Parser([token for token in tokens if token.kind is not TokenKind.SPACE])
    expression = parser.expression(0)
    parser.end()
    return expression


def literal_number(token: Token) -> Number:
    """The value of an integer literal.

    Raises :class:`ConditionError` for one that the compiler refuses, such as ``0280``.
    """
    found = _INTEGER.fullmatch(token.text)
    if not found or not _SUFFIX.fullmatch(found["tail"]):
        what = "a floating-point number" if "." in token.text else f"{token.text} is no integer"
        raise ConditionError(f"{what} in a condition", token, literal=True)
    digits = found["digits"].replace("'", "")
    if digits[:2] in {"0x", "0X"}:
        value = int(digits, 16)
    elif digits[:2] in {"0b", "0B"}:
        value = int(digits, 2)
    elif digits[0] == "0":
        wrong = next((digit for digit in digits if digit in "89"), None)
        if wrong:
            raise ConditionError(
                f"{token.text} begins with 0, so it is octal, and {wrong} is no octal digit",
                token,
                literal=True,
            )
        value = int(digits, 8)
    else:
        value = int(digits)
    if value >= 1 << 64:
        raise ConditionError(f"{token.text} is too large", token, literal=True)
    return Number(value, "u" in found["tail"].lower() or value >= 1 << 63)


class _Parser:
    """Precedence climbing."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def end(self) -> None:
        token = self._peek()
        if token is not None:
            raise ConditionError(f"an operator is missing before {token.text!r}", token)

    def expression(self, least: int) -> Expression:
        left = self._operand()
        while True:
            token = self._peek()
            sign = _sign(token)
            precedence = _PRECEDENCE.get(sign, -1)
            if token is None or precedence < least:
                return left
            self._at += 1
            if sign == "?":
                yes = self.expression(0)
                self._expect(":", "a ':' is missing after '?'")
                left = Choice(condition=left, yes=yes, no=self.expression(precedence))
            else:
                right = self.expression(precedence + 1)
                left = Binary(sign=sign, token=token, left=left, right=right)

    def _operand(self) -> Expression:
        token = self._next("an operand is missing at its end")
        sign = _sign(token)
        if sign in {"!", "~", "-", "+"}:
            return Unary(sign=sign, operand=self.expression(12))
        if sign == "(":
            inner = self.expression(0)
            self._expect(")", "a ')' is missing")
            return inner
        match token.kind:
            case TokenKind.NUMBER:
                return Literal(token=token, number=literal_number(token))
            case TokenKind.NAME if token.text == "defined":
                return self._defined()
            case TokenKind.NAME:
                return self._name(token)
            case TokenKind.TEXT if token.text.startswith("'"):
                return _character(token)
            case _:
                raise ConditionError(f"{token.text!r} stands where a value is due", token)

    def _defined(self) -> Expression:
        token = self._next("a name is missing after 'defined'")
        bracket = token.text == "("
        if bracket:
            token = self._next("a name is missing after 'defined('")
        if token.kind is not TokenKind.NAME and token.kind is not TokenKind.NUMBER:
            raise ConditionError("a name is missing after 'defined'", token)
        if bracket:
            self._expect(")", "a ')' is missing after 'defined('")
        # A macro's argument is expanded before: which name it was is lost.
        return Defined(token=token) if token.kind is TokenKind.NAME else Opaque(token=token)

    def _name(self, token: Token) -> Expression:
        if token.text in {"true", "false"}:
            return Literal(token=token, number=TRUE if token.text == "true" else FALSE)
        if _sign(self._peek()) != "(":
            return Name(token=token)
        depth = 0
        while True:
            sign = _sign(self._next("a ')' is missing"))
            depth += (sign == "(") - (sign == ")")
            if depth == 0:
                return Opaque(token=token)

    def _peek(self) -> Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next(self, missing: str) -> Token:
        token = self._peek()
        if token is None:
            raise ConditionError(missing, self._tokens[-1] if self._tokens else None)
        self._at += 1
        return token

    def _expect(self, sign: str, missing: str) -> None:
        token = self._peek()
        if _sign(token) != sign:
            raise ConditionError(missing, token or (self._tokens[-1] if self._tokens else None))
        self._at += 1


def _sign(token: Token | None) -> str:
    if token is None:
        return ""
    if token.kind is TokenKind.NAME:
        return _WORDS.get(token.text, "")
    return token.text if token.kind is TokenKind.SIGN else ""


def _character(token: Token) -> Expression:
    inner = token.text[1:-1]
    if len(inner) == 1 and inner != "\\":
        return Literal(token=token, number=Number(ord(inner)))
    if len(inner) == 2 and inner[0] == "\\" and inner[1] in _ESCAPES:  # noqa: PLR2004
        return Literal(token=token, number=Number(_ESCAPES[inner[1]]))
    return Opaque(token=token)


# --- evaluating


class Evaluator:
    """Evaluates expressions in one environment; remembers the releases that a division fails for.

    ``override``, if given, is asked first about every part of an expression, and answers None for
    what it leaves to the preprocessor's rules.
    """

    def __init__(
        self,
        environment: Environment,
        override: Callable[[Expression, ReleaseSet], Varied[Value] | None] | None = None,
    ) -> None:
        self._environment = environment
        self._override = override
        self.division_by_zero: ReleaseSet = 0

    def value(self, expression: Expression, releases: ReleaseSet) -> Varied[Value]:
        """The value for each of ``releases``."""
        if self._override is not None:
            answer = self._override(expression, releases)
            if answer is not None:
                return answer
        match expression:
            case Literal() | Name() | Defined() | Opaque():
                return self._leaf(expression, releases)
            case Unary():
                operand = self.value(expression.operand, releases)
                return mapped(lambda value: _unary(expression.sign, value), operand)
            case Binary():
                return self._operation(expression, releases)
            case Choice():
                return self._choice(expression, releases)

    def _leaf(
        self, expression: Literal | Name | Defined | Opaque, releases: ReleaseSet
    ) -> Varied[Value]:
        match expression:
            case Literal():
                return ((releases, expression.number),)
            case Name():
                return self._environment.value(expression.token.text, releases)
            case Defined():
                return self._environment.defined(expression.token.text, releases)
            case Opaque():
                return ((releases, None),)

    def _operation(self, expression: Binary, releases: ReleaseSet) -> Varied[Value]:
        match expression.sign:
            case "&&" | "||":
                return self._logical(expression, releases)
            case ",":
                return self.value(expression.right, releases)
            case _:
                return self._binary(expression, releases)

    def _logical(self, expression: Binary, releases: ReleaseSet) -> Varied[Value]:
        decided = FALSE if expression.sign == "&&" else TRUE
        left = mapped(_truth, self.value(expression.left, releases))
        early = where(left, lambda value: value == decided)
        rest = releases & ~early
        if not rest:
            return left
        right = mapped(_truth, self.value(expression.right, rest))
        unknown = where(left, lambda value: value is None)
        return merged(
            [
                (early, decided),
                *(
                    pair
                    for both, value in right
                    for pair in (
                        # What the left side leaves open, only a deciding right side closes.
                        (both & unknown, decided if value == decided else None),
                        (both & ~unknown, value),
                    )
                ),
            ]
        )

    def _binary(self, expression: Binary, releases: ReleaseSet) -> Varied[Value]:
        left = self.value(expression.left, releases)
        right = self.value(expression.right, releases)
        if expression.sign in {"/", "%"}:
            zero = where(right, lambda value: value is not None and value.value == 0)
            self.division_by_zero |= zero & where(left, lambda _: True)
        return _combined(expression.sign, left, right)

    def _choice(self, expression: Choice, releases: ReleaseSet) -> Varied[Value]:
        condition = mapped(_truth, self.value(expression.condition, releases))
        yes = where(condition, lambda value: value == TRUE)
        no = where(condition, lambda value: value == FALSE)
        open_ = releases & ~yes & ~no
        parts: list[tuple[ReleaseSet, Value]] = [(open_, None)]
        if yes:
            parts += self.value(expression.yes, yes)
        if no:
            parts += self.value(expression.no, no)
        return merged(parts)


@lru_cache(maxsize=1024)
def _combined(sign: str, left: Varied[Value], right: Varied[Value]) -> Varied[Value]:
    """An operation on two values, where both have one. A module asks the same again and again."""
    return merged(
        (both, _binary(sign, a, b)) for some, a in left for both, b in restricted(right, some)
    )


def _truth(value: Value) -> Value:
    return None if value is None else TRUE if value.value else FALSE


def _wrapped(value: int, *, unsigned: bool) -> Number:
    value &= (1 << 64) - 1
    return Number(value if unsigned or value < 1 << 63 else value - (1 << 64), unsigned)


def _unary(sign: str, value: Value) -> Value:
    if value is None:
        return None
    if sign == "!":
        return FALSE if value.value else TRUE
    result = {"-": -value.value, "~": ~value.value, "+": value.value}[sign]
    return _wrapped(result, unsigned=value.unsigned)


_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul,
    "&": operator.and_, "|": operator.or_, "^": operator.xor,
}  # fmt: skip


def _binary(sign: str, left: Value, right: Value) -> Value:
    if left is None or right is None:
        return None
    if sign in {"<<", ">>"}:
        return _shifted(left, right.value if sign == "<<" else -right.value)
    unsigned = left.unsigned or right.unsigned
    a, b = left.value, right.value
    if unsigned:
        a, b = (_wrapped(n, unsigned=True).value for n in (a, b))
    if sign in _COMPARISONS:
        return TRUE if _COMPARISONS[sign](a, b) else FALSE
    if sign in _ARITHMETIC:
        return _wrapped(_ARITHMETIC[sign](a, b), unsigned=unsigned)
    if b == 0:
        return None
    # C rounds towards zero.
    quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    return _wrapped(quotient if sign == "/" else a - b * quotient, unsigned=unsigned)


def _shifted(number: Number, by: int) -> Number:
    if by >= 64:  # noqa: PLR2004
        return _wrapped(0, unsigned=number.unsigned)
    moved = number.value << by if by >= 0 else number.value >> min(-by, 64)
    return _wrapped(moved, unsigned=number.unsigned)
