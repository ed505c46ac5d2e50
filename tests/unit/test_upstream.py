"""What the archive's page lists, how a matrix compares with it, and the edit that follows."""

import json
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildkit import cli
from buildkit.archives import upstream
from buildkit.archives.download import Page
from buildkit.archives.problems import DownloadError, UnreachableError, WrongAnswerError
from buildkit.archives.upstream import compare, parse_listing, read_listing
from buildkit.errors import ExitCode, UnavailableError, UsageError
from buildkit.matrixedit import add_releases, diff
from buildkit.releases import FINAL_RELEASES, Release

URL = "https://archive.apache.org/dist/mesos/"
PAGE = """\
<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">
<html><head><title>Index of /dist/mesos</title></head><body><h1>Index of /dist/mesos</h1>
<pre><img src="/icons/blank.gif" alt="Icon "> <a href="?C=N;O=D">Name</a>
<hr><img src="/icons/back.gif" alt="[PARENTDIR]"> <a href="/dist/">Parent Directory</a>
<img src="/icons/folder.gif" alt="[DIR]"> <a href="0.9.0-incubating/">0.9.0-incubating/</a>
<img src="/icons/folder.gif" alt="[DIR]"> <a href="0.20.1/">0.20.1/</a>
<img src="/icons/folder.gif" alt="[DIR]"> <a href="1.10.0/">1.10.0/</a>
<img src="/icons/folder.gif" alt="[DIR]"> <a href="0.24.1/">0.24.1/</a>
<img src="/icons/folder.gif" alt="[DIR]"> <a href="1.12.0-rc1/">1.12.0-rc1/</a>
<a href="KEYS">KEYS</a>
</pre></body></html>
"""


def at(*texts: str) -> tuple[Release, ...]:
    return tuple(Release.parse(text) for text in texts)


class TestListing:
    def test_final_releases_are_read_by_number(self):
        assert parse_listing(PAGE, URL) == at("0.24.1", "1.10.0")

    @pytest.mark.parametrize(
        "link",
        [
            '<a href="1.2.3/">',
            "<A HREF='1.2.3'>",
            '<a href="./1.2.3/">',
            '<a href="/dist/mesos/1.2.3/">',
            '<a href="https://archive.apache.org/dist/mesos/1.2.3/">',
            '<a class="x" href="1%2E2%2E3/">',
            '<td><a href="1.2.3/"><a href="1.2.3/">',
        ],
    )
    def test_however_the_link_is_written(self, link):
        assert parse_listing(link, URL) == at("1.2.3")
        assert parse_listing(link, URL.rstrip("/")) == at("1.2.3")

    @pytest.mark.parametrize(
        "link",
        [
            '<a href="https://elsewhere.org/dist/mesos/1.2.3/">',
            '<a href="../other/1.2.3/">',
            '<a href="1.2.3/mesos-1.2.3.tar.gz">',
            '<a href="1.2.3.4/">',
            '<a href="01.2.3/">',
            '<a href="1.2/">',
            '<a name="1.2.3/">',
            '<link href="1.2.3/">',
            "<a href>",
            '<a href="http://[1.2.3/">',
            "1.2.3/",
            "<!-- <a href='1.2.3/'> -->",
        ],
    )
    def test_what_is_no_release_of_this_archive(self, link):
        assert parse_listing(link, URL) == ()

    @given(page=st.text())
    def test_no_page_is_too_strange(self, page):
        parse_listing(page, URL)
        parse_listing(f"<a href='1.2.3/'>{page}", URL)


class Pages:
    """Stands for the network: URL -> a page's text, or an error to raise."""

    def __init__(self, **texts):
        self.texts = texts
        self.asked = []

    def page(self, url):
        self.asked.append(url)
        answer = self.texts[url.split("/")[2]]
        if isinstance(answer, Exception):
            raise answer
        return Page(url=url, text=answer)


LINKS = '<a href="1.2.3/">'


class TestReading:
    def test_mirrors_are_asked_in_order_until_one_lists(self):
        pages = Pages(a=UnreachableError("no way"), b="<p>Please log in", c=LINKS, d=LINKS)
        listing = read_listing(["http://a/m", "http://b/m/", "http://c", "http://d"], pages)
        assert listing.releases == at("1.2.3")
        assert listing.url == "http://c/"
        assert pages.asked == ["http://a/m/", "http://b/m/", "http://c/"]

    def test_the_error_says_why_of_each(self):
        pages = Pages(a=UnreachableError("no way"), b=WrongAnswerError("404 Not Found"), c="")
        with pytest.raises(UnavailableError) as caught:
            read_listing(["http://a", "http://b", "http://c"], pages)
        for part in (
            "http://a/: no way",
            "http://b/: 404 Not Found",
            "http://c/: its page lists no Mesos release",
            "offline",
            "[archives]",
        ):
            assert part in str(caught.value)

    def test_a_defect_is_not_hidden_by_the_time_limit(self):
        with pytest.raises(ZeroDivisionError):
            read_listing(["http://a"], Pages(a=ZeroDivisionError()))


class TestCompare:
    def test_what_the_archive_has_no_more_of_is_up_to_date(self):
        found = compare(at("1.0.4", "1.1.3"), at("1.0.0", "1.0.4", "1.1.0", "1.1.3"))
        assert found.up_to_date
        assert found.new == ()

    def test_each_way_to_be_new_is_told_apart(self):
        found = compare(
            at("0.24.1", "0.24.2", "1.0.1", "1.11.0"),
            at(
                "0.21.0", "0.24.1", "0.24.2", "1.0.1", "1.0.2", "1.0.4", "1.11.0", "1.12.0", "2.0.1"
            ),
        )
        assert found.patches == at("1.0.4")
        assert found.minors == at("1.12.0", "2.0.1")
        assert found.absent == at("0.21.0")
        assert found.unknown == at("1.12.0", "2.0.1")
        assert found.unlisted == ()
        assert not found.up_to_date

    def test_a_minor_version_that_was_left_out_is_no_news(self):
        assert compare(at("1.0.0", "1.2.0"), at("1.0.0", "1.1.0", "1.2.0")).up_to_date

    def test_what_the_archive_does_not_list(self):
        found = compare(at("1.2.9", "1.3.0"), at("1.2.3", "1.3.0"))
        assert found.unlisted == at("1.2.9")
        assert not found.up_to_date

    def test_a_patch_may_be_known_or_not(self):
        found = compare(at("1.10.0", "1.11.0"), at("1.10.0", "1.10.1", "1.11.0"))
        assert (found.patches, found.unknown) == (at("1.10.1"), at("1.10.1"))

    @given(listed=st.sets(st.sampled_from(FINAL_RELEASES), min_size=1), data=st.data())
    def test_who_follows_the_advice_is_up_to_date(self, listed, data):
        matrix = data.draw(st.sets(st.sampled_from(sorted(listed)), min_size=1))
        assert compare(matrix | set(compare(matrix, listed).new), listed).up_to_date


MATRIX = """\
# Ours.
releases = [   # all of them
    "classic",
    '0.24.2', "1.0.4",  # two
    # the last one
    "1.11.0",
]

[groups]
classic = ["0.23.1", "0.24.1"]   # for ever

[[module]]
name = "volume"
"""


class TestEdit:
    def test_each_goes_beside_its_neighbour_and_nothing_else_changes(self):
        after = add_releases(MATRIX, at("1.0.5", "1.12.0", "0.24.9"))
        assert tomllib.loads(after)["releases"] == [
            "classic", "0.24.2", "0.24.9", "1.0.4", "1.0.5", "1.11.0", "1.12.0",
        ]  # fmt: skip
        for line in MATRIX.splitlines():
            if "0.24.2" not in line:
                assert line in after
        assert "'0.24.2'" in after
        for comment in ("# Ours.", "# all of them", "# two", "# the last one", "# for ever"):
            assert comment in after

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ('releases = ["1.0.0"]\n', 'releases = ["1.0.0", "1.1.0"]\n'),
            ('releases = ["1.2.0"]\n', 'releases = ["1.2.0", "1.1.0"]\n'),
            (
                'releases = ["old"]\n[groups]\nold = ["1.0.0"]\n',
                'releases = ["old", "1.1.0"]\n[groups]\nold = ["1.0.0"]\n',
            ),
            ('releases = ["1.0.0"]\r\n# x\r\n', 'releases = ["1.0.0", "1.1.0"]\r\n# x\r\n'),
            (
                'releases = [\n  "1.0.0",\n  "1.2.0"\n]\n',
                'releases = [\n  "1.0.0",\n  "1.1.0",\n  "1.2.0"\n]\n',
            ),
        ],
    )
    def test_the_layout_stays(self, before, after):
        assert add_releases(before, at("1.1.0")) == after

    @pytest.mark.parametrize("text", ["", "releases = 1", "releases = [1]\n", "releases = ["])
    def test_what_cannot_be_changed_says_what_to_add(self, text):
        with pytest.raises(UsageError, match=r'add "1\.1\.0" to it by hand'):
            add_releases(text, at("1.1.0"))

    @given(
        have=st.lists(st.sampled_from(FINAL_RELEASES), min_size=1, unique=True),
        more=st.sets(st.sampled_from(FINAL_RELEASES), min_size=1),
    )
    def test_whatever_the_order_all_are_there_once(self, have, more):
        text = f"releases = {json.dumps([str(release) for release in have])}\n"
        new = more - set(have)
        names = tomllib.loads(add_releases(text, new))["releases"]
        assert sorted(names) == sorted(str(release) for release in {*have, *new})
        assert [name for name in names if Release.parse(name) in have] == [str(r) for r in have]

    def test_the_diff(self):
        told = diff("a\nb\n", "a\nc\n", "matrix.toml")
        assert told == "--- a/matrix.toml\n+++ b/matrix.toml\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
        assert diff("a", "a", "x") == ""
        assert diff("a", "b", "x").endswith("-a\n+b\n")


@pytest.fixture
def listed(monkeypatch):
    """Makes the network list these releases."""

    def lists(*texts):
        answer = "".join(f"<a href='{text}/'>" for text in texts)
        pages = Pages(**{"archive.apache.org": answer})
        monkeypatch.setattr(upstream, "Downloader", lambda **_: pages)
        return pages

    return lists


def check(capsys, *arguments):
    code = cli.main(["matrix", "--check-upstream", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


class TestVerb:
    def test_up_to_date(self, project, listed, capsys):
        listed("0.21.0", "0.24.1", "1.0.1")
        code, out, _ = check(capsys)
        assert code == ExitCode.OK
        assert "matrix.toml is up to date" in out
        assert "leaves out: 0.21.0" in out
        assert "+++" not in out

    def test_news_is_proposed_as_a_diff_and_nothing_is_touched(self, project, listed, capsys):
        listed("0.24.1", "1.0.1", "1.0.4", "1.12.0")
        before = project.snapshot()
        code, out, _ = check(capsys)
        assert code == ExitCode.TARGET_FAILED
        assert "newer patches of what matrix.toml has: 1.0.4" in out
        assert "newer than all that matrix.toml has: 1.12.0" in out
        assert "no drift data for 1.12.0: the interface table ends with 1.11.0" in out
        assert '-releases = ["0.24.1", "1.0.1"]\n' in out
        assert '+releases = ["0.24.1", "1.0.1", "1.0.4", "1.12.0"]\n' in out
        assert "--write" in out
        assert project.snapshot() == before

    def test_write_makes_the_edit(self, project, listed, capsys):
        listed("0.24.1", "1.0.1", "1.0.4")
        before = project.path.read_text()
        code, out, _ = check(capsys, "--write")
        assert code == ExitCode.OK
        assert "matrix.toml has been changed" in out
        assert project.matrix().releases == at("0.24.1", "1.0.1", "1.0.4")
        assert project.path.read_text() == before.replace('"1.0.1"', '"1.0.1", "1.0.4"')
        assert check(capsys)[0] == ExitCode.OK

    def test_what_is_not_listed_cannot_be_written_away(self, project, listed, capsys):
        listed("1.0.1")
        before = project.snapshot()
        code, out, _ = check(capsys, "--write")
        assert code == ExitCode.TARGET_FAILED
        assert "not listed there: 0.24.1" in out
        assert project.snapshot() == before

    def test_json(self, project, listed, capsys):
        listed("0.20.0", "0.21.0", "1.0.1", "1.0.4", "1.12.0")
        code, out, _ = check(capsys, "--json")
        assert code == ExitCode.TARGET_FAILED
        record = json.loads(out)
        assert record.pop("diff").startswith("--- a/matrix.toml\n+++ b/matrix.toml\n")
        assert record == {
            "url": "https://archive.apache.org/dist/mesos/",
            "listed": ["0.21.0", "1.0.1", "1.0.4", "1.12.0"],
            "up_to_date": False,
            "new_patches": ["1.0.4"],
            "new_minors": ["1.12.0"],
            "absent": ["0.21.0"],
            "unlisted": ["0.24.1"],
            "no_drift_data": ["1.12.0"],
            "written": False,
        }

    def test_offline(self, project, monkeypatch, capsys):
        pages = Pages(**{"archive.apache.org": UnreachableError("no connection")})
        monkeypatch.setattr(upstream, "Downloader", lambda **_: pages)
        before = project.snapshot()
        code, out, err = check(capsys, "--write")
        assert code == ExitCode.UNAVAILABLE
        assert out == ""
        assert "no connection" in err
        assert "offline" in err
        assert project.snapshot() == before

    def test_mirrors_of_the_matrix_are_asked(self, project, monkeypatch, capsys):
        project.add('[archives]\nurl = "http://a/m"\nmirrors = ["http://b"]\n')
        links = "<a href='0.24.1/'><a href='1.0.1/'>"
        pages = Pages(a=DownloadError("503 Busy"), b=links)
        monkeypatch.setattr(upstream, "Downloader", lambda **_: pages)
        assert check(capsys)[0] == ExitCode.OK
        assert pages.asked == ["http://a/m/", "http://b/"]

    @pytest.mark.usefixtures("project")
    @pytest.mark.parametrize(
        ("arguments", "part"),
        [
            (["--write"], "without --check-upstream"),
            (["--check-upstream", "--only", "1.*"], "leave --only out"),
        ],
    )
    def test_options_that_do_not_go_together(self, capsys, arguments, part):
        assert cli.main(["matrix", *arguments]) == ExitCode.USAGE
        assert part in capsys.readouterr().err
