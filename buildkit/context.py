"""A target's context: the self-contained folder that its build needs, given the base image. Pure.

The engines run its scripts, and so does the Dockerfile in it, so ``docker build`` on the folder
ends in the same library without this tool.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

import jinja2

from buildkit import interfaces
from buildkit.encoding import version_header
from buildkit.errors import TargetError
from buildkit.files.tree import File, Tree, digest_of, matching, texts, tree_digest, under
from buildkit.flags import COMMON_HEADER, VERSION_HEADER, Flags, from_module, make_flags
from buildkit.matrix import SmokeLevel
from buildkit.patches import apply_patches, compatibility_headers
from buildkit.plan import Target
from buildkit.releases import neighbours_of
from buildkit.rendering import script_environment
from buildkit.sdk.model import Sdk
from buildkit.smoke.agent import ROLES, agent_data

HARNESS_SCRIPT = "harness.sh"
AGENT_SCRIPT = "agent.sh"
_AGENT_SECONDS = 60
"""For each thing that level ``agent`` waits for; on a busy machine a start may take ten."""
_SUPPRESSIONS = "thread.supp"
"""Races that are Mesos's own: among the smoke tests, and under that name in a context."""
_COMMON_HEADER_TEXT = """\
// Sources compiled once for all releases must not ask which release it is.
#pragma GCC poison MESOS_VERSION_INT MESOS_VERSION_AT_LEAST MESOS_VERSION
"""


@dataclass(frozen=True, kw_only=True)
class Context:
    """The parts of a context, apart from each other because they are cached apart."""

    target: Target
    sdk: Sdk
    module: Tree
    """``module/``: the sources after patches."""
    common: Tree
    """``common.sh`` and what it sees: the sources that are the same for all releases."""
    harness_core: Tree
    """``harness/`` and what compiles the part of it that is the same for all releases."""
    rendered: Tree
    """What is made for this target's build: flags, exports, headers of our own, build.sh."""
    smoke: Tree
    """What compiles the harness for this release and runs it: harness.sh, smoke.sh, scenario.sh."""
    agent: Tree
    """What level ``agent`` adds to that; empty below it."""
    dockerfile: str

    @cached_property
    def common_digest(self) -> str:
        """SHA-256, in hex, over everything that shapes the common objects, but for the base."""
        return tree_digest(self.common)

    @cached_property
    def build_digest(self) -> str:
        """SHA-256, in hex, over everything that shapes the library, but for the base."""
        return digest_of(
            *(tree_digest(self.module), tree_digest(self.rendered)),
            *(self.common_digest, self.sdk.digest),
        )

    @cached_property
    def harness_core_digest(self) -> str:
        """SHA-256, in hex, over what shapes the harness's common part, but for the base."""
        return tree_digest(self.harness_core)

    @cached_property
    def harness_digest(self) -> str:
        """SHA-256, in hex, over everything that shapes the compiled harness, but for the base."""
        script = {HARNESS_SCRIPT: self.smoke[HARNESS_SCRIPT]}
        return digest_of(self.harness_core_digest, tree_digest(script), self.sdk.digest)

    @cached_property
    def smoke_digest(self) -> str:
        """SHA-256, in hex, over everything that shapes the smoke test, but for library and base."""
        return digest_of(self.harness_digest, tree_digest(self.smoke), tree_digest(self.agent))

    def tree(self) -> dict[str, File]:
        """The whole folder. Makes the SDK's files, so it is not for asking what changed."""
        return {
            "Dockerfile": File(self.dockerfile.encode()),
            **self.module,
            **self.common,
            **self.harness_core,
            **self.rendered,
            **self.smoke,
            **self.agent,
            **self.sdk.tree(),
        }


def make_context(
    target: Target, sources: Tree, sdk: Sdk, *, base: str, smoke: SmokeLevel
) -> Context:
    """Put a context together.

    ``sources`` is the module's folder before patches; ``base`` the tag of the base image.

    Raises :class:`TargetError` for a patch that does not apply, or if nothing is left to compile.
    """
    module = apply_patches(sources, target.patches, target.release, "module")
    common = matching(module, target.module.common_sources)
    compiled = [path for path in matching(module, target.module.sources) if path not in common]
    if not compiled and target.module.build is None:
        raise TargetError(
            f"{target.name}: no source file matches {', '.join(target.module.sources)}"
        )
    protos = matching(module, target.module.protos)
    if target.module.protos and not protos:
        raise TargetError(f"{target.name}: no file matches {', '.join(target.module.protos)}")
    headers = compatibility_headers(target.patches, target.release)
    flags = make_flags(target, sdk, compatibility=bool(headers))
    folders = _common_folders(target, common)
    smoke_tree = _smoke_tree(target, sdk, flags)
    return Context(
        target=target,
        sdk=sdk,
        module=under("module", module),
        common=_common_tree(target, module, common, folders, flags),
        harness_core=_harness_core_tree(target, flags),
        smoke=smoke_tree,
        agent=_agent_tree(target) if smoke == "agent" else {},
        rendered={
            **_rendered_tree(target, compiled, protos, flags),
            **under("include/compat", headers),
        },
        dockerfile=_render(
            "Dockerfile.j2",
            target=target,
            base=base,
            # A stub's few headers lie open, and it alone needs nothing else to be smoke-tested.
            packed_sdk=sdk.kind != "stub",
            common_folders=folders,
            smoke_files=sorted(smoke_tree),
            # A plain 'docker build' has no agent to offer.
            smoke="run" if smoke == "agent" else smoke,
        ),
    )


def _common_folders(target: Target, common: list[str]) -> list[str]:
    """The folders that common sources may include from.

    Nothing else is there for them, so one that is not common after all does not compile, instead
    of missing a change.
    """
    folders = {PurePosixPath(path).parent.as_posix() for path in common}
    return sorted(folders | set(target.module.include)) if common else []


def _common_tree(
    target: Target, module: Tree, common: list[str], folders: list[str], flags: Flags
) -> dict[str, File]:
    script = _render("common.sh.j2", target=target, sources=common, flags=flags.common)
    return {
        "common.sh": File(script.encode()),
        COMMON_HEADER: File(_COMMON_HEADER_TEXT.encode()),
        **{
            f"module/{path}": file
            for path, file in module.items()
            if any(PurePosixPath(path).is_relative_to(folder) for folder in folders)
        },
    }


def _harness_core_tree(target: Target, flags: Flags) -> dict[str, File]:
    script = _render("harness-core.sh.j2", target=target, flags=flags.harness_core)
    return {**under("harness", _harness_sources()), "harness-core.sh": File(script.encode())}


def _smoke_tree(target: Target, sdk: Sdk, flags: Flags) -> dict[str, File]:
    harness = _render(
        "harness.sh.j2",
        target=target,
        flags=flags.harness,
        link=sdk.harness_link_flags,
        real_loader=sdk.real_loader,
    )
    suppressions = resources.files("buildkit") / "smoke" / _SUPPRESSIONS
    return texts(
        [
            (HARNESS_SCRIPT, harness),
            ("smoke.sh", _script("smoke.sh")),
            ("scenario.sh", _scenario(target, flags)),
            *([(_SUPPRESSIONS, suppressions.read_text())] if target.sanitizer == "thread" else []),
        ]
    )


def _scenario(target: Target, flags: Flags) -> str:
    return _render(
        "scenario.sh.j2",
        target=target,
        flags=flags.harness_core,
        suppressions=_SUPPRESSIONS,
        # By the table of releases, not by what else is being built: that must not matter here.
        neighbours=neighbours_of(target.release),
        api_version=interfaces.load().abi.api_version,
    )


def _agent_tree(target: Target) -> dict[str, File]:
    flags = {role: agent_data().flags(role, target.release) for role in ROLES}
    script = _render("agent.sh.j2", target=target, seconds=_AGENT_SECONDS, **flags)
    return {AGENT_SCRIPT: File(script.encode())}


def _rendered_tree(
    target: Target, compiled: list[str], protos: list[str], flags: Flags
) -> dict[str, File]:
    variables = _render(
        "flags.sh.j2",
        target=target,
        sources=compiled,
        protos=protos,
        messages=[f"gen/{PurePosixPath(path).with_suffix('.pb.cc')}" for path in protos],
        flags=flags,
        module_compile=[from_module(flag) for flag in flags.compile],
        module_link=[from_module(flag) for flag in flags.link],
    )
    return texts(
        [
            ("flags.sh", variables),
            ("build.sh", _script("build.sh")),
            ("exports.map", f"{{\n  global: {target.module.symbol};\n  local: *;\n}};\n"),
            (f"include/{VERSION_HEADER}", version_header(target.release, target.module.encoding)),
        ]
    )


@cache
def _environment() -> jinja2.Environment:
    environment = script_environment("buildkit")
    # For __DATE__ and __TIME__: any date at all (here 1980), as long as it is always the same.
    environment.globals["epoch"] = 315532800
    return environment


def _render(template: str, **values: object) -> str:
    return _environment().get_template(template).render(**values)


@cache
def _script(name: str) -> str:
    return (resources.files("buildkit") / "templates" / "scripts" / name).read_text()


@cache
def _harness_sources() -> Mapping[str, File]:
    return dict(_package_files(resources.files("buildkit") / "smoke" / "harness", ""))


def _package_files(folder: Traversable, prefix: str) -> list[tuple[str, File]]:
    files: list[tuple[str, File]] = []
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            files += _package_files(entry, f"{path}/")
        else:
            # A wheel does not keep the mode of data files, so the name has to say it.
            files.append((path, File(entry.read_bytes(), executable=path.endswith(".sh"))))
    return files
