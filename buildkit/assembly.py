"""From a target to its context: brings sources, SDK and base image's name together."""

from buildkit.context import Context, make_context
from buildkit.engine import Emit
from buildkit.engine.bases import base_tag
from buildkit.matrix import SmokeLevel
from buildkit.plan import Target
from buildkit.sdk.model import Sdk
from buildkit.sources.modules import Sources


def assemble(target: Target, sources: Sources, sdk: Sdk, smoke: SmokeLevel, emit: Emit) -> Context:
    """The target's context; ``emit`` is told of what takes time.

    Raises :class:`buildkit.errors.TargetError` for what is wrong with this target alone, and
    :class:`buildkit.errors.UnavailableError` for sources that can't be had.
    """
    return make_context(
        target,
        sources.tree(target.module, emit),
        sdk,
        base=base_tag(target.base_request),
        smoke=smoke,
    )
