"""How a library came to be: an in-toto statement with SLSA's provenance predicate. Pure.

Forms: https://in-toto.io/Statement/v1 and https://slsa.dev/provenance/v1. What differs each time
something is built, such as times and the engine, is here and nowhere else.
"""

import base64
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from buildkit import __version__
from buildkit.matrix import Module
from buildkit.results.manifest import TargetRecord

BUILD_TYPE = "urn:mesos-buildkit:build:1"
"""Says how the parameters are to be read: as the keys of matrix.toml and of its manifest."""


def provenance(record: TargetRecord, module: Module, files: Mapping[str, str]) -> dict[str, Any]:
    """The statement about ``files``: name -> SHA-256, in hex, of what is published."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {"name": name, "digest": {"sha256": digest}} for name, digest in sorted(files.items())
        ],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "module": record.module,
                    "version": record.module_version,
                    "release": record.release,
                    "platform": record.platform,
                    "architecture": record.architecture,
                    "flags": [record.version_flag, *record.flags],
                    "patches": list(record.patches),
                    "sdk": record.sdk,
                    "sdk_origin": record.sdk_origin,
                    "smoke": record.smoke.level,
                },
                "internalParameters": {
                    "engine": record.engine,
                    "compiler": record.compiler,
                    "dirty": [] if record.source is None else list(record.source.dirty),
                },
                "resolvedDependencies": _dependencies(record, module),
            },
            "runDetails": {
                "builder": {
                    "id": f"urn:mesos-buildkit:engine:{record.engine}",
                    "version": {"mesos-buildkit": __version__},
                },
                "metadata": _times(record),
                "byproducts": [_smoke(record)],
            },
        },
    }


def subjects(statement: object) -> dict[str, str] | None:
    """The files that a statement is about: name -> SHA-256, in hex; None for what is none."""
    try:
        rows = statement["subject"]  # type: ignore[index]
        return {row["name"]: row["digest"]["sha256"] for row in rows}
    except (TypeError, KeyError):
        return None


def _dependencies(record: TargetRecord, module: Module) -> list[dict[str, Any]]:
    # sha256:... is an image's ID, host:... a digest over this machine's compiler.
    kind, _, digest = record.base.rpartition(":")
    host = {"uri": "urn:mesos-buildkit:base:host"} if kind == "host" else {}
    found: list[dict[str, Any]] = [
        {"name": "base", **host, "digest": {"sha256": digest}},
        {"name": "sdk", "digest": {"sha256": record.sdk_digest}},
    ]
    if record.source is not None:
        found.append({"name": "sources", "digest": {"sha256": record.source.digest}})
        if record.source.revision is not None:
            commit: dict[str, Any] = {
                "name": "commit",
                "digest": {"gitCommit": record.source.revision},
            }
            if module.git is not None:
                commit["uri"] = f"git+{module.git}@{record.source.revision}"
            found.append(commit)
    found += [{"name": one.name, "digest": {"sha512": one.sha512}} for one in record.archives]
    return found


def _times(record: TargetRecord) -> dict[str, str]:
    if record.ended is None:
        return {}
    started = record.ended - timedelta(seconds=record.seconds)
    return {"startedOn": _time(started), "finishedOn": _time(record.ended)}


def _time(when: datetime) -> str:
    return when.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _smoke(record: TargetRecord) -> dict[str, Any]:
    result = record.smoke.model_dump(mode="json")
    content = json.dumps(result, sort_keys=True).encode()
    return {
        "name": "smoke",
        "mediaType": "application/json",
        "content": base64.b64encode(content).decode(),
    }
