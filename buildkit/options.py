"""What a command line may change about a run; the matrix file's ``[defaults]`` fill the rest."""

from dataclasses import dataclass

from buildkit.matrix import EngineChoice, Sanitizer, SdkChoice, SmokeLevel


@dataclass(frozen=True, kw_only=True)
class Options:
    """None means: as the matrix file says."""

    only: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    """Names of the platforms to build on; none means all."""
    modules: tuple[str, ...] = ()
    """Names of the modules to build; none means all."""
    engine: EngineChoice | None = None
    sdk: SdkChoice | None = None
    smoke: SmokeLevel | None = None
    jobs: int | None = None
    fail_fast: bool = False
    keep_failed: bool = False
    representative: bool = False
    """Only one target of each group that the module can't tell apart."""
    sanitize: tuple[Sanitizer, ...] = ()
    """Build and drive with each of these instead, and publish nothing."""
