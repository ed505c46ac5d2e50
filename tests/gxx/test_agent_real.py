"""Smoke level ``agent`` on a Mesos that is really installed, with this repository's isolator.

``MESOS_BUILDKIT_REAL_PREFIX`` says where, as key ``prefix`` of ``[sdk]`` does, such as
``/opt/mesos/{release}``. Without it, or where none of the matrix's releases is there, nothing of
this is tested.
"""

import os
from pathlib import Path

import pytest
from support_installed import ISOLATOR, Project

from buildkit.engine.host import processes_with
from buildkit.matrix import RELEASE_PLACEHOLDER, load_matrix
from buildkit.releases import AGENT_BEGINS

TEMPLATE = os.environ.get("MESOS_BUILDKIT_REAL_PREFIX", "")
RELEASES = [
    str(release)
    for release in load_matrix(ISOLATOR.parent / "matrix.toml").releases
    if release >= AGENT_BEGINS
    and TEMPLATE
    and Path(TEMPLATE.replace(RELEASE_PLACEHOLDER, str(release))).is_dir()
]

pytestmark = pytest.mark.skipif(
    not RELEASES,
    reason="NO REAL AGENT IS STARTED: MESOS_BUILDKIT_REAL_PREFIX names no installed Mesos",
)

# In the harness it cleans up, so that no lower level sees what is wrong.
FORGETFUL = """\
  {
    char program[4096];
    const ssize_t length = ::readlink("/proc/self/exe", program, sizeof(program));
    const std::string name(program, length > 0 ? static_cast<std::size_t>(length) : 0);
    if (name.find("/harness") == std::string::npos) {
      return Nothing();
    }
  }
"""
CLEANUP = "DockerVolumeIsolator::cleanup(const mesos::ContainerID& containerId)\n{\n"


@pytest.fixture(params=RELEASES)
def project(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    project = Project(root=tmp_path, engine="host")
    project.use_isolator()
    (tmp_path / "src/src/needs_libmesos.cpp").unlink()
    text = (tmp_path / "matrix.toml").read_text()
    project.write(
        "matrix.toml",
        text.replace('"1.2.3"', f'"{request.param}"').replace("mesos-{release}", TEMPLATE),
    )
    project.add(
        '[module.smoke]\nscenario = "docker-volume"\n'
        f'[[override]]\nmatch = ""\nenv = {{ MARK = "{tmp_path.name}" }}\n'
    )
    return project


def run(project):
    outcome = project.run(smoke="agent")
    assert processes_with(f"MARK={project.root.name}".encode()) == []
    if any("not possible here" in check.name for check in outcome.checks):
        pytest.skip(f"NO REAL AGENT IS STARTED: {outcome.checks[-1].detail}")
    return outcome


def test_the_isolator_mounts_and_unmounts_for_a_task(project):
    outcome = run(project)
    assert outcome.good, outcome.cause
    assert {check.level for check in outcome.checks} == {"inspect", "load", "run", "agent"}


def test_one_that_forgets_to_clean_up_is_found_out(project):
    source = project.root / "src/src/isolator.cpp"
    text = source.read_text()
    assert text.count(CLEANUP) == 1
    source.write_text(text.replace(CLEANUP, CLEANUP + FORGETFUL))
    outcome = run(project)
    assert not outcome.good
    assert {check.level for check in outcome.checks if check.ok} >= {"load", "run"}
    assert any("still mounted: --volumedriver=rexray" in line for line in outcome.cause)
