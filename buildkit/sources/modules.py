"""A module's sources: a folder beside the matrix file, or a commit of a git repository."""

import io
import threading
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from buildkit.compat import tarfile
from buildkit.engine import Emit
from buildkit.errors import TargetError, UnavailableError
from buildkit.files.store import mark_as_cache
from buildkit.files.tree import File, Tree, digest_of, read_tree, tree_digest
from buildkit.matrix import Module
from buildkit.sources.git import GitDone, commit_time, look_at, run_git
from buildkit.sources.origin import Origin


class Sources:
    """Reads each module's sources once, whatever the number of targets. Thread-safe.

    ``beside`` are files that shape a build and are no sources, such as the matrix file.
    """

    def __init__(
        self, *, root: Path, cache: Path, beside: Sequence[Path] = (), seconds: float = 600.0
    ) -> None:
        self._root = root
        self._cache = cache
        self._beside = beside
        self._seconds = seconds
        self._trees: dict[str, Tree] = {}
        self._origins: dict[str, Origin] = {}
        self._lock = threading.Lock()

    def tree(self, module: Module, emit: Emit) -> Tree:
        """The module's source folder.

        Raises :class:`TargetError` for a repository without the commit or the sub-path, and
        :class:`UnavailableError` for one that can't be reached.
        """
        with self._lock:
            if module.name not in self._trees:
                self._trees[module.name] = (
                    read_tree(self._root / module.source)
                    if module.source is not None
                    else self._git_tree(module, emit)
                )
            return self._trees[module.name]

    def at_hand(self, module: Module) -> Tree | None:
        """The module's source folder if nothing need be fetched for it, else None.

        Raises :class:`TargetError` as :meth:`tree`.
        """
        if module.git is not None:
            repository = self._repository(self._absolute(module.git))
            if not repository.is_dir() or not self._has(repository, module.revision or ""):
                return None
        return self.tree(module, lambda _: None)

    def origin(self, module: Module, emit: Emit) -> Origin:
        """Where :meth:`tree` comes from. Files of ``beside`` that were changed count as its own.

        Raises as :meth:`tree`, and :class:`UnavailableError` if git can't say.
        """
        tree = self.tree(module, emit)
        with self._lock:
            if module.name not in self._origins:
                self._origins[module.name] = self._find_origin(module, tree)
            return self._origins[module.name]

    def _find_origin(self, module: Module, tree: Tree) -> Origin:
        own = [] if module.source is None else [self._root / module.source]
        found = look_at(self._root, [*own, *self._beside])
        dirty = () if found is None else found.dirty
        digest = tree_digest(tree)
        if module.git is not None and module.revision is not None:
            repository = self._repository(self._absolute(module.git))
            time = commit_time(module.revision, "--git-dir", str(repository))
            return Origin(digest=digest, revision=module.revision, time=time, dirty=dirty)
        if found is None:
            return Origin(digest=digest)
        return Origin(digest=digest, revision=found.revision, time=found.time, dirty=dirty)

    def repository(self, module: Module, emit: Emit) -> Path:
        """The bare repository that has a module's commit, fetched if need be.

        Raises as :meth:`tree`.
        """
        if module.git is None or module.revision is None:
            raise AssertionError("the model asks for source or git with revision")
        url = self._absolute(module.git)
        repository = self._repository(url)
        mark_as_cache(self._cache)
        with FileLock(repository.with_suffix(".lock")):
            init_repository(repository)
            if not self._has(repository, module.revision):
                emit(f"fetching {module.git} at {module.revision}")
                self._fetch(repository, url, module)
        return repository

    def _repository(self, url: str) -> Path:
        return self._cache / digest_of(url)[:16]

    def _git_tree(self, module: Module, emit: Emit) -> Tree:
        repository = self.repository(module, emit)
        tree = f"{module.revision}:{module.subpath or ''}"
        archive = self._git("--git-dir", str(repository), "archive", "--format=tar", tree)
        if archive.returncode:
            raise TargetError(
                f"module {module.name}: no folder {module.subpath or '.'!r} in {module.git} at "
                f"{module.revision}, or not all of it: "
                f"{archive.stderr.decode(errors='replace').strip()}"
            )
        return _untar(archive.stdout, f"module {module.name}: {module.git}")

    def _absolute(self, url: str) -> str:
        """A path is meant relative to the matrix file; git would take it from where we are."""
        local = self._root / url
        return str(local) if local.is_dir() else url

    def _has(self, repository: Path, revision: str) -> bool:
        probe = self._git("--git-dir", str(repository), "cat-file", "-e", f"{revision}^{{commit}}")
        return probe.returncode == 0

    def _fetch(self, repository: Path, url: str, module: Module) -> None:
        revision = module.revision or ""
        options = ("--git-dir", str(repository), "fetch", "--quiet", "--no-tags")
        done = self._git(*options, "--depth=1", "--", url, revision)
        if done.returncode:
            # Not every server gives out a commit by its ID; all of it then.
            done = self._git(*options, "--", url, "+refs/*:refs/*")
        if done.returncode:
            raise UnavailableError(
                f"module {module.name}: can't fetch {module.git}: "
                f"{done.stderr.decode(errors='replace').strip()}"
            )
        if not self._has(repository, revision):
            raise TargetError(f"module {module.name}: {module.git} has no commit {revision}")

    def _git(self, *arguments: str) -> GitDone:
        return run_git(*arguments, seconds=self._seconds)


def init_repository(folder: Path) -> None:
    """Make ``folder`` an empty bare repository if it is not there.

    Raises :class:`UnavailableError` if git is not installed.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Again for one that is there: it may have been cut off.
    done = run_git("init", "--quiet", "--bare", str(folder))
    if done.returncode:
        raise UnavailableError(f"{folder}: {done.stderr.decode(errors='replace').strip()}")


def pack_commit(repository: Path, revision: str) -> bytes:
    """A commit and the files in it, without its history, as a pack of git's.

    Raises :class:`UnavailableError` if git can't make one.
    """
    at = ("--git-dir", str(repository))
    objects = run_git(*at, "rev-list", "--objects", "--no-walk", revision)
    names = b"".join(line.split()[0] + b"\n" for line in objects.stdout.splitlines())
    pack = run_git(*at, "pack-objects", "--quiet", "--stdout", given=names)
    if objects.returncode or pack.returncode:
        why = (objects.stderr or pack.stderr).decode(errors="replace").strip()
        raise UnavailableError(f"{repository}: can't pack {revision}: {why}")
    return pack.stdout


def unpack_commit(repository: Path, revision: str, pack: Path) -> None:
    """Add what :func:`pack_commit` has made to a repository, which need not be there.

    Raises :class:`TargetError` for a pack that is damaged or holds another commit.
    """
    mark_as_cache(repository.parent)
    at = ("--git-dir", str(repository))
    with FileLock(repository.with_suffix(".lock")):
        init_repository(repository)
        shallow = repository / "shallow"
        known = shallow.read_text().split() if shallow.is_file() else []
        # Its parents are elsewhere.
        shallow.write_text("".join(f"{name}\n" for name in sorted({*known, revision})))
        done = run_git(*at, "index-pack", "--stdin", given=pack.read_bytes())
        whole = run_git(*at, "rev-list", "--objects", "--no-walk", "--quiet", revision)
        if done.returncode or whole.returncode:
            shallow.write_text("".join(f"{name}\n" for name in known))
            why = (done.stderr or whole.stderr).decode(errors="replace").strip()
            raise TargetError(f"{revision}: not in the pack of that name: {why}")


def _untar(data: bytes, where: str) -> dict[str, File]:
    """The archive's files; links are followed as in :func:`buildkit.files.tree.read_tree`."""
    found: dict[str, File] = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            # Hidden files are left out of folders, too.
            if member.isdir() or any(part.startswith(".") for part in member.name.split("/")):
                continue
            try:
                content = archive.extractfile(member)
            except KeyError:  # the link's end is not in the archive
                content = None
            if content is None:
                raise TargetError(f"{where}: {member.name}: a link to no file of these sources")
            found[member.name] = File(content.read(), executable=bool(member.mode & 0o100))
    return found
