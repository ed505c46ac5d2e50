"""The report as JUnit XML, which Jenkins, GitLab and GitHub's actions read. Pure.

A suite for each target, a case for each of its stages. The format has no word for a failure that
was expected: it is a skipped case that says so, as test runners do it.
"""

import re
from xml.etree import ElementTree as ET

from buildkit.outcome import Status
from buildkit.report.view import Cell, Row, View

_FORBIDDEN = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 can't hold in any form."""


def junit(view: View) -> str:
    """The XML document."""
    root = ET.Element("testsuites", name="mesos-buildkit")
    for row in view.rows:
        root.append(_suite(row))
    for name in view.missing:
        root.append(_missing(name))
    suites = root.findall("testsuite")
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in suites)))
    root.set("time", f"{sum(row.record.seconds for row in view.rows):.3f}")
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(row: Row) -> ET.Element:
    record = row.record
    suite = ET.Element("testsuite", name=record.name)
    for cell in row.cells:
        case = ET.SubElement(
            suite,
            "testcase",
            # The last dot is where Jenkins divides package from class.
            classname=f"{_plain(record.module)}.{_plain(record.platform)}.{_plain(record.release)}",
            name=f"{record.release} {cell.stage}",
            time=f"{cell.seconds:.3f}",
        )
        _judge(case, row, cell)
    if row.log is not None:
        ET.SubElement(suite, "system-out").text = _clean(f"log: {row.log.link}\n")
    return _counted(suite, record.seconds)


def _judge(case: ET.Element, row: Row, cell: Cell) -> None:
    record = row.record
    text = "\n".join(record.cause)
    first = record.cause[0] if record.cause else row.word
    reached = next((stage for stage in record.stages if stage.stage == cell.stage), None)
    last = bool(record.stages) and record.stages[-1].stage == cell.stage
    if record.status is Status.SKIPPED:
        _add(case, "skipped", first)
    elif reached is None:
        _add(case, "skipped", "not reached")
    elif reached.state == "cancelled":
        _add(case, "skipped", "cancelled")
    elif record.status is Status.UNEXPECTED_PASS and last:
        _add(case, "failure", first, kind="unexpected pass", text=text)
    elif reached.state == "failed" and record.status is Status.EXPECTED_FAILURE:
        _add(case, "skipped", record.cause[-1] if record.cause else row.word)
    elif reached.state == "failed":
        _add(case, "failure", _telling(record.cause) or row.word, kind="failed", text=text)


def _telling(cause: tuple[str, ...]) -> str | None:
    """The line that says most: the first names the step, the next what was wrong."""
    return next(iter([*cause[1:2], *cause[:1]]), None)


def _missing(name: str) -> ET.Element:
    suite = ET.Element("testsuite", name=name)
    module, release, platform = (*name.split("/"), "", "")[:3]
    case = ET.SubElement(
        suite,
        "testcase",
        classname=f"{_plain(module)}.{_plain(platform)}.{_plain(release)}",
        name=f"{release} missing",
        time="0.000",
    )
    _add(case, "error", "no result for this target", kind="missing")
    return _counted(suite, 0.0)


def _counted(suite: ET.Element, seconds: float) -> ET.Element:
    suite.set("tests", str(len(suite.findall("testcase"))))
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(key, str(len(suite.findall(f"testcase/{tag}"))))
    suite.set("time", f"{seconds:.3f}")
    return suite


def _add(case: ET.Element, tag: str, message: str, kind: str = "", text: str = "") -> None:
    element = ET.SubElement(case, tag, message=_clean(message))
    if kind:
        element.set("type", kind)
    if text:
        element.text = _clean(text)


def _plain(name: str) -> str:
    return name.replace(".", "_")


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
