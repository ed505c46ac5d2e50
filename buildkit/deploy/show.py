"""A deployment as text for a person and as data for a program. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Any

from buildkit.deploy.agent import AgentFlags
from buildkit.deploy.app import Form, form_notes
from buildkit.deploy.operator import Deployment, install_commands
from buildkit.deploy.posted import Posted
from buildkit.releases import Release

Forms = Mapping[Form, Mapping[str, Any]]
"""The application in each of the forms to show."""


@dataclass(frozen=True)
class Line:
    """One line, or several, of the text."""

    text: str
    style: str = ""


def describe(
    deployment: Deployment, forms: Forms, source: str, posted: Posted | None
) -> dict[str, Any]:
    """All of it for ``--json``. ``source`` is where the library lies here."""
    release = Release.parse(deployment.target.release)
    return {
        "schema": 1,
        "target": deployment.target.name,
        "release": str(release),
        "shippable": deployment.shippable,
        "artifact": {
            "path": source,
            "sha256": deployment.artifact.sha256,
            "size": deployment.artifact.size,
            "sdk": deployment.target.sdk,
        },
        "library": str(deployment.library),
        "modules_file": str(deployment.manifest),
        "modules": deployment.modules,
        "agent": describe_agent(deployment.agent),
        "marathon": {
            form: {"app": dict(body), "notes": list(form_notes(form, release))}
            for form, body in forms.items()
        },
        "steps": {name: list(lines) for name, lines in asdict(deployment.steps).items()},
        "posted": None if posted is None else asdict(posted),
    }


def describe_agent(agent: AgentFlags) -> dict[str, Any]:
    """How an agent is started, for a program."""
    return {
        "program": agent.program,
        "flags": {"modules": agent.modules, "isolation": ",".join(agent.isolation)},
        "modules_dir": agent.modules_dir,
        "environment": agent.environment,
        "notes": list(agent.notes),
    }


def render(deployment: Deployment, forms: Forms, source: str, about: str) -> Iterator[Line]:
    """All of it for a person. ``about`` says what the application is."""
    if not deployment.shippable:
        yield Line(
            f"NOT FOR AGENTS: {source} was built against a stub. This shows the form only: no "
            "agent may load it. A shippable one: nox -s "
            f"build-{deployment.target.release} -- --sdk release",
            "bold red",
        )
    yield from render_agent(deployment, source)
    yield _title(f"4. Start an application: {about}")
    for form, body in forms.items():
        yield Line(f"  {form} form:")
        yield from _items(form_notes(form, Release.parse(deployment.target.release)))
        yield Line(json.dumps(body, indent=2))
    yield _title("Upgrade with live mounts: keep them")
    yield from _items(deployment.steps.keep)
    yield _title("Upgrade with live mounts: or drain first")
    yield from _items(deployment.steps.drain)
    yield _title("Roll back")
    yield from _items(deployment.steps.roll_back)


def render_agent(deployment: Deployment, source: str) -> Iterator[Line]:
    """What is to be done on an agent, for a person. ``source`` is where the library lies here."""
    agent = deployment.agent
    yield _title(f"1. On each {agent.word}, install the library")
    for command in install_commands(deployment, PurePosixPath(source).name):
        yield Line(f"  {command}")
    yield Line(f"  (here it is {source}, {deployment.artifact.size} bytes)")
    yield _title(f"2. Put this into {deployment.manifest}")
    yield Line(deployment.modules_text.rstrip())
    yield _title(f"3. Start the {agent.word} with")
    yield Line(f"  {agent.program} {' '.join(agent.arguments)} ...")
    if agent.modules_dir is not None:
        yield Line(f"  or --modules_dir={agent.modules_dir} in place of --modules, never both")
    variables = " ".join(f"{name}={value}" for name, value in agent.environment.items())
    yield Line(f"  or by environment: {variables}")
    yield from _items(agent.notes)


def _title(text: str) -> Line:
    return Line(f"\n{text}", "bold")


def _items(texts: tuple[str, ...]) -> Iterator[Line]:
    return (Line(f"  - {text}") for text in texts)
