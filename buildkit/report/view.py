"""What a report shows, in its order and in words: made once, for every format. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from buildkit.matrix import Stage
from buildkit.outcome import STAGES, StageState, Status
from buildkit.results.manifest import AbiRecord, FloorRecord, Manifest, TargetRecord

Tone = Literal["good", "bad", "odd", "idle"]
"""How a word is to be read; always beside the word, never instead of it."""


@dataclass(frozen=True, kw_only=True)
class Log:
    """A target's log, where there is one."""

    link: str
    """Its address relative to the report."""
    tail: tuple[str, ...] = ()
    """Its last lines, for a target that failed."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of another check: a row of texts under each title."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """A text may have several lines."""


@dataclass(frozen=True, kw_only=True)
class Extras:
    """What other parts of this tool know of the same targets; None where they were not asked."""

    guards: Table | None = None
    """Which ``#if`` branch each release takes."""
    predictions: Table | None = None
    """What was predicted of each target, beside what came of it."""
    drift: Table | None = None
    """What changed at each boundary between two releases."""


NO_EXTRAS = Extras()


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One stage of one target."""

    stage: Stage
    word: str
    tone: Tone
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """One target."""

    record: TargetRecord
    anchor: str
    """Unique in the report, and fit for a fragment of an address."""
    word: str
    """The verdict."""
    tone: Tone
    cells: tuple[Cell, ...]
    """One for each of the stages, reached or not."""
    log: Log | None

    @property
    def stub(self) -> bool:
        """Whether it was built against stubs and so must not be shipped."""
        return self.record.sdk == "stub" and self.record.status is not Status.SKIPPED

    @property
    def flag(self) -> str:
        """The value of MESOS_VERSION_INT."""
        return self.record.version_flag.partition("=")[2]

    @property
    def time(self) -> str:
        """The target's, for people."""
        if self.record.stages and all(stage.state == "cached" for stage in self.record.stages):
            return "cached"
        return f"{self.record.seconds:.1f} s" if self.record.stages else "-"

    @property
    def size(self) -> str:
        """The library's, for people."""
        return "-" if self.record.artifact is None else size_text(self.record.artifact.size)

    @property
    def needs(self) -> tuple[tuple[str, str], ...]:
        """What the library needs of a system: name and newest version."""
        artifact = self.record.artifact
        if artifact is None or artifact.abi is None:
            return ()
        return (*versions(artifact.abi), ("std::string", artifact.abi.std_string))

    @property
    def failed_checks(self) -> int:
        """How many smoke checks were not as they must be."""
        return sum(not check.ok for check in self.record.smoke.checks)


@dataclass(frozen=True, kw_only=True)
class Group:
    """The targets of one module on one platform."""

    module: str
    version: str
    platform: str
    architecture: str
    floor: str
    """The oldest system its libraries must load on, in words; empty if there is none."""
    rows: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class View:
    """A whole report."""

    generator: str
    headline: str
    """The counts in words."""
    tone: Tone
    counts: tuple[tuple[str, int, Tone], ...]
    """Word, number and tone of each verdict that occurs."""
    groups: tuple[Group, ...]
    stubs: int
    """How many targets were built against stubs."""
    facts: tuple[tuple[str, tuple[str, ...]], ...]
    """What holds for the whole run: a name, and each different value."""
    warnings: tuple[tuple[str, tuple[str, ...]], ...]
    """A compiler's warning, and the targets that have it."""
    missing: tuple[str, ...]
    """Targets of the matrix that the manifest has not."""
    extras: Extras

    @property
    def rows(self) -> tuple[Row, ...]:
        """Of all groups."""
        return tuple(row for group in self.groups for row in group.rows)

    @property
    def failures(self) -> tuple[Row, ...]:
        """The rows that make a run fail."""
        return tuple(row for row in self.rows if not row.record.status.good)


def make_view(
    manifest: Manifest,
    logs: Mapping[str, Log],
    *,
    missing: Sequence[str] = (),
    extras: Extras = NO_EXTRAS,
) -> View:
    """The view of a manifest. ``logs`` has a target's log by its name."""
    rows = [
        _row(number, record, logs.get(record.name))
        for number, record in enumerate(manifest.targets, 1)
    ]
    counts = _counts(manifest, missing)
    return View(
        generator=manifest.generator,
        headline=", ".join(f"{number} {word}" for word, number, _ in counts) or "no targets",
        tone="bad" if any(tone == "bad" for _, _, tone in counts) or not rows else "good",
        counts=counts,
        groups=_groups(rows),
        stubs=sum(row.stub for row in rows),
        facts=_facts(manifest),
        warnings=_warnings(manifest),
        missing=tuple(missing),
        extras=extras,
    )


def tone_of(status: Status) -> Tone:
    """How a verdict is to be read."""
    match status:
        case Status.PASSED:
            return "good"
        case Status.FAILED | Status.UNEXPECTED_PASS:
            return "bad"
        case Status.EXPECTED_FAILURE | Status.CANCELLED:
            return "odd"
        case Status.SKIPPED:
            return "idle"
        case _:
            assert_never(status)


def floor_text(floor: FloorRecord | None) -> str:
    """A floor in words; nothing for none."""
    if floor is None:
        return ""
    limits = versions(floor)
    text = ", ".join(f"{name} {version}" for name, version in limits)
    return f"{floor.name}: {text}" if floor.name else text


def versions(what: FloorRecord | AbiRecord) -> tuple[tuple[str, str], ...]:
    """The namespaces of symbol versions that are named, each with its newest version."""
    named = (
        ("GLIBC", what.glibc),
        ("GLIBCXX", what.glibcxx),
        ("CXXABI", what.cxxabi),
        ("GCC", what.gcc),
    )
    return tuple((name, version) for name, version in named if version is not None)


def size_text(size: int) -> str:
    """A file's size in KiB or MiB."""
    kib = size / 1024
    return f"{kib:.0f} KiB" if kib < 1024 else f"{kib / 1024:.1f} MiB"  # noqa: PLR2004


_STATES: Mapping[StageState, tuple[str, Tone]] = {
    "passed": ("ok", "good"),
    "failed": ("failed", "bad"),
    "cached": ("cached", "good"),
    "cancelled": ("cancelled", "odd"),
}


def _row(number: int, record: TargetRecord, log: Log | None) -> Row:
    return Row(
        record=record,
        anchor=f"target-{number}",
        word=record.status.value,
        tone=tone_of(record.status),
        cells=tuple(_cell(record, stage) for stage in STAGES),
        log=log,
    )


def _cell(record: TargetRecord, name: Stage) -> Cell:
    stage = next((stage for stage in record.stages if stage.stage == name), None)
    if stage is None:
        word = "skipped" if record.status is Status.SKIPPED else "not reached"
        return Cell(stage=name, word=word, tone="idle", seconds=0.0)
    word, tone = _STATES[stage.state]
    if stage.state == "failed" and record.status is Status.EXPECTED_FAILURE:
        tone = "odd"
    reached = record.smoke.reached
    if name == "smoke" and tone == "good" and reached is not None:
        word = f"{word}, {reached}"
        tone = "good" if reached == record.smoke.level else "odd"
    return Cell(stage=name, word=word, tone=tone, seconds=stage.seconds)


def _counts(manifest: Manifest, missing: Sequence[str]) -> tuple[tuple[str, int, Tone], ...]:
    found: list[tuple[str, int, Tone]] = []
    for status in Status:
        number = sum(record.status is status for record in manifest.targets)
        if number:
            found.append((status.value, number, tone_of(status)))
    if missing:
        found.append(("missing", len(missing), "bad"))
    return tuple(found)


def _groups(rows: Sequence[Row]) -> tuple[Group, ...]:
    together: dict[tuple[str, str, str, str], list[Row]] = {}
    for row in rows:
        record = row.record
        key = (record.module, record.module_version, record.platform, record.architecture)
        together.setdefault(key, []).append(row)
    return tuple(
        Group(
            module=module,
            version=version,
            platform=platform,
            architecture=architecture,
            floor=next((text for row in members if (text := floor_text(row.record.floor))), ""),
            rows=tuple(members),
        )
        for (module, version, platform, architecture), members in together.items()
    )


def _facts(manifest: Manifest) -> tuple[tuple[str, tuple[str, ...]], ...]:
    built = [record for record in manifest.targets if record.status is not Status.SKIPPED]
    columns: tuple[tuple[str, list[str]], ...] = (
        ("Engine", [record.engine for record in built]),
        ("SDK", [record.sdk for record in built]),
        ("Compiler", [record.compiler for record in built]),
        ("Base", [record.base for record in built]),
        ("Smoke level", [record.smoke.level for record in built]),
        ("Encoding", [record.encoding.value for record in built]),
    )
    return tuple(
        (name, tuple(sorted({value for value in values if value})))
        for name, values in columns
        if any(values)
    )


def _warnings(manifest: Manifest) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found: dict[str, list[str]] = {}
    for record in manifest.targets:
        for line in record.warnings:
            found.setdefault(line, []).append(record.name)
    return tuple((line, tuple(names)) for line, names in found.items())
