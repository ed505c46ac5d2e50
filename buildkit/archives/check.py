"""Whether a file is the archive that it is taken for; asked before anything is pinned to it."""

import re
from collections.abc import Mapping
from pathlib import Path

from buildkit.errors import TargetError
from buildkit.files.tarballs import check_tarball, read_tarball
from buildkit.files.tree import File
from buildkit.releases import Release

_CONFIGURE = "configure.ac"
_AC_INIT = re.compile(r"^\s*AC_INIT\(\[mesos\],\s*\[([^\]]*)\]", re.MULTILINE)


def check_archive(path: Path, name: str, release: Release | None) -> None:
    """Read all of an archive, keep nothing.

    ``name`` is what messages call it; ``release`` the one whose official source archive it must be,
    or None for an archive of something else.

    Raises :class:`TargetError` for what :func:`buildkit.files.tarballs.read_tarball` refuses, and
    for an archive of another release or of none.
    """
    if release is None:
        check_tarball(path, name)
        return
    found = read_tarball(path, wanted=_names_the_release, name=name)
    check_release(release, {path.partition("/")[2]: file for path, file in found.items()}, name)


def check_release(release: Release, files: Mapping[str, File], label: str) -> None:
    """See to it that an archive is of ``release``.

    ``files`` are its own, or some of them, without the top folder. Raises :class:`TargetError`.
    """
    configure = files.get(_CONFIGURE)
    found = _AC_INIT.search(configure.data.decode(errors="replace")) if configure else None
    if not found:
        raise TargetError(
            f"{label}: not a Mesos source archive: no {_CONFIGURE} that names a version; "
            f"expected mesos-{release}.tar.gz as Apache publishes it"
        )
    if found[1] != str(release):
        raise TargetError(
            f"{label}: holds Mesos {found[1]}, expected {release}; put the archive of {release} "
            "in its place, or remove it to have that one fetched"
        )


def _names_the_release(path: str) -> bool:
    return path.partition("/")[2] == _CONFIGURE
