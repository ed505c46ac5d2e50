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


class Meanwhile:
    """A forecast that is made in a thread while compilers leave this process little to do."""

    def __init__(self, make: Callable[[], Forecast]) -> None:
        self._make = make
        self._future: Future[Forecast] = Future()
        self._lock = threading.Lock()
        self._begun = False

    def begin(self) -> None:
        """Make it now. May be called by any thread, and again."""
        with self._lock:
            if self._begun:
                return
            self._begun = True
        # Not a pool's: an interrupted build is not to wait for it.
        threading.Thread(target=self._work, name="forecast", daemon=True).start()

    def result(self) -> Forecast:
        """The forecast, once it is made. Raises what making it has raised."""
        self.begin()
        return self._future.result()

    def _work(self) -> None:
        try:
            self._future.set_result(self._make())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            self._future.set_exception(error)


def foresee_meanwhile(
    matrix: Matrix, workspace: Workspace, options: Options, archives: Archives, fetch: Emit
) -> tuple[Plan, Meanwhile]:
    """The plan, and its forecast, which is made when it is begun unless the plan depends on it.

    Raises as :func:`foresee`.
    """
    if options.representative:
        plan, predicted = foresee(matrix, workspace, options, archives, fetch)
        return plan, Meanwhile(lambda: predicted)
    plan = make_plan(matrix, options, probe(archives))
    return plan, Meanwhile(read_for_forecast(matrix, plan.targets, _sources(workspace)))


def _sources(workspace: Workspace) -> Sources:
    return Sources(root=workspace.root, cache=workspace.repositories)
