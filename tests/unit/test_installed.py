"""What is made of an installed Mesos: headers, names, versions, and what the base says of it."""

import pytest

from buildkit.errors import TargetError
from buildkit.files.tree import File
from buildkit.patches import load_patch
from buildkit.releases import Release
from buildkit.sdk.installed import headers, library, vendor
from buildkit.sdk.installed.image import read_image
from buildkit.sdk.installed.prefix import prefix_programs, read_prefix
from buildkit.sdk.installed.survey import debian_packages, read_survey

RELEASE = Release(1, 2, 3)
VERSION = '#define MESOS_VERSION "1.2.3"\n'


@pytest.fixture
def write(tmp_path):
    """Writes files below a folder, which is made."""

    def write(files):
        for path, text in files.items():
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path

    return write


class TestHeaders:
    def test_mesoss_own_get_the_names_they_have_in_a_releases_sources(self, write):
        folder = write({f"{name}/x.hpp": name for name in ("mesos", "stout", "process", "boost")})
        assert sorted(headers.read_own(folder)) == [
            "libprocess/include/process/x.hpp",
            "mesos/include/mesos/x.hpp",
            "stout/include/stout/x.hpp",
        ]
        assert list(headers.read_third_party(folder)) == ["3rdparty/boost/x.hpp"]

    def test_linked_folders_and_files_are_read_as_if_they_were_there(self, write):
        folder = write({"include/mesos/agent/a.hpp": "a", "elsewhere/b.hpp": "b"})
        include = folder / "include"
        (include / "mesos/slave").symlink_to("agent")
        (include / "mesos/b.hpp").symlink_to(folder / "elsewhere/b.hpp")
        (include / "stout").symlink_to(folder / "elsewhere")
        (include / "mesos/circle").symlink_to(".")
        (include / "mesos/nowhere").symlink_to("nothing")
        found = headers.read_own(include)
        assert found["mesos/include/mesos/slave/a.hpp"].data == b"a"
        assert found["mesos/include/mesos/b.hpp"].data == b"b"
        assert found["stout/include/stout/b.hpp"].data == b"b"
        assert not any("circle" in path or "nowhere" in path for path in found)

    def test_a_folder_that_is_not_there_has_none(self, tmp_path):
        assert headers.read_third_party(tmp_path / "no") == {}

    def test_they_lie_where_a_release_sdk_has_them(self):
        tree = {
            "mesos/include/mesos/a.hpp": File(b""),
            "stout/include/stout/b.hpp": File(b""),
            "libprocess/include/process/c.hpp": File(b""),
            "3rdparty/boost/d.hpp": File(b""),
            "compat/e.h": File(b""),
        }
        assert sorted(headers.sdk_tree(tree)) == [
            "3rdparty/boost/d.hpp",
            "compat/e.h",
            "include/mesos/a.hpp",
            "lib/process/c.hpp",
            "lib/stout/b.hpp",
        ]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (VERSION, "1.2.3"),
            ('#  define  MESOS_VERSION  "1.2.3-rc1"', "1.2.3-rc1"),
            ('#define MESOS_VERSION_OTHER "1"\n', None),
            ("", None),
        ],
    )
    def test_the_release_they_say(self, text, said):
        tree = {"mesos/include/mesos/version.hpp": File(text.encode())}
        assert headers.mesos_version(tree) == said
        assert headers.mesos_version({}) is None

    @pytest.mark.parametrize(
        "line",
        [
            "#if 3005000 < GOOGLE_PROTOBUF_MIN_PROTOC_VERSION",
            "#if 3005000 < PROTOBUF_MIN_PROTOC_VERSION",
        ],
    )
    def test_the_protobuf_that_made_the_messages(self, line):
        tree = {"mesos/include/mesos/mesos.pb.h": File(f"#if 1\n{line}\n#error x\n".encode())}
        assert headers.generated_by(tree) == 3005000
        assert headers.generated_by({}) is None

    def test_the_protobuf_that_comes_with_them(self):
        common = File(b"#define GOOGLE_PROTOBUF_VERSION 3005000\n")
        assert headers.protobuf_version({"3rdparty/google/protobuf/stubs/common.h": common}) == (
            3005000
        )
        assert headers.protobuf_version({}) is None


class TestPatches:
    FILE = "stout/include/stout/flags/flags.hpp"
    TREE = {FILE: File(b"old\n")}  # noqa: RUF012

    def rule(self, folder, replaced, name="ours.toml"):
        (folder / name).write_text(
            f'[[edit]]\nwhy = "w"\nto = "sdk"\nfile = "{self.FILE}"\n'
            f'pattern = "{replaced}"\nreplacement = "new"\n'
        )
        return load_patch(name, folder)

    def patch(self, *, ours=(), users=()):
        said = []
        done = headers.patched(self.TREE, ours=ours, users=users, release=RELEASE, say=said.append)
        return done, said

    def test_both_ours_and_the_users_are_applied(self, tmp_path):
        ours = self.rule(tmp_path, "old")
        users = self.rule(tmp_path, "new", "users.toml")
        done, said = self.patch(ours=[ours], users=[users])
        assert done[self.FILE].data == b"new\n"
        assert said == []

    def test_one_of_ours_that_is_not_needed_is_left_out_and_said(self, tmp_path):
        done, [said] = self.patch(ours=[self.rule(tmp_path, "other")])
        assert done == self.TREE
        assert "ours.toml" in said
        assert self.FILE in said

    def test_one_of_the_users_must_apply(self, tmp_path):
        with pytest.raises(TargetError, match="matches 0 times"):
            self.patch(users=[self.rule(tmp_path, "other")])

    def test_our_headers_are_found_after_all_others(self, tmp_path):
        (tmp_path / "x.h").write_text("// x\n")
        (tmp_path / "ours.toml").write_text(
            '[[header]]\nwhy = "w"\nto = "sdk"\nfile = "x.h"\ninclude = "sys/x.h"\n'
        )
        done, _ = self.patch(ours=[load_patch("ours.toml", tmp_path)])
        assert done["compat/sys/x.h"].data == b"// x\n"


class TestRelease:
    @pytest.mark.parametrize(
        ("name", "release"),
        [
            ("libmesos-1.2.3.so", "1.2.3"),
            ("libmesos-1.2.3-rc1.so", "1.2.3-rc1"),
            ("libmesos.so.1.2.3", "1.2.3"),
            ("libmesos.so.0", None),
            ("libmesos.so", None),
            ("libother-1.2.3.so", None),
        ],
    )
    def test_what_a_name_says(self, name, release):
        assert library.release_in(name) == release

    def check(self, **changes):
        facts = {"header": "1.2.3", "names": ["libmesos-1.2.3.so"], "pc": "1.2.3", **changes}
        library.check_release("prefix /opt", RELEASE, **facts)

    @pytest.mark.parametrize(
        "changes",
        [{}, {"pc": None}, {"names": ["libmesos.so.0", "libmesos.so.1.2.3"]}],
    )
    def test_the_one_asked_for(self, changes):
        self.check(**changes)

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"header": "1.2.1"}, "include/mesos/version.hpp says 1.2.1"),
            ({"header": None}, "does not define MESOS_VERSION"),
            ({"names": ["libmesos-1.2.1.so"]}, "libmesos is libmesos-1.2.1.so"),
            (
                {"names": ["libmesos-1.2.3.so", "libmesos-1.2.1.so"]},
                "libmesos-1.2.3.so and libmesos-1.2.1.so",
            ),
            ({"names": ["libmesos.so"]}, "libmesos.so: a name that says no release"),
            ({"pc": "1.2.1"}, "mesos.pc says 1.2.1"),
        ],
    )
    def test_another_is_refused(self, changes, problem):
        with pytest.raises(TargetError) as caught:
            self.check(**changes)
        assert str(caught.value).startswith("prefix /opt: expected Mesos 1.2.3, but ")
        assert problem in str(caught.value)

    @pytest.mark.parametrize(
        ("names", "found"),
        [
            (["libmesos.so", "libmesos-1.2.3.so", "libmesos-1.2.1.so"], "libmesos-1.2.3.so"),
            (["libmesos.so", "libmesos-1.2.1.so"], "libmesos.so"),
            (["libmesos-1.2.1.so", "libmesos_no_3rdparty.la"], "libmesos-1.2.1.so"),
            (["libmesos-java.so.txt", "libmesosphere.so"], None),
        ],
    )
    def test_the_file_to_ask(self, write, names, found):
        folder = write(dict.fromkeys((f"lib/{name}" for name in names), "")) / "lib"
        file = library.find_libmesos([folder], RELEASE)
        assert (file.name if file else None) == found


class TestPrefix:
    @pytest.mark.parametrize(
        ("files", "problem"),
        [
            ({}, "no include/mesos/version.hpp"),
            ({"include/mesos/version.hpp": VERSION}, "no libmesos in lib or lib64"),
            (
                {"include/mesos/version.hpp": VERSION, "lib/libmesos-1.2.3.so": "INPUT(x)"},
                "libmesos-1.2.3.so: can't be read as a shared library",
            ),
        ],
    )
    def test_what_is_not_whole_is_refused(self, write, files, problem):
        with pytest.raises(TargetError, match=problem):
            read_prefix(write(files), RELEASE)

    def test_its_programs_are_those_that_a_smoke_test_may_start(self, write):
        names = ("sbin/mesos-agent", "bin/mesos-ps", "libexec/mesos/mesos-fetcher", "bin/other")
        root = write(dict.fromkeys(names, ""))
        (root / "sbin/mesos-slave").symlink_to("mesos-agent")
        found = dict(prefix_programs(root))
        assert list(found) == [
            "sbin/mesos-agent", "sbin/mesos-slave", "libexec/mesos/mesos-fetcher",
        ]  # fmt: skip
        # What is handed on is the file itself.
        assert found["sbin/mesos-slave"].name == "mesos-agent"

    def test_a_folder_that_is_not_there_names_the_key(self, tmp_path):
        with pytest.raises(TargetError, match=r"/no: no such folder; see key 'prefix' of \[sdk\]"):
            read_prefix(tmp_path / "no", RELEASE)


LOADER = """\
\tlinux-vdso.so.1 (0x00007ffd)
\tlibprotobuf.so.32 => /opt/mesos/lib/libprotobuf.so.32 (0x00007f01)
\tlibsvn_delta-1.so.0 => not found
\tlibsasl2.so.2 => not found
\tlibsasl2.so.2 => not found
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f02)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f03)
"""
NEWER = (
    "lib/libmesos.so: /lib/libc.so.6: version `GLIBC_2.38' not found (required by lib/libmesos.so)"
)


@pytest.fixture
def survey(write):
    def survey(loader=LOADER, protobuf="", symbols=None):
        names = symbols or {"libmesos-1.2.3.so": "main\n", "libprotobuf.so.32": "parse\nmain\n"}
        folder = write(
            {
                "ldd.txt": loader,
                "folders.txt": "/opt/mesos/lib\n",
                "absent.txt": "\n",
                "protobuf.txt": protobuf,
                **{f"symbols/{name}": text for name, text in names.items()},
            }
        )
        return read_survey(folder)

    return survey


class TestSurvey:
    def test_what_the_loader_says(self, survey):
        found = survey()
        assert found.missing == ("libsvn_delta-1.so.0", "libsasl2.so.2")
        assert found.newer == ()
        assert [str(path) for path in found.beside()] == ["/opt/mesos/lib/libprotobuf.so.32"]

    def test_a_library_from_a_newer_system(self, survey):
        assert survey(f"{NEWER}\n{NEWER}\n").newer == ("GLIBC_2.38",)

    def test_symbols_of_all_libraries_are_provided(self, survey):
        assert survey().provided() == {"main", "parse"}

    @pytest.mark.parametrize(("text", "version"), [("", None), ("3021012\n", 3021012)])
    def test_the_bases_protobuf(self, survey, text, version):
        assert survey(protobuf=text).protobuf == version

    def test_debians_names_of_libraries(self):
        assert debian_packages(
            [
                *("libprotobuf.so.32", "libsasl2.so.2", "libsvn_delta-1.so.0", "libz.so.1"),
                *("libsvn_subr-1.so.0", "libapr-1.so.0", "libzookeeper_mt.so.2", "libmesos.so"),
                *("libevent-2.1.so.7", "libcrypto.so.3", "libssl.so.3", "libglog.so.1"),
            ]
        ) == [
            *("libapr1", "libevent-2.1-7", "libglog1", "libprotobuf32", "libsasl2-2", "libssl3"),
            *("libsvn1", "libzookeeper-mt2", "zlib1g"),
        ]


INSIDE = {
    "libmesos-1.2.3.so": "_ZN6google10LogMessage5FlushEv\n"
    "_ZN6google8protobuf14DescriptorPool14generated_poolEv\n"
}


class TestVendorBuilds:
    def test_an_official_build_is_none(self, survey):
        found = survey(symbols=INSIDE)
        assert vendor.vendor_warnings("libmesos-1.2.3.so", ["libz.so.1"], found) == []

    @pytest.mark.parametrize(
        ("needed", "part"), [("libprotobuf.so.32", "protobuf"), ("libglog.so.1", "glog")]
    )
    def test_a_part_in_a_library_of_its_own_is_named(self, survey, needed, part):
        found = survey(symbols=INSIDE)
        [said] = vendor.vendor_warnings("libmesos-1.2.3.so", ["libz.so.1", needed], found)
        assert said == (
            f"vendor build: libmesos-1.2.3.so takes {part} from {needed}, so the module must be "
            f"compiled with the same {part}'s headers"
        )

    def test_a_part_that_is_nowhere_is_named(self, survey):
        found = survey(symbols={"libmesos-1.2.3.so": "main\n"})
        protobuf, glog = vendor.vendor_warnings("libmesos-1.2.3.so", [], found)
        assert "neither has protobuf inside" in protobuf
        assert "neither has glog inside" in glog

    @pytest.mark.parametrize(
        ("generated", "packed", "base"),
        [
            (None, None, None),
            (3005000, 3005000, None),
            (3005000, 3005001, 3021012),
            (3021012, None, 3021009),
        ],
    )
    def test_headers_that_fit_the_messages(self, generated, packed, base):
        vendor.check_protobuf("t", generated=generated, packed=packed, base=base)

    @pytest.mark.parametrize(
        ("packed", "base", "problem"),
        [
            (None, None, "no protobuf headers beside them"),
            (3006000, 3005000, "the headers beside them are of protobuf 3.6.0"),
            (None, 3021012, "the headers on the base are of protobuf 3.21.12"),
        ],
    )
    def test_headers_that_do_not(self, packed, base, problem):
        with pytest.raises(TargetError) as caught:
            vendor.check_protobuf("t", generated=3005000, packed=packed, base=base)
        assert "made by protobuf 3.5.0" in str(caught.value)
        assert problem in str(caught.value)


class TestImage:
    FILES = {  # noqa: RUF012
        "include/mesos/version.hpp": VERSION,
        "include/stout/try.hpp": "",
        "library.txt": "/opt/mesos/lib/libmesos-1.2.3.so\n",
        "soname.txt": "libmesos-1.2.3.so\n",
        "needed.txt": "libprotobuf.so.32\nlibc.so.6\n",
        "prefix.txt": "/opt/mesos\n",
        "protoc.txt": "\n",
        "includes.txt": "/opt/mesos/include\n",
        "programs.txt": "sbin/mesos-master\nbin/mesos-ps\nlibexec/mesos/mesos-fetcher\n",
    }

    def test_what_the_script_left_is_read(self, write):
        pc = "prefix=/opt/mesos\nVersion: 1.2.3\nCflags: -I${prefix}/include -I/usr/include -I/x\n"
        image = read_image(write({**self.FILES, "mesos.pc": pc}), "mesos:1", RELEASE)
        assert "stout/include/stout/try.hpp" in image.headers
        # The compiler looks into /usr/include anyway.
        assert image.folders == ("/opt/mesos/include", "/x")
        assert image.library == "/opt/mesos/lib/libmesos-1.2.3.so"
        assert image.needed == ("libprotobuf.so.32", "libc.so.6")
        assert not image.protoc
        # Of its programs, those that a smoke test may start.
        assert image.programs == ("sbin/mesos-master", "libexec/mesos/mesos-fetcher")

    def test_mesos_pc_is_not_needed(self, write):
        assert read_image(write(self.FILES), "mesos:1", RELEASE).pc is None

    def test_another_release_is_refused(self, write):
        with pytest.raises(TargetError) as caught:
            read_image(write(self.FILES), "mesos:1", Release(1, 2, 2))
        for part in ("image mesos:1: /opt/mesos: expected Mesos 1.2.2", "says 1.2.3"):
            assert part in str(caught.value)
