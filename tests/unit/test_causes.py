"""The lines that say why, out of what compilers and linkers print."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildkit.steps.causes import MOST_LINES, error_lines, silent_overrides, warning_lines

GCC = """\
--- build: sh build.sh
In file included from module/src/volume.cpp:3:
sdk/include/mesos/slave/isolator.hpp:41:22: note: 'recover' declared here
module/src/volume.cpp:17:8: warning: unused variable 'x' [-Wunused-variable]
   17 |   int x = 0;
      |       ^
module/src/volume.cpp:20:31: error: 'CommandInfo' is not a member of 'mesos'
   20 |   Future<Option<mesos::CommandInfo>> prepare(
      |                        ^~~~~~~~~~~
module/src/volume.cpp:25:3: error: 'prepare' was not declared in this scope
module/src/mounts.cpp:8:1: warning: 'A::f(int)' was hidden [-Woverloaded-virtual]
module/src/mounts.cpp:8:1: warning: 'A::f(int)' was hidden [-Woverloaded-virtual]
"""
LINKER = """\
/usr/bin/ld: obj/1.o: in function `Volume::prepare()':
module/src/volume.cpp:30: undefined reference to `mesos::internal::launch()'
collect2: error: ld returned 1 exit status
"""


def test_of_a_compilers_log_the_errors_are_left():
    assert error_lines(GCC.splitlines()) == [
        "module/src/volume.cpp:20:31: error: 'CommandInfo' is not a member of 'mesos'",
        "module/src/volume.cpp:25:3: error: 'prepare' was not declared in this scope",
    ]


def test_of_its_warnings_each_is_told_once_and_without_the_rest():
    assert warning_lines(GCC.splitlines()) == [
        "module/src/volume.cpp:17:8: warning: unused variable 'x' [-Wunused-variable]",
        "module/src/mounts.cpp:8:1: warning: 'A::f(int)' was hidden [-Woverloaded-virtual]",
    ]
    assert warning_lines(LINKER.splitlines()) == []


@pytest.mark.parametrize(
    "line",
    [
        LINKER.splitlines()[1],
        "volume.cpp:1:10: fatal error: mesos/slave/isolator.hpp: No such file or directory",
        "ld: obj/2.o:(.bss+0x0): multiple definition of `descriptor'; obj/1.o: first defined here",
        "g++: internal compiler error: Segmentation fault signal terminated program cc1plus",
        "g++: fatal error: Killed signal terminated program cc1plus",
        "build.sh: 3: g++: not found",
        "sh: objcopy: command not found",
        "cannot write obj/1.o: No space left on device",
        "cc1plus: out of memory: Cannot allocate memory",
        "FAIL run prepare mounts both volumes: none was mounted",
    ],
)
def test_a_cause_is_found_among_noise(line):
    noise = [f"module/src/file{number}.cpp: In function 'f':" for number in range(50)]
    assert error_lines([*noise, line, *noise]) == [line]


def test_a_name_with_error_in_it_is_no_cause():
    log = ["module/src/errors.hpp:1: note: declared here", "compiling error_handler.cpp", "stop"]
    assert error_lines(log) == log


def test_without_an_error_the_end_is_told():
    log = [f"line {number}" for number in range(20)]
    assert error_lines([*log, "", "  "]) == log[-MOST_LINES:]
    assert error_lines([]) == []


def test_the_first_errors_are_told_and_each_once():
    errors = [f"a.cpp:{number}:1: error: {number}" for number in range(20)]
    assert error_lines([errors[0], *errors]) == errors[:MOST_LINES]


@given(st.lists(st.sampled_from([*GCC.splitlines(), *LINKER.splitlines(), ""])))
def test_a_cause_is_short_and_of_the_log(log):
    found = error_lines(log)
    assert len(found) <= MOST_LINES
    assert set(found) <= set(log)
    assert bool(found) == any(line.strip() for line in log)


def test_warnings_are_the_modules_own():
    own = "module/src/a.cpp:3:4: warning: unused variable 'x' [-Wunused-variable]"
    hidden = (
        "sdk/include/mesos/slave/isolator.hpp:56:35: warning: 'virtual void Isolator::recover()' "
        "was hidden [-Woverloaded-virtual=]"
    )
    theirs = "sdk/include/mesos/slave/isolator.hpp:57:1: warning: unused parameter 'orphans'"
    assert warning_lines([own, theirs, hidden, own, "noise"]) == [own, hidden]


HIDDEN = """\
sdk/include/mesos/slave/isolator.hpp:58:35: warning: 'virtual Future<Nothing> Isolator::recover\
(const std::vector<State>&)' was hidden [-Woverloaded-virtual=]
   58 |   virtual process::Future<Nothing> recover(
      |                                    ^~~~~~~
module/src/volume.hpp:31:36: note:   by 'virtual Future<Nothing> Volume::recover\
(const std::list<State>&)'
   31 |   virtual process::Future<Nothing> recover(
"""


@pytest.mark.parametrize("word", ["note", "warning"])
def test_a_hidden_virtual_is_told_as_what_it_is_with_the_releases_signature(word):
    log = HIDDEN.replace("note:", f"{word}:").splitlines()
    told = (
        "module/src/volume.hpp:31:36: warning: silent-override: virtual Future<Nothing> "
        "Volume::recover(const std::list<State>&) does not override anything; the release has: "
        "virtual Future<Nothing> Isolator::recover(const std::vector<State>&)"
    )
    found = warning_lines(log)
    assert found[:1] == [told]
    assert silent_overrides(found) == [told]
    assert silent_overrides(warning_lines(GCC.splitlines())) == []
