"""How a Mesos agent is told of a module: the modules JSON and the flags, by release. Pure.

What differs between releases is data: ``agent.toml``, which names its sources.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import Any

from buildkit.errors import UsageError
from buildkit.matrix import Module
from buildkit.releases import Release
from buildkit.smoke.agent import agent_data


@dataclass(frozen=True, kw_only=True)
class AgentFlags:
    """How the agent of one release is started with a module."""

    program: str
    """The agent's program: mesos-slave or mesos-agent."""
    word: str
    """What the release's documentation calls it: slave or agent."""
    modules: str
    """Value of --modules."""
    modules_dir: str | None
    """Value of --modules_dir, which may be given instead; None before there was such a flag."""
    isolation: tuple[str, ...]
    """Value of --isolation, in order: what was there, what the module counts on, the module."""
    notes: tuple[str, ...]
    """What an operator should know of this release."""

    @property
    def arguments(self) -> tuple[str, ...]:
        """The flags as the program takes them."""
        return (f"--modules={self.modules}", f"--isolation={','.join(self.isolation)}")

    @property
    def environment(self) -> dict[str, str]:
        """The same for an agent that is configured by environment: MESOS_ before the name."""
        return {"MESOS_MODULES": self.modules, "MESOS_ISOLATION": ",".join(self.isolation)}


def modules_json(module: Module, library: PurePosixPath) -> dict[str, Any]:
    """What --modules takes, as data: the one library, the one module in it, its parameters.

    ``library`` is where it lies on the agent. Every release from 0.21.0 to 1.11.0 takes this form
    (``message Modules``, in src/messages/messages.proto, from 0.22.0 on in
    include/mesos/module/module.proto). ``file`` is used and not ``name``, which would be looked for
    on the loader's path as lib<name>.so.
    """
    entry: dict[str, Any] = {"name": module.symbol}
    if module.deploy.parameters:
        entry["parameters"] = [
            {"key": key, "value": value} for key, value in module.deploy.parameters.items()
        ]
    return {"libraries": [{"file": str(library), "modules": [entry]}]}


def modules_file(module: Module) -> PurePosixPath:
    """Where the modules JSON belongs on the agent."""
    return PurePosixPath(module.deploy.manifests) / f"{module.name}.json"


def library_file(module: Module, name: str) -> PurePosixPath:
    """Where a library of that file name belongs on the agent."""
    return PurePosixPath(module.deploy.libraries) / name


def agent_flags(
    module: Module, release: Release, present: Sequence[str] | None = None
) -> AgentFlags:
    """The flags that switch a module on.

    ``present`` is what the agent's --isolation says now; without it, the release's default.

    Raises :class:`UsageError` for a release older than the table, and for a ``present`` that no
    module can be added to.
    """
    facts = _facts()
    program = agent_data().name("agent", release)
    isolators = _present(facts, release, present)
    further = [one for one in module.deploy.isolators if release.matches(one.match)]
    isolators += [one.name for one in further]
    manifest = modules_file(module)
    folders = [row for row in facts["modules_dir"] if _holds(row, release)]
    notes = [row["text"].format(word=_word(release)) for row in _rows(facts["note"], release)]
    notes += [f"{one.name} {one.why}" for one in further]
    return AgentFlags(
        program=program,
        word=_word(release),
        # The form without file:// is deprecated since 0.22.0.
        modules=f"file://{manifest}",
        modules_dir=str(manifest.parent) if folders else None,
        isolation=tuple(dict.fromkeys((*isolators, module.symbol))),
        notes=tuple(notes),
    )


def drain_ways(release: Release) -> tuple[str, ...]:
    """How an agent of the release can be emptied of tasks."""
    return tuple(
        row["text"].format(word=_word(release)) for row in _rows(_facts()["drain"], release)
    )


def _word(release: Release) -> str:
    return agent_data().name("agent", release).removeprefix("mesos-")


def recovery_minutes() -> int:
    """How long executors wait for their agent unless --recovery_timeout is set, in minutes."""
    return int(_facts()["recovery"]["minutes"])


@cache
def _facts() -> dict[str, Any]:
    text = resources.files("buildkit.deploy").joinpath("agent.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _holds(row: Mapping[str, Any], release: Release) -> bool:
    until = row.get("until")
    return Release.parse(row["since"]) <= release and (
        until is None or release <= Release.parse(until)
    )


def _rows(rows: Iterable[Mapping[str, Any]], release: Release) -> list[Mapping[str, Any]]:
    return [row for row in rows if _holds(row, release)]


def _newest(rows: Iterable[Mapping[str, Any]], release: Release) -> Mapping[str, Any]:
    """The row that holds for a release."""
    found = _rows(rows, release)
    if not found:
        raise UsageError(f"{release}: agents that old are not known here; they begin at 0.21.0")
    return found[-1]


def _present(
    facts: Mapping[str, Any], release: Release, present: Sequence[str] | None
) -> list[str]:
    if present is None:
        return list(_newest(facts["isolation"], release)["isolators"])
    isolators = [word.strip() for word in present]
    if isolators == ["external"]:
        raise UsageError(
            "--isolation external: that is a containerizer of its own, which takes no isolators; "
            "expected a list such as cgroups/cpu,cgroups/mem"
        )
    for row in _rows(facts["short"], release):
        # With a module beside it, the short word would not be understood any more.
        if isolators == [row["word"]]:
            return list(row["isolators"])
    if not all(isolators):
        raise UsageError(
            "--isolation: there is an empty name in it; expected a list such as "
            "cgroups/cpu,cgroups/mem"
        )
    return isolators
