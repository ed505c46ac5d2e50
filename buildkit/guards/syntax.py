"""Findings about directives that no compiler takes."""

from collections.abc import Iterator
from dataclasses import replace

from buildkit.cpp.problems import Problem, ProblemKind
from buildkit.encoding import Encoding
from buildkit.findings import Finding, Place
from buildkit.guards.context import Context
from buildkit.guards.rules import BROKEN, INVALID_LITERAL, REACHED_ERROR
from buildkit.guards.wording import at_least
from buildkit.releases import FINAL_RELEASES

_ADVICE = {
    ProblemKind.UNTERMINATED: "add the #endif",
    ProblemKind.STRAY: "remove it, or add the #if that it belongs to",
    ProblemKind.INCLUDES: "add an include guard, or #pragma once",
}


def syntax_findings(context: Context) -> Iterator[Finding]:
    """What the reading has stumbled over, for the selected releases."""
    for problem in context.reading.problems:
        releases = tuple(r for r in problem.releases if r in context.selected)
        if releases:
            yield replace(_finding(problem), releases=releases)


def _finding(problem: Problem) -> Finding:
    rule, message, advice = BROKEN, problem.text, _ADVICE.get(problem.kind, "")
    match problem.kind:
        case ProblemKind.LITERAL:
            rule, advice = INVALID_LITERAL, _meant(problem.text.split()[0])
        case ProblemKind.ERROR:
            rule = REACHED_ERROR
            message = f"stops with #error {problem.text}".rstrip()
            advice = "give the release a branch of its own, or take it out of the matrix"
        case _:
            pass
    place = Place(path=problem.path, line=problem.line, column=problem.column)
    return Finding(rule=rule, place=place, releases=(), message=message, advice=advice)


def _meant(literal: str) -> str:
    """What to write instead of an octal number with an 8 or a 9 in it."""
    digits = literal.lstrip("0")
    found = next((r for r in FINAL_RELEASES if Encoding.DECIMAL.literal(r) == digits), None)
    if found is None:
        return "write MESOS_VERSION_AT_LEAST(major, minor, patch)"
    octal = Encoding.OCTAL.literal(found)
    return f"for {found} write {at_least(found)}; in encoding octal it is {octal}"
