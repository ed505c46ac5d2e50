"""The examples' own commands, as an agent's shell runs them."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from buildkit.deploy.appfile import load_app

EXAMPLES = Path(__file__).parents[2] / "examples" / "marathon"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_commands_are_shell(path):
    command = load_app(path).cmd
    if command is not None:
        subprocess.run(["/bin/sh", "-n", "-c", command], check=True)


@pytest.fixture
def sandbox():
    """A sandbox with the mounted volume in it; not below pytest's, which lets nobody else in."""
    folder = Path(tempfile.mkdtemp(prefix="mesos-buildkit-postgres-", dir="/var/tmp"))
    try:
        # As agents make it from 1.5 on; a volume's top belongs to root.
        folder.chmod(0o750)
        (folder / "data").mkdir(mode=0o755)
        yield folder
    finally:
        shutil.rmtree(folder)


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextmanager
def running(sandbox, port):
    """The example's PostgreSQL; gives what runs a statement in it."""
    app = load_app(EXAMPLES / "postgres.toml")
    with (sandbox / "stderr").open("ab") as log:
        server = subprocess.Popen(
            ["/bin/sh", "-c", app.cmd],
            cwd=sandbox,
            env={**os.environ, **app.env, "PORT0": str(port)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def query(statement):
        return subprocess.run(
            ["psql", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-Atc", statement],
            env={**os.environ, "PGPASSWORD": app.env["POSTGRES_PASSWORD"]},
            check=False,
            capture_output=True,
            text=True,
        )

    try:
        while query("select 1").returncode:
            assert server.poll() is None, (sandbox / "stderr").read_text()
            time.sleep(0.1)
        yield query
    finally:
        # What Mesos sends to a task that is to end.
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)


@pytest.mark.skipif(
    os.geteuid() != 0
    or shutil.which("psql") is None
    or not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")),
    reason="needs root, and Debian's PostgreSQL",
)
def test_postgres_finds_its_data_on_the_volume_when_it_starts_elsewhere(sandbox, tmp_path):
    with running(sandbox, free_port()) as query:
        assert query("create table notes (text text)").returncode == 0
        assert query("insert into notes values ('kept')").returncode == 0
    # Another sandbox, with the same volume.
    (sandbox / "elsewhere").mkdir(mode=0o750)
    (sandbox / "data").rename(sandbox / "elsewhere" / "data")
    with running(sandbox / "elsewhere", free_port()) as query:
        assert query("select text from notes").stdout == "kept\n"
