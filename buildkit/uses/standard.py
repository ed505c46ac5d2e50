"""What members of the standard library's, stout's and libprocess's templates give. Pure."""

from buildkit.uses.types import Type

WRAPPERS = frozenset(
    {"Option", "Try", "Result", "Owned", "Shared", "Future", "unique_ptr", "shared_ptr"}
)
"""Templates that hold one value, which ``get()``, ``*`` and mostly ``->`` lead to."""

_WRAPPERS_OWN = frozenset(
    {
        *("get", "isSome", "isNone", "isError", "error", "isReady", "isFailed", "isPending"),
        *("isDiscarded", "failure", "then", "repair", "recover", "after", "onAny", "onReady"),
        *("onFailed", "onDiscarded", "discard", "await", "share", "release", "reset", "swap"),
        *("getOrElse", "map", "associate", "set", "undiscardable", "use_count", "unique"),
    }
)
_SEQUENCES = frozenset(
    {
        *("list", "vector", "deque", "set", "unordered_set", "hashset", "multiset", "array"),
        *("queue", "initializer_list", "RepeatedPtrField", "RepeatedField"),
    }
)
_MAPS = frozenset({"map", "unordered_map", "hashmap", "multimap", "multihashmap", "Map"})
_MANY_EACH = frozenset({"multimap", "multihashmap"})
_ELEMENTS = frozenset({"front", "back", "at", "top", "Get", "Mutable", "Add"})
_ITERATORS = frozenset({"begin", "end", "cbegin", "cend", "rbegin", "rend", "find", "lower_bound"})
_MAKERS = {"make_shared": "shared_ptr", "make_unique": "unique_ptr"}
_FORWARDERS = frozenset({"move", "forward", "CHECK_NOTNULL", "ref", "cref", "as_const"})


def is_known(type_: Type) -> bool:
    """Whether it is one of the templates that this module knows."""
    return type_.last in WRAPPERS | _SEQUENCES | _MAPS | {"pair", "iterator"}


def core(type_: Type) -> Type:
    """What is in it if it is a wrapper, or a wrapper in a wrapper; else itself."""
    while type_.last in WRAPPERS and type_.arguments:
        type_ = type_.arguments[0]
    return type_


def element(type_: Type) -> Type | None:
    """What a loop over it runs through."""
    if type_.last in _SEQUENCES and type_.arguments:
        return type_.arguments[0]
    if type_.last in _MAPS and len(type_.arguments) > 1:
        return Type(name="std::pair", arguments=type_.arguments[:2])
    return None


def pointed_at(type_: Type) -> Type | None:
    """What ``*`` of it gives."""
    if type_.last in WRAPPERS | {"iterator"}:
        return type_.arguments[0] if type_.arguments else None
    return type_


def indexed(type_: Type) -> Type | None:
    """What ``[...]`` of it gives."""
    if type_.last in _MAPS and len(type_.arguments) > 1:
        return type_.arguments[1]
    if type_.last in _SEQUENCES and type_.arguments:
        return type_.arguments[0]
    # Of an array or a pointer, the type is that of what it holds.
    return type_ if type_.pointers else None


def forwards(name: str) -> bool:
    """Whether a function gives what it is given, such as ``std::move``."""
    return name.rpartition("::")[2] in _FORWARDERS


def made(type_: Type) -> Type:
    """What a call of a function template gives, for make_shared and the like; else itself."""
    maker = _MAKERS.get(type_.last)
    return Type(name=f"std::{maker}", arguments=type_.arguments) if maker else type_


def leads_on(type_: Type, member: str) -> Type | None:
    """What a member really is of, where ``->`` of a wrapper or an iterator leads on to it."""
    if type_.last == "iterator" or (type_.last in WRAPPERS and member not in _WRAPPERS_OWN):
        return type_.arguments[0] if type_.arguments else None
    return None


def member(type_: Type, name: str) -> Type | None:
    """The type of a member, or of what a call of it gives; None for one of no interest."""
    last, arguments = type_.last, type_.arguments
    if last in WRAPPERS and arguments:
        if name == "get" or (name == "release" and last.endswith("_ptr")):
            return arguments[0]
        return Type(name="process::Shared", arguments=arguments) if name == "share" else None
    if last == "pair" and len(arguments) > 1 and name in {"first", "second"}:
        return arguments[name == "second"]
    one = element(type_)
    if one is not None and name in _ITERATORS:
        return Type(name="iterator", arguments=(one,))
    if last in _MAPS:
        return _map_member(type_, name)
    return one if name in _ELEMENTS else None


def _map_member(type_: Type, name: str) -> Type | None:
    if len(type_.arguments) < 2:  # noqa: PLR2004 - a key and a value
        return None
    key, value = type_.arguments[:2]
    holder = "std::list" if type_.last in _MANY_EACH else "Option"
    return {
        "at": value,
        "get": Type(name=holder, arguments=(value,)),
        "keys": Type(name="hashset", arguments=(key,)),
        "values": Type(name="std::list", arguments=(value,)),
    }.get(name)
