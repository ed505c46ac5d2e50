"""The harness's verb ``agent`` on a made-up Mesos: shell scripts that behave, or misbehave.

What they do wrong is told through an environment variable. Whatever it is, nothing may be left.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import buildkit.smoke
from buildkit.engine.host import processes_with
from buildkit.releases import Release
from buildkit.smoke.agent import LAUNCHER, ROLES, Role, agent_data, choose_programs
from buildkit.smoke.checks import Check, failures
from buildkit.smoke.results import LAST_CHECK, read_report

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")

HARNESS = Path(buildkit.smoke.__file__).parent / "harness"
INSTALLED = Path(__file__).parents[1] / "support" / "installed"
RELEASE = Release(1, 2, 3)


@dataclass(frozen=True, kw_only=True)
class Result:
    code: int
    output: str
    checks: list[Check]
    left: list[int]

    def problems(self) -> dict[str, str]:
        return {check.name: check.detail for check in failures(self.checks)}


class Mesos:
    """A made-up installation, and the harness on it."""

    def __init__(self, root: Path, harness: Path) -> None:
        self.root = root
        self.prefix = root / "mesos"
        self._harness = harness
        shutil.copytree(INSTALLED, self.prefix)

    def command(self, *more: str, limit: int, scenario: str) -> list[str | Path]:
        names = [str(path.relative_to(self.prefix)) for path in self.prefix.rglob("mesos-*")]
        programs = choose_programs("prefix", names, RELEASE)

        def words(role: Role) -> list[str]:
            flags = agent_data().flags(role, RELEASE)
            every = [str(self.prefix / programs[role]), *flags]
            return [part for word in every for part in (f"--{role}", word)]

        return [
            *(self._harness, "agent", "--library", "libmodule.so", "--symbol", "the_Module"),
            *("--scenario", scenario, "--stand-in", HARNESS / "stand-in.sh"),
            *("--work", self.root / "work", "--report", self.root / "agent.jsonl"),
            *("--launcher", self.prefix / LAUNCHER, "--libraries", self.prefix / "lib"),
            *("--time-limit", str(limit), *more),
            *(word for role in ROLES for word in words(role)),
        ]

    def marker(self) -> str:
        return f"TMPDIR={self.root}"

    def environment(self, wrong: str) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "MISBEHAVE": wrong, "TMPDIR": str(self.root)}

    def run(
        self, wrong: str = "", *more: str, limit: int = 20, scenario: str = "docker-volume"
    ) -> Result:
        done = subprocess.run(
            self.command(*more, limit=limit, scenario=scenario),
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
            env=self.environment(wrong),
        )
        checks = read_report(self.root / "agent.jsonl", level="agent")
        return Result(
            code=done.returncode,
            output=done.stdout + done.stderr,
            checks=checks,
            left=processes_with(self.marker().encode()),
        )

    def said(self, program: str) -> list[str]:
        """The arguments that a program was started with."""
        return (self.root / "queue" / f"{program}-arguments").read_text().splitlines()


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("harness")
    subprocess.run(
        [
            *("nice", "g++", "-std=c++11", "-O0", "-Wall", "-Wextra", "-Werror"),
            *("-static", HARNESS / "harness.cpp", "-o", folder / "harness", "-ldl", "-pthread"),
            # This verb opens no library, so it needs nothing that is compiled with Mesos's headers.
            "-Wl,--unresolved-symbols=ignore-all",
        ],
        check=True,
        timeout=300,
    )
    return folder / "harness"


@pytest.fixture
def mesos(harness: Path, tmp_path: Path) -> Mesos:
    return Mesos(tmp_path, harness)


def test_a_mount_and_an_unmount_are_seen(mesos: Mesos) -> None:
    result = mesos.run()
    assert result.problems() == {}
    assert result.code == 0
    assert [check.name for check in result.checks] == [
        "the master starts",
        "the agent starts with the module",
        "a task runs to its end",
        "the task has the environment it was given",
        "the volume is mounted when the task runs",
        "it is unmounted when the task has ended",
        "it is mounted and unmounted once",
        "master and agent are still running",
        "nothing is left running",
        LAST_CHECK,
    ]
    mounted = "mount|--volumedriver=rexray|--volumename=v1"
    details = {check.name: check.detail for check in result.checks}
    assert details["it is unmounted when the task has ended"] == f"{mounted}, then un{mounted}"
    assert result.left == []


def test_what_they_said_is_in_the_output_and_marked(mesos: Mesos) -> None:
    output = mesos.run().output
    for line in (
        "--- output of the master\n| I0101 master.cpp:1] Master 1",
        "--- output of the agent\n| I0101 slave.cpp:1] Registered",
        "--- output of mesos-execute\n| Received status update TASK_RUNNING",
        "--- output of the executor's stdout\n| said by the task\n",
    ):
        assert line in output


def test_the_programs_get_their_releases_flags_filled_in(mesos: Mesos) -> None:
    mesos.run()
    assert "--port=0" in mesos.said("master")
    agent = mesos.said("agent")
    assert "--master=127.0.0.1:5050" in agent
    assert "--isolation=posix/cpu,posix/mem,the_Module" in agent
    assert f"--launcher_dir={mesos.prefix}/libexec/mesos" in agent
    variables = f'{{"LD_LIBRARY_PATH":"{mesos.prefix}/lib"}}'
    assert f"--executor_environment_variables={variables}" in agent
    assert "--no-systemd_enable_support" in agent
    execute = mesos.said("execute")
    assert '--env={"DVDI_VOLUME_NAME":"v1","DVDI_VOLUME_DRIVER":"rexray"}' in execute


class TestLifecycle:
    def test_a_module_that_uses_no_stand_in_runs_a_task(self, mesos: Mesos) -> None:
        result = mesos.run(scenario="lifecycle")
        assert result.problems() == {}
        assert not any("mounted" in check.name for check in result.checks)
        assert not any(word.startswith("--env=") for word in mesos.said("execute"))

    def test_parameters_and_environment_are_its_own(self, mesos: Mesos) -> None:
        asked = ["--parameter", "command={stand-in}", "--environment", "WHICH=v1"]
        result = mesos.run("", *asked, scenario="lifecycle")
        assert result.problems() == {}
        names = [check.name for check in result.checks]
        assert "what the environment asks for is mounted when the task runs" in names
        assert '--env={"WHICH":"v1"}' in mesos.said("execute")

    def test_what_is_mounted_is_to_be_unmounted(self, mesos: Mesos) -> None:
        asked = ["--parameter", "command={stand-in}"]
        problems = mesos.run("no-unmount", *asked, scenario="lifecycle", limit=1).problems()
        assert "--volumename=v1" in problems["it is unmounted when the task has ended"]


@pytest.mark.parametrize(
    ("wrong", "check", "message"),
    [
        ("master-dies", "the master starts", "the master exited with 1: Failed to bind"),
        ("master-silent", "the master starts", "not within 1 s"),
        (
            "agent-dies",
            "the agent starts with the module",
            "the agent exited with 1: Error loading modules: no such module",
        ),
        ("agent-silent", "the agent starts with the module", "not within 1 s"),
        ("execute-dies", "a task runs to its end", "mesos-execute exited with 1: Failed to parse"),
        ("agent-crashes", "a task runs to its end", "the agent killed by signal 11"),
        ("task-fails", "a task runs to its end", "status update TASK_FAILED for task 'smoke'"),
        ("task-hangs", "a task runs to its end", "not within 1 s"),
        ("forgets", "the task has the environment it was given", "it lacks DVDI_VOLUME_NAME=v1"),
        ("no-mount", "the volume is mounted when the task runs", "there was no call"),
        ("other-volume", "the volume is mounted when the task runs", "--volumename=v2; expected"),
        ("no-unmount", "it is unmounted when the task has ended", "--volumename=v1; not within 1"),
        ("agent-ends", "it is unmounted when the task has ended", "still mounted: "),
        ("agent-ends", "master and agent are still running", "the agent exited with 0"),
        ("twice", "the volume is mounted when the task runs", "expected one mount"),
    ],
)
def test_what_goes_wrong_is_said_and_leaves_nothing(
    mesos: Mesos, wrong: str, check: str, message: str
) -> None:
    result = mesos.run(wrong, limit=1)
    assert result.code == 1
    assert message in result.problems()[check]
    assert result.checks[-1].name == LAST_CHECK
    assert result.left == []


def test_programs_that_do_not_end_when_told_are_killed(mesos: Mesos) -> None:
    result = mesos.run("stubborn")
    assert result.problems() == {}
    assert result.left == []


def test_a_program_that_cannot_be_run_is_named(mesos: Mesos) -> None:
    (mesos.prefix / "sbin/mesos-master").write_text("#!/no/such/shell\n")
    problems = mesos.run().problems()
    assert "exited with 127" in problems["the master starts"]
    assert "mesos-master: No such file" in problems["the master starts"]


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_all_of_it(mesos: Mesos, number: signal.Signals) -> None:
    with subprocess.Popen(
        mesos.command(limit=60, scenario="docker-volume"),
        stdout=subprocess.PIPE,
        text=True,
        env=mesos.environment("task-hangs"),
    ) as process:
        wait_for((mesos.root / "queue/task").exists)
        process.send_signal(number)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "FAIL agent the test runs to its end: interrupted" in output
    assert "--- output of the agent" in output
    wait_for(lambda: processes_with(mesos.marker().encode()) == [])
