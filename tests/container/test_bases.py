"""Bases are made once, from what was asked for, by a real daemon: bootstrapped, pulled or built."""

import hashlib
import http.server
import io
import json
import os
import subprocess
import sys
import textwrap
import threading
import uuid
from dataclasses import replace

import pytest

from buildkit.bundles.bundle import read_bundle, write_bundle
from buildkit.bundles.parts import BasesPart
from buildkit.compat import tarfile
from buildkit.engine import BaseRequest
from buildkit.engine.bases import base_tag
from buildkit.engine.docker import DockerEngine
from buildkit.errors import TargetError, UnavailableError


@pytest.fixture
def platform(client):
    """A platform's name of this test's own, whose images are removed afterwards."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    yield name
    for image in client.images.list(filters={"label": f"mesos-buildkit.platform={name}"}):
        for tag in image.tags:
            client.images.remove(tag)


@pytest.fixture
def on_base(base, base_request, platform) -> BaseRequest:
    """A request that a local image and nothing else is needed for, so that it is quick."""
    return replace(
        base_request, platform=platform, image=base.reference, packages=(), bootstrap=None
    )


class TestTheSharedBase:
    def test_it_describes_itself(self, base, client, base_request):
        image = client.images.get(base.reference)
        assert base.identity == image.id
        assert base.reference == base_tag(base_request)
        assert base.architecture == base_request.architecture == image.attrs["Architecture"]
        assert base.compiler.startswith("g++ (Debian 12")

    def test_its_label_says_what_it_is_made_from(self, base, client):
        labels = client.images.get(base.reference).labels
        assert json.loads(labels["mesos-buildkit.recipe"])["packages"] == ["g++"]
        assert labels["mesos-buildkit.origin"] in ("image debian:bookworm-slim", "bootstrap")

    def test_no_public_images_name_is_given_to_it(self, base, client):
        assert client.images.get(base.reference).tags == [base.reference]

    def test_it_is_found_again_without_a_word(self, base, docker_engine, base_request):
        said = []
        assert docker_engine.provide(base_request, said.append) == base
        assert said == []

    def test_it_compiles_and_links(self, docker_bench, tmp_path):
        (tmp_path / "a.cpp").write_text("#include <iostream>\nint main() { std::cout << 42; }\n")
        result = docker_bench.run(
            "g++ -std=c++11 a.cpp -o a && ./a", inputs={"a.cpp": tmp_path / "a.cpp"}
        )
        assert result.ok
        assert docker_bench.lines == ["42"]


class TestMakingOnce:
    def test_by_several_threads(self, docker_engine, on_base):
        said, bases = [], []
        threads = [
            threading.Thread(
                target=lambda: bases.append(docker_engine.provide(on_base, said.append))
            )
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(bases) == 4
        assert len(set(bases)) == 1
        assert sum("making it" in line for line in said) == 1

    def test_by_several_processes(self, on_base):
        program = textwrap.dedent(f"""
            from buildkit.engine import *
            from buildkit.engine.docker import DockerEngine
            base = DockerEngine.connect().provide({on_base!r}, print)
            print("got", base.identity)
        """)
        processes = [
            subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", program],
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
            for _ in range(3)
        ]
        lines = [line for one in processes for line in one.communicate(timeout=120)[0].splitlines()]
        assert [one.returncode for one in processes] == [0, 0, 0]
        assert len({line for line in lines if line.startswith("got ")}) == 1
        assert sum("making it" in line for line in lines) == 1


class TestWhatCannotBe:
    def test_every_attempt_is_named_with_what_to_do(self, docker_engine, platform, base_request):
        request = replace(
            base_request, platform=platform, image="localhost:1/no/registry:here", bootstrap=None
        )
        with pytest.raises(UnavailableError) as caught:
            docker_engine.provide(request, print)
        message = str(caught.value)
        assert platform in message
        assert "its registry does not answer" in message
        assert "bootstrap: the platform has none" in message
        assert "docker pull localhost:1/no/registry:here" in message
        assert "docker load" in message

    def test_a_base_without_its_compiler_gets_no_tag(self, docker_engine, on_base, client):
        request = replace(on_base, compiler="no-such-compiler")
        with pytest.raises(UnavailableError, match=r"no-such-compiler.*packages"):
            docker_engine.provide(request, print)
        assert base_tag(request) not in {tag for one in client.images.list() for tag in one.tags}

    def test_a_package_that_is_not_there_is_said_by_apt(self, docker_engine, on_base):
        request = replace(on_base, packages=("no-such-package-at-all",))
        with pytest.raises(UnavailableError, match=r"(?s)no-such-package-at-all|apt-get"):
            docker_engine.provide(request, print)

    def test_an_image_for_another_architecture_is_refused(self, docker_engine, on_base):
        request = replace(on_base, architecture="mips64le")
        with pytest.raises(UnavailableError, match="mips64le"):
            docker_engine.provide(request, print)

    def test_a_bootstrap_that_fails_leaves_no_image(
        self, docker_engine, platform, client, monkeypatch, base_request
    ):
        before = {image.id for image in client.images.list(all=True)}
        monkeypatch.setenv("MESOS_BUILDKIT_DEBIAN_MIRROR", "http://localhost:1/debian")
        request = replace(base_request, platform=platform, image="localhost:1/no/registry:here")
        with pytest.raises(UnavailableError, match="mmdebstrap"):
            docker_engine.provide(request, print)
        labelled = client.images.list(filters={"label": "mesos-buildkit.base=1"})
        assert {image.id for image in labelled} <= before


class Registry(http.server.BaseHTTPRequestHandler):
    """As much of a registry as a pull needs."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        kind, content = self.server.content.get(self.path, ("application/json", None))
        status = 200
        if self.path == "/v2/":
            content = b"{}"
        elif content is None:
            status = 404
            error = {"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}
            content = json.dumps({"errors": [error]}).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Docker-Content-Digest", digest(content))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815  # named by http.server

    def log_message(self, *_: object) -> None:
        pass


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def registry(client):
    """A registry on this machine, for a daemon that shares its network."""
    from docker.errors import APIError  # noqa: PLC0415

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        server.content = {}
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            try:
                client.api.pull(f"127.0.0.1:{server.server_port}/any", tag="thing")
            except APIError as error:
                if "manifest unknown" not in str(error):
                    pytest.skip(f"the daemon is not on this machine's network: {error}")
            yield server
        finally:
            server.shutdown()
            thread.join()


def publish(registry, name: str, layer: bytes, architecture: str) -> str:
    """Put an image of one layer into the registry; give the name to pull it by."""
    prefix = "application/vnd.docker"
    config = json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        }
    ).encode()

    def described(kind: str, content: bytes) -> dict[str, object]:
        registry.content[f"/v2/{name}/blobs/{digest(content)}"] = (
            "application/octet-stream",
            content,
        )
        return {"mediaType": kind, "size": len(content), "digest": digest(content)}

    kind = f"{prefix}.distribution.manifest.v2+json"
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": kind,
            "config": described(f"{prefix}.container.image.v1+json", config),
            "layers": [described(f"{prefix}.image.rootfs.diff.tar", layer)],
        }
    ).encode()
    for reference in ("1", digest(manifest)):
        registry.content[f"/v2/{name}/manifests/{reference}"] = (kind, manifest)
    return f"127.0.0.1:{registry.server_port}/{name}:1"


@pytest.fixture
def tiny_layer(docker_bench, tmp_path) -> bytes:
    """An image's only layer, with one program for a shell and all else: it names a compiler."""
    (tmp_path / "sh.cpp").write_text('#include <cstdio>\nint main() { puts("tiny++ 1.0"); }\n')
    assert docker_bench.run(
        "mkdir -p bin tmp && g++ -static -s -O1 sh.cpp -o bin/sh && tar cf out/layer.tar bin tmp",
        inputs={"sh.cpp": tmp_path / "sh.cpp"},
    ).ok
    content = (docker_bench.output / "layer.tar").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        assert "bin/sh" in tar.getnames()
    return content


class TestPulling:
    def test_an_image_is_pulled_and_becomes_a_base(
        self, docker_engine, on_base, registry, tiny_layer, client
    ):
        image = publish(registry, "tiny/base", tiny_layer, on_base.architecture)
        request = replace(on_base, image=image)
        try:
            made = docker_engine.provide(request, print)
            assert made.compiler == "tiny++ 1.0"
            labels = client.images.get(made.identity).labels
            assert labels["mesos-buildkit.origin"] == f"image {image}"
        finally:
            client.images.remove(image, force=True)

    def test_an_image_that_the_registry_has_not_is_no_case_for_a_bootstrap(
        self, docker_engine, platform, registry, base_request
    ):
        image = f"127.0.0.1:{registry.server_port}/tiny/base:nope"
        request = replace(base_request, platform=platform, image=image)
        said = []
        with pytest.raises(UnavailableError, match=r"the registry has no image .*:nope"):
            docker_engine.provide(request, said.append)
        assert not any("mmdebstrap" in line for line in said)


def test_a_bundle_brings_a_base_back(client, base_request, base, tmp_path):
    request = replace(base_request, platform=f"bundle-{uuid.uuid4().hex[:8]}")
    tag = base_tag(request)
    client.images.get(base.identity).tag(tag)
    bundle = tmp_path / "bundle.tar"
    try:
        write_bundle(bundle, [BasesPart(DockerEngine.connect, [request])])
        client.images.remove(tag, noprune=True)
        assert read_bundle(bundle, [BasesPart(DockerEngine.connect)]) == 1
        assert client.images.get(tag).id == base.identity
    finally:
        client.images.remove(tag, noprune=True)


def test_a_bundle_brings_no_image_of_another_name(client, base, tmp_path):
    client.images.get(base.identity).tag("mesos-buildkit-test/other:1")
    try:
        with DockerEngine.connect() as engine:
            image = b"".join(engine.save_image("mesos-buildkit-test/other:1"))
    finally:
        client.images.remove("mesos-buildkit-test/other:1", noprune=True)
    part = BasesPart(DockerEngine.connect)
    with pytest.raises(TargetError, match="and nothing else"):
        part.accept("debian12-0123456789ab.tar", io.BytesIO(image))
    assert not client.images.list("mesos-buildkit-test/other")
