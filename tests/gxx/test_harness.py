"""The C++ harness, compiled by a real g++ against stub SDKs, on modules right and wrong.

The wrong module is compiled once and told through an environment variable what to do wrong. The
project's own isolator is driven for one release of each interface generation.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from filelock import FileLock

import buildkit.smoke
from buildkit.encoding import Encoding, version_header
from buildkit.interfaces import load as load_interfaces
from buildkit.releases import Release
from buildkit.sdk.stub import render
from buildkit.smoke.checks import Check, failures
from buildkit.smoke.elf import inspect_library
from buildkit.smoke.overrides import Interface, find_dead_overrides
from buildkit.smoke.policy import InspectPolicy
from buildkit.smoke.results import LAST_CHECK, read_report

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")

HARNESS = Path(buildkit.smoke.__file__).parent / "harness"
ISOLATOR = Path(__file__).parents[2] / "isolator"
ISOLATOR_SYMBOL = "mesos_buildkit_DockerVolumeIsolator"

GENERATIONS = (
    "0.22.2", "0.23.1", "0.24.1", "0.25.0", "0.27.3", "0.28.3",
    "1.0.4", "1.2.3", "1.4.3", "1.5.3", "1.7.3", "1.11.0",
)  # fmt: skip
TOY_RELEASE = "1.7.3"
MINIMUM = (
    "Minimum supported mesos version for 'Isolator' is 1.7.3, but module is compiled with version"
)

TOY = r"""
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <stdexcept>
#include <mesos/mesos.hpp>
#include <mesos/module.hpp>
#include <mesos/module/isolator.hpp>
#include <mesos/slave/isolator.hpp>

static bool wrong(const char* what)
{
  const char* told = ::getenv("TOY_WRONG");
  return told != nullptr && ::strcmp(told, what) == 0;
}

static void hang() { for (;;) ::sleep(1); }
static bool incompatible() { return false; }

class Toy : public mesos::slave::Isolator
{
public:
  virtual process::Future<Option<mesos::slave::ContainerLaunchInfo>> prepare(
      const mesos::ContainerID&, const mesos::slave::ContainerConfig&)
  {
    if (wrong("crash")) ::raise(SIGSEGV);
    if (wrong("exit")) ::_exit(0);
    if (wrong("hang")) hang();
    if (wrong("throw")) throw std::runtime_error("thrown by the toy");
    if (wrong("fail")) return process::Failure("refused by the toy");
    if (wrong("pending")) return process::Future<Option<mesos::slave::ContainerLaunchInfo>>();
    return Option<mesos::slave::ContainerLaunchInfo>(None());
  }

  virtual process::Future<mesos::slave::ContainerLimitation> watch(const mesos::ContainerID&)
  {
    if (wrong("limit")) return mesos::slave::ContainerLimitation();
    return process::Future<mesos::slave::ContainerLimitation>();
  }
};

static mesos::slave::Isolator* create(const mesos::Parameters&)
{
  return wrong("null") ? nullptr : new Toy();
}

mesos::modules::Module<mesos::slave::Isolator> toy_Module(
    wrong("api") ? "1" : MESOS_MODULE_API_VERSION,
    wrong("older") ? "1.7.2" : wrong("newer") ? "1.8.0" : wrong("text") ? "seven" :
      wrong("candidate") ? "1.7.3-rc1" : MESOS_VERSION,
    wrong("author") ? nullptr : "toy",
    "toy@localhost",
    "a toy",
    wrong("incompatible") ? incompatible : nullptr,
    wrong("create") ? nullptr : create);

struct AtLoad
{
  AtLoad()
  {
    if (wrong("loop")) hang();
    if (wrong("kind")) toy_Module.kind = "Hook";
    if (wrong("unknown kind")) toy_Module.kind = "Isolater";
  }
} atLoad;
"""


@dataclass(frozen=True, kw_only=True)
class Result:
    code: int
    output: str
    checks: list[Check]

    def problems(self) -> dict[str, str]:
        return {check.name: check.detail for check in failures(self.checks)}


class Bench:
    """Compiles per release, once for all of pytest's processes."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def release(self, number: str) -> Path:
        """The folder of a release with its SDK, the forced header and the harness."""
        return self._once(number, lambda folder: self._make_harness(folder, Release.parse(number)))

    def toy(self) -> Path:
        def make(folder: Path) -> None:
            source = folder / "toy.cpp"
            source.write_text(TOY)
            self._compile(self.release(TOY_RELEASE), source, folder / "toy.o")
            _link_module([folder / "toy.o"], folder / "libtoy.so", "toy_Module")

        return self._once("toy", make) / "libtoy.so"

    def isolator(self, number: str) -> Path:
        # The part that knows no Mesos is compiled once for all releases.
        def make_core(folder: Path) -> None:
            for source in sorted((ISOLATOR / "core").glob("*.cpp")):
                self._compile(None, source, folder / f"{source.stem}.o")

        def make(folder: Path) -> None:
            shared = self._once("isolator-core", make_core)
            for source in sorted((ISOLATOR / "src").glob("*.cpp")):
                self._compile(self.release(number), source, folder / f"{source.stem}.o", "-g")
            _link_module(
                [*sorted(shared.glob("*.o")), *sorted(folder.glob("*.o"))],
                folder / "libdockervolume.so",
                ISOLATOR_SYMBOL,
            )

        return self._once(f"isolator-{number}", make) / "libdockervolume.so"

    def _once(self, name: str, make: Callable[[Path], None]) -> Path:
        folder = self._root / name
        with FileLock(f"{folder}.lock"):
            done = folder / "done"
            if not done.exists():
                folder.mkdir(exist_ok=True)
                make(folder)
                done.touch()
        return folder

    def core(self) -> Path:
        """The folder of the harness's part that all releases share."""
        return self._once("harness-core", self._make_harness_core)

    def _make_harness(self, folder: Path, release: Release) -> None:
        for name, content in render(release).items():
            file = folder / "sdk" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        header = folder / "include" / "mesos_buildkit" / "version.h"
        header.parent.mkdir(parents=True)
        header.write_text(version_header(release, Encoding.OCTAL))
        core = self.core()
        self._compile(folder, HARNESS / "subject.cpp", folder / "subject.o")
        _run(
            "g++", folder / "subject.o", core / "harness.o", "-o", folder / "harness",
            "-ldl", "-pthread",
        )  # fmt: skip

    def _make_harness_core(self, folder: Path) -> None:
        # It sees no Mesos: that this compiles without an SDK is part of what is tested.
        self._compile(None, HARNESS / "harness.cpp", folder / "harness.o")

    def _compile(self, release: Path | None, source: Path, result: Path, *flags: str) -> None:
        against: list[str | Path] = []
        if release is not None:
            against += ["-I", release / "sdk", "-I", release / "include"]
            against += ["-include", "mesos_buildkit/version.h"]
        _run(
            "g++", "-std=c++11", "-O0", "-fPIC", "-Wall", "-Wextra", "-Woverloaded-virtual",
            "-Werror", "-I", ISOLATOR, *flags, *against, "-c", source, "-o", result,
        )  # fmt: skip


def _link_module(objects: list[Path], library: Path, symbol: str) -> None:
    script = library.with_suffix(".map")
    script.write_text(f"{{ global: {symbol}; local: *; }};\n")
    _run(
        "g++", "-shared", *objects, "-o", library, f"-Wl,--version-script={script}",
        f"-Wl,-soname,{library.name}", "-Wl,--build-id=sha1", "-Wl,-z,now", "-Wl,--no-undefined",
        "-pthread",
    )  # fmt: skip


def _run(*command: str | Path) -> None:
    subprocess.run(["nice", *map(str, command)], check=True, timeout=300)


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    # Under xdist each process has a folder of its own below one that they share.
    root = tmp_path_factory.getbasetemp()
    shared = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    folder = shared / "harness-builds"
    folder.mkdir(exist_ok=True)
    return Bench(folder)


def run_harness(
    folder: Path, release: Path, verb: str, *arguments: str | Path, wrong: str = ""
) -> Result:
    report = folder / f"{verb}.jsonl"
    if "--work" not in arguments:
        arguments = (*arguments, "--work", folder / "work")
    done = subprocess.run(
        [release / "harness", verb, "--report", report, *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": os.environ["PATH"], "TOY_WRONG": wrong},
    )
    checks = read_report(report, level=verb) if report.exists() else []
    return Result(code=done.returncode, output=done.stdout, checks=checks)


@pytest.fixture
def toy(bench: Bench, tmp_path: Path) -> Callable[..., Result]:
    """Run the harness on the toy module, which does what its parameter says wrong."""

    def run(verb: str, wrong: str = "", *, scenario: str = "lifecycle", limit: int = 20) -> Result:
        own = ["--library", bench.toy(), "--symbol", "toy_Module", "--time-limit", str(limit)]
        if verb == "load":
            own += ["--kind", "Isolator"]
        else:
            own += ["--scenario", scenario, "--work", tmp_path / "work"]
            own += ["--stand-in", HARNESS / "stand-in.sh"]
        return run_harness(tmp_path, bench.release(TOY_RELEASE), verb, *own, wrong=wrong)

    return run


def test_load_accepts_a_right_module(toy: Callable[..., Result]) -> None:
    result = toy("load")
    assert result.problems() == {}
    assert result.code == 0
    names = [check.name for check in result.checks]
    assert names[-1] == LAST_CHECK
    assert f"module: is accepted by the loader of Mesos {TOY_RELEASE}" in names
    assert "module: is accepted by no neighbouring release" in names
    # The report and the standard output say the same, the loader's words as well.
    lines = [
        f"ok load {check.name}" + (f": {check.detail}" if check.detail else "")
        for check in result.checks
    ]
    assert result.output.splitlines() == lines
    details = {check.name: check.detail for check in result.checks}
    assert details["module: a copy for Mesos 1.7.2 is rejected"].endswith(f"{MINIMUM} 1.7.2")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("api", "Module API version mismatch. Mesos has: 2, library requires: 1"),
        ("older", f"{MINIMUM} 1.7.2"),
        ("newer", "Mesos has version 1.7.3, but module is compiled with version 1.8.0"),
        ("candidate", f"{MINIMUM} 1.7.3-rc1"),
        ("text", "Invalid version component 'seven': Failed to convert 'seven' to number"),
        ("author", "Error loading module 'toy_Module'; missing fields"),
        ("incompatible", "Module toy_Modulehas determined to be incompatible"),
        ("unknown kind", "Unknown module kind: Isolater"),
        ("create", "create() method not found"),
        ("kind", "module is of kind 'Hook', but the requested kind is 'Isolator'"),
    ],
)
def test_load_rejects_in_the_loaders_words(
    toy: Callable[..., Result], wrong: str, message: str
) -> None:
    result = toy("load", wrong)
    assert result.code == 1
    assert any(message in detail for detail in result.problems().values())
    assert message in result.output


def test_load_ends_a_library_that_never_loads(toy: Callable[..., Result]) -> None:
    result = toy("load", "loop", limit=1)
    assert result.code == 1
    assert "still running after 1 s" in result.problems()["module: runs to its end"]
    assert result.checks[-1].name == LAST_CHECK
    assert not result.checks[-1].ok


def test_load_names_what_the_system_says_of_a_bad_file(bench: Bench, tmp_path: Path) -> None:
    library = tmp_path / "libbad.so"
    library.write_text("not a library")
    result = run_harness(
        tmp_path, bench.release(TOY_RELEASE), "load",
        "--library", library, "--symbol", "toy_Module", "--kind", "Isolator",
    )  # fmt: skip
    assert result.code == 1
    assert "libbad.so" in result.problems()["module: opens with RTLD_NOW"]


def test_load_names_a_missing_descriptor(bench: Bench, tmp_path: Path) -> None:
    result = run_harness(
        tmp_path, bench.release(TOY_RELEASE), "load",
        "--library", bench.toy(), "--symbol", "other_Module", "--kind", "Isolator",
    )  # fmt: skip
    assert result.code == 1
    assert "other_Module" in result.problems()["module: has the descriptor other_Module"]


def test_neighbours_can_be_named(bench: Bench, tmp_path: Path) -> None:
    result = run_harness(
        tmp_path, bench.release(TOY_RELEASE), "load",
        "--library", bench.toy(), "--symbol", "toy_Module", "--kind", "Isolator",
        "--neighbour", "1.6.2", "--neighbour", TOY_RELEASE, "--neighbour", "1.10.0",
    )  # fmt: skip
    assert result.code == 0
    names = [check.name for check in result.checks]
    assert "module: a copy for Mesos 1.6.2 is rejected" in names
    assert "module: a copy for Mesos 1.10.0 is rejected" in names


def test_lifecycle_of_a_right_module(toy: Callable[..., Result]) -> None:
    result = toy("run")
    assert result.problems() == {}
    assert result.code == 0
    names = {check.name.removeprefix("lifecycle: ") for check in result.checks}
    assert {
        "create returns an isolator", "recover of nothing succeeds", "prepare succeeds",
        "isolate succeeds", "watch stays pending", "update succeeds", "usage succeeds",
        "status succeeds", "cleanup succeeds", "the isolator can be destroyed", LAST_CHECK,
    } <= names  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "check", "detail"),
    [
        ("null", "create returns an isolator", "it returned null"),
        ("crash", "runs to its end", "killed by signal 11"),
        ("exit", "runs to its end", "exited with 0 before its end"),
        ("hang", "runs to its end", "still running after 1 s"),
        ("pending", "prepare succeeds", "its future stayed pending"),
        ("fail", "prepare succeeds", "refused by the toy"),
        ("throw", "throws nothing", "thrown by the toy"),
        ("limit", "watch stays pending", "a limitation of a container that does nothing"),
    ],
)
def test_lifecycle_fails_on_a_wrong_module(
    toy: Callable[..., Result], wrong: str, check: str, detail: str
) -> None:
    result = toy("run", wrong, limit=1 if wrong in {"hang", "pending"} else 20)
    assert result.code == 1
    assert detail in result.problems()[f"lifecycle: {check}"]
    if check == "runs to its end":
        assert "after the check 'lifecycle: supportsStandalone returns'" in result.output


def test_docker_volume_fails_on_an_isolator_that_does_nothing(toy: Callable[..., Result]) -> None:
    result = toy("run", scenario="docker-volume")
    assert result.code == 1
    failed = {name.split(": ")[0] for name in result.problems()}
    ran = {check.name.split(": ")[0] for check in result.checks if check.name != LAST_CHECK}
    # It is right about containers without volumes, and about nothing else.
    assert ran - failed == {"no volume"}


def test_nothing_is_written_outside_the_work_folder(bench: Bench, tmp_path: Path) -> None:
    before = {path.name for path in tmp_path.iterdir()}
    work = tmp_path / "work"
    run_harness(
        tmp_path, bench.release(TOY_RELEASE), "run", "--library", bench.toy(),
        "--symbol", "toy_Module", "--scenario", "docker-volume", "--work", work,
        "--stand-in", HARNESS / "stand-in.sh",
    )  # fmt: skip
    after = {path.name for path in tmp_path.iterdir()}
    assert after - before == {"work", "run.jsonl"}
    assert any(work.iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("fly",),
        ("load", "--library", "x"),
        ("load", "--library", "x", "--symbol", "y", "--kind", "Isolator", "--report", "r"),
        ("load", "--library"),
        ("run", "--colour", "red"),
        ("run", "--parameter", "no-equals-sign"),
        ("run", "--jobs", "many"),
        ("run", "--library", "x", "--symbol", "y", "--scenario", "other", "--work", "w",
         "--report", "r"),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_exit_2(
    bench: Bench, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = subprocess.run(
        [bench.release(TOY_RELEASE) / "harness", *arguments],
        check=False, capture_output=True, text=True, cwd=tmp_path, timeout=30,
    )  # fmt: skip
    assert done.returncode == 2
    assert "usage:" in done.stderr
    assert done.stdout == ""


def test_the_report_is_json_whatever_a_module_says(bench: Bench, tmp_path: Path) -> None:
    library = tmp_path / 'lib"\\\n\x80.so'
    library.write_text("not a library")
    run_harness(
        tmp_path, bench.release(TOY_RELEASE), "load",
        "--library", library, "--symbol", "toy_Module", "--kind", "Isolator",
    )  # fmt: skip
    lines = (tmp_path / "load.jsonl").read_text(encoding="ascii").splitlines()
    rows = [json.loads(line) for line in lines]
    assert all(set(row) == {"level", "check", "ok", "detail"} for row in rows)
    assert any('lib"' in row["detail"] for row in rows)


# --- the project's own isolator


@pytest.mark.parametrize("number", GENERATIONS)
def test_our_isolator_passes_every_level(bench: Bench, tmp_path: Path, number: str) -> None:
    library = bench.isolator(number)
    release = bench.release(number)
    own: tuple[str | Path, ...] = ("--library", library, "--symbol", ISOLATOR_SYMBOL)
    driven: tuple[str | Path, ...] = (
        *own, "--stand-in", HARNESS / "stand-in.sh", "--work", tmp_path / "work",
    )  # fmt: skip

    policy = InspectPolicy(descriptors=frozenset({ISOLATOR_SYMBOL}))
    assert failures(inspect_library(library, None, policy)) == []

    table = load_interfaces()
    base = table.isolator_base(Release.parse(number))
    report = find_dead_overrides(
        library,
        None,
        Interface(
            release=number,
            base_class=base.location.qualified,
            methods=frozenset(table.method_names("Isolator")),
        ),
    )
    assert report.problem is None
    assert report.dead == ()
    assert {one.method for one in report.live} >= {"recover", "prepare", "cleanup"}
    assert all(one.in_table for one in report.live)

    loaded = run_harness(tmp_path, release, "load", *own, "--kind", "Isolator")
    assert loaded.problems() == {}
    assert loaded.code == 0

    lived = run_harness(
        tmp_path, release, "run", *driven, "--scenario", "lifecycle",
        "--parameter", "checkpoint_dir={work}/state", "--parameter", "command={stand-in}",
        "--environment", "DVDI_VOLUME_NAME=v1",
    )  # fmt: skip
    assert lived.problems() == {}
    assert lived.code == 0

    mounted = run_harness(tmp_path, release, "run", *driven, "--scenario", "docker-volume")
    assert mounted.problems() == {}
    assert mounted.code == 0
    assert len(mounted.checks) > 200
