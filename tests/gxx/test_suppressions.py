"""Races that are known to be Mesos's own are no finding; every other race still is."""

import subprocess

import pytest

from buildkit.context import make_context
from buildkit.files.tree import File, write_tree
from buildkit.matrix import load_matrix
from buildkit.options import Options
from buildkit.plan import make_targets
from buildkit.probe import NOTHING
from buildkit.sdk.stub.sdk import stub_sdk

MATRIX = """
releases = ["0.24.1"]

[[module]]
name = "volume"
version = "1.0.0"
symbol = "descriptor"
source = "module"
sources = ["*.cpp"]
"""

RACE = """
#include <cstdlib>
#include <thread>

namespace google {
int last = 0;
__attribute__((noinline)) void NAME(int value) { last = value; }
}

int main() {
  std::thread one([] { google::NAME(1); });
  std::thread two([] { google::NAME(2); });
  one.join();
  two.join();
}
"""
FOUND = 66  # ThreadSanitizer's own exit code


@pytest.fixture
def run(tmp_path):
    """Runs a program with a race in the named function as the smoke test would."""
    (tmp_path / "matrix.toml").write_text(MATRIX)
    sources = {"volume.cpp": File(b"int descriptor;\n")}
    write_tree(sources, tmp_path / "module")
    matrix = load_matrix(tmp_path / "matrix.toml")
    [target], _ = make_targets(matrix, Options(sanitize=("thread",)), NOTHING)
    context = make_context(target, sources, stub_sdk(target), base="base", smoke="run")
    folder = tmp_path / "it's a folder"
    write_tree(context.smoke, folder)

    def run(name: str) -> subprocess.CompletedProcess[str]:
        (folder / "race.cpp").write_text(RACE.replace("NAME", name))
        command = ("g++", "-std=c++11", "-g", "-fsanitize=thread", "race.cpp", "-o", "race")
        subprocess.run([*command, "-pthread"], cwd=folder, check=True)
        return subprocess.run(
            ["sh", "-c", ". ./scenario.sh; ./race"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize("name", ["RawLog__SetLastTime", "ev_async_send"])
def test_a_known_race_is_passed_over_and_no_other(run, name):
    known = run(name)
    assert (known.returncode, known.stderr) == (0, "")
    other = run("Other")
    assert other.returncode == FOUND
    assert "data race" in other.stderr
