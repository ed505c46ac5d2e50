"""Signatures of a real ssh-keygen, and what is said of keys that can't make any."""

import shutil
import subprocess

import pytest

from buildkit.errors import UnavailableError, UsageError
from buildkit.publish.signing import SIGNERS, Signer, verify_command


@pytest.fixture
def make_key(tmp_path):
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")

    def make(name, kind="ed25519"):
        path = tmp_path / name
        command = ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "nobody", "-f", str(path)]
        subprocess.run(command, check=True)
        return path

    return make


def check(folder, name):
    command = verify_command(name)
    return subprocess.run(["sh", "-c", command], cwd=folder, check=False, capture_output=True)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_an_operator_sees_whether_a_file_is_the_one_that_was_signed(make_key, tmp_path, kind):
    signer = Signer.open(make_key("key", kind))
    file = tmp_path / "file"
    file.write_bytes(b"content\n")
    signature = signer.sign(file)
    (tmp_path / SIGNERS).write_text(signer.line)
    assert check(tmp_path, "file").returncode == 0
    assert signer.made(signature, file)
    assert not Signer.open(make_key("other")).made(signature, file)
    file.write_bytes(b"Content\n")
    assert check(tmp_path, "file").returncode != 0
    assert not signer.made(signature, file)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.write_text("no key\n"), "expected a private key"),
        (lambda path: (path.unlink(), path.mkdir()), "Is a directory"),
    ],
)
def test_what_is_no_key_is_one_message(make_key, spoil, words):
    key = make_key("key")
    spoil(key)
    with pytest.raises(UsageError, match=words) as error:
        Signer.open(key)
    assert str(error.value).startswith(f"--sign-key {key}: ")
    assert "\n" not in str(error.value)


def test_without_the_tool_its_package_is_named(make_key, monkeypatch, tmp_path):
    key = make_key("key")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="openssh-client"):
        Signer.open(key)
