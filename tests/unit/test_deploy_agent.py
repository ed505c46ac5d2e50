import json
from pathlib import Path, PurePosixPath

import pytest

from buildkit.deploy.agent import agent_flags, drain_ways, library_file, modules_file, modules_json
from buildkit.errors import UsageError
from buildkit.matrix import Module, load_matrix
from buildkit.releases import FINAL_RELEASES, Release

OWN = load_matrix(Path(__file__).parents[2] / "matrix.toml").file.module[0]
SYMBOL = "mesos_buildkit_DockerVolumeIsolator"


def flags(release, present=None, module=OWN):
    return agent_flags(module, Release.parse(release), present)


def test_the_modules_json_is_what_the_modules_message_says():
    module = OWN.model_copy(
        update={"deploy": OWN.deploy.model_copy(update={"parameters": {"command": "/opt/dvdcli"}})}
    )
    found = modules_json(module, PurePosixPath("/usr/lib/mesos/modules/libx.so"))
    assert found == {
        "libraries": [
            {
                "file": "/usr/lib/mesos/modules/libx.so",
                "modules": [
                    {
                        "name": SYMBOL,
                        "parameters": [{"key": "command", "value": "/opt/dvdcli"}],
                    }
                ],
            }
        ]
    }
    assert "parameters" not in json.dumps(modules_json(OWN, PurePosixPath("/x.so")))


@pytest.mark.parametrize(
    ("release", "program", "word", "folder"),
    [
        ("0.22.0", "mesos-slave", "slave", None),
        ("0.24.1", "mesos-slave", "slave", None),
        ("0.28.3", "mesos-slave", "slave", None),
        ("1.0.0", "mesos-agent", "agent", "/etc/mesos/modules"),
        ("1.11.0", "mesos-agent", "agent", "/etc/mesos/modules"),
    ],
)
def test_the_names_are_those_of_the_release(release, program, word, folder):
    found = flags(release)
    assert (found.program, found.word, found.modules_dir) == (program, word, folder)
    assert all("{" not in note for note in found.notes)
    other = "agent" if word == "slave" else "slave"
    assert not any(f" {other} " in note for note in found.notes)


@pytest.mark.parametrize("release", FINAL_RELEASES, ids=str)
def test_every_final_release_keeps_the_default_isolators(release):
    found = agent_flags(OWN, release)
    assert found.arguments[0] == "--modules=file:///etc/mesos/modules/dockervolume.json"
    isolation = found.arguments[1].removeprefix("--isolation=").split(",")
    assert isolation[:2] == ["posix/cpu", "posix/mem"]
    assert isolation[-1] == SYMBOL
    assert found.environment["MESOS_ISOLATION"] == ",".join(isolation)
    assert drain_ways(release)


def test_isolators_that_the_module_counts_on_come_with_it_where_they_are_needed():
    assert "filesystem/shared" in flags("0.22.2").isolation
    assert any("mount namespace" in note for note in flags("0.22.2").notes)
    assert "filesystem/shared" not in flags("0.23.1").isolation


def test_what_the_agent_has_now_is_kept():
    found = flags("1.4.3", ["cgroups/cpu", " cgroups/mem", "filesystem/linux"])
    assert found.isolation == ("cgroups/cpu", "cgroups/mem", "filesystem/linux", SYMBOL)
    # From 1.0 on an agent refuses a list that names one twice.
    assert flags("1.4.3", [SYMBOL, "posix/cpu"]).isolation == (SYMBOL, "posix/cpu")


def test_a_short_word_that_stands_alone_only_is_written_out():
    assert flags("0.24.1", ["cgroups"]).isolation == ("cgroups/cpu", "cgroups/mem", SYMBOL)
    assert flags("0.24.1", ["process"]).isolation == ("posix/cpu", "posix/mem", SYMBOL)
    # 1.6 does not know it any more; what it says of it is its own affair.
    assert flags("1.6.0", ["cgroups"]).isolation == ("cgroups", SYMBOL)


@pytest.mark.parametrize("present", [["external"], [""], ["posix/cpu", ""]])
def test_what_no_module_can_be_added_to_is_refused(present):
    with pytest.raises(UsageError, match="--isolation"):
        flags("0.24.1", present)


def test_an_agent_older_than_the_facts_is_refused():
    with pytest.raises(UsageError, match=r"0\.20\.1.*begin at 0\.21\.0"):
        flags("0.20.1")


def test_draining_knows_what_the_release_can_do():
    assert not any("maintenance" in way for way in drain_ways(Release.parse("0.24.2")))
    assert any("maintenance" in way for way in drain_ways(Release.parse("0.25.0")))
    assert not any("DRAIN_AGENT" in way for way in drain_ways(Release.parse("1.8.1")))
    [way] = [way for way in drain_ways(Release.parse("1.9.0")) if "DRAIN_AGENT" in way]
    call = way[way.index("{") : way.rindex("}") + 1]
    assert json.loads(call)["drain_agent"]["agent_id"]["value"] == "ID"


def test_folders_are_the_matrix_files_own():
    module = Module.model_validate(
        {
            "name": "volume",
            "version": "1",
            "symbol": "s",
            "source": "src",
            "deploy": {"libraries": "/opt/mesos/lib", "manifests": "/opt/mesos/etc"},
        }
    )
    assert str(library_file(module, "libv.so")) == "/opt/mesos/lib/libv.so"
    assert str(modules_file(module)) == "/opt/mesos/etc/volume.json"
    assert flags("1.0.0", module=module).modules_dir == "/opt/mesos/etc"


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ('libraries = "modules"', "libraries"),
        ('manifests = "/etc/mesos/../modules"', "manifests"),
        ('libraries = "/usr/lib; rm -rf /"', "libraries"),
        ('isolators = [{ match = "<0.23", name = "shared", why = "x" }]', "name"),
        ('isolators = [{ match = "0.23", name = "a/b", why = "x" }]', "match"),
        ('folder = "/x"', "folder"),
    ],
)
def test_a_wrong_table_is_named(project, table, complaint):
    project.add(f"[module.deploy]\n{table}\n")
    with pytest.raises(UsageError, match=complaint):
        project.matrix()
