"""A Marathon application as a small TOML file, whatever the Marathon: the models are its schema.

What differs between Marathons (how a volume and a port are written) is :mod:`buildkit.deploy.app`.
Limits on names are those of Marathon's API and, for volumes, of the isolator in ``isolator/``.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from buildkit.errors import UsageError
from buildkit.modelerrors import explain
from buildkit.tomlfile import read_toml

VARIABLES = "DVDI_"
"""What the names of variables that ask for volumes begin with."""
MOST_VOLUMES = 10
"""The isolator's limit for one container: no suffix, and 1 to 9."""

_SEGMENT = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.ASCII)
_PATH = re.compile(r"[A-Za-z0-9_.@+:/-]{1,1024}", re.ASCII)


def _application_id(text: str) -> str:
    segments = text.removeprefix("/").split("/")
    if not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise ValueError(
            f"{text!r} is no application's ID: expected names of lower-case letters, digits, '-' "
            "and '.', separated by '/', such as /postgres"
        )
    return "/" + "/".join(segments)


def _container_path(text: str) -> str:
    parts = [part for part in text.split("/") if part]
    if not parts or not _PATH.fullmatch(text) or {".", ".."}.intersection(parts):
        raise ValueError(
            f"{text!r}: expected a path without '.' and '..', of letters, digits and _ . - / @ + :"
        )
    return text


VolumeName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$")]
OptionKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
OptionValue = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:/@+-]{1,255}$")]
Text = Annotated[str, Field(min_length=1)]
PortNumber = Annotated[int, Field(ge=0, le=65535, strict=True)]
Seconds = Annotated[int, Field(ge=0, strict=True)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Table(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=lambda name: name.replace("_", "-"),
        use_attribute_docstrings=True,
    )


class AppVolume(_Table):
    """A volume of a Docker volume driver."""

    name: VolumeName
    """The volume, as its driver knows it."""
    driver: VolumeName = "rexray"
    """The driver."""
    container_path: Annotated[str, AfterValidator(_container_path)]
    """Where the application sees it; relative to its sandbox, or absolute."""
    size: Annotated[int, Field(ge=1, strict=True)] | None = None
    """GiB, for a driver that makes the volume when it is first used."""
    options: Annotated[dict[OptionKey, OptionValue], Field(max_length=31)] = {}
    """The driver's own."""

    @field_validator("options")
    @classmethod
    def _size_has_a_key(cls, options: dict[str, str]) -> dict[str, str]:
        if "size" in options:
            raise ValueError("write size = ... beside it")
        return options


class AppPort(_Table):
    """A port on the agent's machine."""

    port: PortNumber = 0
    """Its number; 0 for one that Mesos offers."""
    name: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
    """The service's name."""


class AppHealthCheck(_Table):
    """How Marathon sees that an instance works."""

    protocol: Literal["HTTP", "HTTPS", "TCP", "COMMAND"]
    """What it speaks."""
    path: Text | None = None
    """For HTTP and HTTPS."""
    command: Text | None = None
    """For COMMAND."""
    port_index: Annotated[int, Field(ge=0, strict=True)] = 0
    """Which of the ports, counted from 0."""
    grace_period_seconds: Seconds = 300
    """How long failures count for nothing after the start."""
    interval_seconds: Seconds = 30
    """Between two checks."""
    timeout_seconds: Seconds = 10
    """For one check."""
    max_consecutive_failures: Annotated[int, Field(ge=0, strict=True)] = 3
    """After which the instance is killed."""

    @model_validator(mode="after")
    def _fits_protocol(self) -> Self:
        if (self.command is not None) != (self.protocol == "COMMAND"):
            raise ValueError("'command' goes with protocol COMMAND, and that needs it")
        if self.path is not None and not self.protocol.startswith("HTTP"):
            raise ValueError("'path' goes with protocol HTTP or HTTPS")
        return self


class AppDocker(_Table):
    """An image to run with the Docker containerizer, on the machine's own network."""

    image: Text
    """As docker pulls it."""
    force_pull: bool = False
    """Whether to pull it even if it is there."""


class AppFile(_Table):
    """One application."""

    model_config = ConfigDict(title="Marathon application of mesos-buildkit")

    id: Annotated[str, AfterValidator(_application_id)]
    """Its path among Marathon's applications; Mesos-DNS makes postgres.marathon.mesos of
    /postgres."""
    about: Text
    """What it is, in a sentence."""
    cmd: Text | None = None
    """Command for a shell."""
    args: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Arguments instead, for an image's own entry point."""
    cpus: Annotated[float, Field(ge=0.001, allow_inf_nan=False)] = 0.5
    """Share of CPUs."""
    mem: Annotated[float, Field(ge=32, allow_inf_nan=False)] = 256
    """MiB; 32 is the least that Mesos gives an executor."""
    instances: Annotated[int, Field(ge=0, strict=True)] = 1
    """How many."""
    user: Text | None = None
    """The agent's user that runs it; default: Marathon's."""
    env: dict[Text, str] = {}
    """Environment."""
    labels: dict[Text, str] = {}
    """For other programs."""
    depends_on: tuple[Annotated[str, AfterValidator(_application_id)], ...] = ()
    """Applications that Marathon starts before it."""
    unique_host: bool = False
    """Whether each instance has an agent to itself."""
    docker: AppDocker | None = None
    """An image; default: the agent's own file system, in the Mesos containerizer."""
    port: tuple[AppPort, ...] = ()
    """Ports on the agent's machine."""
    volume: Annotated[tuple[AppVolume, ...], Field(max_length=MOST_VOLUMES)] = ()
    """External volumes."""
    health_check: tuple[AppHealthCheck, ...] = ()
    """How it is watched."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.cmd is None) == (self.args is None):
            raise ValueError("exactly one of 'cmd' and 'args' is needed")
        for name in self.env:
            if name.startswith(VARIABLES):
                raise ValueError(f"env {name}: such variables are made from [[volume]]")
        if self.volume and self.instances > 1:
            raise ValueError("a volume is for one instance: instances must be 0 or 1")
        if len({(one.driver, one.name) for one in self.volume}) < len(self.volume):
            raise ValueError("a volume is asked for twice")
        if len({one.name for one in self.port}) < len(self.port):
            raise ValueError("two ports have the same name")
        for check in self.health_check:
            if check.protocol != "COMMAND" and check.port_index >= len(self.port):
                raise ValueError(
                    f"a health check is of port-index {check.port_index}: no such port"
                )
        return self


def load_app(path: Path) -> AppFile:
    """Read and check an application's file.

    Raises :class:`UsageError` whose message names file, table, key and what was expected.
    """
    if not path.is_file():
        raise UsageError(f"--app {path}: no such file; examples are in examples/marathon/")
    raw: dict[str, Any] = read_toml(path)
    try:
        return AppFile.model_validate(raw)
    except ValidationError as error:
        raise UsageError(explain(error, AppFile, file=str(path), raw=raw)) from None
