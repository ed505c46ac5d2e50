"""``deploy``: what an operator does with a library; start an application that uses it."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.text import Text

from buildkit.deploy.app import SAMPLE, Form, external_warning, marathon_app
from buildkit.deploy.appfile import AppFile, load_app
from buildkit.deploy.choose import choose_module, choose_platform, choose_release, find_target
from buildkit.deploy.client import AUTH_VARIABLE, Marathon, MarathonAddress
from buildkit.deploy.operator import Deployment, make_deployment
from buildkit.deploy.posted import Posted
from buildkit.deploy.show import describe, render
from buildkit.errors import ExitCode, TargetError, UsageError
from buildkit.results.artifacts import Dist, sha256_of
from buildkit.verbs.common import add_json, add_matrix, console_for, read_matrix
from buildkit.workspace import Workspace

NAME = "deploy"
HELP = "print what an operator does with a release's library, and start an application that uses it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_matrix(parser)
    parser.add_argument("release", metavar="RELEASE", help="the Mesos release of the agents")
    parser.add_argument("--module", metavar="NAME", help="which module (default: the first)")
    parser.add_argument("--platform", metavar="NAME", help="which platform (default: the first)")
    parser.add_argument(
        "--isolation",
        metavar="LIST",
        help="what --isolation of the agents says now (default: the release's default)",
    )
    parser.add_argument(
        "--app",
        type=Path,
        metavar="FILE",
        help="the application, as in examples/marathon/ (default: a small one with a volume)",
    )
    parser.add_argument(
        "--marathon-form",
        choices=get_args(Form),
        help="how volumes are asked for: by environment, which every Marathon takes and the module "
        "reads, or as external volumes of Marathon 1.x (default: both are printed, and "
        "environment is posted)",
    )
    parser.add_argument(
        "--marathon",
        metavar="URL",
        help=f"start the application there; user and password from {AUTH_VARIABLE} or the URL",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="with --marathon: replace an application of that ID, and cancel what has it locked",
    )
    add_json(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Print; post if asked."""
    if arguments.force and arguments.marathon is None:
        raise UsageError("--force goes with --marathon")
    console = console_for(arguments)
    address = (
        None
        if arguments.marathon is None
        else MarathonAddress.parse(arguments.marathon, os.environ)
    )
    app = SAMPLE if arguments.app is None else load_app(arguments.app)
    matrix, workspace = read_matrix(arguments)
    module = choose_module(matrix, arguments.module)
    release = choose_release(matrix, arguments.release)
    platform = choose_platform(matrix, arguments.platform)
    dist = Dist(folder=workspace.dist, lock=workspace.dist_lock)
    target, artifact = find_target(dist.manifest(), module, release, platform)
    present = None if arguments.isolation is None else tuple(arguments.isolation.split(","))
    deployment = make_deployment(module, target, artifact, present)
    forms = _forms(app, arguments.marathon_form)
    posted = None
    if address is not None:
        _check(deployment, workspace)
        body = _body_to_post(forms, arguments.marathon_form)
        _say(console, f"agents need {deployment.library.name} before the application starts there")
        if address.exposes_password:
            _warn(console, "the password goes to Marathon unencrypted; use https")
        marathon = Marathon(address)
        try:
            if app.volume and arguments.marathon_form == "external" and app.docker is None:
                _warn(console, external_warning(marathon.version(), release))
            posted = marathon.start(body, force=arguments.force)
        finally:
            marathon.close()
    source = workspace.shown(workspace.dist / artifact.path)
    if arguments.json:
        json.dump(describe(deployment, forms, source, posted), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        for line in render(deployment, forms, source, app.about):
            _say(console, line.text, style=line.style)
    if posted is not None:
        _say(console, _posted_line(posted), style="green")
    return ExitCode.OK


def _forms(app: AppFile, form: Form | None) -> dict[Form, dict[str, Any]]:
    """The application in the form asked for, or in every form that it can have."""
    if form is not None:
        return {form: marathon_app(app, form)}
    bodies: dict[Form, dict[str, Any]] = {}
    problems: list[UsageError] = []
    for one in get_args(Form):
        try:
            bodies[one] = marathon_app(app, one)
        except UsageError as error:
            problems.append(error)
    if not bodies:
        raise problems[0]
    return bodies


def _body_to_post(forms: dict[Form, dict[str, Any]], form: Form | None) -> dict[str, Any]:
    wanted: Form = form or "environment"
    if wanted not in forms:
        raise UsageError(
            f"{next(iter(forms.values()))['id']}: cannot be had in the environment form; name "
            "another with --marathon-form"
        )
    return forms[wanted]


def _check(deployment: Deployment, workspace: Workspace) -> None:
    """Refuse to deploy what must not be, or is not what the manifest says."""
    release = deployment.target.release
    if not deployment.shippable:
        raise UsageError(
            f"{deployment.target.name}: built against a stub, which no agent may load, so nothing "
            f"was posted; make a shippable one with: nox -s build-{release} -- --sdk release"
        )
    path = workspace.dist / deployment.artifact.path
    if not path.is_file():
        raise TargetError(
            f"{workspace.shown(path)}: not there, though the manifest names it; make it with: "
            f"nox -s build-{release} -- --sdk release"
        )
    if (found := sha256_of(path)) != deployment.artifact.sha256:
        raise TargetError(
            f"{workspace.shown(path)}: its SHA-256 is {found}, the manifest says "
            f"{deployment.artifact.sha256}; nothing was posted"
        )


def _warn(console: Console, text: str | None) -> None:
    if text is not None:
        _say(console, f"warning: {text}", style="yellow")


def _posted_line(posted: Posted) -> str:
    did = "replaced" if posted.replaced else "started"
    names = ", ".join(posted.deployments) or "that it does not name"
    return f"{did} {posted.application}, by deployment {names}"


def _say(console: Console, text: str, *, style: str = "") -> None:
    console.print(Text(text, style), soft_wrap=True)
