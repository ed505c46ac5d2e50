"""The isolator's part that knows no Mesos, compiled and run with the machine's own g++."""

import re
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SOURCES = HERE.parent.parent / "isolator" / "core"
PROGRAM = HERE / "isolator_core_test.cpp"

CASES = re.findall(r"^TEST\((\w+)\)", PROGRAM.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("isolator-core") / "isolator_core_test"
    sources = sorted(SOURCES.glob("*.cpp"))
    subprocess.run(
        [
            *("g++", "-std=c++11", "-O0", "-g", "-Wall", "-Wextra", "-Werror", "-pthread"),
            *("-D_GLIBCXX_ASSERTIONS", "-fsanitize=undefined", "-fno-sanitize-recover"),
            *("-I", SOURCES, PROGRAM, *sources, "-o", built),
        ],
        check=True,
    )
    return built


@pytest.mark.parametrize("case", CASES)
def test_isolator_core(program: Path, tmp_path: Path, case: str):
    done = subprocess.run(
        [program, case, tmp_path], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, f"ok {case}\n"), done.stdout + done.stderr
