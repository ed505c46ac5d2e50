"""Guards that are later, or end earlier, than what they guard: nothing breaks, something is lost.

A guard on a field is where it is because a field comes or goes there. If neither its old nor its
new text uses anything that changes at its bound, the bound is wrong, and the releases between the
change and the bound do without. Pure.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from buildkit.releases import FINAL_RELEASES, Release
from buildkit.uses.catalogue import Catalogue
from buildkit.uses.demands import Access, Demand, Derivation, Named, asked
from buildkit.uses.judging import Judge
from buildkit.uses.module import Uses

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, kw_only=True)
class Late:
    """One guard whose bound is not where anything changes."""

    demand: Access
    """The first thing that the releases concerned could use as well."""
    releases: tuple[Release, ...]
    bound: Release
    """The first of the selected releases that is on the guard's other side."""
    should: Release
    """The release where the bound ought to be."""
    ends: bool
    """Whether the use ends too early, rather than beginning too late."""


@dataclass(frozen=True, kw_only=True)
class Twin:
    """A field that is used where its successor of nearly the same name is there, too."""

    demand: Access
    releases: tuple[Release, ...]
    old: str
    new: str


class Lateness:
    """Looks for such guards in a module."""

    def __init__(self, catalogue: Catalogue, judge: Judge, uses: Sequence[Uses]) -> None:
        self._catalogue = catalogue
        self._judge = judge
        self._of = {release: v for v in uses for release in v.releases}
        self._releases = sorted(self._of)
        self._lines = {
            id(v): {path: text.split("\n") for path, text in v.texts.items()} for v in uses
        }

    def late(self) -> Iterator[Late]:
        """Every such guard, once for each bound."""
        for before, after in pairwise(self._releases):
            old, new = self._of[before], self._of[after]
            if old is new:
                continue
            for path in old.texts:
                if path in new.texts and old.texts[path] != new.texts[path]:
                    for group in self._groups(old, new, path):
                        yield from self._judged(path, group, before, after)

    def twins(self) -> Iterator[Twin]:
        """Fields whose successor goes by the same name but for case and underscores."""
        found: dict[tuple[Access, str, str], list[Release]] = {}
        pairs: dict[tuple[str, str, Release], tuple[str, str] | None] = {}
        for release in self._releases:
            for demand in self._of[release].demands:
                if isinstance(demand, Access):
                    key = (demand.message, demand.accessor, release)
                    if key not in pairs:
                        pairs[key] = self._twin(demand, release)
                    pair = pairs[key]
                    if pair is not None:
                        found.setdefault((demand, *pair), []).append(release)
        for (demand, old, new), releases in found.items():
            yield Twin(demand=demand, releases=tuple(releases), old=old, new=new)

    def _twin(self, demand: Access, release: Release) -> tuple[str, str] | None:
        key = self._catalogue.message(demand.message)
        if key is None:
            return None
        used = self._catalogue.accessors[key].get(demand.accessor, ())
        names = {a.field.name for a in used if a.field.holds(release)}
        for row in self._catalogue.table.fields(key, release):
            for name in names - {row.name}:
                same = name.replace("_", "").lower() == row.name.replace("_", "").lower()
                # The successor is the one that outlives the other.
                older = next(a.field for a in used if a.field.name == name)
                if same and row.until >= older.until and row.since > older.since:
                    return name, row.name
        return None

    def _groups(self, old: Uses, new: Uses, path: str) -> list[frozenset[int]]:
        """Lines that only one of two variants compiles; those with nothing between together."""
        before, after = self._lines[id(old)][path], self._lines[id(new)][path]
        groups: list[set[int]] = []
        apart = True
        for number, (one, other) in enumerate(zip(before, after, strict=False), 1):
            if one == other:
                apart = apart or bool(one.strip())
                continue
            if apart:
                groups.append(set())
            groups[-1].add(number)
            apart = False
        return [frozenset(group) for group in groups]

    def _judged(
        self, path: str, group: frozenset[int], before: Release, after: Release
    ) -> Iterator[Late]:
        leaving, entering = _apart(
            self._within(before, path, group), self._within(after, path, group)
        )
        uses = [d for d in (*entering, *leaving) if isinstance(d, Access)]
        if not uses or self._is_justified((*entering, *leaving), path, group, before, after):
            return
        ends = not any(isinstance(d, Access) for d in entering)
        wanted = leaving if ends else entering
        side = self._releases.index(after if ends else before)
        run = self._releases[side:] if ends else reversed(self._releases[: side + 1])
        concerned: list[Release] = []
        for release in run:
            if self._state(release, path, group) != self._state(
                after if ends else before, path, group
            ) or not all(self._has(d, release) for d in wanted):
                break
            concerned.append(release)
        if concerned:
            demand = next(d for d in wanted if isinstance(d, Access))
            yield Late(
                demand=demand,
                releases=tuple(sorted(concerned)),
                bound=after,
                should=self._edge(wanted, max(concerned) if ends else min(concerned), ends=ends),
                ends=ends,
            )

    def _within(self, release: Release, path: str, group: frozenset[int]) -> list[Demand]:
        variant = self._of[release]
        lines = self._lines[id(variant)][path]
        return [
            d
            for d in variant.demands
            if d.place.path == path and d.place.line in group and lines[d.place.line - 1].strip()
        ]

    def _state(self, release: Release, path: str, group: frozenset[int]) -> list[str]:
        lines = self._lines[id(self._of[release])].get(path, [])
        return [lines[number - 1] for number in sorted(group)] if lines else []

    def _is_justified(
        self,
        demands: Sequence[Demand],
        path: str,
        group: frozenset[int],
        before: Release,
        after: Release,
    ) -> bool:
        """Whether anything that either text has to do with changes at the bound."""
        if any(self._content(d, before) != self._content(d, after) for d in demands):
            return True
        text = " ".join((*self._state(before, path, group), *self._state(after, path, group)))
        return not self._changed_words(before, after).isdisjoint(_WORD.findall(text))

    def _content(self, demand: Demand, release: Release) -> object:
        match demand:
            case Access():
                key = self._catalogue.message(demand.message) or ""
                rows = self._catalogue.accessors[key].get(demand.accessor, ())
                return [
                    (f.label, f.type, f.name, f.number, f.deprecated)
                    for f in (a.field for a in rows)
                    if f.holds(release)
                ], self._judge.exists(demand.message, release)
            case Named():
                return self._judge.exists(demand.name, release)
            case Derivation():
                return None
            case _:
                return self._judge.holds(demand, release)

    def _changed_words(self, before: Release, after: Release) -> frozenset[str]:
        """Names of methods whose signature changes, and words that only one of the two has."""
        found: set[str] = set()
        keys = {
            key
            for release in (before, after)
            for d in self._of[release].demands
            if isinstance(d, Derivation)
            for key in self._catalogue.family(self._catalogue.interface(d.interface) or "")
        }
        old, new = (
            {m.declaration: m.name for k in keys for m in self._catalogue.table.methods(k, release)}
            for release in (before, after)
        )
        for declaration in old.keys() ^ new.keys():
            found.add(old.get(declaration) or new[declaration])
        found |= _words(old.keys() - new.keys()) ^ _words(new.keys() - old.keys())
        return frozenset(found)

    def _has(self, demand: Demand, release: Release) -> bool:
        if isinstance(demand, Access) and not self._judge.exists(demand.message, release):
            return False
        return self._judge.holds(demand, release)

    def _edge(self, wanted: Sequence[Demand], release: Release, *, ends: bool) -> Release:
        """The final release where all that is wanted begins, or the first that lacks some of it."""
        at = FINAL_RELEASES.index(release)
        if ends:
            rest = FINAL_RELEASES[at:]
            return next((r for r in rest if not all(self._has(d, r) for d in wanted)), rest[-1])
        edge = release
        for earlier in reversed(FINAL_RELEASES[:at]):
            if not all(self._has(d, earlier) for d in wanted):
                break
            edge = earlier
        return edge


def _apart(
    leaving: Sequence[Demand], entering: Sequence[Demand]
) -> tuple[list[Demand], list[Demand]]:
    """Both without what the other asks for as well: nobody does without that."""
    both = {asked(demand) for demand in leaving} & {asked(demand) for demand in entering}
    return (
        [demand for demand in leaving if asked(demand) not in both],
        [demand for demand in entering if asked(demand) not in both],
    )


def _words(declarations: object) -> set[str]:
    return {word for text in declarations for word in _WORD.findall(text)}  # type: ignore[attr-defined]
