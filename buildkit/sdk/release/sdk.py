"""The release SDK of a target: assembled from the official source archive, on the target's base.

Three products of the store, each under the digest of what shapes it: protobuf (shared by every
release that bundles the same sources), the SDK (headers, packed), and the runtime (the release's
own module loader and what it depends on, for smoke tests).
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path

from buildkit import __version__
from buildkit.archives.cache import Archives, archive_of
from buildkit.errors import TargetError, UnavailableError
from buildkit.files.tarballs import write_tarball
from buildkit.files.tree import File, Tree, digest_of, read_tree, tree_digest, under, write_tree
from buildkit.patches import Patch, apply_patches, compatibility_headers
from buildkit.plan import Target
from buildkit.releases import Release
from buildkit.sdk.model import PACKED, Runtime, Sdk
from buildkit.sdk.release.builtin import builtin_patches
from buildkit.sdk.release.headers import compile_flags, sdk_tree
from buildkit.sdk.release.libprocess import needs_libprocess
from buildkit.sdk.release.messages import generate_tree
from buildkit.sdk.release.protobuf import protobuf_tree
from buildkit.sdk.release.runtime import runtime_flags, runtime_tree
from buildkit.sdk.release.sources import lacking_archives, read_sources
from buildkit.steps.runner import Site, StepFailedError, Steps

_LACKING = "lacking.txt"
_DIGEST = "digest.txt"
_PROVIDED = "provided.txt"
RUNTIME_LINK_FLAGS = (
    "-Lruntime/lib",
    "-lmesos_runtime",
    # Relative to the harness, which lies in a folder beside.
    "-Wl,-rpath,$ORIGIN/../runtime/lib",
    # Modules look for what the agent has in the program and its libraries.
    "-rdynamic",
)


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """What shapes a target's SDK, short of the files themselves."""

    target: Target
    site: Site
    names: tuple[str, ...]
    """The archives it is made of."""
    digest: str

    @property
    def compiler(self) -> str:
        """The platform's."""
        return self.target.platform.compiler

    @property
    def flags(self) -> tuple[str, ...]:
        """Those of the platform that are part of the ABI."""
        return self.target.abi_flags

    @property
    def patches(self) -> tuple[Patch, ...]:
        """Ours and the user's that concern the SDK."""
        release = self.target.release
        every = (*builtin_patches(), *self.target.patches)
        return tuple(patch for patch in every if patch.touches("sdk", release))


class ReleaseSdks:
    """Makes release SDKs, or finds them in the store. Thread-safe."""

    def __init__(self, steps: Steps, archives: Archives) -> None:
        self._steps = steps
        self._archives = archives

    def provide(self, target: Target, site: Site) -> Sdk:
        """The target's SDK.

        Raises :class:`TargetError` for an archive that is not in the cache or is broken, a patch
        that does not apply, or a step that fails.
        """
        # A module's environment is none of Mesos's.
        parts = self._parts(target, replace(site, env={}))
        product = self._steps.once(
            "sdk", parts.digest, parts.site, lambda entry: self._fill(parts, entry)
        )

        def tree() -> Tree:
            return {PACKED: File((product.entry / PACKED).read_bytes())}

        return Sdk(
            kind="release",
            # By what is in it: a recipe that has changed need not have changed this SDK.
            digest=(product.entry / _DIGEST).read_text(),
            compile_flags=compile_flags(target.release),
            link_flags=(),
            real_loader=True,
            harness_link_flags=RUNTIME_LINK_FLAGS,
            cached=product.cached,
            archives=tuple((name, self._archives.digest(name)) for name in parts.names),
            tree=tree,
            runtime=lambda _, undefined: self._runtime(parts, product.entry, undefined),
        )

    def _parts(self, target: Target, site: Site) -> _Parts:
        lacking = self._completions(target, site)
        for name in lacking:
            # One that is pinned has been used: what was made of it may still be there.
            if self._archives.lock.pin(name) is None and not self._archives.has(name):
                raise self._lack(target.release, name)
        names = (archive_of(target.release), *lacking)
        digest = digest_of(
            "release-sdk",
            *(f"{name} {self._archives.digest(name)}" for name in names),
            *(_recipe_digest(), site.base.identity),
            *(target.platform.compiler, *target.abi_flags),
        )
        parts = _Parts(target=target, site=site, names=names, digest=digest)
        digest = digest_of(digest, *(patch.digest for patch in parts.patches))
        return replace(parts, digest=digest)

    def _completions(self, target: Target, site: Site) -> list[str]:
        """The bundled archives that the release's own archive lacks."""
        name = archive_of(target.release)

        def fill(entry: Path) -> None:
            with _judging(target):
                lacking = lacking_archives(target.release, self._path(name))
            (entry / _LACKING).write_text("".join(f"{other}\n" for other in lacking))

        digest = digest_of("lacking", self._archives.digest(name), _recipe_digest())
        entry = self._steps.once("lacking", digest, site, fill).entry
        return (entry / _LACKING).read_text().split()

    def _lack(self, release: Release, name: str) -> TargetError:
        return TargetError(
            f"{archive_of(release)}: lacks the bundled {name}; put {name} into "
            f"{self._archives.folder} beside it"
        )

    def _path(self, name: str) -> Path:
        path = self._archives.find(name)
        if path is None:
            raise TargetError(
                f"{name}: not in {self._archives.folder}, and the SDK made of it is no longer in "
                "the cache; get it with 'python -m buildkit sdk'"
            )
        return path

    def _sources(self, parts: _Parts) -> dict[str, File]:
        release = parts.target.release
        archive = self._path(parts.names[0])
        others = [self._archives.find(name) for name in parts.names[1:]]
        for name, path in zip(parts.names[1:], others, strict=True):
            if path is None:
                raise self._lack(release, name)
        with _judging(parts.target):
            sources = read_sources(release, archive, {path.name: path for path in others if path})
        return apply_patches(sources, parts.patches, release, "sdk")

    def _fill(self, parts: _Parts, entry: Path) -> None:
        release = parts.target.release
        sources = self._sources(parts)
        protobuf = self._protobuf(parts, sources)
        with _judging(parts.target):
            step = generate_tree(sources)
        with tempfile.TemporaryDirectory(prefix="mesos-buildkit-sdk-") as scratch:
            generated = Path(scratch)
            with self._steps.slot(parts.site):
                self._run(parts, "generate", step, {"protobuf": protobuf}, generated)
            messages = read_tree(generated)
        with _judging(parts.target):
            tree = sdk_tree(sources, messages, release)
        compatibility = compatibility_headers(parts.target.patches, release, "sdk")
        tree = under("sdk", {**tree, **under("compat", compatibility)})
        (entry / _DIGEST).write_text(digest_of(tree_digest(tree), *compile_flags(release)))
        (entry / PACKED).write_bytes(write_tarball(tree))

    def _protobuf(self, parts: _Parts, sources: Tree) -> Path:
        tree = self._protobuf_tree(parts, sources)

        def fill(entry: Path) -> None:
            with self._steps.wide_slot(parts.site) as jobs:
                self._run(parts, "protobuf", tree, {}, entry, jobs=jobs)

        digest = digest_of("protobuf", tree_digest(tree), parts.site.base.identity)
        return self._steps.once("protobuf", digest, parts.site, fill).entry

    def _runtime(self, parts: _Parts, sdk: Path, undefined: frozenset[str]) -> Runtime:
        libprocess = needs_libprocess(parts.target.release, undefined)

        def describe(entry: Path) -> None:
            sources = self._sources(parts)
            trees = (
                self._protobuf_tree(parts, sources),
                self._runtime_tree(parts, sources, libprocess=libprocess),
            )
            (entry / _DIGEST).write_text(digest_of(*map(tree_digest, trees)))

        # As for the SDK: first what it is made of, by content, and then whether that was made.
        flags = runtime_flags(parts.target, libprocess=libprocess)
        of = digest_of("runtime", parts.digest, "libprocess" if libprocess else "core", *flags)
        described = self._steps.once("runtime-digest", of, parts.site, describe)
        digest = digest_of(
            *((described.entry / _DIGEST).read_text(), (sdk / _DIGEST).read_text()),
            parts.site.base.identity,
        )

        def fill(entry: Path) -> None:
            sources = self._sources(parts)
            tree = self._runtime_tree(parts, sources, libprocess=libprocess)
            inputs = {PACKED: sdk / PACKED, "protobuf": self._protobuf(parts, sources)}
            with self._steps.wide_slot(parts.site) as jobs:
                self._run(parts, "runtime", tree, inputs, entry, jobs=jobs)
            if not (entry / _PROVIDED).is_file():
                raise StepFailedError([f"the runtime's build left no {_PROVIDED}"])

        product = self._steps.once("runtime", digest, parts.site, fill)
        return Runtime(
            digest=digest,
            provided=frozenset((product.entry / _PROVIDED).read_text().split()),
            cached=product.cached,
            inputs={"runtime": product.entry},
        )

    def _runtime_tree(self, parts: _Parts, sources: Tree, *, libprocess: bool) -> Tree:
        with _judging(parts.target):
            return runtime_tree(
                sources,
                parts.target.release,
                libprocess=libprocess,
                compiler=parts.compiler,
                flags=runtime_flags(parts.target, libprocess=libprocess),
            )

    def _protobuf_tree(self, parts: _Parts, sources: Tree) -> Tree:
        with _judging(parts.target):
            return protobuf_tree(sources, compiler=parts.compiler, flags=parts.flags)

    def _run(  # noqa: PLR0913
        self,
        parts: _Parts,
        name: str,
        tree: Tree,
        inputs: Mapping[str, Path],
        output: Path,
        *,
        jobs: int = 1,
    ) -> None:
        output.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="mesos-buildkit-sdk-") as scratch:
            folder = Path(scratch, name)
            write_tree(tree, folder)
            argv = ("sh", f"{name}.sh", *inputs, "out")
            self._steps.run(parts.site, name, argv, {".": folder, **inputs}, output, jobs=jobs)


@contextmanager
def _judging(target: Target) -> Iterator[None]:
    """What is wrong with an archive concerns its release; others have their own."""
    try:
        yield
    except (UnavailableError, KeyError, UnicodeDecodeError) as error:
        text = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise TargetError(f"{archive_of(target.release)}: {text}") from None


@cache
def _recipe_digest() -> str:
    """Over the code and data that assemble an SDK: what they make may change with them."""
    package = resources.files("buildkit")
    helpers = [
        (package / name).read_text()
        for name in ("patches.py", "files/tarballs.py", "sdk/layout.py")
    ]
    with resources.as_file(resources.files("buildkit.sdk.release")) as folder:
        return digest_of(__version__, *helpers, tree_digest(read_tree(folder)))
