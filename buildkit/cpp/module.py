"""A module of the matrix file, read as its builds would compile it. Pure."""

from collections.abc import Sequence

from buildkit.cpp.macros import Definitions
from buildkit.cpp.mesos import headers_of, version_macros
from buildkit.cpp.reader import Sources, Unit, read
from buildkit.cpp.reading import Reading
from buildkit.encoding import version_header
from buildkit.files.tree import Tree, matching
from buildkit.interfaces import InterfaceTable
from buildkit.matrix import Matrix, Module
from buildkit.plan import compiler_flags, platforms_of
from buildkit.releases import Release

GUARD_MACROS = frozenset(
    {
        "MESOS_VERSION_INT",
        "MESOS_VERSION_AT_LEAST",
        "MESOS_BUILDKIT_VERSION_MAJOR",
        "MESOS_BUILDKIT_VERSION_MINOR",
        "MESOS_BUILDKIT_VERSION_PATCH",
    }
)
"""What the version header defines; undefined in sources that are compiled without it."""


def read_module(
    matrix: Matrix,
    module: Module,
    tree: Tree,
    releases: Sequence[Release],
    table: InterfaceTable,
) -> Reading:
    """Read a module's sources for all ``releases`` at once.

    A release is read as it is compiled on the first of its platforms.
    """
    flags = tuple(
        compiler_flags(matrix, module, release, platform)
        for release in releases
        for platform in platforms_of(matrix, module, release)[:1]
    )
    # The command line comes before the header, which respects it.
    version_flags = tuple(
        (*f, module.encoding.flag(r)) for f, r in zip(flags, releases, strict=True)
    )
    headers = tuple(version_header(release, module.encoding) for release in releases)
    common = matching(tree, module.common_sources)
    compiled = [path for path in matching(tree, module.sources) if path not in common]
    units = [
        *(Unit(path=path, flags=version_flags, forced=headers) for path in compiled),
        *(Unit(path=path, flags=flags) for path in common),
    ]
    definitions = Definitions()
    return read(
        Sources(
            files={path: text_of(file.data) for path, file in tree.items()},
            units=units,
            include=("", *module.include),
            known=GUARD_MACROS | version_macros(table),
        ),
        releases,
        definitions=definitions,
        external=headers_of(table, releases, definitions),
    )


def text_of(data: bytes) -> str:
    """A source's text. What is not UTF-8 in it survives being written again."""
    return data.decode(errors="surrogateescape")
