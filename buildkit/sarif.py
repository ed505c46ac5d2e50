"""Findings as SARIF 2.1.0, the form that code scanning services take (OASIS standard). Pure."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from buildkit import __version__
from buildkit.files.tree import digest_of
from buildkit.findings import Finding, Place, Rule

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_ROOT = "%SRCROOT%"
_FINGERPRINT = "mesosBuildkit/v1"


@dataclass(frozen=True, kw_only=True)
class Located:
    """A finding, and where that is in the repository that is scanned."""

    finding: Finding
    uri: str
    """Relative to the repository's root, with forward slashes, percent-encoded."""
    line_text: str
    """The line it is about: tells findings apart when lines above come and go."""


def sarif_log(found: Iterable[Located], rules: Sequence[Rule]) -> str:
    """A SARIF log with one run. ``rules`` are all that the run looked for."""
    results = []
    numbers: Counter[tuple[str, ...]] = Counter()
    for one in found:
        key = (one.finding.rule.name, one.uri, " ".join(one.line_text.split()))
        numbers[key] += 1
        results.append(_result(one, rules, digest_of(*key, str(numbers[key]))))
    run = {
        "tool": {
            "driver": {
                "name": "mesos-buildkit",
                "version": __version__,
                "rules": [_rule(rule) for rule in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.summary},
        "fullDescription": {"text": rule.summary},
        "defaultConfiguration": {"level": rule.level.value},
        "properties": {"problem.severity": _SEVERITIES[rule.level.value]},
    }


_SEVERITIES = {"error": "error", "warning": "warning", "note": "recommendation"}


def _result(one: Located, rules: Sequence[Rule], fingerprint: str) -> dict[str, Any]:
    finding = one.finding
    releases = [str(release) for release in finding.releases]
    advice = f" Advice: {finding.advice}." if finding.advice else ""
    return {
        "ruleId": finding.rule.name,
        "ruleIndex": rules.index(finding.rule),
        "level": finding.rule.level.value,
        "message": {"text": f"{_sentence(finding.message)}{advice}"},
        "locations": [{"physicalLocation": _location(one.uri, finding.place)}],
        "partialFingerprints": {_FINGERPRINT: fingerprint},
        "properties": {"releases": releases},
    }


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _location(uri: str, place: Place) -> dict[str, Any]:
    return {
        "artifactLocation": {"uri": uri, "uriBaseId": _ROOT},
        "region": {"startLine": place.line, "startColumn": place.column},
    }
