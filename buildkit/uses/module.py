"""A module's uses of Mesos's interfaces, for each group of releases that compiles the same text.

The texts come from :mod:`buildkit.cpp`: a file's lines as some releases compile them. Each is
parsed once, and each combination of them that some release compiles is walked once. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from buildkit.cpp.reading import Variant
from buildkit.releases import Release
from buildkit.uses.catalogue import Catalogue
from buildkit.uses.classes import derivations
from buildkit.uses.contradictions import Contradictions
from buildkit.uses.demands import Demand
from buildkit.uses.extraction import Extract, Extractor, Unread
from buildkit.uses.matching import Matching
from buildkit.uses.names import Names
from buildkit.uses.protos import read_proto
from buildkit.uses.reader import Reader

NO_PROTOS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, eq=False)
class Uses:
    """A module as some releases compile it, and what it then demands of each of them."""

    releases: tuple[Release, ...]
    texts: Mapping[str, str]
    """By path; files that these releases do not compile are left out."""
    demands: tuple[Demand, ...]
    unread: tuple[Unread, ...]
    whole: bool
    """False if some of it could not be read as C++; what is not read demands nothing."""


def read_uses(
    files: Mapping[str, Sequence[Variant]],
    catalogue: Catalogue,
    releases: Sequence[Release],
    *,
    protos: Mapping[str, str] = NO_PROTOS,
    complete: bool = True,
) -> tuple[Uses, ...]:
    """What a module uses; the groups of releases in order of their first.

    ``files`` has the variants of each file that any of the releases compiles, ``protos`` the text
    of the module's own .proto files; ``complete`` says whether the library is made of these alone.
    """
    reader = Reader()
    groups: dict[tuple[int | None, ...], list[Release]] = {}
    for release in releases:
        groups.setdefault(_chosen(files, release), []).append(release)
    macros = frozenset(name for many in files.values() for one in many for name in one.macros)
    generated = [read_proto(path, text) for path, text in protos.items()]
    read: list[tuple[tuple[Release, ...], dict[str, str], Names, Extract, bool]] = []
    for chosen, group in groups.items():
        compiled = {
            path: files[path][number]
            for path, number in zip(files, chosen, strict=True)
            if number is not None
        }
        units = [reader.read(path, one.text, one.macros) for path, one in compiled.items()]
        names = Names([*units, *generated], catalogue, group)
        extract = Extractor(names, catalogue, group, macros).extract()
        texts = {path: one.text for path, one in compiled.items()}
        read.append((tuple(group), texts, names, extract, all(unit.whole for unit in units)))
    contradictions = Contradictions(
        [(names, extract) for _, _, names, extract, _ in read],
        Matching(catalogue),
        complete=complete and all(whole for *_, whole in read),
    )
    return tuple(
        Uses(
            releases=group,
            texts=texts,
            demands=(
                *extract.demands,
                *derivations(names),
                # Half a class does not say what it declares.
                *(contradictions.find(names, extract) if whole else ()),
            ),
            unread=extract.unread,
            whole=whole,
        )
        for group, texts, names, extract, whole in read
    )


def _chosen(files: Mapping[str, Sequence[Variant]], release: Release) -> tuple[int | None, ...]:
    """Which variant of each file a release compiles."""
    return tuple(
        next((n for n, one in enumerate(many) if release in one.releases), None)
        for many in files.values()
    )
