"""A report on guards as JSON. ``guards.schema.json`` in the package describes it.

A change that a reader of version 1 cannot read past gets another ``schema_version``.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from typing import Any

from buildkit import __version__
from buildkit.cpp.sets import ReleaseSet
from buildkit.encoding import Encoding
from buildkit.findings import Finding
from buildkit.guards.check import Report
from buildkit.guards.meaning import Guard, concerned

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class ModuleReport:
    """The report on one module of a matrix file."""

    name: str
    encoding: Encoding
    report: Report


def reports_json(reports: Iterable[ModuleReport]) -> str:
    """The reports on a matrix file's modules."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "generator": f"mesos-buildkit {__version__}",
        "modules": [_module_record(one) for one in reports],
    }
    return json.dumps(document, indent=2) + "\n"


def _module_record(one: ModuleReport) -> dict[str, Any]:
    report = one.report
    return {
        "module": one.name,
        "encoding": one.encoding.value,
        "releases": [str(release) for release in report.selected],
        "guards": [_guard_record(report, guard) for guard in report.guards],
        "findings": [finding_record(finding) for finding in report.findings],
    }


def _guard_record(report: Report, guard: Guard) -> dict[str, Any]:
    chosen = concerned(report.reading, report.selected)

    def names(some: ReleaseSet) -> list[str]:
        return [str(release) for release in report.reading.names(some & chosen)]

    conditional = guard.conditional
    return {
        "file": guard.path,
        "line": conditional.line,
        "branches": [
            {
                "line": branch.line,
                "directive": branch.word,
                "condition": branch.condition or None,
                "releases": names(branch.certain),
                "perhaps": names(branch.possible & ~branch.certain),
            }
            for branch in conditional.branches
        ],
        "none": names(conditional.none),
    }


def finding_record(finding: Finding) -> dict[str, Any]:
    """One finding as plain data."""
    return {
        "rule": finding.rule.name,
        "level": finding.rule.level.value,
        "file": finding.place.path,
        "line": finding.place.line,
        "column": finding.place.column,
        "releases": [str(release) for release in finding.releases],
        "message": finding.message,
        "advice": finding.advice or None,
    }


def json_schema() -> str:
    """The JSON Schema of a report, as ``guards.schema.json`` holds it."""
    return resources.files("buildkit").joinpath("guards.schema.json").read_text()
