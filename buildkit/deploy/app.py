"""Marathon's JSON of an application, in the form of either generation of Marathon. Pure.

``environment`` is what every Marathon takes: volumes are asked for by the variables that the
isolator reads, ports are numbers. ``external`` is of Marathon 1.1 and later:
``container.volumes[].external`` and ``portDefinitions``.

Sources, in https://github.com/mesosphere/marathon: fields up to 0.15
docs/docs/rest-api/public/api/v2/schema/AppDefinition.json at v0.15.3, those of 1.x
docs/docs/rest-api/public/api/v2/types/{app,appContainer,volumes,network,healthCheck}.raml at
v1.10.26; what becomes of an external volume
core/externalvolume/impl/providers/DVDIProvider.scala at v1.1.1 (variables) and v1.2.0-RC8 and later
(a Docker volume of Mesos's own); the limits on upgrades docs/docs/external-volumes.md.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal, assert_never

from buildkit.deploy.appfile import AppFile, AppHealthCheck, AppVolume
from buildkit.errors import UsageError
from buildkit.releases import Release

Form = Literal["environment", "external"]

DOCKER_VOLUME = "docker/volume"
"""Mesos's own isolator for Docker volumes."""
DOCKER_VOLUME_BEGINS = Release(1, 0, 0)
"""The first release with it (docs/docker-volume.md there)."""

PAST_THE_MODULE = (1, 2)
"""Since this Marathon, external volumes are Docker volumes of Mesos's own."""
_VERSION = re.compile(r"v?(\d+)\.(\d+)", re.ASCII)

SAMPLE = AppFile.model_validate(
    {
        "id": "/volume-check",
        "about": "writes a line into a volume each time it starts, and shows all of them",
        "cmd": "date >> data/started && cat data/started && sleep 3600",
        "cpus": 0.1,
        "mem": 32,
        "volume": [{"name": "volume-check", "container-path": "data", "size": 1}],
    }
)
"""What is shown if no application is named."""


def marathon_app(app: AppFile, form: Form) -> dict[str, Any]:
    """The JSON that POST /v2/apps takes, as data.

    Raises :class:`UsageError` for volumes that the form cannot give a Docker container.
    """
    match form:
        case "environment":
            parts = _environment(app)
        case "external":
            parts = _external(app)
        case _:
            assert_never(form)
    fields: dict[str, Any] = {
        "id": app.id,
        "cmd": app.cmd,
        "args": None if app.args is None else list(app.args),
        "cpus": app.cpus,
        "mem": app.mem,
        "instances": app.instances,
        "user": app.user,
        "labels": dict(app.labels),
        "dependencies": list(app.depends_on),
        "constraints": [["hostname", "UNIQUE"]] if app.unique_host else [],
        "healthChecks": [_health_check(check) for check in app.health_check],
        # A volume is on one agent at a time: the old instance has to be gone before the new starts.
        "upgradeStrategy": {"minimumHealthCapacity": 0, "maximumOverCapacity": 0}
        if app.volume
        else None,
        **parts,
    }
    if any(port.port for port in app.port):
        fields["requirePorts"] = True
    # No ports at all is something else than none given, for which Marathon makes one up.
    return {
        key: value
        for key, value in fields.items()
        if value not in (None, {}, []) or key in {"ports", "portDefinitions"}
    }


def form_notes(form: Form, release: Release) -> tuple[str, ...]:
    """Who mounts the volumes of a form, on agents of a release."""
    match form:
        case "environment":
            return ("every Marathon takes it; the module reads the DVDI_ variables of the task",)
        case "external":
            first = (
                "Marathon 1.1 makes DVDI_ variables of it, which the module reads",
                "Marathon 1.2 and later make a Docker volume of it that the module never sees",
            )
            if release < DOCKER_VOLUME_BEGINS:
                return (
                    *first,
                    f"agents of Mesos {release} do not know those: use it with Marathon 1.1 only",
                )
            return (
                *first,
                f"Mesos's own isolator mounts that one: add {DOCKER_VOLUME} to --isolation",
                "without that, the task's data stays in its sandbox and is lost with it",
            )
        case _:
            assert_never(form)


def external_warning(version: str | None, release: Release) -> str | None:
    """What to be wary of when a Marathon of that version is sent external volumes; None: nothing.

    Without a version the newest is assumed.
    """
    found = _VERSION.match(version or "")
    if found and (int(found[1]), int(found[2])) < PAST_THE_MODULE:
        return None
    who = f"Marathon {version}" if found else "this Marathon, if it is 1.2 or later,"
    if release < DOCKER_VOLUME_BEGINS:
        return (
            f"{who} makes Docker volumes of external ones, which agents of Mesos {release} do not "
            "know; --marathon-form environment works there"
        )
    return (
        f"{who} makes Docker volumes of external ones, past the module: agents need "
        f"{DOCKER_VOLUME} in --isolation, or the data stays in the sandbox and is lost with it; "
        "--marathon-form environment has the module mount them"
    )


def variables(volumes: tuple[AppVolume, ...]) -> dict[str, str]:
    """The environment that asks the isolator for volumes: no suffix for the first, then 1 to 9."""
    found: dict[str, str] = {}
    for number, volume in enumerate(volumes):
        suffix = str(number or "")
        found[f"DVDI_VOLUME_NAME{suffix}"] = volume.name
        found[f"DVDI_VOLUME_DRIVER{suffix}"] = volume.driver
        if options := _options(volume):
            text = ",".join(f"{key}={value}" for key, value in options.items())
            found[f"DVDI_VOLUME_OPTS{suffix}"] = text
        found[f"DVDI_VOLUME_CONTAINERPATH{suffix}"] = volume.container_path
    return found


def _options(volume: AppVolume) -> Mapping[str, str]:
    size = {} if volume.size is None else {"size": str(volume.size)}
    return {**size, **volume.options}


def _environment(app: AppFile) -> dict[str, Any]:
    if app.docker is not None and app.volume:
        raise UsageError(
            f"{app.id}: an isolator sees nothing of the Docker containerizer, so the environment "
            "form can give [docker] no [[volume]]; leave [docker] out, or use --marathon-form "
            "external"
        )
    return {
        "env": {**app.env, **variables(app.volume)},
        "container": None if app.docker is None else _docker(app),
        "ports": [port.port for port in app.port],
    }


def _external(app: AppFile) -> dict[str, Any]:
    volumes = [_external_volume(app, volume) for volume in app.volume]
    container: dict[str, Any] = {"type": "MESOS"} if app.docker is None else _docker(app)
    if volumes:
        container["volumes"] = volumes
    return {
        "env": dict(app.env),
        "container": container if app.docker is not None or volumes else None,
        "portDefinitions": [
            {"port": port.port, "protocol": "tcp", "name": port.name} for port in app.port
        ],
    }


def _external_volume(app: AppFile, volume: AppVolume) -> dict[str, Any]:
    if app.docker is not None and volume.size is not None:
        raise UsageError(
            f"{app.id}: volume {volume.name!r}: Marathon takes no size for a Docker container's "
            "volume; leave 'size' out"
        )
    external: dict[str, Any] = {
        "name": volume.name,
        "provider": "dvdi",
        "options": {
            "dvdi/driver": volume.driver,
            **{f"dvdi/{key}": value for key, value in volume.options.items()},
        },
    }
    if volume.size is not None:
        external["size"] = volume.size
    return {"containerPath": volume.container_path, "external": external, "mode": "RW"}


def _docker(app: AppFile) -> dict[str, Any]:
    if app.docker is None:
        raise AssertionError("asked for an image that the application has not")
    docker: dict[str, Any] = {"image": app.docker.image, "network": "HOST"}
    if app.docker.force_pull:
        docker["forcePullImage"] = True
    return {"type": "DOCKER", "docker": docker}


def _health_check(check: AppHealthCheck) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "protocol": check.protocol,
        "path": check.path,
        "command": None if check.command is None else {"value": check.command},
        "portIndex": None if check.protocol == "COMMAND" else check.port_index,
        "gracePeriodSeconds": check.grace_period_seconds,
        "intervalSeconds": check.interval_seconds,
        "timeoutSeconds": check.timeout_seconds,
        "maxConsecutiveFailures": check.max_consecutive_failures,
    }
    return {key: value for key, value in fields.items() if value is not None}
