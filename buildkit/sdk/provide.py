"""From a target to its SDK, whatever kind it is of."""

from buildkit.plan import Target
from buildkit.sdk.installed.sdk import InstalledSdks
from buildkit.sdk.model import Sdk
from buildkit.sdk.release.sdk import ReleaseSdks
from buildkit.sdk.stub.sdk import stub_sdk
from buildkit.steps.runner import Site


class Sdks:
    """Provides the SDKs of a run. Thread-safe."""

    def __init__(self, release: ReleaseSdks, installed: InstalledSdks) -> None:
        self._release = release
        self._installed = installed

    def provide(self, target: Target, site: Site) -> Sdk:
        """The target's SDK, made on the site's base if need be.

        Raises :class:`UsageError` for a release that a stub can't be made for,
        :class:`UnavailableError` for what is not to be had, and
        :class:`TargetError` for an SDK that can't be made.
        """
        match target.sdk:
            case "stub":
                return stub_sdk(target)
            case "release":
                return self._release.provide(target, site)
            case "image" | "prefix":
                return self._installed.provide(target, site)
