"""A drift report as JSON. ``drift.schema.json`` in the package describes it.

A change that a reader of version 1 cannot read past gets another ``schema_version``.
"""

import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

from buildkit import __version__
from buildkit.drift.model import Change, Step
from buildkit.drift.words import sentence
from buildkit.releases import Release

SCHEMA_VERSION = 1


def report_json(
    steps: Sequence[Step], kinds: Sequence[str], unknown: Sequence[Release] = ()
) -> str:
    """The report; ``unknown`` are releases that were asked for and are not in the table."""
    report = {
        "schema_version": SCHEMA_VERSION,
        "generator": f"mesos-buildkit {__version__}",
        "kinds": list(kinds),
        "unknown": [str(release) for release in unknown],
        "steps": [
            {
                "older": str(step.older),
                "newer": str(step.newer),
                "changes": [change_record(change) for change in step.changes],
            }
            for step in steps
        ],
    }
    return json.dumps(report, indent=2) + "\n"


def change_record(change: Change) -> dict[str, Any]:
    """One change as plain data."""
    return {
        "category": change.category,
        "subject": change.subject,
        "aspect": change.aspect or None,
        "item": change.item or None,
        "what": change.what,
        "effect": change.effect,
        "since": str(change.since),
        "before": change.before,
        "after": change.after,
        "was": change.was,
        "note": change.note or None,
        "sentence": sentence(change),
    }


def json_schema() -> str:
    """The JSON Schema of a report, as ``drift.schema.json`` holds it."""
    return resources.files("buildkit").joinpath("drift.schema.json").read_text()
