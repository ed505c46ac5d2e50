"""The step that makes C++ of a release's protobuf messages. Pure."""

import re
from collections.abc import Iterable

from buildkit.errors import UnavailableError
from buildkit.files.tree import File, Tree
from buildkit.sdk.release.rendering import lines, render

LIBRARY = "library/"
"""Folder of the step with protobuf's own messages, of which the C++ is in its library."""

_ROOTS = {"mesos/include/": "include/", "mesos/src/": "src/", "protobuf/src/": LIBRARY}
"""Folder of the sources -> folder of the step, from which imports are relative."""

_IMPORT = re.compile(r'^\s*import\s+(?:public\s+|weak\s+)?"([^"]+)"\s*;', re.MULTILINE)


def generate_tree(sources: Tree) -> dict[str, File]:
    """The folder of the step.

    ``sh generate.sh PROTOBUF FOLDER`` makes headers and sources of all messages, and a copy of the
    protobuf compiler.

    Left out are messages that import others which Mesos does not bring along as such (those of CSI,
    say).
    """
    protos = complete_protos(sources)
    return {
        **protos,
        "include.txt": lines([path for path in protos if path.startswith("include/")]),
        "src.txt": lines([path for path in protos if path.startswith("src/")]),
        "generate.sh": render("generate.sh.j2", folders=import_folders(protos)),
    }


def import_folders(protos: Tree) -> list[str]:
    """Those that imports are relative to; protoc warns of one that is not there."""
    return sorted({path.partition("/")[0] for path in protos})


def import_name(path: str) -> str:
    """What an import calls a file of a step."""
    return path.partition("/")[2]


def complete_protos(sources: Tree) -> dict[str, File]:
    """The ``.proto`` files whose imports are there, below ``include/``, ``src/`` and ``library/``.

    Of protobuf's own those that others import.
    """
    protos = {
        folder + path.removeprefix(root): file
        for path, file in sorted(sources.items())
        for root, folder in _ROOTS.items()
        if path.startswith(root) and path.endswith(".proto")
    }
    while True:
        names = {import_name(path) for path in protos}
        complete = {path: file for path, file in protos.items() if names.issuperset(_imports(file))}
        if len(complete) == len(protos):
            break
        protos = complete
    return with_imports(
        protos, [import_name(path) for path in protos if not path.startswith(LIBRARY)]
    )


def with_imports(protos: Tree, names: Iterable[str]) -> dict[str, File]:
    """Those of ``protos`` that are in ``names``, as imports have it, and all that they import.

    Raises :class:`UnavailableError` for a name that is not among them.
    """
    by_name = {import_name(path): path for path in protos}
    todo = list(names)
    reached: set[str] = set()
    while todo:
        name = todo.pop()
        path = by_name.get(name)
        if path is None:
            raise UnavailableError(f"the sources lack {name}, or something that it imports")
        if path not in reached:
            reached.add(path)
            todo += _imports(protos[path])
    return {path: file for path, file in protos.items() if path in reached}


def _imports(file: File) -> list[str]:
    return _IMPORT.findall(file.data.decode(errors="replace"))
