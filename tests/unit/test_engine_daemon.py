"""Where the daemon is looked for, and how its answers are read."""

import json
from email.message import Message

import pytest

from buildkit.engine.daemon import DEFAULT_SOCKET, Address, explain, read_ping

HERE = Address(url="unix:///x", source="DOCKER_HOST")


def headers(**fields: str) -> Message:
    message = Message()
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    return message


@pytest.fixture
def home(tmp_path):
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(json.dumps({"currentContext": "desktop"}))
    return tmp_path


def test_docker_host_comes_before_any_context(home):
    found = Address.find({"DOCKER_HOST": "tcp://far:2375", "DOCKER_CONTEXT": "x"}, home)
    assert (found.url, found.source) == ("tcp://far:2375", "DOCKER_HOST")


def test_the_chosen_context_comes_before_the_default_socket(home):
    assert Address.find({}, home).context == "desktop"
    assert Address.find({"DOCKER_CONTEXT": "other"}, home).context == "other"


def test_the_default_context_is_the_default_socket(home, tmp_path):
    assert Address.find({"DOCKER_CONTEXT": "default"}, home).url == DEFAULT_SOCKET
    empty = {"DOCKER_CONFIG": str(tmp_path / "none")}
    assert Address.find(empty, home).url == DEFAULT_SOCKET


@pytest.mark.parametrize("content", ["not json", "[]", '{"currentContext": 3}'])
def test_a_broken_configuration_is_no_context(home, content):
    (home / ".docker" / "config.json").write_text(content)
    assert Address.find({}, home).url == DEFAULT_SOCKET


def test_a_daemon_says_what_it_is():
    answer = headers(Api_Version="1.41", Server="Docker/20.10.24+dfsg1 (linux)")
    probe = read_ping(HERE, 200, answer)
    assert (probe.available, probe.version) == (True, "Docker/20.10.24+dfsg1")


def test_podman_is_a_daemon_too():
    probe = read_ping(HERE, 200, headers(Api_Version="1.41", Server="Libpod/4.3.1 (linux)"))
    assert (probe.available, probe.version) == (True, "Libpod/4.3.1")


def test_something_else_on_the_socket_is_no_daemon():
    probe = read_ping(HERE, 200, headers(Server="nginx"))
    assert not probe.available
    assert "unix:///x (DOCKER_HOST)" in probe.detail


def test_a_daemon_that_refuses_is_not_available():
    probe = read_ping(HERE, 503, headers(Api_Version="1.41"))
    assert not probe.available
    assert "503" in probe.detail


def test_a_full_disk_is_said_with_what_to_do():
    text = "write /var/lib/docker/tmp/x: no space left on device"
    message = explain("importing", RuntimeError(text))
    assert text in message
    assert "docker system df" in message
    assert "docker system df" not in explain("importing", RuntimeError("something else"))
