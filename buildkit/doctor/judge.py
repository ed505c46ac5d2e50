"""A fact is fine, or there is something to do: the verdicts, pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, assert_never

from rich.filesize import decimal

from buildkit.archives.cache import FOLDER_VARIABLE
from buildkit.doctor.facts import (
    ArchivesFact,
    BaseFact,
    CompilerFact,
    DaemonFact,
    DiskFact,
    DistFact,
    Fact,
    GitFact,
    LeftoversFact,
    LocksFact,
    NoAnswer,
    PinsFact,
    PythonFact,
    Question,
    SlotsFact,
)
from buildkit.errors import ExitCode
from buildkit.wording import counted

OLDEST_PYTHON = (3, 11)
"""As pyproject.toml has it."""
_SHOWN = 3
"""How many names of a list are written out."""

State = Literal["fine", "advice", "missing"]
"""``missing``: a build cannot do without it."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One verdict."""

    topic: str
    state: State
    text: str
    """What was found."""
    todo: str = ""
    """What to do; empty if it is fine."""


def exit_code(lines: Iterable[Line]) -> ExitCode:
    """3 if something is missing that a build cannot do without, else 0."""
    lacking = any(line.state == "missing" for line in lines)
    return ExitCode.UNAVAILABLE if lacking else ExitCode.OK


def judge(question: Question, fact: Fact) -> Line:  # noqa: C901, PLR0911, PLR0912
    """The verdict on one fact."""
    match fact:
        case NoAnswer():
            return _line(question, fact.why, "look at it by hand: it hangs, or fails oddly")
        case PythonFact():
            return _python(question, fact)
        case DaemonFact():
            return _daemon(question, fact)
        case CompilerFact():
            return _compiler(question, fact)
        case GitFact():
            return _git(question, fact)
        case DiskFact():
            return _disk(question, fact)
        case BaseFact():
            return _base(question, fact)
        case ArchivesFact():
            return _archives(question, fact)
        case PinsFact():
            return _pins(question, fact)
        case LocksFact():
            return _locks(question, fact)
        case SlotsFact():
            return _slots(question, fact)
        case DistFact():
            return _dist(question, fact)
        case LeftoversFact():
            return _leftovers(question, fact)
        case _:
            assert_never(fact)


def _line(question: Question, text: str, todo: str, *, needed: bool | None = None) -> Line:
    wanted = question.needed if needed is None else needed
    state: State = "fine" if not todo else "missing" if wanted else "advice"
    return Line(topic=question.topic, state=state, text=text, todo=todo)


def _python(question: Question, fact: PythonFact) -> Line:
    version = ".".join(map(str, fact.version))
    if fact.version[:2] < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        return _line(
            question,
            f"{version} ({fact.executable})",
            f"use Python {oldest} or later: MESOS_BUILDKIT_PYTHON=... ./mesos-buildkit",
        )
    if fact.packages is None:
        return _line(question, f"{version}; no requirements.lock to compare packages with", "")
    if not fact.differing:
        return _line(question, f"{version}, {fact.packages} packages as locked", "")
    names = _listed(
        f"{one.name} {one.installed or 'is not there'} (locked: {one.locked})"
        for one in fact.differing
    )
    return _line(
        question,
        f"{version}; not as locked: {names}",
        "./mesos-buildkit makes .venv anew; elsewhere: pip install --require-hashes -r "
        "requirements.lock",
        needed=any(one.runtime and one.installed is None for one in fact.differing),
    )


def _daemon(question: Question, fact: DaemonFact) -> Line:
    if not fact.available:
        todo = "start it, or set DOCKER_HOST"
        todo += (
            ", or use --engine host" if question.needed else "; until then the host engine builds"
        )
        return _line(question, fact.address, todo)
    text = (
        f"{fact.product} at {fact.address}, API {fact.api}, storage {fact.storage}, control groups "
        f"v{fact.cgroups}"
    )
    if fact.unbounded:
        return _line(
            question,
            f"{text}; cannot bound {' and '.join(fact.unbounded)}",
            "a step may then take all of the machine's; have the kernel's control groups enabled "
            "for the daemon (Podman without root: control groups v2, delegated)",
            needed=False,
        )
    return _line(question, text, "")


def _compiler(question: Question, fact: CompilerFact) -> Line:
    if fact.path is None:
        return _line(
            question,
            f"{fact.command}: not found",
            f"install it (Debian: apt-get install {fact.command}); only the host engine needs it",
        )
    if not fact.cxx11:
        return _line(
            question,
            f"{fact.version or fact.path}: does not compile C++11: {fact.detail}",
            "install a compiler that does, with its standard library: g++ 4.8 or later",
        )
    return _line(question, f"{fact.version}, compiles C++11", "")


def _git(question: Question, fact: GitFact) -> Line:
    if fact.path is None:
        wanted = f", and {_listed(fact.modules)} needs it" if fact.modules else ""
        return _line(question, f"not found{wanted}", "install git", needed=bool(fact.modules))
    return _line(question, fact.version, "")


def _disk(question: Question, fact: DiskFact) -> Line:
    text = f"{decimal(fact.free)} free for {fact.place} ({fact.path})"
    if fact.free >= fact.needed:
        return _line(question, f"{text}; a whole run takes up to {decimal(fact.needed)}", "")
    return _line(
        question,
        f"{text}, and a whole run may take {decimal(fact.needed)}",
        "make room: the clean verb, 'docker system prune', or a smaller cache-size in [defaults]",
        # Half of the estimate is often enough; a tenth is not.
        needed=question.needed and fact.free < fact.needed / 10,
    )


def _base(question: Question, fact: BaseFact) -> Line:
    fine = (
        (fact.made, f"the base of {fact.platform} is made already"),
        (fact.here, f"{fact.image} is on the daemon"),
        (fact.registry == "has it", f"{fact.image} can be pulled"),
    )
    if good := next((text for holds, text in fine if holds), ""):
        return _line(question, good, "")
    why = f"{fact.image}: {fact.registry}" + (f" ({fact.detail})" if fact.detail else "")
    if fact.registry == "no such image":
        return _line(question, why, f"correct 'base' of platform {fact.platform}")
    if fact.bootstrap and fact.bootstrapper is not None:
        return _line(question, f"{why}; {fact.bootstrapper} will make the base instead", "")
    if fact.bootstrap and fact.installable:
        return _line(
            question,
            f"{why}; mmdebstrap, which makes the base instead, is not installed",
            "apt-get install mmdebstrap; else the build does that by itself, as it is root",
            needed=False,
        )
    instead = (
        "apt-get install mmdebstrap, which makes the base instead, or " if fact.bootstrap else ""
    )
    login = "'docker login', or " if fact.registry == "refused" else ""
    return _line(
        question,
        why,
        f"{login}{instead}get it onto the daemon: 'docker save {fact.image}' where it is, and "
        "'docker load' here; or use --engine host",
    )


def _archives(question: Question, fact: ArchivesFact) -> Line:
    there = fact.wanted - len(fact.missing)
    text = f"{there} of {fact.wanted} source archives are in {fact.folder}"
    if not fact.missing:
        return _line(question, text, "")
    if not fact.writable:
        return _line(
            question,
            f"{text}, which can't be written",
            f"name another folder with {FOLDER_VARIABLE}",
            needed=fact.required,
        )
    if not fact.answer:
        return _line(question, f"{text}; {fact.url} answers", "")
    stubs = "" if fact.required else "; until then modules are built against stubs"
    return _line(
        question,
        f"{text}, and {fact.url}: {fact.answer}",
        "put them there, or take along what 'python -m buildkit sdk --export FILE' writes "
        f"elsewhere; [archives] in the matrix file names other mirrors{stubs}",
        needed=fact.required,
    )


def _pins(question: Question, fact: PinsFact) -> Line:
    if fact.error:
        return _line(question, fact.error, "mend it, or take it from version control")
    if not fact.there:
        return _line(question, f"{fact.path} is made when an archive is first used", "")
    if fact.unpinned:
        return _line(
            question,
            f"{fact.path} has no digest yet of {_listed(fact.unpinned)}",
            "'python -m buildkit sdk --fetch-only' records them; commit the file",
            needed=False,
        )
    return _line(question, f"{fact.path} has the digest of every archive", "")


def _locks(question: Question, fact: LocksFact) -> Line:
    if fact.error:
        return _line(
            question,
            f"{fact.folder}: {fact.error}",
            "have it on a file system with locks (NFS: with lockd), writable by this user; "
            "XDG_RUNTIME_DIR and TMPDIR name other folders for the machine's",
        )
    return _line(question, f"work in {fact.folder}", "")


def _slots(question: Question, fact: SlotsFact) -> Line:
    text = (
        f"{fact.jobs} jobs at a time, for {fact.cpus:g} CPUs and {decimal(fact.memory)} of memory"
    )
    if fact.memory < fact.memory_per_job:
        return _line(
            question,
            f"{text}; one job may take {decimal(fact.memory_per_job)}",
            "free memory, or lower memory-per-job in [defaults]",
            needed=False,
        )
    return _line(question, f"{text}; {fact.busy} busy" if fact.busy else text, "")


def _dist(question: Question, fact: DistFact) -> Line:
    if fact.error:
        return _line(question, fact.error, "move it away, or delete dist/")
    if fact.missing:
        return _line(
            question,
            f"the manifest names what is not there: {_listed(fact.missing)}",
            "build again",
            needed=False,
        )
    return _line(question, f"{counted(fact.targets, 'target')} in the manifest", "")


def _leftovers(question: Question, fact: LeftoversFact) -> Line:
    if fact.containers or fact.folders:
        return _line(
            question,
            f"{fact.containers} containers and {fact.folders} work folders of killed runs",
            "nox -s clean removes them, and build/ with them",
            needed=False,
        )
    running = f"; {fact.others} containers belong to runs that may be alive" if fact.others else ""
    return _line(question, f"nothing is left of killed runs{running}", "")


def _listed(names: Iterable[str]) -> str:
    found = list(names)
    more = len(found) - _SHOWN
    return ", ".join(found[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
