"""Sources that are compiled once for all releases can't ask, by mistake, which one it is."""

import subprocess

import pytest

from buildkit.context import make_context
from buildkit.files.tree import read_tree, write_tree
from buildkit.matrix import load_matrix
from buildkit.options import Options
from buildkit.plan import make_targets
from buildkit.probe import NOTHING
from buildkit.sdk.stub.sdk import stub_sdk

MATRIX = """\
releases = ["0.24.1"]

[[module]]
name = "m"
version = "1"
symbol = "s"
source = "m"
sources = ["*.cpp"]
common-sources = ["core/*.cpp"]
"""


@pytest.fixture
def compile_common(tmp_path):
    def run(text):
        (tmp_path / "m" / "core").mkdir(parents=True)
        (tmp_path / "m" / "a.cpp").write_text("")
        (tmp_path / "m" / "core" / "b.cpp").write_text(text)
        (tmp_path / "matrix.toml").write_text(MATRIX)
        [target], _ = make_targets(load_matrix(tmp_path / "matrix.toml"), Options(), NOTHING)
        sdk = stub_sdk(target)
        context = make_context(target, read_tree(tmp_path / "m"), sdk, base="base", smoke="run")
        write_tree(context.common, tmp_path / "work")
        return subprocess.run(
            ["sh", "common.sh", "out"],
            cwd=tmp_path / "work",
            check=False,
            capture_output=True,
            text=True,
        )

    return run


def test_one_that_asks_for_nothing_compiles(compile_common):
    assert compile_common("int f() { return 1; }\n").returncode == 0


@pytest.mark.parametrize(
    "text",
    [
        "#if MESOS_VERSION_INT < 0240\n#endif\n",
        "#if MESOS_VERSION_AT_LEAST(1, 0, 0)\n#endif\n",
        "#include <mesos/version.hpp>\n",
        "#ifdef MESOS_VERSION_INT\n#endif\n",
    ],
)
def test_one_that_asks_does_not(compile_common, text):
    done = compile_common(text)
    assert done.returncode != 0
    assert "MESOS_VERSION" in done.stderr or "mesos/version.hpp" in done.stderr
