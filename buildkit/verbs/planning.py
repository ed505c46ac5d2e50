"""What ``plan`` says and ``build`` does: the plan, and what is predicted of its targets."""

import threading
from collections.abc import Callable
from concurrent.futures import Future

from buildkit.archives.cache import Archives
from buildkit.engine import Emit
from buildkit.matrix import Matrix
from buildkit.options import Options
from buildkit.plan import Plan, make_plan
from buildkit.prediction.forecast import Forecast, forecast, read_for_forecast
from buildkit.prediction.representatives import represent
from buildkit.probe import probe
from buildkit.sources.modules import Sources
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
    sources = _sources(workspace)
    if fetch is not None and options.representative:
        for module in matrix.file.module:
            sources.tree(module, fetch)
    predicted = forecast(matrix, plan.targets, sources)
    return (represent(plan, predicted) if options.representative else plan), predicted


def foresee_meanwhile(
    matrix: Matrix, workspace: Workspace, options: Options, archives: Archives, fetch: Emit
) -> tuple[Plan, Callable[[], Forecast]]:
    """The plan, and what gives its forecast.

    Unless the plan depends on it, that is made in a thread while the caller goes on: compilers
    leave this process little to do, and the user is not to wait for predictions first.

    Raises as :func:`foresee`.
    """
    if options.representative:
        plan, predicted = foresee(matrix, workspace, options, archives, fetch)
        return plan, lambda: predicted
    plan = make_plan(matrix, options, probe(archives))
    make = read_for_forecast(matrix, plan.targets, _sources(workspace))
    future: Future[Forecast] = Future()

    def work() -> None:
        try:
            future.set_result(make())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(error)

    # Not a pool's: an interrupted build is not to wait for it.
    threading.Thread(target=work, name="forecast", daemon=True).start()
    return plan, future.result


def _sources(workspace: Workspace) -> Sources:
    return Sources(root=workspace.root, cache=workspace.repositories)
