"""Downloads from a server of our own that misbehaves in every way a real one may."""

import gzip
import hashlib
import http.server
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from support_archives import archive

from buildkit.archives.cache import Archives
from buildkit.archives.download import (
    Downloader,
    DownloadError,
    Patience,
    UnreachableError,
    WrongAnswerError,
)
from buildkit.archives.lock import ArchiveLock
from buildkit.errors import TargetError, UnavailableError

PATIENCE = Patience(tries=4, requests=3, pause=0.0, connect_seconds=5.0, silent_seconds=5.0)
NAME = "mesos-0.24.1.tar.gz"
NOISE = random.Random(1)
BODY = archive(NAME, NOISE.randbytes(400_000))
CHANGED = archive(NAME, NOISE.randbytes(400_000))
PAGE = b"<!DOCTYPE html>\n<title>Please log in</title>" + b" " * 100_000


def sha512(data):
    return hashlib.sha512(data).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves ``files``; its other fields are how it misbehaves."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {f"/0.24.1/{NAME}": BODY}
        self.etags = {}
        """Path -> ETag; by default each content has its own. None: no ETag."""
        self.modified = None
        self.ranges = True
        self.heeds_if_range = True
        self.length = True
        self.cuts = []
        """After how many bytes of the body to cut the next answers off."""
        self.statuses = []
        """What to answer the next requests instead."""
        self.retry_after = "0"
        self.packs = False
        """Whether to pack what it sends, for those who can unpack it."""
        self.repeats_tag = True
        """Whether the rest of a file is sent with its ETag."""
        self.slow = 0.0
        """Seconds of pause after each 16 KiB."""
        self.stalls = 0
        """How many answers stop in the middle and keep the connection open."""
        self.over = threading.Event()
        """Ends these."""
        self.requests = []
        """(path, Range header, status) of every request."""

    def bodies(self):
        """The requests for the archive itself."""
        return [row[1:] for row in self.requests if row[0].endswith(".gz")]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_):
        """A client that goes away is part of these tests."""


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        wanted = self.headers.get("Range")
        body = server.files.get(self.path)
        status = server.statuses.pop(0) if server.statuses else 200 if body is not None else 404
        if status != 200:
            self._answer(status, wanted, {"Retry-After": server.retry_after}, b"no")
            return
        etag = server.etags.get(self.path, f'"{sha512(body)[:8]}"')
        headers = {"ETag": etag, "Last-Modified": server.modified}
        if server.packs and "gzip" in self.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
            body = gzip.compress(body)
        if wanted and server.ranges and self._same(etag):
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
            if start >= len(body):
                self._answer(416, wanted, {"Content-Range": f"bytes */{len(body)}"}, b"")
                return
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            if not server.repeats_tag:
                del headers["ETag"]
            self._answer(206, wanted, headers, body[start:])
        else:
            self._answer(200, wanted, headers, body)

    def _same(self, etag):
        asked = self.headers.get("If-Range")
        return not self.server.heeds_if_range or asked in {None, etag, self.server.modified}

    def _answer(self, status, wanted, headers, body):
        server = self.server
        server.requests.append((self.path, wanted, status))
        self.send_response(status)
        if server.length:
            headers = {**headers, "Content-Length": str(len(body))}
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if status in {200, 206} and server.cuts and (cut := server.cuts.pop(0)) is not None:
            body = body[:cut]
        for start in range(0, len(body), 16384):
            if server.stalls and start > len(body) / 2:
                server.stalls -= 1
                server.over.wait(60)
            self.wfile.write(body[start : start + 16384])
            time.sleep(server.slow)


@pytest.fixture
def start():
    """Starts servers."""
    servers = []

    def start():
        server = Server()
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.over.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def server(start):
    return start()


@pytest.fixture
def part(tmp_path):
    return tmp_path / "x.part"


@pytest.fixture
def get(server, part):
    """Downloads the archive as a process of its own would: nothing is remembered."""

    def get(path=f"/0.24.1/{NAME}", report=lambda *_: None, **options):
        downloader = Downloader(patience=PATIENCE, **options)
        downloader.file(server.url + path, part, report)
        return part.read_bytes()

    return get


def left(part):
    return sorted(path.name for path in part.parent.iterdir())


class TestWhole:
    def test_a_file(self, server, get):
        seen = []
        assert get(report=lambda *numbers: seen.append(numbers)) == BODY
        assert server.bodies() == [(None, 200)]
        assert seen[0] == (0, len(BODY))
        assert seen[-1] == (len(BODY), len(BODY))
        assert sorted(seen) == seen

    def test_without_a_length(self, server, get):
        server.length = False
        seen = []
        assert get(report=lambda *numbers: seen.append(numbers)) == BODY
        assert seen[-1] == (len(BODY), None)

    def test_it_comes_as_it_is_not_unpacked(self, server, get):
        """Some servers say of a .tar.gz that it is a tar, packed for the way."""
        server.etags[f"/0.24.1/{NAME}"] = '"x"\r\nContent-Encoding: gzip'
        assert get() == BODY

    def test_nor_packed_for_the_way(self, server, get):
        server.packs = True
        assert get() == BODY

    def test_a_text(self, server):
        server.files |= {"/x.sha512": b"text\n", "/page": PAGE}
        downloader = Downloader(patience=PATIENCE)
        assert downloader.text(f"{server.url}/x.sha512") == "text\n"
        assert downloader.text(f"{server.url}/absent") is None
        assert len(downloader.text(f"{server.url}/page")) <= 65536


class TestResuming:
    def test_a_body_that_is_cut_off_is_gone_on_with(self, server, get):
        server.cuts = [100_000, 150_000]
        assert get() == BODY
        assert server.bodies() == [
            (None, 200),
            ("bytes=100000-", 206),
            ("bytes=250000-", 206),
        ]

    @pytest.mark.parametrize("cut", [0, 1, 100, 511, 512, len(BODY) - 1])
    def test_wherever_it_is_cut_off(self, server, get, cut):
        server.cuts = [cut]
        assert get() == BODY

    def test_a_server_that_falls_silent_is_asked_for_the_rest(self, server, part):
        server.stalls = 1
        patience = Patience(pause=0.0, silent_seconds=1.0)
        url = f"{server.url}/0.24.1/{NAME}"
        Downloader(patience=patience).file(url, part, lambda *_: None)
        assert part.read_bytes() == BODY
        assert server.bodies()[1][1] == 206

    def test_also_by_another_process(self, server, get, part):
        server.cuts = [100_000] + [0] * 3
        with pytest.raises(DownloadError, match=f"cut off after 100000 of {len(BODY)} bytes"):
            get()
        assert left(part) == ["x.part", "x.part.json"]
        server.requests.clear()
        assert get() == BODY
        assert server.bodies() == [("bytes=100000-", 206)]

    def test_by_the_time_if_there_is_no_tag(self, server, get):
        server.etags[f"/0.24.1/{NAME}"] = None
        server.modified = "Mon, 01 Feb 2016 10:00:00 GMT"
        server.cuts = [100_000]
        assert get() == BODY
        assert server.bodies()[1] == ("bytes=100000-", 206)

    @pytest.mark.parametrize("etag", [None, 'W/"weak"'])
    def test_what_has_no_version_begins_anew(self, server, get, etag, part):
        server.etags[f"/0.24.1/{NAME}"] = etag
        server.cuts = [100_000, 100_000]
        assert get() == BODY
        assert server.bodies() == [(None, 200)] * 3

    def test_what_has_no_version_leaves_nothing(self, server, get, part):
        server.etags[f"/0.24.1/{NAME}"] = None
        server.cuts = [100_000] * 4
        with pytest.raises(DownloadError):
            get()
        assert left(part) == []

    def test_a_server_without_ranges_begins_anew(self, server, get):
        server.ranges = False
        server.cuts = [100_000]
        assert get() == BODY
        assert server.bodies() == [(None, 200), ("bytes=100000-", 200)]

    @pytest.mark.parametrize("heeds_if_range", [True, False])
    @pytest.mark.parametrize("changed", [CHANGED, BODY + b"more", BODY[:100_000], BODY[:5000]])
    def test_a_file_that_has_changed_is_not_glued_together(
        self, server, get, heeds_if_range, changed
    ):
        server.heeds_if_range = heeds_if_range
        server.cuts = [100_000] + [0] * 3
        with pytest.raises(DownloadError):
            get()
        server.files[f"/0.24.1/{NAME}"] = changed
        assert get() == changed

    def test_a_file_that_has_changed_to_one_of_the_same_length(self, server, get):
        server.repeats_tag = False
        server.cuts = [100_000] + [0] * 3
        with pytest.raises(DownloadError):
            get()
        server.files[f"/0.24.1/{NAME}"] = BODY[:50_000] + bytes(len(BODY) - 50_000)
        assert get()[50_000:] == bytes(len(BODY) - 50_000)

    def test_a_file_that_has_changed_under_the_same_tag(self, server, get):
        server.etags[f"/0.24.1/{NAME}"] = '"same"'
        server.cuts = [100_000]
        server.cuts += [0] * 3
        with pytest.raises(DownloadError):
            get()
        server.files[f"/0.24.1/{NAME}"] = CHANGED[:-7]
        assert get() == CHANGED[:-7]

    def test_a_part_of_another_url_is_not_gone_on_with(self, server, get):
        server.files["/other.tar.gz"] = CHANGED
        server.etags = dict.fromkeys(server.files, '"same"')
        server.cuts = [100_000] + [0] * 3
        with pytest.raises(DownloadError):
            get()
        assert get("/other.tar.gz") == CHANGED

    def test_a_part_that_is_whole_already_is_not_fetched_again(self, server, get, part):
        get()
        server.requests.clear()
        assert get() == BODY
        assert server.bodies() == [(f"bytes={len(BODY)}-", 416)]

    @pytest.mark.parametrize("note", [b"", b"{}", b"[]", b'{"url": 1, "x": 2}', None])
    def test_a_part_with_a_damaged_note_begins_anew(self, server, get, part, note):
        server.cuts = [100_000] + [0] * 3
        with pytest.raises(DownloadError):
            get()
        beside = part.with_name("x.part.json")
        beside.unlink() if note is None else beside.write_bytes(note)
        assert get() == BODY

    def test_a_part_that_has_grown_too_long_begins_anew(self, server, get, part):
        server.cuts = [100_000] + [0] * 3
        with pytest.raises(DownloadError):
            get()
        part.write_bytes(BODY + b"more")
        assert get() == BODY

    def test_a_connection_that_always_breaks_ends_it(self, server, get, part):
        server.cuts = [1000] * 100
        with pytest.raises(DownloadError, match="cut off after 4000 of"):
            get()
        assert len(server.bodies()) == PATIENCE.tries


class TestTryingAgain:
    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    def test_a_busy_server_is_asked_again(self, server, get, status):
        server.statuses = [status, status]
        assert get() == BODY
        assert [row[1] for row in server.bodies()] == [status, status, 200]

    def test_but_not_for_ever(self, server, get, part):
        server.statuses = [503] * 100
        with pytest.raises(DownloadError, match="503 Service Unavailable"):
            get()
        assert len(server.bodies()) == PATIENCE.requests
        assert left(part) == []

    def test_a_server_cannot_make_us_wait_for_hours(self, server, part):
        server.statuses = [503]
        server.retry_after = "100000"
        patience = Patience(pause=0.0)
        downloader = Downloader(patience=patience)
        slept = []
        # The server sleeps as well, but not for long.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("urllib3.util.retry.time.sleep", slept.append)
            downloader.file(f"{server.url}/0.24.1/{NAME}", part, lambda *_: None)
        assert max(slept) == patience.longest_pause

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
    def test_a_plain_no_is_final(self, server, get, part, status):
        server.statuses = [status]
        with pytest.raises(WrongAnswerError, match=str(status)):
            get()
        assert len(server.bodies()) == 1
        assert left(part) == []

    def test_nobody_listens(self, server, part):
        server.server_close()
        with pytest.raises(UnreachableError, match="no connection: Connection refused"):
            Downloader(patience=PATIENCE).file(f"{server.url}/x", part, lambda *_: None)
        assert left(part) == []

    def test_no_such_host(self, part):
        with pytest.raises(UnreachableError, match="no connection: "):
            Downloader(patience=PATIENCE).file("http://x.invalid/x", part, lambda *_: None)

    @pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "no url", "http://"])
    def test_no_url_for_us(self, part, url):
        with pytest.raises(DownloadError):
            Downloader(patience=PATIENCE).file(url, part, lambda *_: None)


class TestRefused:
    def test_a_page_instead_of_the_archive(self, server, get, part):
        server.files[f"/0.24.1/{NAME}"] = PAGE
        server.slow = 0.2
        server.cuts = [40_000]  # the rest is not waited for
        with pytest.raises(
            WrongAnswerError, match="looks like an HTML page: the server or a proxy"
        ):
            get()
        assert left(part) == []
        assert len(server.bodies()) == 1

    @pytest.mark.parametrize("body", [b"", b"<html>", b"404 page not found\n"])
    def test_a_short_answer(self, server, get, part, body):
        server.files[f"/0.24.1/{NAME}"] = body
        with pytest.raises(WrongAnswerError):
            get()
        assert left(part) == []

    @pytest.mark.parametrize("length", [True, False])
    def test_a_file_without_end(self, server, get, part, length):
        server.length = length
        with pytest.raises(WrongAnswerError, match="bytes, "):
            get(limit_bytes=100_000)
        assert left(part) == []


@pytest.fixture
def make(tmp_path):
    """Makes an archive cache that fetches from the servers given."""

    def make(*servers, **options):
        base, *mirrors = [server.url for server in servers]
        return Archives(
            folder=tmp_path / "cache",
            lock=ArchiveLock(path=tmp_path / "matrix.lock", guard=tmp_path / "guard"),
            base_url=base,
            mirrors=mirrors,
            emit=lambda _: None,
            downloader=Downloader(patience=PATIENCE),
            **options,
        )

    return make


def shown(archives):
    return sorted(path.name for path in archives.folder.iterdir() if path.suffix != ".lock")


class TestArchives:
    def test_the_first_mirror_does_not_have_it(self, start, make):
        empty, full = start(), start()
        empty.files.clear()
        archives = make(empty, full)
        assert archives.fetch(NAME, f"0.24.1/{NAME}").read_bytes() == BODY
        assert shown(archives) == [NAME]

    def test_the_first_mirror_has_another_file(self, start, make):
        wrong, right = start(), start()
        wrong.files[f"/0.24.1/{NAME}"] = CHANGED
        archives = make(wrong, right)
        archives.lock.record(NAME, sha512(BODY))
        assert archives.fetch(NAME, f"0.24.1/{NAME}").read_bytes() == BODY

    def test_the_first_mirror_breaks_off(self, start, make):
        broken, whole = start(), start()
        broken.cuts = [50_000] * 10
        assert make(broken, whole).fetch(NAME, f"0.24.1/{NAME}").read_bytes() == BODY

    def test_a_wrong_digest_leaves_nothing(self, server, make):
        server.files[f"/0.24.1/{NAME}.sha512"] = sha512(CHANGED).encode()
        archives = make(server)
        with pytest.raises(TargetError, match="sha512 says"):
            archives.fetch(NAME, f"0.24.1/{NAME}")
        assert shown(archives) == []
        assert archives.lock.pins() == {}

    def test_a_page_of_a_proxy_leaves_nothing(self, server, make):
        server.files[f"/0.24.1/{NAME}"] = PAGE
        archives = make(server)
        with pytest.raises(TargetError, match="HTML page"):
            archives.fetch(NAME, f"0.24.1/{NAME}")
        assert shown(archives) == []

    def test_nobody_is_there(self, server, make):
        server.server_close()
        with pytest.raises(UnavailableError, match="put the file"):
            make(server).fetch(NAME, f"0.24.1/{NAME}")


FETCH = """\
import sys
from pathlib import Path
from buildkit.archives.lock import ArchiveLock
from buildkit.archives.cache import Archives

folder, url, name = sys.argv[1:]
root = Path(folder)
lock = ArchiveLock(path=root / "matrix.lock", guard=root / "guard")
Archives(folder=root / "cache", lock=lock, base_url=url, emit=print).fetch(name, f"0.24.1/{name}")
"""


@pytest.fixture
def spawn(tmp_path):
    """Starts processes that fetch the archive."""
    processes = []
    package = str(Path(__file__).parents[2])

    def spawn(server, folder=tmp_path):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(FETCH), str(folder), server.url, NAME],
            env={**os.environ, "PYTHONPATH": package, "no_proxy": "127.0.0.1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield spawn
    for process in processes:
        process.kill()
        process.communicate()


class TestProcesses:
    def test_of_two_at_once_one_fetches(self, server, make, spawn):
        server.slow = 0.02
        both = [spawn(server), spawn(server)]
        for process in both:
            _, err = process.communicate(timeout=60)
            assert process.returncode == 0, err
        assert server.bodies() == [(None, 200)]
        archives = make(server)
        assert shown(archives) == [NAME]
        assert archives.find(NAME).read_bytes() == BODY

    def test_one_that_is_killed_is_gone_on_with(self, server, make, spawn):
        server.slow = 0.1
        process = spawn(server)
        part = make(server).folder / f".{NAME}.part"
        deadline = time.monotonic() + 60
        while not (part.is_file() and part.stat().st_size >= 2 * 65536):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
        archives = make(server)
        assert not archives.has(NAME)
        server.slow = 0.0
        assert archives.fetch(NAME, f"0.24.1/{NAME}").read_bytes() == BODY
        [_, (wanted, status)] = server.bodies()
        assert status == 206
        assert int(wanted.removeprefix("bytes=").rstrip("-")) >= 65536
        assert shown(archives) == [NAME]

    def test_a_full_disk(self, server, tmp_path, spawn):
        small = tmp_path / "small"
        small.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(small)]
        if os.geteuid() != 0 or shutil.which("mount") is None:
            pytest.skip("only root may mount a small disk")
        if (done := subprocess.run(mount, check=False, capture_output=True, text=True)).returncode:
            pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
        try:
            process = spawn(server, small)
            _, err = process.communicate(timeout=60)
            names = sorted(path.name for path in (small / "cache").iterdir())
        finally:
            subprocess.run(["umount", str(small)], check=True)
        assert process.returncode != 0
        assert "can't be written: No space left on device; make room" in err
        assert names == [f".{NAME}.lock"]
