"""The bake file in the hands of a real buildx: read as meant, and ending in the same libraries."""

import json
import os
import shutil
import subprocess

import pytest

RELEASES = ("0.24.1", "1.11.0")
LINKS_BEGIN = 23
"""Major version of the first Docker daemon whose BuildKit takes a target for a context."""


@pytest.fixture(scope="module")
def buildx():
    known = ["docker", "buildx", "version"]
    if not shutil.which("docker") or subprocess.run(known, check=False).returncode != 0:
        if os.environ.get("MESOS_BUILDKIT_REQUIRE_BUILDX") == "1":
            pytest.fail("docker buildx is not installed")
        pytest.skip("NO docker buildx, SO NO BAKE FILE IS BUILT")


@pytest.fixture
def two_modules(project):
    """A project with something to share: common sources, and an SDK for two modules."""
    project.write("src/core/core.cpp", "int core() { return 1; }\n")
    keys = 'sources = ["*.cpp"]\ncommon-sources = ["core/*.cpp"]'

    def write(base: str = "", packages: str = '["g++"]'):
        platform = f'[[platform]]\nname = "debian12"\nbase = "{base}"\npackages = {packages}\n'
        other = project.table("other", keys)
        project.matrix(*RELEASES, module=keys, more=other + (platform if base else ""))
        return project

    return write


def baked(project, *arguments: str) -> str:
    """What building the bake file prints."""
    done = project.execute(
        "docker", "buildx", "bake", "--progress", "plain", *arguments, cwd=project.root / "build"
    )
    assert done.code == 0, done.text
    return done.text


def assert_same_libraries(project, tree_digests) -> None:
    built, orchestrated = (
        {
            path: digest
            for path, digest in tree_digests(project.root / folder).items()
            if path.endswith((".so", ".debug"))
        }
        for folder in ("build/libraries", "dist")
    )
    assert len(built) == 4 * len(RELEASES)
    assert built == orchestrated


@pytest.mark.usefixtures("buildx", "docker_engine")
def test_without_links_any_buildkit_makes_the_same_libraries(two_modules, tree_digests):
    project = two_modules()
    project.good_build(engine="docker")
    done = project.run("bake", "--no-links")
    assert done.code == 0, done.text
    baked(project)
    assert_same_libraries(project, tree_digests)


@pytest.mark.usefixtures("buildx")
def test_with_links_what_is_shared_is_built_once(
    two_modules, docker_engine, client, base_request, tree_digests
):
    version = client.version()["Version"]
    if int(version.partition(".")[0]) < LINKS_BEGIN:
        pytest.skip(f"DOCKER {version} TAKES NO TARGET FOR A CONTEXT, SO LINKS ARE NOT BUILT")
    local = docker_engine.provide(base_request, print).reference
    # No package is to be fetched: what this builds on has the compiler already.
    project = two_modules(base=local, packages="[]")
    project.good_build(engine="docker")
    done = project.run("bake")
    assert done.code == 0, done.text
    text = baked(project)
    assert_same_libraries(project, tree_digests)
    ran = {
        line.split()[0] for line in text.splitlines() if line.endswith("RUN sh common.sh common")
    }
    assert len(ran) == 1


@pytest.mark.usefixtures("buildx")
def test_buildx_reads_it_as_it_is_meant(two_modules):
    # What bake would fill in if it were not told otherwise.
    project = two_modules(base="registry.example/a:${HOME}%{x}")
    cache = "type=registry,ref=registry.example/cache:{target}"
    done = project.run("bake", "--cache-from", cache, "--cache-to", f"{cache},mode=max")
    assert done.code == 0, done.text
    made = json.loads((project.root / "build/docker-bake.json").read_text())
    command = ("docker", "buildx", "bake", "--print", *made["group"])
    read = project.execute(*command, cwd=project.root / "build")
    assert read.code == 0, read.text
    found = json.loads(read.out)
    assert set(found["target"]) == set(made["target"])
    for name, entry in found["target"].items():
        for key in ("context", "target", "args", "contexts", "platforms", "labels"):
            assert entry.get(key, ".") == made["target"][name].get(key, "."), (name, key)
        assert len(entry["cache-from"]) == 1
        if "dockerfile-inline" in entry:
            assert "FROM registry.example/a:${HOME}%{x}\n" in entry["dockerfile-inline"]
