"""Targets divided among jobs: all of them, each once, evenly, and never more jobs than allowed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildkit.ci import strategy
from buildkit.ci.cachekey import cache_key
from buildkit.ci.shards import ESTIMATED_SECONDS, divide, measured_seconds
from buildkit.cli import main
from buildkit.errors import UsageError
from buildkit.options import Options
from buildkit.plan import target_names
from buildkit.releases import FINAL_RELEASES
from buildkit.results.manifest import Manifest, record

RELEASES = [str(release) for release in FINAL_RELEASES[3:]]
SECOND_PLATFORM = """
[[platform]]
name = "debian12"
base = "debian:bookworm-slim"

[[platform]]
name = "arm"
base = "debian:bookworm-slim"
architecture = "arm64"
"""


@pytest.fixture
def targets(make_target):
    return [make_target(text) for text in RELEASES[:7]]


def names(shards):
    return [[target.name for target in shard.targets] for shard in shards]


def all_names(shards):
    return sorted(name for content in names(shards) for name in content)


def test_without_a_number_each_release_has_its_job(targets):
    shards = divide(targets, {}, shards=None, most=256)
    assert [shard.releases for shard in shards] == [(target.release,) for target in targets]
    assert {shard.seconds for shard in shards} == {ESTIMATED_SECONDS}


def test_too_many_for_the_system_share_jobs(targets):
    shards = divide(targets, {}, shards=None, most=3)
    assert len(shards) == 3
    assert max(len(shard.targets) for shard in shards) == 3


@given(st.data())
def test_every_target_is_in_one_shard_and_none_is_empty(make_target, data):
    chosen = data.draw(st.lists(st.sampled_from(RELEASES), min_size=1, unique=True))
    targets = [make_target(text) for text in chosen]
    measured = {
        target.name: data.draw(st.floats(min_value=0, max_value=4000)) for target in targets[::2]
    }
    number = data.draw(st.integers(min_value=1, max_value=70))
    shards = divide(targets, measured, shards=number, most=256)
    assert all_names(shards) == sorted(target.name for target in targets)
    assert all(shard.targets for shard in shards)
    assert len(shards) == min(number, len(targets))
    assert [(shard.number, shard.of) for shard in shards] == [
        (index, len(shards)) for index in range(1, len(shards) + 1)
    ]
    # What fills the fullest shard is one target's, or no more than a third over an even share.
    loads = [shard.seconds for shard in shards]
    longest = max(shard.seconds for shard in divide(targets, measured, shards=None, most=256))
    assert max(loads) <= max(longest, 4 / 3 * (sum(loads) / len(loads) + longest / 3)) + 1
    assert divide(targets, measured, shards=number, most=256) == shards


def test_a_long_one_is_left_alone(targets):
    measured = {target.name: 1.0 for target in targets} | {targets[3].name: 100.0}
    shards = divide(targets, measured, shards=2, most=256)
    assert min(names(shards), key=len) == [targets[3].name]


def test_what_was_never_measured_is_as_the_usual_one(targets):
    measured = {target.name: 50.0 for target in targets[:3]}
    shards = divide(targets, measured, shards=None, most=256)
    assert {shard.seconds for shard in shards} == {50.0}


def test_a_platform_with_more_to_do_gets_more_shards(make_target, project):
    project.set_releases(*RELEASES[:12])
    project.add(SECOND_PLATFORM + '[[override]]\nmatch = "!=0.22.0"\nplatform = "debian12"\n')
    targets = project.plan().targets
    shards = divide(targets, {}, shards=5, most=256)
    assert [shard.platform for shard in shards] == ["debian12"] * 4 + ["arm"]
    assert shards[-1].architecture == "arm64"
    assert all_names(shards) == sorted(target.name for target in targets)


def test_a_job_is_on_one_platform(project):
    project.add(SECOND_PLATFORM)
    with pytest.raises(UsageError, match=r"one platform, and there are 2 \(debian12, arm\)"):
        divide(project.plan().targets, {}, shards=1, most=256)


@pytest.mark.parametrize("number", [257, 10_000])
def test_more_than_the_system_takes_is_refused(targets, number):
    with pytest.raises(UsageError, match="more than the 256 jobs"):
        divide(targets, {}, shards=number, most=256)


def test_what_is_skipped_needs_no_job_and_is_in_one(make_target):
    targets = [make_target("0.24.1"), make_target("1.0.1", skip="why"), make_target("1.1.0")]
    shards = divide(targets, {}, shards=None, most=256)
    assert len(shards) == 2
    assert all_names(shards) == sorted(target.name for target in targets)
    assert len(divide(targets[1:2], {}, shards=None, most=256)) == 1


def test_what_is_known_of_no_build_is_no_measurement(project, make_outcome):
    plan = project.plan()
    rows = (
        record(plan, make_outcome("0.24.1", measured=3.0)),
        record(plan, make_outcome("1.0.1")),
    )
    assert measured_seconds(Manifest(targets=rows)) == {"volume/0.24.1/debian12": 3.0}


class TestGithub:
    def test_every_shard_is_told_how_to_build_itself(self, targets):
        [one, other] = divide(targets, {}, shards=2, most=256)
        rows = strategy.github((one, other), lambda shard: f"key-{shard.number}", "stub")["include"]
        assert rows[0]["arguments"] == " ".join(
            [*(f"--only {release}" for release in one.releases), "--platform debian12 --sdk stub"]
        )
        assert [row["cache-key"] for row in rows] == ["key-1", "key-2"]
        assert rows[0]["name"] == "4 releases from 0.22.0 on debian12"
        assert {row["runner"] for row in rows} == {"ubuntu-24.04"}
        assert rows[1]["shard"] == "debian12-2-of-2"

    def test_arm_has_machines_of_its_own(self, project):
        project.add(SECOND_PLATFORM)
        shards = divide(project.plan().targets, {}, shards=2, most=256)
        rows = strategy.github(shards, str)["include"]
        assert [row["runner"] for row in rows] == ["ubuntu-24.04", "ubuntu-24.04-arm"]


def test_a_gitlab_jobs_name_fits_however_much_it_builds(make_target):
    targets = [make_target(text) for text in RELEASES]
    shards = divide(targets, {}, shards=1, most=200)
    document = strategy.gitlab(shards, strategy.PurePosixPath("a/matrix.toml"), lambda _: "k" * 47)
    [variables] = document["build"]["parallel"]["matrix"]
    assert len(f"build: [{', '.join(variables.values())}]") <= 255
    # And what lies beside the matrix file is looked for there.
    assert document["merge"]["artifacts"]["paths"] == ["a/dist", "a/build/logs"]
    assert document["merge"]["artifacts"]["reports"]["junit"] == "a/dist/junit.xml"
    json.dumps(document)


class TestCacheKey:
    def test_it_is_a_name_that_any_system_takes(self, targets):
        assert cache_key(targets, {}).replace("-", "").isalnum()

    def test_the_order_is_nothing(self, targets):
        assert cache_key(targets, {}) == cache_key(targets[::-1], {})

    @pytest.mark.parametrize(
        "changes",
        [
            {"sdk": "release"},
            {"harness_flags": ("-D_GLIBCXX_USE_CXX11_ABI=0",)},
            {"skip": "why"},
        ],
    )
    def test_what_shapes_an_sdk_changes_it(self, targets, make_target, changes):
        others = [*targets[1:], make_target(str(targets[0].release), **changes)]
        assert cache_key(targets, {}) != cache_key(others, {})

    def test_so_does_another_archive(self, targets):
        pins = {f"mesos-{targets[0].release}.tar.gz": "ab" * 64}
        assert cache_key(targets, {}) != cache_key(targets, pins)
        assert cache_key(targets, {}) == cache_key(targets, {"mesos-9.9.9.tar.gz": "ab" * 64})

    def test_flags_of_the_module_do_not(self, targets, make_target):
        others = [
            make_target(str(t.release), flags=("-O3",), override_flags=("-O3",)) for t in targets
        ]
        assert cache_key(targets, {}) == cache_key(others, {})


class TestPlatforms:
    """``--platform`` of every verb that selects."""

    def test_one_is_built_on_alone(self, project):
        project.add(SECOND_PLATFORM)
        assert {t.platform.name for t in project.plan(platforms=("arm",)).targets} == {"arm"}
        assert len(project.plan(platforms=("arm", "debian12")).targets) == 4

    def test_a_typing_error_is_named(self, project):
        project.add(SECOND_PLATFORM)
        with pytest.raises(UsageError, match=r"--platform debian11: .* did you mean 'debian12'"):
            project.plan(platforms=("debian11",))

    def test_nothing_to_build_is_no_green_run(self, project):
        project.add(SECOND_PLATFORM + '[[override]]\nmatch = ">0"\nplatform = "debian12"\n')
        with pytest.raises(UsageError, match="none of the selected releases"):
            project.plan(platforms=("arm",))


class TestWhatOnlyTheJobsHave:
    """An SDK that is not on this machine must not keep a matrix of jobs from being made."""

    @pytest.fixture
    def printed(self, project, capsys):
        def printed(*arguments):
            assert main(["matrix", *arguments]) == 0
            return capsys.readouterr().out

        return printed

    def test_a_module_with_protos(self, project, printed):
        project.write(project.path.read_text() + 'protos = ["*.proto"]\n')
        assert len(json.loads(printed("--github"))["include"]) == 2
        assert printed("--cache-key").startswith("mesos-buildkit-")
        assert target_names(project.matrix(), Options()) == (
            *("volume/0.24.1/debian12", "volume/1.0.1/debian12"),
        )

    def test_level_agent_on_an_installed_mesos(self, project, printed):
        project.add('[defaults]\nsmoke = "agent"\nsdk = "prefix"\n[sdk]\nprefix = "/m/{release}"\n')
        project.set_releases("1.8.0", "1.11.0")
        assert len(json.loads(printed("--github"))["include"]) == 2

    def test_shards_without_a_system_are_refused(self, project, capsys):
        assert main(["matrix", "--shards", "2"]) == 2
        assert "--shards goes with --github or --gitlab" in capsys.readouterr().err

    def test_times_that_are_not_there(self, project, capsys):
        assert main(["matrix", "--github", "--times", "absent.json"]) == 2
        assert "absent.json: no such file" in capsys.readouterr().err
