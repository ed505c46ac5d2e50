"""Base images: what a platform's steps run on, found, pulled or bootstrapped.

A base is tagged locally with a name made from all that it is made from, so the same request finds
it again and no public image's name is ever given to something else.
"""

import hashlib
import io
import json
import os
import queue
import re
import shlex
import shutil
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from filelock import FileLock, Timeout

from buildkit.engine import Base, BaseRequest, Bootstrap, Emit, Limits, Step, StepResult
from buildkit.engine.architecture import debian_architecture, this_architecture
from buildkit.engine.daemon import daemon_errors, disk_is_full, explain
from buildkit.errors import UnavailableError, UsageError
from buildkit.slots import machine_folder

if TYPE_CHECKING:
    import docker

RECIPE = 1
"""Raise it when the way a base is made changes, so that older ones are not taken for the same."""
REPOSITORY = "mesos-buildkit/base"
BASE_LABEL = "mesos-buildkit.base"
MIRROR_VARIABLE = "MESOS_BUILDKIT_DEBIAN_MIRROR"
"""Environment variable with the Debian archive's URL for bootstraps."""

EPOCH = 1704067200
"""Newest time, in seconds since 1970, of a file in a bootstrapped base: the same for everyone."""
REGISTRY_SECONDS = 30.0
"""Bound on a registry's first answer."""
PULL_SILENCE_SECONDS = 300.0
"""Bound on the silence between two messages of a pull that goes on."""
BOOTSTRAP_SECONDS = 1800.0

RunStep = Callable[[Step, Base, Path, Emit, threading.Event], StepResult]
PullFailure = Literal["no such image", "refused", "no registry"]

_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]*(:[a-z0-9]+)?(=[A-Za-z0-9.+:~-]+)?\Z", re.ASCII)
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/man/*")


class AttemptFailedError(Exception):
    """One way to a base did not work; there may be another."""


def recipe(request: BaseRequest) -> str:
    """All that a base is made from, as JSON: what its name and its label say."""
    return json.dumps({"recipe": RECIPE, **asdict(request)}, sort_keys=True)


def base_tag(request: BaseRequest) -> str:
    """The base's local tag: the platform for people, a digest of :func:`recipe` for the rest."""
    digest = hashlib.sha256(recipe(request).encode()).hexdigest()[:12]
    # What a tag may not have in it, Docker would refuse.
    readable = re.sub(r"[^A-Za-z0-9_.-]+", "-", request.platform).lstrip(".-")[:80]
    return f"{REPOSITORY}:{readable}-{digest}"


def check_packages(packages: Iterable[str]) -> list[str]:
    """The names, which a shell will see; :class:`UsageError` if one cannot be a package's."""
    names = list(packages)
    for name in names:
        if not _PACKAGE.match(name):
            raise UsageError(f"packages: {name!r} is not the name of a Debian package")
    return names


def dockerfile(parent: str, packages: Iterable[str], labels: Mapping[str, str]) -> str:
    """Dockerfile that adds Debian packages and labels to an image."""
    lines = [f"FROM {parent}"]
    names = check_packages(packages)
    if names:
        lines.append(
            "RUN export DEBIAN_FRONTEND=noninteractive && apt-get -qq update && apt-get -qq "
            f"-o=Dpkg::Use-Pty=0 install --no-install-recommends {shlex.join(names)} "
            "&& rm -rf /var/lib/apt/lists/*"
        )
    # In one instruction, since each one makes an image.
    lines.append(" ".join(["LABEL", *(f"{name}={_quote(labels[name])}" for name in labels)]))
    return "\n".join(lines) + "\n"


def _quote(text: str) -> str:
    return '"' + re.sub(r'(["$\\])', r"\\\1", text) + '"'


def classify_pull_failure(text: str) -> PullFailure:
    """Why a pull failed, from the daemon's words: the status alone may be 500 for anything."""
    lowered = text.lower()
    if any(
        words in lowered
        for words in ("manifest unknown", "not found", "no matching manifest", "name unknown")
    ):
        return "no such image"
    if any(words in lowered for words in ("denied", "unauthorized", "forbidden")):
        return "refused"
    return "no registry"


class BaseImages:
    """Provides base images on one daemon."""

    def __init__(self, api: "docker.APIClient", run: RunStep) -> None:
        """``run`` runs a step on a base; it is used to ask a new base for its compiler."""
        self._api = api
        self._run = run

    def provide(self, request: BaseRequest, emit: Emit) -> Base:
        """The base for ``request``, made if it is not there; made once if several ask for it.

        Raises :class:`UnavailableError` with every attempt's failure and what to do, and
        :class:`UsageError` for a package name that cannot be one.
        """
        tag = base_tag(request)
        with daemon_errors(f"looking for base image {tag}"):
            if found := self._find(tag):
                return found
            with _once(tag, emit):
                return self._find(tag) or self._make(tag, request, emit)

    def _find(self, tag: str) -> Base | None:
        image = self._inspect(tag)
        if image is None:
            return None
        labels = (image["Config"] or {}).get("Labels") or {}
        return Base(
            identity=image["Id"],
            reference=tag,
            compiler=labels.get("mesos-buildkit.compiler", ""),
            architecture=image["Architecture"],
        )

    def _inspect(self, reference: str) -> dict[str, Any] | None:
        import docker.errors  # noqa: PLC0415  # takes 0.3 s

        try:
            found = self._api.inspect_image(reference)  # type: ignore[no-untyped-call]
            return cast("dict[str, Any]", found)
        except docker.errors.ImageNotFound:
            return None

    def _make(self, tag: str, request: BaseRequest, emit: Emit) -> Base:
        emit(f"base image {tag} is not there yet; making it, once")
        failures: list[str] = []
        for origin, attempt in (
            (f"image {request.image}", self._from_image),
            ("bootstrap", self._from_bootstrap),
        ):
            try:
                image = attempt(request, emit)
            except AttemptFailedError as error:
                failures.append(f"{origin}: {error}")
                emit(failures[-1])
                continue
            return self._finish(tag, image, origin, request, emit)
        tried = "".join(f"\n  - {failure}" for failure in failures)
        raise UnavailableError(
            f"no base image for platform {request.platform!r}; tried:{tried}\n"
            f"Get {request.image} onto the daemon, by 'docker pull {request.image}' or, without a "
            f"registry, by 'docker save {request.image}' where it is and 'docker load' here. "
            "Or use --engine host."
        )

    def _finish(self, tag: str, image: str, origin: str, request: BaseRequest, emit: Emit) -> Base:
        """Ask the image for its compiler, label it with that, and only then give it its tag."""
        try:
            labels = self._describe(image, origin, request)
            self._build(dockerfile(image, (), labels), lambda _: None, tag=tag)
        except (AttemptFailedError, UnavailableError) as error:
            self._forget(image)
            raise UnavailableError(f"base image {tag}: {error}") from error
        base = self._find(tag)
        if base is None:
            raise UnavailableError(f"base image {tag} was removed while it was made; run again")
        emit(f"base image {tag} is ready: {base.compiler}")
        return base

    def _forget(self, image: str) -> None:
        import docker.errors  # noqa: PLC0415  # takes 0.3 s

        # Of no use without its tag. If it cannot go now, clean() finds it by its label.
        with suppress(docker.errors.APIError):
            self._api.remove_image(image)

    def _describe(self, image: str, origin: str, request: BaseRequest) -> dict[str, str]:
        """The labels that a base gets."""
        described = self._inspect(image)
        if described is None or described["Architecture"] != request.architecture:
            made_for = described["Architecture"] if described else "nothing"
            raise UnavailableError(
                f"platform {request.platform!r} asks for {request.architecture}, but {origin} "
                f"gave an image for {made_for}"
            )
        return {
            BASE_LABEL: "1",
            "mesos-buildkit.platform": request.platform,
            "mesos-buildkit.recipe": recipe(request),
            "mesos-buildkit.origin": origin,
            "mesos-buildkit.compiler": self._ask_compiler(image, request),
        }

    def _ask_compiler(self, image: str, request: BaseRequest) -> str:
        lines: list[str] = []
        unfinished = Base(
            identity=image, reference=image, compiler="", architecture=request.architecture
        )
        step = Step(
            name="compiler",
            target=request.platform,
            argv=(request.compiler, "--version"),
            inputs={},
            limits=Limits(seconds=60.0),
        )
        with tempfile.TemporaryDirectory(prefix="mesos-buildkit-") as folder:
            result = self._run(step, unfinished, Path(folder), lines.append, threading.Event())
        if not result.ok or not lines:
            raise UnavailableError(
                f"platform {request.platform!r}: '{request.compiler} --version' failed in its base "
                f"image ({' '.join(lines) or result.ended}); add the compiler's package to the "
                "platform's packages"
            )
        return lines[0]

    def _from_image(self, request: BaseRequest, emit: Emit) -> str:
        """ID of an image made from ``request.image``, which is pulled unless it is there."""
        parent = self._inspect(request.image)
        if parent is None:
            self._pull(request, emit)
            parent = self._inspect(request.image)
        if parent is None:
            raise AttemptFailedError("pulled, but not there")
        emit(f"adding {' '.join(request.packages) or 'nothing'} to {request.image}")
        return self._build(dockerfile(parent["Id"], request.packages, {BASE_LABEL: "1"}), emit)

    def _pull(self, request: BaseRequest, emit: Emit) -> None:
        emit(f"pulling {request.image}")
        try:
            for event in _bounded(lambda: self._pull_events(request)):
                if "progress" not in event:
                    emit(f"{event.get('id', '')} {event.get('status', '')}".strip())
        except AttemptFailedError as error:
            match classify_pull_failure(str(error)):
                case "no registry":
                    raise AttemptFailedError(f"its registry does not answer ({error})") from error
                case "refused":
                    raise AttemptFailedError(
                        f"its registry refuses it: wrong name, or 'docker login' first ({error})"
                    ) from error
                case "no such image":
                    # Another way could only give something else than was asked for.
                    raise UnavailableError(
                        f"platform {request.platform!r}: the registry has no image "
                        f"{request.image} for {request.architecture} ({error}); correct 'image'"
                    ) from error

    def _pull_events(self, request: BaseRequest) -> Iterator[dict[str, Any]]:
        import docker.errors  # noqa: PLC0415  # takes 0.3 s
        from docker.utils import parse_repository_tag  # noqa: PLC0415

        repository, tag = parse_repository_tag(request.image)
        try:
            for event in self._api.pull(
                repository,
                tag=tag or "latest",
                stream=True,
                decode=True,
                platform=f"linux/{request.architecture}",
            ):
                if error := event.get("error"):
                    raise AttemptFailedError(error)
                yield event
        except docker.errors.APIError as error:
            raise AttemptFailedError(str(error.explanation or error)) from error

    def _build(self, text: str, emit: Emit, *, tag: str | None = None) -> str:
        """Build a Dockerfile without a context; give the image's ID."""
        import docker.errors  # noqa: PLC0415  # takes 0.3 s

        image = ""
        proxies = {
            name: value
            for name in ("http_proxy", "https_proxy", "no_proxy")
            if (value := os.environ.get(name) or os.environ.get(name.upper()))
        }
        lines: deque[str] = deque(maxlen=8)
        try:
            for event in self._api.build(
                fileobj=io.BytesIO(text.encode()),
                decode=True,
                rm=True,
                forcerm=True,
                tag=tag,
                buildargs=proxies,
            ):
                if error := event.get("error"):
                    raise AttemptFailedError(_build_failure(str(error), lines))
                for line in event.get("stream", "").splitlines():
                    if line.strip():
                        lines.append(line)
                        emit(line)
                image = event.get("aux", {}).get("ID", image)
        except docker.errors.APIError as error:
            raise AttemptFailedError(explain("building it", error)) from error
        return image

    def _from_bootstrap(self, request: BaseRequest, emit: Emit) -> str:
        """ID of an image made from a distribution's archive, by mmdebstrap on this machine."""
        if request.bootstrap is None:
            raise AttemptFailedError("the platform has none")
        here = this_architecture()
        if request.architecture != here:
            raise AttemptFailedError(f"cannot make one for {request.architecture} on {here}")
        program = _find_bootstrapper(emit)
        with tempfile.TemporaryDirectory(prefix="mesos-buildkit-base-") as folder:
            file = Path(folder) / "base.tar"
            command = bootstrap_command(program, request.bootstrap, request, file)
            _bootstrap(command, emit)
            # An import takes anything, even nothing, for an image.
            if not file.is_file() or not file.stat().st_size:
                raise AttemptFailedError("mmdebstrap said it succeeded but wrote nothing")
            return self._import(file, request.bootstrap, emit)

    def _import(self, file: Path, bootstrap: Bootstrap, emit: Emit) -> str:
        emit(f"importing {file.stat().st_size // 1024**2} MiB of {bootstrap.suite}")
        answer = self._api.import_image_from_file(
            str(file),
            changes=[f"LABEL {BASE_LABEL}=1", 'CMD ["/bin/sh"]'],
        )
        image = ""
        for line in str(answer).splitlines():
            event = json.loads(line)
            if error := event.get("error"):
                raise AttemptFailedError(explain("importing the image", RuntimeError(error)))
            image = event.get("status", image)
        return image


def bootstrap_command(
    program: str, bootstrap: Bootstrap, request: BaseRequest, file: Path
) -> list[str]:
    """The mmdebstrap command that writes the base's tar to ``file``."""
    check_packages(request.packages)
    mirror = bootstrap.mirror or os.environ.get(MIRROR_VARIABLE)
    return [
        program,
        "--format=tar",
        "--variant=minbase",
        f"--architectures={debian_architecture(request.architecture)}",
        *([f"--include={','.join(request.packages)}"] if request.packages else []),
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT),
        '--aptopt=Acquire::Languages "none"',
        bootstrap.suite,
        str(file),
        *([mirror] if mirror else []),
    ]


def _bootstrap(command: list[str], emit: Emit) -> None:
    emit(shlex.join(command))
    last: deque[str] = deque(maxlen=8)
    with subprocess.Popen(
        command,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        watchdog = threading.Timer(BOOTSTRAP_SECONDS, process.terminate)
        watchdog.start()
        try:
            for line in process.stdout or ():
                last.append(line.rstrip())
                emit(last[-1])
        except BaseException:
            # It removes what it made when asked to end, and not when killed.
            process.terminate()
            raise
        finally:
            watchdog.cancel()
    if process.returncode != 0:
        text = "\n    ".join(last)
        hint = f" (disk full below {tempfile.gettempdir()})" if disk_is_full(text) else ""
        raise AttemptFailedError(
            f"mmdebstrap ended with {process.returncode}{hint}; an archive elsewhere can be named "
            f"in {MIRROR_VARIABLE}:\n    {text}"
        )


def _find_bootstrapper(emit: Emit) -> str:
    if found := shutil.which("mmdebstrap"):
        return found
    advice = "mmdebstrap is not installed here (apt-get install mmdebstrap)"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise AttemptFailedError(advice)
    emit("installing mmdebstrap on this machine with apt-get")
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", "mmdebstrap"]):
        done = subprocess.run(
            ["apt-get", "-q", *arguments],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            last = "\n    ".join(done.stdout.splitlines()[-4:])
            raise AttemptFailedError(f"{advice}, and installing it failed:\n    {last}")
    if found := shutil.which("mmdebstrap"):
        return found
    raise AttemptFailedError(advice)


@contextmanager
def _once(tag: str, emit: Emit) -> Iterator[None]:
    """Hold the lock under which a base is made; other threads and processes wait for it."""
    name = tag.partition(":")[2]
    lock = FileLock(machine_folder() / f"base-{name}.lock", thread_local=False)
    try:
        lock.acquire(timeout=1.0)
    except Timeout:
        emit(f"waiting for base image {tag}, which another process makes")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _build_failure(error: str, lines: Iterable[str]) -> str:
    return "\n    ".join([explain("building it", RuntimeError(error)), *lines])


def _bounded(start: Callable[[], Iterator[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """The events of ``start()``, read in a thread so that silence can be given up on.

    The thread is left behind then: its connection has no time limit and cannot be closed from here.
    """
    events: queue.SimpleQueue[dict[str, Any] | BaseException | None] = queue.SimpleQueue()

    def read() -> None:
        try:
            for event in start():
                events.put(event)
            events.put(None)
        except BaseException as error:  # noqa: BLE001  # raised again in the thread that waits
            events.put(error)

    threading.Thread(target=read, name="docker-pull", daemon=True).start()
    patience = REGISTRY_SECONDS
    while True:
        try:
            event = events.get(timeout=patience)
        except queue.Empty:
            raise AttemptFailedError(f"no answer within {patience:g} s") from None
        if event is None:
            return
        if isinstance(event, BaseException):
            raise event
        yield event
        patience = PULL_SILENCE_SECONDS
