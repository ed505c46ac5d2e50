"""What may not be published, and why. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never, get_args

from buildkit.matrix import SmokeLevel
from buildkit.outcome import Status
from buildkit.plan import Target
from buildkit.results.manifest import ArtifactRecord, TargetRecord
from buildkit.results.merge import digests
from buildkit.sources.origin import Origin


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One reason against a target."""

    target: str
    why: str

    def __str__(self) -> str:
        return f"{self.target}: {self.why}"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A target of the matrix, and what is known of it now."""

    target: Target
    record: TargetRecord | None
    """What the manifest says of it; None if nothing."""
    origin: Origin
    """The module's sources as they are now."""
    changed: tuple[str, ...] = ()
    """Of the sources those that differ from what was built, as far as git can name them."""
    files: Mapping[str, str | None]
    """The artifact's files: path relative to dist/ -> SHA-256, in hex; None if it is not there."""

    @property
    def artifact(self) -> ArtifactRecord | None:
        """The library that would be published."""
        return None if self.record is None else self.record.artifact


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What is asked of every target."""

    smoke: SmokeLevel
    """The level that it must have been tested at, at least."""
    allow_dirty: bool = False


def refusals(candidates: Sequence[Candidate], rules: Rules) -> list[Refusal]:
    """Every reason against publishing these targets, in their order; none if all may be."""
    return [
        Refusal(target=one.target.name, why=why)
        for one in candidates
        for why in _reasons(one, rules)
    ]


def source_doubts(candidates: Sequence[Candidate]) -> dict[str, tuple[str, ...]]:
    """What speaks against the sources of each target with a library: what may be allowed."""
    found = {one.target.name: tuple(_source_reasons(one)) for one in candidates if one.artifact}
    return {name: doubts for name, doubts in found.items() if doubts}


def _reasons(one: Candidate, rules: Rules) -> Iterator[str]:
    record = one.record
    again = f"nox -s build-{one.target.release} -- --sdk release"
    if record is None:
        if one.target.skip is None:
            yield f"not built yet; make it with: {again}"
        return
    yield from _verdict_reasons(one, record, again)
    if record.artifact is None:
        return
    if record.sdk == "stub":
        yield f"built against a stub, which no agent may load; make a real one with: {again}"
    if sanitizers := [flag for flag in record.flags if flag.startswith("-fsanitize")]:
        yield f"built with {' '.join(sanitizers)}, which is for finding errors"
    yield from _smoke_reasons(record, rules.smoke)
    for path, digest in digests(record).items():
        found = one.files.get(path)
        if found is None:
            yield f"{path}: not there, though the manifest names it; make it with: {again}"
        elif found != digest:
            yield f"{path}: its SHA-256 is {found}, the manifest says {digest}"
    if not rules.allow_dirty:
        yield from _source_reasons(one)


def _verdict_reasons(one: Candidate, record: TargetRecord, again: str) -> Iterator[str]:
    match record.status:
        case Status.PASSED:
            if one.target.skip is not None:
                yield f"built, but the matrix now leaves it out ({one.target.skip}); build again"
            elif one.target.expect is not None:
                yield (
                    "it passed, but the matrix now expects it to fail "
                    f"({one.target.expect.reason}); build again"
                )
        case Status.EXPECTED_FAILURE:
            if one.target.expect is None:
                yield f"it failed, and the matrix no longer expects that; try: {again}"
        case Status.SKIPPED:
            if one.target.skip is None:
                yield f"it was skipped, and the matrix no longer says so; make it with: {again}"
        case Status.FAILED | Status.UNEXPECTED_PASS | Status.CANCELLED:
            why = f": {record.cause[0]}" if record.cause else ""
            yield f"{record.status} when it was last built{why}"
        case _:
            assert_never(record.status)


def _smoke_reasons(record: TargetRecord, required: SmokeLevel) -> Iterator[str]:
    levels = get_args(SmokeLevel)
    reached = record.smoke.reached
    if reached is None or levels.index(reached) < levels.index(required):
        how = "not at all" if reached is None else f"up to {reached}"
        yield (
            f"smoke-tested {how}, {required} is required; test it with: nox -s "
            f"smoke-{record.release} -- --smoke {required} --sdk {record.sdk}, or ask for less "
            "with --require-smoke"
        )


def _source_reasons(one: Candidate) -> Iterator[str]:
    """What speaks against the sources. Only for what has an artifact."""
    record = one.record
    if record is None:
        return
    source = record.source
    if source is None:
        yield "the manifest does not say which sources it was built from; build again"
        return
    if source.dirty:
        yield f"built from sources with uncommitted changes: {', '.join(source.dirty)}"
    # What is changed now was changed then, unless it was built before.
    if further := [path for path in one.origin.dirty if path not in source.dirty]:
        yield f"uncommitted changes since it was built: {', '.join(further)}"
    if source.digest != one.origin.digest:
        names = f" ({', '.join(one.changed)})" if one.changed else ""
        yield (
            f"the sources are not those that it was built from{names}: their digest was "
            f"{source.digest}, now it is {one.origin.digest}; build again"
        )
    if source.patches != one.target.patches_digest:
        yield "the patches are not those that it was built with; build again"
    if (record.flags, record.version_flag) != (one.target.flags, one.target.version_flag):
        yield (
            f"built with other flags than the matrix has now: {_difference(record, one.target)}; "
            "build again"
        )


def _difference(record: TargetRecord, target: Target) -> str:
    then = (record.version_flag, *record.flags)
    now = (target.version_flag, *target.flags)
    gone = [f"without {flag}" for flag in then if flag not in now]
    new = [f"with {flag}" for flag in now if flag not in then]
    return ", ".join((*gone, *new)) or "in another order"
