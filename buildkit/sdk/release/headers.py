"""What a module compiles against: the part of a release below ``sdk/`` of a work folder. Pure."""

from collections.abc import Iterator

from buildkit.patches import compatibility_headers
from buildkit.releases import Release
from buildkit.sdk.release.builtin import builtin_patches
from buildkit.sdk.release.protobuf import public_headers
from buildkit.sdk.release.substitution import glog_headers, version_header
from buildkit.tree import File, Tree, under

_HEADERS = (".h", ".hpp", ".ipp")

_ROOTS = {
    "mesos/include/": "include/",
    "mesos/src/": "src/",
    "stout/include/": "lib/",
    "libprocess/include/": "lib/",
    "picojson/": "3rdparty/",
    "http-parser/": "3rdparty/",
    "concurrentqueue/": "3rdparty/",
    "rapidjson/include/": "3rdparty/",
}
"""Folder of the sources -> folder of the SDK; boost, glog and protobuf are chosen otherwise."""


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
        if path.startswith("boost/boost/"):
            # All of it: boost includes files of any suffix.
            yield f"3rdparty/{path.removeprefix('boost/')}", file
            continue
        for root, folder in _ROOTS.items():
            # Modules with messages of their own import those of Mesos.
            if path.startswith(root) and (
                path.endswith(_HEADERS) or (folder == "include/" and path.endswith(".proto"))
            ):
                yield folder + path.removeprefix(root), file


def compile_flags(release: Release) -> tuple[str, ...]:
    """The flags for compiling against the SDK, with folders relative to the work folder.

    Mesos's own headers come by -I, because the compiler does not warn of hidden virtuals in headers
    found by -isystem.
    """
    # Part of how these releases are compiled: what json.hpp holds depends on it.
    json = ("-DPICOJSON_USE_INT64", "-D__STDC_FORMAT_MACROS") if release.matches(">=0.25") else ()
    return (
        "-Isdk/include",
        "-isystemsdk/src",
        "-isystemsdk/lib",
        "-isystemsdk/3rdparty",
        # What the system has itself comes first.
        "-idiraftersdk/compat",
        *json,
    )
