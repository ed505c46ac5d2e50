"""Which branch of a guard each release takes, and which one it was meant to take. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from buildkit.cpp.conditions import is_false, is_true
from buildkit.cpp.expression import FALSE, TRUE, Evaluator, Expression, Name, Number, Value
from buildkit.cpp.macros import Absent
from buildkit.cpp.reading import BranchReading, ConditionalReading, Evaluation, Reading
from buildkit.cpp.sets import ReleaseSet, Varied, bits, merged, where
from buildkit.encoding import Encoding
from buildkit.guards.literals import Bound, Comparison, bounds, comparisons
from buildkit.releases import Release

Override = Callable[[Expression, ReleaseSet], "Varied[Value] | None"]
Readings = Mapping[int, Bound]
"""Which release each number stands for."""
NO_BRANCH = -1


@dataclass(frozen=True, kw_only=True, eq=False)
class Guard:
    """A conditional that asks for the Mesos release."""

    conditional: ConditionalReading
    reading: Reading
    encoding: Encoding

    @property
    def path(self) -> str:
        """The file it is in."""
        return self.conditional.path

    @cached_property
    def sure(self) -> ReleaseSet:
        """The releases that get to it and of which it is known which branch they take."""
        return self.conditional.reached & ~self.conditional.unknown

    def branch_of(self, position: int) -> int | None:
        """The branch that a release takes; NO_BRANCH for none, None if it is not known."""
        bit = 1 << position
        if not self.sure & bit:
            return None
        branches = enumerate(self.conditional.branches)
        return next((n for n, branch in branches if branch.certain & bit), NO_BRANCH)

    @cached_property
    def comparisons(self) -> tuple[tuple[BranchReading, Comparison], ...]:
        """Every comparison with a number in its conditions, once for each place."""
        found: dict[tuple[int, int, str], tuple[BranchReading, Comparison]] = {}
        for branch in self.conditional.branches:
            for evaluation in branch.evaluations:
                for comparison in comparisons(evaluation.expression):
                    key = (branch.line, comparison.literal.offset, comparison.literal.text)
                    found.setdefault(key, (branch, comparison))
        return tuple(found.values())

    def compared_in(self, branch: BranchReading) -> tuple[Comparison, ...]:
        """The comparisons in one branch's condition."""
        return tuple(comparison for of, comparison in self.comparisons if of is branch)

    def decides(self, branch: BranchReading) -> bool:
        """Whether the release has a say in whether a branch is taken."""
        names = {name for b in self.conditional.branches for name in b.names}
        if branch.word != "else":
            names = set(branch.names)
        return any(name.startswith(("MESOS_VERSION", "MESOS_BUILDKIT_VERSION")) for name in names)

    def taken(self, override: Override | None, among: ReleaseSet) -> dict[int, ReleaseSet]:
        """The branches that releases would take if parts of the conditions had other values.

        Releases of which it would not be known are in none of the sets.
        """
        found: dict[int, ReleaseSet] = {}
        rest = among
        for number, branch in enumerate(self.conditional.branches):
            yes, no = rest, 0
            if branch.word != "else":
                yes, no = truth(branch, override, rest)
            found[number] = yes
            rest &= no
        found[NO_BRANCH] = rest
        return found


def truth(
    branch: BranchReading, override: Override | None, among: ReleaseSet
) -> tuple[ReleaseSet, ReleaseSet]:
    """The releases for which a condition holds, and those for which it does not."""
    yes = no = 0
    rest = among
    for evaluation in branch.evaluations:
        some = evaluation.releases & rest
        if some:
            evaluator = Evaluator(evaluation.macros, override)
            value = evaluator.value(evaluation.expression, some)
            yes |= where(value, is_true)
            no |= where(value, is_false)
            rest &= ~some
    return yes, no


def meant(reading: Reading, encoding: Encoding, readings: Readings) -> Override:
    """Compares releases instead of their numbers."""

    def override(expression: Expression, among: ReleaseSet) -> Varied[Value] | None:
        # Only this node itself: its parts are asked about in their turn.
        own = next(comparisons(expression), None)
        if own is None or own.node is not expression:
            return None
        bound = readings.get(own.value)
        if bound is None:
            found = bounds(own.literal, encoding)
            if not found:
                return None
            bound = found[0]
        holds = 0
        for position in bits(among):
            if bound.holds(own.sign, reading.releases[position]):
                holds |= 1 << position
        return merged([(holds, TRUE), (among & ~holds, FALSE)])

    return override


@dataclass(frozen=True, kw_only=True)
class Intention:
    """The likeliest meaning of a guard: the one that most releases are served by."""

    readings: Readings
    taken: Mapping[int, ReleaseSet]
    """The branches, as they are meant."""
    strays: ReleaseSet
    """The releases that take another branch than is meant for them."""


def intention(guard: Guard, among: ReleaseSet) -> Intention:
    """What a guard is meant to do for some releases that surely take one branch or the other."""
    numbers = {c.value: bounds(c.literal, guard.encoding) for _, c in guard.comparisons}
    numbers = {value: found for value, found in numbers.items() if found}
    actual = guard.taken(None, among)
    best: Intention | None = None
    for choice in product(*numbers.values()):
        readings = dict(zip(numbers, choice, strict=True))
        taken = guard.taken(meant(guard.reading, guard.encoding, readings), among)
        served = 0
        for number, some in taken.items():
            served |= some & actual[number]
        found = Intention(readings=readings, taken=taken, strays=among & ~served)
        if best is None or found.strays.bit_count() < best.strays.bit_count():
            best = found
    if best is None:
        raise AssertionError("the product of no ranges has one member")
    return best


def undefined_names(branch: BranchReading, among: ReleaseSet) -> dict[str, ReleaseSet]:
    """The names whose value a condition really asks for where they are known to be undefined."""
    found: dict[str, ReleaseSet] = {}
    for evaluation in branch.evaluations:
        some = evaluation.releases & among
        if some:
            for name, asking in _asked_for(evaluation, some):
                states = evaluation.macros.state(name, asking)
                undefined = where(states, lambda state: state is Absent.UNDEFINED)
                found[name] = found.get(name, 0) | undefined
    return found


def _asked_for(evaluation: Evaluation, among: ReleaseSet) -> list[tuple[str, ReleaseSet]]:
    found: list[tuple[str, ReleaseSet]] = []

    def note(expression: Expression, some: ReleaseSet) -> None:
        if isinstance(expression, Name):
            found.append((expression.token.text, some))

    Evaluator(evaluation.macros, note).value(evaluation.expression, among)
    return found


def mesos_numbers(reading: Reading) -> Override:
    """Gives Mesos's own integer macros the values they have where Mesos defines them."""

    def override(expression: Expression, among: ReleaseSet) -> Varied[Value] | None:
        if not isinstance(expression, Name) or expression.token.text not in MESOS_NUMBERS:
            return None
        part = MESOS_NUMBERS[expression.token.text]
        return merged(
            (1 << position, Number(part(reading.releases[position]))) for position in bits(among)
        )

    return override


MESOS_NUMBERS: Mapping[str, Callable[[Release], int]] = {
    "MESOS_MAJOR_VERSION_NUM": lambda release: release.major,
    "MESOS_MINOR_VERSION_NUM": lambda release: release.minor,
    "MESOS_PATCH_VERSION_NUM": lambda release: release.patch,
}
"""Mesos's own integer macros (``mesos/version.hpp``), and what of a release each gives."""


def concerned(reading: Reading, releases: Sequence[Release]) -> ReleaseSet:
    """The set of some releases."""
    chosen = {*releases}
    return sum(1 << at for at, release in enumerate(reading.releases) if release in chosen)
