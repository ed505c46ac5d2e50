"""Which std::string a mangled C++ name mentions. Pure.

All of a name is not needed: only what tells a letter that means something from a letter of an
identifier. The libraries there are do not serve: itanium_demangler gives up on names that protobuf
has, and cxxfilt needs a C++ library where this tool runs.
"""

import re
from typing import Literal

# Where nothing of this is in a name, there is no need to take it apart.
_HINT = re.compile(r"S[sb]|cxx11|St4list|stringstream|stringbuf")
_OF_THE_LIBRARY = re.compile(
    r"_Z(?:T[A-Z]|G(?:[VRA]|T[tn])|T[hv]n?\d+_(?:n?\d+_)?)?"  # a table, guard, clone or thunk of
    r"Z*N?[KVrRO]*(?:S[tsabiod]|9__gnu_cxx|10__cxxabiv1)",
    re.ASCII,
)
_RENAMED = frozenset(
    {"list", "basic_stringbuf", "basic_stringstream", "basic_istringstream", "basic_ostringstream"}
)
"""Of namespace std: what moved into __cxx11 along with the string, but has no letter of its own."""

# The parts of a mangled name (https://itanium-cxx-abi.github.io/cxx-abi/abi.html#mangling), as far
# as needed to tell letters that mean something from those of an identifier, and numbers that are
# an identifier's length from all others.
_PART = re.compile(
    r"""
      (?P<length>[0-9]{1,9})
    | (?P<standard>S[tsabiod])
    | S[0-9A-Z]{0,3}_                   # what came before
    | T[VTIS]                           # table or type information
    | TL?[0-9]*_(?:[0-9]*_)?            # template parameter
    | T[hv]n?[0-9]+_(?:n?[0-9]+_)?      # thunk
    | L[a-z](?:n?[0-9a-f]+)E            # value of a built-in type
    | (?P<value>L)(?=[NS0-9])           # value of an enumeration; its number comes after the type
    | (?P<closure>Ul)                   # lambda; its number comes after the parameters
    | Ut[0-9]*_ | A[0-9]+_ | Dv[0-9]+_ | D[FBU][0-9]+[_bx]?
    | CI?[1-5] | D[0-5]                 # constructor, destructor
    | fp[rVK]*[0-9]*_ | fL[0-9]+p[rVK]*[0-9]*_
    | __[0-9]+_ | _[0-9]                # which of the entities of that name in a function
    | [\s\S]
    """,
    re.VERBOSE | re.ASCII,
)
_VALUES_END = re.compile(r"n?[0-9]+E", re.ASCII)
_CLOSURES_END = re.compile(r"E[0-9]+_", re.ASCII)


def of_the_library(name: str) -> bool:
    """Whether a mangled name is of the C++ library itself, or of a template of it."""
    return bool(_OF_THE_LIBRARY.match(name))


def string_abis(name: str) -> frozenset[Literal["cxx11", "old"]]:
    """Which std::string a mangled name mentions; both, one or none."""
    if not name.startswith("_Z") or not _HINT.search(name):
        return frozenset()
    found: set[Literal["cxx11", "old"]] = set()
    position = 2
    before = ""
    values = closures = 0
    while position < len(name):
        if values and (end := _VALUES_END.match(name, position)) and before in {"E", "name"}:
            values -= 1
            position, before = end.end(), "E"
            continue
        if closures and (end := _CLOSURES_END.match(name, position)):
            closures -= 1
            position, before = end.end(), "_"
            continue
        part = _PART.match(name, position)
        if part is None or name[position] == ".":  # gcc's own suffixes, such as .constprop.0
            break
        position = part.end()
        if part["length"]:
            word = name[position : position + int(part["length"])]
            position += int(part["length"])
            if word == "__cxx11" or (word == "cxx11" and before == "B"):
                found.add("cxx11")
            elif word in _RENAMED and before == "St":
                found.add("old")
            before = "name"
            continue
        if part["standard"] in {"Ss", "Sb"}:
            found.add("old")
        values += bool(part["value"])
        closures += bool(part["closure"])
        before = part[0]
    return frozenset(found)
