"""Sources of a release: the same names for all, and errors that say what is missing."""

import gzip
import io
import tarfile

import pytest

from buildkit.errors import TargetError, UnavailableError
from buildkit.releases import Release
from buildkit.sdk.release.sources import read_sources

OLD, NEW = "3rdparty/libprocess/3rdparty", "3rdparty"

VERSIONS = {
    "BOOST": "1.53.0",
    "GLOG": "0.3.3",
    "PICOJSON": "1.3.0",
    "LIBEV": "4.15",
    "PROTOBUF": "2.5.0",
    "CONCURRENTQUEUE": "1.0.0-beta",
    "RAPIDJSON": "1.1.0",
}
BUNDLED = {
    "boost-1.53.0": {"boost/version.hpp": "boost\n", "README": "no\n"},
    "glog-0.3.3": {"src/logging.cc": "logging\n", "configure": "no\n"},
    "picojson-1.3.0": {"picojson.h": "one\ntwo\nthree\n", "test.cc": "no\n"},
    "libev-4.15": {"ev.c": "ev\n", "doc/ev.h": "no\n"},
    "protobuf-2.5.0": {"src/Makefile.am": "list\n", "python/setup.py": "no\n"},
    "concurrentqueue-1.0.0-beta": {"concurrentqueue.h": "queue\n", "tests/a.h": "no\n"},
    "rapidjson-1.1.0": {"include/rapidjson/writer.h": "writer\n", "doc/a.h": "no\n"},
}


def tarball(top, files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in files.items():
            member = tarfile.TarInfo(f"{top}/{path}")
            data = content if isinstance(content, bytes) else content.encode()
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return gzip.compress(buffer.getvalue())


def release_files(release, folder, parser):
    """What an archive holds, whose bundled archives lie in ``folder``."""
    stout = "3rdparty/stout" if folder == NEW else f"{OLD}/stout"
    versions = VERSIONS | {parser.upper().replace("-", "_"): "2.6.2"}
    bundled = BUNDLED | {f"{parser}-2.6.2": {"http_parser.c": "parser\n", "test.c": "no\n"}}
    return {
        "configure.ac": f"AC_INIT([mesos], [{release}])\n",
        "include/mesos/mesos.proto": "",
        "include/mesos/version.hpp.in": "",
        "src/module/manager.cpp": "",
        "src/tests/main.cpp": "",
        "src/java/jni.cpp": "",
        "src/webui/a.js": "",
        "docs/a.md": "",
        "3rdparty/libprocess/include/process/future.hpp": "",
        "3rdparty/libprocess/src/process.cpp": "",
        "3rdparty/libprocess/src/tests/main.cpp": "",
        f"{stout}/include/stout/try.hpp": "",
        f"{stout}/tests/a.cpp": "",
        "3rdparty/versions.am": "ZOOKEEPER_VERSION = 3.4.5\n",
        f"{folder}/versions.am": "# A comment.\n\n"
        + "".join(f"{name}_VERSION = {value}\n" for name, value in versions.items()),
        **{f"{folder}/{stem}.tar.gz": tarball(stem, files) for stem, files in bundled.items()},
    }


@pytest.fixture
def read(tmp_path):
    """Reads the sources of an archive that holds ``files``."""

    def read(release, files, completions=None):
        archive = tmp_path / f"mesos-{release}.tar.gz"
        archive.write_bytes(tarball(f"mesos-{release}", files))
        return read_sources(release, archive, completions or {})

    return read


EVERY = {
    "mesos/include/mesos/mesos.proto",
    "mesos/include/mesos/version.hpp.in",
    "mesos/src/module/manager.cpp",
    "libprocess/include/process/future.hpp",
    "libprocess/src/process.cpp",
    "stout/include/stout/try.hpp",
    "boost/boost/version.hpp",
    "glog/src/logging.cc",
    "picojson/picojson.h",
    "http-parser/http_parser.c",
    "libev/ev.c",
    "protobuf/src/Makefile.am",
}
QUEUE = "concurrentqueue/concurrentqueue.h"
WRITER = "rapidjson/include/rapidjson/writer.h"


@pytest.mark.parametrize(
    ("release", "folder", "parser", "names"),
    [
        (Release(0, 24, 1), OLD, "ry-http-parser", EVERY),
        (Release(1, 0, 1), NEW, "http-parser", EVERY),
        (Release(1, 3, 2), NEW, "http-parser", EVERY),
        (Release(1, 4, 0), NEW, "http-parser", EVERY | {QUEUE}),
        (Release(1, 7, 0), NEW, "http-parser", EVERY | {QUEUE, WRITER}),
    ],
)
def test_every_layout_ends_in_the_same_names(read, release, folder, parser, names):
    assert set(read(release, release_files(release, folder, parser))) == names


def test_a_bundled_patch_is_applied(read):
    release = Release(1, 2, 3)
    files = release_files(release, NEW, "http-parser")
    files["3rdparty/picojson-1.3.0.patch"] = (
        "--- a/picojson.h\n+++ b/picojson.h\n@@ -1,3 +1,3 @@\n one\n-two\n+TWO\n three\n"
        "--- a/test.cc\n+++ b/test.cc\n@@ -1 +1 @@\n-not\n+needed\n"
    )
    assert read(release, files)["picojson/picojson.h"].data == b"one\nTWO\nthree\n"


def test_a_bundled_patch_that_does_not_fit_names_archive_patch_and_file(read):
    release = Release(1, 2, 3)
    files = release_files(release, NEW, "http-parser")
    files["3rdparty/picojson-1.3.0.patch"] = (
        "--- a/picojson.h\n+++ b/picojson.h\n@@ -1,2 +1,2 @@\n-other\n+TWO\n three\n"
    )
    with pytest.raises(UnavailableError, match=r"1\.2\.3.*picojson-1\.3\.0\.patch.*picojson\.h"):
        read(release, files)


def test_a_missing_bundled_archive_is_named_with_what_to_do(read):
    release = Release(1, 4, 3)
    files = release_files(release, NEW, "http-parser")
    del files["3rdparty/protobuf-2.5.0.tar.gz"]
    with pytest.raises(UnavailableError, match=r"protobuf-2\.5\.0\.tar\.gz into the archive cache"):
        read(release, files)


def test_a_missing_bundled_archive_comes_from_the_completions(read, tmp_path):
    release = Release(1, 4, 3)
    files = release_files(release, NEW, "http-parser")
    completion = tmp_path / "elsewhere.tar.gz"
    completion.write_bytes(files.pop("3rdparty/protobuf-2.5.0.tar.gz"))
    sources = read(release, files, {"protobuf-2.5.0.tar.gz": completion})
    assert sources["protobuf/src/Makefile.am"].data == b"list\n"


def test_what_the_archive_has_outranks_a_completion(read, tmp_path):
    release = Release(1, 4, 3)
    other = tmp_path / "other.tar.gz"
    other.write_bytes(tarball("protobuf-2.5.0", {"src/Makefile.am": "other\n"}))
    files = release_files(release, NEW, "http-parser")
    sources = read(release, files, {"protobuf-2.5.0.tar.gz": other})
    assert sources["protobuf/src/Makefile.am"].data == b"list\n"


def test_an_archive_of_another_release_is_refused(read):
    files = release_files(Release(1, 2, 2), NEW, "http-parser")
    with pytest.raises(TargetError, match=r"holds Mesos 1\.2\.2, expected 1\.2\.3"):
        read(Release(1, 2, 3), files)


def test_an_archive_of_something_else_is_refused(read):
    with pytest.raises(TargetError, match="not a Mesos source archive"):
        read(Release(1, 2, 3), {"README": "hello\n"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "", "no 3rdparty/versions.am that names the bundled protobuf"),
        (lambda text: text.replace("GLOG", "CLOG"), "names no version of glog"),
    ],
)
def test_versions_that_lack_something_are_refused(read, change, message):
    release = Release(1, 2, 3)
    files = release_files(release, NEW, "http-parser")
    files["3rdparty/versions.am"] = change(files["3rdparty/versions.am"])
    with pytest.raises(UnavailableError, match=message):
        read(release, files)
