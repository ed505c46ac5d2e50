"""What will come of a module on each release, before anything is compiled.

What the module's code uses (:mod:`buildkit.uses`) is held against what each release offers (the
interface table), for the lines that the release compiles. Pure: no compiler, no network.

A prediction errs on the side of silence. What is not in the table, what cannot be read and what is
of a type that cannot be found is taken to be right.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from buildkit.cpp.module import read_module
from buildkit.cpp.reading import Reading, Variant
from buildkit.files.tree import Tree, tree_digest
from buildkit.findings import Finding, Level, Rule, in_order
from buildkit.interfaces import InterfaceTable
from buildkit.matrix import Matrix, Module
from buildkit.patches import Patch, apply_patches
from buildkit.plan import platforms_of
from buildkit.prediction.verdicts import Prediction, Predictions, Verdict
from buildkit.releases import Release
from buildkit.uses.boundaries import Boundary, History
from buildkit.uses.catalogue import catalogue_of
from buildkit.uses.demands import Contradiction
from buildkit.uses.fingerprints import fingerprints_of
from buildkit.uses.judging import Consequence, Issue, Judge
from buildkit.uses.lateness import Late, Lateness, Twin
from buildkit.uses.module import NO_PROTOS, Uses, read_uses
from buildkit.uses.neglect import Heedless, Neglect, Neglects

UNGUARDED = Rule(
    name="unguarded-change",
    level=Level.ERROR,
    summary="The code uses what a release does not have: it does not compile there.",
)
SILENT = Rule(
    name="silent-override",
    level=Level.ERROR,
    summary="A method overrides nothing in a release: it compiles there and is never called.",
)
CONTRADICTION = Rule(
    name="contradictory-guards",
    level=Level.ERROR,
    summary="Two guards that belong together have different bounds, so the code does not compile.",
)
LATE = Rule(
    name="misplaced-guard",
    level=Level.WARNING,
    summary="Nothing that the guard is about changes at its bound; releases beside it do without.",
)
TWIN = Rule(
    name="superseded-field",
    level=Level.NOTE,
    summary="The code uses a field in releases that have its successor already.",
)
NEGLECTED = {
    Heedless.PARAMETER: Rule(
        name="unread-parameter",
        level=Level.WARNING,
        summary="A method names a parameter that only some releases pass, and never reads it.",
    ),
    Heedless.TAG: Rule(
        name="unread-tag",
        level=Level.WARNING,
        summary="A field is read that has become one of several, without asking which it is.",
    ),
    Heedless.OPTIONAL: Rule(
        name="no-longer-required",
        level=Level.WARNING,
        summary="A field is read that a release may leave out, and another always has instead.",
    ),
    Heedless.CAPABILITY: Rule(
        name="lost-request",
        level=Level.WARNING,
        summary="What the module asks older releases for has moved, and it asks no more.",
    ),
}
RULES = (UNGUARDED, SILENT, CONTRADICTION, LATE, TWIN, *NEGLECTED.values())


def predict(
    matrix: Matrix,
    module: Module,
    tree: Tree,
    releases: Sequence[Release],
    table: InterfaceTable,
) -> Predictions:
    """Predict a module from its source folder before patches.

    Raises :class:`TargetError` for a patch that does not apply.
    """
    known = [release for release in releases if release in table]
    groups: dict[str, tuple[Tree, list[Release]]] = {}
    for release in known:
        patched = apply_patches(tree, _patches(matrix, module, release), release, "module")
        groups.setdefault(tree_digest(patched), (patched, []))[1].append(release)
    parts = [
        predict_reading(
            read_module(matrix, module, patched, some, table), module, patched, some, table
        )
        for patched, some in groups.values()
    ]
    strange = Prediction(
        verdict=Verdict.UNKNOWN, reasons=("the interface table does not have this release",)
    )
    return Predictions(
        findings=_joined(finding for part in parts for finding in part.findings),
        by_release={
            **{release: strange for release in releases if release not in table},
            **{r: p for part in parts for r, p in part.by_release.items()},
        },
        fingerprints={r: p for part in parts for r, p in part.fingerprints.items()},
    )


def _patches(matrix: Matrix, module: Module, release: Release) -> tuple[Patch, ...]:
    """Those of the first platform, as the sources are read for that."""
    return tuple(
        matrix.patches[name]
        for platform in platforms_of(matrix, module, release)[:1]
        for override in matrix.overrides(release, module.name, platform.name)
        for name in override.patches
    )


def predict_reading(
    reading: Reading, module: Module, tree: Tree, releases: Sequence[Release], table: InterfaceTable
) -> Predictions:
    """Predict a module from its sources as they were read; the table has all the releases.

    ``tree`` is the source folder that was read.
    """
    return predict_files(
        {path: file.variants for path, file in reading.files.items()},
        releases,
        table,
        protos={
            path: file.data.decode(errors="replace")
            for path, file in tree.items()
            if path.endswith(".proto")
        },
        # What a command builds may have further parts.
        complete=module.build is None,
    )


def predict_files(
    files: Mapping[str, Sequence[Variant]],
    releases: Sequence[Release],
    table: InterfaceTable,
    *,
    protos: Mapping[str, str] = NO_PROTOS,
    complete: bool = True,
) -> Predictions:
    """Predict a module from the variants of its files; the table has all the releases.

    ``protos`` are its own .proto files; ``complete`` says whether the library is made of these
    files alone.
    """
    catalogue = catalogue_of(table)
    judge = Judge(catalogue)
    uses = read_uses(files, catalogue, releases, protos=protos, complete=complete)
    issues = _issues(judge, uses)
    history = History(catalogue, judge, uses)
    lateness = Lateness(catalogue, judge, uses)
    findings = [
        *(f for i, some in _merged(issues).items() for f in _findings(history, i, some)),
        *_late(lateness.late()),
        *(_twin(twin) for twin in lateness.twins()),
        *(_neglected(one, some) for one, some in Neglects(catalogue, uses).find().items()),
    ]
    return Predictions(
        findings=in_order(findings),
        by_release={release: _prediction(issues[release]) for release in releases},
        fingerprints=fingerprints_of(catalogue, uses),
    )


def _issues(judge: Judge, uses: Sequence[Uses]) -> dict[Release, list[Issue]]:
    return {
        release: [issue for demand in one.demands for issue in judge.issues(demand, release)]
        for one in uses
        for release in one.releases
    }


_Key = tuple[object, ...]


def _merged(
    issues: Mapping[Release, Sequence[Issue]],
) -> dict[Issue, list[Release]]:
    """Issues that say the same of several releases, once."""
    first: dict[_Key, Issue] = {}
    found: dict[Issue, list[Release]] = {}
    for release in sorted(issues):
        for issue in issues[release]:
            key = (
                issue.place.path,
                issue.place.line,
                issue.consequence,
                issue.problem,
                issue.truth,
            )
            some = found.setdefault(first.setdefault(key, issue), [])
            if release not in some:
                some.append(release)
    return found


def _prediction(issues: Sequence[Issue]) -> Prediction:
    breaking = [i for i in issues if i.consequence is Consequence.BREAKS]
    if not issues:
        return Prediction(verdict=Verdict.FINE)
    return Prediction(
        verdict=Verdict.BREAKS if breaking else Verdict.DIES,
        reasons=tuple(
            dict.fromkeys(f"{i.place.path}:{i.place.line}: {i.problem}" for i in breaking or issues)
        ),
    )


def _findings(history: History, issue: Issue, releases: Sequence[Release]) -> Iterator[Finding]:
    """One for each boundary, because each wants a guard of its own."""
    if isinstance(issue.demand, Contradiction):
        yield Finding(
            rule=CONTRADICTION,
            place=issue.place,
            releases=tuple(releases),
            message=issue.problem,
            advice="give both the same guard",
        )
        return
    placed = [(history.boundary(issue, release), release) for release in releases]
    for boundary, group in groupby(placed, key=lambda pair: pair[0]):
        yield Finding(
            rule=SILENT if issue.consequence is Consequence.DIES else UNGUARDED,
            place=issue.place,
            releases=tuple(release for _, release in group),
            message=_message(issue, boundary),
            advice=_advice(issue, boundary),
        )


def _message(issue: Issue, boundary: Boundary | None) -> str:
    parts = [issue.problem]
    if issue.truth:
        parts.append(f"the release has: {issue.truth}")
    elif issue.method is not None:
        parts.append("the release has no method of that name to override")
    if boundary is not None:
        parts += boundary.changes
    return "; ".join(parts)


def _advice(issue: Issue, boundary: Boundary | None) -> str:
    if boundary is None:
        return "no release has it: correct the name"
    guard = guard_at(boundary.release)
    if boundary.begins:
        return f"put it inside {guard}"
    other = f", with {issue.truth} in that branch" if issue.truth and issue.method else ""
    return f"write {guard}{other}, and leave this to its #else"


def guard_at(release: Release) -> str:
    """The condition that is true from a release on, right in every encoding."""
    return f"#if MESOS_VERSION_AT_LEAST({release.major}, {release.minor}, {release.patch})"


def _late(found: Iterable[Late]) -> Iterator[Finding]:
    for late in found:
        uses = f"{late.demand.message} has {late.demand.accessor}()"
        if late.ends:
            message = (
                f"the guard ends the use before {late.bound}, where nothing that it is about "
                f"changes; {uses} up to {late.should}"
            )
        else:
            message = (
                f"the guard begins at {late.bound}, where nothing that it is about changes; all "
                f"that it uses is there from {late.should} on: {uses}"
            )
        yield Finding(
            rule=LATE,
            place=late.demand.place,
            releases=late.releases,
            message=message,
            advice=f"write {guard_at(late.should)}",
        )


def _twin(twin: Twin) -> Finding:
    return Finding(
        rule=TWIN,
        place=twin.demand.place,
        releases=twin.releases,
        message=f"{twin.demand.message} has both {twin.old} and {twin.new}, which outlives it",
        advice=f"use {twin.new} in these releases as well",
    )


def _neglected(neglect: Neglect, releases: tuple[Release, ...]) -> Finding:
    return Finding(
        rule=NEGLECTED[neglect.what],
        place=neglect.place,
        releases=releases,
        message=neglect.problem,
        advice=neglect.advice,
    )


def _joined(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings that differ in their releases alone, as one."""
    found: dict[_Key, Finding] = {}
    for f in findings:
        key = (f.rule.name, f.place, f.message, f.advice)
        before = found[key].releases if key in found else ()
        found[key] = Finding(
            rule=f.rule,
            place=f.place,
            releases=tuple(sorted({*before, *f.releases})),
            message=f.message,
            advice=f.advice,
        )
    return in_order(found.values())
