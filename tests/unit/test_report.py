"""The report's three forms: all of the manifest, always the same, whatever is in it."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from support_report import HOSTILE, RELEASES, STATUSES, make_manifest

from buildkit import interfaces
from buildkit.errors import UnavailableError
from buildkit.outcome import Status
from buildkit.prediction.verdicts import Verdict
from buildkit.releases import Release
from buildkit.report.collect import logs_of, manifest_of, way
from buildkit.report.drift import drift_table
from buildkit.report.guards import guards_table
from buildkit.report.html import html
from buildkit.report.junit import junit
from buildkit.report.markdown import markdown
from buildkit.report.predictions import predictions_table
from buildkit.report.view import Extras, Log, Table, make_view, size_text
from buildkit.results.manifest import Manifest, PredictionRecord, manifest_json
from buildkit.sources.modules import Sources


@pytest.fixture(scope="module")
def manifest():
    return make_manifest()


@pytest.fixture(scope="module")
def view(manifest):
    logs = {"dockervolume/0.25.1/debian12": Log(link="../build/logs/0.25.1.log", tail=("end",))}
    return make_view(manifest, logs, missing=("dockervolume/0.22.0/debian12",))


@pytest.mark.parametrize("form", [html, markdown, junit])
class TestEveryForm:
    def test_it_is_the_same_for_the_same_manifest(self, form, manifest, view):
        again = Manifest.model_validate_json(manifest_json(manifest))
        logs = {row.record.name: row.log for row in view.rows if row.log}
        assert form(make_view(again, logs, missing=view.missing)) == form(view)

    def test_every_target_is_in_it(self, form, view):
        text = form(view)
        assert all(release in text for release in RELEASES)
        assert "0.22.0" in text

    def test_without_targets_it_is_one_as_well(self, form):
        assert form(make_view(Manifest(), {}))

    def test_causes_are_in_it(self, form, view):
        assert "is not a member of" in form(view)


class TestView:
    def test_the_floor_is_told_once_for_a_platform_that_has_one(self):
        view = make_view(make_manifest("debian12", "debian11"), {})
        assert [group.floor for group in view.groups] == [
            "debian12: GLIBC 2.36, GLIBCXX 3.4.30",
            "",
        ]
        for form in (html, markdown):
            assert form(view).lower().count("must load on") == 1

    def test_the_headline_counts(self, view):
        assert view.headline == (
            "15 passed, 2 failed, 1 expected failure, 1 unexpected pass, 1 skipped, 1 missing"
        )
        assert view.tone == "bad"
        assert {row.record.release for row in view.failures} == {"0.25.1", "1.9.0", "1.10.0"}

    def test_stages_that_were_not_reached_say_so(self, view):
        cells = {row.record.release: [cell.word for cell in row.cells] for row in view.rows}
        assert cells["0.25.1"] == ["ok", "failed", "not reached"]
        assert cells["0.26.0"] == ["skipped", "skipped", "skipped"]
        assert cells["1.0.4"] == ["cached", "cached", "cached, run"]

    def test_a_lower_level_than_asked_for_is_odd(self, view):
        [row] = [row for row in view.rows if row.record.release == "1.3.2"]
        assert (row.cells[2].word, row.cells[2].tone) == ("ok, load", "odd")

    def test_nothing_missing_and_nothing_failed_is_good(self):
        targets = tuple(t for t in make_manifest().targets if t.status is Status.PASSED)
        assert make_view(Manifest(targets=targets), {}).tone == "good"

    @pytest.mark.parametrize(
        ("size", "text"), [(0, "0 KiB"), (1536, "2 KiB"), (1024**2, "1.0 MiB"), (1023, "1 KiB")]
    )
    def test_sizes(self, size, text):
        assert size_text(size) == text


class _Outline(HTMLParser):
    """What a page links to, loads and identifies; and that its tags match."""

    VOID = frozenset({"meta", "link", "input", "rect", "img", "br"})

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.open, self.loads, self.handlers = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag not in self.VOID:
            self.open.append(tag)
        if "id" in given:
            self.ids.append(given["id"])
        if tag == "a":
            self.links.append(given["href"])
        self.loads += [v for k, v in attributes if k in {"src", "srcset", "poster", "data"}]
        self.handlers += [k for k, _ in attributes if k.startswith("on") or k == "style"]

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def outline(view):
    return _Outline(html(view))


class TestHtml:
    def test_its_tags_match_and_its_ids_are_unique(self, outline):
        assert outline.open == []
        assert len(set(outline.ids)) == len(outline.ids)

    def test_cards_are_called_a_table_still(self, view):
        """Some browsers take what is not shown as a table for none."""
        [grid] = re.findall(r'<table class="grid".*?</table>', html(view), re.DOTALL)
        for tag, role in (("tr", "row"), ("td", "cell"), ("tbody", "rowgroup"), ("table", "table")):
            assert len(re.findall(f"<{tag}[ >]", grid)) == len(
                re.findall(f'<{tag}[^>]* role="{role}"', grid)
            )
        assert grid.count('role="rowheader" scope="row"') == len(view.rows)
        assert grid.count('role="columnheader" scope="col"') == 11

    def test_links_within_lead_somewhere(self, outline):
        within = {link[1:] for link in outline.links if link.startswith("#")}
        assert within <= {*outline.ids}
        assert "target-1" in within

    def test_it_loads_nothing_and_has_no_handlers(self, outline, view):
        assert outline.loads == []
        assert outline.handlers == []
        assert not [link for link in outline.links if re.match(r"[a-z]+:|//", link)]
        assert "url(" not in html(view)
        assert "@import" not in html(view)

    def test_what_a_compiler_prints_is_text(self, view):
        assert HOSTILE not in html(view)
        assert "&lt;script&gt;document.title" in html(view)

    def test_libraries_and_logs_are_linked_from_where_it_is(self, view):
        links = _Outline(html(view, dist="../results/")).links
        library = "libdockervolume-1.0.0+mesos-0.24.1.so"
        assert f"../results/0.24.1/{library}" in links
        assert "../build/logs/0.25.1.log" in links

    def test_sections_that_nobody_filled_are_not_there(self, outline):
        assert not {"guards", "predictions", "drift"} & {*outline.ids}

    @pytest.mark.parametrize("name", ["guards", "predictions", "drift"])
    def test_those_that_somebody_filled_are(self, manifest, name):
        table = Table(titles=("Release", "Branch"), rows=(("0.24.1", "a < b"),))
        view = make_view(manifest, {}, extras=Extras(**{name: table}))
        assert name in _Outline(html(view)).ids
        assert "a &lt; b" in html(view)
        assert "| a \\< b |" in markdown(view)

    def test_a_stub_is_marked_loudly_and_nothing_else_is(self, view):
        assert "Stub SDK for 7 of 20 targets" in html(view)
        real = tuple(t for t in make_manifest().targets if t.sdk != "stub")
        assert "STUB" not in html(make_view(Manifest(targets=real), {}))


class TestMarkdown:
    def test_each_row_has_as_many_cells_as_the_head(self, view):
        rows = [line for line in markdown(view).splitlines() if line.startswith("|")]
        assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {11}
        assert len(rows) == 2 + len(RELEASES)

    def test_what_a_compiler_prints_stays_in_its_block(self, manifest):
        cause = ("```", "# heading", "````")
        targets = tuple(
            t.model_copy(update={"cause": cause}) if t.status is Status.FAILED else t
            for t in manifest.targets
        )
        text = markdown(make_view(Manifest(targets=targets), {}))
        assert "`````text\n```\n# heading\n````\n`````" in text

    def test_names_mean_themselves(self, manifest):
        name = "a|b*c_<img>[x](y)"
        view = make_view(manifest, {}, missing=(name,))
        assert r"- a\|b\*c\_\<img\>\[x\]\(y\)" in markdown(view)


def parsed(view):
    return ET.fromstring(junit(view))  # noqa: S314  # our own


@pytest.fixture(scope="module")
def root(view):
    return parsed(view)


class TestJunit:
    def case(self, root, release, stage):
        [case] = [c for c in root.iter("testcase") if c.get("name") == f"{release} {stage}"]
        return case

    def test_a_case_for_every_stage_of_every_target(self, root):
        names = [case.get("name") for case in root.iter("testcase")]
        assert names[:-1] == [
            f"{release} {stage}" for release in RELEASES for stage in ("sdk", "build", "smoke")
        ]
        assert len(set(names)) == len(names)
        assert root.get("tests") == str(len(names))

    def test_counts_are_those_of_the_cases(self, root):
        for suite in [root, *root.findall("testsuite")]:
            for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
                assert suite.get(key) == str(len(list(suite.iter(tag)))), suite.attrib
        assert root.get("failures") == "3"
        assert root.get("errors") == "1"

    def test_a_failure_has_its_cause_and_what_follows_was_not_reached(self, root):
        failure = self.case(root, "0.25.1", "build").find("failure")
        assert "is not a member of" in failure.get("message")
        assert failure.text.splitlines()[0] == "build: exited with 1"
        assert HOSTILE in failure.text
        assert self.case(root, "0.25.1", "smoke").find("skipped").get("message") == "not reached"
        assert self.case(root, "0.25.1", "sdk").find("*") is None

    def test_an_expected_failure_is_no_failure_and_an_unexpected_pass_is_one(self, root):
        build = self.case(root, "1.4.3", "build")
        assert build.find("skipped").get("message").startswith("expected: update()")
        assert self.case(root, "1.9.0", "smoke").find("failure").get("type") == "unexpected pass"

    def test_a_skipped_target_says_why(self, root):
        assert self.case(root, "0.26.0", "sdk").find("skipped").get("message") == "nobody runs it"

    def test_times(self, root):
        assert self.case(root, "0.24.1", "smoke").get("time") == "9.125"
        assert self.case(root, "1.0.4", "smoke").get("time") == "0.000"

    def test_a_missing_target_is_an_error(self, root):
        assert self.case(root, "0.22.0", "missing").find("error") is not None

    def test_classes_have_dots_only_between_package_and_class(self, root):
        assert self.case(root, "0.25.1", "sdk").get("classname") == "dockervolume.debian12.0_25_1"

    @pytest.mark.parametrize("character", ["\x00", "\x1b[31m", "\ufffe", "\x0b"])
    def test_what_xml_cannot_hold_is_replaced(self, manifest, character):
        targets = tuple(
            t.model_copy(update={"cause": (f"a{character}b", "c")}) for t in manifest.targets
        )
        root = parsed(make_view(Manifest(targets=targets), {}))
        assert self.case(root, "0.25.1", "build").find("failure").text.startswith("a\ufffd")


class TestCollecting:
    def test_without_a_manifest_it_says_what_to_do(self, tmp_path):
        with pytest.raises(UnavailableError, match="build first"):
            manifest_of(tmp_path)

    def test_logs_that_are_there_are_linked_from_the_report(self, manifest, tmp_path):
        logs = tmp_path / "build/logs"
        logs.mkdir(parents=True)
        lines = [f"line {number}" for number in range(1000)]
        for release in ("0.24.1", "0.25.1"):
            (logs / f"{release}.log").write_text("\n".join(lines))
        found = logs_of(manifest, logs, tmp_path / "dist")
        assert {log.link for log in found.values()} == {
            "../build/logs/0.24.1.log",
            "../build/logs/0.25.1.log",
        }
        # The end of what failed comes along, so that the page alone says why.
        assert found["dockervolume/0.24.1/debian12"].tail == ()
        tail = found["dockervolume/0.25.1/debian12"].tail
        assert tail[-1] == "line 999"
        assert len(tail) < 100

    def test_a_manifest_gets_nothing_outside_shown(self, manifest, tmp_path):
        (tmp_path / "logs").mkdir()
        (tmp_path / "secret").write_text("secret")
        (tmp_path / "logs/link.log").symlink_to(tmp_path / "secret")
        for name in ("../secret", str(tmp_path / "secret"), "link.log"):
            targets = tuple(t.model_copy(update={"log": name}) for t in manifest.targets)
            assert logs_of(Manifest(targets=targets), tmp_path / "logs", tmp_path) == {}

    def test_a_manifest_of_version_1_has_no_logs(self, manifest, tmp_path):
        targets = tuple(t.model_copy(update={"log": None}) for t in manifest.targets)
        assert logs_of(Manifest(targets=targets), tmp_path, tmp_path) == {}

    def test_ways(self, tmp_path):
        assert way(tmp_path / "a/b", tmp_path / "a") == "b"
        assert way(tmp_path / "a", tmp_path / "b/c") == "../../a"


def test_the_sample_has_every_status_a_manifest_can_have():
    assert {Status.PASSED, *STATUSES.values()} == {*Status} - {Status.CANCELLED}


class TestDrift:
    def table(self, *releases):
        found = map(Release.parse, releases)
        return drift_table(interfaces.load(), found, ["Isolator", "Isolator"])

    def test_each_boundary_names_what_breaks_a_module(self):
        table = self.table("0.24.1", "0.23.1", "0.24.2", "1.6.2", "1.7.3")
        rows = {row[0]: row[1:] for row in table.rows}
        assert list(rows) == [
            *("0.23.1 to 0.24.1", "0.24.1 to 0.24.2", "0.24.2 to 1.6.2", "1.6.2 to 1.7.3"),
        ]
        assert "Isolator: class to derive from" in rows["0.23.1 to 0.24.1"][1]
        assert rows["1.6.2 to 1.7.3"][0] == "Isolator: recover()"
        assert rows["0.24.1 to 0.24.2"] == ("-", "-", "-")

    def test_where_nothing_can_be_compared_there_is_none(self):
        assert self.table("0.24.1") is None
        assert self.table("0.24.1", "9.9.9") is None

    def test_its_lines_stay_lines(self, manifest):
        view = make_view(manifest, {}, extras=Extras(drift=self.table("0.23.1", "0.24.1")))
        assert "class to derive from<br>Isolator: base class<br>" in markdown(view)
        assert "class to derive from\nIsolator: base class\n" in html(view)


class TestPredictions:
    @pytest.mark.parametrize(
        ("verdict", "release", "agreed"),
        [
            (Verdict.FINE, "0.24.1", "yes"),
            (Verdict.BREAKS, "0.24.1", "NO"),
            (Verdict.FINE, "0.25.1", "NO"),
            (Verdict.BREAKS, "0.25.1", "yes"),
            (Verdict.DIES, "1.4.3", "yes"),
            (Verdict.BREAKS, "1.9.0", "NO"),
            (Verdict.UNKNOWN, "0.25.1", "-"),
            (Verdict.BREAKS, "0.26.0", "-"),
        ],
    )
    def test_it_says_whether_it_came_out_so(self, manifest, verdict, release, agreed):
        prediction = PredictionRecord(verdict=verdict, reasons=("a.cpp:1: why", "b.cpp:2: why"))
        targets = tuple(
            t.model_copy(update={"prediction": prediction}) if t.release == release else t
            for t in manifest.targets
        )
        [row] = predictions_table(Manifest(targets=targets)).rows
        assert row[0] == f"dockervolume/{release}/debian12"
        assert row[1:4] == (verdict.value, STATUSES.get(release, Status.PASSED).value, agreed)
        assert row[4] == "a.cpp:1: why\nb.cpp:2: why"

    def test_where_nothing_was_predicted_there_is_none(self, manifest):
        assert predictions_table(manifest) is None


class TestGuards:
    def rows(self, project):
        sources = Sources(root=project.root, cache=project.root / "cache")
        matrix = project.matrix()
        table = guards_table(matrix, sources, matrix.releases)
        return table and table.rows

    def test_each_branch_has_its_releases(self, project):
        (project.root / "src/volume.cpp").write_text(
            "#if MESOS_VERSION_INT < 0300\nint a;\n#else\nint b;\n#endif\n"
        )
        assert self.rows(project) == (
            ("volume.cpp:1", "#if MESOS_VERSION_INT < 0300", "0.24.1"),
            ("volume.cpp:3", "#else", "1.0.1"),
        )

    def test_what_takes_no_branch_is_told_beside_its_guard(self, project):
        (project.root / "src/volume.cpp").write_text(
            "int b;\n#if MESOS_VERSION_INT < 0300\nint a;\n#endif\n"
        )
        assert self.rows(project)[1] == ("volume.cpp:2", "(none)", "1.0.1")

    def test_without_guards_there_is_none(self, project):
        assert self.rows(project) is None

    def test_sources_that_were_never_fetched_are_left_out(self, project):
        project.write(
            project.path.read_text().replace(
                'source = "src"', f'git = "https://192.0.2.1/x.git"\nrevision = "{"a" * 40}"'
            )
        )
        assert self.rows(project) is None

    def test_sources_that_cannot_be_read_say_why(self, project):
        (project.root / "src/link.cpp").symlink_to("/etc/passwd")
        [(place, why, releases)] = self.rows(project)
        assert (place, releases) == ("sources", "-")
        assert "link.cpp" in why
