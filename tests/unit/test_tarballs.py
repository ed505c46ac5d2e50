"""Tarballs: what is whole and well-behaved is read, all else refused, naming archive and member."""

import bz2
import gzip
import hashlib
import io
import lzma
import random
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildkit.compat import tarfile
from buildkit.errors import TargetError
from buildkit.files.tarballs import (
    check_tarball,
    open_tarball,
    read_tarball,
    why_no_archive,
    write_tarball,
)
from buildkit.files.tree import File

FORMATS = (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)


def member(name, kind=tarfile.REGTYPE, *, data=b"", **fields):
    info = tarfile.TarInfo(name)
    info.type = kind
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def link(name, to, kind=tarfile.SYMTYPE):
    return member(name, kind, linkname=to)


def tar_of(*members, form=tarfile.PAX_FORMAT):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def packed(*members, **options):
    return gzip.compress(tar_of(*members, **options), mtime=0)


def read(data, wanted=lambda _: True, **options):
    return read_tarball(io.BytesIO(data), wanted=wanted, name="x.tar.gz", **options)


def contents(data, **options):
    return {path: file.data for path, file in read(data, **options).items()}


A = member("top/a", data=b"in a")
B = member("top/b", data=b"in b")


class TestReading:
    def test_the_wanted_files_by_their_whole_paths(self):
        archive = packed(member("top", tarfile.DIRTYPE), A, B, member("./top/c", data=b"in c"))
        assert contents(archive) == {"top/a": b"in a", "top/b": b"in b", "top/c": b"in c"}
        assert contents(archive, wanted=lambda path: path == "top/b") == {"top/b": b"in b"}

    @pytest.mark.parametrize(
        ("mode", "executable"), [(0o755, True), (0o644, False), (0o611, False)]
    )
    def test_a_file_is_executable_if_its_owner_may(self, mode, executable):
        archive = packed(member("x", mode=mode))
        assert read(archive) == {"x": File(b"", executable=executable)}

    @pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, bytes])
    def test_however_it_is_packed(self, pack):
        assert contents(pack(tar_of(A, B))) == {"top/a": b"in a", "top/b": b"in b"}

    @pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, *FORMATS])
    def test_whatever_its_format(self, form):
        name = "top/" + "d" * 90 + "/" + "f" * 90
        assert contents(packed(member(name, data=b"x"), form=form)) == {name: b"x"}

    def test_from_a_path(self, tmp_path):
        (tmp_path / "a.tar.gz").write_bytes(packed(A))
        found = read_tarball(tmp_path / "a.tar.gz", wanted=lambda _: True)
        assert found == {"top/a": File(b"in a")}

    def test_of_two_members_with_one_path_the_later_counts(self):
        first = member("top/a", data=b"first")
        assert contents(packed(first, A)) == {"top/a": b"in a"}
        assert contents(packed(first, B, link("top/a", "b")))["top/a"] == b"in b"
        assert contents(packed(B, link("top/a", "b"), A))["top/a"] == b"in a"

    def test_member_by_member(self):
        with open_tarball(io.BytesIO(packed(A, link("top/l", "a")))) as members:
            seen = [(m.path, m.leads_to, m.content and m.content.read()) for m in members]
        assert seen == [("top/a", None, b"in a"), ("top/l", "top/a", None)]


class TestLinks:
    @pytest.mark.parametrize(
        ("name", "to", "kind"),
        [
            ("top/l", "a", tarfile.SYMTYPE),
            ("top/deep/er/l", "../../a", tarfile.SYMTYPE),
            ("top/l", "../top/./a", tarfile.SYMTYPE),
            ("l", "top/a", tarfile.SYMTYPE),
            ("top/l", "top/a", tarfile.LNKTYPE),
            ("elsewhere/l", "top/a", tarfile.LNKTYPE),
        ],
    )
    @pytest.mark.parametrize("first", [True, False])
    def test_one_to_a_file_is_a_copy(self, name, to, kind, first):
        members = [A, link(name, to, kind)]
        archive = packed(*(members if first else reversed(members)))
        assert contents(archive) == {"top/a": b"in a", name: b"in a"}
        # Even if the file itself is not asked for.
        assert contents(archive, wanted=lambda path: path == name) == {name: b"in a"}

    def test_a_copy_is_as_executable_as_the_file(self):
        archive = packed(member("run", mode=0o755), link("l", "run"))
        assert read(archive)["l"].executable

    def test_links_to_links_are_followed(self):
        archive = packed(link("1", "2"), link("2", "3"), link("3", "top/a"), A)
        assert contents(archive, wanted=lambda path: path in "123") == dict.fromkeys("123", b"in a")

    @pytest.mark.parametrize("to", ["nothing", "top", "l", "k", "."])
    def test_one_to_no_file_is_left_out(self, to):
        archive = packed(member("top", tarfile.DIRTYPE), A, link("l", to), link("k", "l"))
        assert contents(archive) == {"top/a": b"in a"}


EVIL = {
    "climbs": (member("../evil"), "'../evil': a path that climbs out"),
    "climbs midway": (member("top/../../evil"), "a path that climbs out"),
    "turns back": (member("top/x/../evil"), "a path that climbs out"),
    "climbing folder": (member("top/..", tarfile.DIRTYPE), "a path that climbs out"),
    "absolute": (member("/etc/evil"), "'/etc/evil': a path that climbs out"),
    "no name": (member("."), "without a name"),
    "link as top": (link(".", "top"), "without a name"),
    "link up": (link("top/l", "../../evil"), r"'top/l': a link to '\.\./\.\./evil', out of"),
    "link to above": (link("l", ".."), "out of the archive"),
    "link back and up": (link("l", "top/../../evil"), "out of the archive"),
    "absolute link": (link("l", "/etc/passwd"), "out of the archive"),
    "empty link": (link("l", ""), "out of the archive"),
    "hard link up": (link("top/l", "../evil", tarfile.LNKTYPE), "out of the archive"),
    "absolute hard link": (link("l", "/etc/passwd", tarfile.LNKTYPE), "out of the archive"),
    "device": (member("null", tarfile.CHRTYPE), "'null': neither a plain file nor"),
    "disk": (member("sda", tarfile.BLKTYPE), "neither"),
    "pipe": (member("fifo", tarfile.FIFOTYPE), "neither"),
    "sparse": (
        member("s", pax_headers={"GNU.sparse.major": "0", "GNU.sparse.map": "0,1"}, data=b"x"),
        "neither",
    ),
    "unknown kind": (member("v", b"V"), "neither"),
    "long path": (member("d/" * 3000 + "f"), "a path of over 4096"),
    "size below zero": (member("n", pax_headers={"size": "-1024"}), "unpacks to more"),
}


class TestEvil:
    @pytest.mark.parametrize("case", EVIL)
    @pytest.mark.parametrize("asked", [True, False])
    def test_is_refused_whether_asked_for_or_not(self, case, asked):
        evil, message = EVIL[case]
        with pytest.raises(TargetError, match=message) as caught:
            read(packed(A, evil, B), wanted=lambda _: asked)
        assert str(caught.value).startswith("x.tar.gz: ")

    @pytest.mark.parametrize(
        "lower", [A, link("top/a", "b"), link("top/a", "top/b", tarfile.LNKTYPE)]
    )
    @pytest.mark.parametrize("leaf", [member("top/a/x"), link("top/a/x", "../b")])
    def test_nothing_lies_below_a_file_or_link(self, lower, leaf):
        with pytest.raises(TargetError, match="'top/a/x': lies below a file or link"):
            read(packed(B, lower, leaf))

    @pytest.mark.parametrize("name", ["a\nb", "a\x1b[2J", "a\udcff"])
    def test_a_wanted_path_can_be_printed(self, name):
        archive = packed(member(name), A, form=tarfile.GNU_FORMAT)
        with pytest.raises(TargetError, match="unprintable"):
            read(archive)
        assert contents(archive, wanted=lambda path: path == "top/a") == {"top/a": b"in a"}

    def test_headers_before_headers_without_end(self):
        one = member("x", tarfile.XHDTYPE, data=b"10 a=bbbb\n")
        with pytest.raises(TargetError, match="is damaged"):
            read(packed(*[one] * 5000, A))


class Counting(io.BytesIO):
    """A file that remembers how far it has been read."""

    taken = 0

    def read(self, size=-1):
        data = super().read(size)
        self.taken = max(self.taken, self.tell())
        return data


ZEROS = gzip.compress(bytes(10 * 1024**2), mtime=0)
MANY = 1024
"""Times 10 MiB; gzip reads packed pieces that are strung together as one."""


def header(name, size, kind=tarfile.REGTYPE):
    info = tarfile.TarInfo(name)
    info.type = kind
    info.size = size
    return gzip.compress(info.tobuf(tarfile.GNU_FORMAT))


RECORDS = (b"102 a=" + b"b" * 95 + b"\n") * 10_039 + bytes(22)
BOMBS = {
    "a file of 10 GiB": (header("f", 10 * 1024**3) + ZEROS * MANY, "more than 1024 MiB"),
    "a file of 8 EiB": (header("f", 2**63) + ZEROS * MANY, "more than 1024 MiB"),
    "10 GiB after the end": (packed(A) + ZEROS * MANY, "goes on for long after its end"),
    "10 GiB of nothing": (ZEROS * MANY, "goes on for long after its end"),
    "a name of 0.9 GiB": (
        header("n", 900 * 1024**2, tarfile.GNUTYPE_LONGNAME) + ZEROS * MANY,
        "a header that is too long",
    ),
    "many long names for one member": (
        (header("n", 1000 * 1024, tarfile.XHDTYPE) + gzip.compress(RECORDS)) * 500 + ZEROS,
        "a header that is too long",
    ),
}


class TestBombs:
    @pytest.mark.parametrize("case", BOMBS)
    @pytest.mark.parametrize("asked", [True, False])
    def test_is_refused_before_much_is_unpacked(self, case, asked):
        data, message = BOMBS[case]
        file = Counting(data)
        tracemalloc.start()
        try:
            with pytest.raises(TargetError, match=message):
                read_tarball(file, wanted=lambda _: asked)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 8 * 1024**2
        assert file.taken < len(data) / 10

    def test_the_limit_is_on_all_members_together(self):
        members = [member(f"f{number}", data=bytes(1024)) for number in range(100)]
        archive = packed(*members)
        assert len(read(archive, limit_bytes=200 * 1024)) == 100
        with pytest.raises(TargetError, match="unpacks to more than 0 MiB; refused as a tar bomb"):
            read(archive, limit_bytes=100 * 1024, wanted=lambda _: False)

    def test_the_limit_holds_for_what_carries_no_content(self):
        archive = packed(*[member(f"f{number}") for number in range(1000)])
        with pytest.raises(TargetError, match="unpacks to more than"):
            read(archive, limit_bytes=256 * 1024)

    @pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.DIRTYPE])
    def test_the_number_of_members_is_limited(self, kind):
        archive = packed(*[member(f"f{number}", kind) for number in range(11)])
        read(archive, limit_members=11)
        with pytest.raises(TargetError, match="more than 10 members"):
            read(archive, limit_members=10)


NOISE = random.Random(1).randbytes(200_000)
WHOLE = tar_of(member("top/noise", data=NOISE), A)
PACKED = {
    "gz": gzip.compress(WHOLE, mtime=0),
    "bz2": bz2.compress(WHOLE),
    "xz": lzma.compress(WHOLE),
}


class TestBroken:
    @pytest.mark.parametrize("form", PACKED)
    @pytest.mark.parametrize("left", [0.01, 0.3, 0.9, 0.9999])
    def test_cut_off(self, form, left):
        data = PACKED[form]
        with pytest.raises(TargetError, match=r"x\.tar\.gz: is cut off"):
            read(data[: int(len(data) * left)], wanted=lambda _: False)

    def test_cut_off_within_the_last_bytes(self):
        """gzip ends with a sum and a length, which tarfile itself would never look at."""
        for missing in range(1, 9):
            with pytest.raises(TargetError, match="is cut off"):
                read(PACKED["gz"][:-missing])

    @pytest.mark.parametrize("left", [512, 1024, 100_000, len(NOISE) + 1024])
    def test_cut_off_before_it_was_packed(self, left):
        with pytest.raises(TargetError, match=r"is cut off|is damaged"):
            read(gzip.compress(WHOLE[:left]), wanted=lambda _: False)

    @pytest.mark.parametrize("form", PACKED)
    @pytest.mark.parametrize("place", [0.2, 0.5, 0.99])
    def test_changed(self, form, place):
        data = bytearray(PACKED[form])
        data[int(len(data) * place)] ^= 0xFF
        with pytest.raises(TargetError, match=r"is damaged|is cut off"):
            read(bytes(data))

    def test_cut_off_after_a_member(self):
        with pytest.raises(TargetError, match="is cut off"):
            read(gzip.compress(tar_of(B)[:1024]))

    def test_a_changed_header_in_the_middle_is_not_the_end(self):
        first = tar_of(B)[:1024]
        second = bytearray(tar_of(A))
        second[3] ^= 0xFF
        with pytest.raises(TargetError, match="is damaged"):
            read(gzip.compress(first + second))

    @given(st.data())
    def test_whatever_is_changed_in_a_tar_it_is_read_or_refused(self, data):
        members = [A, link("l", "top/a"), member("d" * 120, data=b"x", pax_headers={"k": "v"})]
        changed = bytearray(tar_of(*members, form=data.draw(st.sampled_from(FORMATS))))
        # Most of a header's bytes are zeros that nobody reads.
        used = [place for place, byte in enumerate(changed) if byte]
        for place in data.draw(st.lists(st.sampled_from(used), min_size=1, max_size=3)):
            changed[place] = data.draw(st.integers(0, 255))
        for header in range(0, len(changed), 512):
            # With a right checksum a wrong header gets further.
            if changed[header + 257 : header + 262] == b"ustar":
                block = changed[header : header + 512]
                block[148:156] = b" " * 8
                changed[header + 148 : header + 156] = b"%06o\0 " % sum(block)
        with suppress(TargetError):
            for path in read(gzip.compress(changed, mtime=0)):
                assert not path.startswith("/")
                assert ".." not in path.split("/")

    def test_something_behind_it(self):
        with pytest.raises(TargetError, match="is damaged"):
            read(PACKED["gz"] + b"something")

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"", "is empty"),
            (b"<!DOCTYPE html><html>", "looks like an HTML page: the server or a proxy"),
            (b"\xef\xbb\xbf\r\n  <HTML lang=en>", "looks like an HTML page"),
            (b'<?xml version="1.0"?>', "looks like an HTML page"),
            (b"PK\x03\x04", "is no tar archive"),
            (b"404 Not Found", "is no tar archive .* it begins with b'404 Not Found'"),
            (gzip.compress(b"no tar, just text" * 100, mtime=0), "is damaged"),
            (gzip.compress(b"", mtime=0), "is damaged: empty file"),
        ],
    )
    def test_no_archive(self, tmp_path, data, message):
        path = tmp_path / "x.tar.gz"
        path.write_bytes(data)
        with pytest.raises(TargetError, match=message) as caught:
            check_tarball(path)
        assert str(caught.value).startswith(f"{path}: ")

    @pytest.mark.parametrize("data", [*PACKED.values(), WHOLE])
    def test_an_archives_head_is_known(self, data):
        assert why_no_archive(data[:512]) is None

    def test_the_systems_own_errors_stay_what_they_are(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            check_tarball(tmp_path / "absent")

    def test_an_error_of_the_one_who_asks_stays_what_it_is(self):
        def fail(_):
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            read(packed(A), wanted=fail)


name = st.text(
    # What str.isprintable calls printable.
    st.characters(
        codec="utf-8",
        exclude_characters="/",
        include_characters=" ",
        exclude_categories=("C", "Z"),
    ),
    min_size=1,
    max_size=120,
).filter(lambda text: text not in {".", ".."})
path = st.lists(name, min_size=1, max_size=4).map("/".join)
tree = st.dictionaries(
    path, st.builds(File, st.binary(max_size=2000), st.booleans()), max_size=8
).filter(
    lambda tree: (
        not any(one != other and other.startswith(f"{one}/") for one in tree for other in tree)
    )
)


class TestWriting:
    @given(tree)
    def test_what_is_written_is_read_again(self, tree):
        assert read_tarball(io.BytesIO(write_tarball(tree)), wanted=lambda _: True) == tree

    @given(tree, st.randoms())
    def test_the_order_of_the_tree_does_not_matter(self, tree, order):
        items = list(tree.items())
        order.shuffle(items)
        assert write_tarball(dict(items)) == write_tarball(tree)

    def test_the_bytes_are_the_same_everywhere(self):
        tree = {"b/ü": File(b"x" * 1000), "a": File(b"#!/bin/sh\n", executable=True)}
        data = write_tarball(tree)
        # Neither a name nor a time, and "unknown" for the system.
        assert data[:10] == bytes.fromhex("1f8b 08 00 00000000 00 ff")
        unpacked = gzip.decompress(data)
        assert hashlib.sha256(unpacked).hexdigest() == (
            "871228a1dcd89ccfe1c9735e1a4607904686d5735a47f6cf81ef75e6d69949ec"
        )

    def test_members_carry_nothing_of_the_machine(self):
        data = write_tarball({"run": File(b"", executable=True), "a/b": File(b"")})
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            seen = [
                (m.name, m.mode, m.uid, m.gid, m.uname, m.gname, m.mtime)
                for m in archive.getmembers()
            ]
        # tar warns of times before 1980.
        assert seen == [
            ("a/b", 0o644, 0, 0, "", "", 315_532_800),
            ("run", 0o755, 0, 0, "", "", 315_532_800),
        ]
