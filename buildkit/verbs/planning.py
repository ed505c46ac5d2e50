"""What ``plan`` says and ``build`` does: the plan, and what is predicted of its targets."""

from buildkit.archives import Archives
from buildkit.engine import Emit
from buildkit.forecast import Forecast, forecast
from buildkit.matrix import Matrix
from buildkit.options import Options
from buildkit.plan import Plan, make_plan
from buildkit.probe import probe
from buildkit.representatives import represent
from buildkit.sources import Sources
from buildkit.workspace import Workspace


def foresee(
    matrix: Matrix,
    workspace: Workspace,
    options: Options,
    archives: Archives,
    fetch: Emit | None = None,
) -> tuple[Plan, Forecast]:
    """The plan with its forecast; with ``--representative``, of those targets alone.

    Sources that are not at hand are fetched only if ``fetch`` is given, which is told of it, and
    only where the plan depends on them.

    Raises as :func:`make_plan`, and :class:`UnavailableError` for sources that can't be had.
    """
    plan = make_plan(matrix, options, probe(archives))
    sources = Sources(root=workspace.root, cache=workspace.repositories)
    if fetch is not None and options.representative:
        for module in matrix.file.module:
            sources.tree(module, fetch)
    predicted = forecast(matrix, plan.targets, sources)
    return (represent(plan, predicted) if options.representative else plan), predicted
