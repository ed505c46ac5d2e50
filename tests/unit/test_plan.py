"""The plan: pure, overrides in order, folders, engine and SDK chosen from what there is."""

import json
from dataclasses import replace

import pytest

from buildkit.errors import UnavailableError, UsageError
from buildkit.options import Options
from buildkit.plan import STANDARD_FLAGS, make_plan, make_targets
from buildkit.probe import NOTHING, Probe
from buildkit.releases import Release

DOCKER = Probe(docker=True, docker_detail="Docker/28.2.2 at unix:///x")
NO_DOCKER = Probe(docker=False, docker_detail="nothing listens at unix:///x")

TWO_OF_ALL = """
[[module]]
name = "other"
version = "2.1"
symbol = "other_descriptor"
source = "src"
encoding = "packed"

[[platform]]
name = "debian12"
base = "debian:bookworm-slim"

[[platform]]
name = "debian11"
base = "debian:bullseye-slim"
flags = ["-DELEVEN"]
"""


def by_name(plan):
    return {target.name: target for target in plan.targets}


class TestPurity:
    def test_the_same_inputs_make_the_same_plan(self, project):
        project.add(TWO_OF_ALL)
        assert project.plan() == project.plan()
        assert project.plan().describe() == project.plan().describe()

    def test_nothing_is_written(self, project):
        before = project.snapshot()
        project.plan()
        assert project.snapshot() == before

    def test_the_probe_is_all_it_knows_of_the_outside(self, project):
        assert project.plan(DOCKER, engine=None).engine == "docker"
        assert project.plan(NO_DOCKER, engine=None).engine == "host"

    def test_it_can_be_written_as_json(self, project):
        project.add('[[override]]\nmatch = "<1"\nskip = "broken"\n')
        plan = json.loads(json.dumps(project.plan().describe()))
        assert plan["schema"] == 1
        assert plan["engine"] == "host"
        [first, second] = plan["targets"]
        assert (first["release"], first["skip"]) == ("0.24.1", "broken")
        assert (second["release"], second["skip"]) == ("1.0.1", None)
        assert first["version_flag"] == "-DMESOS_VERSION_INT=0241"
        assert second["library"] == "1.0.1/libvolume-1.0.0+mesos-1.0.1.stub.so"


class TestTargets:
    def test_every_module_meets_every_release_on_every_platform(self, project):
        project.add(TWO_OF_ALL)
        assert [target.name for target in project.plan().targets] == [
            f"{module}/{release}/{platform}"
            for module in ("volume", "other")
            for release in ("0.24.1", "1.0.1")
            for platform in ("debian12", "debian11")
        ]

    def test_the_first_module_and_platform_keep_the_short_folder(self, project):
        short = {target.name: str(target.folder) for target in project.plan().targets}
        assert short["volume/0.24.1/debian12"] == "0.24.1"
        project.add(TWO_OF_ALL)
        folders = {target.name: str(target.folder) for target in project.plan().targets}
        assert short.items() <= folders.items()
        assert folders["volume/0.24.1/debian11"] == "0.24.1-debian11"
        assert folders["other/0.24.1/debian12"] == "other/0.24.1"
        assert folders["other/0.24.1/debian11"] == "other/0.24.1-debian11"
        assert len(set(folders.values())) == len(folders)

    def test_each_module_has_its_own_encoding(self, project):
        project.add(TWO_OF_ALL)
        targets = by_name(project.plan())
        assert targets["volume/0.24.1/debian12"].version_flag == "-DMESOS_VERSION_INT=0241"
        assert targets["other/0.24.1/debian12"].version_flag == "-DMESOS_VERSION_INT=2401"

    def test_a_stubs_library_cannot_be_taken_for_a_shippable_one(self, project):
        target = project.target()
        assert target.library == "libvolume-1.0.0+mesos-0.24.1.stub.so"
        assert replace(target, sdk="release").library == "libvolume-1.0.0+mesos-0.24.1.so"

    def test_flags_come_from_tool_platform_module_and_overrides_in_this_order(self, project):
        project.add('flags = ["-DMODULE"]\n')
        project.add(TWO_OF_ALL)
        project.add('[[override]]\nmatch = "<1"\nflags = ["-DOVERRIDE"]\n')
        target = by_name(project.plan())["volume/0.24.1/debian11"]
        assert target.flags == (*STANDARD_FLAGS, "-DELEVEN", "-DMODULE", "-DOVERRIDE")
        assert target.override_flags == ("-DOVERRIDE",)
        assert target.harness_flags == ("-DELEVEN",)

    def test_the_base_has_the_packages_of_platform_and_module(self, project):
        project.add('packages = ["libcurl4-openssl-dev", "g++"]\n')
        request = project.target().base_request
        assert request.packages == ("g++", "libcurl4-openssl-dev")
        assert request.image == "debian:bookworm-slim"
        assert request.bootstrap.suite == "bookworm"

    def test_only_narrows_the_releases(self, project):
        assert [str(t.release) for t in project.plan(only=("<1",)).targets] == ["0.24.1"]


class TestOverrides:
    def test_they_add_up_in_file_order(self, project):
        for name in ("1", "2"):
            (project.root / f"{name}.toml").write_text("")
        project.add("""
            [[override]]
            match = "<1"
            flags = ["-DA=1"]
            env = { ONE = "1", BOTH = "1" }
            patches = ["1.toml"]

            [[override]]
            match = ">=0.24"
            flags = ["-DA=2"]
            env = { BOTH = "2" }
            patches = ["2.toml", "1.toml"]
            """)
        old = project.target("0.24.1")
        assert old.override_flags == ("-DA=1", "-DA=2")
        assert old.env == {"ONE": "1", "BOTH": "2"}
        assert [patch.name for patch in old.patches] == ["1.toml", "2.toml", "1.toml"]
        new = project.target("1.0.1")
        assert (new.override_flags, new.env) == (("-DA=2",), {"BOTH": "2"})

    def test_they_keep_to_their_modules_and_platforms(self, project):
        project.add(TWO_OF_ALL)
        project.add("""
            [[override]]
            match = ""
            modules = ["other"]
            platforms = ["debian11"]
            flags = ["-DHERE"]
            """)
        touched = [t.name for t in project.plan().targets if t.override_flags]
        assert touched == ["other/0.24.1/debian11", "other/1.0.1/debian11"]

    def test_one_can_tie_releases_to_a_platform(self, project):
        project.add(TWO_OF_ALL)
        project.add('[[override]]\nmatch = "<1"\nmodules = ["volume"]\nplatform = "debian11"\n')
        names = [target.name for target in project.plan().targets if target.release.major == 0]
        assert names == ["volume/0.24.1/debian11", "other/0.24.1/debian12", "other/0.24.1/debian11"]

    def test_a_skipped_target_stays_in_the_plan_with_its_reason(self, project):
        project.add('[[override]]\nmatch = "<1"\nskip = "headers are broken"\n')
        assert [t.skip for t in project.plan().targets] == ["headers are broken", None]

    def test_a_failure_can_be_expected(self, project):
        project.add("""
            [[override]]
            match = "<1"
            expect = "fail"
            reason = "not ported"
            stage = "build"
            pattern = "no member"
            """)
        old, new = project.plan().targets
        assert (old.expect.reason, old.expect.stage, old.expect.pattern) == (
            *("not ported", "build", "no member"),
        )
        assert new.expect is None


class TestEngine:
    @pytest.mark.parametrize(
        ("choice", "probe", "engine", "note"),
        [
            (None, DOCKER, "docker", "Docker/28.2.2 at unix:///x"),
            (None, NO_DOCKER, "host", "nothing listens at unix:///x"),
            ("auto", DOCKER, "docker", "Docker/28.2.2"),
            ("docker", DOCKER, "docker", "Docker/28.2.2"),
            ("host", DOCKER, "host", "as asked for"),
            ("host", NO_DOCKER, "host", "no sandbox"),
        ],
    )
    def test_the_choice_is_explained(self, project, choice, probe, engine, note):
        plan = project.plan(probe, engine=choice)
        assert plan.engine == engine
        assert note in " ".join(plan.notes)

    def test_host_says_that_it_is_no_sandbox(self, project):
        assert "no sandbox" in project.plan(NO_DOCKER, engine=None).notes[0]

    def test_docker_that_is_asked_for_must_be_there(self, project):
        with pytest.raises(UnavailableError) as caught:
            project.plan(NO_DOCKER, engine="docker")
        for part in ("nothing listens at unix:///x", "DOCKER_HOST", "--engine host"):
            assert part in str(caught.value)

    def test_the_command_line_outranks_the_file(self, project):
        project.add('[defaults]\nengine = "docker"\nsmoke = "load"\n')
        assert project.plan(DOCKER, engine=None).engine == "docker"
        assert project.plan(DOCKER, engine="host").engine == "host"
        assert project.plan(DOCKER).smoke == "load"
        assert project.plan(DOCKER, smoke="inspect").smoke == "inspect"

    def test_targets_alone_need_no_engine(self, project):
        targets, _ = make_targets(project.matrix(), Options(engine="docker"), NOTHING)
        assert len(targets) == 2


class TestSdk:
    def test_stubs_are_said_loudly(self, project):
        [warning] = [w for w in project.plan().warnings if "stub" in w]
        assert "2 of 2 releases" in warning
        assert "never for shipping" in warning

    @pytest.mark.parametrize(
        ("release", "near"),
        [
            ("0.21.0", ""),
            ("0.21.2", ""),
            ("9.9.9", ""),
            ("0.24.3", "did you mean '0.24."),
            ("1.11.1", "did you mean '1.11.0'"),
        ],
    )
    def test_a_release_without_stubs_is_an_error(self, project, release, near):
        project.write(project.path.read_text().replace("0.24.1", release))
        with pytest.raises(UsageError) as caught:
            project.plan()
        for part in ("matrix.toml: key 'releases'", release, "0.22.0 to 1.11.0", near):
            assert part in str(caught.value)
        # Nothing is said about a release that is not selected.
        assert project.plan(only=("1.0.1",)).targets

    def test_the_first_and_last_release_with_stubs_are_fine(self, project):
        project.write(project.path.read_text().replace('"0.24.1"', '"0.22.0", "1.11.0"'))
        assert len(project.plan().targets) == 3


class TestAgentLevel:
    PREFIX = '[sdk]\nprefix = "/opt/mesos/{release}"\nimage = "mesos:{release}"\n'

    @pytest.fixture(autouse=True)
    def releases(self, project):
        project.set_releases("0.24.1", "0.25.0", "1.2.3")

    def refused(self, project, **options):
        with pytest.raises(UsageError) as caught:
            project.plan(smoke="agent", **options)
        return str(caught.value)

    @pytest.mark.parametrize("sdk", ["stub", "release"])
    def test_an_sdk_without_an_agent_is_refused_with_those_that_have_one(self, project, sdk):
        message = self.refused(project, sdk=sdk, only=("1.2.3",))
        for part in (
            "'agent'", f"1.2.3 would be built against a {sdk} SDK", "--sdk prefix or --sdk image",
            "in [sdk] of ", "matrix.toml (", "--smoke run",
        ):  # fmt: skip
            assert part in message
        assert "--sdk release" not in message

    def test_what_auto_picks_is_no_other(self, project):
        probe = Probe(
            docker=False, docker_detail="", release_sdks=frozenset({Release.parse("1.2.3")})
        )
        with pytest.raises(UsageError, match="against a release SDK"):
            project.plan(probe, smoke="agent", only=("1.2.3",))

    def test_an_installed_mesos_will_do(self, project):
        project.add(self.PREFIX)
        plan = project.plan(smoke="agent", sdk="prefix", only=(">=0.25",))
        assert [str(target.release) for target in plan.targets] == ["0.25.0", "1.2.3"]
        assert plan.smoke == "agent"

    def test_so_will_an_image(self, project):
        project.add(self.PREFIX)
        probe = Probe(docker=True, docker_detail="pretended")
        options = {"sdk": "image", "engine": "docker", "only": ("1.2.3",)}
        assert project.plan(probe, smoke="agent", **options).targets

    def test_one_that_is_too_old_is_refused_with_the_first_that_is_not(self, project):
        project.add(self.PREFIX)
        message = self.refused(project, sdk="prefix")
        for part in ("begins at Mesos 0.25.0", "0.24.1 is selected", "--smoke run"):
            assert part in message

    def test_what_is_skipped_is_not_asked(self, project):
        project.add(f'{self.PREFIX}[[override]]\nmatch = "<0.25"\nskip = "old"\n')
        assert len(project.plan(smoke="agent", sdk="prefix").targets) == 3

    def test_a_sanitizer_is_not_for_an_agent_without_one(self, project):
        project.add(self.PREFIX)
        message = self.refused(project, sdk="prefix", only=("1.2.3",), sanitize=("address",))
        assert "--sanitize" in message
        assert "--smoke run" in message


class TestEncodings:
    def test_a_clash_stops_the_plan_and_names_the_module(self, project):
        text = project.path.read_text().replace('"0.24.1", "1.0.1"', '"1.1.10", "1.11.0"')
        project.write(text + 'encoding = "decimal"\n')
        with pytest.raises(UsageError) as caught:
            make_plan(project.matrix(), Options(engine="host"), NOTHING)
        for part in ("[[module]] 1 (volume)", "decimal", "1.1.10", "1.11.0", "1110"):
            assert part in str(caught.value)

    def test_decimal_is_warned_of(self, project):
        project.add('encoding = "decimal"\n')
        assert any("not increasing" in warning for warning in project.plan().warnings)
        assert not any("not increasing" in w for w in project.plan(only=("0.24.1",)).warnings)


def test_a_specifier_of_an_override_is_a_version_and_no_text(project):
    project.write(project.path.read_text().replace('"1.0.1"', '"1.2.0", "1.10.0"'))
    project.add('[[override]]\nmatch = ">=1.9"\nskip = "new"\n')
    skipped = [target.release for target in project.plan().targets if target.skip]
    assert skipped == [Release(1, 10, 0)]


def test_an_override_for_no_release_is_a_warning(project):
    project.add('[[override]]\nmatch = ">=2"\nflags = ["-DNEVER"]\n')
    [warning] = [text for text in project.plan().warnings if "[[override]]" in text]
    assert "1 (>=2): matches no release" in warning


def test_what_is_skipped_needs_no_sdk(project):
    project.set_releases("0.21.0", "1.0.1")
    project.add('[[override]]\nmatch = "<0.22"\nskip = "no header to compile against"\n')
    assert [target.skip is None for target in project.plan().targets] == [False, True]


def test_the_last_override_in_the_file_decides_on_the_platform(project):
    project.add(
        """
        [[platform]]
        name = "one"
        base = "debian:bookworm-slim"

        [[platform]]
        name = "other"
        base = "debian:trixie-slim"

        [[override]]
        match = "<1.0"
        platform = "other"

        [[override]]
        match = "<0.25"
        platform = "one"
        """
    )
    found = [(str(t.release), t.platform.name) for t in project.plan().targets]
    assert found == [("0.24.1", "one"), ("1.0.1", "one"), ("1.0.1", "other")]


class TestInstalledSdks:
    @pytest.fixture
    def installed(self, project):
        project.add("""
            packages = ["libcurl4-openssl-dev"]

            [sdk]
            image = "registry/mesos-dev:{release}"
            prefix = "/opt/mesos/{release}"
            """)
        return project

    def test_each_release_has_an_image_of_its_own(self, installed):
        plan = installed.plan(DOCKER, engine=None, sdk="image")
        assert [(t.sdk, t.sdk_origin) for t in plan.targets] == [
            ("image", "registry/mesos-dev:0.24.1"),
            ("image", "registry/mesos-dev:1.0.1"),
        ]
        assert [row["sdk_origin"] for row in plan.describe()["targets"]] == [
            *("registry/mesos-dev:0.24.1", "registry/mesos-dev:1.0.1"),
        ]

    def test_the_image_is_the_base_with_no_more_than_the_modules_packages(self, installed):
        target = installed.plan(DOCKER, engine=None, sdk="image").targets[0]
        request = target.base_request
        assert request.image == "registry/mesos-dev:0.24.1"
        assert request.packages == ("libcurl4-openssl-dev",)
        assert request.bootstrap is None

    def test_each_release_has_a_prefix_of_its_own_on_the_platforms_base(self, installed):
        plan = installed.plan(sdk="prefix")
        assert [t.sdk_origin for t in plan.targets] == ["/opt/mesos/0.24.1", "/opt/mesos/1.0.1"]
        assert {t.base_request.image for t in plan.targets} == {"debian:bookworm-slim"}

    def test_a_prefix_is_relative_to_the_matrix_file(self, project, tmp_path):
        project.add('[sdk]\nprefix = "mesos-{release}"\n')
        root = project.root.resolve()
        assert project.target(sdk="prefix").sdk_origin == str(root / "mesos-0.24.1")

    def test_the_library_is_no_stub(self, installed):
        assert installed.target(sdk="prefix").library == "libvolume-1.0.0+mesos-0.24.1.so"
        assert not any("stub" in warning for warning in installed.plan(sdk="prefix").warnings)

    @pytest.mark.parametrize("kind", ["image", "prefix"])
    def test_the_key_is_needed(self, project, kind):
        with pytest.raises(UsageError) as caught:
            project.plan(DOCKER, engine=None, sdk=kind)
        for part in ("matrix.toml: [sdk]: key", repr(kind), f"--sdk {kind}", "{release}"):
            assert part in str(caught.value)

    def test_auto_takes_neither(self, installed):
        plan = installed.plan(DOCKER, engine=None)
        assert {(t.sdk, t.sdk_origin) for t in plan.targets} == {("stub", None)}

    @pytest.mark.parametrize("kind", ["image", "prefix"])
    def test_one_mesos_cannot_be_several_releases(self, project, kind):
        project.add('[sdk]\nimage = "mesos:mine"\nprefix = "/usr/local"\n')
        with pytest.raises(UsageError) as caught:
            project.plan(DOCKER, engine=None, sdk=kind)
        for part in (f"[sdk]: key {kind!r}", "0.24.1 and 1.0.1", "{release}", "--only"):
            assert part in str(caught.value)
        [target] = project.plan(DOCKER, engine=None, sdk=kind, only=("1.0.1",)).targets
        assert target.sdk_origin in {"mesos:mine", "/usr/local"}

    def test_what_is_skipped_does_not_count(self, project):
        project.add('[sdk]\nprefix = "/usr/local"\n[[override]]\nmatch = "<1"\nskip = "old"\n')
        assert [t.sdk for t in project.plan(sdk="prefix").targets] == ["stub", "prefix"]

    def test_the_host_engine_has_no_use_for_an_image(self, installed):
        with pytest.raises(UsageError, match="--engine docker"):
            installed.plan(DOCKER, engine="host", sdk="image")

    def test_an_image_needs_a_daemon(self, installed):
        with pytest.raises(UnavailableError, match="nothing listens at unix:///x"):
            installed.plan(NO_DOCKER, engine=None, sdk="image")

    def test_a_release_that_stubs_do_not_know_is_fine(self, installed):
        installed.set_releases("0.21.0", "2.0.0")
        assert [str(t.release) for t in installed.plan(sdk="prefix").targets] == ["0.21.0", "2.0.0"]
