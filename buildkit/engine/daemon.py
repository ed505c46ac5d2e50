"""Reaching a Docker daemon: where it is, whether it answers, and its errors in words.

Importing this is fast; docker-py, which is not, is imported when it is needed.
"""

import hashlib
import http.client
import json
import os
import socket
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import TYPE_CHECKING, Any

from buildkit.engine.tunnel import Tunnel
from buildkit.errors import UnavailableError

if TYPE_CHECKING:
    import docker

DEFAULT_SOCKET = "unix:///var/run/docker.sock"
SSH_SECONDS = 10.0
"""Bound on an answer through ssh, which has keys to exchange first."""


@dataclass(frozen=True, kw_only=True)
class DockerProbe:
    """Whether a daemon answers. A plain value, so that a plan can be made from it."""

    available: bool
    detail: str
    """Where it was looked for and, if it is not available, why not."""
    version: str
    """The daemon's product and version, such as ``Docker/28.2.2``; empty if not available."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where the daemon is, by the rules of the ``docker`` command."""

    url: str
    """Empty if only the context knows."""
    source: str
    """Who says so, for messages."""
    context: str = ""
    """Name of a Docker context that knows it."""
    folder: Path = Path()
    """The docker command's own, with the contexts in it."""

    @classmethod
    def find(cls, environ: Mapping[str, str], home: Path) -> "Address":
        """DOCKER_HOST, else the context that is chosen, else the default socket."""
        if url := environ.get("DOCKER_HOST", ""):
            return cls(url=url, source="DOCKER_HOST")
        folder = Path(environ.get("DOCKER_CONFIG") or home / ".docker")
        context = environ.get("DOCKER_CONTEXT") or _chosen_context(folder / "config.json")
        if context not in ("", "default"):
            return cls(url="", source=f"Docker context {context!r}", context=context, folder=folder)
        return cls(url=DEFAULT_SOCKET, source="the default socket")

    def __str__(self) -> str:
        return f"{self.url} ({self.source})" if self.url else self.source


def _chosen_context(config: Path) -> str:
    try:
        content = json.loads(config.read_text("utf-8"))
    except (OSError, ValueError):
        return ""
    name = content.get("currentContext", "") if isinstance(content, dict) else ""
    return name if isinstance(name, str) else ""


def find_address() -> Address:
    """The address for this process's environment."""
    return Address.find(os.environ, Path.home())


def probe_docker(timeout: float = 1.0) -> DockerProbe:
    """Ask whether a daemon answers, within about ``timeout`` seconds. Raises nothing."""
    address = find_address()
    if address.url.startswith("unix://"):
        return _probe_socket(address, timeout)
    return _probe_with_client(address, timeout)


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over a socket in the file system."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _probe_socket(address: Address, timeout: float) -> DockerProbe:
    connection = _SocketConnection(address.url.removeprefix("unix://"), timeout)
    try:
        connection.request("GET", "/_ping")
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return DockerProbe(available=False, detail=f"{address}: {reason}", version="")
    finally:
        connection.close()
    return read_ping(address, response.status, response.headers)


def read_ping(address: Address, status: int, headers: Message) -> DockerProbe:
    """What a daemon's answer to ``GET /_ping`` says."""
    if status != http.HTTPStatus.OK:
        detail = f"{address}: answered GET /_ping with status {status}"
        return DockerProbe(available=False, detail=detail, version="")
    if not headers.get("Api-Version"):
        detail = f"{address}: something answers there, but it is no Docker daemon"
        return DockerProbe(available=False, detail=detail, version="")
    # The header reads like "Docker/28.2.2 (linux)".
    version = headers.get("Server", "").split(" ")[0] or "unknown"
    return DockerProbe(available=True, detail=str(address), version=version)


def _probe_with_client(address: Address, timeout: float) -> DockerProbe:
    answer: list[DockerProbe] = []

    def ask() -> None:
        try:
            api = connect(timeout)
        except UnavailableError as error:
            answer.append(DockerProbe(available=False, detail=str(error), version=""))
            return
        try:
            version = f"Docker/{api.version().get('Version', 'unknown')}"
            answer.append(DockerProbe(available=True, detail=str(address), version=version))
        except Exception as error:  # noqa: BLE001  # a probe answers, whatever happens
            answer.append(DockerProbe(available=False, detail=f"{address}: {error}", version=""))
        finally:
            api.close()

    if _is_ssh(address):
        timeout = max(timeout, SSH_SECONDS)
    # A host may swallow all that is sent to it; nothing but a thread gets past that.
    thread = threading.Thread(target=ask, name="docker-probe", daemon=True)
    thread.start()
    thread.join(timeout * 2)
    if not answer:
        detail = f"{address}: no answer within {timeout * 2:g} s"
        return DockerProbe(available=False, detail=detail, version="")
    return answer[0]


def connect(timeout: float) -> "docker.APIClient":
    """A connection to the daemon, which has answered within ``timeout`` seconds.

    Raises :class:`UnavailableError` naming what was tried.
    """
    import docker  # noqa: PLC0415  # takes 0.3 s
    import docker.errors  # noqa: PLC0415

    address = find_address()
    if address.url.startswith("unix://"):
        # Fails faster than docker-py does, and without leaving a socket open.
        probe = _probe_socket(address, timeout)
        if not probe.available:
            raise UnavailableError(_unreachable(address, probe.detail))
    tunnel: Tunnel | None = None
    try:
        options = client_options(address)
        if options["base_url"].startswith("ssh://"):
            tunnel = Tunnel(options["base_url"])
            options = {"base_url": tunnel.url}
            timeout = max(timeout, SSH_SECONDS)
        # "auto" takes what both sides can; a fixed version breaks with the next daemon or the last.
        api = docker.APIClient(version="auto", timeout=max(1, round(timeout)), **options)
    except (docker.errors.DockerException, OSError, ValueError) as error:
        said = tunnel.said() if tunnel else ""
        if tunnel:
            tunnel.close()
        raise UnavailableError(_unreachable(address, f"{address}: {said or error}")) from error
    if tunnel:
        # It is of no use longer than what goes through it.
        weakref.finalize(api, tunnel.close)
    return api


def _is_ssh(address: Address) -> bool:
    try:
        return str(client_options(address)["base_url"]).startswith("ssh://")
    except (OSError, ValueError):
        return False


def client_options(address: Address) -> dict[str, Any]:
    """What docker-py's client is made with.

    Raises :class:`ValueError` for a context that can't be used.
    """
    if address.context:
        options = _context_options(address.folder / "contexts", address.context)
    else:
        from docker.utils import kwargs_from_env  # noqa: PLC0415

        options = {"base_url": address.url, **kwargs_from_env()}
    return options


def _context_options(contexts: Path, name: str) -> dict[str, Any]:
    """What a Docker context says, as ``docker context create`` stores it.

    docker-py finds none where there is no config.json beside them, which needs not be there.
    """
    from docker.tls import TLSConfig  # noqa: PLC0415  # takes 0.3 s

    identity = hashlib.sha256(name.encode()).hexdigest()
    try:
        text = (contexts / "meta" / identity / "meta.json").read_text("utf-8")
        endpoint = json.loads(text)["Endpoints"]["docker"]
        options: dict[str, Any] = {"base_url": endpoint["Host"]}
    except FileNotFoundError:
        raise ValueError("there is no such context; see 'docker context ls'") from None
    except (KeyError, TypeError) as error:
        raise ValueError("it names no Docker daemon; see 'docker context inspect'") from error
    tls = contexts / "tls" / identity / "docker"
    if tls.is_dir():
        ca, cert, key = (
            str(file) if (file := tls / f"{part}.pem").is_file() else None
            for part in ("ca", "cert", "key")
        )
        options["tls"] = TLSConfig(
            client_cert=(cert, key) if cert and key else None,
            ca_cert=ca,
            verify=not endpoint.get("SkipTLSVerify", False),
        )
    return options


def _unreachable(address: Address, detail: str) -> str:
    lines = [f"no Docker daemon answers at {detail}"]
    if address.url == DEFAULT_SOCKET and address.source != "DOCKER_HOST":
        lines.append(
            "Start it, or set DOCKER_HOST; for Podman: systemctl --user start podman.socket and "
            "DOCKER_HOST=unix://$XDG_RUNTIME_DIR/podman/podman.sock."
        )
    lines.append("Or use --engine host.")
    return "\n".join(lines)


@contextmanager
def daemon_errors(doing: str) -> Iterator[None]:
    """Turn what docker-py and its HTTP library raise into :class:`UnavailableError`.

    ``doing`` completes "the Docker daemon failed while ...".
    """
    import docker.errors  # noqa: PLC0415
    import requests  # noqa: PLC0415
    import urllib3.exceptions  # noqa: PLC0415

    try:
        yield
    except (
        docker.errors.DockerException,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
    ) as error:
        raise UnavailableError(explain(doing, error)) from error


def explain(doing: str, error: Exception) -> str:
    """One message for a daemon's error: what it says, and what to do if that is known."""
    said = getattr(error, "explanation", None)
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said or error)
    message = f"the Docker daemon failed while {doing}: {text.strip()}"
    if disk_is_full(text):
        message += (
            "\nIts disk is full. See 'docker system df'; 'docker system prune' and this tool's "
            "'clean' verb make room."
        )
    return message


def disk_is_full(text: str) -> bool:
    """Whether an error's text, from a daemon or from a process, says that no space is left."""
    return "no space left on device" in text.lower()
