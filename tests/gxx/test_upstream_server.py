"""The archive's page from a server of our own that misbehaves in the ways real ones do."""

import http.server
import threading

import pytest

from buildkit.archives.download import Downloader, Patience
from buildkit.archives.upstream import read_listing
from buildkit.errors import UnavailableError
from buildkit.releases import Release

QUICK = Patience(requests=2, pause=0.0, connect_seconds=2.0, silent_seconds=0.5)
LINKS = b'<html><a href="../">up</a> <a href="1.2.3/">1.2.3/</a> <a href="1.12.0/">1.12.0/</a>'
FOUND = (Release(1, 2, 3), Release(1, 12, 0))


class Server(http.server.ThreadingHTTPServer):
    """Answers with ``answer(handler)``."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = None
        self.over = threading.Event()
        """Ends what hangs."""
        self.asked = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/dist/mesos"

    def handle_error(self, *_):
        """A client that goes away is part of these tests."""


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.asked.append(self.path)
        self.server.answer(self)

    def send(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


def read(server, seconds=20.0, **options):
    return read_listing([server.url], Downloader(patience=QUICK, **options), seconds)


def test_the_page_is_read(server):
    server.answer = lambda handler: handler.send(200, LINKS)
    listing = read(server)
    assert listing.releases == FOUND
    assert server.asked == ["/dist/mesos/"]


def test_a_redirect_is_followed_and_counts_as_the_place(server):
    def answer(handler):
        if handler.path == "/dist/mesos/":
            handler.send(302, Location="/elsewhere/mesos/")
        else:
            handler.send(200, LINKS)

    server.answer = answer
    listing = read(server)
    assert listing.releases == FOUND
    assert listing.url.endswith("/elsewhere/mesos/")


def test_redirects_in_a_circle_end(server):
    server.answer = lambda handler: handler.send(302, Location=handler.path)
    with pytest.raises(UnavailableError, match="redirects"):
        read(server)


@pytest.mark.parametrize("status", [403, 404, 410, 418])
def test_no_such_page(server, status):
    server.answer = lambda handler: handler.send(status, LINKS)
    with pytest.raises(UnavailableError, match=f"/dist/mesos/: {status}"):
        read(server)
    assert len(server.asked) == 1


def test_a_server_that_is_busy_for_a_moment_is_asked_again(server):
    def answer(handler):
        if len(server.asked) == 1:
            handler.send(503, **{"Retry-After": "0"})
        else:
            handler.send(200, LINKS)

    server.answer = answer
    assert read(server).releases == FOUND


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!DOCTYPE html><title>Please log in</title><a href='/login'>log in</a>",
        b"\x1f\x8b\x08\x00" + bytes(range(256)) * 50,
        b"<a href='" * 1000,
        b"<" * 10_000,
        "<a href='1.2.3'>".encode("utf-16"),
    ],
    ids=["empty", "login page", "binary", "unclosed", "brackets", "other encoding"],
)
def test_what_is_no_listing(server, body):
    server.answer = lambda handler: handler.send(200, body)
    with pytest.raises(UnavailableError, match="lists no Mesos release"):
        read(server)


def test_an_answer_without_end_is_not_read_to_it(server):
    sent = []

    def answer(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(LINKS)
        while not server.over.is_set():
            handler.wfile.write(b" " * 65536)
            sent.append(65536)

    server.answer = answer
    with pytest.raises(UnavailableError, match="more than 262144 bytes"):
        read(server)
    # Beyond the limit only what the system's buffers hold.
    assert sum(sent) < 64 * 1024**2


def test_one_that_is_cut_off(server):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        handler.wfile.write(LINKS)
        handler.wfile.flush()
        handler.connection.close()

    server.answer = answer
    with pytest.raises(UnavailableError, match="cut off"):
        read(server)


def test_a_server_that_says_nothing(server):
    server.answer = lambda handler: server.over.wait(60)
    with pytest.raises(UnavailableError, match="timed out"):
        read(server)


def test_a_server_that_sends_a_byte_now_and_then(server):
    def answer(handler):
        handler.send_response(200)
        handler.end_headers()
        while not server.over.wait(0.1):
            handler.wfile.write(b"<")
            handler.wfile.flush()

    server.answer = answer
    with pytest.raises(UnavailableError, match="no whole answer within 1 seconds"):
        read(server, seconds=1.0)


def test_nobody_listens():
    with Server() as server:
        url = server.url
    with pytest.raises(UnavailableError, match="no connection"):
        read_listing([url], Downloader(patience=QUICK))
