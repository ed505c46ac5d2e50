"""The folder that releases are published in: files come, and never change.

All files are made in a folder of their own and compared with what is there before the first of them
appears. ``SHA256SUMS`` comes last but for signatures, so a run that was cut off leaves no list of
what is not there, and another run completes it.
"""

import errno
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock

from buildkit.errors import TargetError
from buildkit.files.ownfolder import PREFIX, own_folder, remove_abandoned
from buildkit.files.tree import replace_text
from buildkit.publish.provenance import subjects
from buildkit.publish.signing import SIGNERS, SUFFIX, Signer, verify_command
from buildkit.results.artifacts import CHECKSUMS, sha256_of

VERIFY = "VERIFY.txt"
_LINE = re.compile(r"(?P<digest>[0-9a-f]{64})  (?P<name>[^/\s][^/\n]*)", re.ASCII)
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_VERIFY_TEXT = f"""\
How to check these files, in this folder:

  sha256sum -c --ignore-missing {CHECKSUMS}

and, if there is a {CHECKSUMS}{SUFFIX}, that they come from whom you think:

  {verify_command(CHECKSUMS)}

It says 'Good "file" signature' and the key's fingerprint. {SIGNERS} holds that key; compare it
with one that you have from elsewhere, for whoever could change these files could change it as well.
Each *.provenance.json is checked in the same way, by its own name.
"""

State = Literal["written", "present"]


@dataclass(frozen=True, kw_only=True)
class Published:
    """A file in the folder."""

    name: str
    sha256: str
    """In hex."""
    state: State
    """Whether this run has written it, or the same was there."""


class ReleaseFolder:
    """Files that are to be published together. To be used within :meth:`open`."""

    def __init__(self, folder: Path, staging: Path) -> None:
        self._folder = folder
        self._staging = staging
        self._same: dict[str, str] = {}
        """Files that are the same wherever they are made: name -> SHA-256, in hex."""
        self._statements: dict[str, str] = {}
        """Provenance, which differs each time."""

    @classmethod
    @contextmanager
    def open(cls, folder: Path, lock: Path) -> Iterator["ReleaseFolder"]:
        """The folder, made if need be; ``lock`` is held meanwhile."""
        folder.mkdir(parents=True, exist_ok=True)
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock):
            remove_abandoned(folder.glob(f"{PREFIX}*"))
            with own_folder(folder) as staging:
                yield cls(folder, staging)

    def add(self, name: str, data: bytes) -> str:
        """A file to be published; its SHA-256, in hex."""
        self._same[name] = self._stage(name, data)
        return self._same[name]

    def add_statement(self, name: str, text: str) -> None:
        """A statement of in-toto's. One that is there and is about the same files stays."""
        self._statements[name] = self._stage(name, text.encode())

    def publish(self, signer: Signer | None) -> list[Published]:
        """Make all that was added appear, and sign it; in the order of names.

        Raises :class:`TargetError` naming everything that is there already with other bytes, and
        then nothing has appeared.
        """
        listed = self._listed()
        problems = [
            problem
            for name, digest in self._same.items()
            for problem in self._conflicts(name, digest, listed)
        ]
        for name, digest in self._statements.items():
            if not self._about_the_same(name):
                problems += self._conflicts(name, digest, {})
        sums = listed | self._same
        grows = sums != listed
        problems += self._signature_problems(signer, grows=grows)
        if problems:
            raise TargetError(
                f"nothing was published in {self._folder}, where files never change:\n  "
                + "\n  ".join(problems)
            )
        names = (*self._same, *self._statements)
        done = {name: self._appear(name) for name in names}
        if not (self._folder / VERIFY).is_file():
            self._stage(VERIFY, _VERIFY_TEXT.encode())
            self._appear(VERIFY)
        if grows:
            # It is about what was there before.
            (self._folder / f"{CHECKSUMS}{SUFFIX}").unlink(missing_ok=True)
            lines = (f"{digest}  {name}\n" for name, digest in sorted(sums.items()))
            replace_text(self._folder / CHECKSUMS, "".join(lines))
        if signer is not None:
            self._sign(signer, (CHECKSUMS, *self._statements))
        return [
            Published(name=name, sha256=sha256_of(self._folder / name), state=done[name])
            for name in sorted(names)
        ]

    def _stage(self, name: str, data: bytes) -> str:
        path = self._staging / name
        with path.open("wb") as file:
            file.write(data)
            file.flush()
            # A name must never outlive a crash that its content does not.
            os.fsync(file.fileno())
        path.chmod(0o644)
        return sha256_of(path)

    def _appear(self, name: str) -> State:
        """Give a staged file its place, unless it is taken; it has been seen to be free or good."""
        staged, place = self._staging / name, self._folder / name
        if place.exists():
            return "present"
        try:
            # Unlike a rename, it never replaces.
            os.link(staged, place)
        except FileExistsError:
            if sha256_of(place) == sha256_of(staged):
                return "present"
            raise TargetError(
                _conflict(place, sha256_of(place), sha256_of(staged), "just appeared")
            ) from None
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            staged.rename(place)
        return "written"

    def _listed(self) -> dict[str, str]:
        """What the checksum file says already: name -> SHA-256, in hex."""
        path = self._folder / CHECKSUMS
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return {}
        except UnicodeDecodeError:
            raise TargetError(f"{path}: not a text; expected lines of sha256sum") from None
        found: dict[str, str] = {}
        for number, line in enumerate(lines, 1):
            match = _LINE.fullmatch(line)
            if match is None:
                raise TargetError(
                    f"{path}:{number}: expected a SHA-256 and a file's name; is this folder one "
                    "that releases are published in?"
                )
            found[match["name"]] = match["digest"]
        return found

    def _conflicts(self, name: str, digest: str, listed: dict[str, str]) -> Iterator[str]:
        path = self._folder / name
        if path.is_file():
            if (there := sha256_of(path)) != digest:
                yield _conflict(path, there, digest, "there with other bytes")
        elif path.exists() or path.is_symlink():
            yield f"{path}: there, and not a file"
        elif listed.get(name, digest) != digest:
            yield _conflict(path, listed[name], digest, f"listed in {CHECKSUMS} with other bytes")

    def _about_the_same(self, name: str) -> bool:
        try:
            there = json.loads((self._folder / name).read_bytes())
            ours = json.loads((self._staging / name).read_bytes())
        except (OSError, ValueError):
            return False
        return subjects(there) == subjects(ours)

    def _signature_problems(self, signer: Signer | None, *, grows: bool) -> Iterator[str]:
        if signer is None:
            if grows and (self._folder / f"{CHECKSUMS}{SUFFIX}").exists():
                yield (
                    f"{self._folder / CHECKSUMS}: is signed, and would get further lines; sign it "
                    "anew with --sign-key"
                )
            return
        digest = self._stage(SIGNERS, signer.line.encode())
        if other_key := list(self._conflicts(SIGNERS, digest, {})):
            yield from other_key
            return
        for name in (*(() if grows else (CHECKSUMS,)), *self._statements):
            file, signature = self._folder / name, self._folder / f"{name}{SUFFIX}"
            if signature.exists() and not (file.is_file() and signer.made(signature, file)):
                yield f"{signature}: there, and not a signature of {name} by this key"

    def _sign(self, signer: Signer, names: Sequence[str]) -> None:
        self._appear(SIGNERS)
        for name in names:
            if (self._folder / f"{name}{SUFFIX}").exists():
                continue
            copy = self._staging / name
            copy.write_bytes((self._folder / name).read_bytes())
            signer.sign(copy).chmod(0o644)
            self._appear(f"{name}{SUFFIX}")


def _conflict(path: Path, there: str, ours: str, how: str) -> str:
    return f"{path}: {how}\n    {there}  there\n    {ours}  to be published"
