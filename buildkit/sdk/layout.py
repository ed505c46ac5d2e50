"""How an SDK of Mesos's own headers is laid out below ``sdk/`` of a work folder. Pure.

The same for one that is assembled from sources and for one that was found installed, so that a
module compiles alike against either:

    include     Mesos's own headers and messages
    src         headers of its sources that its loader needs
    lib         stout and libprocess
    3rdparty    what Mesos bundles
    compat      headers of ours, for what the system lacks
    bin         protoc
"""

from collections.abc import Collection, Sequence

from buildkit.releases import Release

_PLACES = {
    "mesos/include/": "include/",
    "mesos/src/": "src/",
    "stout/include/": "lib/",
    "libprocess/include/": "lib/",
    "boost/boost/": "3rdparty/boost/",
    "picojson/": "3rdparty/",
    "http-parser/": "3rdparty/",
    "concurrentqueue/": "3rdparty/",
    "rapidjson/include/": "3rdparty/",
}
"""Folder of a release's normalised sources -> folder of the SDK."""


def place_of(path: str) -> str | None:
    """Where a file of the normalised sources is in the SDK; None if it has no place there."""
    for root, folder in _PLACES.items():
        if path.startswith(root):
            return folder + path.removeprefix(root)
    return None


def include_flags(folders: Collection[str], others: Sequence[str] = ()) -> tuple[str, ...]:
    """Where the compiler finds the headers, with folders relative to the work folder.

    ``folders`` are those that the SDK has, and ``others`` some of the base system.

    Mesos's own come by -I, because the compiler does not warn of hidden virtuals in headers found
    by -isystem.
    """
    return (
        "-Isdk/include",
        *(f"-isystemsdk/{folder}" for folder in ("src", "lib", "3rdparty") if folder in folders),
        *(f"-isystem{folder}" for folder in others),
        # What the system has itself comes first.
        *(("-idiraftersdk/compat",) if "compat" in folders else ()),
    )


def json_flags(release: Release) -> tuple[str, ...]:
    """What a release is compiled with and what json.hpp holds depends on."""
    since = Release(0, 25, 0)
    return ("-DPICOJSON_USE_INT64", "-D__STDC_FORMAT_MACROS") if release >= since else ()
