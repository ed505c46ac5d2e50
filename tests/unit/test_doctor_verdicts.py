"""Verdicts, estimates, and asking that nothing can hold up; the probes are tested elsewhere."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from buildkit.doctor.asking import ask_all
from buildkit.doctor.estimate import archive_bytes, build_bytes, engine_bytes
from buildkit.doctor.facts import (
    ArchivesFact,
    BaseFact,
    CompilerFact,
    DaemonFact,
    DiskFact,
    DistFact,
    Fact,
    GitFact,
    LeftoversFact,
    LocksFact,
    NoAnswer,
    Package,
    PinsFact,
    PythonFact,
    Question,
    SlotsFact,
)
from buildkit.doctor.judge import exit_code, judge
from buildkit.errors import ExitCode

NEEDED = Question(topic="it", needed=True, engine="docker")
WANTED = replace(NEEDED, needed=False)
GIB = 1024**3

PYTHON = PythonFact(version=(3, 11, 2), executable="/usr/bin/python3", packages=60, differing=())
PACKAGE = Package(name="rich", locked="13.9", installed="13.8", runtime=True)
DAEMON = DaemonFact(
    address="unix:///x (the default socket)",
    available=True,
    product="Docker/28.2.2",
    api="1.50",
    storage="overlay2",
    cgroups="2",
    unbounded=(),
    root="/var/lib/docker",
)
COMPILER = CompilerFact(
    command="g++", path="/usr/bin/g++", version="g++ 12.2.0", cxx11=True, detail=""
)
GIT = GitFact(path="/usr/bin/git", version="git version 2.39", modules=())
DISK = DiskFact(place="build/", path=Path("/x/build"), free=50 * GIB, needed=GIB)
BASE = BaseFact(
    platform="debian12",
    image="debian:bookworm-slim",
    made=False,
    here=False,
    registry="has it",
    detail="",
    bootstrap=True,
    bootstrapper=None,
    installable=False,
)
ARCHIVES = ArchivesFact(
    folder=Path("/cache"),
    writable=True,
    wanted=21,
    missing=(),
    url="",
    answer="",
    required=False,
)
PINS = PinsFact(path=Path("matrix.lock"), there=True, error="", unpinned=())
LOCKS = LocksFact(folder=Path("/x/build"), error="")
SLOTS = SlotsFact(cpus=4, memory=8 * GIB, memory_per_job=GIB, jobs=4, busy=0)
DIST = DistFact(error="", targets=21, missing=())
LEFT = LeftoversFact(containers=0, folders=0, others=0)

GOOD = [
    PYTHON,
    replace(PYTHON, packages=None),
    DAEMON,
    COMPILER,
    GIT,
    DISK,
    BASE,
    replace(BASE, registry="not asked", made=True),
    replace(BASE, registry="not asked", here=True),
    replace(BASE, registry="no registry", bootstrapper="/usr/bin/mmdebstrap"),
    ARCHIVES,
    replace(ARCHIVES, missing=("mesos-0.24.1.tar.gz",), url="https://a.example/x"),
    PINS,
    replace(PINS, there=False),
    LOCKS,
    SLOTS,
    replace(SLOTS, busy=2),
    DIST,
    LEFT,
    replace(LEFT, others=3),
]


@pytest.mark.parametrize("fact", GOOD, ids=lambda fact: type(fact).__name__)
def test_what_is_fine_asks_for_nothing(fact):
    line = judge(NEEDED, fact)
    assert (line.topic, line.state, line.todo) == ("it", "fine", "")
    assert line.text


# Fact, words of the advice, whether a build cannot do without (None: as the question says).
BAD = [
    (NoAnswer(why="no answer within 5 s"), "by hand", None),
    (replace(PYTHON, version=(3, 10, 1)), "3.11 or later", None),
    (replace(PYTHON, differing=(PACKAGE,)), "./mesos-buildkit", False),
    (replace(PYTHON, differing=(replace(PACKAGE, installed=None),)), "--require-hashes", True),
    (
        replace(PYTHON, differing=(replace(PACKAGE, installed=None, runtime=False),)),
        "--require-hashes",
        False,
    ),
    (replace(DAEMON, available=False), "DOCKER_HOST", None),
    (replace(DAEMON, unbounded=("memory", "processes")), "control groups", False),
    (replace(COMPILER, path=None), "apt-get install g++", None),
    (replace(COMPILER, cxx11=False, detail="no <memory>"), "g++ 4.8", None),
    (replace(GIT, path=None), "install git", False),
    (replace(GIT, path=None, modules=("dvdi",)), "install git", True),
    (replace(DISK, free=GIB // 2), "make room", False),
    (replace(DISK, free=GIB // 20), "make room", None),
    (replace(BASE, registry="no registry"), "docker load", None),
    (replace(BASE, registry="no registry", bootstrap=False), "docker load", None),
    (replace(BASE, registry="no registry", installable=True), "install mmdebstrap", False),
    (replace(BASE, registry="refused"), "docker login", None),
    (
        replace(BASE, registry="no such image", bootstrapper="/usr/bin/mmdebstrap"),
        "correct 'base'",
        None,
    ),
    (
        replace(ARCHIVES, missing=("a",), url="https://a.example/x", answer="answered 503"),
        "--export",
        False,
    ),
    (
        replace(ARCHIVES, missing=("a",), url="u", answer="answered 503", required=True),
        "mirrors",
        True,
    ),
    (replace(ARCHIVES, missing=("a",), writable=False), "MESOS_BUILDKIT_ARCHIVES", False),
    (replace(PINS, error="matrix.lock: line 3: no"), "version control", None),
    (replace(PINS, unpinned=("a", "b", "c", "d")), "--fetch-only", False),
    (replace(LOCKS, error="No locks available"), "lockd", None),
    (replace(SLOTS, memory=GIB // 2), "memory-per-job", False),
    (replace(DIST, error="dist/manifest.json: not a manifest"), "move it away", None),
    (replace(DIST, missing=("0.24.1/x.so",)), "build again", False),
    (replace(LEFT, containers=2), "nox -s clean", False),
    (replace(LEFT, folders=1), "nox -s clean", False),
]


@pytest.mark.parametrize(("fact", "advice", "needed"), BAD)
def test_what_is_not_fine_says_what_to_do(fact, advice, needed):
    for question in (NEEDED, WANTED):
        line = judge(question, fact)
        assert advice in line.todo
        expected = question.needed if needed is None else needed
        assert line.state == ("missing" if expected else "advice")


def test_every_kind_of_fact_is_judged_both_ways():
    kinds = set(get_args(Fact))
    assert {type(fact) for fact in GOOD} | {NoAnswer} == kinds
    assert {type(row[0]) for row in BAD} == kinds


def test_long_lists_are_cut():
    text = judge(NEEDED, replace(PINS, unpinned=tuple("abcdefg"))).text
    assert "a, b, c and 4 more" in text


def test_the_exit_code_is_of_what_is_missing():
    fine, bad = judge(NEEDED, PYTHON), judge(NEEDED, replace(DAEMON, available=False))
    advice = judge(WANTED, replace(DAEMON, available=False))
    assert exit_code([fine, advice]) is ExitCode.OK
    assert exit_code([fine, bad, advice]) is ExitCode.UNAVAILABLE
    assert exit_code([]) is ExitCode.OK


def test_no_probe_can_hold_up_or_break_the_rest():
    hang = threading.Event()

    def hangs():
        hang.wait(60)
        return PYTHON

    def breaks():
        raise RuntimeError("odd")

    try:
        found = ask_all({"a": lambda: PYTHON, "b": hangs, "c": breaks, "d": lambda: GIT}, 0.2)
    finally:
        hang.set()
    assert list(found) == ["a", "b", "c", "d"]
    assert found["a"] is PYTHON
    assert found["b"] == NoAnswer(why="no answer within 0.2 s")
    assert found["c"] == NoAnswer(why="RuntimeError: odd")
    assert found["d"] is GIT


def test_an_answer_that_comes_late_changes_nothing():
    late = threading.Event()
    done = threading.Event()

    def slow():
        late.wait(60)
        done.set()
        return PYTHON

    found = ask_all({"a": slow}, 0.05)
    late.set()
    done.wait(60)
    assert found == {"a": NoAnswer(why="no answer within 0.05 s")}


class TestEstimates:
    def test_targets_with_a_real_sdk_take_more(self, make_target):
        stub, real = make_target(), make_target(sdk="release")
        limit = 100 * GIB
        assert build_bytes([stub], limit) < build_bytes([real], limit)
        assert build_bytes([real] * 21, limit) == 21 * build_bytes([real], limit)
        assert build_bytes([], limit) == 0

    def test_the_cache_bounds_it(self, make_target):
        assert build_bytes([make_target(sdk="release")] * 1000, GIB) == 2 * GIB

    def test_bases_that_are_made_take_nothing(self, make_target):
        request = make_target().base_request
        assert engine_bytes([request], 2) == engine_bytes([request, request], 2)
        assert engine_bytes([], 2) < engine_bytes([request], 2)
        assert engine_bytes([], 0) == 0

    def test_archives_that_are_there_take_nothing(self, make_target, tmp_path):
        targets = [make_target("0.24.1", sdk="release"), make_target("1.0.1", sdk="release")]
        both = archive_bytes(targets, tmp_path)
        (tmp_path / "mesos-0.24.1.tar.gz").touch()
        assert archive_bytes(targets, tmp_path) == both / 2
        assert archive_bytes([make_target("0.24.1")], tmp_path / "none") == 0
