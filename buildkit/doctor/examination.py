"""Which questions a doctor asks, for the build that is asked about."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import buildkit
from buildkit.archives.cache import Archives
from buildkit.doctor.asking import ask_all
from buildkit.doctor.estimate import archive_bytes, build_bytes, engine_bytes
from buildkit.doctor.facts import BaseFact, DaemonFact, Fact, Question
from buildkit.doctor.judge import Line, judge
from buildkit.doctor.probes import (
    ArchivesProbe,
    BaseProbe,
    CompilerProbe,
    DaemonProbe,
    DiskProbe,
    DistProbe,
    GitProbe,
    LeftoversProbe,
    LocksProbe,
    PinsProbe,
    PythonProbe,
    SlotsProbe,
)
from buildkit.engine import EngineName
from buildkit.engine.daemon import find_address
from buildkit.plan import Plan, Target
from buildkit.releases import RELEASE_SDK_BEGINS, Release
from buildkit.results.artifacts import Dist
from buildkit.slots import default_jobs, machine_folder
from buildkit.workspace import Workspace

SECONDS = 5.0
"""Bound on each of the three rounds of questions."""
_ROOT = Path(buildkit.__file__).resolve().parent.parent
"""The checkout, if the package is in one."""

Probes = dict[Question, Callable[[], Fact]]


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What is looked at for one plan."""

    plan: Plan
    sdk_required: bool
    """Whether the build insists on release SDKs."""
    workspace: Workspace
    archives: Archives
    archive_urls: tuple[str, ...]

    def lines(self) -> list[Line]:
        """Look, and judge. Takes some seconds at most, and raises nothing that a probe raises."""
        facts = ask({**machine_questions(self.plan.engine), **self._programs()})
        daemon = next((fact for fact in facts.values() if isinstance(fact, DaemonFact)), None)
        answers = daemon is not None and daemon.available
        facts |= ask({**self._project(), **self._services(daemon=answers)})
        made = {
            fact.platform for fact in facts.values() if isinstance(fact, BaseFact) and fact.made
        }
        facts |= ask(self._disks(daemon if answers else None, made))
        return verdicts(facts)

    @property
    def targets(self) -> tuple[Target, ...]:
        """What would be built."""
        return tuple(target for target in self.plan.targets if target.skip is None)

    def _question(self, topic: str, *, needed: bool = True) -> Question:
        return Question(topic=topic, needed=needed, engine=self.plan.engine)

    def _programs(self) -> Probes:
        """Programs of this machine."""
        git = tuple(sorted({t.module.name for t in self.targets if t.module.git is not None}))
        compilers = sorted({target.platform.compiler for target in self.targets})
        host = self.plan.engine == "host"
        probes: Probes = {
            self._question(f"compiler {command}", needed=host): CompilerProbe(command=command).look
            for command in compilers
        }
        return {**probes, self._question("git", needed=bool(git)): GitProbe(modules=git).look}

    def _services(self, *, daemon: bool) -> Probes:
        """What is behind a network or a daemon."""
        probes: Probes = {}
        if self.plan.engine == "docker" and daemon:
            for request in sorted({target.base_request for target in self.targets}, key=repr):
                question = self._question(f"registry {request.platform} {request.image}")
                probes[question] = BaseProbe(request=request).look
        probes[self._question("archives", needed=False)] = ArchivesProbe(
            archives=self.archives,
            releases=self._with_archive,
            bases=self.archive_urls,
            required=self.sdk_required,
        ).look
        probes[self._question("leftovers", needed=False)] = LeftoversProbe(daemon=daemon).look
        return probes

    def _project(self) -> Probes:
        """What lies in the project's own folders."""
        dist = Dist(folder=self.workspace.dist, lock=self.workspace.dist_lock)
        memory = int(self.plan.matrix.file.defaults.memory_per_job)
        return {
            self._question("archive digests"): PinsProbe(
                archives=self.archives, releases=self._with_archive
            ).look,
            self._question("locks of the project"): LocksProbe(folder=self.workspace.build).look,
            self._question("job slots"): SlotsProbe(memory_per_job=memory).look,
            self._question("dist"): DistProbe(dist=dist).look,
        }

    @property
    def _with_archive(self) -> tuple[Release, ...]:
        found = {target.release for target in self.targets}
        return tuple(sorted(release for release in found if release >= RELEASE_SDK_BEGINS))

    def _disks(self, daemon: DaemonFact | None, made: set[str]) -> Probes:
        defaults = self.plan.matrix.file.defaults
        jobs = default_jobs(int(defaults.memory_per_job))
        needed = build_bytes(self.targets, int(defaults.cache_size))
        probes = [DiskProbe(place="build/ and dist/", path=self.workspace.build, needed=needed)]
        if self.plan.engine == "host":
            needed = engine_bytes((), jobs)
            probes.append(DiskProbe(place="steps", path=Path(tempfile.gettempdir()), needed=needed))
        # Elsewhere, or in a virtual machine, the daemon's disk can't be seen from here.
        elif daemon is not None and daemon.root and _is_here(daemon):
            unmade = {t.base_request for t in self.targets if t.platform.name not in made}
            needed = engine_bytes(unmade, jobs)
            probes.append(DiskProbe(place="the daemon", path=Path(daemon.root), needed=needed))
        if needed := archive_bytes(self.targets, self.archives.folder):
            probes.append(DiskProbe(place="archives", path=self.archives.folder, needed=needed))
        return {self._question(f"disk for {probe.place}"): probe.look for probe in probes}


def machine_questions(engine: EngineName) -> Probes:
    """What does not depend on a matrix file."""
    return {
        Question(topic="python", needed=True, engine=engine): PythonProbe(root=_ROOT).look,
        Question(topic="engine", needed=engine == "docker", engine=engine): DaemonProbe().look,
        Question(topic="locks of the machine", needed=True, engine=engine): _machine_locks,
    }


def ask(probes: Probes) -> dict[Question, Fact]:
    """The probes' facts, in their order."""
    answers = ask_all({question.topic: probe for question, probe in probes.items()}, SECONDS)
    return {question: answers[question.topic] for question in probes}


def verdicts(facts: Mapping[Question, Fact]) -> list[Line]:
    """The verdict on each."""
    return [judge(question, fact) for question, fact in facts.items()]


def _is_here(daemon: DaemonFact) -> bool:
    return find_address().url.startswith("unix://") and Path(daemon.root).is_dir()


def _machine_locks() -> Fact:
    return LocksProbe(folder=machine_folder()).look()
