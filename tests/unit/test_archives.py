"""The archive cache: verified, pinned on first use, and what is offered in place of a network."""

import hashlib
import io
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from support_archives import archive

from buildkit.archives import cache as archives_module
from buildkit.archives.cache import Archives, default_folder, published_digest
from buildkit.archives.download import Downloader
from buildkit.archives.lock import ArchiveLock
from buildkit.archives.problems import DownloadError, UnreachableError, WrongAnswerError
from buildkit.errors import TargetError, UnavailableError

NAME = "mesos-0.24.1.tar.gz"
PATH = f"0.24.1/{NAME}"
GOOD = archive(NAME)
OTHER = archive(NAME, b"other")
NEIGHBOUR = archive(NAME, holds="0.24.2")
OFFICIAL = "https://archive.apache.org/dist/mesos"


def sha512(data):
    return hashlib.sha512(data).hexdigest()


class Servers:
    """Stands for the network: URL -> a body, or an error to raise."""

    def __init__(self):
        self.files = {}
        self.asked = []

    def _answer(self, url):
        self.asked.append(url)
        answer = self.files.get(url, WrongAnswerError("404 Not Found"))
        if isinstance(answer, Exception):
            raise answer
        return answer

    discard = staticmethod(Downloader.discard)

    def file(self, url, part, report):
        report(0, None)
        part.write_bytes(self._answer(url))

    def text(self, url):
        try:
            return self._answer(url)
        except WrongAnswerError:
            return None


@pytest.fixture
def servers():
    return Servers()


@pytest.fixture
def lock(tmp_path):
    return ArchiveLock(path=tmp_path / "matrix.lock", guard=tmp_path / "build" / "guard")


@pytest.fixture
def said():
    return []


@pytest.fixture
def make(tmp_path, lock, servers, said):
    def make(**options):
        return Archives(
            folder=tmp_path / "cache", lock=lock, emit=said.append, downloader=servers, **options
        )

    return make


@pytest.fixture
def put(tmp_path):
    """Puts a file into the folder, as a user without network does."""

    def put(data, name=NAME):
        (tmp_path / "cache").mkdir(exist_ok=True)
        (tmp_path / "cache" / name).write_bytes(data)
        return tmp_path / "cache" / name

    return put


def left(archives):
    """What a user sees in the folder, and parts of archives."""
    return sorted(
        path.name for path in archives.folder.iterdir() if not path.name.endswith(".lock")
    )


class TestFolder:
    def test_the_user_may_name_it(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert default_folder({"MESOS_BUILDKIT_ARCHIVES": "/srv/archives"}) == Path("/srv/archives")
        assert default_folder({"MESOS_BUILDKIT_ARCHIVES": "here"}) == tmp_path / "here"

    @pytest.mark.parametrize("environment", [{}, {"MESOS_BUILDKIT_ARCHIVES": ""}])
    def test_otherwise_it_is_in_the_users_cache(self, environment, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", "/home/u/cache")
        assert default_folder(environment) == Path("/home/u/cache/mesos-buildkit/archives")


class TestFind:
    def test_what_is_not_there(self, make):
        assert make().find(NAME) is None
        assert not make().has(NAME)
        assert not make().folder.exists()

    def test_on_first_use_it_is_pinned_and_said(self, make, put, lock, said):
        path = put(GOOD)
        archives = make()
        assert archives.has(NAME)
        assert archives.find(NAME) == path
        assert lock.pin(NAME) == sha512(GOOD)
        [line] = said
        assert "recorded on first use" in line

    def test_then_it_has_to_be_the_same(self, make, put, lock, said):
        put(GOOD)
        make().find(NAME)
        path = put(OTHER)
        with pytest.raises(TargetError) as caught:
            make().find(NAME)
        for part in (NAME, sha512(OTHER), sha512(GOOD), str(lock.path), str(path), "--update-lock"):
            assert part in str(caught.value)
        # It is the user's file, so it stays; the pin does, too.
        assert path.read_bytes() == OTHER
        assert lock.pin(NAME) == sha512(GOOD)

    def test_unless_the_change_is_asked_for(self, make, put, lock, said):
        lock.record(NAME, sha512(GOOD))
        path = put(OTHER)
        assert make(update=True).find(NAME) == path
        assert lock.pin(NAME) == sha512(OTHER)
        assert "changed from" in said[0]

    @pytest.mark.parametrize("update", [True, False])
    @pytest.mark.parametrize("data", [b"", b"<html>", GOOD[:-10]], ids=["empty", "page", "cut off"])
    def test_what_is_no_archive_is_never_pinned(self, make, put, lock, data, update):
        path = put(data)
        with pytest.raises(TargetError, match=str(path)):
            make(update=update).find(NAME)
        assert lock.pins() == {}

    @pytest.mark.parametrize("update", [True, False])
    def test_another_releases_archive_is_never_pinned(self, make, put, lock, update):
        path = put(NEIGHBOUR)
        with pytest.raises(TargetError, match=r"holds Mesos 0\.24\.2, expected 0\.24\.1; put "):
            make(update=update).find(NAME)
        # It is the user's file, so it stays.
        assert path.read_bytes() == NEIGHBOUR
        assert lock.pins() == {}
        path.write_bytes(GOOD)
        assert make().find(NAME) == path

    def test_nor_is_one_that_names_no_release(self, make, put, lock):
        put(archive("protobuf-3.5.0.tar.gz"))
        with pytest.raises(TargetError, match="not a Mesos source archive"):
            make().find(NAME)
        assert lock.pins() == {}

    def test_it_is_digested_once(self, make, put, monkeypatch):
        digested = []
        digest = archives_module._sha512
        monkeypatch.setattr(
            archives_module, "_sha512", lambda path: digested.append(path) or digest(path)
        )
        put(GOOD)
        archives = make()
        threads = [threading.Thread(target=archives.find, args=(NAME,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        assert len(digested) == 1
        put(OTHER)
        with pytest.raises(TargetError):
            archives.find(NAME)

    @pytest.mark.parametrize("name", ["../x.tar.gz", "/etc/passwd", "a/b"])
    def test_no_name_leads_out_of_the_folder(self, make, name):
        for ask in (make().find, lambda name: make().fetch(name, name)):
            with pytest.raises(TargetError, match="not an archive's name"):
                ask(name)


class TestFetch:
    def test_from_the_official_archive(self, make, servers, lock, said):
        servers.files[f"{OFFICIAL}/{PATH}"] = GOOD
        archives = make()
        path = archives.fetch(NAME, PATH)
        assert path.read_bytes() == GOOD
        assert lock.pin(NAME) == sha512(GOOD)
        assert left(archives) == [NAME]
        assert any("on trust" in line for line in said)
        assert any(line.startswith(f"fetched {NAME} (") for line in said)

    def test_what_is_there_is_not_fetched(self, make, put, servers):
        path = put(GOOD)
        assert make().fetch(NAME, PATH) == path
        assert servers.asked == []

    def test_mirrors_are_asked_in_order(self, make, servers):
        servers.files["http://b/m/" + PATH] = GOOD
        archives = make(base_url="http://a/", mirrors=["http://b/m/", "http://c"])
        assert archives.fetch(NAME, PATH).read_bytes() == GOOD
        assert servers.asked == [
            f"http://a/{PATH}",
            f"http://b/m/{PATH}",
            f"http://b/m/{PATH}.sha512",
        ]

    def test_what_is_published_beside_it_is_believed(self, make, servers, lock, said):
        url = f"{OFFICIAL}/{PATH}"
        servers.files |= {url: GOOD, f"{url}.sha512": f"{sha512(GOOD)}  {NAME}\n"}
        make().fetch(NAME, PATH)
        assert lock.pin(NAME) == sha512(GOOD)
        assert any(f"as {url}.sha512 says" in line for line in said)

    def test_what_contradicts_it_is_refused(self, make, servers, lock):
        url = f"{OFFICIAL}/{PATH}"
        servers.files |= {url: OTHER, f"{url}.sha512": f"{sha512(GOOD)}  {NAME}\n"}
        archives = make()
        with pytest.raises(TargetError, match=rf"{sha512(OTHER)}, but {url}\.sha512 says"):
            archives.fetch(NAME, PATH)
        assert left(archives) == []
        assert lock.pins() == {}

    def test_a_pin_counts_for_more_than_what_is_published(self, make, servers, lock):
        url = f"{OFFICIAL}/{PATH}"
        servers.files |= {url: GOOD, f"{url}.sha512": sha512(OTHER)}
        lock.record(NAME, sha512(GOOD))
        make().fetch(NAME, PATH)
        assert servers.asked == [url]

    def test_another_file_than_the_pinned_one_is_refused(self, make, servers, lock):
        servers.files |= {f"{OFFICIAL}/{PATH}": OTHER, f"http://mirror/{PATH}": GOOD}
        lock.record(NAME, sha512(GOOD))
        archives = make()
        with pytest.raises(TargetError, match=f"{sha512(OTHER)}.* has {sha512(GOOD)}"):
            archives.fetch(NAME, PATH)
        assert left(archives) == []
        assert make(mirrors=["http://mirror"]).fetch(NAME, PATH).read_bytes() == GOOD

    def test_unless_the_change_is_asked_for(self, make, servers, lock):
        servers.files[f"{OFFICIAL}/{PATH}"] = OTHER
        lock.record(NAME, sha512(GOOD))
        make(update=True).fetch(NAME, PATH)
        assert lock.pin(NAME) == sha512(OTHER)

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"<html>", "HTML page"),
            (GOOD[:-10], "cut off"),
            (NEIGHBOUR, r"holds Mesos 0\.24\.2, expected 0\.24\.1"),
        ],
        ids=["page", "cut off", "neighbour"],
    )
    def test_what_is_not_the_archive_leaves_nothing(self, make, servers, lock, data, message):
        servers.files[f"{OFFICIAL}/{PATH}"] = data
        archives = make()
        with pytest.raises(TargetError, match=message):
            archives.fetch(NAME, PATH)
        assert left(archives) == []
        assert lock.pins() == {}

    def test_the_error_names_every_url_and_what_to_do(self, make, servers):
        servers.files |= {
            f"http://a/{PATH}": DownloadError("503 Busy"),
            f"http://b/{PATH}": UnreachableError("no connection: nobody listens"),
        }
        archives = make(base_url="http://a", mirrors=["http://b"])
        with pytest.raises(UnavailableError) as caught:
            archives.fetch(NAME, PATH)
        for part in (
            f"http://a/{PATH}: 503 Busy",
            f"http://b/{PATH}: no connection: nobody listens",
            f"put the file {NAME} into",
            str(archives.folder),
            "MESOS_BUILDKIT_ARCHIVES",
            "--export",
        ):
            assert part in str(caught.value)

    def test_offline_the_error_says_the_same_and_nobody_is_asked(self, make, servers):
        archives = make(offline=True, mirrors=["http://b"])
        with pytest.raises(UnavailableError) as caught:
            archives.fetch(NAME, PATH)
        for part in (f"{OFFICIAL}/{PATH}: not tried: offline", f"http://b/{PATH}", "put the file"):
            assert part in str(caught.value)
        assert servers.asked == []

    def test_a_server_that_answers_concerns_one_archive_only(self, make, servers):
        """Without any answer, no archive can be had; the whole run may as well end."""
        servers.files[f"http://b/{PATH}"] = UnreachableError("no connection")
        with pytest.raises(TargetError, match="404 Not Found"):
            make(base_url="http://a", mirrors=["http://b"]).fetch(NAME, PATH)

    def test_a_server_that_is_not_there_is_asked_once(self, make, servers):
        servers.files |= {
            f"http://a/{PATH}": UnreachableError("no connection"),
            f"http://b/{PATH}": DownloadError("503"),
        }
        archives = make(base_url="http://a", mirrors=["http://b"])
        for _ in range(3):
            with pytest.raises(UnavailableError, match="no connection"):
                archives.fetch(NAME, PATH)
        assert servers.asked == [f"http://a/{PATH}", *[f"http://b/{PATH}"] * 3]

    def test_an_interrupt_keeps_what_has_come(self, make, servers, monkeypatch):
        def interrupted(url, part, report):
            part.write_bytes(GOOD[:10])
            raise KeyboardInterrupt

        monkeypatch.setattr(servers, "file", interrupted)
        archives = make()
        with pytest.raises(KeyboardInterrupt):
            archives.fetch(NAME, PATH)
        assert left(archives) == [f".{NAME}.part"]

    def test_a_folder_that_cannot_be_made(self, tmp_path, make):
        (tmp_path / "cache").write_text("a file")
        with pytest.raises(UnavailableError, match=r"cache: can't be written: .*ARCHIVES"):
            make().fetch(NAME, PATH)

    def test_progress_is_shown_under_the_archives_name(self, make, servers):
        servers.files[f"{OFFICIAL}/{PATH}"] = GOOD
        seen = []

        @contextmanager
        def show(name):
            seen.append(name)
            yield lambda *numbers: seen.append(numbers)

        make().fetch(NAME, PATH, show)
        assert seen == [NAME, (0, None)]


class TestTake:
    def test_a_verified_file_is_put_in_and_pinned(self, make, lock):
        archives = make()
        archives.take(NAME, io.BytesIO(GOOD), sha512(GOOD))
        assert archives.find(NAME).read_bytes() == GOOD
        assert lock.pin(NAME) == sha512(GOOD)
        assert left(archives) == [NAME]

    def test_another_one_leaves_nothing(self, make, lock):
        archives = make()
        with pytest.raises(TargetError, match=f"its SHA-512 is {sha512(OTHER)}; expected"):
            archives.take(NAME, io.BytesIO(OTHER), sha512(GOOD))
        with pytest.raises(TargetError, match=rf"{NAME}: holds Mesos 0\.24\.2, expected"):
            archives.take(NAME, io.BytesIO(NEIGHBOUR), sha512(NEIGHBOUR))
        assert left(archives) == []
        assert lock.pins() == {}

    def test_nor_does_one_that_lies_there_get_pinned(self, make, put, lock):
        put(NEIGHBOUR)
        with pytest.raises(TargetError, match=r"holds Mesos 0\.24\.2, expected"):
            make().take(NAME, io.BytesIO(NEIGHBOUR), sha512(NEIGHBOUR))
        assert lock.pins() == {}

    def test_the_pin_here_outranks_the_one_there(self, make, lock):
        lock.record(NAME, sha512(GOOD))
        with pytest.raises(TargetError, match="not the file that was used before"):
            make().take(NAME, io.BytesIO(OTHER), sha512(OTHER))
        make(update=True).take(NAME, io.BytesIO(OTHER), sha512(OTHER))
        assert lock.pin(NAME) == sha512(OTHER)

    def test_another_file_that_is_there_is_replaced_only_if_asked_for(self, make, put):
        path = put(OTHER)
        with pytest.raises(TargetError, match="--update-lock"):
            make().take(NAME, io.BytesIO(GOOD), sha512(GOOD))
        assert path.read_bytes() == OTHER
        make(update=True).take(NAME, io.BytesIO(GOOD), sha512(GOOD))
        assert path.read_bytes() == GOOD


DIGEST = sha512(b"x")
UPPER = DIGEST.upper()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{DIGEST}  {NAME}\n", DIGEST),
        (f"{DIGEST} *{NAME}\n", DIGEST),
        (f"{UPPER}\n", DIGEST),
        (f"SHA512 ({NAME}) = {DIGEST}\n", DIGEST),
        (
            f"{NAME}: "
            + "\n    ".join(
                " ".join(UPPER[start : start + 8] for start in range(line, line + 32, 8))
                for line in range(0, 128, 32)
            ),
            DIGEST,
        ),
        ("", None),
        ("<html>404 Not Found</html>", None),
        (f"{DIGEST[:-2]}  {NAME}", None),
        (f"{DIGEST}  {NAME}\n{DIGEST}  other.tar.gz\n", None),
    ],
)
def test_published_digests_are_read_however_they_are_written(text, found):
    assert published_digest(text, NAME) == found
