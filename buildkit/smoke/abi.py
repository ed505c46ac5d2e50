"""What a library asks of an agent's C and C++ run time, and which std::string it speaks. Pure.

The run time's versions are labels of its symbols, such as ``GLIBC_2.31``. Which ones a
distribution has is data: ``abi_floors.toml``.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from buildkit.releases import did_you_mean
from buildkit.smoke.mangled import of_the_library, string_abis

StringAbi = Literal["cxx11", "old", "both", "none"]
Label = str
"""A version as symbols carry it: a namespace, an underscore, a number or word."""
Needs = Mapping[Label, tuple[str, ...]]
"""Labels that a library needs, and the symbols it needs them for; there may be none."""

_NAMESPACES = {"glibc": "GLIBC", "glibcxx": "GLIBCXX", "cxxabi": "CXXABI", "gcc": "GCC"}
_LABEL = re.compile(rf"({'|'.join(_NAMESPACES.values())})_(.+)\Z", re.DOTALL)
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})*\Z", re.ASCII)
_MOST_SYMBOLS_SHOWN = 4
_MOST_LABELS_SHOWN = 4
PACKED_RELOCATIONS = "GLIBC_ABI_DT_RELR"
"""The label that a library with packed relative relocations needs of libc."""
_FIRST_WITH_CXX11 = "3.4.21"
"""The first GLIBCXX with std::__cxx11."""

Number = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)+$")]


class Floor(BaseModel):
    """The newest versions that the agents' systems have. What is left out is not limited."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    glibc: Number | None = None
    """glibc's release, such as "2.31"."""
    glibcxx: Number | None = None
    """Newest GLIBCXX_ version of libstdc++, such as "3.4.28"."""
    cxxabi: Number | None = None
    """Newest CXXABI_ version of libstdc++, such as "1.3.12"."""
    gcc: Number | None = None
    """Newest GCC_ version of libgcc_s, such as "7.0.0"."""

    @model_validator(mode="after")
    def _some_limit(self) -> "Floor":
        if not any(self.limits.values()):
            raise ValueError(f"needs one of {', '.join(_NAMESPACES)} at least")
        return self

    @property
    def limits(self) -> dict[str, str | None]:
        """Namespace (``GLIBC``) -> its newest number, or None."""
        return {namespace: getattr(self, key) for key, namespace in _NAMESPACES.items()}

    def __str__(self) -> str:
        """What a message calls it."""
        return "the platform's floor"


class NamedFloor(Floor):
    """A floor of ``abi_floors.toml``."""

    name: str

    def __str__(self) -> str:
        """What a message calls it."""
        return f"the floor {self.name}"


@dataclass(frozen=True, kw_only=True)
class PrivateLabels:
    """Labels that no module may need."""

    globs: tuple[str, ...]
    why: str


@dataclass(frozen=True, kw_only=True)
class AbiData:
    """``abi_floors.toml``, read."""

    floors: Mapping[str, NamedFloor]
    since: Mapping[Label, Label]
    """Labels that are words -> the numbered label of the same namespace that they came with."""
    private: tuple[PrivateLabels, ...]


@cache
def shipped() -> AbiData:
    """The data that comes with this package."""
    text = resources.files("buildkit.smoke").joinpath("abi_floors.toml").read_text(encoding="utf-8")
    table: dict[str, Any] = tomllib.loads(text)
    return AbiData(
        floors={name: NamedFloor(name=name, **row) for name, row in table["floor"].items()},
        since=table["since"],
        private=tuple(
            PrivateLabels(globs=tuple(row["labels"]), why=row["why"]) for row in table["private"]
        ),
    )


def named_floor(name: str) -> NamedFloor:
    """The floor of that name. Raises ``ValueError`` that says which there are."""
    floors = shipped().floors
    if name not in floors:
        hint = did_you_mean(name, floors) or f"; there are {', '.join(floors)}"
        raise ValueError(f"there is no floor {name!r}{hint}")
    return floors[name]


def _floor_of(value: Any) -> Any:
    if isinstance(value, str):
        return named_floor(value)
    if isinstance(value, dict | Floor):
        return value
    raise ValueError(f"expected a floor's name or a table of versions, not {value!r}")


FloorName = Annotated[str, Field(json_schema_extra={"enum": list(shipped().floors)})]
FloorKey = Annotated[Floor, BeforeValidator(_floor_of, json_schema_input_type=FloorName | Floor)]
"""A floor as a file gives it: by name, or number by number."""


@dataclass(frozen=True, kw_only=True)
class AbiFacts:
    """The newest version of each interface that a library needs (None if it needs none of it)."""

    glibc: str | None = None
    glibcxx: str | None = None
    cxxabi: str | None = None
    gcc: str | None = None
    std_string: StringAbi = "none"
    """Which std::string its functions take and give; ``none`` if no symbol's name has one in it."""

    def __str__(self) -> str:
        named = ((namespace, getattr(self, key)) for key, namespace in _NAMESPACES.items())
        versions = [f"{namespace} {version}" for namespace, version in named if version]
        return ", ".join([*versions, f"std::string {self.std_string}"])


@dataclass(frozen=True, kw_only=True)
class StringUse:
    """The symbols that tell which std::string a library uses."""

    cxx11: tuple[str, ...] = ()
    old: tuple[str, ...] = ()

    @property
    def abi(self) -> StringAbi:
        """Both, if there are symbols of both."""
        match bool(self.cxx11), bool(self.old):
            case True, True:
                return "both"
            case True, False:
                return "cxx11"
            case False, True:
                return "old"
            case _:
                return "none"


def abi_facts(needs: Needs, strings: StringUse) -> AbiFacts:
    """Sum up what a library needs. Labels without a known number count for nothing."""
    newest: dict[str, str] = {}
    for label in needs:
        namespace, number = _numbered(label)
        if number and _order(number) > _order(newest.get(namespace, "0")):
            newest[namespace] = number
    versions = {key: newest.get(namespace) for key, namespace in _NAMESPACES.items()}
    return AbiFacts(**versions, std_string=strings.abi)


def private_needs(needs: Needs) -> str:
    """What is wrong with the labels that no module may need; nothing if it needs none."""
    problems = []
    for private in shipped().private:
        labels = [label for label in needs if any(fnmatchcase(label, g) for g in private.globs)]
        if labels:
            problems.append(f"{_wanted(labels, needs)}: {private.why}")
    return "; ".join(problems)


def above_floor(needs: Needs, floor: Floor) -> dict[Label, str]:
    """For each limit of the floor, as a label: what is above it, in words; nothing if none is."""
    return {
        f"{namespace}_{limit}": _above(needs, namespace, limit, floor)
        for namespace, limit in floor.limits.items()
        if limit is not None
    }


def _above(needs: Needs, namespace: str, limit: str, floor: Floor) -> str:
    above: dict[Label, tuple[int, ...]] = {}
    unknown = []
    for label in needs:
        its_namespace, number = _numbered(label)
        if its_namespace != namespace or private_needs({label: ()}):
            continue
        if number is None:
            unknown.append(label)
        elif _order(number) > _order(limit):
            above[label] = _order(number)
    problems = []
    if above:
        newest_first = sorted(above, key=lambda label: (above[label], label), reverse=True)
        problems.append(
            f"needs {_wanted(newest_first, needs)}; {floor} ends at {namespace}_{limit}: "
            f"{_advice(needs, newest_first, namespace, limit)}"
        )
    if unknown:
        problems.append(f"needs {_wanted(sorted(unknown), needs)}, of which no floor knows the age")
    return "; ".join(problems)


def _advice(needs: Needs, labels: list[Label], namespace: str, limit: str) -> str:
    if labels == [PACKED_RELOCATIONS]:
        return "link with -Wl,-z,nopack-relative-relocs"
    symbols = (symbol for label in labels for symbol in needs[label])
    if (
        namespace == "GLIBCXX"
        and _order(limit) < _order(_FIRST_WITH_CXX11)
        and any("cxx11" in string_abis(symbol) for symbol in symbols)
    ):
        return "it has the old std::string only, so the platform needs cxx11_abi = false"
    return "build on a base that is no newer, or do without"


def _wanted(labels: Iterable[Label], needs: Needs) -> str:
    """Labels for a message, each with the first of the symbols it is needed for."""
    texts = []
    for label in labels:
        shown = _first(needs[label])
        texts.append(f"{label} ({shown})" if shown else label)
    left_out = len(texts) - _MOST_LABELS_SHOWN
    shown = ", ".join(texts[:_MOST_LABELS_SHOWN])
    return f"{shown} and {left_out} versions more" if left_out > 0 else shown


def _first(symbols: Iterable[str]) -> str:
    every = sorted(symbols)
    more = len(every) - _MOST_SYMBOLS_SHOWN
    shown = ", ".join(every[:_MOST_SYMBOLS_SHOWN])
    return f"{shown} and {more} more" if more > 0 else shown


def _numbered(label: Label) -> tuple[str, str | None]:
    """A label's namespace, and its number if it has one or came with one.

    The namespace of a label that is none of ours is empty.
    """
    found = _LABEL.match(shipped().since.get(label, label))
    if not found:
        return "", None
    return found[1], found[2] if _NUMBER.match(found[2]) else None


def _order(number: str) -> tuple[int, ...]:
    """What numbers are compared by: 2.9 is older than 2.10, and 11.0 as old as 11.0.0."""
    parts = [int(part) for part in number.split(".")]
    while parts and not parts[-1]:
        parts.pop()
    return tuple(parts)


# --- std::string


def string_use(undefined: Iterable[str], defined: Iterable[str]) -> StringUse:
    """Sort a library's symbols by the std::string that their mangled names mention.

    What it defines of the C++ library itself is left out: linked in statically, that has both.
    """
    found: dict[str, set[str]] = {"cxx11": set(), "old": set()}
    own = (name for name in defined if not of_the_library(name))
    for names in (undefined, own):
        for name in names:
            for abi in string_abis(name):
                found[abi].add(name)
    return StringUse(cxx11=tuple(sorted(found["cxx11"])), old=tuple(sorted(found["old"])))


def wrong_string(use: StringUse, *, cxx11_abi: bool) -> str:
    """What is wrong with the std::string for a platform; nothing if nothing is."""
    wrong = use.old if cxx11_abi else use.cxx11
    if not wrong:
        return ""
    shown = _first(wrong)
    if cxx11_abi:
        return (
            f"uses the std::string from before gcc 5 ({shown}), and the platform the present one; "
            "take -D_GLIBCXX_USE_CXX11_ABI=0 out, or give the platform cxx11_abi = false"
        )
    return (
        f"uses the present std::string ({shown}), and the platform has cxx11_abi = false; "
        "something in it was compiled without -D_GLIBCXX_USE_CXX11_ABI=0"
    )
