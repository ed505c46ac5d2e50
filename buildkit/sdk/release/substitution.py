"""Headers that a configure script would make, by substitution alone. Pure."""

import re
from collections.abc import Mapping

from buildkit.errors import UnavailableError
from buildkit.files.tree import File, Tree
from buildkit.releases import Release

_VARIABLE = re.compile(r"@(\w+)@")

_GLOG = {
    "ac_cv___attribute___noinline": "__attribute__ ((noinline))",
    "ac_cv___attribute___noreturn": "__attribute__ ((noreturn))",
    "ac_cv___attribute___printf_4_5": "__attribute__((__format__ (__printf__, 4, 5)))",
    "ac_cv_cxx_using_operator": "1",
    "ac_cv_have___builtin_expect": "1",
    "ac_cv_have___uint16": "0",
    "ac_cv_have_inttypes_h": "1",
    # Mesos brings no gflags along, so its glog is built without.
    "ac_cv_have_libgflags": "0",
    "ac_cv_have_stdint_h": "1",
    "ac_cv_have_systypes_h": "1",
    "ac_cv_have_u_int16_t": "1",
    "ac_cv_have_uint16_t": "1",
    "ac_cv_have_unistd_h": "1",
    "ac_google_end_namespace": "}",
    "ac_google_namespace": "google",
    "ac_google_start_namespace": "namespace google {",
}
"""What glog's configure finds with gcc or clang on any Linux."""


def glog_headers(sources: Tree) -> dict[str, File]:
    """The public headers of glog, by name in ``#include``.

    Raises :class:`UnavailableError` for a template with a variable that is not known.
    """
    root = "glog/src/"
    return {
        path.removeprefix(root).removesuffix(".in"): (
            substitute(file, _GLOG, path) if path.endswith(".in") else file
        )
        for path, file in sources.items()
        if path.startswith("glog/src/glog/") and path.endswith((".h", ".h.in"))
    }


def version_header(sources: Tree, release: Release) -> dict[str, File]:
    """``mesos/version.hpp``.

    Raises :class:`UnavailableError` if its template is missing or has an unknown variable.
    """
    path = "mesos/include/mesos/version.hpp.in"
    template = sources.get(path)
    if template is None:
        raise UnavailableError(f"the sources of Mesos {release} lack include/mesos/version.hpp.in")
    values = {
        "PACKAGE_VERSION": str(release),
        "MESOS_MAJOR_VERSION": str(release.major),
        "MESOS_MINOR_VERSION": str(release.minor),
        "MESOS_PATCH_VERSION": str(release.patch),
    }
    return {"mesos/version.hpp": substitute(template, values, path)}


def substitute(template: File, values: Mapping[str, str], path: str) -> File:
    """``template`` with every ``@name@`` replaced; ``path`` names it in errors.

    Raises :class:`UnavailableError` for a name that is not in ``values``.
    """

    def value(found: re.Match[str]) -> str:
        try:
            return values[found[1]]
        except KeyError:
            raise UnavailableError(
                f"{path}: unknown variable {found[0]}; known are {', '.join(sorted(values))}"
            ) from None

    return File(_VARIABLE.sub(value, template.data.decode()).encode())
