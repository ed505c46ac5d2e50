"""Vendor builds: a libmesos that takes protobuf or glog from libraries of their own.

The official build has both inside. A module shares their types with the agent, so it must be
compiled with the headers of just those that the agent runs with. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from buildkit.errors import TargetError
from buildkit.sdk.installed.survey import Survey


@dataclass(frozen=True, kw_only=True)
class _Part:
    name: str
    libraries: str
    """Glob of the SONAMEs that it has as a library of its own."""
    symbol: str
    """How a symbol begins that only its implementation defines."""


_PARTS = (
    _Part(
        name="protobuf",
        libraries="libprotobuf.so*",
        symbol="_ZN6google8protobuf14DescriptorPool",
    ),
    _Part(name="glog", libraries="libglog.so*", symbol="_ZN6google10LogMessage"),
)


def vendor_warnings(library: str, needed: Sequence[str], survey: Survey) -> list[str]:
    """What an unbundled part means for the module, one line each; none for an official build.

    ``library`` is libmesos's file name, and ``needed`` the libraries it names itself.
    """
    warnings = []
    for part in _PARTS:
        from_library = next((name for name in needed if fnmatchcase(name, part.libraries)), None)
        if from_library is not None:
            warnings.append(
                f"vendor build: {library} takes {part.name} from {from_library}, so the module "
                f"must be compiled with the same {part.name}'s headers"
            )
        elif not survey.defines(library, part.symbol):
            warnings.append(
                f"vendor build: {library} neither has {part.name} inside nor names a library for "
                f"it; the module must be compiled with the headers of the {part.name} that the "
                "agent runs with"
            )
    return warnings


def check_protobuf(
    where: str, *, generated: int | None, packed: int | None, base: int | None
) -> None:
    """Refuse protobuf headers that Mesos's own messages don't go with.

    ``generated`` is the version of the compiler that made the messages, ``packed`` that of the
    protobuf headers beside them, which the compiler finds first, and ``base`` that of the base's.

    Raises :class:`TargetError` naming both versions.
    """
    if generated is None:
        return
    found = base if packed is None else packed
    if found is None:
        raise TargetError(
            f"{where}: Mesos's messages were made by protobuf {_text(generated)}, and there are no "
            "protobuf headers beside them (Mesos installs its own with "
            "--enable-install-module-dependencies) nor on the base; add that version's headers"
        )
    # A minor version's patches go together, and protobuf itself asks for no more.
    if found // 1000 != generated // 1000:
        whose = "on the base" if packed is None else "beside them"
        raise TargetError(
            f"{where}: Mesos's messages were made by protobuf {_text(generated)}, but the headers "
            f"{whose} are of protobuf {_text(found)}; a module must be compiled with the former"
        )


def _text(version: int) -> str:
    """3005000 as 3.5.0."""
    return f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"
