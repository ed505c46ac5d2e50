"""What the rules about guards look at."""

from dataclasses import dataclass
from functools import cached_property

from buildkit.cpp.reading import BranchReading, Reading
from buildkit.cpp.sets import ReleaseSet
from buildkit.encoding import Encoding
from buildkit.findings import Finding, Place, Rule
from buildkit.guards.meaning import Guard, concerned
from buildkit.guards.wording import runs
from buildkit.interfaces import InterfaceTable
from buildkit.releases import FINAL_RELEASES, Release


@dataclass(frozen=True, kw_only=True, eq=False)
class Context:
    """A module's reading, and for whom it is checked."""

    reading: Reading
    encoding: Encoding
    selected: tuple[Release, ...]
    """Oldest first."""
    kind: str
    """The module's kind."""
    table: InterfaceTable

    @cached_property
    def chosen(self) -> ReleaseSet:
        """The selected releases as a set."""
        return concerned(self.reading, self.selected)

    @cached_property
    def final(self) -> ReleaseSet:
        """All final releases as a set."""
        return concerned(self.reading, FINAL_RELEASES)

    def get_to(self, guard: Guard, branch: BranchReading) -> ReleaseSet:
        """The selected releases for which a branch's condition is looked at."""
        rest = guard.conditional.reached & self.chosen
        for earlier in guard.conditional.branches:
            if earlier is branch:
                break
            rest &= ~earlier.certain
        return rest

    def words(self, some: ReleaseSet) -> str:
        """Selected releases in words."""
        return runs(self.reading.names(some & self.chosen), self.selected)

    def all_words(self, some: ReleaseSet) -> str:
        """Final releases in words, whether or not they are selected."""
        return runs(self.reading.names(some & self.final), FINAL_RELEASES)

    def finding(  # noqa: PLR0913, PLR0917
        self,
        rule: Rule,
        guard: Guard,
        branch: BranchReading,
        some: ReleaseSet,
        message: str,
        advice: str,
        *,
        offset: int | None = None,
    ) -> Finding:
        """A finding about a branch's condition, or about one place in it."""
        source = self.reading.files[guard.path].source
        line = branch.line if offset is None else source.line_of(offset)
        column = 1 if offset is None else source.column_of(offset)
        return Finding(
            rule=rule,
            place=Place(path=guard.path, line=line, column=column),
            releases=self.reading.names(some & self.chosen),
            message=message,
            advice=advice,
        )
