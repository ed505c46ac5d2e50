"""A base's name says what it is made from; a pull's failure is told apart by its words."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from buildkit.engine import BaseRequest, Bootstrap
from buildkit.engine.bases import (
    MIRROR_VARIABLE,
    base_tag,
    bootstrap_command,
    classify_pull_failure,
    dockerfile,
)
from buildkit.errors import UsageError

REQUEST = BaseRequest(
    platform="debian12",
    image="debian:bookworm-slim",
    packages=("g++", "libc6-dev"),
    compiler="g++",
    architecture="amd64",
    bootstrap=Bootstrap(suite="bookworm"),
)


def test_the_tag_names_the_platform_and_is_the_same_each_time():
    tag = base_tag(REQUEST)
    assert re.fullmatch(r"mesos-buildkit/base:debian12-[0-9a-f]{12}", tag)
    assert base_tag(replace(REQUEST)) == tag


@pytest.mark.parametrize(
    "change",
    [
        {"image": "debian:bookworm"},
        {"packages": ("g++",)},
        {"compiler": "g++-12"},
        {"architecture": "arm64"},
        {"bootstrap": None},
        {"bootstrap": Bootstrap(suite="trixie")},
        {"bootstrap": Bootstrap(suite="bookworm", mirror="http://mirror/")},
    ],
)
def test_anything_that_makes_another_base_makes_another_tag(change):
    assert base_tag(replace(REQUEST, **change)) != base_tag(REQUEST)


def test_a_platform_of_any_name_gives_a_tag_that_docker_takes():
    tag = base_tag(replace(REQUEST, platform="-Ünï code/" + "x" * 200))
    assert re.fullmatch(r"mesos-buildkit/base:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", tag)


def test_without_packages_nothing_is_installed():
    assert dockerfile("debian", (), {"a": "1"}) == 'FROM debian\nLABEL a="1"\n'


def test_labels_are_taken_literally():
    text = dockerfile("debian", (), {"a": '{"x": "$HOME\\"}', "b": "2"})
    assert text.splitlines()[1] == r'LABEL a="{\"x\": \"\$HOME\\\"}" b="2"'


def test_packages_are_installed_in_one_layer():
    text = dockerfile("debian", ("g++", "libc6-dev:amd64", "make=4.3-4.1"), {})
    assert text.count("\nRUN ") == 1
    assert "g++ libc6-dev:amd64 make=4.3-4.1" in text


@pytest.mark.parametrize("name", ["g++; rm -rf /", "$(id)", "-o=x", "", "a b", "g++\nRUN id"])
def test_what_is_no_package_name_never_reaches_a_shell(name):
    with pytest.raises(UsageError, match="packages"):
        dockerfile("debian", (name,), {})
    request = replace(REQUEST, packages=(name,))
    with pytest.raises(UsageError, match="packages"):
        bootstrap_command("mmdebstrap", Bootstrap(suite="bookworm"), request, Path("x"))


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        (
            'Get "https://registry.example/v2/": dial tcp: lookup registry.example: no such host',
            "no registry",
        ),
        ('Get "http://localhost:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
         "no registry"),
        ("net/http: request canceled while waiting for connection", "no registry"),
        ("toomanyrequests: You have reached your pull rate limit", "no registry"),
        ("manifest for debian:nope not found: manifest unknown: manifest unknown",
         "no such image"),
        ("no matching manifest for linux/s390x in the manifest list entries", "no such image"),
        ("pull access denied for nope, repository does not exist or may require 'docker login'",
         "refused"),
        ('Head "https://ghcr.io/v2/x/manifests/1": unauthorized', "refused"),
    ],
)  # fmt: skip
def test_a_registry_that_is_not_there_is_no_missing_image(text, failure):
    assert classify_pull_failure(text) == failure


class TestBootstrapCommand:
    def command(self, **changes):
        request = replace(REQUEST, **changes)
        return bootstrap_command("mmdebstrap", request.bootstrap, request, Path("/x/base.tar"))

    def test_the_archive_may_be_named_in_the_environment(self, monkeypatch):
        monkeypatch.delenv(MIRROR_VARIABLE, raising=False)
        assert self.command()[-2:] == ["bookworm", "/x/base.tar"]
        monkeypatch.setenv(MIRROR_VARIABLE, "http://mirror/debian")
        assert self.command()[-3:] == ["bookworm", "/x/base.tar", "http://mirror/debian"]

    def test_the_platform_file_wins_over_the_environment(self, monkeypatch):
        monkeypatch.setenv(MIRROR_VARIABLE, "http://mirror/debian")
        named = Bootstrap(suite="bullseye", mirror="http://named/")
        assert self.command(bootstrap=named)[-1] == "http://named/"

    def test_it_speaks_of_architectures_as_debian_does(self):
        assert "--architectures=armhf" in self.command(architecture="arm")
        assert "--include=g++,libc6-dev" in self.command()
