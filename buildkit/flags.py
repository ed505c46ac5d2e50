"""The compiler's and linker's command lines of a target. Pure.

Folders in them are relative to the work folder, so they are the same wherever it is.
"""

from dataclasses import dataclass

from buildkit.plan import Target
from buildkit.sdk.model import Sdk

VERSION_HEADER = "mesos_buildkit/version.h"
COMMON_HEADER = "common.h"
"""Keeps the release's number out of sources that say that they don't use it."""


@dataclass(frozen=True, kw_only=True)
class Flags:
    """What each kind of source file is compiled with."""

    compile: tuple[str, ...]
    """The module's sources."""
    common: tuple[str, ...]
    """Those of them that are the same for all releases: no Mesos to be seen, nor its version."""
    harness: tuple[str, ...]
    """The harness's part that sees Mesos."""
    harness_core: tuple[str, ...]
    """The harness's part that is the same for all releases and modules."""
    link: tuple[str, ...]
    """Linking the module."""


def make_flags(target: Target, sdk: Sdk, *, compatibility: bool) -> Flags:
    """Compose the flags; ``compatibility`` says whether there are compatibility headers."""
    include = (
        "-Imodule",
        *(f"-Imodule/{folder}" for folder in target.module.include),
    )
    version = ("-Iinclude", "-include", f"include/{VERSION_HEADER}")
    # Optimising the harness would take longer than it ever runs.
    harness_core = ("-std=c++11", "-O0", "-Wall", "-Wextra", *target.harness_flags)
    return Flags(
        compile=(
            *target.flags,
            target.version_flag,
            *version,
            *(("-Iinclude/compat",) if compatibility else ()),
            *include,
            *(("-Igen",) if target.module.protos else ()),
            *sdk.compile_flags,
        ),
        common=(*target.flags, "-include", COMMON_HEADER, *include),
        harness=(*harness_core, *version, *sdk.compile_flags),
        harness_core=harness_core,
        link=(
            "-shared",
            f"-Wl,-soname,{target.library}",
            "-Wl,--version-script=exports.map",
            "-Wl,--build-id=sha1",
            # The agent binds everything at once, so what is missing shows here and not there.
            "-Wl,-z,now,-z,relro",
            "-pthread",
            *_linking(target, sdk),
            *target.module.link_flags,
        ),
    )


def _linking(target: Target, sdk: Sdk) -> tuple[str, ...]:
    if target.sanitizer is None:
        return sdk.link_flags
    # Its run time is the harness's, so the library has symbols that nobody provides yet.
    kept = (flag for flag in sdk.link_flags if flag != "-Wl,--no-undefined")
    return (*kept, f"-fsanitize={target.sanitizer}")


def from_module(flag: str) -> str:
    """A flag for a command that runs inside ``module/``, one folder further down."""
    for mark in ("-isystem", "-idirafter", "-I", "-Wl,--version-script="):
        if flag.startswith(mark) and not flag.startswith(f"{mark}/"):
            return f"{mark}../{flag.removeprefix(mark)}"
    return f"../{flag}" if flag == f"include/{VERSION_HEADER}" else flag
