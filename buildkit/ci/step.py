"""Tells GitHub Actions of results, where it is that which runs us."""

import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from buildkit.ci import github
from buildkit.matrix import Matrix
from buildkit.report.collect import logs_of
from buildkit.report.markdown import markdown
from buildkit.report.view import make_view
from buildkit.results.manifest import Manifest, TargetRecord
from buildkit.workspace import Workspace


def tell_github(
    matrix: Matrix,
    workspace: Workspace,
    records: Sequence[TargetRecord],
    emit: Callable[[str], None],
    *,
    missing: Sequence[str] = (),
) -> None:
    """Write the step's summary, and by ``emit`` failed targets' logs and annotations.

    Does nothing anywhere else.
    """
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    manifest = Manifest(targets=tuple(records))
    # A summary can't link to files of the machine.
    view = make_view(manifest, {}, missing=missing)
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if file:
        with Path(file).open("a", encoding="utf-8") as summary:
            summary.write(github.summary(markdown(view)))
    logs = logs_of(manifest, workspace.logs, workspace.root)
    for row in view.failures:
        log = logs.get(row.record.name)
        if log is not None:
            title = f"end of {log.link} ({row.record.name})"
            for line in github.group(title, log.tail, secrets.token_hex(16)):
                emit(line)
    root = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())
    for line in github.commands(github.annotations(records, _folders(matrix, root))):
        emit(line)


def _folders(matrix: Matrix, root: Path) -> dict[str, PurePosixPath]:
    """Each module's source folder relative to the repository's root, if it is in there."""
    found: dict[str, PurePosixPath] = {}
    for module in matrix.file.module:
        if module.source is None:
            continue
        folder = (matrix.root / module.source).resolve()
        if folder.is_relative_to(root.resolve()):
            found[module.name] = PurePosixPath(folder.relative_to(root.resolve()))
    return found
