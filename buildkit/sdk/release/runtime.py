"""The step that compiles what stands in for libmesos when a module is loaded. Pure.

Two sizes: the core has the release's own module manager, values and messages; the larger one adds
libprocess, for modules that run processes of their own.
"""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import PurePosixPath

from pydantic import BaseModel, ConfigDict, Field

from buildkit.errors import UnavailableError
from buildkit.files.tree import File, Tree
from buildkit.plan import Target
from buildkit.releases import Release
from buildkit.sdk.release.headers import compile_flags
from buildkit.sdk.release.messages import (
    LIBRARY,
    complete_protos,
    import_folders,
    import_name,
    with_imports,
)
from buildkit.sdk.release.rendering import lines, own_file, render
from buildkit.specifiers import Specifier

# Optimising would take longer than a runtime ever runs; Mesos's own warnings are nobody's here.
_FLAGS = ("-O0", "-w", "-fPIC", "-pthread", "-ffunction-sections", "-fdata-sections")
_FOLDERS = ("-I.", "-Iglog/src", "-Ilibprocess/src", "-Ilibev")
"""Private headers; those of a part that is left out are not there."""
_C_FLAGS = ("-isystemsdk/3rdparty", "-DEV_STANDALONE=1")
"""For http-parser, and for libev without what its configure would find out."""


class Part(BaseModel):
    """What some releases' runtimes are made of."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: Specifier = Field(description="PEP 440 specifier of the releases that need it.")
    why: str = Field(min_length=1)
    unit: str | None = Field(None, description="Compiled in one go with all others of the unit.")
    files: tuple[str, ...] = Field((), description="Globs; what has no asterisk must be there.")
    without: tuple[str, ...] = Field((), description="Globs of what to take out of ``files``.")
    own: tuple[str, ...] = Field((), description="Sources of ours, in the templates' folder.")
    messages: tuple[str, ...] = Field((), description="By name in import; imported ones follow.")
    private: tuple[str, ...] = Field((), description="Globs over symbols that are not exported.")


class Parts(BaseModel):
    """The file ``runtime.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    core: tuple[Part, ...]
    libprocess: tuple[Part, ...]

    def of(self, release: Release, *, libprocess: bool) -> tuple[Part, ...]:
        """Those that make up the runtime of ``release``."""
        every = (*self.core, *self.libprocess) if libprocess else self.core
        return tuple(part for part in every if release.matches(part.match))


@cache
def runtime_parts() -> Parts:
    """The parts that every release's runtime is chosen from."""
    text = (resources.files("buildkit.sdk.release") / "runtime.toml").read_text()
    return Parts.model_validate(tomllib.loads(text))


def runtime_flags(target: Target, *, libprocess: bool) -> tuple[str, ...]:
    """What the runtime of ``target`` is compiled with, beside what every runtime is.

    Threads meet inside libprocess, by atomic operations that ThreadSanitizer only sees where it
    compiled them: without them all that is handed from one thread to another looks like a race.
    Other sanitizers, and the core, which has no threads, do as well with the plain runtime.
    """
    if libprocess and target.sanitizer == "thread":
        return target.harness_flags
    return target.abi_flags


def runtime_tree(
    sources: Tree, release: Release, *, libprocess: bool, compiler: str, flags: Sequence[str]
) -> dict[str, File]:
    """The folder of the step.

    ``sh runtime.sh SDK PROTOBUF FOLDER`` makes ``lib/libmesos_runtime.so``.
    ``sources`` are normalised and patched; ``libprocess`` says whether it is in, and then nothing
    may stay undefined but what a sanitizer's run time has; ``flags`` are :func:`runtime_flags`.

    Raises :class:`UnavailableError` if the sources lack a file that belongs in.
    """
    parts = runtime_parts().of(release, libprocess=libprocess)
    chosen = {part: _matching(sources, part, release) for part in parts}
    units = _units(chosen)
    alone = [path for part, paths in chosen.items() if part.unit is None for path in paths]
    own = [path for part in parts for path in part.own]
    names = [name for part in parts for name in part.messages]
    protos = with_imports(complete_protos(sources), names)
    # Protobuf has its own in its library.
    messages = [path for path in protos if not path.startswith(LIBRARY)]
    glog = _glog(sources)
    return {
        **{path: sources[path] for paths in chosen.values() for path in paths},
        **units,
        **{path: own_file(path) for path in own},
        **protos,
        **glog,
        **(_private_headers(sources) if libprocess else {}),
        "messages.txt": lines(messages),
        "sources.txt": lines(
            [
                *(_compiled_message(path) for path in messages),
                *units,
                *alone,
                *own,
                *(path for path in glog if path.endswith(".cc")),
            ]
        ),
        "exports.map": render(
            "exports.map.j2", private=[glob for part in parts for glob in part.private]
        ),
        "compile.sh": render(
            "compile.sh.j2",
            compiler=compiler,
            flags=("-std=c++11", *_FLAGS, *flags, *_FOLDERS, *compile_flags(release)),
            c_flags=(*_FLAGS, *flags, *_C_FLAGS),
        ),
        "runtime.sh": render(
            "runtime.sh.j2",
            compiler=compiler,
            link_flags=flags,
            folders=import_folders(protos),
            complete=libprocess,
            watched=any(flag.startswith("-fsanitize=") for flag in flags),
        ),
    }


def _matching(sources: Tree, part: Part, release: Release) -> list[str]:
    found: list[str] = []
    for glob in part.files:
        paths = [path for path in sorted(sources) if PurePosixPath(path).match(glob)]
        if not paths and "*" not in glob:
            raise UnavailableError(
                f"the sources of Mesos {release} lack {glob}, which the runtime needs for: "
                f"{part.why}"
            )
        found += paths
    return [
        path for path in found if not any(PurePosixPath(path).match(glob) for glob in part.without)
    ]


def _units(chosen: Mapping[Part, Sequence[str]]) -> dict[str, File]:
    """The source files that include those of a unit, one after the other."""
    members: dict[str, list[str]] = {}
    for part, paths in chosen.items():
        if part.unit is not None:
            members.setdefault(f"units/{part.unit}.cpp", []).extend(paths)
    return {
        path: lines([f'#include "{member}"' for member in unit]) for path, unit in members.items()
    }


def _compiled_message(path: str) -> str:
    return f"messages/{import_name(path).removesuffix('.proto')}.pb.cc"


_GLOG_SOURCES = frozenset(
    f"glog/src/{name}.cc"
    for name in (
        "demangle",
        "logging",
        "raw_logging",
        "signalhandler",
        "symbolize",
        "utilities",
        "vlog_is_on",
    )
)


def _glog(sources: Tree) -> dict[str, File]:
    """Sources and private headers of glog; the public ones come with the SDK."""
    elsewhere = ("glog/src/glog/", "glog/src/windows/")
    return {
        "glog/src/config.h": own_file("glog-config.h"),
        **{
            path: file
            for path, file in sources.items()
            if path in _GLOG_SOURCES
            or (
                path.startswith("glog/src/")
                and path.endswith(".h")
                and not path.startswith(elsewhere)
            )
        },
    }


def _private_headers(sources: Tree) -> dict[str, File]:
    # libev's own source includes others of its sources.
    return {
        path: file
        for path, file in sources.items()
        if path.startswith("libev/")
        or (path.startswith("libprocess/src/") and path.endswith(".hpp"))
    }
