"""The SDK of a target from a Mesos that is installed already, with its real libmesos."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path, PurePosixPath

from buildkit.errors import TargetError
from buildkit.files.tarballs import write_tarball
from buildkit.files.tree import File, Tree, digest_of, read_tree, tree_digest, under, write_tree
from buildkit.patches import Patch
from buildkit.plan import Target
from buildkit.sdk.installed.headers import (
    generated_by,
    patched,
    protobuf_version,
    sdk_tree,
)
from buildkit.sdk.installed.image import read_image
from buildkit.sdk.installed.library import file_digests
from buildkit.sdk.installed.pkgconfig import MesosPc
from buildkit.sdk.installed.prefix import Prefix, read_prefix
from buildkit.sdk.installed.survey import Survey, debian_packages, read_survey
from buildkit.sdk.installed.vendor import check_protobuf, vendor_warnings
from buildkit.sdk.layout import include_flags, json_flags
from buildkit.sdk.model import PACKED, Installation, Runtime, Sdk
from buildkit.smoke.agent import LAUNCHER, choose_programs
from buildkit.steps.runner import Product, Site, StepFailedError, Steps

_LIBRARIES = "runtime/lib"
_PROGRAMS = "runtime/mesos"
_PROTOC = '#!/bin/sh\n# The protobuf compiler of the base.\nexec {} "$@"\n'
_MACHINES = {"amd64": "EM_X86_64", "arm64": "EM_AARCH64"}


@dataclass(frozen=True, kw_only=True)
class _Found:
    """An installed Mesos, wherever it is."""

    where: str
    """For messages, such as ``prefix /opt/mesos/1.2.3``."""
    remedy: str
    """Where a library that is missing is to be added."""
    headers: Tree
    """Named as in a release's sources, not patched."""
    folders: tuple[str, ...]
    """Folders of other headers on the base."""
    pc: MesosPc | None
    library: str
    """libmesos's file name."""
    needed: tuple[str, ...]
    """The libraries that it names."""
    digest: str
    """SHA-256, in hex, over libmesos and what comes with it."""
    survey: Survey
    cached: bool
    protoc: File
    link: tuple[str, ...]
    """The libraries that the harness is linked with, and where it finds them."""
    installation: Callable[[], Installation]
    inputs: Mapping[str, Path] = field(default_factory=dict)
    """As in :class:`Runtime`."""


class InstalledSdks:
    """Makes the SDKs of kinds ``prefix`` and ``image``. Thread-safe."""

    def __init__(self, steps: Steps, patches: Callable[[], Sequence[Patch]] = tuple) -> None:
        """``patches`` gives this tool's own, which are left out where they don't apply."""
        self._steps = steps
        self._patches = patches

    def provide(self, target: Target, site: Site) -> Sdk:
        """The target's SDK.

        Raises :class:`TargetError` for an installed Mesos that is not whole or is another release,
        for protobuf headers that are not its own, and for a patch that does not apply.
        """
        found = self._image(target, site) if target.sdk == "image" else self._prefix(target, site)
        check_protobuf(
            f"{target.name}: {found.where}",
            generated=generated_by(found.headers),
            packed=protobuf_version(found.headers),
            base=found.survey.protobuf,
        )
        for warning in _warnings(found):
            site.log(f"warning: {warning}")
        return self._sdk(target, site, found)

    def _prefix(self, target: Target, site: Site) -> _Found:
        where = Path(_origin(target))
        prefix = read_prefix(where, target.release)
        machine = _MACHINES[target.platform.architecture]
        if prefix.library.machine != machine:
            raise TargetError(
                f"prefix {where}: {prefix.library.path.name} is for {prefix.library.machine}, and "
                f"platform {target.platform.name!r} is {machine}"
            )
        name = prefix.library.soname
        files = {name: prefix.library.path, **prefix.companions}
        library = digest_of(*file_digests(sorted(files.items())))
        product = self._survey(
            target,
            site,
            digest_of(library, name, *prefix.outside),
            ("sh", "prefix.sh", target.platform.compiler, name, "out"),
            {"includes.txt": File("".join(f"{f}\n" for f in prefix.outside).encode())},
            {f"lib/{soname}": path for soname, path in files.items()},
        )
        return _Found(
            where=f"prefix {where}",
            remedy=f"the 'packages' of platform {target.platform.name!r}"
            if site.base.reference != "host"
            else "this machine",
            headers=prefix.headers,
            folders=prefix.outside,
            pc=prefix.pc,
            library=name,
            needed=prefix.library.needed,
            digest=library,
            survey=read_survey(product.entry / "survey"),
            cached=product.cached,
            protoc=_protoc(prefix),
            link=(
                # All by name: libmesos's own search path knows nothing of this place.
                *(f"{_LIBRARIES}/{soname}" for soname in files),
                # Relative to the harness, which lies in a folder beside.
                f"-Wl,-rpath,$ORIGIN/../{_LIBRARIES}",
            ),
            installation=lambda: _prefix_programs(f"{target.name}: prefix {where}", prefix, target),
            inputs={_LIBRARIES: product.entry / "lib"},
        )

    def _image(self, target: Target, site: Site) -> _Found:
        name = _origin(target)
        product = self._survey(
            target,
            site,
            digest_of("image", str(target.release)),
            ("sh", "image.sh", str(target.release), target.platform.compiler, "out"),
            {},
            {},
        )
        image = read_image(product.entry, name, target.release)
        survey = read_survey(product.entry / "survey")
        file = PurePosixPath(image.library)
        libraries = [file, *(path for path in survey.beside() if path.name != file.name)]
        places = dict.fromkeys(str(path.parent) for path in libraries)
        return _Found(
            where=f"image {name}",
            remedy="the image",
            headers=image.headers,
            folders=image.folders,
            pc=image.pc,
            library=file.name,
            needed=image.needed,
            digest=digest_of(site.base.identity, image.library),
            survey=survey,
            cached=product.cached,
            protoc=_calling(image.protoc or "protoc"),
            link=(*map(str, libraries), *(f"-Wl,-rpath,{place}" for place in places)),
            installation=lambda: Installation(
                digest=site.base.identity,
                programs={
                    role: f"{image.prefix}/{path}"
                    for role, path in choose_programs(
                        f"{target.name}: image {name}: {image.prefix}",
                        image.programs,
                        target.release,
                    ).items()
                },
                launcher=f"{image.prefix}/{LAUNCHER}",
                libraries=tuple(places),
            ),
        )

    def _survey(  # noqa: PLR0913, PLR0917
        self,
        target: Target,
        site: Site,
        digest: str,
        argv: tuple[str, ...],
        files: Tree,
        inputs: Mapping[str, Path],
    ) -> Product:
        """Ask the base what libmesos has and needs there, once."""
        scripts = {**_scripts(), **files}

        def fill(entry: Path) -> None:
            with (
                tempfile.TemporaryDirectory(prefix="mesos-buildkit-sdk-") as scratch,
                self._steps.slot(site),
            ):
                folder = Path(scratch, "survey")
                write_tree(scripts, folder)
                self._steps.run(site, "sdk", argv, {".": folder, **inputs}, entry)
            if not (entry / "survey/protobuf.txt").is_file():
                raise StepFailedError([f"{target.name}: the survey of libmesos is not whole"])

        shaped = digest_of(
            *(digest, tree_digest(scripts), site.base.identity, target.platform.compiler)
        )
        return self._steps.once("installed", shaped, site, fill)

    def _sdk(self, target: Target, site: Site, found: _Found) -> Sdk:
        # Before the store is asked: a patch that does not fit must be said each time.
        headers = patched(
            found.headers,
            ours=tuple(self._patches()),
            users=target.patches,
            release=target.release,
            say=site.log,
        )
        tree = sdk_tree(headers)
        packed_folders = {path.partition("/")[0] for path in tree}
        tree = under("sdk", tree)
        if target.module.protos or target.module.build:
            tree["sdk/bin/protoc"] = found.protoc
        files = tree_digest(tree)
        product = self._steps.once("sdk", files, site, _packer(tree))
        absent = frozenset(found.survey.absent)
        folders = [folder for folder in found.folders if folder not in absent]
        pc = found.pc
        told = pc is not None and (pc.flags or pc.include_folders)
        flags = pc.flags if pc is not None and told else json_flags(target.release)

        def packed() -> Tree:
            return {PACKED: File((product.entry / PACKED).read_bytes())}

        def runtime(_: Site, __: frozenset[str]) -> Runtime:
            _check_loadable(target, found)
            return Runtime(
                digest=found.digest, provided=found.survey.provided(), inputs=found.inputs
            )

        return Sdk(
            kind=target.sdk,
            digest=digest_of(files, found.digest),
            compile_flags=(*include_flags(packed_folders, folders), *flags),
            link_flags=(),
            # module/manager.hpp is not installed.
            real_loader=False,
            harness_link_flags=(
                # What is not called from the harness itself is there for the module.
                "-Wl,--no-as-needed",
                "-Wl,--allow-shlib-undefined",
                *found.link,
                "-rdynamic",
            ),
            cached=found.cached and product.cached,
            tree=packed,
            runtime=runtime,
            installation=found.installation,
        )


def _prefix_programs(where: str, prefix: Prefix, target: Target) -> Installation:
    chosen = choose_programs(where, prefix.programs, target.release)
    needed = {
        path: file
        for path, file in prefix.programs.items()
        if path in chosen.values() or path.startswith(f"{LAUNCHER}/")
    }
    return Installation(
        digest=digest_of(*file_digests(sorted(needed.items()))),
        programs={role: f"{_PROGRAMS}/{path}" for role, path in chosen.items()},
        launcher=f"{_PROGRAMS}/{LAUNCHER}",
        libraries=(_LIBRARIES,),
        inputs={f"{_PROGRAMS}/{path}": file for path, file in needed.items()},
    )


def _origin(target: Target) -> str:
    if target.sdk_origin is None:
        raise AssertionError("the plan gives every target of this kind its origin")
    return target.sdk_origin


def _packer(tree: Tree) -> Callable[[Path], None]:
    def fill(entry: Path) -> None:
        (entry / PACKED).write_bytes(write_tarball(tree))

    return fill


def _protoc(prefix: Prefix) -> File:
    return prefix.protoc or _calling("protoc")


def _calling(program: str) -> File:
    return File(_PROTOC.format(program).encode(), executable=True)


def _warnings(found: _Found) -> list[str]:
    warnings = vendor_warnings(found.library, found.needed, found.survey)
    if found.pc is not None and found.pc.requires:
        warnings.append(
            f"{found.where}: mesos.pc requires {found.pc.requires}, which is not looked for; if "
            "headers are missing, name their folders in the module's flags"
        )
    warnings += [
        f"{found.where}: mesos.pc names {folder}, which the base lacks; if headers are missing, "
        f"add their package to {found.remedy}"
        for folder in found.survey.absent
    ]
    return warnings


def _check_loadable(target: Target, found: _Found) -> None:
    """Refuse to go on if the base's loader could not load libmesos itself."""
    survey = found.survey
    problems = []
    if survey.missing:
        packages = debian_packages(survey.missing)
        problems.append(
            f"{found.library} needs {', '.join(survey.missing)}, which the base lacks; add them to "
            f"{found.remedy}" + (f", as Debian's {' '.join(packages)}" if packages else "")
        )
    if survey.newer:
        problems.append(
            f"{found.library} was built on a newer system: it needs {', '.join(survey.newer)}; "
            "choose a base as new as that"
        )
    if problems:
        raise TargetError(f"{target.name}: {found.where}: {'; '.join(problems)}")


@cache
def _scripts() -> Tree:
    with resources.as_file(resources.files("buildkit.sdk.installed") / "scripts") as folder:
        return read_tree(folder)
