"""Which library is meant: a target of dist/manifest.json, by release, module and platform. Pure."""

from collections.abc import Iterable

from buildkit.errors import UnavailableError, UsageError
from buildkit.matrix import Matrix, Module
from buildkit.releases import Release, did_you_mean
from buildkit.results.manifest import ArtifactRecord, Manifest, TargetRecord


def choose_module(matrix: Matrix, name: str | None) -> Module:
    """The module of that name; the matrix's first without one. Raises :class:`UsageError`."""
    by_name = {module.name: module for module in matrix.file.module}
    return by_name[_choose("--module", name, by_name)]


def choose_platform(matrix: Matrix, name: str | None) -> str:
    """The platform of that name; the matrix's first without one. Raises :class:`UsageError`."""
    return _choose("--platform", name, [platform.name for platform in matrix.file.platform])


def choose_release(matrix: Matrix, text: str) -> Release:
    """The release, which the matrix must have. Raises :class:`UsageError`."""
    release = Release.parse(text)
    if release not in matrix.releases:
        known = [str(one) for one in matrix.releases]
        raise UsageError(
            f"{release}: not a release of {matrix.path}{did_you_mean(text, known)}; it has "
            f"{', '.join(known)}"
        )
    return release


def find_target(
    manifest: Manifest, module: Module, release: Release, platform: str
) -> tuple[TargetRecord, ArtifactRecord]:
    """The target that was built, and its library.

    Raises :class:`UnavailableError` with the command that makes it if there is none.
    """
    name = f"{module.name}/{release}/{platform}"
    command = f"nox -s build-{release} -- --sdk release"
    found = next((one for one in manifest.targets if one.name == name), None)
    if found is None:
        raise UnavailableError(f"{name}: not built yet; make it with: {command}")
    if found.artifact is None:
        why = f": {found.cause[0]}" if found.cause else ""
        raise UnavailableError(
            f"{name}: {found.status} when it was last built, so there is no library{why}\n"
            f"See its log, then: {command}"
        )
    return found, found.artifact


def _choose(option: str, name: str | None, known: Iterable[str]) -> str:
    names = list(known)
    if name is None:
        return names[0]
    if name not in names:
        hint = did_you_mean(name, names) or f"; the matrix has {', '.join(names)}"
        raise UsageError(f"{option} {name}: there is no such{hint}")
    return name
