"""The step that compiles the bundled protobuf: its compiler and its library. Pure.

It goes by the lists in protobuf's own ``Makefile.am`` instead of running its configure and make,
which a base image need not be able to.
"""

import re
from collections.abc import Sequence

from buildkit.errors import UnavailableError
from buildkit.files.tree import File, Tree
from buildkit.sdk.release.automake import file_lists
from buildkit.sdk.release.rendering import lines, own_file, render

_FLAGS = ("-std=c++11", "-O1", "-w", "-fPIC", "-pthread", "-DHAVE_PTHREAD=1", "-I.", "-Isrc")
_OTHER_LANGUAGES = re.compile(r"/compiler/(?!cpp/)[a-z0-9_]+/")
_ALONE = re.compile(r"/(util|compiler)/|table_driven")
"""Sources of which many have names in common; as a unit they would be compiled for nothing."""
_UNIT = 12
"""Sources in a unit. Headers are most of what there is to compile in each; with more of them a
compiler would need more memory, and others would wait for it."""
_MAKEFILE = "protobuf/src/Makefile.am"


def protobuf_tree(sources: Tree, *, compiler: str, flags: Sequence[str]) -> dict[str, File]:
    """The folder of the step.

    ``sh protobuf.sh FOLDER`` makes ``bin/protoc`` and ``lib/libprotobuf.a``.
    ``sources`` are normalised; ``flags`` are the platform's.

    Raises :class:`UnavailableError` for sources without protobuf's own list of files.
    """
    lists = _lists(sources)
    library = _compiled(lists["libprotobuf_lite_la_SOURCES"] + lists["libprotobuf_la_SOURCES"])
    # The zlib streams need a header that a base image need not have; Mesos doesn't use them.
    library = [path for path in library if not path.endswith("/gzip_stream.cc")]
    protoc = [
        path
        for path in _compiled(lists["libprotoc_la_SOURCES"])
        if not _OTHER_LANGUAGES.search(path)
    ]
    every = (*_FLAGS, *flags)
    units = _units([path for path in library if not _ALONE.search(path)])
    alone = [path for path in library if _ALONE.search(path)]
    return {
        **{
            path.removeprefix("protobuf/"): file
            for path, file in sources.items()
            if path.startswith("protobuf/src/google/")
            and (
                path.endswith((".h", ".inc"))
                or path.removeprefix("protobuf/") in {*library, *protoc}
            )
        },
        "config.h": own_file("protobuf-config.h"),
        "protoc.cc": own_file("protoc.cc"),
        **units,
        "library.txt": lines([*units, *alone]),
        "protoc.txt": lines([*protoc, "protoc.cc"]),
        "unit.sh": own_file("unit.sh"),
        "compile.sh": render("compile.sh.j2", compiler=compiler, flags=every),
        "protobuf.sh": render("protobuf.sh.j2", compiler=compiler, link_flags=flags),
    }


def public_headers(sources: Tree) -> dict[str, File]:
    """What protobuf installs for those who compile against it, by name in ``#include``.

    Raises :class:`UnavailableError` for sources without protobuf's own list of files.
    """
    lists = _lists(sources)
    return {
        path: sources[f"protobuf/src/{path}"]
        for path in lists["nobase_include_HEADERS"]
        if f"protobuf/src/{path}" in sources and "/compiler/" not in path
    }


def _lists(sources: Tree) -> dict[str, tuple[str, ...]]:
    makefile = sources.get(_MAKEFILE)
    if makefile is None:
        raise UnavailableError(
            "the bundled protobuf has no src/Makefile.am; expected protobuf's release archive"
        )
    return file_lists(makefile.data.decode(errors="replace"))


def _units(paths: Sequence[str]) -> dict[str, File]:
    """The source files that include those of a unit, one after the other."""
    return {
        f"units/{start // _UNIT}.cc": lines(
            [f'#include "{path}"' for path in paths[start : start + _UNIT]]
        )
        for start in range(0, len(paths), _UNIT)
    }


def _compiled(paths: Sequence[str]) -> list[str]:
    return [f"src/{path}" for path in paths if path.endswith(".cc")]
