"""Signatures by OpenSSH's ssh-keygen, which operators have, and a key that they can compare."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from buildkit.errors import UnavailableError, UsageError

SIGNERS = "allowed_signers"
SUFFIX = ".sig"
_WHO = "release"
_NAMESPACE = "file"
"""What ssh-keygen's manual advises for files."""
_SECONDS = 300.0
"""Somebody may have to type a passphrase."""


def verify_command(name: str) -> str:
    """The shell command that checks the signature of the file ``name`` in its folder."""
    return f"ssh-keygen -Y verify -f {SIGNERS} -I {_WHO} -n {_NAMESPACE} -s {name}{SUFFIX} < {name}"


@dataclass(frozen=True, kw_only=True)
class Signer:
    """A private key, and the line by which its signatures are known."""

    key: Path
    line: str
    """Of an ``allowed_signers`` file."""

    @classmethod
    def open(cls, key: Path) -> Self:
        """Read a private key of OpenSSH's.

        Raises :class:`UsageError` for what is none or can't be read, and
        :class:`UnavailableError` if ssh-keygen is not installed.
        """
        try:
            with key.open("rb"):
                pass
        except OSError as error:
            raise UsageError(f"--sign-key {key}: {error.strerror}") from None
        done = _run("-y", "-f", str(key))
        if done.returncode:
            raise UsageError(
                f"--sign-key {key}: {_last(done)}; expected a private key as "
                "'ssh-keygen -t ed25519' makes it"
            )
        public = " ".join(done.stdout.decode(errors="replace").split()[:2])
        return cls(key=key, line=f'{_WHO} namespaces="{_NAMESPACE}" {public}\n')

    def sign(self, file: Path) -> Path:
        """Sign a file; its signature, which lies beside it.

        Raises :class:`UnavailableError` if that does not work.
        """
        signature = file.with_name(file.name + SUFFIX)
        # It would ask before it writes over one.
        signature.unlink(missing_ok=True)
        done = _run("-Y", "sign", "-f", str(self.key), "-n", _NAMESPACE, str(file))
        if done.returncode or not signature.is_file():
            raise UnavailableError(f"--sign-key {self.key}: can't sign: {_last(done)}")
        return signature

    def made(self, signature: Path, file: Path) -> bool:
        """Whether ``signature`` is one of this key's for ``file``."""
        with tempfile.NamedTemporaryFile("w", prefix="mesos-buildkit-signers-") as signers:
            signers.write(self.line)
            signers.flush()
            options = ("-f", signers.name, "-I", _WHO, "-n", _NAMESPACE, "-s", str(signature))
            return _run("-Y", "verify", *options, given=file.read_bytes()).returncode == 0


def _run(*arguments: str, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(
            ["ssh-keygen", *arguments],
            capture_output=True,
            check=False,
            input=given,
            timeout=_SECONDS,
        )
    except FileNotFoundError:
        raise UnavailableError(
            "ssh-keygen is not installed (Debian's openssh-client); needed for --sign-key"
        ) from None
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"ssh-keygen took more than {_SECONDS:.0f} s") from None


def _last(done: "subprocess.CompletedProcess[bytes]") -> str:
    lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "ssh-keygen failed without a word"
