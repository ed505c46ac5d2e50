"""Interface drift: what changes between Mesos releases for a module, from the interface table.

:func:`changes` compares two releases, :func:`boundaries` each of several with the next. What they
give is made into text, Markdown or JSON by the modules beside this one. Nothing here touches
anything outside the package.
"""

from buildkit.drift.compare import boundaries, changes, differ
from buildkit.drift.model import Category, Change, Effect, Step, What
from buildkit.drift.reach import kinds_of
from buildkit.drift.words import sentence

__all__ = [
    "Category",
    "Change",
    "Effect",
    "Step",
    "What",
    "boundaries",
    "changes",
    "differ",
    "kinds_of",
    "sentence",
]
