"""Rewrites comparisons of MESOS_VERSION_INT to MESOS_VERSION_AT_LEAST, where that is proved right.

A rewritten condition is kept if, with all of them in place and everything read again, each selected
release compiles what it did before; or if a release compiles another branch, the former is known
not to fit it and nothing is known against the new one. Pure: what is read again is text.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from buildkit.cpp.reading import BranchReading, ConditionalReading, Reading
from buildkit.cpp.sets import ReleaseSet, bits
from buildkit.findings import Finding, Place
from buildkit.guards.check import Report
from buildkit.guards.meaning import NO_BRANCH, Guard, concerned, intention
from buildkit.guards.wording import rewritten, runs, written_span
from buildkit.releases import FINAL_RELEASES, Release

Texts = Mapping[str, str]
"""Path relative to the module's source folder -> text."""

Misfits = Callable[[Reading], Iterable[Finding]]
"""What of the code that releases compile does not fit them: findings at the lines concerned, such
as predictions make them."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A condition that is left as it is."""

    place: Place
    condition: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """What came of it."""

    texts: Texts
    """The files that are different now."""
    places: tuple[Place, ...]
    """The directives that were rewritten."""
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Edit:
    guard: Guard
    branch: BranchReading
    spans: tuple[tuple[int, int, str], ...]
    """Start and end offset in the file, and what comes there."""

    @property
    def place(self) -> Place:
        return Place(path=self.guard.path, line=self.branch.line)


def fix(
    report: Report, reread: Callable[[Texts], Reading], misfits: Misfits = lambda _: ()
) -> Fixed:
    """Rewrite what can be proved.

    ``reread`` reads the module as the report's reading was, but with the texts it is given.
    """
    known = _Misfits(misfits(report.reading))
    edits: list[_Edit] = []
    refusals: list[Refusal] = []
    for guard in report.guards:
        for branch in guard.conditional.branches:
            if guard.compared_in(branch):
                edit = _edit(report, guard, branch)
                if isinstance(edit, Refusal):
                    refusals.append(edit)
                else:
                    edits.append(edit)
    while edits:
        texts = _apply(report.reading, edits)
        after = reread(texts)
        wrong = _differences(report, after, _Judge(before=known, after=_Misfits(misfits(after))))
        if not wrong:
            break
        kept = [edit for edit in edits if _key(edit.guard.conditional) not in wrong]
        if len(kept) == len(edits):
            # Nothing that differs was touched: it follows from something else, so nothing is safe.
            wrong = dict.fromkeys((_key(e.guard.conditional) for e in edits), "the proof fails")
            kept = []
        for edit in edits:
            if edit not in kept:
                reason = wrong[_key(edit.guard.conditional)]
                refusals.append(_refusal(edit.guard, edit.branch, reason))
        edits = kept
    return Fixed(
        texts=_apply(report.reading, edits),
        places=tuple(edit.place for edit in edits),
        refusals=tuple(sorted(refusals, key=lambda r: (r.place.path, r.place.line))),
    )


def _edit(report: Report, guard: Guard, branch: BranchReading) -> _Edit | Refusal:
    # What a number means does not depend on which releases are selected.
    final = concerned(report.reading, FINAL_RELEASES)
    readings = intention(guard, guard.sure & final).readings
    spans = []
    for comparison in guard.compared_in(branch):
        span = written_span(branch.tokens, comparison)
        if span is None:
            return _refusal(guard, branch, "the comparison is in a macro, or has brackets in it")
        bound = readings.get(comparison.value)
        if bound is None:
            return _refusal(guard, branch, f"{comparison.literal.text} stands for no release")
        spans.append((*span, rewritten(comparison, bound)))
    return _Edit(guard=guard, branch=branch, spans=tuple(spans))


def _refusal(guard: Guard, branch: BranchReading, reason: str) -> Refusal:
    place = Place(path=guard.path, line=branch.line)
    return Refusal(place=place, condition=branch.condition, reason=reason)


def _apply(reading: Reading, edits: Sequence[_Edit]) -> Texts:
    spans: dict[str, list[tuple[int, int, str]]] = {}
    for edit in edits:
        spans.setdefault(edit.guard.path, []).extend(edit.spans)
    texts = {}
    for path, found in spans.items():
        text = reading.files[path].source.text
        # From the end, so that what is still to be replaced stays where it is.
        for start, end, new in sorted(found, reverse=True):
            text = text[:start] + new + text[end:]
        texts[path] = text
    return texts


# --- the proof


class _Misfits:
    """Lines that do not fit, by file and release."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self._lines: dict[tuple[str, Release], set[int]] = {}
        for finding in findings:
            for release in finding.releases:
                self._lines.setdefault((finding.place.path, release), set()).add(finding.place.line)

    def inside(self, path: str, release: Release, lines: range) -> bool:
        return any(line in lines for line in self._lines.get((path, release), ()))


@dataclass(frozen=True, kw_only=True)
class _Judge:
    before: _Misfits
    after: _Misfits

    def prefers(
        self, conditional: ConditionalReading, old: int, new: int, release: Release
    ) -> bool:
        """Whether the branch that is taken now is right and the one before was wrong."""
        if NO_BRANCH in {old, new}:
            return False  # of nothing it is not known whether it fits
        old_lines, new_lines = conditional.lines_of(old), conditional.lines_of(new)
        path = conditional.path
        wrong = self.before.inside(path, release, old_lines)
        return wrong and not self.after.inside(path, release, new_lines)


_Key = tuple[str, int]


def _key(conditional: ConditionalReading) -> _Key:
    return conditional.path, conditional.line


def _differences(report: Report, after: Reading, judge: _Judge) -> dict[_Key, str]:
    """The conditionals of which a selected release takes another branch, and who does."""
    found: dict[_Key, str] = {}
    chosen = concerned(report.reading, report.selected)
    if {*after.files} != {*report.reading.files} or _problems(after) - _problems(report.reading):
        return {_key(guard.conditional): "the proof fails" for guard in report.guards}
    for before, now in _pairs(report.reading, after):
        other = _moved(before, now) & chosen & ~_inherited(before, found, report)
        bad = [at for at in bits(other) if not _improves(report, before, now, at, judge)]
        if bad:
            names = runs((report.reading.releases[at] for at in bad), report.selected)
            found[_key(before)] = (
                f"{names} would take another branch, and it is not known which one is right"
            )
    return found


def _problems(reading: Reading) -> set[tuple[object, ...]]:
    return {(p.kind, p.path, p.line, p.text, p.releases) for p in reading.problems}


def _pairs(before: Reading, after: Reading) -> Iterator[tuple[ConditionalReading, ...]]:
    for path, file in before.files.items():
        yield from zip(file.conditionals, after.files[path].conditionals, strict=True)


def _moved(before: ConditionalReading, now: ConditionalReading) -> ReleaseSet:
    """The releases that do not surely take the same branches."""
    found = (before.reached ^ now.reached) | (before.none ^ now.none)
    for old, new in zip(before.branches, now.branches, strict=True):
        found |= (old.certain ^ new.certain) | (old.possible ^ new.possible)
    return found


def _inherited(
    conditional: ConditionalReading, found: Mapping[_Key, str], report: Report
) -> ReleaseSet:
    """Everybody, if a conditional around this one differs already: the reason is there."""
    parent = conditional.parent
    while parent is not None:
        if _key(parent[0]) in found:
            return report.reading.everyone
        parent = parent[0].parent
    return 0


def _improves(
    report: Report,
    before: ConditionalReading,
    now: ConditionalReading,
    position: int,
    judge: _Judge,
) -> bool:
    release = report.reading.releases[position]
    if (
        before.reached & ~now.reached & 1 << position
        or now.reached & ~before.reached & 1 << position
    ):
        # It follows from a conditional around this one, which is asked about itself.
        return before.parent is not None
    old, new = _branch(before, position), _branch(now, position)
    if old is None or new is None:
        return False
    return judge.prefers(before, old, new, release)


def _branch(conditional: ConditionalReading, position: int) -> int | None:
    bit = 1 << position
    taken = [n for n, branch in enumerate(conditional.branches) if branch.certain & bit]
    if len(taken) > 1 or conditional.unknown & bit:
        return None
    return taken[0] if taken else NO_BRANCH
