"""matrix.toml: which modules to build, for which Mesos releases, on which platforms.

The models below are the schema; ``matrix.schema.json`` beside this file is made from them, for
editors. Everything a person can get wrong in the file is found here, before anything is started.
"""

import fnmatch
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from buildkit.encoding import Encoding
from buildkit.errors import UsageError
from buildkit.modelerrors import explain
from buildkit.patches import Patch, Pattern, RelativePath, load_patch
from buildkit.releases import Release, did_you_mean, expand
from buildkit.smoke.abi import FloorKey
from buildkit.smoke.checks import SmokeLevel as SmokeLevel  # noqa: PLC0414  # a word of this file
from buildkit.specifiers import Specifier
from buildkit.tomlfile import read_toml

SdkKind = Literal["release", "image", "prefix", "stub"]
SdkChoice = Literal["auto", "release", "image", "prefix", "stub"]
EngineChoice = Literal["auto", "docker", "host"]
Stage = Literal["sdk", "build", "smoke"]

# Names become parts of file names, image tags and nox session names.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)]
# A name that looked like a release would stand in for it.
GroupName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$", max_length=64)]
Package = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]+$")]
Text = Annotated[str, Field(min_length=1)]
Flag = Annotated[str, Field(pattern=r"^[^\n\x00]+$")]

CXX11_ABI_MACRO = "_GLIBCXX_USE_CXX11_ABI"
"""libstdc++'s macro that chooses between its two forms of std::string and std::list."""


EnvironmentName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


def _ours_alone(path: str) -> str:
    if ".." in path.split("/") or PurePosixPath(path).is_relative_to("/work"):
        raise ValueError("must be without '..', and not in /work, where the test itself is")
    return path


AbsolutePath = Annotated[str, Field(pattern=r"^/[A-Za-z0-9_][^:\s]*$"), AfterValidator(_ours_alone)]
# It is printed as part of a shell's command, and of a URL without any escapes.
InstallFolder = Annotated[
    str, Field(pattern=r"^(?:/[A-Za-z0-9_+-][A-Za-z0-9_.+-]*)+$", max_length=1024)
]
Sanitizer = Literal["address", "thread"]
Url = Annotated[str, Field(pattern=r"^https?://[^\s?#]+$")]

RELEASE_PLACEHOLDER = "{release}"


def _only_release(text: str) -> str:
    if set("{}").intersection(text.replace(RELEASE_PLACEHOLDER, "")):
        raise ValueError(f"the only placeholder is {RELEASE_PLACEHOLDER}, not what {text!r} has")
    return text


PerRelease = Annotated[str, AfterValidator(_only_release)]
"""A text with a place for the release."""


class _Table(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=lambda name: name.replace("_", "-"),
        use_attribute_docstrings=True,
    )


class Smoke(_Table):
    """How a module is driven at smoke levels ``run`` and ``agent``."""

    scenario: Literal["lifecycle", "docker-volume"] = "lifecycle"
    """``lifecycle`` fits every isolator; ``docker-volume`` checks each mount and unmount."""
    parameters: dict[Text, str] = {}
    """Parameters for the module's create(), beside those the scenario itself sets."""
    environment: dict[EnvironmentName, str] = {}
    """Environment of the task in scenario ``lifecycle``; "{stand-in}" in it is a program that
    stands in for dvdcli, "{work}" the test's own folder."""
    root: bool = False
    """Whether it insists on being root. The test then is, without any of root's capabilities."""
    writes: tuple[AbsolutePath, ...] = ()
    """Folders of the system that it writes to whatever it is told; the test has its own."""


class FurtherIsolator(_Table):
    """An isolator of Mesos's own that a module counts on."""

    match: Specifier
    """PEP 440 specifier of the releases concerned, such as "<0.23"."""
    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+/[a-z0-9_]+$")]
    """As --isolation names it, such as "filesystem/shared"."""
    why: Text
    """What the module counts on it for."""


class Deploy(_Table):
    """How agents are told to use a module: what ``deploy`` prints and ``release`` packs."""

    libraries: InstallFolder = "/usr/lib/mesos/modules"
    """Folder on the agents that libraries are put into."""
    manifests: InstallFolder = "/etc/mesos/modules"
    """Folder on the agents for the JSON that --modules or --modules_dir names; nothing else
    belongs into it."""
    parameters: dict[Text, str] = {}
    """Parameters for the module's create()."""
    isolators: tuple[FurtherIsolator, ...] = ()
    """Isolators of Mesos's own that it counts on, by release."""
    state: InstallFolder | None = None
    """Folder on the agents in which the module keeps what it must know after a restart."""


class Module(_Table):
    """One C++ Mesos module."""

    name: Name
    """Becomes lib<name>-<version>+mesos-<release>.so."""
    version: Name
    """The module's own version."""
    symbol: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    """The exported module descriptor: the name that --modules uses."""
    kind: Literal["Isolator"] = "Isolator"
    """The module's kind, as its descriptor says."""
    source: Text | None = None
    """Folder of the sources, relative to the matrix file."""
    git: Text | None = None
    """URL of a git repository with the sources, instead of ``source``."""
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = None
    """Full commit ID in that repository: a branch would build something else tomorrow."""
    subpath: RelativePath | None = None
    """Folder of the sources within that repository."""
    sources: Annotated[tuple[RelativePath, ...], Field(min_length=1)] = ("*.cpp", "src/*.cpp")
    """Globs of the files to compile, relative to the source folder."""
    common_sources: tuple[RelativePath, ...] = ()
    """Globs of files that use neither Mesos nor its version: compiled once for all releases."""
    protos: tuple[RelativePath, ...] = ()
    """Globs of .proto files, compiled with the release's own protoc; none in a stub SDK."""
    include: tuple[RelativePath, ...] = ()
    """Folders for #include, relative to the source folder."""
    build: Text | None = None
    """Shell command that builds $LIBRARY instead, with $CXX, $CXXFLAGS and $LDFLAGS set."""
    license: Text | None = None
    """SPDX identifier or expression of the module's own licence, such as "Apache-2.0"."""
    license_files: tuple[RelativePath, ...] = ()
    """The licence's text, relative to the matrix file; default: what is called LICENSE, COPYING or
    NOTICE at the top of the sources."""
    encoding: Encoding = Encoding.OCTAL
    """How MESOS_VERSION_INT is written."""
    flags: tuple[Flag, ...] = ()
    """Further compiler flags."""
    link_flags: tuple[Flag, ...] = ()
    """Further flags for linking the library."""
    packages: tuple[Package, ...] = ()
    """Packages of the platform's distribution that its build needs."""
    smoke: Smoke = Smoke()
    """How it is driven at smoke levels run and agent."""
    deploy: Deploy = Deploy()
    """How agents are told to use it."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.source is None) == (self.git is None):
            raise ValueError("exactly one of 'source' and 'git' is needed")
        if self.git is not None and self.revision is None:
            raise ValueError("'git' needs 'revision', a full commit ID")
        if self.git is None and (self.revision is not None or self.subpath is not None):
            raise ValueError("'revision' and 'subpath' go with 'git'")
        if self.build is not None and (self.common_sources or self.protos):
            raise ValueError(
                "'common-sources' and 'protos' have no meaning with a 'build' command, which finds "
                "protoc as $PROTOC"
            )
        return self


class BootstrapTable(_Table):
    """How to make the base image from the distribution's archive if no registry answers."""

    suite: Name
    """Debian suite, such as bookworm."""
    mirror: Text | None = None
    """The archive's URL; default: the bootstrapper's own."""


class Platform(_Table):
    """A base image, its compiler and its CPU architecture."""

    name: Name
    """Names it in overrides, reports and folders."""
    base: Text
    """Image that the builds run on."""
    compiler: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9+_.-]*$")] = "g++"
    """The C++ compiler's command."""
    architecture: Literal["amd64", "arm64"] = "amd64"
    """The CPU architecture, by Docker's name."""
    packages: tuple[Package, ...] = ("g++",)
    """Packages of the distribution, the compiler's included."""
    flags: tuple[Flag, ...] = ()
    """Compiler flags for everything built on this platform."""
    cxx11_abi: Annotated[bool, Field(alias="cxx11_abi", strict=True)] = True
    """Whether agents have the std::string of gcc 5 and later; false for those of the era before."""
    floor: FloorKey | None = None
    """The oldest system that libraries must load on: a name such as "debian11", or the newest
    versions that it has; default: none, they are reported only."""
    bootstrap: BootstrapTable | None = None
    """How to make the base image where no registry answers; default: not at all."""

    @field_validator("flags")
    @classmethod
    def _abi_has_a_key(cls, flags: tuple[str, ...]) -> tuple[str, ...]:
        for flag in flags:
            if CXX11_ABI_MACRO in flag:
                # The SDK's runtime and the checks have to know of it as well.
                raise ValueError(f"{flag!r}: write cxx11_abi = false, or leave it out for true")
        return flags


class Override(_Table):
    """What is different for some releases. Overrides that match add up, in file order."""

    match: Specifier
    """PEP 440 specifier of the releases concerned, such as "<0.24"."""
    modules: tuple[Name, ...] | None = None
    """Only for these modules; default: all."""
    platforms: tuple[Name, ...] | None = None
    """Only on these platforms; default: all."""
    flags: tuple[Flag, ...] = ()
    """Further compiler flags."""
    env: dict[EnvironmentName, str] = {}
    """Environment of the build and smoke steps."""
    patches: tuple[Text, ...] = ()
    """Diffs and rule files, relative to the matrix file, applied in order."""
    platform: Name | None = None
    """Build these releases on this platform only."""
    skip: Text | None = None
    """Why these releases are left out."""
    expect: Literal["fail"] | None = None
    """The target is known to fail; passing is then an error."""
    reason: Text | None = None
    """Why it is expected to fail."""
    stage: Stage | None = None
    """The stage it must fail in."""
    pattern: Pattern | None = None
    """Python regular expression that its log must contain."""

    @model_validator(mode="after")
    def _whole_expectation(self) -> Self:
        parts = {"reason": self.reason, "stage": self.stage, "pattern": self.pattern}
        if self.expect is not None:
            missing = [name for name, value in parts.items() if value is None]
            if missing:
                raise ValueError(f"expect = 'fail' also needs {', '.join(missing)}")
        elif any(value is not None for value in parts.values()):
            raise ValueError("reason, stage and pattern go with expect = 'fail'")
        if self.expect is not None and self.skip is not None:
            raise ValueError("skip and expect exclude each other")
        return self


class Defaults(_Table):
    """What a run does unless its command line says otherwise."""

    sdk: SdkChoice = "auto"
    """What to compile against; auto is release if it is in the cache, otherwise stub."""
    engine: EngineChoice = "auto"
    """Where to build; auto is docker if a daemon answers, otherwise host."""
    smoke: SmokeLevel = "run"
    """How far to test; each level includes the one before. agent needs an installed Mesos."""
    memory_per_job: ByteSize = ByteSize(3 * 1024**3 // 2)
    """Memory to allow for each parallel job, and each step's limit, such as "1GiB"."""
    seconds_per_step: Annotated[float, Field(gt=0, strict=True, allow_inf_nan=False)] = 900.0
    """Time limit of one step of one target, in seconds."""
    processes_per_step: Annotated[int, Field(ge=16, strict=True)] = 256
    """Limit of processes and threads in one step."""
    cache_size: ByteSize = ByteSize(4 * 1024**3)
    """Size that the result cache is kept below, such as "4GiB"."""


class ArchivesTable(_Table):
    """Where the releases' official source archives come from."""

    url: Url = "https://archive.apache.org/dist/mesos"
    """Below it: <release>/mesos-<release>.tar.gz."""
    mirrors: tuple[Url, ...] = ()
    """Tried in this order where ``url`` fails."""


class SdkTable(_Table):
    """Where SDKs come from that are there already; ``{release}`` stands for the Mesos release."""

    image: Annotated[PerRelease, Field(pattern=r"^[^\s@:/-]\S*$")] | None = None
    """For --sdk image: an image with a compiler, Mesos's headers and libmesos, such as
    "registry/mesos-dev:{release}"."""
    prefix: Annotated[PerRelease, Field(pattern=r"^[^\n\x00]+$")] | None = None
    """For --sdk prefix: the folder that Mesos is installed in, such as "/opt/mesos/{release}",
    relative to the matrix file."""


DEBIAN_12 = Platform(
    name="debian12",
    base="debian:bookworm-slim",
    bootstrap=BootstrapTable(suite="bookworm"),
)


class MatrixFile(_Table):
    """The whole of matrix.toml."""

    model_config = ConfigDict(title="matrix.toml of mesos-buildkit")

    releases: Annotated[tuple[Text, ...], Field(min_length=1)]
    """Mesos releases, and names of groups of them."""
    groups: dict[GroupName, Annotated[tuple[Text, ...], Field(min_length=1)]] = {}
    """Named lists of releases."""
    defaults: Defaults = Defaults()
    """What a run does unless its command line says otherwise."""
    archives: ArchivesTable = ArchivesTable()
    """Where the releases' official source archives come from."""
    sdk: SdkTable = SdkTable()
    """Where SDKs come from that are there already."""
    module: Annotated[tuple[Module, ...], Field(min_length=1)]
    """The modules to build; the first keeps the short paths below dist/."""
    platform: Annotated[tuple[Platform, ...], Field(min_length=1)] = (DEBIAN_12,)
    """The platforms to build on; the first keeps the short paths. Default: Debian 12."""
    override: tuple[Override, ...] = ()
    """What is different for some releases."""

    @field_validator("module", "platform")
    @classmethod
    def _named_once(cls, tables: tuple[Module | Platform, ...]) -> Any:
        seen: set[str] = set()
        for table in tables:
            # Compared without case: the names are file names, on some systems without case.
            if table.name.lower() in seen:
                raise ValueError(f"the name {table.name!r} is used twice")
            seen.add(table.name.lower())
        return tables


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """A matrix file that has been read, with the files it names found and checked."""

    path: Path
    """The file, as the user named it."""
    root: Path
    """Its folder, absolute: what relative paths in it start from."""
    file: MatrixFile
    releases: tuple[Release, ...]
    """Oldest first."""
    patches: Mapping[str, Patch]
    """Every patch that an override names, by that name."""

    def overrides(self, release: Release, module: str, platform: str) -> Iterable[Override]:
        """The overrides that hold for one target, in file order."""
        for override in self.file.override:
            if (
                release.matches(override.match)
                and (override.modules is None or module in override.modules)
                and (override.platforms is None or platform in override.platforms)
            ):
                yield override


def load_matrix(path: Path) -> Matrix:
    """Read and check a matrix file and the patches it names.

    Raises :class:`UsageError` whose message names file, table, key and, if one is near, the right
    name.
    """
    raw = read_toml(path)
    name = str(path)
    try:
        file = MatrixFile.model_validate(raw)
    except ValidationError as error:
        raise UsageError(explain(error, MatrixFile, file=name, raw=raw)) from None
    root = path.resolve().parent
    try:
        releases = expand(file.releases, file.groups)
    except UsageError as error:
        raise UsageError(f"{name}: key 'releases': {error}") from None
    for group in file.groups:
        try:
            expand((group,), file.groups)
        except UsageError as error:
            raise UsageError(f"{name}: [groups]: key {group!r}: {error}") from None
    _check_module_folders(file, root, name)
    _check_override_names(file, name)
    patches = _load_patches(file, root, name)
    return Matrix(path=path, root=root, file=file, releases=releases, patches=patches)


def json_schema() -> str:
    """The JSON Schema of matrix.toml, as ``matrix.schema.json`` holds it."""
    schema = MatrixFile.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def _check_module_folders(file: MatrixFile, root: Path, name: str) -> None:
    for number, module in enumerate(file.module, 1):
        where = f"{name}: [[module]] {number} ({module.name})"
        if module.source is None:
            continue
        folder = root / module.source
        if not _is_folder(folder):
            raise UsageError(
                f"{where}: key 'source': no folder {module.source!r} beside the matrix file"
            )
        if module.build is None:
            paths = [p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()]
            if not any(fnmatch.fnmatchcase(p, glob) for p in paths for glob in module.sources):
                raise UsageError(
                    f"{where}: key 'sources': no file below {module.source!r} matches "
                    f"{', '.join(module.sources)}"
                )


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long, a folder above that can't be searched
        return False


def _check_override_names(file: MatrixFile, name: str) -> None:
    modules = [module.name for module in file.module]
    platforms = [platform.name for platform in file.platform]
    for number, override in enumerate(file.override, 1):
        where = f"{name}: [[override]] {number} ({override.match})"
        for key, used, known in (
            ("modules", override.modules or (), modules),
            ("platforms", override.platforms or (), platforms),
            ("platform", (override.platform,) if override.platform else (), platforms),
        ):
            for word in used:
                if word not in known:
                    raise UsageError(
                        f"{where}: key {key!r}: there is no {key.rstrip('s')} {word!r}"
                        f"{did_you_mean(word, known)}"
                    )


def _load_patches(file: MatrixFile, root: Path, name: str) -> dict[str, Patch]:
    patches: dict[str, Patch] = {}
    for number, override in enumerate(file.override, 1):
        for patch in override.patches:
            if patch not in patches:
                try:
                    patches[patch] = load_patch(patch, root)
                except UsageError as error:
                    raise UsageError(
                        f"{name}: [[override]] {number} ({override.match}): key 'patches': {error}"
                    ) from None
    return patches
