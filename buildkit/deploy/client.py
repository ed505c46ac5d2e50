"""Starting an application on a Marathon, and never replacing one unless that is asked for.

Answers are understood as Marathon documents them, in docs/docs/rest-api/public/api/v2/apps.raml and
docs/docs/rest-api/public/api/traits.raml of https://github.com/mesosphere/marathon (v1.10.26).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import requests
import tenacity
import urllib3.exceptions

from buildkit import __version__
from buildkit.archives.download import cause
from buildkit.deploy.posted import Posted
from buildkit.errors import BuildkitError, TargetError, UnavailableError, UsageError

AUTH_VARIABLE = "MESOS_BUILDKIT_MARATHON_AUTH"
"""Environment variable with USER:PASSWORD for Marathon."""

_LONGEST_DETAIL = 400


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait, and how often to try again."""

    tries: int = 4
    pause: float = 0.5
    """Seconds before the second try; twice as long before each further one."""
    connect_seconds: float = 5.0
    answer_seconds: float = 30.0


@dataclass(frozen=True, kw_only=True)
class MarathonAddress:
    """Where a Marathon is."""

    url: str
    """Its root, without a slash at the end and without user or password."""
    auth: tuple[str, str] | None = field(repr=False)
    """User and password."""

    @classmethod
    def parse(cls, text: str, environment: Mapping[str, str]) -> "MarathonAddress":
        """Read a URL; who is in it outranks :data:`AUTH_VARIABLE`.

        Raises :class:`UsageError` that repeats no password.
        """
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
            parts = urlsplit("")
        if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
            raise UsageError(
                "--marathon: not the URL of a Marathon; expected one such as "
                "http://marathon.example:8080"
            )
        shown = f"[{host}]" if ":" in host else host
        netloc = shown if port is None else f"{shown}:{port}"
        path = parts.path.rstrip("/").removesuffix("/v2/apps").removesuffix("/v2")
        auth = None
        if parts.username is not None:
            auth = (unquote(parts.username), unquote(parts.password or ""))
        elif given := environment.get(AUTH_VARIABLE):
            user, colon, password = given.partition(":")
            if not colon:
                raise UsageError(f"{AUTH_VARIABLE}: expected USER:PASSWORD; there is no ':' in it")
            auth = (user, password)
        return cls(url=urlunsplit((parts.scheme, netloc, path, "", "")), auth=auth)

    @property
    def exposes_password(self) -> bool:
        """Whether a password would cross a network unencrypted."""
        host = urlsplit(self.url).hostname
        return (
            self.auth is not None
            and self.url.startswith("http://")
            and host not in {"localhost", "127.0.0.1", "::1"}
        )


class _NotSentError(Exception):
    """The request has certainly not been acted on; it can be sent again."""


class Marathon:
    """One Marathon."""

    def __init__(self, address: MarathonAddress, patience: Patience | None = None) -> None:
        self._address = address
        self._patience = patience or Patience()
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"mesos-buildkit/{__version__}"
        self._session.headers["Accept"] = "application/json"
        self._session.auth = address.auth

    def start(self, app: Mapping[str, Any], *, force: bool = False) -> Posted:
        """Create an application; with ``force``, replace one that has its ID.

        ``force`` also cancels a deployment that has the application locked.

        Raises :class:`UnavailableError` if Marathon is not there, :class:`UsageError` if it does
        not let the user in, and :class:`TargetError` if it refuses the application.
        """
        identifier = str(app["id"])
        answer = self._send("POST", "/v2/apps", app)
        replaced = False
        if answer.status_code == HTTPStatus.CONFLICT and force:
            # partialUpdate: newer Marathons would else keep what the new definition does not name.
            path = f"/v2/apps{quote(identifier)}?force=true&partialUpdate=false"
            answer = self._send("PUT", path, app)
            replaced = answer.status_code == HTTPStatus.OK
        if answer.status_code not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            raise self._refusal(identifier, answer, force=force)
        return _posted(identifier, answer, replaced=replaced)

    def version(self) -> str | None:
        """Which Marathon it is, such as ``1.10.26``; None if it does not say."""
        try:
            answer = self._session.get(
                f"{self._address.url}/v2/info",
                timeout=(self._patience.connect_seconds, self._patience.answer_seconds),
                allow_redirects=False,
            )
        except requests.RequestException:
            # Whatever is wrong, a request that matters will tell.
            return None
        found = _body(answer).get("version") if answer.ok else None
        return found if isinstance(found, str) else None

    def close(self) -> None:
        """Give up the connections."""
        self._session.close()

    def _send(self, method: str, path: str, body: Mapping[str, Any]) -> requests.Response:
        """One request, sent again only where the one before was certainly not acted on."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_NotSentError),
            stop=tenacity.stop_after_attempt(self._patience.tries),
            wait=tenacity.wait_exponential(multiplier=self._patience.pause, max=10.0),
            reraise=True,
        )
        try:
            return retrying(self._send_once, method, path, body)
        except _NotSentError as error:
            raise UnavailableError(
                f"{self._address.url}: {error}; tried {self._patience.tries} times, and nothing "
                "was changed there"
            ) from None

    def _send_once(self, method: str, path: str, body: Mapping[str, Any]) -> requests.Response:
        url = self._address.url
        try:
            answer = self._session.request(
                method,
                url + path,
                json=body,
                timeout=(self._patience.connect_seconds, self._patience.answer_seconds),
                # Marathon asks its leader by itself. A redirect is somebody else's, who would be
                # sent the password.
                allow_redirects=False,
            )
        except requests.exceptions.SSLError as error:
            raise UnavailableError(
                f"{url}: no trusted connection: {cause(error)}; REQUESTS_CA_BUNDLE names a file "
                "of certificates to trust"
            ) from None
        except requests.ConnectTimeout:
            raise _NotSentError("no connection in time") from None
        except requests.ConnectionError as error:
            if _never_connected(error):
                raise _NotSentError(f"no connection: {cause(error)}") from None
            raise self._unknown(body, cause(error)) from None
        except requests.RequestException as error:
            raise self._unknown(body, cause(error)) from None
        if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            # What a Marathon says that knows of no leader to hand the request to.
            raise _NotSentError(f"answered 503: {_said(answer)}")
        return answer

    def _unknown(self, body: Mapping[str, Any], why: str) -> UnavailableError:
        return UnavailableError(
            f"{self._address.url}: no answer ({why}), so it is not known whether {body['id']} was "
            f"started; {self._address.url}/v2/apps{body['id']} tells. It was not sent again"
        )

    def _refusal(self, identifier: str, answer: requests.Response, *, force: bool) -> BuildkitError:
        said = _said(answer)
        url = self._address.url
        kind: type[BuildkitError] = UnavailableError
        match answer.status_code:
            case HTTPStatus.CONFLICT if names := ", ".join(_deployments(answer)):
                kind = TargetError
                hint = "wait for it" if force else "wait for it, or cancel it with --force"
                text = f"{identifier}: locked by deployment {names}; {hint} ({said})"
            case HTTPStatus.CONFLICT:
                kind = TargetError
                hint = "" if force else "; --force replaces it"
                text = f"{identifier}: is there already{hint} ({said})"
            case HTTPStatus.BAD_REQUEST | HTTPStatus.UNPROCESSABLE_ENTITY:
                kind = TargetError
                text = f"{identifier}: Marathon finds the definition not valid: {said}"
            case HTTPStatus.UNAUTHORIZED:
                kind = UsageError
                text = (
                    f"asks who you are: put USER:PASSWORD into {AUTH_VARIABLE}, or USER:PASSWORD@ "
                    f"into the URL ({said})"
                )
            case HTTPStatus.FORBIDDEN:
                kind = UsageError
                text = f"{identifier}: this user may not start it ({said})"
            case HTTPStatus.NOT_FOUND:
                text = (
                    "has no /v2/apps, so no Marathon is there; its root is what --marathon expects "
                    f"({said})"
                )
            case status if status in range(300, 400):
                place = answer.headers.get("Location", "elsewhere")
                text = f"redirects to {place}; give --marathon that one's root"
            case status:
                text = (
                    f"answered {status}: {said}; whether {identifier} was started is told by "
                    f"{url}/v2/apps{identifier}"
                )
        return kind(f"{url}: {text}")


def _posted(identifier: str, answer: requests.Response, *, replaced: bool) -> Posted:
    body = _body(answer)
    found = [*_deployments(answer)]
    if isinstance(one := body.get("deploymentId"), str):
        found.append(one)
    if header := answer.headers.get("Marathon-Deployment-Id"):
        found.append(header)
    return Posted(
        application=identifier,
        replaced=replaced,
        deployments=tuple(dict.fromkeys(found)),
        version=str(body.get("version", "")),
    )


def _body(answer: requests.Response) -> dict[str, Any]:
    try:
        found = json.loads(answer.content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _deployments(answer: requests.Response) -> tuple[str, ...]:
    rows = _body(answer).get("deployments")
    if not isinstance(rows, list):
        return ()
    return tuple(str(row["id"]) for row in rows if isinstance(row, dict) and "id" in row)


def _said(answer: requests.Response) -> str:
    """Marathon's own words: a message, and what is wrong where."""
    body = _body(answer)
    if not isinstance(message := body.get("message"), str):
        text = " ".join(answer.content.decode("utf-8", "replace").split())
        return text[:_LONGEST_DETAIL] or f"status {answer.status_code}"
    details = body.get("details")
    parts = [_detail(row) for row in details] if isinstance(details, list) else []
    return "; ".join([message, *filter(None, parts)])[: 10 * _LONGEST_DETAIL]


def _detail(row: Any) -> str:
    """One of ``details``: by path and errors, before 1.0 by attribute and error."""
    if not isinstance(row, dict):
        return str(row)
    errors = row.get("errors", row.get("error", row.get("message", "")))
    text = ", ".join(map(str, errors)) if isinstance(errors, list) else str(errors)
    place = row.get("path", row.get("attribute"))
    return f"{place}: {text}" if place else text


def _never_connected(error: requests.ConnectionError) -> bool:
    inner: BaseException | None = error.args[0] if error.args else None
    reason = getattr(inner, "reason", None)
    return isinstance(reason, urllib3.exceptions.NewConnectionError)
