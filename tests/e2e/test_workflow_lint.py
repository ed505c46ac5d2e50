"""What others' tools think of the workflows: their schemas, and what an attacker could use."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / ".github"


def tool(name):
    program = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if program is None:
        pytest.skip(f"NO {name}, SO THE WORKFLOWS ARE NOT CHECKED BY IT")
    return program


def passes(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_finds_nothing():
    passes(tool("zizmor"), "--offline", "--persona=pedantic", str(FOLDER))


@pytest.mark.parametrize(
    ("schema", "glob"),
    [
        ("vendor.github-workflows", "workflows/*.yml"),
        ("vendor.github-actions", "actions/*/action.yml"),
    ],
)
def test_they_keep_to_githubs_schemas(schema, glob):
    files = map(str, sorted(FOLDER.glob(glob)))
    passes(tool("check-jsonschema"), "--builtin-schema", schema, *files)


def test_the_pipeline_keeps_to_gitlabs_schema(project, tmp_path):
    program = tool("check-jsonschema")
    project.matrix("0.24.1", "0.25.0", "1.0.1")
    done = project.run("matrix", "--gitlab", "--shards", "2")
    assert done.code == 0, done.text
    file = tmp_path / "pipeline.json"
    file.write_text(json.dumps(json.loads(done.out)))
    passes(program, "--builtin-schema", "vendor.gitlab-ci", str(file))
