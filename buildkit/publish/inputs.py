"""What a release takes from elsewhere than dist/: licences, and what the archives say."""

from collections.abc import Sequence
from pathlib import Path

from buildkit.archives.cache import Archives
from buildkit.errors import TargetError, UnavailableError, UsageError
from buildkit.files.tree import File, Tree
from buildkit.matrix import Matrix, Module
from buildkit.publish.bundle import licences_at_top
from buildkit.publish.components import Component, installed_mesos, read_components
from buildkit.releases import Release
from buildkit.results.manifest import TargetRecord


def find_components(
    archives: Archives, records: Sequence[TargetRecord]
) -> dict[str, tuple[Component, ...]]:
    """Target -> what its library has inside of others' work.

    Raises :class:`TargetError` for an archive that is not the one that the manifest names, and
    :class:`UnavailableError` for those that are not here.
    """
    missing: list[str] = []
    other: list[str] = []
    found: dict[str, tuple[Component, ...]] = {}
    read: dict[tuple[str, ...], tuple[Component, ...]] = {}
    for record in records:
        release = Release.parse(record.release)
        if not record.archives:
            found[record.name] = installed_mesos(release)
            continue
        used: dict[str, tuple[Path, str]] = {}
        for one in record.archives:
            path = archives.find(one.name)
            if path is None:
                missing.append(one.name)
            elif (digest := archives.digest(one.name)) != one.sha512:
                other.append(
                    f"{record.name}: built with a {one.name} whose SHA-512 is {one.sha512}; "
                    f"{archives.lock.path} now has {digest}; build again"
                )
            else:
                used[one.name] = (path, one.sha512)
        key = tuple(one.sha512 for one in record.archives)
        if len(used) == len(record.archives):
            if key not in read:
                read[key] = read_components(release, used)
            found[record.name] = read[key]
    if other:
        raise TargetError("nothing was published:\n  " + "\n  ".join(other))
    if missing:
        raise UnavailableError(
            f"{', '.join(dict.fromkeys(missing))}: not in {archives.folder}, and the licences in "
            "there belong to a release; get them with: nox -s sdk -- --fetch-only"
        )
    return found


def find_licences(matrix: Matrix, module: Module, sources: Tree) -> dict[str, File]:
    """The texts of a module's own licence; none if it has none.

    Raises :class:`UsageError` for one that the matrix names and that can't be read.
    """
    if not module.license_files:
        return licences_at_top(sources)
    found: dict[str, File] = {}
    for name in module.license_files:
        try:
            found[Path(name).name] = File((matrix.root / name).read_bytes())
        except OSError as error:
            raise UsageError(
                f"{matrix.path}: [[module]] {module.name}: key 'license-files': {name}: "
                f"{error.strerror}"
            ) from None
    return found
