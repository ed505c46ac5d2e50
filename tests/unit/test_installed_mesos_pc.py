"""mesos.pc as pkg-config reads it."""

import pytest

from buildkit.errors import TargetError
from buildkit.sdk.installed.pkgconfig import read_mesos_pc

OFFICIAL = """\
################################
# Pkg-Config file for mesos    #
################################

Name: mesos
Description: Cluster manager for sharing distributed application frameworks
URL: http://mesos.apache.org/
Version: 1.8.0

prefix=/opt/mesos
exec_prefix=${prefix}
includedir=${prefix}/include
libdir=${exec_prefix}/lib
Cflags: -I${includedir} -D__STDC_FORMAT_MACROS -I${libdir}/mesos/3rdparty/include
Libs: -L${libdir} -lmesos
"""


def test_an_official_one():
    pc = read_mesos_pc(OFFICIAL, "mesos.pc")
    assert pc.version == "1.8.0"
    assert pc.prefix == "/opt/mesos"
    assert pc.include_folders == ("/opt/mesos/include", "/opt/mesos/lib/mesos/3rdparty/include")
    assert pc.flags == ("-D__STDC_FORMAT_MACROS",)
    assert not pc.requires


def test_an_early_one_says_nothing_of_flags():
    pc = read_mesos_pc("Name: mesos\nVersion: 0.24.1\n\nprefix=/usr/local\n", "mesos.pc")
    assert (pc.version, pc.include_folders, pc.flags) == ("0.24.1", (), ())


@pytest.mark.parametrize(
    ("line", "folders", "flags"),
    [
        ("Cflags: -I /a -isystem /b -isystem/c", ("/a", "/b", "/c"), ()),
        ("CFlags: -I/a", ("/a",), ()),
        (r"""Cflags: "-I/a b" -DX=\"y\" '-DZ=1 2'""", ("/a b",), ('-DX="y"', "-DZ=1 2")),
        ("Cflags: -I/a # and no more -I/b", ("/a",), ()),
        ("Cflags: -I/a \\\n  -DX", ("/a",), ("-DX",)),
        ("a=1\nb=${a}${a}\nCflags: -DX=${b} -DY=$${b}", (), ("-DX=11", "-DY=${b}")),
        ("Cflags: -I", (), ()),
    ],
)
def test_how_flags_may_be_written(line, folders, flags):
    pc = read_mesos_pc(line, "mesos.pc")
    assert (pc.include_folders, pc.flags) == (folders, flags)


def test_what_it_requires_is_told():
    assert read_mesos_pc("Requires: protobuf >= 3\n", "mesos.pc").requires == "protobuf >= 3"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Cflags: -I${includedir}\nincludedir=/late\n", "variable 'includedir'"),
        ('Cflags: "-I/a\n', "Cflags: No closing quotation"),
    ],
)
def test_what_is_wrong_names_the_file(text, problem):
    with pytest.raises(TargetError) as caught:
        read_mesos_pc(text, "/opt/mesos.pc")
    assert str(caught.value).startswith(f"/opt/mesos.pc: {problem}")
