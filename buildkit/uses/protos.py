"""The types that a module's own .proto files declare, so that none is taken for one of Mesos's."""

import re
from collections.abc import Iterator

from buildkit.uses.syntax import Class, Declaration, Enumeration, Namespace, Unit

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_PACKAGE = re.compile(r"\bpackage\s+([\w.]+)\s*;")
_TYPE = re.compile(r"\b(message|enum)\s+(\w+)\s*\{|[{}]")


def read_proto(path: str, text: str) -> Unit:
    """The classes that protoc makes of a file, by name alone; nested ones by both their names."""
    plain = _COMMENT.sub(" ", text)
    package = _PACKAGE.search(plain)
    members = tuple(_types(plain))
    if package is not None:
        name = package[1].replace(".", "::")
        members = (Namespace(at=(1, 1), name=name, members=members),)
    return Unit(path=path, members=members, whole=True)


def _types(text: str) -> Iterator[Declaration]:
    # The names of the messages around; empty for another brace's block.
    around: list[str] = []
    for found in _TYPE.finditer(text):
        if found[0] == "}":
            del around[-1:]
            continue
        name = found[2] or ""
        if name:
            flat = "_".join((*filter(None, around), name))
            if found[1] == "enum":
                yield Enumeration(at=(1, 1), name=flat, values=())
            else:
                yield Class(at=(1, 1), name=flat, bases=(), members=())
        around.append(name)
