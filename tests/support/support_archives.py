"""Archives under the names that official ones have, as small as an archive can be."""

from buildkit.archives.cache import release_of
from buildkit.files.tarballs import write_tarball
from buildkit.files.tree import File


def archive(name: str, content: bytes = b"", *, holds: str | None = None) -> bytes:
    """An archive that may have this name; a release's says that it holds it, or ``holds``.

    ``content`` makes one differ from another.
    """
    version = holds or release_of(name)
    files = {"top/content": File(content)}
    if version is not None:
        files["top/configure.ac"] = File(f"AC_INIT([mesos], [{version}])\n".encode())
    return write_tarball(files)
