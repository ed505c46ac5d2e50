"""The report's table of what was predicted of each target, and what came of it. Pure."""

from buildkit.outcome import built
from buildkit.prediction.verdicts import Verdict
from buildkit.report.view import Table
from buildkit.results.manifest import Manifest, TargetRecord

_TITLES = ("Target", "Predicted", "Actual", "Agreed", "Reasons")


def predictions_table(manifest: Manifest) -> Table | None:
    """A row for each target that something was predicted of; None if there is none."""
    rows = tuple(
        (
            record.name,
            record.prediction.verdict.value,
            record.status.value,
            _agreed(record),
            "\n".join(record.prediction.reasons) or "-",
        )
        for record in manifest.targets
        if record.prediction is not None
    )
    return Table(titles=_TITLES, rows=rows) if rows else None


def _agreed(record: TargetRecord) -> str:
    """Whether it came out as predicted; ``-`` where that can't be said."""
    came_out = built(record.status, record.stages)
    verdict = Verdict.UNKNOWN if record.prediction is None else record.prediction.verdict
    if verdict is Verdict.UNKNOWN or came_out is None:
        return "-"
    return "yes" if (verdict is Verdict.FINE) == came_out else "NO"
