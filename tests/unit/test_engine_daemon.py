"""Where the daemon is looked for, and how its answers are read."""

import hashlib
import json
from email.message import Message

import pytest

from buildkit.engine.daemon import DEFAULT_SOCKET, Address, client_options, explain, read_ping
from buildkit.engine.tunnel import ssh_command

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


class TestContexts:
    """What ``docker context create`` leaves, read without docker-py's help."""

    @pytest.fixture
    def store(self, tmp_path):
        def write(name: str, meta: str) -> Address:
            place = tmp_path / "contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
            place.mkdir(parents=True)
            (place / "meta.json").write_text(meta)
            # There is no config.json beside it, as where none was ever chosen.
            environ = {"DOCKER_CONTEXT": name, "DOCKER_CONFIG": str(tmp_path)}
            return Address.find(environ, tmp_path)

        return write

    def test_it_names_the_daemon(self, store):
        meta = json.dumps({"Name": "far", "Endpoints": {"docker": {"Host": "tcp://far:2375"}}})
        options = client_options(store("far", meta))
        assert options == {"base_url": "tcp://far:2375"}

    @pytest.mark.parametrize("verified", [True, False])
    def test_its_certificates_are_used(self, store, tmp_path, verified):
        endpoint = {"Host": "tcp://far:2376", "SkipTLSVerify": not verified}
        address = store("far", json.dumps({"Endpoints": {"docker": endpoint}}))
        name = hashlib.sha256(b"far").hexdigest()
        folder = tmp_path / "contexts/tls" / name / "docker"
        folder.mkdir(parents=True)
        for part in ("ca", "cert", "key"):
            (folder / f"{part}.pem").write_text(part)
        tls = client_options(address)["tls"]
        assert tls.ca_cert == str(folder / "ca.pem")
        assert tls.cert == (str(folder / "cert.pem"), str(folder / "key.pem"))
        assert tls.verify is verified

    @pytest.mark.parametrize("meta", ["{}", '{"Endpoints": null}', "[]", "not json"])
    def test_one_that_is_broken_is_an_error_to_report(self, store, meta):
        with pytest.raises(ValueError, match=r"context inspect|Expecting value"):
            client_options(store("far", meta))

    def test_one_that_is_not_there_says_how_to_list_them(self, tmp_path):
        environ = {"DOCKER_CONTEXT": "x", "DOCKER_CONFIG": str(tmp_path)}
        with pytest.raises(ValueError, match="docker context ls"):
            client_options(Address.find(environ, tmp_path))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ssh://far", ["--", "far"]),
        ("ssh://me@far", ["-l", "me", "--", "far"]),
        ("ssh://me@far:2222/", ["-l", "me", "-p", "2222", "--", "far"]),
        # What looks like an option of ssh's is a host's name.
        ("ssh://-oProxyCommand=x", ["--", "-oproxycommand=x"]),
    ],
)
def test_ssh_is_the_users_own(url, words):
    assert ssh_command(url) == ["ssh", *words, "docker system dial-stdio"]


@pytest.mark.parametrize(
    "url", ["ssh://", "tcp://far", "ssh://me:secret@far", "ssh://far/run/x", "ssh://far:x"]
)
def test_an_ssh_address_that_can_not_be_is_refused(url):
    with pytest.raises(ValueError, match=r"expected ssh://|Port"):
        ssh_command(url)
