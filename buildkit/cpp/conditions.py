"""What the conditions of a source are worth, for all releases that get to them. Remembers."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from buildkit.cpp.expression import (
    Binary,
    Choice,
    ConditionError,
    Defined,
    Evaluator,
    Expression,
    Name,
    Opaque,
    Unary,
    Value,
    parse,
)
from buildkit.cpp.lexer import Token, TokenKind
from buildkit.cpp.macros import Absent, Expander, FixedTable, MacroTable, names_asked, worlds
from buildkit.cpp.problems import ProblemKind
from buildkit.cpp.reading import Evaluation
from buildkit.cpp.sets import ReleaseSet, where
from buildkit.cpp.structure import Branch


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What is wrong with a condition, for some releases."""

    kind: ProblemKind
    text: str
    token: Token | None
    releases: ReleaseSet


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """Who takes a branch, as far as its own condition decides."""

    yes: ReleaseSet
    no: ReleaseSet
    """The rest of those asked for may take it or not."""
    evaluations: tuple[Evaluation, ...]
    troubles: tuple[Trouble, ...]


class Conditions:
    """Evaluates branches. The same one with the same macros is evaluated once."""

    def __init__(self) -> None:
        self._expander = Expander()
        # The states are in the value to live as long as the key that has their identities.
        self._known: dict[tuple[object, ...], tuple[Result, list[object]]] = {}

    def evaluate(self, branch: Branch, table: MacroTable, releases: ReleaseSet) -> Result:
        """The condition of a branch that is no ``#else``, for ``releases``."""
        names = sorted(names_asked(table, branch.names))
        states: list[object] = [table.entries(name) for name in names]
        key = (branch, releases, tuple(names), tuple(map(id, states)))
        if key not in self._known:
            self._known[key] = (self._evaluate(branch, table, releases), states)
        return self._known[key][0]

    def expand(
        self, tokens: tuple[Token, ...], table: MacroTable, releases: ReleaseSet
    ) -> Iterator[tuple[ReleaseSet, tuple[Token, ...]]]:
        """What tokens expand to, without the releases for which they can't be expanded."""
        for some, macros in worlds(table, tokens, releases):
            with suppress(ConditionError):
                yield some, self._expander.expand(macros, tokens)

    def _evaluate(self, branch: Branch, table: MacroTable, releases: ReleaseSet) -> Result:
        evaluations: list[Evaluation] = []
        troubles: list[Trouble] = []
        yes = no = 0
        names = names_asked(table, branch.names)
        try:
            meant = _meant(branch)
        except ConditionError as error:
            return _failed(error, releases)
        for some, definitions in worlds(table, meant, releases):
            try:
                # What can't be expanded in one world may be right in all others.
                expression = parse(self._expander.expand(definitions, meant))
                macros = table.fixed(names | names_of(expression), some)
                troubles += _calls_of_nothing(expression, macros, some)
                evaluator = Evaluator(macros)
                value = evaluator.value(expression, some)
            except ConditionError as error:
                troubles += _failed(error, some).troubles
                continue
            except RecursionError:
                # Brackets in hundreds: a compiler may manage, so nothing is said against it.
                continue
            if evaluator.division_by_zero:
                text = "division by zero"
                troubles.append(
                    Trouble(
                        kind=ProblemKind.DIVISION,
                        text=text,
                        token=None,
                        releases=evaluator.division_by_zero,
                    )
                )
            evaluations.append(Evaluation(releases=some, expression=expression, macros=macros))
            yes |= where(value, is_true)
            no |= where(value, is_false)
        return Result(yes=yes, no=no, evaluations=tuple(evaluations), troubles=tuple(troubles))


def is_true(value: Value) -> bool:
    """Whether a condition with this value holds, for sure."""
    return value is not None and value.value != 0


def is_false(value: Value) -> bool:
    """Whether a condition with this value does not hold, for sure."""
    return value is not None and value.value == 0


def _meant(branch: Branch) -> tuple[Token, ...]:
    """The condition as ``#if`` would have it."""
    if branch.word in {"if", "elif"}:
        return branch.tokens
    name = branch.tokens[0] if branch.tokens else None
    if name is None or name.kind is not TokenKind.NAME:
        raise ConditionError(f"#{branch.word} without the name of a macro", name)
    defined = Token(TokenKind.NAME, "defined", name.offset)
    if branch.word.endswith("ndef"):
        return (Token(TokenKind.SIGN, "!", name.offset), defined, name)
    return (defined, name)


def _failed(error: ConditionError, releases: ReleaseSet) -> Result:
    trouble = Trouble(
        kind=ProblemKind.LITERAL if error.literal else ProblemKind.EXPRESSION,
        text=str(error),
        token=error.token,
        releases=releases,
    )
    return Result(yes=0, no=0, evaluations=(), troubles=(trouble,))


def parts_of(expression: Expression) -> Iterator[Expression]:
    """An expression and everything in it."""
    yield expression
    match expression:
        case Unary():
            yield from parts_of(expression.operand)
        case Binary():
            yield from parts_of(expression.left)
            yield from parts_of(expression.right)
        case Choice():
            for part in (expression.condition, expression.yes, expression.no):
                yield from parts_of(part)
        case _:
            pass


def names_of(expression: Expression) -> frozenset[str]:
    """The names that an expression asks about."""
    return frozenset(
        part.token.text
        for part in parts_of(expression)
        if isinstance(part, Name | Defined | Opaque) and part.token.kind is TokenKind.NAME
    )


def _calls_of_nothing(
    expression: Expression, macros: FixedTable, releases: ReleaseSet
) -> Iterator[Trouble]:
    """Names that are called and are no macro there is to call: no expression at all."""
    for part in parts_of(expression):
        if isinstance(part, Opaque) and part.token.kind is TokenKind.NAME:
            name = part.token.text
            states = macros.state(name, releases)
            undefined = where(states, lambda state: state is Absent.UNDEFINED)
            # What is left of a call after expanding can't be expanded: it is in its own expansion.
            stuck = where(states, lambda state: not isinstance(state, Absent))
            for some, text in (
                (undefined, "is not defined"),
                (stuck, "is not to be expanded here"),
            ):
                if some:
                    yield Trouble(
                        kind=ProblemKind.EXPRESSION,
                        text=f"{name} {text}, so it can't be called",
                        token=part.token,
                        releases=some,
                    )
