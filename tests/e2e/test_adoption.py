"""A module's own repository adopts the tool from its wheel, in an empty folder."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

HELLO = """\
#include <mesos/mesos.hpp>
#include <mesos/module.hpp>
#include <mesos/module/isolator.hpp>
#include <mesos/slave/isolator.hpp>

class Hello : public mesos::slave::Isolator
{
public:
  process::Future<Option<mesos::slave::ContainerLaunchInfo>> prepare(
      const mesos::ContainerID&, const mesos::slave::ContainerConfig&) override
  {
    return Option<mesos::slave::ContainerLaunchInfo>(None());
  }

  process::Future<mesos::slave::ContainerLimitation> watch(const mesos::ContainerID&) override
  {
    return process::Future<mesos::slave::ContainerLimitation>();
  }
};

static mesos::slave::Isolator* create(const mesos::Parameters&) { return new Hello(); }

mesos::modules::Module<mesos::slave::Isolator> org_example_Hello(
    MESOS_MODULE_API_VERSION,
    MESOS_VERSION,
    "hello",
    "hello@example.org",
    "Says nothing.",
    nullptr,
    create);
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory, repository) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # Without hatchling here, pip fetches it for this one build.
    isolation = ["--no-build-isolation"] if find_spec("hatchling") else []
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", *isolation]
    done = subprocess.run(
        [*command, "--wheel-dir", folder, repository],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    if done.returncode and not find_spec("hatchling"):
        message = f"no hatchling here, and pip can't get it: {done.stderr.strip()[-300:]}"
        if os.environ.get("MESOS_BUILDKIT_REQUIRE_DOCKER") == "1":
            pytest.fail(message)
        pytest.skip(f"NO WHEEL IS TESTED: {message}")
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory) -> Path:
    """Python of a fresh environment with the wheel; dependencies are this environment's."""
    venv = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    python = venv / "bin/python"
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"),
            *("--python", python, "install", "--no-deps", "--no-index", wheel),
        ],
        check=True,
        cwd=venv,
    )
    (packages,) = venv.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n")
    return python


@pytest.fixture
def adopter(python, tmp_path, new_project):
    """An empty folder, and the fresh environment's python."""
    project = new_project(tmp_path / "empty")
    project.root.mkdir()
    project.env["PYTHONPATH"] = ""

    def run(*arguments):
        return project.execute(str(python), "-m", *arguments)

    return project, run


def test_the_wheel_holds_all_of_the_package(wheel, repository):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("buildkit/")}
    package = repository / "buildkit"
    wanted = {
        path.relative_to(repository).as_posix()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    patches = {
        f"buildkit/sdk/release/patches/{path.relative_to(repository / 'patches/sdk').as_posix()}"
        for path in (repository / "patches/sdk").rglob("*")
        if path.is_file()
    }
    assert patches
    assert held == wanted | patches
    assert {Path(name).suffix for name in held} >= {
        ".py",
        ".toml",
        ".json",
        ".j2",
        ".cpp",
        ".hpp",
        ".sh",
        ".txt",
    }


def test_from_an_empty_folder_to_a_tested_library(adopter, repository, host_engine):
    project, run = adopter
    done = run("buildkit", "init")
    assert done.code == 0, done.text
    assert sorted(path.name for path in project.root.iterdir()) == ["matrix.toml", "noxfile.py"]

    project.write("native/hello.cpp", HELLO)
    matrix = project.root / "matrix.toml"
    text = matrix.read_text()
    for old, new in (
        ('releases = ["0.28.3", "1.11.0"]', 'releases = ["1.11.0"]'),
        ('name = "example"', 'name = "hello"'),
        ('symbol = "org_example_Isolator"', 'symbol = "org_example_Hello"'),
        ('source = "src"', 'source = "native"'),
    ):
        assert old in text
        text = text.replace(old, new)
    matrix.write_text(text)

    done = run("nox", "--script-mode", "none", "-s", "plan")
    assert done.code == 0, done.text
    assert "dist/1.11.0/libhello-0.1.0+mesos-1.11.0.stub.so" in done.text
    assert not (project.root / "build").exists()

    done = run(
        "nox", "--script-mode", "none", "-s", "build", "--", "--engine", "host", "--sdk", "stub"
    )
    assert done.code == 0, done.text
    assert project.libraries() == {"1.11.0/libhello-0.1.0+mesos-1.11.0.stub.so"}
    assert "-Woverloaded-virtual" not in done.text
    row = project.manifest()["hello/1.11.0/debian12"]
    assert {check["level"] for check in row["smoke"]["checks"]} == {"inspect", "load", "run"}
    assert row["warnings"] == []
    assert str(repository) not in (project.root / "build/logs/1.11.0.log").read_text()


def test_it_is_the_wheel_that_runs(adopter, repository):
    project, run = adopter
    done = run("buildkit", "--version")
    assert done.code == 0
    assert done.out.startswith("mesos-buildkit ")
    script = project.write("where.py", "import buildkit; print(buildkit.__file__)")
    done = run(script.stem)
    assert "site-packages" in done.out
    assert str(repository) not in done.out


def test_init_overwrites_nothing(adopter):
    project, run = adopter
    project.write("noxfile.py", "mine\n")
    done = run("buildkit", "init")
    assert "noxfile.py" in done.clean_failure(2)
    assert [path.name for path in project.root.iterdir()] == ["noxfile.py"]
    assert (project.root / "noxfile.py").read_text() == "mine\n"


def test_a_fresh_matrix_says_what_to_edit(adopter):
    project, run = adopter
    assert run("buildkit", "init").code == 0
    message = run("buildkit", "plan").clean_failure(2)
    assert "matrix.toml" in message
    assert "'source'" in message
    assert not (project.root / "build").exists()
