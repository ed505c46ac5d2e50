"""What goes into an engine is the same bytes each time; what comes out stays where it is put."""

import io
import os
from pathlib import Path

import pytest

from buildkit.compat import tarfile
from buildkit.engine import trees
from buildkit.errors import TargetError, UsageError


def write(path: Path, text: str = "", *, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def packed(inputs, **options):
    options = {"top": "target", "owner": 10001, **options}
    with trees.pack(trees.entries(inputs, folders=["out"]), **options) as archive:
        return archive.read()


def members(data: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.getmembers()


def tar_of(*contents: tarfile.TarInfo | tuple[tarfile.TarInfo, bytes]) -> io.BytesIO:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for content in contents:
            member, data = content if isinstance(content, tuple) else (content, b"")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    file.seek(0)
    return file


def member(name: str, kind: bytes = tarfile.REGTYPE, **fields) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    made.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
    for field, value in fields.items():
        setattr(made, field, value)
    return made


OUT = member("out", tarfile.DIRTYPE)


class TestGoingIn:
    def test_nothing_comes_behind_the_end(self, tmp_path):
        (tmp_path / "file").write_text("x" * 600)
        data = packed({"file": tmp_path / "file"})
        contents = max(one.offset_data + -(-one.size // 512) * 512 for one in members(data))
        # Two blocks of zeros are the end.
        assert len(data) == contents + 1024

    def test_same_tree_gives_same_bytes_whatever_its_times_and_umask(self, tmp_path):
        one, two = tmp_path / "one", tmp_path / "two"
        for folder, names in ((one, "abc"), (two, "cba")):
            for name in names:
                write(folder / "src" / name, name)
        for path in (two, *two.rglob("*")):
            os.utime(path, (5, 5))
            path.chmod(0o700 if path.is_dir() else 0o600)
        assert packed({"module": one}) == packed({"module": two})

    def test_content_name_and_executable_bit_do_matter(self, tmp_path):
        def bytes_of(name, text, mode):
            folder = tmp_path / name / str(mode) / text
            write(folder / name, text, mode=mode)
            return packed({".": folder})

        variants = {
            bytes_of("a", "x", 0o644),
            bytes_of("a", "y", 0o644),
            bytes_of("b", "x", 0o644),
            bytes_of("a", "x", 0o755),
        }
        assert len(variants) == 4

    def test_members_are_sorted_owned_and_dated_alike(self, tmp_path):
        write(tmp_path / "m" / "a-b", "")
        write(tmp_path / "m" / "a" / "run.sh", "", mode=0o700)
        found = members(packed({"module": tmp_path / "m"}, modified=1234))
        assert [one.name for one in found] == [
            "target", "target/module", "target/module/a", "target/module/a/run.sh",
            "target/module/a-b", "target/out",
        ]  # fmt: skip
        assert {(one.uid, one.gid, one.uname, one.mtime) for one in found} == {
            (10001, 10001, "", 1234)
        }
        assert {one.name: one.mode for one in found if one.isreg()} == {
            "target/module/a/run.sh": 0o755,
            "target/module/a-b": 0o644,
        }

    def test_a_file_lands_under_its_destination_and_brings_its_folders(self, tmp_path):
        source = write(tmp_path / "v.h", "hello")
        tree = trees.entries({"include/mesos_buildkit/version.h": source})
        assert [(one.name, one.kind) for one in tree] == [
            ("include", "folder"),
            ("include/mesos_buildkit", "folder"),
            ("include/mesos_buildkit/version.h", "file"),
        ]

    def test_folders_may_be_laid_over_one_another(self, tmp_path):
        write(tmp_path / "one" / "common" / "a")
        write(tmp_path / "two" / "common" / "b")
        tree = trees.entries({".": tmp_path / "one", "common": tmp_path / "two" / "common"})
        assert [one.name for one in tree] == ["common", "common/a", "common/b"]

    def test_two_files_for_one_name_are_refused(self, tmp_path):
        write(tmp_path / "one" / "flags.sh")
        other = write(tmp_path / "flags.sh")
        with pytest.raises(UsageError, match=r"flags\.sh"):
            trees.entries({".": tmp_path / "one", "flags.sh": other})

    def test_links_inside_stay_links(self, tmp_path):
        write(tmp_path / "m" / "real.h")
        (tmp_path / "m" / "sub").mkdir()
        (tmp_path / "m" / "sub" / "alias.h").symlink_to("../real.h")
        found = {one.name: one for one in members(packed({"module": tmp_path / "m"}))}
        assert found["target/module/sub/alias.h"].linkname == "../real.h"

    @pytest.mark.parametrize("leads_to", ["../outside", "/etc/passwd", "sub/../../outside"])
    def test_links_out_are_refused_by_name(self, tmp_path, leads_to):
        (tmp_path / "m").mkdir()
        (tmp_path / "m" / "alias.h").symlink_to(leads_to)
        with pytest.raises(UsageError, match=r"alias\.h"):
            trees.entries({"module": tmp_path / "m"})

    def test_an_input_may_itself_be_a_link(self, tmp_path):
        write(tmp_path / "real" / "a")
        (tmp_path / "alias").symlink_to("real")
        assert [one.name for one in trees.entries({"m": tmp_path / "alias"})] == ["m", "m/a"]

    def test_a_pipe_among_the_sources_is_refused(self, tmp_path):
        (tmp_path / "m").mkdir()
        os.mkfifo(tmp_path / "m" / "pipe")
        with pytest.raises(UsageError, match="pipe"):
            trees.entries({"module": tmp_path / "m"})

    def test_a_missing_input_is_named_with_what_it_is_for(self, tmp_path):
        with pytest.raises(UsageError, match=r"nowhere.*'sdk'"):
            trees.entries({"sdk": tmp_path / "nowhere"})

    @pytest.mark.parametrize("destination", ["/etc", "../x", "a/../../x"])
    def test_a_destination_outside_is_a_mistake_of_the_caller(self, tmp_path, destination):
        with pytest.raises(ValueError, match="below the work folder"):
            trees.entries({destination: tmp_path})

    def test_laying_gives_what_packing_gives(self, tmp_path):
        write(tmp_path / "m" / "run.sh", "#!", mode=0o700)
        write(tmp_path / "m" / "deep" / "a.h", "a", mode=0o600)
        (tmp_path / "m" / "deep" / "b.h").symlink_to("a.h")
        tree = trees.entries({"module": tmp_path / "m"}, folders=["out"])
        laid, unpacked = tmp_path / "laid", tmp_path / "unpacked"
        laid.mkdir()
        trees.lay(tree, laid, modified=99)
        with trees.pack(tree, top="t", owner=os.getuid(), modified=99) as archive:
            trees.unpack(archive, unpacked, top="t")

        def seen(folder):
            return {
                str(path.relative_to(folder)): (
                    path.lstat().st_mode,
                    0 if path.is_symlink() else path.stat().st_mtime,
                    path.read_text() if path.is_file() else "",
                )
                for path in folder.rglob("*")
            }

        assert seen(laid) == seen(unpacked)
        assert len(seen(laid)) == 6


class TestComingOut:
    def test_files_folders_and_inner_links_come_through(self, tmp_path):
        stream = tar_of(
            OUT,
            member("out/lib", tarfile.DIRTYPE),
            (member("out/lib/liba.so.1", mode=0o755), b"ELF"),
            member("out/liba.so", tarfile.SYMTYPE, linkname="lib/liba.so.1"),
            member("out/again", tarfile.LNKTYPE, mode=0o755, linkname="out/lib/liba.so.1"),
        )
        trees.unpack(stream, tmp_path / "got", top="out")
        assert (tmp_path / "got" / "liba.so").readlink() == Path("lib/liba.so.1")
        assert (tmp_path / "got" / "again").read_bytes() == b"ELF"
        assert os.access(tmp_path / "got" / "lib" / "liba.so.1", os.X_OK)
        assert listed(tmp_path / "got") == ["again", "lib", "liba.so"]

    @pytest.mark.parametrize(
        "evil",
        [
            pytest.param([member("out/../../evil")], id="parent folders"),
            pytest.param([member("/out/evil")], id="absolute name"),
            pytest.param([member("elsewhere/evil")], id="other top"),
            pytest.param(
                [member("out/l", tarfile.SYMTYPE, linkname="/etc/passwd")], id="absolute link"
            ),
            pytest.param(
                [member("out/l", tarfile.SYMTYPE, linkname="../../evil")], id="link to parents"
            ),
            pytest.param(
                [member("out/l", tarfile.SYMTYPE, linkname="a/../../evil")], id="hidden parents"
            ),
            pytest.param(
                [member("out/l", tarfile.LNKTYPE, linkname="/etc/passwd")], id="hard link out"
            ),
            pytest.param(
                [member("out/l", tarfile.LNKTYPE, linkname="out/../../secret")],
                id="hard link to parents",
            ),
            pytest.param([member("out/d", tarfile.CHRTYPE)], id="character device"),
            pytest.param([member("out/d", tarfile.BLKTYPE)], id="block device"),
            pytest.param([member("out/d", tarfile.FIFOTYPE)], id="pipe"),
        ],
    )
    def test_what_reaches_out_is_refused(self, tmp_path, evil):
        (tmp_path / "secret").write_text("secret")
        (tmp_path / "base").mkdir()
        with pytest.raises(TargetError):
            trees.unpack(tar_of(OUT, *evil), tmp_path / "base" / "got", top="out")
        assert listed(tmp_path) == ["base", "secret"]
        assert listed(tmp_path / "base") == ["got"]
        assert listed(tmp_path / "base" / "got") == []

    def test_a_link_that_was_there_before_is_not_followed_out(self, tmp_path):
        (tmp_path / "outside").mkdir()
        (tmp_path / "got").mkdir()
        (tmp_path / "got" / "sub").symlink_to(tmp_path / "outside")
        with pytest.raises(TargetError):
            trees.unpack(tar_of(OUT, member("out/sub/evil")), tmp_path / "got", top="out")
        assert listed(tmp_path / "outside") == []

    def test_special_permission_bits_are_dropped(self, tmp_path):
        trees.unpack(tar_of(OUT, member("out/tool", mode=0o6777)), tmp_path, top="out")
        assert (tmp_path / "tool").stat().st_mode & 0o7022 == 0

    def test_too_much_is_refused(self, tmp_path):
        stream = tar_of(OUT, (member("out/big"), b"x" * 5000))
        with pytest.raises(TargetError, match="larger than 4000 bytes"):
            trees.unpack(stream, tmp_path, top="out", limit=4000)

    def test_many_empty_files_are_too_much_as_well(self, tmp_path):
        stream = tar_of(OUT, *(member(f"out/{number}") for number in range(20)))
        with pytest.raises(TargetError, match="larger"):
            trees.unpack(stream, tmp_path, top="out", limit=4000)

    def test_a_tar_that_is_cut_off_is_an_error(self, tmp_path):
        whole = tar_of(OUT, (member("out/big"), b"x" * 50_000)).getvalue()
        with pytest.raises(tarfile.ReadError):
            trees.unpack(io.BytesIO(whole[:20_000]), tmp_path, top="out")

    def test_repacking_a_folder_comes_out_the_same(self, tmp_path):
        write(tmp_path / "out" / "a" / "b", "text")
        with trees.repack(tmp_path / "out") as archive:
            trees.unpack(archive, tmp_path / "got", top="out")
        assert (tmp_path / "got" / "a" / "b").read_text() == "text"

    def test_repacking_stops_at_the_limit(self, tmp_path):
        write(tmp_path / "out" / "a", "x" * 5000)
        with pytest.raises(TargetError, match="larger"):
            trees.repack(tmp_path / "out", limit=4000)
