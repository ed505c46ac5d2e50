"""A daemon behind ``ssh://``, as a socket here: each connection is one call of the user's ``ssh``.

docker-py's own way needs paramiko, even to call ``ssh``, which brings a second set of rules for
keys and hosts. The ``docker`` command does what is done here: ``docker system dial-stdio`` over
there joins its standard input and output with the daemon's socket.
"""

import socket
import subprocess
import tempfile
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

from buildkit.files.ownfolder import own_folder, remove_abandoned

_PREFIX = "mesos-buildkit-ssh-"

REMOTE_COMMAND = "docker system dial-stdio"


def ssh_command(url: str) -> list[str]:
    """The ``ssh`` call for ``ssh://[user@]host[:port]``.

    Raises :class:`ValueError` for another URL.
    """
    parts = urlsplit(url)
    if parts.scheme != "ssh" or not parts.hostname or parts.password or parts.path.strip("/"):
        raise ValueError(
            f"{url}: expected ssh://USER@HOST:PORT, of which USER and PORT may be absent"
        )
    return [
        "ssh",
        *(["-l", parts.username] if parts.username else []),
        *(["-p", str(parts.port)] if parts.port else []),
        "--",
        parts.hostname,
        REMOTE_COMMAND,
    ]


class Tunnel:
    """Listens from its making until :meth:`close`; only this user may connect."""

    def __init__(self, url: str) -> None:
        """Raises :class:`ValueError` for a URL that is not ssh's."""
        self._command = ssh_command(url)
        clean_tunnels()
        self._removal = ExitStack()
        self._folder = self._removal.enter_context(own_folder(None, prefix=_PREFIX))
        self._log = self._folder / "log"
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._folder / "socket"))
        self._listener.listen()
        threading.Thread(target=self._serve, name="ssh-tunnel", daemon=True).start()

    @property
    def url(self) -> str:
        """Where to connect."""
        return f"unix://{self._folder}/socket"

    def said(self) -> str:
        """The last line of what ``ssh`` has printed; empty if nothing."""
        try:
            lines = self._log.read_text("utf-8", "replace").split("\n")
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def close(self) -> None:
        """End all connections."""
        # Closing alone would not wake the thread that waits for the next one.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for process in list(self._processes):
            process.terminate()
        self._removal.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._connect(connection)

    def _connect(self, connection: socket.socket) -> None:
        try:
            with self._log.open("ab") as log:
                process = subprocess.Popen(
                    self._command,
                    stdin=connection.fileno(),
                    stdout=connection.fileno(),
                    stderr=log,
                    # Ctrl-C is for us: what is to be cleaned up needs the connection.
                    start_new_session=True,
                )
        except OSError as error:
            with suppress(OSError):
                self._log.write_text(f"{self._command[0]}: {error.strerror}", "utf-8")
            return
        self._processes.add(process)
        threading.Thread(target=self._reap, args=(process,), daemon=True).start()

    def _reap(self, process: "subprocess.Popen[bytes]") -> None:
        process.wait()
        self._processes.discard(process)


def clean_tunnels() -> int:
    """Remove the folders that killed runs left; how many there were."""
    return remove_abandoned(Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"))
