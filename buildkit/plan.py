"""From a matrix and a selection to the targets that will be built, and why. Pure.

What the outside world has to offer comes in as a :class:`buildkit.probe.Probe`; the same matrix,
options and probe always make the same plan.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from buildkit.encoding import prove
from buildkit.engine import BaseRequest, Bootstrap, EngineName
from buildkit.errors import UnavailableError, UsageError
from buildkit.files.tree import digest_of
from buildkit.matrix import (
    CXX11_ABI_MACRO,
    RELEASE_PLACEHOLDER,
    Matrix,
    Module,
    Platform,
    Sanitizer,
    SdkKind,
    SmokeLevel,
    Stage,
)
from buildkit.options import Options
from buildkit.patches import Patch
from buildkit.probe import Probe
from buildkit.releases import (
    AGENT_BEGINS,
    FINAL_RELEASES,
    RELEASE_SDK_BEGINS,
    STUB_BEGINS,
    Release,
    did_you_mean,
    select,
)

STANDARD_FLAGS = (
    "-std=c++11",
    "-O2",
    "-g",
    "-fPIC",
    "-Wall",
    "-Wextra",
    "-Woverloaded-virtual",
)
"""What every module is compiled with; C++11 is the language of all releases."""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """A failure that the matrix file says will happen."""

    reason: str
    stage: Stage
    pattern: str


@dataclass(frozen=True, kw_only=True)
class Target:
    """One module for one release on one platform, with everything that shapes its build."""

    module: Module
    release: Release
    platform: Platform
    sdk: SdkKind
    version_flag: str
    """Such as ``-DMESOS_VERSION_INT=0241``."""
    flags: tuple[str, ...]
    """Compiler flags, without the version's and the SDK's."""
    override_flags: tuple[str, ...]
    """The part of them that comes from overrides."""
    harness_flags: tuple[str, ...]
    """The part of them that all that meets the module in one process must be compiled with: the
    smoke harness and the SDK's runtime."""
    env: Mapping[str, str]
    patches: tuple[Patch, ...]
    folder: PurePosixPath
    """Its place below dist/ and build/contexts/, such as ``0.24.1``."""
    skip: str | None
    expect: Expectation | None
    sanitizer: Sanitizer | None = None
    """Instruments module and harness, to find errors; the library is not for shipping."""
    sdk_origin: str | None = None
    """The image or the folder that an SDK of kind ``image`` or ``prefix`` is taken from."""
    stands_for: tuple[Release, ...] = ()
    """Other releases, oldest first, whose targets are left out because this one tells of them."""

    @property
    def name(self) -> str:
        """Names the target among all others, in logs, labels and messages."""
        suffix = f"+{self.sanitizer}" if self.sanitizer else ""
        return f"{_name(self.module, self.release, self.platform)}{suffix}"

    @property
    def abi_flags(self) -> tuple[str, ...]:
        """The part of them that is the ABI's: what an SDK is made with, whatever looks on."""
        ours = sanitizer_flags(self.sanitizer)
        return tuple(flag for flag in self.harness_flags if flag not in ours)

    @property
    def patches_digest(self) -> str:
        """SHA-256, in hex, over the patches and their order."""
        return digest_of(*(part for patch in self.patches for part in (patch.name, patch.digest)))

    @property
    def library(self) -> str:
        """The library's file name, which is also its SONAME."""
        stub = ".stub" if self.sdk == "stub" else ""
        return f"lib{self.module.name}-{self.module.version}+mesos-{self.release}{stub}.so"

    @property
    def base_request(self) -> BaseRequest:
        """What an engine has to provide for the target's steps."""
        if self.sdk == "image" and self.sdk_origin is not None:
            # It is there to be used as it is: the platform's packages are another system's.
            return BaseRequest(
                platform=self.platform.name,
                image=self.sdk_origin,
                packages=tuple(sorted(set(self.module.packages))),
                compiler=self.platform.compiler,
                architecture=self.platform.architecture,
            )
        table = self.platform.bootstrap
        return BaseRequest(
            platform=self.platform.name,
            image=self.platform.base,
            packages=tuple(sorted({*self.platform.packages, *self.module.packages})),
            compiler=self.platform.compiler,
            architecture=self.platform.architecture,
            bootstrap=Bootstrap(suite=table.suite, mirror=table.mirror) if table else None,
        )

    def describe(self) -> dict[str, Any]:
        """The target as plain data for ``plan --json``."""
        return {
            "name": self.name,
            "module": self.module.name,
            "release": str(self.release),
            "platform": self.platform.name,
            "sdk": self.sdk,
            "sdk_origin": self.sdk_origin,
            "encoding": self.module.encoding.value,
            "version_flag": self.version_flag,
            "flags": list(self.flags),
            "env": dict(self.env),
            "patches": [patch.name for patch in self.patches],
            "library": f"{self.folder}/{self.library}",
            "stands_for": [str(release) for release in self.stands_for],
            "skip": self.skip,
            "expect_fail": None
            if self.expect is None
            else {
                "reason": self.expect.reason,
                "stage": self.expect.stage,
                "pattern": self.expect.pattern,
            },
        }


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run will do. ``notes`` explain choices, ``warnings`` need a reader."""

    matrix: Matrix
    targets: tuple[Target, ...]
    engine: EngineName
    smoke: SmokeLevel
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        """The plan as plain data for ``plan --json``."""
        return {
            "schema": 1,
            "matrix": str(self.matrix.path),
            "engine": self.engine,
            "smoke": self.smoke,
            "notes": list(self.notes),
            "warnings": list(self.warnings),
            "targets": [target.describe() for target in self.targets],
        }


def make_plan(matrix: Matrix, options: Options, probe: Probe) -> Plan:
    """Derive the plan of a run.

    Raises :class:`UsageError` for a selection, encoding or SDK that can't be, and
    :class:`UnavailableError` for an engine or SDK that is asked for and not there.
    """
    engine, note = _choose_engine(matrix, options, probe)
    targets, warnings = make_targets(matrix, options, probe)
    if engine == "host":
        _refuse_images(matrix, options, probe, targets)
    return Plan(
        matrix=matrix,
        targets=targets,
        engine=engine,
        smoke=options.smoke or matrix.file.defaults.smoke,
        notes=(note,),
        warnings=warnings,
    )


def make_targets(
    matrix: Matrix, options: Options, probe: Probe
) -> tuple[tuple[Target, ...], tuple[str, ...]]:
    """Derive the targets alone, and what a reader should be warned of.

    Raises as :func:`make_plan`, but asks for no engine.
    """
    releases = select(matrix.releases, options.only)
    chosen = _select(matrix, options, releases)
    warnings: list[str] = []
    for number, module in enumerate(matrix.file.module, 1):
        where = f"{matrix.path}: [[module]] {number} ({module.name})"
        warnings += prove(module.encoding, releases, where=where).warnings
    warnings += _idle_overrides(matrix)
    targets = tuple(
        variant
        for module, release, platform in chosen
        for variant in _variants(
            _target(matrix, options, probe, module, release, platform), options.sanitize
        )
    )
    _refuse_one_for_all(matrix, targets)
    smoke = options.smoke or matrix.file.defaults.smoke
    if smoke == "inspect" and options.sanitize:
        raise UsageError("--sanitize finds what happens when a module runs; use --smoke run")
    if smoke == "agent":
        _refuse_agents(matrix, options, targets)
    stubs = {t.release for t in targets if t.sdk == "stub" and t.skip is None}
    if stubs:
        warnings.append(
            f"stub SDK for {len(stubs)} of {len(releases)} releases: it proves that a module fits "
            "the interface; the libraries are named .stub.so and are never for shipping; get the "
            "real ones with: nox -s sdk"
        )
    return targets, tuple(warnings)


def _refuse_agents(matrix: Matrix, options: Options, targets: tuple[Target, ...]) -> None:
    """Level ``agent`` starts programs, which only an installed Mesos has."""
    for target in targets:
        if target.skip is not None:
            continue
        if target.sdk in {"stub", "release"}:
            lacks = "which has no code of Mesos" if target.sdk == "stub" else "which has no agent"
            raise UsageError(
                f"smoke level 'agent' starts an installed Mesos, but {target.release} would be "
                f"built against a {target.sdk} SDK, {lacks}; use --sdk prefix or --sdk image, with "
                f"that key in [sdk] of {matrix.path} (such as prefix = "
                f'"{_EXAMPLES["prefix"]}"), or --smoke run'
            )
        if target.release < AGENT_BEGINS:
            raise UsageError(
                f"smoke level 'agent' begins at Mesos {AGENT_BEGINS}, and {target.release} is "
                "selected: before that an agent can't be told to do without control groups and "
                "namespaces; use --smoke run for it"
            )
    if options.sanitize:
        raise UsageError(
            "--sanitize: an installed agent is not built with a sanitizer, so it can't load what "
            "is; use --smoke run"
        )


def _refuse_images(
    matrix: Matrix, options: Options, probe: Probe, targets: tuple[Target, ...]
) -> None:
    """The host engine has no use for an image."""
    image = next((t.sdk_origin for t in targets if t.sdk == "image" and t.skip is None), None)
    if image is None:
        return
    if (options.engine or matrix.file.defaults.engine) == "host":
        raise UsageError(
            f"--sdk image builds in containers of {image}, which engine host does not start; use "
            "--engine docker, or --sdk prefix for a Mesos installed on this machine"
        )
    raise UnavailableError(
        f"--sdk image builds in containers of {image}, and no Docker daemon answers "
        f"({probe.docker_detail}); start one, or set DOCKER_HOST"
    )


def _refuse_one_for_all(matrix: Matrix, targets: tuple[Target, ...]) -> None:
    """An installed Mesos is one release, so the same can't serve several."""
    taken: dict[tuple[SdkKind, str], Release] = {}
    for target in targets:
        if target.skip is not None or target.sdk_origin is None:
            continue
        other = taken.setdefault((target.sdk, target.sdk_origin), target.release)
        if other != target.release:
            raise UsageError(
                f"{matrix.path}: [sdk]: key {target.sdk!r}: {target.sdk_origin} can't be both "
                f"{other} and {target.release}; write {RELEASE_PLACEHOLDER} where the release "
                f"stands, or select one with --only"
            )


def _idle_overrides(matrix: Matrix) -> list[str]:
    return [
        f"{matrix.path}: [[override]] {number} ({override.match}): matches no release of the matrix"
        for number, override in enumerate(matrix.file.override, 1)
        if not any(release.matches(override.match) for release in matrix.releases)
    ]


def _choose_engine(matrix: Matrix, options: Options, probe: Probe) -> tuple[EngineName, str]:
    choice = options.engine or matrix.file.defaults.engine
    match choice:
        case "docker":
            if not probe.docker:
                raise UnavailableError(
                    f"engine docker: no daemon answers: {probe.docker_detail}; start one, set "
                    "DOCKER_HOST, or use --engine host"
                )
            return "docker", f"engine docker: {probe.docker_detail}"
        case "host":
            return "host", "engine host: as asked for; it is no sandbox"
        case "auto" if probe.docker:
            return "docker", f"engine docker: {probe.docker_detail}"
        case "auto":
            why = f"no Docker daemon answers ({probe.docker_detail})"
            return "host", f"engine host: {why}; it is no sandbox"


def _choose_sdk(
    matrix: Matrix, options: Options, probe: Probe, module: Module, release: Release
) -> SdkKind:
    choice = options.sdk or matrix.file.defaults.sdk
    best: SdkKind = "release" if release in probe.release_sdks else "stub"
    kind = best if choice == "auto" else choice
    if kind == "stub" and (release < STUB_BEGINS or release not in FINAL_RELEASES):
        known = [str(r) for r in FINAL_RELEASES if r >= STUB_BEGINS]
        # To the eye of difflib 0.27.3 is as near to 0.24.3 as 0.24.2 is.
        near = [text for text in known if text.startswith(f"{release.major}.{release.minor}.")]
        hint = did_you_mean(str(release), near or known)
        if release < STUB_BEGINS:
            hint = "; leave it out: older ones do not install what a module includes"
        elif release > FINAL_RELEASES[-1] and not near:
            # No slip of the pen: the next minor version of Mesos looks like this.
            hint = (
                "; a newer one is built with --sdk release, or left out with "
                f"--only '<={known[-1]}'"
            )
        raise UsageError(
            f"{matrix.path}: key 'releases': no interface stubs for Mesos {release}: the table has "
            f"the final releases {known[0]} to {known[-1]}{hint}"
        )
    if kind == "stub" and module.protos:
        raise UnavailableError(
            f"{matrix.path}: [[module]] {module.name}: key 'protos': a stub SDK has no protoc; "
            f"get the real one with: python -m buildkit sdk --only {release}"
        )
    if kind == "release" and release < RELEASE_SDK_BEGINS:
        raise UsageError(
            f"{matrix.path}: key 'releases': no release SDK for Mesos {release}: they begin at "
            f"{RELEASE_SDK_BEGINS}; use --sdk stub for it"
        )
    return kind


_EXAMPLES = {"image": "registry/mesos-dev:{release}", "prefix": "/opt/mesos/{release}"}


def _sdk_origin(matrix: Matrix, kind: SdkKind, release: Release) -> str | None:
    table = matrix.file.sdk
    match kind:
        case "image":
            template = table.image
        case "prefix":
            template = table.prefix
        case "release" | "stub":
            return None
    if template is None:
        raise UsageError(
            f"{matrix.path}: [sdk]: key {kind!r} is needed for --sdk {kind}, such as "
            f'{kind} = "{_EXAMPLES[kind]}"'
        )
    text = template.replace(RELEASE_PLACEHOLDER, str(release))
    return text if kind == "image" else str(matrix.root / text)


def target_names(matrix: Matrix, options: Options) -> tuple[str, ...]:
    """The names of the targets that are selected, whatever it would take to build them.

    Raises :class:`UsageError` for a selection that can't be.
    """
    releases = select(matrix.releases, options.only)
    return tuple(_name(*parts) for parts in _select(matrix, options, releases))


def _name(module: Module, release: Release, platform: Platform) -> str:
    return f"{module.name}/{release}/{platform.name}"


def _select(
    matrix: Matrix, options: Options, releases: Sequence[Release]
) -> list[tuple[Module, Release, Platform]]:
    _refuse_unknown("platform", options.platforms, [p.name for p in matrix.file.platform])
    _refuse_unknown("module", options.modules, [module.name for module in matrix.file.module])
    chosen = [
        (module, release, platform)
        for module in matrix.file.module
        if not options.modules or module.name in options.modules
        for release in releases
        for platform in platforms_of(matrix, module, release)
        if not options.platforms or platform.name in options.platforms
    ]
    if not chosen:
        raise UsageError(
            f"--platform {', '.join(options.platforms)}: none of the selected releases is built on "
            "it"
        )
    return chosen


def _refuse_unknown(what: str, asked: Sequence[str], known: Sequence[str]) -> None:
    for name in asked:
        if name not in known:
            raise UsageError(
                f"--{what} {name}: the matrix has no such {what}{did_you_mean(name, known)}; it "
                f"has {', '.join(known)}"
            )


def platforms_of(matrix: Matrix, module: Module, release: Release) -> list[Platform]:
    """The platforms to build on: the last override that names one decides."""
    chosen = None
    for override in matrix.file.override:
        concerned = override.modules is None or module.name in override.modules
        if override.platform is not None and concerned and release.matches(override.match):
            chosen = override.platform
    return [p for p in matrix.file.platform if chosen in {None, p.name}]


def compiler_flags(
    matrix: Matrix, module: Module, release: Release, platform: Platform
) -> tuple[str, ...]:
    """What a module's sources are compiled with, without the version's flag and the SDK's."""
    overrides = matrix.overrides(release, module.name, platform.name)
    return (
        *STANDARD_FLAGS,
        *_shared_flags(platform),
        *module.flags,
        *(flag for override in overrides for flag in override.flags),
    )


def _shared_flags(platform: Platform) -> tuple[str, ...]:
    # The compiler's default, where it has the choice, is the present std::string.
    abi = () if platform.cxx11_abi else (f"-D{CXX11_ABI_MACRO}=0",)
    return (*abi, *platform.flags)


def _target(  # noqa: PLR0913, PLR0917
    matrix: Matrix,
    options: Options,
    probe: Probe,
    module: Module,
    release: Release,
    platform: Platform,
) -> Target:
    flags: list[str] = []
    env: dict[str, str] = {}
    patches: list[Patch] = []
    skip: str | None = None
    expect: Expectation | None = None
    for override in matrix.overrides(release, module.name, platform.name):
        flags += override.flags
        env |= override.env
        patches += [matrix.patches[name] for name in override.patches]
        skip = override.skip or skip
        if override.reason and override.stage and override.pattern:
            expect = Expectation(
                reason=override.reason, stage=override.stage, pattern=override.pattern
            )
    # What is left out needs no SDK, so it may well be one that can't be had.
    sdk: SdkKind = "stub" if skip else _choose_sdk(matrix, options, probe, module, release)
    return Target(
        module=module,
        release=release,
        platform=platform,
        sdk=sdk,
        sdk_origin=_sdk_origin(matrix, sdk, release),
        version_flag=module.encoding.flag(release),
        flags=compiler_flags(matrix, module, release, platform),
        override_flags=tuple(flags),
        harness_flags=_shared_flags(platform),
        env=env,
        patches=tuple(patches),
        folder=_folder(matrix, module, release, platform),
        skip=skip,
        expect=expect,
    )


def sanitizer_flags(sanitizer: Sanitizer | None) -> tuple[str, ...]:
    """What compiling for a sanitizer takes."""
    return (f"-fsanitize={sanitizer}", "-fno-omit-frame-pointer") if sanitizer else ()


def _variants(target: Target, sanitizers: tuple[Sanitizer, ...]) -> list[Target]:
    """The target itself, or one with each sanitizer instead."""
    if not sanitizers:
        return [target]
    return [
        replace(
            target,
            sanitizer=sanitizer,
            flags=(*target.flags, *flags),
            harness_flags=(*target.harness_flags, *flags),
            folder=target.folder.with_name(f"{target.folder.name}+{sanitizer}"),
            # Its first report is about the cause; after it memory may be spoilt.
            env={"TSAN_OPTIONS": "halt_on_error=1", **target.env},
            # What is wrong in some other way is for a plain build to say.
            expect=None,
            skip=target.skip or (target.expect.reason if target.expect else None),
        )
        for sanitizer in sanitizers
        for flags in [sanitizer_flags(sanitizer)]
    ]


def _folder(matrix: Matrix, module: Module, release: Release, platform: Platform) -> PurePosixPath:
    """The first module and platform keep the short path, so adding a second moves nothing."""
    name = str(release)
    if platform.name != matrix.file.platform[0].name:
        name += f"-{platform.name}"
    folder = PurePosixPath(name)
    if module.name != matrix.file.module[0].name:
        folder = PurePosixPath(module.name) / folder
    return folder
