"""The page in a real browser: on a phone and on a desk, in the dark, by keyboard, and alone."""

import os
import shutil

import pytest
from support_browser import Browser
from support_report import HOSTILE, RELEASES, make_manifest

from buildkit.report.html import html
from buildkit.report.view import Extras, Log, Table, make_view
from buildkit.results.manifest import Manifest

TAB, ENTER = ("Tab", 9), ("Enter", 13)
CONTRAST = """
(() => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const luminance = (text) => {
    const [r, g, b] = numbers(text).slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const back = getComputedStyle(at).backgroundColor;
      if (numbers(back)[3] !== 0) return back;
    }
    return "rgb(255, 255, 255)";
  };
  const bad = [];
  for (const details of document.querySelectorAll("details")) details.open = true;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const shown = walker.currentNode.data.trim() && element.checkVisibility();
    if (!shown || element.closest("script, .skip")) continue;
    const pair = [getComputedStyle(element).color, behind(element)].map(luminance).sort();
    const [low, high] = pair.sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) bad.push(`${element.className || element.tagName}: ${ratio.toFixed(2)}`);
  }
  return [...new Set(bad)];
})()
"""
FOCUSED = """
(() => {
  const at = document.activeElement;
  const style = getComputedStyle(at);
  const box = at.getBoundingClientRect();
  return {
    tag: at.tagName, text: at.textContent.trim().slice(0, 40), id: at.id,
    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    seen: box.width > 1 && box.height > 1 && box.bottom > 0 && box.left >= 0,
  };
})()
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        if os.environ.get("MESOS_BUILDKIT_REQUIRE_BROWSER") == "1":
            pytest.fail("no chromium")
        pytest.skip("NO CHROMIUM, SO THE REPORT IS SEEN BY NO BROWSER")
    with Browser(program, tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture(scope="module")
def view():
    manifest = make_manifest("debian12", "debian11")
    logs = {
        record.name: Log(link=f"../build/logs/{record.log}", tail=(HOSTILE, "end"))
        for record in manifest.targets
        if record.log
    }
    wide = tuple(f"src/isolator.cpp:{number} a rather long condition" for number in range(12))
    extras = Extras(
        guards=Table(titles=("Release", *wide), rows=tuple((r, *wide) for r in RELEASES)),
        predictions=Table(titles=("Target", "Predicted"), rows=(("a", HOSTILE),)),
        drift=Table(titles=("Boundary", "Changed"), rows=(("0.23.1 to 0.24.1", "much"),)),
    )
    return make_view(manifest, logs, missing=("dockervolume/0.22.0/debian12",), extras=extras)


@pytest.fixture(scope="module")
def page(view, tmp_path_factory):
    file = tmp_path_factory.mktemp("dist") / "report.html"
    file.write_text(html(view))
    return file.as_uri()


@pytest.fixture(autouse=True)
def quiet(browser):
    """No test of the page may make it complain, or ask anybody for anything."""
    yield
    complaints = [
        *browser.methods("Runtime.exceptionThrown"),
        *browser.methods("Runtime.consoleAPICalled"),
        *browser.methods("Log.entryAdded"),
    ]
    assert complaints == []
    asked = {event["request"]["url"] for event in browser.methods("Network.requestWillBeSent")}
    assert {url.partition(":")[0] for url in asked} <= {"file", "data"}


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize("width", [320, 360, 768, 1200])
def test_nothing_is_wider_than_the_window(browser, page, width, script):
    browser.open(page, width=width, script=script)
    for details in ("false", "true"):
        browser.value(f"document.querySelectorAll('details').forEach((d) => d.open = {details})")
        assert browser.value("document.documentElement.scrollWidth") <= width
        beyond = browser.value(
            "[...document.querySelectorAll('body *')].filter((e) => !e.closest('.scroll, .skip, "
            "thead') && e.getBoundingClientRect().right > innerWidth + 1)"
            ".map((e) => e.tagName + '.' + e.className)"
        )
        assert beyond == []


def test_the_grid_is_a_table_on_a_desk_and_cards_on_a_phone(browser, page):
    shape = "getComputedStyle(document.querySelector('.grid tbody tr')).display"
    browser.open(page, width=1200)
    assert browser.value(shape) == "table-row"
    browser.open(page, width=360)
    assert browser.value(shape) == "flex"
    assert browser.value(
        "getComputedStyle(document.querySelector('td.time'), '::before').content"
    ).startswith('"Time')


@pytest.mark.parametrize("width", [360, 1200])
def test_readers_of_screens_hear_a_table(browser, page, width):
    browser.open(page, width=width)
    browser.send("Accessibility.enable")
    nodes = browser.send("Accessibility.getFullAXTree")["nodes"]
    browser.send("Accessibility.disable")
    roles = [node["role"]["value"] for node in nodes if not node["ignored"]]
    # A head and twenty releases, on two platforms, and the three other tables.
    assert roles.count("row") >= 2 * 21
    assert roles.count("rowheader") >= 2 * 20
    assert roles.count("columnheader") >= 2 * 11
    assert roles.count("main") == roles.count("banner") == roles.count("navigation") == 1


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_every_word_can_be_read(browser, page, width, dark):
    browser.open(page, width=width, dark=dark)
    back = "getComputedStyle(document.body).backgroundColor"
    brightness = sum(map(int, browser.value(back)[4:-1].split(",")))
    assert (brightness < 150) is dark
    assert browser.value(CONTRAST) == []


def test_every_colour_has_its_word(browser, page):
    browser.open(page)
    tags = browser.value(
        "[...document.querySelectorAll('.tag')].map((e) => [e.className, e.textContent.trim()])"
    )
    assert tags
    assert all(word for _, word in tags)
    words = {}
    for name, word in tags:
        words.setdefault(word, set()).add(name)
    # One word has one colour, but for stages that ended in a failure that was foretold.
    assert {word for word, names in words.items() if len(names) > 1} <= {"failed"}


def walk(browser, steps):
    """Where the focus goes by the tab key."""
    stops = []
    for _ in range(steps):
        browser.press(*TAB)
        stops.append(browser.value(FOCUSED))
    return stops


class TestKeyboard:
    def test_the_focus_goes_from_the_skip_link_down_and_is_always_seen(self, browser, page, view):
        browser.open(page)
        links = len({"problems", "grid", "warnings", "guards", "predictions", "drift"}) + 2
        stops = walk(browser, 1 + links + len(view.failures) + 2 + 5)
        assert stops[0]["text"] == "Skip to the results"
        assert stops[1]["text"] == "Problems"
        assert [stop["tag"] for stop in stops[-7:]] == ["INPUT", "INPUT", *["BUTTON"] * 5]
        assert all(stop["outlined"] and stop["seen"] for stop in stops)

    def test_on_a_phone_nothing_that_is_hidden_takes_the_focus(self, browser, page, view):
        browser.open(page, width=360)
        stops = walk(browser, 1 + 8 + len(view.failures) + 2 + 6)
        assert "BUTTON" not in {stop["tag"] for stop in stops}
        assert all(stop["outlined"] and stop["seen"] for stop in stops)

    def test_the_skip_link_skips(self, browser, page, view):
        browser.open(page)
        browser.press(*TAB)
        browser.press(*ENTER)
        browser.wait_until("document.activeElement.id === 'main'")
        [stop] = walk(browser, 1)
        assert stop["text"] == view.failures[0].record.name

    def test_a_release_leads_to_its_opened_details(self, browser, page):
        browser.open(page)
        closed = browser.value(
            "(() => { const a = document.querySelector('tr.good th a'); a.focus(); "
            "return a.hash.slice(1); })()"
        )
        assert browser.value(f"document.getElementById('{closed}').open") is False
        browser.press(*ENTER)
        browser.wait_until(f"document.getElementById('{closed}').open")
        browser.wait_until("document.activeElement.tagName === 'SUMMARY'")

    def test_sorting_by_a_head(self, browser, page):
        browser.open(page)
        browser.value("document.querySelectorAll('.grid thead button')[3].focus()")
        for order in ("ascending", "descending"):
            browser.press(*ENTER)
            head = "document.querySelectorAll('.grid thead th')[6]"
            assert browser.value(f"{head}.getAttribute('aria-sort')") == order
            assert "Time" in browser.value("document.activeElement.textContent")
            keys = browser.value(
                "[...document.querySelector('.grid').tBodies[0].rows]"
                ".map((row) => Number(row.cells[6].dataset.key))"
            )
            assert keys == sorted(keys, reverse=order == "descending")
        browser.value("document.querySelectorAll('.grid thead button')[0].focus()")
        browser.press(*ENTER)
        # By age, not by text: 1.10.0 is newer than 1.9.0.
        releases = browser.value(
            "[...document.querySelector('.grid').tBodies[0].rows]"
            ".map((row) => row.cells[0].textContent)"
        )
        assert releases == list(RELEASES)

    def test_filtering(self, browser, page):
        browser.open(page)
        shown = "[...document.querySelectorAll('.grid tbody tr')].filter((r) => !r.hidden).length"
        assert browser.value(shown) == 40
        browser.value("document.getElementById('words').focus()")
        browser.type("1.10 failed")
        assert browser.value(shown) == 2
        assert browser.value("document.getElementById('shown').value") == "2 of 40 targets"
        browser.value("document.getElementById('words').select()")
        browser.type(" ")
        walk(browser, 1)
        browser.press(" ", 32)
        assert browser.value(shown) == 2 * 3


def test_without_script_all_is_there_but_what_needs_it(browser, page):
    browser.open(page, script=False)
    assert browser.value("document.getElementById('filter').checkVisibility()") is False
    assert browser.value("document.querySelectorAll('.grid button').length") == 0
    assert browser.value("document.querySelectorAll('.grid tbody tr').length") == 40


def test_what_a_compiler_prints_does_nothing(browser, page, view):
    browser.open(page)
    assert browser.value("document.title").startswith(view.headline)
    assert browser.value("document.images.length") == 0
    assert browser.value("document.scripts.length") == 1
    assert HOSTILE in browser.value("document.body.textContent")


def test_the_policy_lets_nothing_else_run(browser, view, tmp_path):
    file = tmp_path / "report.html"
    text = html(view).replace("<main", '<script>window.evil = 1</script><b style="color:red">', 1)
    file.write_text(text)
    browser.open(file.as_uri())
    assert browser.value("window.evil") is None
    refused = browser.methods("Log.entryAdded")
    assert any("Content Security Policy" in entry["entry"]["text"] for entry in refused)
    browser.events.clear()


def test_an_empty_manifest_makes_a_page_as_well(browser, tmp_path):
    file = tmp_path / "report.html"
    file.write_text(html(make_view(Manifest(), {})))
    browser.open(file.as_uri(), width=360)
    assert "no targets" in browser.value("document.querySelector('h1').textContent")
