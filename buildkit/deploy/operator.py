"""The operator's steps for one library: install, switch on, upgrade, roll back. Pure."""

import json
import shlex
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePosixPath
from typing import Any

from buildkit.deploy.agent import (
    AgentFlags,
    agent_flags,
    drain_ways,
    library_file,
    modules_file,
    modules_json,
    recovery_minutes,
)
from buildkit.matrix import Module
from buildkit.releases import Release
from buildkit.results.manifest import ArtifactRecord, TargetRecord


@dataclass(frozen=True, kw_only=True)
class Steps:
    """What to do on an agent whose containers have volumes mounted."""

    keep: tuple[str, ...]
    """Change the module while the containers run on."""
    drain: tuple[str, ...]
    """Empty the agent first."""
    roll_back: tuple[str, ...]
    """Go back to the library that was there before."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """All that an operator needs to use one library on agents of its release."""

    target: TargetRecord
    artifact: ArtifactRecord
    library: PurePosixPath
    """Where it belongs on the agent."""
    manifest: PurePosixPath
    """Where the modules JSON belongs on the agent."""
    modules: dict[str, Any]
    """What that file says."""
    agent: AgentFlags
    steps: Steps

    @property
    def shippable(self) -> bool:
        """Whether it may go onto an agent: a library against a stub may not."""
        return self.target.sdk != "stub"

    @property
    def modules_text(self) -> str:
        """The text of the modules JSON."""
        return json.dumps(self.modules, indent=2) + "\n"


def make_deployment(
    module: Module,
    target: TargetRecord,
    artifact: ArtifactRecord,
    present: tuple[str, ...] | None = None,
) -> Deployment:
    """What to do with ``artifact``, the library of ``target``.

    ``present`` is what --isolation of the agents says now. Raises :class:`UsageError` as
    :func:`buildkit.deploy.agent.agent_flags` does.
    """
    release = Release.parse(target.release)
    library = library_file(module, PurePosixPath(artifact.path).name)
    flags = agent_flags(module, release, present)
    return Deployment(
        target=target,
        artifact=artifact,
        library=library,
        manifest=modules_file(module),
        modules=modules_json(module, library),
        agent=flags,
        steps=_steps(module, release, flags, library),
    )


def install_commands(deployment: Deployment, source: str) -> tuple[str, ...]:
    """Shell commands for the agent that put the library in its place and check it.

    ``source`` is where it lies now. Nothing is ever written over a library that is there: a running
    agent has it mapped.
    """
    library = str(deployment.library)
    return (
        f"install -d -m 0755 {deployment.library.parent} {deployment.manifest.parent}",
        f"test -e {library} || install -m 0644 {shlex.quote(source)} {library}",
        f"echo '{deployment.artifact.sha256}  {library}' | sha256sum -c",
    )


def _steps(module: Module, release: Release, flags: AgentFlags, library: PurePosixPath) -> Steps:
    text = resources.files("buildkit.deploy").joinpath("steps.toml").read_text(encoding="utf-8")
    manifest = modules_file(module)
    state = module.deploy.state
    words = {
        "word": flags.word,
        "library": library,
        "manifest": manifest,
        "name": manifest.name,
        "minutes": recovery_minutes(),
        "remembers": f"the module's list of mounts in {state}"
        if state
        else "what the module keeps of its mounts (its own documentation says where)",
        "empty": f"{state} lists none as mounted" if state else "see the module's documentation",
    }
    steps = {
        name: tuple(line.format(**words) for line in lines)
        for name, lines in tomllib.loads(text).items()
    }
    return Steps(
        keep=steps["keep"],
        drain=(*drain_ways(release), *steps["drain"]),
        roll_back=steps["roll_back"],
    )
