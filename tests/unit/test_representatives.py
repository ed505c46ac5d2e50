"""Which targets stand for which others, and which stand for themselves."""

import pytest

from buildkit.prediction.forecast import Forecast, forecast
from buildkit.prediction.representatives import represent
from buildkit.sources.modules import Sources

GUARDED = """\
#include <mesos/slave/isolator.hpp>
void f(mesos::slave::ContainerLaunchInfo* info)
{
#if MESOS_VERSION_AT_LEAST(1, 2, 0)
  info->add_clone_namespaces(1);
#else
  info->set_namespaces(1);
#endif
}
"""
RELEASES = ("0.27.3", "1.1.0", "1.1.1", "1.1.2", "1.1.3", "1.2.1", "1.2.3", "1.3.2")


@pytest.fixture
def chosen(project):
    """Who is left of the project's plan, and whom each stands for."""
    project.set_releases(*RELEASES)
    project.write(
        project.path.read_text().replace('source = "src"', 'source = "src"\nsources = ["*.cpp"]')
    )
    (project.root / "src" / "volume.cpp").write_text(GUARDED)

    def chosen(**options):
        plan = project.plan(**options)
        sources = Sources(root=project.root, cache=project.root / "build" / "repositories")
        plan = represent(plan, forecast(plan.matrix, plan.targets, sources))
        return {t.name.removeprefix("volume/"): [*map(str, t.stands_for)] for t in plan.targets}

    return chosen


def on(platform, groups):
    return {f"{release}/{platform}": others for release, others in groups.items()}


def test_the_newest_of_each_group_is_left(chosen):
    assert chosen() == on(
        "debian12",
        {"0.27.3": [], "1.1.3": ["1.1.0", "1.1.1", "1.1.2"], "1.3.2": ["1.2.1", "1.2.3"]},
    )


def test_of_a_selection_those_selected_are_grouped(chosen):
    assert chosen(only=("<1.2.3",)) == on(
        "debian12", {"0.27.3": [], "1.1.3": ["1.1.0", "1.1.1", "1.1.2"], "1.2.1": []}
    )


def test_what_the_matrix_builds_differently_stands_for_itself(chosen, project):
    project.add('\n[[override]]\nmatch = "==1.1.2"\nflags = ["-DODD"]\n')
    project.add('\n[[override]]\nmatch = "==1.2.3"\nenv = { ODD = "1" }\n')
    assert chosen() == on(
        "debian12",
        {
            "0.27.3": [],
            "1.1.2": [],
            "1.1.3": ["1.1.0", "1.1.1"],
            "1.2.3": [],
            "1.3.2": ["1.2.1"],
        },
    )


def test_an_expected_failure_does_not_stand_for_what_is_to_pass(chosen, project):
    project.add(
        '\n[[override]]\nmatch = ">=1.2,<1.3"\nexpect = "fail"\nreason = "x"\nstage = "build"\n'
        'pattern = "y"\n'
    )
    assert chosen()["1.2.3/debian12"] == ["1.2.1"]
    assert chosen()["1.3.2/debian12"] == []


def test_what_is_skipped_is_still_said_to_be(chosen, project):
    project.add('\n[[override]]\nmatch = "==1.3.2"\nskip = "nobody runs it"\n')
    assert chosen()["1.3.2/debian12"] == []
    assert chosen()["1.2.3/debian12"] == ["1.2.1"]


def test_each_platform_and_each_sanitizer_has_its_own(chosen, project):
    for suite, name in (("bookworm", "debian12"), ("bullseye", "debian11")):
        project.add(f'\n[[platform]]\nname = "{name}"\nbase = "debian:{suite}-slim"\n')
    found = chosen(sanitize=("address", "thread"), only=(">=1.2",))
    assert {*found} == {
        f"1.3.2/{platform}+{sanitizer}"
        for platform in ("debian12", "debian11")
        for sanitizer in ("address", "thread")
    }


def test_without_a_forecast_each_stands_for_itself_and_the_plan_says_why(project):
    project.set_releases("1.1.2", "1.1.3")
    plan = represent(project.plan(), Forecast())
    assert [target.stands_for for target in plan.targets] == [(), ()]
    assert any("2 targets stand for themselves" in warning for warning in plan.warnings)


def test_the_plan_says_how_many(project):
    plan = represent(project.plan(), Forecast())
    count = len(plan.targets)
    assert plan.notes[-1] == f"representative: {count} of {count} targets stand for all"
