"""The interface table: what every final Mesos release offers a module's author, as data.

The JSON files beside this module hold one fact a line. Every row is true from ``since`` to
``until``, both included, in numeric (not date) order of releases; without ``since`` from 0.21.0,
without ``until`` to 1.11.0. A fact that comes, goes and comes back has a row for each range.

- ``interfaces.json``: C++ classes: where they are declared, and their methods in declaration order
- ``structs.json``: plain structs that carry interface data
- ``messages.json``, ``enums.json``: protobuf messages and enums, nested ones by dotted name
- ``further.json``: more of both, for other kinds than isolators and for frameworks
- ``modules.json``: module descriptor, module kinds, the loader's rules, version macros
- ``successions.json``: what is asked of Mesos at one place and, in later releases, at another
- ``sdk.json``: bundled libraries, .proto files, includes, folders, compilers
- ``releases.json``: dates of the release tags

Nothing here touches anything outside the package; :func:`load` is the one function that reads.
"""

from buildkit.interfaces.loading import TableError, load
from buildkit.interfaces.rows import (
    FIRST,
    LAST,
    EnumValue,
    Field,
    Location,
    Method,
    Parameter,
    Row,
    Succession,
)
from buildkit.interfaces.table import Base, Generation, InterfaceTable

__all__ = [
    "FIRST",
    "LAST",
    "Base",
    "EnumValue",
    "Field",
    "Generation",
    "InterfaceTable",
    "Location",
    "Method",
    "Parameter",
    "Row",
    "Succession",
    "TableError",
    "load",
]
