"""What a module meets on a release, as one digest: equal ones make releases interchangeable. Pure.

A digest is over the text that is compiled and over the table's rows, as content, of all that the
text asks for: whole interfaces and messages, not only the methods and fields in use. What a release
has besides does not matter to the module.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import assert_never

from buildkit.files.tree import digest_of
from buildkit.interfaces import Row
from buildkit.releases import Release
from buildkit.uses.catalogue import Catalogue
from buildkit.uses.demands import (
    Access,
    Construction,
    Contradiction,
    Conversion,
    Demand,
    Derivation,
    Descriptor,
    Header,
    LooseAccess,
    MacroUse,
    MemberAccess,
    MethodCall,
    Named,
    Support,
    asked,
)
from buildkit.uses.module import Uses


def fingerprints_of(catalogue: Catalogue, uses: Sequence[Uses]) -> Mapping[Release, str]:
    """Of each release, SHA-256 in hex over all that the module meets there."""
    found: dict[Release, str] = {}
    for one in uses:
        # A text may hold bytes that are no UTF-8.
        texts = [ascii(part) for path in sorted(one.texts) for part in (path, one.texts[path])]
        # The same is asked for in many places.
        demands = {asked(demand): demand for demand in one.demands}
        for release in one.releases:
            met = {
                f"{_about(demand)}: {_content(row)}"
                for demand in demands.values()
                for row in _rows(catalogue, demand, release)
            }
            found[release] = digest_of(*texts, *sorted(met))
    return found


def _about(demand: Demand) -> str:
    match demand:
        case Access():
            return demand.message
        case MemberAccess():
            return f"{demand.type}.{demand.member}"
        case LooseAccess():
            return demand.accessor
        case _:
            return type(demand).__name__


def _rows(catalogue: Catalogue, demand: Demand, release: Release) -> Iterator[Row]:  # noqa: C901
    """The table's rows that a demand has to do with in a release, in the table's order."""
    table = catalogue.table
    rows: Iterator[Row]
    match demand:
        case Header(path=path):
            rows = iter(catalogue.headers[path])
        case Named(name=name):
            rows = (row for e in catalogue.entities.get(name, ()) for row in e.rows)
        case Descriptor(type=type_):
            kind = catalogue.kind_of(type_, release)
            rows = iter(() if kind is None else (kind,))
        case Access(message=message):
            # All of it: what a message brings that the module does not look at may still matter to
            # how it behaves, as a secret does that it takes for a value.
            key = catalogue.message(message)
            rows = iter(table.messages[key].fields if key else ())
        case LooseAccess(accessor=accessor):
            owners = catalogue.accessor_owners[accessor]
            rows = (a.field for key in owners for a in catalogue.accessors[key][accessor])
        case MemberAccess(type=type_):
            struct = catalogue.struct(type_)
            rows = iter(table.structs[struct].fields if struct else ())
        case (
            MethodCall(interface=name)
            | Construction(interface=name)
            | Conversion(interface=name)
            | Derivation(interface=name)
        ):
            key = catalogue.interface(name) or ""
            rows = (
                row
                for k in catalogue.family(key)
                for row in (*table.interfaces[k].locations, *table.interfaces[k].methods)
            )
        case MacroUse(name=name):
            rows = (row for row in table.macro_rows if row.name == name)
        case Support(feature=feature):
            rows = (row for row in table.feature_rows if row.name == feature)
        case Contradiction():
            rows = iter(())
        case _:
            assert_never(demand)
    return (row for row in rows if row.holds(release))


@cache
def _content(row: Row) -> str:
    """What a row says, without the releases that it says it of."""
    parts = [
        f"{part.name}={getattr(row, part.name)!r}"
        for part in fields(row)
        if part.name not in {"since", "until"}
    ]
    return f"{type(row).__name__}({', '.join(parts)})"
