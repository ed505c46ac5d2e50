"""The data of smoke level ``agent``, and finding Mesos's programs in an installation."""

import re
from importlib import resources
from pathlib import PurePosixPath

import pytest

from buildkit.errors import TargetError
from buildkit.releases import AGENT_BEGINS, FINAL_RELEASES, Release
from buildkit.smoke.agent import ROLES, agent_data, choose_programs, is_program

COVERED = [release for release in FINAL_RELEASES if release >= AGENT_BEGINS]
WHOLE = [
    "sbin/mesos-master",
    "sbin/mesos-agent",
    "bin/mesos-execute",
    "libexec/mesos/mesos-containerizer",
]


def names(flags):
    return [re.sub(r"^--(no-)?", "", flag).partition("=")[0] for flag in flags]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("release", COVERED, ids=str)
def test_every_release_has_a_program_and_no_flag_twice(release, role):
    assert agent_data().name(role, release).startswith("mesos-")
    flags = agent_data().flags(role, release)
    assert flags
    assert all(flag.startswith("--") for flag in flags)
    assert len(set(names(flags))) == len(flags)


# As src/slave/flags.cpp of the tags has them.
@pytest.mark.parametrize(
    ("release", "flag", "known"),
    [
        ("0.27.0", "systemd_enable_support", False),
        ("0.27.1", "systemd_enable_support", True),
        ("1.0.4", "runtime_dir", False),
        ("1.1.0", "runtime_dir", True),
        ("0.25.0", "launcher", True),
        ("0.25.0", "hostname_lookup", True),
    ],
)
def test_a_flag_is_given_to_the_agents_that_know_it(release, flag, known):
    assert (flag in names(agent_data().flags("agent", Release.parse(release)))) == known


@pytest.mark.parametrize(
    ("release", "name"),
    [("0.28.3", "mesos-slave"), ("1.0.0", "mesos-agent"), ("1.11.0", "mesos-agent")],
)
def test_the_agent_was_renamed(release, name):
    assert agent_data().name("agent", Release.parse(release)) == name


def test_the_harness_fills_in_every_placeholder():
    harness = (resources.files("buildkit.smoke") / "harness/agent.cpp").read_text()
    data = agent_data()
    flags = [flag for role in ROLES for release in COVERED for flag in data.flags(role, release)]
    used = {place for flag in flags for place in re.findall(r"\{\w+\}", flag)}
    assert used
    assert used <= set(re.findall(r'\{"(\{\w+\})",', harness))


class TestPrograms:
    RELEASE = Release(1, 2, 3)

    def test_each_is_found_where_it_is(self):
        found = choose_programs("prefix /m", ["bin/mesos-agent", *WHOLE], self.RELEASE)
        assert found == {
            "master": "sbin/mesos-master",
            "agent": "sbin/mesos-agent",
            "execute": "bin/mesos-execute",
        }

    def test_where_cmake_installs_them(self):
        moved = [name.replace("sbin", "bin") for name in WHOLE]
        assert choose_programs("p", moved, self.RELEASE)["master"] == "bin/mesos-master"

    @pytest.mark.parametrize("lacking", WHOLE)
    def test_what_is_missing_is_named_with_what_to_do(self, lacking):
        files = [name for name in WHOLE if name != lacking]
        with pytest.raises(TargetError) as caught:
            choose_programs("v/1.2.3/debian12: prefix /m", files, self.RELEASE)
        name = lacking.rpartition("/")[2]
        for part in ("v/1.2.3/debian12: prefix /m: ", f"no {name} in ", "--smoke run"):
            assert part in str(caught.value)

    def test_an_old_name_does_not_do_for_a_newer_release(self):
        files = [name.replace("-agent", "-slave") for name in WHOLE]
        with pytest.raises(TargetError, match="no mesos-agent in sbin or bin"):
            choose_programs("p", files, self.RELEASE)

    @pytest.mark.parametrize(
        ("path", "it_is"),
        [
            ("sbin/mesos-slave", True),
            ("bin/mesos-execute", True),
            ("libexec/mesos/mesos-fetcher", True),
            ("bin/mesos-ps", False),
            ("lib/mesos-execute", False),
            ("libexec/mesos/deep/file", False),
        ],
    )
    def test_which_files_count(self, path, it_is):
        assert is_program(PurePosixPath(path)) == it_is
