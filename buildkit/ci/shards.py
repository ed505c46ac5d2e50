"""Targets divided among jobs, so that all jobs take about as long. Pure.

A job builds some releases on one platform: that is what ``build --only ... --platform ...`` can
be told, and a job's machine has one architecture. The modules of a release stay together.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from buildkit.errors import UsageError
from buildkit.plan import Target
from buildkit.releases import Release
from buildkit.results.manifest import Manifest

ESTIMATED_SECONDS = 30.0
"""For a target that was never measured, where none was; only its ratio to others matters."""


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One job."""

    platform: str
    architecture: str
    """By Docker's name."""
    number: int
    """Among the shards of the same platform, from 1."""
    of: int
    """How many shards that platform has."""
    targets: tuple[Target, ...]
    """In the plan's order."""
    seconds: float
    """What its targets are expected to take, one after the other."""

    @property
    def releases(self) -> tuple[Release, ...]:
        """Oldest first."""
        return tuple(sorted({target.release for target in self.targets}))

    @property
    def name(self) -> str:
        """Unique among the shards, and fit for a file's name."""
        return f"{self.platform}-{self.number}-of-{self.of}"


@dataclass(frozen=True, kw_only=True)
class _Unit:
    """What is not divided: a release's targets on one platform."""

    targets: tuple[Target, ...]
    seconds: float
    """0 if all are skipped."""


def measured_seconds(manifest: Manifest) -> dict[str, float]:
    """Target's name -> the seconds it took when it was last built, if that is known."""
    return {
        record.name: record.measured_seconds
        for record in manifest.targets
        if record.measured_seconds is not None
    }


def divide(
    targets: Sequence[Target], measured: Mapping[str, float], *, shards: int | None, most: int
) -> tuple[Shard, ...]:
    """The jobs, platform by platform. ``most`` is how many a CI system takes.

    Without ``shards`` each release on each platform has a job of its own, or ``most`` jobs share
    them.

    Raises :class:`UsageError` for more shards than ``most``, and for fewer than platforms.
    """
    units = _units(targets, measured)
    useful = sum(max(1, sum(unit.seconds > 0 for unit in group)) for group in units.values())
    count = min(useful, most) if shards is None else shards
    if count > most:
        raise UsageError(f"--shards {count}: more than the {most} jobs that one matrix may have")
    if count < len(units):
        raise UsageError(
            f"--shards {count}: a job builds on one platform, and there are {len(units)} "
            f"({', '.join(units)}); use --shards {len(units)} or more, or --platform"
        )
    shares = _shares(
        {name: [unit.seconds for unit in group] for name, group in units.items()}, count
    )
    return tuple(
        shard for name, group in units.items() for shard in _fill(targets, group, shares[name])
    )


def _units(targets: Iterable[Target], measured: Mapping[str, float]) -> dict[str, list[_Unit]]:
    """Each platform's units, in the order of its first target."""
    known = [seconds for seconds in measured.values() if seconds > 0]
    usual = median(known) if known else ESTIMATED_SECONDS
    together: dict[str, dict[Release, list[Target]]] = {}
    for target in targets:
        place = together.setdefault(target.platform.name, {})
        place.setdefault(target.release, []).append(target)
    return {
        platform: [
            _Unit(
                targets=tuple(group),
                # Of what is never 0, so that a measurement of 0 is not taken for "skipped".
                seconds=sum(max(measured.get(t.name, usual), 0.1) for t in group if not t.skip),
            )
            for group in releases.values()
        ]
        for platform, releases in together.items()
    }


def _shares(seconds: Mapping[str, Sequence[float]], count: int) -> dict[str, int]:
    """How many of ``count`` shards each platform gets: the next goes where shards are fullest."""
    shares = dict.fromkeys(seconds, 1)
    for _ in range(count - len(shares)):
        # A shard without a unit would be a job without work.
        open_ = [name for name in shares if shares[name] < sum(s > 0 for s in seconds[name])]
        if not open_:
            break
        fullest = max(open_, key=lambda name: sum(seconds[name]) / shares[name])
        shares[fullest] += 1
    return shares


def _fill(targets: Sequence[Target], units: Sequence[_Unit], count: int) -> list[Shard]:
    """Longest first, each into the shard that is emptiest: at most a third over the best."""
    loads = [0.0] * count
    contents: list[list[Target]] = [[] for _ in range(count)]
    for unit in sorted(units, key=lambda unit: -unit.seconds):
        emptiest = min(range(count), key=lambda number: loads[number])
        loads[emptiest] += unit.seconds
        contents[emptiest] += unit.targets
    order = {target.name: number for number, target in enumerate(targets)}
    ordered = [tuple(sorted(content, key=lambda t: order[t.name])) for content in contents]
    ranked = sorted(zip(ordered, loads, strict=True), key=lambda pair: order[pair[0][0].name])
    platform = units[0].targets[0].platform
    return [
        Shard(
            platform=platform.name,
            architecture=platform.architecture,
            number=number,
            of=count,
            targets=content,
            seconds=round(load, 1),
        )
        for number, (content, load) in enumerate(ranked, 1)
    ]
