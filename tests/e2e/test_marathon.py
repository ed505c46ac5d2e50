"""Starting applications, against a server that answers as Marathon documents."""

import json
import socket

import pytest
from support_marathon import DEPLOYMENT, VERSION, MarathonServer

from buildkit.deploy.app import SAMPLE, marathon_app
from buildkit.deploy.client import AUTH_VARIABLE, Marathon, MarathonAddress, Patience
from buildkit.errors import TargetError, UnavailableError, UsageError

PATIENCE = Patience(tries=3, pause=0.0, connect_seconds=5.0, answer_seconds=5.0)
APP = marathon_app(SAMPLE, "environment")


@pytest.fixture
def server():
    with MarathonServer() as running:
        yield running


def start(url, *, force=False, environment=None, app=APP):
    marathon = Marathon(MarathonAddress.parse(url, environment or {}), PATIENCE)
    try:
        return marathon.start(app, force=force)
    finally:
        marathon.close()


def test_a_new_application_is_started(server):
    posted = start(server.url)
    assert (posted.application, posted.replaced) == ("/volume-check", False)
    assert (posted.deployments, posted.version) == ((DEPLOYMENT,), VERSION)
    assert server.apps["/volume-check"] == json.loads(json.dumps(APP))
    assert server.requests == [("POST", "/v2/apps", 201)]


@pytest.mark.parametrize("tail", ["/", "/v2", "/v2/apps", "/v2/apps/"])
def test_the_root_is_found_in_longer_urls(server, tail):
    assert start(server.url + tail).deployments


def test_one_that_is_there_is_left_alone(server):
    server.apps["/volume-check"] = {"id": "/volume-check", "cmd": "old"}
    with pytest.raises(TargetError, match=r"/volume-check: is there already; --force replaces it"):
        start(server.url)
    assert server.apps["/volume-check"]["cmd"] == "old"
    assert [row[0] for row in server.requests] == ["POST"]


def test_force_replaces_the_whole_definition(server):
    server.apps["/volume-check"] = {"id": "/volume-check", "user": "somebody"}
    posted = start(server.url, force=True)
    assert posted.replaced
    assert posted.deployments == (DEPLOYMENT,)
    assert "user" not in server.apps["/volume-check"]


def test_force_on_a_new_one_is_no_replacement(server):
    assert not start(server.url, force=True).replaced
    assert [row[0] for row in server.requests] == ["POST"]


def test_a_lock_is_told_from_a_namesake(server):
    body = {"message": "App is locked", "deployments": [{"id": "d-1"}]}
    server.answers = [(409, body, {})]
    with pytest.raises(TargetError, match=r"locked by deployment d-1; .*--force"):
        start(server.url)
    server.apps["/volume-check"] = {"id": "/volume-check"}
    server.locked = {"/volume-check"}
    assert start(server.url, force=True).replaced


@pytest.mark.parametrize("old", [False, True])
def test_what_is_not_valid_is_said_in_marathons_words(server, old):
    server.old_details = old
    with pytest.raises(TargetError, match=r"not valid.*cpus: is greater than 1000"):
        start(server.url, app={**APP, "cpus": 2000})


def test_who_you_are(server):
    server.login = ("me", "p@ss:word")
    with pytest.raises(UsageError, match=f"asks who you are.*{AUTH_VARIABLE}"):
        start(server.url)
    with pytest.raises(UsageError) as refused:
        start(server.url, environment={AUTH_VARIABLE: "me:secret-wrong"})
    assert "secret-wrong" not in str(refused.value)
    assert start(server.url, environment={AUTH_VARIABLE: "me:p@ss:word"}).deployments
    server.apps.clear()
    with_user = server.url.replace("://", "://me:p%40ss%3Aword@")
    assert start(with_user, environment={AUTH_VARIABLE: "other:one"}).deployments


def test_no_password_is_sent_unasked(server):
    start(server.url)
    assert server.seen == [None]


def test_no_right(server):
    server.forbidden = True
    with pytest.raises(UsageError, match="may not start it"):
        start(server.url)


def test_what_was_not_acted_on_is_sent_again(server):
    server.answers = [(503, {"message": "Could not determine the current leader"}, {})] * 2
    assert start(server.url).deployments
    assert [row[2] for row in server.requests] == [503, 503, 201]


def test_for_ever_no_leader(server):
    server.answers = [(503, {"message": "no leader"}, {})] * 9
    with pytest.raises(UnavailableError, match=r"no leader; tried 3 times, and nothing"):
        start(server.url)
    assert len(server.requests) == 3


def test_no_answer_is_not_sent_again(server):
    server.cuts = 1
    with pytest.raises(UnavailableError, match=r"not known whether /volume-check was started"):
        start(server.url)
    # It had been acted on, and a second one would have been taken for a namesake.
    assert list(server.apps) == ["/volume-check"]
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_failure_of_the_server_is_not_sent_again(server, status):
    server.answers = [(status, b"<h1>Bad Gateway</h1>", {})]
    with pytest.raises(UnavailableError, match=f"answered {status}: <h1>Bad Gateway</h1>"):
        start(server.url)
    assert len(server.requests) == 1


def test_nobody_there():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(UnavailableError, match=r"Connection refused; tried 3 times"):
            start(f"http://127.0.0.1:{port}")


def test_something_else_is_there(server):
    server.answers = [(404, b"<html>nothing here</html>", {})]
    with pytest.raises(UnavailableError, match="no Marathon is there"):
        start(server.url)


def test_a_redirect_gets_no_password(server):
    with MarathonServer() as other:
        server.answers = [(307, b"", {"Location": f"{other.url}/v2/apps"})]
        with pytest.raises(UnavailableError, match=f"redirects to {other.url}"):
            start(server.url, environment={AUTH_VARIABLE: "me:word"})
        assert other.requests == []


def test_an_answer_that_makes_no_sense_is_no_crash(server):
    server.answers = [(201, b"\xff\xfe not json", {}), (422, [1, 2], {}), (409, {"message": 3}, {})]
    assert start(server.url).deployments == ()
    with pytest.raises(TargetError, match="not valid"):
        start(server.url)
    with pytest.raises(TargetError, match="is there already"):
        start(server.url)


@pytest.mark.parametrize("version", ["1.10.26", None])
def test_which_marathon_it_is(server, version):
    server.version = version
    marathon = Marathon(MarathonAddress.parse(server.url, {}), PATIENCE)
    assert marathon.version() == version
    server.answers = [(200, b"rubbish", {}), (200, {"version": 1}, {})]
    assert [marathon.version(), marathon.version()] == [None, None]
    marathon.close()
