"""What all tests share: hypothesis measures no time, signals are there to be sent, and a daemon.

Tests use the daemon that DOCKER_HOST, the Docker context or the default socket names, and are
skipped where none answers; with ``MESOS_BUILDKIT_REQUIRE_DOCKER=1`` that is a failure instead.
"""

import os
import signal

import pytest
from hypothesis import settings

from buildkit.engine import BaseRequest, Bootstrap
from buildkit.engine.architecture import this_architecture
from buildkit.engine.docker import DockerEngine, probe_docker

# The files that take longest, in minutes, longest first: begun at last, one of them would keep one
# processor busy while the others have nothing to do. Those that keep all of them busy by themselves
# come after those that wait a lot.
LONGEST = (
    "test_release_sdk.py",
    "test_interrupts.py",
    "test_own_isolator.py",
    "test_image_sdk.py",
    "test_nox_sessions.py",
    "test_adoption.py",
    "test_isolator_guards.py",
    "test_far_daemon.py",
    "test_table_rows.py",
    "test_stub_sdk.py",
    "test_harness.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


# A busy machine is no defect.
settings.register_profile("mesos-buildkit", deadline=None)
settings.load_profile("mesos-buildkit")

# A shell lets what it starts in the background ignore these, and children inherit that.
for _number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)

# What the user has fetched must not decide what a test builds against.
os.environ["MESOS_BUILDKIT_ARCHIVES"] = "/nonexistent/mesos-buildkit-archives"


@pytest.fixture(scope="session")
def base_request() -> BaseRequest:
    """The default platform's, as in matrix.toml, so that all share one base image."""
    return BaseRequest(
        platform="debian12",
        image="debian:bookworm-slim",
        packages=("g++",),
        compiler="g++",
        architecture=this_architecture(),
        bootstrap=Bootstrap(suite="bookworm"),
    )


@pytest.fixture(scope="session")
def docker_engine():
    probe = probe_docker(timeout=10.0)
    if not probe.available:
        if os.environ.get("MESOS_BUILDKIT_REQUIRE_DOCKER") == "1":
            pytest.fail(f"no Docker daemon: {probe.detail}")
        pytest.skip(f"NO DOCKER DAEMON, SO NO CONTAINER IS TESTED: {probe.detail}")
    with DockerEngine.connect(timeout=10.0) as engine:
        yield engine


@pytest.fixture
def client(docker_engine):  # only where there is a daemon
    """The daemon as somebody else sees it, to look over the engine's shoulder."""
    import docker  # noqa: PLC0415

    client = docker.from_env(timeout=300)
    yield client
    client.close()
