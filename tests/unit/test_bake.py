"""The bake file: what it lists, what it shares, and what it refuses."""

import json
from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from buildkit import cli
from buildkit.bake import BakeOptions, Ingredient, make_bake, stage_digests
from buildkit.engine.bases import base_tag
from buildkit.errors import UsageError
from buildkit.files.tree import File
from buildkit.plan import Expectation
from buildkit.probe import NOTHING
from buildkit.verbs import contexts

STAGES = {name: name * 8 for name in ("common", "build", "artifact", "harness", "smoke")}


@pytest.fixture
def ingredient(make_target):
    def make(release="0.24.1", stages=(), platform=None, module=None, **changes):
        target = make_target(release, **changes)
        if platform is not None:
            target = replace(target, platform=target.platform.model_copy(update=platform))
        if module is not None:
            target = replace(target, module=target.module.model_copy(update=module))
        digests = {**STAGES, "sdk": f"sdk{release}xxxxxxxxx", **dict(stages)}
        return Ingredient(target=target, folder=f"contexts/{target.folder}", stages=digests)

    return make


def bake(*ingredients, **options):
    return make_bake(ingredients, BakeOptions(**options))


class TestTargets:
    def test_each_builds_its_context_to_a_folder_of_its_own(self, ingredient):
        made = bake(ingredient(), ingredient("1.0.1"))["target"]
        one = made["volume-0-24-1-debian12"]
        assert one["context"] == "contexts/0.24.1"
        assert one["target"] == "artifact"
        assert one["output"] == ["type=local,dest=libraries/0.24.1"]
        assert one["platforms"] == ["linux/amd64"]
        assert one["labels"]["mesos-buildkit.target"] == "volume/0.24.1/debian12"
        assert made["volume-1-0-1-debian12"]["context"] == "contexts/1.0.1"

    def test_groups_are_by_release_platform_and_module(self, ingredient):
        other = {"name": "debian13"}
        groups = bake(
            ingredient(),
            ingredient("1.0.1"),
            ingredient("1.0.1", platform=other, folder=PurePosixPath("1.0.1-debian13")),
        )["group"]
        members = {name: group["targets"] for name, group in groups.items()}
        every = ["volume-0-24-1-debian12", "volume-1-0-1-debian12", "volume-1-0-1-debian13"]
        assert members["default"] == members["module-volume"] == every
        assert members["release-1-0-1"] == every[1:]
        assert members["platform-debian13"] == every[2:]
        assert members["smoke"] == [f"{name}-smoke" for name in every]

    def test_what_fails_as_expected_is_not_in_the_way_of_the_others(self, ingredient):
        expected = Expectation(reason="known", stage="build", pattern="x")
        groups = bake(ingredient(), ingredient("1.0.1", expect=expected))["group"]
        assert groups["default"]["targets"] == ["volume-0-24-1-debian12"]
        failing = ["volume-1-0-1-debian12", "volume-1-0-1-debian12-smoke"]
        assert groups["expect-fail"]["targets"] == failing

    def test_a_context_without_a_smoke_stage_has_no_test(self, ingredient):
        one = ingredient()
        lean = replace(one, stages={k: v for k, v in one.stages.items() if k != "smoke"})
        made = bake(lean)
        assert "smoke" not in made["group"]
        assert not [name for name in made["target"] if name.endswith("-smoke")]

    def test_every_link_and_member_is_there(self, ingredient):
        made = bake(ingredient(), ingredient("1.0.1"))
        linked = {
            value.removeprefix("target:")
            for entry in made["target"].values()
            for value in entry.get("contexts", {}).values()
        }
        members = {name for group in made["group"].values() for name in group["targets"]}
        assert linked
        assert linked | members <= made["target"].keys()

    def test_names_that_only_a_dot_tells_apart_are_refused(self, ingredient):
        clash = ingredient("0.24.1", platform={"name": "a.b"})
        with pytest.raises(UsageError, match="two targets would be named volume-0-24-1-a-b"):
            bake(clash, ingredient("0.24.1", platform={"name": "a-b"}))

    def test_a_group_and_a_target_of_one_name_are_refused(self, ingredient):
        # The group of module "x-1-0-1-p" against that module's namesake among targets.
        odd = ingredient("1.0.1", module={"name": "module-x"}, platform={"name": "p"})
        other = ingredient("0.24.1", module={"name": "x-1-0-1-p"}, platform={"name": "p"})
        with pytest.raises(UsageError, match="a group and a target"):
            bake(odd, other)

    def test_what_bake_would_fill_in_is_written_so_that_it_does_not(self, ingredient):
        odd = {"base": "registry/x:${TAG}%{if}$HOME"}
        [name, *_] = made = bake(ingredient(platform=odd))["target"]
        assert made[name]["dockerfile-inline"].startswith("FROM registry/x:$${TAG}%%{if}$HOME\n")


class TestSharing:
    def test_what_two_have_in_common_is_a_target_of_its_own(self, ingredient):
        made = bake(ingredient(), ingredient("1.0.1"))["target"]
        shared = made["common-commoncommon"]
        assert (shared["target"], shared["output"]) == ("common", ["type=cacheonly"])
        for name in ("volume-0-24-1-debian12", "volume-1-0-1-debian12"):
            assert made[name]["contexts"]["common"] == "target:common-commoncommon"
            assert "harness" not in made[name]["contexts"]
            assert made[f"{name}-smoke"]["contexts"]["harness"] == "target:harness-harnessharne"
            assert "sdk" not in made[name]["contexts"]

    def test_an_sdk_is_shared_by_modules_and_needs_no_base(self, ingredient):
        other = ingredient(module={"name": "other"}, folder=PurePosixPath("other/0.24.1"))
        made = bake(ingredient(), other)["target"]
        [name] = [name for name in made if name.startswith("sdk-")]
        assert made["other-0-24-1-debian12"]["contexts"]["sdk"] == f"target:{name}"
        assert "contexts" not in made[name]
        assert "args" not in made[name]

    def test_what_only_one_has_stays_in_its_context(self, ingredient):
        made = bake(ingredient())["target"]
        assert [name for name in made if name.startswith(("common-", "sdk-", "harness-"))] == []

    def test_a_base_is_made_once_for_each_image_and_its_packages(self, ingredient):
        more = {"name": "other", "packages": ("libcurl4-openssl-dev",)}
        first, second = ingredient(), ingredient("1.0.1")
        third = ingredient("1.0.1", module=more, folder=PurePosixPath("other/1.0.1"))
        made = bake(first, second, third)["target"]
        bases = {name: e for name, e in made.items() if name.startswith("base-")}
        assert len(bases) == 2
        texts = [entry["dockerfile-inline"] for entry in bases.values()]
        assert all(text.startswith("FROM debian:bookworm-slim\nRUN ") for text in texts)
        assert ["libcurl4" in text for text in texts] == [False, True]
        # Packages come over the network; a module's build has none.
        assert all("network" not in entry for entry in bases.values())
        assert made["volume-1-0-1-debian12"]["network"] == "none"

    def test_without_links_nothing_is_taken_from_elsewhere(self, ingredient):
        made = bake(ingredient(), ingredient("1.0.1"), links=False)["target"]
        assert all("contexts" not in entry and "args" not in entry for entry in made.values())
        assert all(name.startswith("volume-") for name in made)

    def test_a_base_that_is_there_is_named_for_each_platform(self, ingredient):
        one = ingredient()
        made = bake(one, ingredient("1.0.1"), base="here/{platform}:{local}")["target"]
        local = base_tag(one.target.base_request)
        assert made["volume-0-24-1-debian12"]["args"] == {"BASE": f"here/debian12:{local}"}
        assert made["common-commoncommon"]["args"] == {"BASE": f"here/debian12:{local}"}
        assert not [name for name in made if name.startswith("base-")]


class TestCaches:
    def test_each_target_has_its_own_and_shared_ones_go_by_their_name(self, ingredient):
        made = bake(
            ingredient(),
            ingredient("1.0.1"),
            cache_from=("type=registry,ref=r/c:{release}", "type=gha"),
            cache_to=("type=registry,ref=r/c:{release},mode=max",),
        )["target"]
        one = made["volume-0-24-1-debian12"]
        assert one["cache-from"] == ["type=registry,ref=r/c:0.24.1", "type=gha"]
        assert one["cache-to"] == ["type=registry,ref=r/c:0.24.1,mode=max"]
        shared = made["common-commoncommon"]
        assert shared["cache-to"] == ["type=registry,ref=r/c:common-commoncommon,mode=max"]
        assert "cache-to" not in made["volume-0-24-1-debian12-smoke"]

    def test_caches_that_would_overwrite_each_other_are_refused(self, ingredient):
        with pytest.raises(UsageError, match=r"--cache-to: .* both write r/c:x; put \{target\}"):
            bake(ingredient(), ingredient("1.0.1"), cache_to=("r/c:x",))

    @pytest.mark.parametrize("option", ["base", "cache_from", "cache_to"])
    def test_an_unknown_placeholder_is_named(self, ingredient, option):
        value = "r/{versoin}" if option == "base" else ("r/{versoin}",)
        with pytest.raises(UsageError, match=r"r/\{versoin\}: \{versoin\} stands for nothing"):
            bake(ingredient(), **{option: value})


TREE = {
    "Dockerfile": File(
        b"# one\nARG BASE=b:1\n\nFROM ${BASE} AS common\nCOPY a.sh ./\nCOPY m/ m/\nRUN x\n\n"
        b"FROM scratch AS sdk\nCOPY sdk.tar.gz ./\n\nFROM common AS build\n"
        b"COPY --from=sdk / ./\n"
    ),
    "a.sh": File(b"a"),
    "m/one": File(b"1"),
    "sdk.tar.gz": File(b"s"),
    "more": File(b""),
}


class TestStageDigests:
    @pytest.mark.parametrize(
        ("path", "data", "changed"),
        [
            ("a.sh", b"b", {"common"}),
            ("m/one", b"2", {"common"}),
            ("m/two", b"", {"common"}),
            ("sdk.tar.gz", b"t", {"sdk"}),
            ("more", b"x", set()),
        ],
    )
    def test_it_follows_what_the_stage_copies(self, path, data, changed):
        before = stage_digests(TREE)
        after = stage_digests({**TREE, path: File(data)})
        assert {name for name in before if before[name] != after[name]} == changed

    @pytest.mark.parametrize(
        ("old", "new", "changed"),
        [
            (b"# one", b"# two", set()),
            (b"BASE=b:1", b"BASE=b:2", {"common"}),
            (b"RUN x", b"RUN y", {"common"}),
        ],
    )
    def test_it_follows_the_stages_instructions(self, old, new, changed):
        text = TREE["Dockerfile"].data.replace(old, new)
        before, after = (
            stage_digests(TREE),
            stage_digests({**TREE, "Dockerfile": File(text)}),
        )
        assert {name for name in before if before[name] != after[name]} == changed


class TestVerb:
    @pytest.fixture(autouse=True)
    def outside(self, monkeypatch):
        monkeypatch.setattr(contexts, "probe", lambda _: NOTHING)

    def test_it_writes_contexts_and_a_file_over_them(self, project, capsys):
        assert cli.main(["bake"]) == 0
        made = json.loads((project.root / "build/docker-bake.json").read_text())
        for entry in made["target"].values():
            if "context" in entry:
                assert (project.root / "build" / entry["context"] / "Dockerfile").is_file()
        # The smallest project has no common sources, but even that is one stage for both.
        assert {name.partition("-")[0] for name in made["target"]} == {
            *("base", "common", "harness", "volume"),
        }
        out = capsys.readouterr().out
        assert "build/docker-bake.json: 2 targets" in out
        assert "cd build && docker buildx bake" in out

    def test_json_is_printed_and_an_older_file_is_gone(self, project, capsys):
        assert cli.main(["bake"]) == 0
        written = (project.root / "build/docker-bake.json").read_text()
        capsys.readouterr()
        assert cli.main(["bake", "--json"]) == 0
        assert capsys.readouterr().out == written
        assert not (project.root / "build/docker-bake.json").exists()

    def test_only_the_modules_that_are_asked_for(self, project, capsys):
        project.add(
            '[[module]]\nname = "other"\nversion = "1.0.0"\nsymbol = "descriptor"\nsource = "src"\n'
        )
        assert cli.main(["bake", "--json", "--module", "other"]) == 0
        groups = json.loads(capsys.readouterr().out)["group"]
        assert groups["default"]["targets"] == ["other-0-24-1-debian12", "other-1-0-1-debian12"]

    @pytest.mark.usefixtures("project")
    def test_a_module_that_is_not_there_is_named(self, capsys):
        assert cli.main(["bake", "--module", "volumes"]) == 2
        error = capsys.readouterr().err
        assert "--module volumes: the matrix has no such module; did you mean 'volume'?" in error
