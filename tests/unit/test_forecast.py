"""Which predictions there are for a plan, and what is said where there are none."""

import pytest

from buildkit.prediction.forecast import forecast
from buildkit.prediction.verdicts import Verdict
from buildkit.sources.modules import Sources

BROKEN = """\
#include <mesos/slave/isolator.hpp>
void f(mesos::slave::ContainerLaunchInfo* info) { info->set_namespaces(1); }
"""


@pytest.fixture
def look(project):
    """The forecast for the project's whole plan."""

    def look():
        plan = project.plan()
        sources = Sources(root=project.root, cache=project.root / "build" / "repositories")
        found = forecast(plan.matrix, plan.targets, sources)
        return {str(target.release): found.of(target) for target in plan.targets}

    return look


def test_each_target_is_predicted(project, look):
    project.set_releases("1.1.3", "1.11.0")
    project.write(
        project.path.read_text().replace('source = "src"', 'source = "src"\nsources = ["*.cpp"]')
    )
    (project.root / "src" / "volume.cpp").write_text(BROKEN)
    found = look()
    assert found["1.1.3"].verdict is Verdict.FINE
    assert found["1.11.0"].verdict is Verdict.BREAKS
    assert str(found["1.11.0"]) == (
        "breaks: volume.cpp:2: mesos::slave::ContainerLaunchInfo has no set_namespaces()"
    )


def test_a_patch_is_applied_before_the_look(project, look):
    project.set_releases("1.1.3", "1.11.0")
    (project.root / "src" / "volume.cpp").write_text(BROKEN)
    (project.root / "mend.toml").write_text(
        '[[edit]]\nwhy = "it was renamed"\nfile = "volume.cpp"\n'
        'pattern = "set_namespaces"\nreplacement = "add_clone_namespaces"\n'
    )
    project.add('\n[[override]]\nmatch = ">=1.2"\npatches = ["mend.toml"]\n')
    assert {one.verdict for one in look().values()} == {Verdict.FINE}


def test_what_is_skipped_is_not_predicted(project, look):
    project.add('\n[[override]]\nmatch = "<1"\nskip = "nobody runs it"\n')
    found = look()
    assert found["0.24.1"].verdict is Verdict.UNKNOWN
    assert found["1.0.1"].verdict is Verdict.FINE


def test_a_commit_that_is_not_fetched_is_not_fetched_for_this(project, look):
    text = project.path.read_text()
    project.write(
        text.replace('source = "src"', f'git = "https://x.invalid/y"\nrevision = "{"0" * 40}"')
    )
    found = look()
    assert {one.verdict for one in found.values()} == {Verdict.UNKNOWN}
    assert "not fetched" in str(found["1.0.1"])
    assert not (project.root / "build").exists()


def test_sources_that_cannot_be_read_are_for_the_build_to_complain_of(project, look):
    (project.root / "src" / "elsewhere.hpp").symlink_to(project.path)
    found = look()
    assert {one.verdict for one in found.values()} == {Verdict.UNKNOWN}
    assert "elsewhere.hpp: is a link out" in found["1.0.1"].reasons[0]


def test_a_patch_that_does_not_apply_is_for_the_build_to_complain_of(project, look):
    (project.root / "mend.toml").write_text(
        '[[edit]]\nwhy = "x"\nfile = "volume.cpp"\npattern = "nowhere"\nreplacement = ""\n'
    )
    project.add('\n[[override]]\nmatch = ">=1"\npatches = ["mend.toml"]\n')
    found = look()
    assert "mend.toml" in found["1.0.1"].reasons[0]


def test_code_nested_too_deeply_is_not_predicted(project, look):
    deep = "(" * 5000 + "x" + ")" * 5000
    (project.root / "src" / "volume.cpp").write_text(f"{BROKEN}int f() {{ return {deep}; }}\n")
    assert {one.verdict for one in look().values()} == {Verdict.UNKNOWN}
