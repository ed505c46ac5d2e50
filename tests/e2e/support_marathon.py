"""A small server that answers as Marathon documents, and misbehaves as a network does."""

import base64
import http.server
import json
import threading
from urllib.parse import parse_qs, urlsplit

DEPLOYMENT = "5ed4c0c5-9ff8-4a6f-a0cd-f57f59a34b43"
VERSION = "2015-09-29T15:59:51.164Z"


class MarathonServer(http.server.ThreadingHTTPServer):
    """Keeps ``apps``; its other fields are how it behaves. Use it as a context."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.apps = {}
        """ID -> definition."""
        self.locked = set()
        """IDs that a deployment has locked."""
        self.version = "1.10.26"
        """What /v2/info says; None: there is no such page."""
        self.login = None
        """(user, password) that it asks for."""
        self.forbidden = False
        self.old_details = False
        """Whether it describes mistakes as Marathon before 1.0 did."""
        self.answers = []
        """Answers (status, body, headers) to give to the next requests instead."""
        self.cuts = 0
        """How many requests to act on and leave without an answer."""
        self.requests = []
        """(method, path with query, status) of each."""
        self.seen = []
        """The Authorization header of each."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/v2/info" and self.server.version is not None:
            self._answer(lambda *_: (200, {"version": self.server.version}, {}))
        else:
            self._answer(lambda *_: (404, {"message": "no such thing"}, {}))

    def do_POST(self):
        self._answer(self._create)

    def do_PUT(self):
        self._answer(self._replace)

    def _answer(self, act):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append(self.headers.get("Authorization"))
        if self.server.answers:
            status, content, headers = self.server.answers.pop(0)
        else:
            status, content, headers = self._judge(body, act)
        self.server.requests.append((self.command, self.path, status))
        if self.server.cuts:
            self.server.cuts -= 1
            self.close_connection = True
            return
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _judge(self, body, act):
        server = self.server
        if server.login is not None:
            token = base64.b64encode(":".join(server.login).encode()).decode()
            if self.headers.get("Authorization") != f"Basic {token}":
                return 401, {"message": "Invalid username or password."}, {}
        if server.forbidden:
            return 403, {"message": "Not Authorized to perform this action!"}, {}
        try:
            app = json.loads(body or b"{}")
        except ValueError:
            return 400, {"message": "Invalid JSON"}, {}
        if app.get("cpus", 1) > 1000:
            return 422, self._not_valid(), {}
        return act(app, parse_qs(urlsplit(self.path).query))

    def _not_valid(self):
        details = (
            [{"attribute": "cpus", "error": "is greater than 1000"}]
            if self.server.old_details
            else [{"path": "/cpus", "errors": ["is greater than 1000", "is odd"]}]
        )
        return {"message": "Object is not valid", "details": details}

    def _create(self, app, _query):
        if urlsplit(self.path).path != "/v2/apps":
            return 404, b"<html>no such page</html>", {}
        identifier = app["id"]
        if identifier in self.server.apps:
            return 409, {"message": f"An app with id [{identifier}] already exists."}, {}
        self.server.apps[identifier] = app
        body = {**app, "version": VERSION, "deployments": [{"id": DEPLOYMENT}]}
        return 201, body, {"Marathon-Deployment-Id": DEPLOYMENT}

    def _replace(self, app, query):
        identifier = urlsplit(self.path).path.removeprefix("/v2/apps")
        if identifier != app["id"]:
            return 422, {"message": "the path and the definition name different apps"}, {}
        if identifier in self.server.locked and query.get("force") != ["true"]:
            message = "App is locked by one or more deployments."
            return 409, {"message": message, "deployments": [{"id": DEPLOYMENT}]}, {}
        known = identifier in self.server.apps
        old = (
            self.server.apps.get(identifier, {}) if query.get("partialUpdate") != ["false"] else {}
        )
        self.server.apps[identifier] = {**old, **app}
        body = {"deploymentId": DEPLOYMENT, "version": VERSION}
        return (200 if known else 201), body, {"Marathon-Deployment-Id": DEPLOYMENT}
