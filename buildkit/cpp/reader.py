"""Walks a module's translation units, with the releases that get to each line. Pure."""

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from buildkit.cpp.conditions import Conditions, Trouble
from buildkit.cpp.expression import ConditionError
from buildkit.cpp.lexer import Token, TokenKind, scan
from buildkit.cpp.macros import Absent, Definition, Definitions, MacroTable, State
from buildkit.cpp.problems import Problem, ProblemKind
from buildkit.cpp.reading import (
    BranchReading,
    ConditionalReading,
    Evaluation,
    FileReading,
    Reading,
    Variant,
    lines_of,
)
from buildkit.cpp.sets import ReleaseSet, Varied, bits, where
from buildkit.cpp.structure import Branch, Code, Conditional, Directive, Item, Structure
from buildkit.cpp.structure import parse as parse_structure
from buildkit.releases import Release

_DEPTH = 60
"""How deep a module's own files may include each other."""
_SUFFIXES = (".h", ".hh", ".hpp", ".hxx", ".c", ".cc", ".cpp", ".cxx", ".inc", ".ipp", ".tpp")
_VERSION_HEADER = "<version header>"


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A translation unit: a file, and how it is compiled."""

    path: str
    flags: tuple[tuple[str, ...], ...]
    """Compiler flags, one tuple for each release; only ``-D`` and ``-U`` are looked at."""
    forced: tuple[str, ...] = ()
    """The text of a header that is included before the file, one for each release; or none."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What including a header does that is not read."""

    macros: Mapping[str, Varied[State]]
    """What it defines, as far as that is known; the sets are those of the reading."""
    certain: bool
    """Whether it surely does."""


NO_EFFECT = Effect(macros={}, certain=True)

External = Callable[[str], Effect]
"""The effect of a header that is not among the files, by what stands between the quotes or
brackets."""


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What is read."""

    files: Mapping[str, str]
    """Path relative to the module's source folder -> text."""
    units: Sequence[Unit]
    include: tuple[str, ...] = ("",)
    """Folders for ``#include``, in the order of the search."""
    known: frozenset[str] = frozenset()
    """Macros that are undefined unless something here defines them, beside the module's own."""


def read(
    sources: Sources,
    releases: Sequence[Release],
    *,
    definitions: Definitions | None = None,
    external: External = lambda _: NO_EFFECT,
) -> Reading:
    """Read a module for all ``releases`` at once. What is wrong with it is in the result.

    ``definitions`` is what ``external`` makes its own with, if it makes any.
    """
    return _Reader(sources, tuple(releases), definitions or Definitions(), external).read()


@dataclass(frozen=True, slots=True)
class _Live:
    """The releases that get somewhere."""

    certain: ReleaseSet
    possible: ReleaseSet
    shown: ReleaseSet
    """Those in whose variant it is: of an unknown condition's branches, one counts."""

    def only(self, some: ReleaseSet) -> "_Live":
        """The part of them in a set."""
        return _Live(self.certain & some, self.possible & some, self.shown & some)

    def joined(self, other: "_Live") -> "_Live":
        """Both together."""
        return _Live(
            self.certain | other.certain, self.possible | other.possible, self.shown | other.shown
        )


@dataclass(kw_only=True)
class _BranchNotes:
    certain: ReleaseSet = 0
    possible: ReleaseSet = 0
    # An ordered set.
    evaluations: dict[Evaluation, None] = field(default_factory=dict)


@dataclass(kw_only=True)
class _ConditionalNotes:
    reached: ReleaseSet = 0
    none: ReleaseSet = 0


@dataclass(kw_only=True)
class _FileNotes:
    shown: dict[Code | Directive, ReleaseSet] = field(default_factory=dict)
    ends: list[tuple[ReleaseSet, Mapping[str, Varied[State]]]] = field(default_factory=list)


class _Reader:
    """What all translation units share."""

    def __init__(
        self,
        sources: Sources,
        releases: tuple[Release, ...],
        definitions: Definitions,
        external: External,
    ) -> None:
        self.sources = sources
        self.definitions = definitions
        self.external = external
        self.conditions = Conditions()
        self.branches: dict[Branch, _BranchNotes] = {}
        self.conditionals: dict[Conditional, _ConditionalNotes] = {}
        self.files: dict[str, _FileNotes] = {}
        self._releases = releases
        self._everyone = (1 << len(releases)) - 1
        self._structures: dict[str, Structure] = {}
        self._problems: dict[Problem, ReleaseSet] = {}
        self._bases: dict[tuple[object, ...], MacroTable] = {}
        self._own = frozenset(
            name
            for path in sources.files
            if path.endswith(_SUFFIXES)
            for name in self.structure(path).defined_names()
        )

    def read(self) -> Reading:
        for unit in self.sources.units:
            table = self._base(unit).copy()
            everyone = _Live(self._everyone, self._everyone, self._everyone)
            _Walk(self, table).file(unit.path, everyone)
        files = {path: self._file(path, notes) for path, notes in self.files.items()}
        problems = [
            replace(problem, releases=tuple(self._releases[at] for at in bits(some)))
            for problem, some in self._problems.items()
        ]
        problems.sort(key=lambda problem: (problem.path, problem.line, problem.column))
        return Reading(releases=self._releases, files=files, problems=tuple(problems))

    def structure(self, path: str) -> Structure:
        if path not in self._structures:
            text = self.sources.files[path]
            self._structures[path] = parse_structure(scan(path, text))
        return self._structures[path]

    def complain(self, problem: Problem, releases: ReleaseSet) -> None:
        self._problems[problem] = self._problems.get(problem, 0) | releases

    def _base(self, unit: Unit) -> MacroTable:
        """The macros that a unit begins with."""
        key = (unit.flags, unit.forced)
        if key not in self._bases:
            forced = [parse_structure(scan(_VERSION_HEADER, text)) for text in unit.forced]
            defined = (name for structure in forced for name in structure.defined_names())
            table = MacroTable(self._own.union(self.sources.known, defined), {})
            for position, flags in enumerate(unit.flags):
                self._command_line(table, flags, 1 << position)
            for position, structure in enumerate(forced):
                only = 1 << position
                live = _Live(only, only, only)
                _Walk(self, table).items(_VERSION_HEADER, structure.items, live)
            self._bases[key] = table
        return self._bases[key]

    def _command_line(self, table: MacroTable, flags: Sequence[str], only: ReleaseSet) -> None:
        waiting = iter(flags)
        for flag in waiting:
            if flag[:2] not in {"-D", "-U"}:
                continue
            text = flag[2:] or next(waiting, "")
            if flag.startswith("-U"):
                table.set(text, Absent.UNDEFINED, only, only)
                continue
            try:
                definition = self.definitions.from_flag(text)
            except ConditionError:
                continue  # the compiler will say it, of a flag and not of a source
            table.set(definition.name, definition, only, only)

    # --- the result

    def _file(self, path: str, notes: _FileNotes) -> FileReading:
        structure = self.structure(path)
        for problem in structure.problems:
            self.complain(problem, self._everyone)
        known: dict[Conditional, ConditionalReading] = {}
        places: dict[Branch, tuple[ConditionalReading, int]] = {}
        for conditional in structure.conditionals():
            reading = self._conditional(structure, conditional, places)
            known[conditional] = reading
            places |= {
                branch: (reading, number) for number, branch in enumerate(conditional.branches)
            }
        return FileReading(
            source=structure.source,
            conditionals=tuple(known.values()),
            variants=tuple(self._variants(structure, notes)),
        )

    def _conditional(
        self,
        structure: Structure,
        conditional: Conditional,
        places: Mapping[Branch, tuple[ConditionalReading, int]],
    ) -> ConditionalReading:
        notes = self.conditionals.get(conditional, _ConditionalNotes())
        return ConditionalReading(
            path=structure.source.path,
            branches=tuple(
                BranchReading(
                    word=branch.word,
                    line=branch.first,
                    last_line=branch.last,
                    condition=_written(branch.tokens),
                    tokens=branch.tokens,
                    certain=found.certain,
                    possible=found.possible,
                    evaluations=tuple(found.evaluations),
                    stops=any(
                        isinstance(item, Directive) and item.word == "error"
                        for item in branch.items
                    ),
                )
                for branch in conditional.branches
                for found in [self.branches.get(branch, _BranchNotes())]
            ),
            end=conditional.end,
            reached=notes.reached,
            none=notes.none,
            parent=None if conditional.parent is None else places[conditional.parent],
        )

    def _variants(self, structure: Structure, notes: _FileNotes) -> Iterable[Variant]:
        reached = 0
        macros: dict[str, list[tuple[ReleaseSet, str]]] = {}
        for some, states in notes.ends:
            fresh = some & ~reached
            reached |= some
            for name, varied in states.items():
                texts = macros.setdefault(name, [])
                texts += [
                    (both, state.text)
                    for sub, state in varied
                    if isinstance(state, Definition)
                    and state.parameters is None
                    and state.body
                    and (both := sub & fresh)
                ]
        groups = [reached] if reached else []
        splits = {*notes.shown.values(), *(s for texts in macros.values() for s, _ in texts)}
        for split in splits:
            groups = [part for group in groups for part in (group & split, group & ~split) if part]
        for group in sorted(groups, key=lambda group: group & -group):
            shown = [False] * structure.source.line_count
            for item, some in notes.shown.items():
                if some & group:
                    shown[item.first - 1 : item.last] = [True] * (item.last - item.first + 1)
            yield Variant(
                releases=tuple(self._releases[at] for at in bits(group)),
                text=lines_of(structure.source, shown),
                macros={
                    name: text
                    for name, texts in sorted(macros.items())
                    for some, text in texts
                    if some & group
                },
            )

    def own_states(self, table: MacroTable) -> Mapping[str, Varied[State]]:
        """What the module's own macros are now."""
        return {name: s for name, s in table.mentioned().items() if name in self._own}


def _written(tokens: tuple[Token, ...]) -> str:
    return "".join(" " if t.kind is TokenKind.SPACE else t.text for t in tokens)


@dataclass(frozen=True, kw_only=True)
class _Applied:
    """The last effect of a header that is not read on a macro, for whom, and what it left."""

    by: Varied[State]
    certain: ReleaseSet
    possible: ReleaseSet
    left: Varied[State] | None


class _Walk:
    """One translation unit."""

    def __init__(self, reader: _Reader, table: MacroTable) -> None:
        self._reader = reader
        self._table = table
        self._entered: dict[str, _Live] = {}
        self._applied: dict[str, _Applied] = {}
        self._depth = 0
        self._lost = False

    def file(self, path: str, live: _Live) -> None:
        """Read a file, for the releases that include it."""
        notes = self._reader.files.setdefault(path, _FileNotes())
        structure = self._reader.structure(path)
        self._depth += 1
        if structure.once or structure.guard:
            fresh, again = self._first_time(path, structure, live)
            if fresh.possible:
                self.items(path, structure.items, fresh)
            if again.possible:
                self._again(path, structure, again)
        else:
            self.items(path, structure.items, live)
        self._depth -= 1
        notes.ends.append((live.shown, self._reader.own_states(self._table)))

    def _first_time(self, path: str, structure: Structure, live: _Live) -> tuple[_Live, _Live]:
        """Of those that include a file with a guard: who reads it, and who does so once more.

        The latter have perhaps read it before, on a condition that is not known, and now do so for
        sure, or in the branch that counts. A guard that has perhaps been defined would not tell.
        """
        before = self._entered.get(path, _Live(0, 0, 0))
        self._entered[path] = before.joined(live)
        fresh = ~before.possible
        if structure.guard:
            states = self._table.state(structure.guard[0], live.possible & before.possible)
            fresh |= where(states, lambda state: state is Absent.UNDEFINED)
        surer = (live.certain & ~before.certain) | (live.shown & ~before.shown)
        return live.only(fresh), live.only(surer & ~fresh)

    def _again(self, path: str, structure: Structure, live: _Live) -> None:
        """What a file's guard encloses, whatever that says."""
        if structure.guard is None:
            self.items(path, structure.items, live)
            return
        _, conditional = structure.guard
        [branch] = conditional.branches
        self._reader.conditionals.setdefault(
            conditional, _ConditionalNotes()
        ).reached |= live.possible
        found = self._reader.branches.setdefault(branch, _BranchNotes())
        found.certain |= live.certain
        found.possible |= live.possible
        self.items(path, branch.items, live)

    def items(self, path: str, items: Iterable[Item], live: _Live) -> None:
        """Read a part of a file."""
        for item in items:
            match item:
                case Code():
                    self._show(path, item, live)
                case Directive():
                    self._directive(path, item, live)
                case Conditional():
                    self._conditional(path, item, live)

    def _show(self, path: str, item: Code | Directive, live: _Live) -> None:
        if path != _VERSION_HEADER:
            shown = self._reader.files[path].shown
            shown[item] = shown.get(item, 0) | live.shown

    def _conditional(self, path: str, conditional: Conditional, live: _Live) -> None:
        reader = self._reader
        notes = reader.conditionals.setdefault(conditional, _ConditionalNotes())
        notes.reached |= live.possible
        rest = live
        for branch in conditional.branches:
            if not rest.possible:
                return
            yes, no = rest.possible, 0
            evaluations: tuple[Evaluation, ...] = ()
            if branch.word != "else":
                # For all that get here, also those that have taken a branch: what they would do
                # is part of the result. A compiler looks at the rest alone.
                result = reader.conditions.evaluate(branch, self._table, live.possible)
                yes, no, evaluations = result.yes, result.no, result.evaluations
                self._complain_of(path, branch, result.troubles, rest.possible)
            taken = _Live(rest.certain & yes, rest.possible & ~no, rest.shown & ~no)
            rest = _Live(rest.certain & no, rest.possible & ~yes, rest.shown & no)
            found = reader.branches.setdefault(branch, _BranchNotes())
            found.certain |= taken.certain
            found.possible |= taken.possible
            found.evaluations |= dict.fromkeys(evaluations)
            if taken.possible:
                self.items(path, branch.items, taken)
        notes.none |= rest.possible

    def _complain_of(
        self, path: str, branch: Branch, troubles: Iterable[Trouble], concerned: ReleaseSet
    ) -> None:
        for trouble in troubles:
            if some := trouble.releases & concerned:
                first = branch.tokens[0].offset if branch.tokens else None
                at = trouble.token.offset if trouble.token else first
                self._complain(trouble.kind, path, branch, trouble.text, at, some)

    def _directive(self, path: str, directive: Directive, live: _Live) -> None:
        word, tokens = directive.word, directive.tokens
        match word:
            case "define" | "undef":
                self._define(path, directive, live)
            case "include" | "include_next" | "import":
                self._show(path, directive, live)
                self._include(path, directive, live)
            case "error" if live.certain:
                text = _written(tokens)
                kind = ProblemKind.ERROR
                self._complain(kind, path, directive, text, None, live.certain)
            case _:
                pass

    def _define(self, path: str, directive: Directive, live: _Live) -> None:
        try:
            name, state = self._meaning(directive)
        except ConditionError as error:
            kind = ProblemKind.DEFINITION
            self._complain(kind, path, directive, str(error), None, live.possible)
        else:
            self._table.set(name, state, live.certain, live.possible)

    def _meaning(self, directive: Directive) -> tuple[str, State]:
        if directive.word == "define":
            definition = self._reader.definitions.parse(directive.tokens)
            return definition.name, definition
        if not directive.tokens or directive.tokens[0].kind is not TokenKind.NAME:
            raise ConditionError("#undef without the name of a macro")
        return directive.tokens[0].text, Absent.UNDEFINED

    def _include(self, path: str, directive: Directive, live: _Live) -> None:
        for some, (name, quoted) in self._names(directive, live.possible):
            narrow = live.only(some)
            found = self._find(path, name, quoted=quoted)
            if found is None:
                self._external(name, narrow)
            elif self._depth >= _DEPTH:
                if narrow.certain and not self._lost:
                    text = f"{name} is included again and again, {_DEPTH} files deep"
                    kind = ProblemKind.INCLUDES
                    self._complain(kind, path, directive, text, None, narrow.certain)
                # Twice in each file would take for ever.
                self._lost = True
            elif not self._lost:
                self.file(found, narrow)

    def _external(self, name: str, live: _Live) -> None:
        effect = self._reader.external(name)
        for macro, states in effect.macros.items():
            certain = live.certain if effect.certain else 0
            last = self._applied.get(macro)
            # Once more changes nothing if nobody has said anything else since, and most of Mesos's
            # headers are included again and again.
            if (
                last is not None
                and last.by is states
                and last.left is self._table.entries(macro)
                and (last.certain, last.possible) == (certain, live.possible)
            ):
                continue
            self._table.set_each(macro, states, certain, live.possible)
            self._applied[macro] = _Applied(
                by=states, certain=certain, possible=live.possible, left=self._table.entries(macro)
            )

    def _names(
        self, directive: Directive, releases: ReleaseSet
    ) -> list[tuple[ReleaseSet, tuple[str, bool]]]:
        """What is included, and whether it is in quotes."""
        plain = _header_name(directive.tokens)
        if plain is not None:
            return [(releases, plain)]
        expanded = self._reader.conditions.expand(directive.tokens, self._table, releases)
        named = ((some, _header_name(tokens)) for some, tokens in expanded)
        return [(some, name) for some, name in named if name is not None]

    def _find(self, includer: str, name: str, *, quoted: bool) -> str | None:
        folders = [posixpath.dirname(includer)] if quoted else []
        for folder in [*folders, *self._reader.sources.include]:
            path = posixpath.normpath(posixpath.join(folder, name))
            if path in self._reader.sources.files:
                return path
        return None

    def _complain(  # noqa: PLR0913, PLR0917
        self,
        kind: ProblemKind,
        path: str,
        item: Branch | Directive,
        text: str,
        offset: int | None,
        releases: ReleaseSet,
    ) -> None:
        if path == _VERSION_HEADER:
            raise AssertionError(f"the version header can't be read: {text}")
        source = self._reader.structure(path).source
        line = item.first if offset is None else source.line_of(offset)
        column = 1 if offset is None else source.column_of(offset)
        problem = Problem(kind=kind, path=path, line=line, column=column, text=text)
        self._reader.complain(problem, releases)


def _header_name(tokens: Sequence[Token]) -> tuple[str, bool] | None:
    """What stands between quotes or brackets, and whether it is quotes."""
    text = "".join(token.text for token in tokens)
    if text.startswith("<") and ">" in text:
        return text[1 : text.index(">")], False
    if text.startswith('"') and text.count('"') > 1:
        return text.split('"')[1], True
    return None
