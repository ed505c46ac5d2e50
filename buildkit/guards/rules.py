"""The kinds of findings about guards. Names are stable."""

from buildkit.findings import Level, Rule

BROKEN = Rule(
    name="broken-directive",
    level=Level.ERROR,
    summary="A directive that no compiler takes: the sources can't be preprocessed.",
)
INVALID_LITERAL = Rule(
    name="invalid-literal",
    level=Level.ERROR,
    summary="A number in a condition that is none, such as 0280, which is not octal.",
)
REACHED_ERROR = Rule(
    name="reached-error",
    level=Level.ERROR,
    summary="A release of the matrix gets to an #error.",
)
FOREIGN_LITERAL = Rule(
    name="foreign-literal",
    level=Level.ERROR,
    summary="A number is written in another encoding of MESOS_VERSION_INT than the module's.",
)
STRANGE_LITERAL = Rule(
    name="strange-literal",
    level=Level.WARNING,
    summary="A number that is not written as the module's encoding writes releases.",
)
OCTAL_ARGUMENT = Rule(
    name="octal-argument",
    level=Level.ERROR,
    summary="A part of a release's number is octal because of a leading zero.",
)
OUT_OF_ORDER = Rule(
    name="out-of-order",
    level=Level.ERROR,
    summary="A release takes a branch by accident, because the encoding does not increase.",
)
ELSE_BY_ACCIDENT = Rule(
    name="else-by-accident",
    level=Level.ERROR,
    summary="A release takes no branch but the last by accident: the encoding does not increase.",
)
DEAD_BRANCH = Rule(
    name="dead-branch",
    level=Level.WARNING,
    summary="No Mesos release takes a branch.",
)
UNUSED_BRANCH = Rule(
    name="unused-branch",
    level=Level.NOTE,
    summary="No release of the matrix takes a branch.",
)
UNDEFINED_VERSION = Rule(
    name="undefined-version",
    level=Level.ERROR,
    summary="A condition asks for the release where it is not defined, so it is 0.",
)
UNKNOWN_VERSION_MACRO = Rule(
    name="unknown-version-macro",
    level=Level.ERROR,
    summary="A condition asks for a macro whose name is nearly that of a version macro.",
)
MISSING_MESOS_MACRO = Rule(
    name="missing-mesos-macro",
    level=Level.WARNING,
    summary="Mesos's own version macros are not defined in every release, so they are 0.",
)
WRONG_MESOS_MACRO = Rule(
    name="wrong-mesos-macro",
    level=Level.ERROR,
    summary="A release takes another branch, because Mesos's own version macros are 0 in it.",
)
NOTHING_CHANGED = Rule(
    name="nothing-changed",
    level=Level.NOTE,
    summary="A guard is at a release in which nothing has changed for the module's kind.",
)
ONE_PATCH = Rule(
    name="one-patch",
    level=Level.NOTE,
    summary="A guard names one patch release, but its neighbours have the same interface.",
)

RULES = (
    BROKEN,
    INVALID_LITERAL,
    REACHED_ERROR,
    FOREIGN_LITERAL,
    STRANGE_LITERAL,
    OCTAL_ARGUMENT,
    OUT_OF_ORDER,
    ELSE_BY_ACCIDENT,
    DEAD_BRANCH,
    UNUSED_BRANCH,
    UNDEFINED_VERSION,
    UNKNOWN_VERSION_MACRO,
    WRONG_MESOS_MACRO,
    MISSING_MESOS_MACRO,
    NOTHING_CHANGED,
    ONE_PATCH,
)
"""All of them, in the order of their weight."""
