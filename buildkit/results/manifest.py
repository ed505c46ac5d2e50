"""dist/manifest.json: what was built, how, and how it did. The models are its schema.

``manifest.schema.json`` beside this file is made from them. A change that a reader of an older
version could stumble over needs a new version; this tool reads them all.

Version 2 added ``log``, ``floor`` and ``prediction``; version 3 ``source``, ``archives``,
``sdk_origin`` and ``ended``.
"""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from buildkit import __version__
from buildkit.encoding import Encoding
from buildkit.engine import EngineName
from buildkit.matrix import SdkKind, SmokeLevel, Stage
from buildkit.outcome import Outcome, StageState, Status
from buildkit.plan import Plan
from buildkit.prediction.verdicts import Prediction, Verdict
from buildkit.smoke.abi import Floor, NamedFloor, StringAbi
from buildkit.smoke.checks import reached
from buildkit.workspace import log_name


class _Record(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        # What is written has every key; what is read may be older.
        json_schema_serialization_defaults_required=True,
    )


class StepRecord(_Record):
    """One step of a stage, such as the compile of the runtime that a smoke test needs."""

    name: str
    """The step's name, as in the log."""
    seconds: float
    """Wall-clock time."""


class StageRecord(_Record):
    """One stage of a target."""

    stage: Stage
    """Its name."""
    state: StageState
    """How it ended."""
    seconds: float
    """Wall-clock time; 0 for what came from the cache."""
    steps: tuple[StepRecord, ...] = ()
    """What was run, in the order it ended; a manifest of an older version does not say."""


class AbiRecord(_Record):
    """What a library needs of the system it is loaded on; null for nothing of it."""

    glibc: str | None
    """The newest GLIBC_ symbol version."""
    glibcxx: str | None
    """The newest GLIBCXX_ symbol version."""
    cxxabi: str | None
    """The newest CXXABI_ symbol version."""
    gcc: str | None
    """The newest GCC_ symbol version."""
    std_string: StringAbi
    """Which std::string is in its interface."""


class FloorRecord(_Record):
    """The oldest system that a library must load on; null for what is not limited."""

    name: str | None
    """Its name, such as debian11; null for one that the matrix spells out."""
    glibc: str | None
    """glibc's release."""
    glibcxx: str | None
    """Newest GLIBCXX_ version of libstdc++."""
    cxxabi: str | None
    """Newest CXXABI_ version of libstdc++."""
    gcc: str | None
    """Newest GCC_ version of libgcc_s."""


class ArtifactRecord(_Record):
    """The library, and its debug information."""

    path: str
    """Relative to the manifest's folder."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the library, in hex."""
    size: int
    """Bytes."""
    build_id: str
    """The library's build ID, in hex, as debuggers look for it."""
    debug_path: str
    """The debug information's file, relative to the manifest's folder."""
    debug_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the debug file, in hex."""
    abi: AbiRecord | None = None
    """What the library needs; a manifest of an older version does not say."""


class CheckRecord(_Record):
    """One check of the smoke stage."""

    level: str
    """Smoke level that it belongs to."""
    name: str
    """What was looked at."""
    ok: bool
    """Whether it was as it must be."""
    detail: str
    """Why not; of a good check what was measured, or nothing."""


class SmokeRecord(_Record):
    """What the smoke stage was asked for, and found."""

    level: SmokeLevel
    """The level asked for."""
    reached: SmokeLevel | None = None
    """The level it was tested at, which may be lower where that is not possible."""
    checks: tuple[CheckRecord, ...]
    """In the order made; empty if the stage was not reached."""


class PredictionRecord(_Record):
    """What was predicted from the module's sources, before the build."""

    verdict: Verdict
    """What will come of the module on this release."""
    reasons: tuple[str, ...]
    """Each with file and line; of what is not predicted, why."""


class SourceRecord(_Record):
    """The module's sources that a library was built from."""

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256, in hex, over the source folder before patches."""
    patches: str = Field(pattern=r"^[0-9a-f]{64}$")
    """SHA-256, in hex, over the patches and their order."""
    revision: str | None
    """Full ID of the commit that was checked out, or that the matrix names; null without git."""
    time: int | None
    """When that was committed, in seconds since 1970."""
    dirty: tuple[str, ...]
    """Sources, patches and matrix file that were not as that commit has them."""


class ArchiveRecord(_Record):
    """A source archive that an SDK was made of."""

    name: str
    """Its file name, as in matrix.lock."""
    sha512: str = Field(pattern=r"^[0-9a-f]{128}$")
    """In hex."""


class TargetRecord(_Record):
    """One target."""

    name: str
    """module/release/platform."""
    module: str
    """The module's name in the matrix."""
    module_version: str
    """The module's own version."""
    symbol: str
    """The exported module descriptor."""
    release: str
    """The Mesos release."""
    platform: str
    """The platform's name in the matrix."""
    architecture: str
    """The CPU architecture, by Docker's name."""
    encoding: Encoding
    """How MESOS_VERSION_INT is written."""
    version_flag: str
    """Such as -DMESOS_VERSION_INT=0241."""
    flags: tuple[str, ...]
    """Compiler flags, without the version's and the SDK's."""
    patches: tuple[str, ...]
    """Patch files named by the matrix, in the order applied."""
    engine: EngineName
    """Where it was built."""
    base: str
    """Image ID, or a digest over the host's compiler."""
    compiler: str
    """First line of its --version."""
    sdk: SdkKind
    """Kind of SDK that it was built against."""
    sdk_digest: str
    """SHA-256, in hex, over the SDK; empty if that stage failed."""
    status: Status
    """The verdict."""
    stages: tuple[StageRecord, ...]
    """The stages it reached, in order."""
    smoke: SmokeRecord
    """What the smoke stage was asked for, and found."""
    cause: tuple[str, ...]
    """Lines that say why it failed, or why it was skipped."""
    warnings: tuple[str, ...]
    """The compiler's, one line each."""
    artifact: ArtifactRecord | None
    """The library in dist/; null unless the target is good."""
    seconds: float
    """Wall-clock time of all stages."""
    measured_seconds: float | None = None
    """What building and smoke-testing it took when that was last done, which may have been in an
    earlier run; null if it never was. It is by this that jobs are balanced."""
    floor: FloorRecord | None = None
    """What the library must not exceed; null if the platform names no floor."""
    log: str | None = None
    """The full log, relative to build/logs/; null if there is none, as of what is skipped."""
    stands_for: tuple[str, ...] = ()
    """Releases that were left out because this one tells of them (--representative)."""
    prediction: PredictionRecord | None = None
    """What was predicted; null in a manifest of an older version, and of what was skipped."""
    source: SourceRecord | None = None
    """The module's sources; null if they were not read, or git could not say."""
    archives: tuple[ArchiveRecord, ...] = ()
    """What the SDK was made of; none for a kind that is not made of archives."""
    sdk_origin: str | None = None
    """The image or folder that an SDK of kind image or prefix was taken from."""
    ended: datetime | None = None
    """When the run that says this was through with it; UTC."""


class Manifest(_Record):
    """The whole file."""

    schema_version: Literal[1, 2, 3] = 3
    """Version of this format."""
    generator: str = f"mesos-buildkit {__version__}"
    """What wrote the file."""
    targets: tuple[TargetRecord, ...] = ()
    """In the matrix's order of modules, then by release, then by platform."""


def record(plan: Plan, outcome: Outcome, prediction: Prediction | None = None) -> TargetRecord:
    """A target's entry."""
    target = outcome.target
    artifact = outcome.artifact
    return TargetRecord(
        name=target.name,
        module=target.module.name,
        module_version=target.module.version,
        symbol=target.module.symbol,
        release=str(target.release),
        platform=target.platform.name,
        architecture=target.platform.architecture,
        encoding=target.module.encoding,
        version_flag=target.version_flag,
        flags=target.flags,
        patches=tuple(patch.name for patch in target.patches),
        engine=plan.engine,
        base=outcome.base,
        compiler=outcome.compiler,
        sdk=target.sdk,
        sdk_digest=outcome.sdk_digest,
        status=outcome.status,
        stages=tuple(
            StageRecord(
                stage=s.stage,
                state=s.state,
                seconds=round(s.seconds, 3),
                steps=tuple(
                    StepRecord(name=step.name, seconds=round(step.seconds, 3)) for step in s.steps
                ),
            )
            for s in outcome.stages
        ),
        smoke=SmokeRecord(
            level=plan.smoke,
            reached=reached(outcome.checks),
            checks=tuple(
                CheckRecord(level=c.level, name=c.name, ok=c.ok, detail=c.detail)
                for c in outcome.checks
            ),
        ),
        cause=outcome.cause,
        warnings=outcome.warnings,
        artifact=None
        if artifact is None
        else ArtifactRecord(
            path=artifact.path,
            sha256=artifact.sha256,
            size=artifact.size,
            build_id=artifact.build_id,
            debug_path=artifact.debug_path,
            debug_sha256=artifact.debug_sha256,
            abi=AbiRecord(**asdict(artifact.abi)),
        ),
        seconds=round(outcome.seconds, 3),
        measured_seconds=None if outcome.measured is None else round(outcome.measured, 3),
        floor=_floor(target.platform.floor),
        log=None if target.skip is not None else log_name(target.folder),
        stands_for=tuple(map(str, target.stands_for)),
        prediction=None
        if prediction is None or target.skip is not None
        else PredictionRecord(verdict=prediction.verdict, reasons=prediction.reasons),
        source=_source(outcome),
        archives=tuple(ArchiveRecord(name=name, sha512=sha) for name, sha in outcome.archives),
        sdk_origin=target.sdk_origin,
        ended=outcome.ended,
    )


def _floor(floor: Floor | None) -> FloorRecord | None:
    if floor is None:
        return None
    name = floor.name if isinstance(floor, NamedFloor) else None
    return FloorRecord(
        name=name,
        glibc=floor.glibc,
        glibcxx=floor.glibcxx,
        cxxabi=floor.cxxabi,
        gcc=floor.gcc,
    )


def _source(outcome: Outcome) -> SourceRecord | None:
    origin = outcome.origin
    if origin is None:
        return None
    return SourceRecord(
        digest=origin.digest,
        patches=outcome.target.patches_digest,
        revision=origin.revision,
        time=origin.time,
        dirty=origin.dirty,
    )


def manifest_json(manifest: Manifest) -> str:
    """The file's text."""
    return json.dumps(manifest.model_dump(mode="json"), indent=2) + "\n"


def json_schema() -> str:
    """The JSON Schema of the manifest, as ``manifest.schema.json`` holds it."""
    schema = Manifest.model_json_schema(mode="serialization")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"
