"""One layout for SDKs from sources and from what is installed, and the flags that fit it."""

import pytest

from buildkit.releases import Release
from buildkit.sdk.layout import include_flags, json_flags, place_of


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("mesos/include/mesos/a.hpp", "include/mesos/a.hpp"),
        ("mesos/src/module/manager.hpp", "src/module/manager.hpp"),
        ("stout/include/stout/b.hpp", "lib/stout/b.hpp"),
        ("libprocess/include/process/c.hpp", "lib/process/c.hpp"),
        ("boost/boost/d.hpp", "3rdparty/boost/d.hpp"),
        ("picojson/picojson.h", "3rdparty/picojson.h"),
        ("libprocess/src/process.cpp", None),
        ("compat/e.h", None),
    ],
)
def test_places(path, place):
    assert place_of(path) == place


def test_only_folders_that_are_there_are_searched_and_the_bases_before_ours():
    assert include_flags(["include", "lib", "3rdparty", "compat"], ["/opt/x"]) == (
        *("-Isdk/include", "-isystemsdk/lib", "-isystemsdk/3rdparty"),
        *("-isystem/opt/x", "-idiraftersdk/compat"),
    )
    assert include_flags(["include"]) == ("-Isdk/include",)


@pytest.mark.parametrize(("release", "defined"), [("0.24.2", False), ("0.25.0", True)])
def test_json_is_compiled_as_mesos_does(release, defined):
    flags = json_flags(Release.parse(release))
    assert ("-DPICOJSON_USE_INT64" in flags) is defined
    assert ("-D__STDC_FORMAT_MACROS" in flags) is defined
