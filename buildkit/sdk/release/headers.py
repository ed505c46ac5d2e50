"""What a module compiles against: the part of a release below ``sdk/`` of a work folder. Pure."""

from collections.abc import Iterator

from buildkit.files.tree import File, Tree, under
from buildkit.patches import compatibility_headers
from buildkit.releases import Release
from buildkit.sdk.layout import include_flags, json_flags, place_of
from buildkit.sdk.release.builtin import builtin_patches
from buildkit.sdk.release.protobuf import public_headers
from buildkit.sdk.release.substitution import glog_headers, version_header

_HEADERS = (".h", ".hpp", ".ipp")
_FOLDERS = ("src", "lib", "3rdparty", "compat")


def sdk_tree(sources: Tree, generated: Tree, release: Release) -> dict[str, File]:
    """The SDK of ``release`` from its normalised sources and what the step ``generate`` left.

    Raises :class:`UnavailableError` for sources that lack a template or have an unknown one.
    """
    return {
        **dict(_headers(sources)),
        **under("compat", compatibility_headers(builtin_patches(), release)),
        **under("include", version_header(sources, release)),
        **under("3rdparty", glog_headers(sources)),
        **under("3rdparty", public_headers(sources)),
        **{
            path: file
            for path, file in generated.items()
            if path == "bin/protoc" or path.endswith(".pb.h")
        },
    }


def _headers(sources: Tree) -> Iterator[tuple[str, File]]:
    for path, file in sources.items():
        place = place_of(path)
        if place is not None and (
            path.endswith(_HEADERS)
            # All of it: boost includes files of any suffix.
            or path.startswith("boost/")
            # Modules with messages of their own import those of Mesos.
            or (path.startswith("mesos/include/") and path.endswith(".proto"))
        ):
            yield place, file


def compile_flags(release: Release) -> tuple[str, ...]:
    """The flags for compiling against the SDK, with folders relative to the work folder."""
    return (*include_flags(_FOLDERS), *json_flags(release))
