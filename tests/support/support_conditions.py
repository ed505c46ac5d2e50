"""Conditions on the release, evaluated apart from the code that is tested."""

import operator
import re

from buildkit.encoding import Encoding, literal_value
from buildkit.releases import Release

OPERATORS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_TERM = re.compile(
    r"(?P<no>!?)\s*(?:MESOS_VERSION_INT\s*(?P<operator>[<>=!]=?)\s*(?P<literal>\w+)"
    r"|MESOS_VERSION_AT_LEAST\((?P<numbers>[\d, ]+)\))"
)


def predict(condition: str, release: Release, encoding: Encoding) -> bool:
    """The value of an ``#if`` made of comparisons joined by ``&&`` and ``||``."""
    return any(
        all(_predict_term(term.strip(), release, encoding) for term in part.split("&&"))
        for part in condition.split("||")
    )


def _predict_term(term: str, release: Release, encoding: Encoding) -> bool:
    found = _TERM.fullmatch(term)
    assert found, f"this test cannot read the condition {term!r}"
    if found["numbers"]:
        value = release >= Release(*map(int, found["numbers"].split(",")))
    else:
        compare = OPERATORS[found["operator"]]
        value = compare(encoding.value_of(release), literal_value(found["literal"]))
    return value != bool(found["no"])
