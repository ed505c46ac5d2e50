"""What is said of a module's releases before anything is compiled. Pure.

Apart from :mod:`buildkit.prediction.predict`, which says it: many hold a prediction, few make one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from buildkit.findings import Finding
from buildkit.releases import Release


class Verdict(StrEnum):
    """What is predicted of a module on a release."""

    FINE = "ok"
    BREAKS = "breaks"
    DIES = "dies silently"
    """It builds, but some method of it is never called; the smoke test fails it."""
    UNKNOWN = "not predicted"


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What will come of a module on one release."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    """Each with file and line; of an unknown one, why it is."""

    def __str__(self) -> str:
        if not self.reasons:
            return self.verdict.value
        more = len(self.reasons) - 1
        tail = f" (and {more} more)" if more else ""
        return f"{self.verdict.value}: {self.reasons[0]}{tail}"

    @property
    def builds(self) -> bool | None:
        """Whether build and smoke test are to pass; None if that is not known."""
        return None if self.verdict is Verdict.UNKNOWN else self.verdict is Verdict.FINE


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """What will come of a module on each of some releases."""

    obstacle: str = ""
    """What keeps the sources from being made up, so that a build must fail; mostly nothing."""
    findings: tuple[Finding, ...] = ()
    by_release: Mapping[Release, Prediction] = field(default_factory=dict)
    fingerprints: Mapping[Release, str] = field(default_factory=dict)
    """Releases with the same one are interchangeable: the module and all that it meets there are
    the same. SHA-256, in hex."""

    def of(self, release: Release) -> Prediction:
        """The prediction for one release."""
        return self.by_release.get(release, Prediction(verdict=Verdict.UNKNOWN))


def unknown(releases: Iterable[Release], reason: str, *, fatal: bool = False) -> Predictions:
    """What there is to say of a module whose sources are not at hand, or can't be (``fatal``)."""
    why = Prediction(verdict=Verdict.UNKNOWN, reasons=(reason,))
    return Predictions(obstacle=reason if fatal else "", by_release=dict.fromkeys(releases, why))
