"""A target's context: the self-contained folder that its build needs, given the base image. Pure.

The engines run its scripts, and so does the Dockerfile in it, so ``docker build`` on the folder
ends in the same library without this tool.
"""

import fnmatch
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from importlib.resources.abc import Traversable

import jinja2

from buildkit.encoding import version_header
from buildkit.errors import TargetError
from buildkit.matrix import SmokeLevel
from buildkit.patches import apply_patches, compatibility_headers
from buildkit.plan import Target
from buildkit.sdk.provide import Sdk
from buildkit.tree import File, Tree, digest_of, texts, tree_digest, under

_VERSION_HEADER = "mesos_buildkit/version.h"


@dataclass(frozen=True, kw_only=True)
class Context:
    """The parts of a context, apart from each other because they are cached apart."""

    target: Target
    sdk: Sdk
    module: Tree
    """``module/``: the sources after patches."""
    harness: Tree
    """``harness/``, harness.sh and smoke.sh."""
    rendered: Tree
    """What is made for this target: flags, exports, headers of our own, build.sh."""
    dockerfile: str

    @cached_property
    def build_digest(self) -> str:
        """SHA-256, in hex, over everything that shapes the library, but for the base."""
        return digest_of(
            tree_digest(self.module),
            tree_digest(self.rendered),
            self.sdk.digest,
            *self._sdk_changes,
        )

    @cached_property
    def harness_digest(self) -> str:
        """SHA-256, in hex, over everything that shapes the compiled harness, but for the base."""
        return digest_of(
            tree_digest(self.harness),
            self.sdk.digest,
            *self._sdk_changes,
            *self.target.harness_flags,
            self.target.platform.compiler,
        )

    @property
    def _sdk_changes(self) -> list[str]:
        return [patch.digest for patch in self.target.patches]

    def tree(self) -> dict[str, File]:
        """The whole folder. Makes the SDK's files, so it is not for asking what changed."""
        sdk = apply_patches(self.sdk.tree(), self.target.patches, self.target.release, "sdk")
        return {
            "Dockerfile": File(self.dockerfile.encode()),
            **self.module,
            **self.harness,
            **self.rendered,
            **under("sdk", sdk),
        }


def make_context(
    target: Target, sources: Tree, sdk: Sdk, *, base: str, smoke: SmokeLevel
) -> Context:
    """Put a context together.

    ``sources`` is the module's folder before patches; ``base`` the tag of the base image.

    Raises :class:`TargetError` for a patch that does not apply, or if nothing is left to compile.
    """
    module = apply_patches(sources, target.patches, target.release, "module")
    compile_list = [
        f"module/{path}"
        for path in sorted(module)
        if any(fnmatch.fnmatchcase(path, glob) for glob in target.module.sources)
    ]
    if not compile_list and target.module.build is None:
        raise TargetError(
            f"{target.name}: no source file matches {', '.join(target.module.sources)}"
        )
    headers = compatibility_headers(target.patches, target.release)
    compile_flags = _compile_flags(target, sdk, compatibility=bool(headers))
    link_flags = _link_flags(target, sdk)
    rendered = texts(
        [
            (
                "flags.sh",
                _render(
                    "flags.sh.j2",
                    target=target,
                    sources=compile_list,
                    compile_flags=compile_flags,
                    harness_flags=_harness_flags(target, sdk),
                    link_flags=link_flags,
                    # A build command runs inside module/, one folder further down.
                    compile_flags_from_module=[_from_module(f) for f in compile_flags],
                    link_flags_from_module=[_from_module(f) for f in link_flags],
                ),
            ),
            ("build.sh", _script("build.sh")),
            ("exports.map", f"{{\n  global: {target.module.symbol};\n  local: *;\n}};\n"),
            (f"include/{_VERSION_HEADER}", version_header(target.release, target.module.encoding)),
        ]
    )
    return Context(
        target=target,
        sdk=sdk,
        module=under("module", module),
        harness={
            **under("harness", _harness_sources()),
            **texts((name, _script(name)) for name in ("harness.sh", "smoke.sh")),
        },
        rendered={**rendered, **under("include/compat", headers)},
        dockerfile=_render("Dockerfile.j2", target=target, base=base, smoke=_in_docker(smoke)),
    )


def _in_docker(smoke: SmokeLevel) -> SmokeLevel:
    """The part of a smoke level that a plain ``docker build`` can do."""
    return "run" if smoke == "agent" else smoke


def _compile_flags(target: Target, sdk: Sdk, *, compatibility: bool) -> list[str]:
    return [
        *target.flags,
        target.version_flag,
        "-Iinclude",
        *(["-Iinclude/compat"] if compatibility else []),
        "-include",
        f"include/{_VERSION_HEADER}",
        "-Imodule",
        *(f"-Imodule/{folder}" for folder in target.module.include),
        *sdk.compile_flags,
    ]


def _harness_flags(target: Target, sdk: Sdk) -> list[str]:
    # Optimising would take longer than the harness ever runs.
    return [
        "-std=c++11",
        "-O0",
        "-Wall",
        "-Wextra",
        *target.harness_flags,
        "-Iinclude",
        "-include",
        f"include/{_VERSION_HEADER}",
        *sdk.compile_flags,
    ]


def _link_flags(target: Target, sdk: Sdk) -> list[str]:
    return [
        "-shared",
        f"-Wl,-soname,{target.library}",
        "-Wl,--version-script=exports.map",
        "-Wl,--build-id=sha1",
        # The agent binds everything at once, so what is missing shows here and not there.
        "-Wl,-z,now,-z,relro",
        "-pthread",
        *sdk.link_flags,
        *target.module.link_flags,
    ]


def _from_module(flag: str) -> str:
    for mark in ("-I", "-Wl,--version-script="):
        if flag.startswith(mark) and not flag.startswith(f"{mark}/"):
            return f"{mark}../{flag.removeprefix(mark)}"
    return f"../{flag}" if flag.startswith("include/") else flag


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("buildkit", "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # Shell scripts and C++ are made here; every value goes through the filter 'sh'.
        autoescape=False,  # noqa: S701
    )
    environment.filters["sh"] = shlex.quote
    return environment


def _render(template: str, **values: object) -> str:
    return _environment().get_template(template).render(**values)


@cache
def _script(name: str) -> str:
    return (resources.files("buildkit") / "templates" / "scripts" / name).read_text()


@cache
def _harness_sources() -> Mapping[str, File]:
    return dict(_package_files(resources.files("buildkit") / "smoke" / "harness", ""))


def _package_files(folder: Traversable, prefix: str) -> list[tuple[str, File]]:
    files: list[tuple[str, File]] = []
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            files += _package_files(entry, f"{path}/")
        else:
            # A wheel does not keep the mode of data files, so the name has to say it.
            files.append((path, File(entry.read_bytes(), executable=path.endswith(".sh"))))
    return files
