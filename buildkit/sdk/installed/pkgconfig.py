"""What matters here of ``mesos.pc``. Pure.

The pkg-config program answers for the system that it runs on, and what is read here comes from
another one: out of an image, or from a prefix that may have been moved. What makes pkg-config hard,
looking for required packages and comparing their versions, does not arise: ``mesos.pc`` requires
nothing in any release.
"""

import re
import shlex
from dataclasses import dataclass

from buildkit.errors import TargetError

_ENTRY = re.compile(r"([A-Za-z0-9_.]+)[ \t]*([=:])[ \t]*(.*)")
_VARIABLE = re.compile(r"\$\$|\$\{([^}]*)\}")


@dataclass(frozen=True, kw_only=True)
class MesosPc:
    """The file's facts, with its variables put in."""

    prefix: str | None = None
    """Where Mesos was to be installed, as its build was told."""
    version: str | None = None
    include_folders: tuple[str, ...] = ()
    """From ``Cflags``, in order."""
    flags: tuple[str, ...] = ()
    """The rest of ``Cflags``."""
    requires: str = ""
    """Other packages that it wants to be compiled with."""


def read_mesos_pc(text: str, where: str) -> MesosPc:
    """Read the file's text; ``where`` is what messages call it.

    Raises :class:`TargetError` for a variable that is not defined, and for quotes without an end.
    """
    variables: dict[str, str] = {}
    fields: dict[str, str] = {}
    for raw in text.replace("\\\n", " ").splitlines():
        entry = _ENTRY.fullmatch(raw.partition("#")[0].strip())
        if entry is None:
            continue
        name, mark, value = entry.groups()
        if mark == "=":
            variables[name] = _expand(value, variables, where)
        else:
            fields[name.lower()] = _expand(value, variables, where)
    try:
        words = shlex.split(fields.get("cflags", ""))
    except ValueError as error:
        raise TargetError(f"{where}: Cflags: {error}") from None
    folders, flags = _split(words)
    return MesosPc(
        prefix=variables.get("prefix"),
        version=fields.get("version"),
        include_folders=tuple(folders),
        flags=tuple(flags),
        requires=fields.get("requires", ""),
    )


def _expand(value: str, variables: dict[str, str], where: str) -> str:
    def put_in(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return "$"
        if name not in variables:
            raise TargetError(f"{where}: variable {name!r} is used but not defined before")
        return variables[name]

    return _VARIABLE.sub(put_in, value)


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """Include folders, and all other flags."""
    folders: list[str] = []
    flags: list[str] = []
    rest = iter(words)
    for word in rest:
        mark = next((m for m in ("-I", "-isystem") if word.startswith(m)), None)
        if mark is None:
            flags.append(word)
        else:
            folders.append(word.removeprefix(mark) or next(rest, ""))
    return [folder for folder in folders if folder], flags
