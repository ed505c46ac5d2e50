"""Smoke level ``agent``: which programs of a release it starts, and with which flags. Pure.

The flags are data, in ``agent.toml``; the harness fills in what is known only when it runs.
"""

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from buildkit.errors import TargetError
from buildkit.releases import Release
from buildkit.specifiers import Specifier

Role = Literal["master", "agent", "execute"]
"""What a program of Mesos is for."""
ROLES: tuple[Role, ...] = get_args(Role)

FOLDERS = ("sbin", "bin")
"""Where an installation has its programs, below its prefix."""
LAUNCHER = "libexec/mesos"
"""Where it has those that an agent starts for each container."""
_CONTAINERIZER = "mesos-containerizer"


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    match: Specifier = Field(description="PEP 440 specifier of the releases that it is for.")
    why: str = Field(min_length=1)


class Flags(_Row):
    """A part of some releases' command line."""

    flags: tuple[str, ...] = Field(min_length=1)


class ProgramNames(_Row):
    """What some releases call their programs."""

    master: str | None = None
    agent: str | None = None
    execute: str | None = None

    def of(self, role: Role) -> str | None:
        """The program's name, if this table has it."""
        match role:
            case "master":
                return self.master
            case "agent":
                return self.agent
            case "execute":
                return self.execute


class AgentData(BaseModel):
    """The file ``agent.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    master: tuple[Flags, ...]
    agent: tuple[Flags, ...]
    execute: tuple[Flags, ...]
    program: tuple[ProgramNames, ...]

    def flags(self, role: Role, release: Release) -> tuple[str, ...]:
        """The arguments of a program of ``release``, placeholders and all."""
        rows: tuple[Flags, ...] = getattr(self, role)
        return tuple(flag for row in rows if release.matches(row.match) for flag in row.flags)

    def name(self, role: Role, release: Release) -> str:
        """What ``release`` calls a program."""
        rows = (row for row in self.program if release.matches(row.match))
        return next(name for row in rows if (name := row.of(role)) is not None)


@cache
def agent_data() -> AgentData:
    """The data that come with this package."""
    text = (resources.files("buildkit.smoke") / "agent.toml").read_text(encoding="utf-8")
    return AgentData.model_validate(tomllib.loads(text))


def choose_programs(where: str, files: Iterable[str], release: Release) -> Mapping[Role, str]:
    """The programs to start, among the ``files`` of an installation (POSIX, below its prefix).

    Raises :class:`TargetError` that names those it lacks.
    """
    present = set(files)
    data = agent_data()
    names = {role: data.name(role, release) for role in ROLES}
    found: dict[Role, str] = {}
    for role, name in names.items():
        places = [f"{folder}/{name}" for folder in FOLDERS if f"{folder}/{name}" in present]
        if places:
            found[role] = places[0]
    missing = [f"{names[role]} in {' or '.join(FOLDERS)}" for role in ROLES if role not in found]
    if f"{LAUNCHER}/{_CONTAINERIZER}" not in present:
        missing.append(f"{_CONTAINERIZER} in {LAUNCHER}")
    if missing:
        raise TargetError(
            f"{where}: smoke level 'agent' starts a whole Mesos, and this one has no "
            f"{', no '.join(missing)}; install all of Mesos there, or use --smoke run"
        )
    return found


def is_program(path: PurePosixPath) -> bool:
    """Whether a file below a prefix may be one that an agent, or this level, starts."""
    names = {name for row in agent_data().program for role in ROLES if (name := row.of(role))}
    folder = path.parent.as_posix()
    return folder == LAUNCHER or (folder in FOLDERS and path.name in names)
