"""What is in a release's tarball. Pure."""

import json
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from buildkit.deploy.operator import Deployment
from buildkit.deploy.show import describe_agent, render_agent
from buildkit.files.tree import File, Tree, texts, under
from buildkit.publish.components import Component
from buildkit.results.manifest import TargetRecord

_ENTRY = (
    *("name", "module", "module_version", "symbol", "release", "platform", "architecture"),
    *("encoding", "version_flag", "flags", "patches", "compiler", "sdk", "sdk_digest"),
    *("source", "archives"),
)
"""What the manifest says of a target wherever and whenever that is built."""


def stem_of(record: TargetRecord, first_platform: str) -> str:
    """What the names of a target's published files begin with."""
    platform = "" if record.platform == first_platform else f"-{record.platform}"
    return f"{record.module}-{record.module_version}+mesos-{record.release}{platform}"


def entry_of(record: TargetRecord) -> dict[str, Any]:
    """The part of a target's manifest entry that is the same wherever it is built."""
    raw = record.model_dump(mode="json")
    artifact = raw["artifact"] or {}
    return {
        "schema": 1,
        **{key: raw[key] for key in _ENTRY},
        "library": {
            "file": PurePosixPath(artifact.pop("path")).name,
            "debug_file": PurePosixPath(artifact.pop("debug_path")).name,
            **artifact,
        },
    }


def bundle_tree(
    stem: str,
    deployment: Deployment,
    library: bytes,
    own_licences: Tree,
    components: Sequence[Component],
) -> dict[str, File]:
    """The tarball's files; ``own_licences`` are the module's."""
    record = deployment.target
    name = deployment.library.name
    install = "\n".join(line.text for line in render_agent(deployment, name))
    return under(
        stem,
        {
            name: File(library),
            **texts(
                [
                    ("modules.json", deployment.modules_text),
                    ("agent-flags.json", _json(describe_agent(deployment.agent))),
                    ("INSTALL.txt", f"{install.strip()}\n"),
                    ("manifest.json", _json(entry_of(record))),
                ]
            ),
            **under("LICENSES", licence_tree(record.module, own_licences, components)),
        },
    )


def debug_tree(stem: str, name: str, debug: bytes) -> dict[str, File]:
    """The files of the tarball with debug information, which unpacks beside the library."""
    return {f"{stem}/{name}": File(debug)}


def licence_tree(module: str, own: Tree, components: Sequence[Component]) -> dict[str, File]:
    """A folder for each licensed work, and a list of them."""
    lines = [f"{module}: {', '.join(sorted(own)) or 'no text'}"]
    tree = under(module, own)
    for one in components:
        folder = f"{one.name}-{one.version}"
        tree |= under(folder, {path: File(data) for path, data in one.texts.items()})
        what = ", ".join(sorted(one.texts)) or f"no text: {one.why_none}"
        lines.append(f"{folder}: {one.license}: {what}")
    return {**tree, "README.txt": File("".join(f"{line}\n" for line in lines).encode())}


_OWN = ("LICENSE", "LICENCE", "COPYING", "NOTICE")


def licences_at_top(sources: Tree) -> dict[str, File]:
    """The licence files at the top of a module's sources."""
    return {
        path: file
        for path, file in sources.items()
        if "/" not in path and path.upper().startswith(_OWN)
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"
