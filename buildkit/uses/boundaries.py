"""Where an issue comes from: the release whose change makes it, and what changes there. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from buildkit.drift import Change, changes, kinds_of, sentence
from buildkit.interfaces import FIRST
from buildkit.releases import FINAL_RELEASES, Release
from buildkit.uses.catalogue import Catalogue
from buildkit.uses.demands import Derivation, Named
from buildkit.uses.judging import Issue, Judge
from buildkit.uses.module import Uses


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """The change behind an issue."""

    release: Release
    """The first release after it."""
    begins: bool
    """Whether what is asked for begins there, so that the releases before it lack it."""
    changes: tuple[str, ...]
    """What happened there, one sentence each; empty if the table does not say."""


class History:
    """Looks an issue up over all final releases."""

    def __init__(self, catalogue: Catalogue, judge: Judge, uses: Sequence[Uses]) -> None:
        self._catalogue = catalogue
        self._judge = judge
        derived = {
            self._catalogue.family(self._catalogue.interface(d.interface) or "")[-1]
            for one in uses
            for d in one.demands
            if isinstance(d, Derivation)
        }
        known = kinds_of(catalogue.table)
        self._kinds = tuple(kind for kind in known if kind in derived) or ("Isolator",)
        self._known: dict[Release, tuple[Change, ...]] = {}
        self._good: dict[tuple[object, ...], tuple[Release, ...]] = {}

    def boundary(self, issue: Issue, release: Release) -> Boundary | None:
        """The change that an issue of a release comes from; None if no release is without it."""
        good = self._without(issue)
        before = [other for other in good if other < release]
        if before:
            at = FINAL_RELEASES.index(before[-1]) + 1
            return self._made(issue, FINAL_RELEASES[at], begins=False)
        after = [other for other in good if other > release]
        return self._made(issue, after[0], begins=True) if after else None

    def _without(self, issue: Issue) -> tuple[Release, ...]:
        """The releases that do not have the issue."""
        key = (issue.place, issue.subject, issue.item, issue.demand)
        if key not in self._good:
            self._good[key] = tuple(r for r in FINAL_RELEASES if self._is_good(issue, r))
        return self._good[key]

    def _is_good(self, issue: Issue, release: Release) -> bool:
        demand = issue.demand
        if isinstance(demand, Derivation) and issue.method is not None:
            return self._judge.overrides_in(demand, issue.method, release)
        subject = issue.subject
        if subject in self._catalogue.entities and not self._judge.exists(subject, release):
            return False
        return all(
            (other.subject, other.item) != (issue.subject, issue.item)
            for other in self._judge.issues(demand, release)
        )

    def _made(self, issue: Issue, release: Release, *, begins: bool) -> Boundary:
        return Boundary(release=release, begins=begins, changes=self._changes(issue, release))

    def _changes(self, issue: Issue, release: Release) -> tuple[str, ...]:
        if release == FIRST:
            return ()
        entities = self._catalogue.entities.get(issue.subject, ())
        subjects = {entity.key for entity in entities} or {issue.subject}
        if isinstance(issue.demand, Named | Derivation):
            # What an author derives from is called Isolator throughout there.
            subjects |= {s.removesuffix("Process") for s in subjects}
        return tuple(
            sentence(change)
            for change in self._at(release)
            if any(change.concerns(subject, issue.item or None) for subject in subjects)
            and (issue.item or not change.item)
        )

    def _at(self, release: Release) -> tuple[Change, ...]:
        """All changes from the final release before one."""
        if release not in self._known:
            older = FINAL_RELEASES[FINAL_RELEASES.index(release) - 1]
            table = self._catalogue.table
            self._known[release] = changes(table, older, release, self._kinds, all_messages=True)
        return self._known[release]
