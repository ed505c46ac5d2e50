"""A stand-in for a Docker daemon: as much of its API as questions about it need."""

import http.server
import json
import socketserver
import threading
import time
from contextlib import suppress

INFO = {
    "Driver": "overlay2",
    "CgroupVersion": "2",
    "MemoryLimit": True,
    "PidsLimit": True,
    "DockerRootDir": "/nowhere/docker",
}


class FakeDaemon(socketserver.ThreadingUnixStreamServer):
    """Answers at a socket; its fields are what it says. Use it as a context."""

    daemon_threads = True

    def __init__(self, path):
        super().__init__(str(path), _Handler)
        self.info = dict(INFO)
        self.version = {"Version": "28.2.2", "ApiVersion": "1.50", "MinAPIVersion": "1.24"}
        self.images = {}
        """Name -> what inspecting it says."""
        self.distribution = (404, {"message": "manifest unknown"})
        """What asking a registry gives: status and body; None: no answer at all."""
        self.containers = []

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def version_string(self):
        return "Docker/28.2.2 (linux)"

    def address_string(self):
        return "unix"

    def log_message(self, *_):
        pass

    def do_GET(self):
        found = self._found()
        if found is None:
            time.sleep(60)
            return
        status, body = found
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        with suppress(BrokenPipeError):
            self.send_response(status)
            self.send_header("Api-Version", "1.50")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    def _found(self):
        server = self.server
        path = self.path.partition("?")[0]
        path = "/" + path.split("/", 2)[2] if path.startswith("/v1.") else path
        fixed = {
            "/_ping": b"OK",
            "/version": server.version,
            "/info": server.info,
            "/containers/json": server.containers,
        }
        if path in fixed:
            return 200, fixed[path]
        if path.startswith("/distribution/"):
            return server.distribution
        name = path.removeprefix("/images/").removesuffix("/json")
        if name in server.images:
            return 200, server.images[name]
        return 404, {"message": f"No such image: {name}"}
