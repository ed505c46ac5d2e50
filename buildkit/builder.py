"""Makes, or finds in the store, what a target's stages produce: library, harness, smoke result."""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import get_args

from elftools.common.exceptions import ELFError

from buildkit import __version__
from buildkit.context import AGENT_SCRIPT, Context
from buildkit.engine import NotPossibleHereError
from buildkit.files.tree import digest_of, read_tree, tree_digest
from buildkit.inspection import demands, inspect_target
from buildkit.matrix import SmokeLevel
from buildkit.results.artifacts import DEBUG_SUFFIX
from buildkit.sdk.model import PACKED, Installation, Runtime
from buildkit.sdk.unpacked import unpack, unpacked
from buildkit.smoke.abi import AbiFacts
from buildkit.smoke.agent import ROLES
from buildkit.smoke.checks import Check, failures
from buildkit.smoke.elf import abi_facts, undefined_symbols
from buildkit.smoke.results import read_report
from buildkit.steps.causes import MOST_LINES
from buildkit.steps.runner import ABOUT, Product, Site, StepEndedError, StepFailedError, Steps
from buildkit.workfolder import WorkFolder

_CHECKS = "checks.json"
_COMPILER = "compiler.txt"
_ABI = "abi.json"
_NOT_POSSIBLE = "level {} is not possible here"


class SmokeFailedError(StepFailedError):
    """A library is not as it must be."""

    def __init__(self, checks: list[Check]) -> None:
        super().__init__([str(check) for check in failures(checks)[:MOST_LINES]])
        self.checks = checks


@dataclass(frozen=True, kw_only=True)
class Job:
    """One target's context, and where its steps run."""

    context: Context
    folder: WorkFolder
    """The context on disk, when a step needs it."""
    site: Site


class Builder:
    """The stages' products. Thread-safe."""

    def __init__(self, steps: Steps, *, smoke_again: bool = False) -> None:
        self._steps = steps
        self._smoke_again = smoke_again

    def library(self, job: Job) -> Product:
        """The compiled module, its debug file and the compiler's name.

        Raises :class:`StepFailedError` with the compiler's errors.
        """
        target = job.context.target
        site = job.site
        digest = digest_of("build", job.context.build_digest, site.base.identity, target.library)
        found = self._steps.found("build", digest, site)
        if found is not None:
            return found

        def fill(entry: Path) -> None:
            inputs = {".": job.folder.path, "common": self._common(job)}
            argv = ("sh", "build.sh", "common", "out")
            self._steps.run(site, "build", argv, inputs, entry, lent=self._lent(job))
            for name in (target.library, target.library + DEBUG_SUFFIX, _COMPILER):
                if not (entry / name).is_file():
                    raise StepFailedError([f"the build left no {name}"])

        with self._steps.slot(site):
            return self._steps.make("build", digest, site, fill)

    def smoke(self, job: Job, library: Product, level: SmokeLevel) -> Product:
        """The checks of a library that passed them all.

        Raises :class:`SmokeFailedError` with all checks if some failed, and
        :class:`StepFailedError` if they could not be made.
        """
        context, site = job.context, job.site
        undefined = _undefined(library.entry / context.target.library)
        # Before the slot: whoever makes a runtime for several targets takes its own.
        runtime = context.sdk.runtime(site, undefined)
        installation = _installation(context) if level == "agent" else None
        digest = digest_of(
            # By the library itself: a source that has changed need not have changed it.
            *("smoke", _content(library.entry), context.smoke_digest, site.base.identity, level),
            *(runtime.digest, _checker_digest(), demands(context.target)),
            *(*context.target.module.smoke.writes, str(context.target.module.smoke.root)),
            *((installation.digest,) if installation else ()),
        )
        found = self._steps.found("smoke", digest, site)
        # What was not possible then may be possible now.
        again = found is not None and not _possible(read_checks(found))
        if found is not None and (again or self._smoke_again):
            self._steps.store.drop("smoke", digest)
        elif found is not None:
            return found

        def fill(entry: Path) -> None:
            checks = self._inspect_and_drive(job, library.entry, runtime, level, entry)
            if installation and not failures(checks) and _possible(checks):
                checks += self._start(job, library.entry, runtime, installation, entry)
            if failures(checks):
                raise SmokeFailedError(checks)
            _write_checks(entry, checks)
            built = library.entry / context.target.library
            facts = abi_facts(built, built.with_name(built.name + DEBUG_SUFFIX))
            (entry / _ABI).write_text(json.dumps(asdict(facts)))

        with self._steps.slot(site):
            return self._steps.make("smoke", digest, site, fill)

    def _inspect_and_drive(
        self, job: Job, built: Path, runtime: Runtime, level: SmokeLevel, entry: Path
    ) -> list[Check]:
        """Level ``inspect`` and, if ``level`` asks for them, ``load`` and ``run``.

        This process inspects the library once it is being driven, so as not to hold that up. What
        driving it shows counts only if it is as it must be.
        """
        if level == "inspect":
            return _logged(job, _inspect(job, built, runtime))
        driven_level: SmokeLevel = "load" if level == "load" else "run"
        with ThreadPoolExecutor(1) as beside:
            inspected = cache(lambda: beside.submit(_inspect, job, built, runtime))
            driven: list[Check] = []
            problem: StepFailedError | None = None
            try:
                driven = self._drive(job, built, runtime, driven_level, entry, started=inspected)
            except StepFailedError as error:
                problem = error
            checks = _logged(job, inspected().result())
        if failures(checks):
            return checks
        if problem is not None:
            raise problem
        return [*checks, *driven]

    def _drive(  # noqa: PLR0913
        self,
        job: Job,
        built: Path,
        runtime: Runtime,
        level: SmokeLevel,
        entry: Path,
        *,
        started: Callable[[], object],
    ) -> list[Check]:
        """Levels ``load`` and ``run``: the harness loads and drives the library."""
        folder = job.folder.path
        inputs = {
            **{path: folder / path for path in job.context.smoke},
            "harness": folder / "harness",
            "built": built,
            "tools": self._harness(job, runtime),
            **runtime.inputs,
        }
        argv = ("sh", "smoke.sh", level, "built", "tools")
        needs = job.context.target.module.smoke
        insists = level != "load"
        ended = None
        problem = None
        try:
            self._steps.run(
                *(job.site, "smoke", argv, inputs, entry),
                writable=needs.writes if insists else (),
                root=needs.root and insists,
                started=started,
            )
        except NotPossibleHereError as error:
            less = self._drive(job, built, runtime, "load", entry, started=started)
            return [*less, _not_possible(job, "run", level="load", error=error)]
        except StepEndedError as error:
            ended = None if error.result.ended == "exited" else error.how
            problem = error
        checks = read_report(entry / "load.jsonl", level="load", ended=ended, alone=level == "load")
        if level != "load" and not failures(checks):
            checks += read_report(entry / "run.jsonl", level="run", ended=ended)
        if problem is not None and not failures(checks):
            raise problem
        return checks

    def _start(
        self, job: Job, built: Path, runtime: Runtime, installation: Installation, entry: Path
    ) -> list[Check]:
        """Level ``agent``: the harness has an agent of the release load the library."""
        folder = job.folder.path
        context = job.context
        inputs = {
            **{path: folder / path for path in (*context.smoke, *context.agent)},
            "harness": folder / "harness",
            "built": built,
            "tools": self._harness(job, runtime),
            **runtime.inputs,
            **installation.inputs,
        }
        argv = (
            *("sh", AGENT_SCRIPT, "built", "tools"),
            *(installation.programs[role] for role in ROLES),
            installation.launcher,
            ":".join(installation.libraries),
        )
        ended = None
        problem = None
        try:
            self._steps.run(
                *(job.site, "agent", argv, inputs, entry),
                writable=context.target.module.smoke.writes,
                # mesos-execute asks who it is, and a user without a name is nobody.
                root=True,
                apart=True,
            )
        except NotPossibleHereError as error:
            return [_not_possible(job, "agent", level="run", error=error)]
        except StepEndedError as error:
            ended = None if error.result.ended == "exited" else error.how
            problem = error
        checks = read_report(entry / "agent.jsonl", level="agent", ended=ended)
        if problem is not None and not failures(checks):
            raise problem
        return checks

    def _common(self, job: Job) -> Path:
        """The objects that are the same for all releases; an empty folder if there are none."""
        context = job.context
        digest = digest_of("common", context.common_digest, job.site.base.identity)
        inputs = {path: job.folder.path / path for path in context.common}
        return self._once("common", digest, job, ("sh", "common.sh", "out"), inputs)

    def _lent(self, job: Job) -> Mapping[str, Path]:
        """The SDK's files, if it is packed and the engine can do without a copy of them."""
        packed = job.folder.path / PACKED
        if not self._steps.lends or not packed.is_file():
            return {}
        digest = digest_of("unpacked", job.context.sdk.digest)
        product = self._steps.once("unpacked", digest, job.site, lambda e: unpack(packed, e))
        found = unpacked(product.entry)
        if found is None:
            job.site.log(
                f"{product.entry}: has been written to by a build, so this one unpacks an SDK of "
                "its own; clean removes it"
            )
        return found or {}

    def _harness(self, job: Job, runtime: Runtime) -> Path:
        """The compiled harness. It knows the SDK but not the module, so modules share it."""
        context = job.context
        base = job.site.base.identity
        try:
            core = self._once(
                "harness-core",
                digest_of("harness-core", context.harness_core_digest, base),
                job,
                ("sh", "harness-core.sh", "out"),
                {path: job.folder.path / path for path in context.harness_core},
            )
            return self._once(
                "harness",
                digest_of("harness", context.harness_digest, runtime.digest, base),
                job,
                ("sh", "harness.sh", "core", "out"),
                {".": job.folder.path, "core": core, **runtime.inputs},
            )
        except StepFailedError as error:
            what = "the smoke harness does not compile on this platform, or against this SDK"
            raise StepFailedError([what, *error.lines]) from error

    def _once(
        self, kind: str, digest: str, job: Job, argv: tuple[str, ...], inputs: Mapping[str, Path]
    ) -> Path:
        def fill(entry: Path) -> None:
            self._steps.run(job.site, kind, argv, inputs, entry)

        return self._steps.once(kind, digest, job.site, fill).entry


def _inspect(job: Job, built: Path, runtime: Runtime) -> list[Check]:
    target = job.context.target
    if target.sanitizer is not None:
        # A sanitizer's library is like no other, and nobody is given it.
        return []
    debug = built / (target.library + DEBUG_SUFFIX)
    return inspect_target(target, built / target.library, debug, runtime.provided)


def _logged(job: Job, checks: list[Check]) -> list[Check]:
    for check in checks:
        job.site.log(str(check))
    return checks


def _content(built: Path) -> str:
    """SHA-256, in hex, over a build's results, whatever was said in making them."""
    return tree_digest({path: file for path, file in read_tree(built).items() if path not in ABOUT})


def _installation(context: Context) -> Installation:
    find = context.sdk.installation
    if find is None:
        raise AssertionError("the plan has level agent for SDKs with programs only")
    return find()


def _not_possible(job: Job, what: SmokeLevel, *, level: SmokeLevel, error: Exception) -> Check:
    """Says at ``level``, which was reached, why ``what`` was not."""
    check = Check(level=level, name=_NOT_POSSIBLE.format(what), ok=True, detail=str(error))
    job.site.log(str(check))
    return check


def _possible(checks: list[Check]) -> bool:
    names = {_NOT_POSSIBLE.format(level) for level in get_args(SmokeLevel)}
    return not any(check.name in names for check in checks)


def _undefined(library: Path) -> frozenset[str]:
    try:
        return undefined_symbols(library)
    except ELFError:
        # What it is instead is for level inspect to say.
        return frozenset()


def compiler_of(library: Product) -> str:
    """First line of the compiler's ``--version``, as the build noted it."""
    return (library.entry / _COMPILER).read_text().strip()


def read_checks(smoke: Product) -> list[Check]:
    """The checks of a smoke result."""
    return [Check(**row) for row in json.loads((smoke.entry / _CHECKS).read_text())]


def read_abi(smoke: Product) -> AbiFacts:
    """What the tested library needs of a system."""
    return AbiFacts(**json.loads((smoke.entry / _ABI).read_text()))


def _write_checks(entry: Path, checks: list[Check]) -> None:
    rows = [{"level": c.level, "name": c.name, "ok": c.ok, "detail": c.detail} for c in checks]
    (entry / _CHECKS).write_text(json.dumps(rows, indent=1))


@cache
def _checker_digest() -> str:
    """Over the code and data that judge a library: what they think may change with them."""
    package = resources.files("buildkit")
    trees = [digest_of((package / "inspection.py").read_text())]
    for name in ("smoke", "interfaces"):
        with resources.as_file(package / name) as folder:
            trees.append(tree_digest(read_tree(folder)))
    return digest_of(__version__, *trees)
