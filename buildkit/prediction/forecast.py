"""The predictions for a plan's targets, as far as the modules' sources are at hand.

What is not known is said to be so, with the reason: a prediction must never stand in a build's way.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from buildkit import interfaces
from buildkit.errors import BuildkitError
from buildkit.files.tree import Tree
from buildkit.matrix import Matrix, Module
from buildkit.outcome import Outcome, built
from buildkit.plan import Target
from buildkit.prediction.verdicts import Prediction, Predictions, Verdict, unknown
from buildkit.releases import Release
from buildkit.sources.modules import Sources


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What will come of each target."""

    modules: Mapping[str, Predictions] = field(default_factory=dict)
    """By the module's name."""

    def of(self, target: Target) -> Prediction:
        """The prediction for a target; those of a module do not differ by platform."""
        return self.modules.get(target.module.name, Predictions()).of(target.release)

    @property
    def obstacles(self) -> tuple[str, ...]:
        """What keeps modules' sources from being made up: their builds must fail."""
        return tuple(one.obstacle for one in self.modules.values() if one.obstacle)

    def fingerprint(self, target: Target) -> str | None:
        """Equal for releases that are the same to the module; None if that is not known."""
        predictions = self.modules.get(target.module.name, Predictions())
        return predictions.fingerprints.get(target.release)


NO_FORECAST = Forecast()
"""Nothing is predicted."""


def forecast(matrix: Matrix, targets: Iterable[Target], sources: Sources) -> Forecast:
    """Predict the targets that are not skipped. Fetches nothing."""
    return read_for_forecast(matrix, targets, sources)()


def read_for_forecast(
    matrix: Matrix, targets: Iterable[Target], sources: Sources
) -> Callable[[], Forecast]:
    """Read now what :func:`forecast` needs; what is returned predicts, and touches no file.

    What a build fetches meanwhile makes no difference then.
    """
    releases: dict[str, dict[Release, None]] = {}
    for target in targets:
        if target.skip is None:
            releases.setdefault(target.module.name, {})[target.release] = None
    parts = {
        module.name: _read(matrix, module, tuple(releases[module.name]), sources)
        for module in matrix.file.module
        if module.name in releases
    }
    return lambda: Forecast(modules={name: part() for name, part in parts.items()})


def _read(
    matrix: Matrix, module: Module, releases: tuple[Release, ...], sources: Sources
) -> Callable[[], Predictions]:
    try:
        tree = sources.at_hand(module)
    except (BuildkitError, OSError) as error:
        # What is wrong is for the build to say, in full.
        found = unknown(releases, str(error), fatal=True)
        return lambda: found
    if tree is None:
        return lambda: unknown(releases, "its commit is not fetched yet; build fetches it")
    return lambda: _predictions(matrix, module, tree, releases)


def _predictions(
    matrix: Matrix, module: Module, tree: Tree, releases: tuple[Release, ...]
) -> Predictions:
    # Reading C++ takes a good deal of code, which a build loads only while its compilers run.
    from buildkit.prediction.predict import predict  # noqa: PLC0415

    try:
        return predict(matrix, module, tree, releases, interfaces.load())
    except BuildkitError as error:
        return unknown(releases, str(error), fatal=True)
    except RecursionError:
        return unknown(releases, "its code is nested too deeply to be read")


@dataclass(frozen=True, kw_only=True)
class Surprise:
    """A target that came out otherwise than predicted."""

    outcome: Outcome
    prediction: Prediction

    def __str__(self) -> str:
        target, prediction = self.outcome.target, self.prediction
        if prediction.builds:
            return f"{target.name}: predicted {prediction.verdict}, but failed in {self._failed}"
        why = f" ({prediction.reasons[0]})" if prediction.reasons else ""
        word = "to break" if prediction.verdict is Verdict.BREAKS else "to die silently"
        return f"{target.name}: predicted {word}{why}, but passed"

    @property
    def _failed(self) -> str:
        stages = [stage.stage for stage in self.outcome.stages if stage.state == "failed"]
        return stages[0] if stages else "some stage"


def surprises(forecast_: Forecast, outcomes: Iterable[Outcome]) -> list[Surprise]:
    """The targets that came out otherwise than predicted, whatever the matrix file expects.

    A failure to make the SDK says nothing of the module, and a sanitizer's build is not inspected.
    """
    found = []
    for outcome in outcomes:
        prediction = forecast_.of(outcome.target)
        if prediction.builds is None or outcome.target.sanitizer is not None:
            continue
        came_out = built(outcome.status, outcome.stages)
        if came_out is not None and came_out != prediction.builds:
            found.append(Surprise(outcome=outcome, prediction=prediction))
    return found
