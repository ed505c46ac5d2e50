"""A manifest with every kind of target in it, as a run over many releases might leave it."""

from buildkit.encoding import Encoding
from buildkit.outcome import Status
from buildkit.releases import Release
from buildkit.results.manifest import (
    AbiRecord,
    ArtifactRecord,
    CheckRecord,
    FloorRecord,
    Manifest,
    SmokeRecord,
    StageRecord,
    TargetRecord,
)

RELEASES = (
    *("0.23.1", "0.24.1", "0.24.2", "0.25.0", "0.25.1", "0.26.0", "0.27.3", "0.28.3", "1.0.4"),
    *("1.1.3", "1.2.3", "1.3.2", "1.4.3", "1.5.3", "1.6.2", "1.7.3", "1.8.1", "1.9.0", "1.10.0"),
    "1.11.0",
)
STATUSES = {
    "0.25.1": Status.FAILED,
    "0.26.0": Status.SKIPPED,
    "1.4.3": Status.EXPECTED_FAILURE,
    "1.9.0": Status.UNEXPECTED_PASS,
    "1.10.0": Status.FAILED,
}
HOSTILE = (
    '</style></script><script>document.title="pwned"</script><img src=http://192.0.2.1/x> &amp;'
)
"""What a compiler might print of a module that is out to harm its reader."""


def make_manifest(*platforms: str) -> Manifest:
    """Twenty releases on each platform."""
    return Manifest(
        targets=tuple(
            _record(number, release, platform)
            for platform in platforms or ("debian12",)
            for number, release in enumerate(RELEASES)
        )
    )


def _record(number: int, release: str, platform: str) -> TargetRecord:
    status = STATUSES.get(release, Status.PASSED)
    sdk = "release" if number % 3 else "stub"
    name = f"libdockervolume-1.0.0+mesos-{release}{'.stub' if sdk == 'stub' else ''}.so"
    good = status is Status.PASSED
    return TargetRecord(
        name=f"dockervolume/{release}/{platform}",
        module="dockervolume",
        module_version="1.0.0",
        symbol="mesos_buildkit_DockerVolumeIsolator",
        release=release,
        platform=platform,
        architecture="amd64",
        encoding=Encoding.OCTAL,
        version_flag=Encoding.OCTAL.flag(Release.parse(release)),
        flags=("-std=c++11", "-O2", "-g", "-fPIC", "-Wall", "-Wextra", "-Woverloaded-virtual"),
        patches=("patches/old.diff",) if release == "0.24.1" else (),
        engine="docker",
        base="sha256:" + "3f" * 32,
        compiler="g++ (Debian 12.2.0-14+deb12u1) 12.2.0",
        sdk=sdk,
        sdk_digest="" if status is Status.SKIPPED else "5e" * 32,
        status=status,
        stages=_stages(release, status, number),
        smoke=SmokeRecord(level="run", reached=_reached(release, status), checks=_checks(status)),
        cause=_cause(release, status),
        warnings=(
            "module/src/isolator.cpp:88:12: warning: unused variable 'x' [-Wunused-variable]",
        )
        if number % 5 == 0
        else (),
        artifact=ArtifactRecord(
            path=f"{release}/{name}",
            sha256=f"{number:02x}" * 32,
            size=150_000 + 61_000 * number,
            build_id=f"{number:02x}" * 20,
            debug_path=f"{release}/{name}.debug",
            debug_sha256="dd" * 32,
            abi=AbiRecord(
                glibc="2.34", glibcxx="3.4.30", cxxabi="1.3.13", gcc=None, std_string="cxx11"
            ),
        )
        if good
        else None,
        seconds=sum(stage.seconds for stage in _stages(release, status, number)),
        floor=FloorRecord(name="debian12", glibc="2.36", glibcxx="3.4.30", cxxabi=None, gcc=None)
        if platform == "debian12"
        else None,
        log=None if status is Status.SKIPPED else f"{release}.log",
    )


def _reached(release: str, status: Status) -> str | None:
    if status in {Status.PASSED, Status.UNEXPECTED_PASS}:
        return "load" if release == "1.3.2" else "run"
    return "load" if release == "1.10.0" else None


def _stages(release: str, status: Status, number: int) -> tuple[StageRecord, ...]:
    if status is Status.SKIPPED:
        return ()
    if release == "1.0.4":
        return tuple(
            StageRecord(stage=stage, state="cached", seconds=0.0)
            for stage in ("sdk", "build", "smoke")
        )
    sdk = StageRecord(stage="sdk", state="passed", seconds=2.0 + number)
    if release == "0.25.1" or status is Status.EXPECTED_FAILURE:
        return (sdk, StageRecord(stage="build", state="failed", seconds=4.25))
    smoke = "failed" if status is Status.FAILED else "passed"
    return (
        sdk,
        StageRecord(stage="build", state="passed", seconds=6.5 + number / 2),
        StageRecord(stage="smoke", state=smoke, seconds=9.125),
    )


def _checks(status: Status) -> tuple[CheckRecord, ...]:
    if status is not Status.PASSED and status is not Status.FAILED:
        return ()
    return (
        CheckRecord(level="inspect", name="exports exactly the descriptor", ok=True, detail=""),
        CheckRecord(level="inspect", name="ABI read", ok=True, detail="GLIBC 2.34"),
        CheckRecord(
            level="load",
            name="module: is accepted by the loader",
            ok=status is Status.PASSED,
            detail="" if status is Status.PASSED else HOSTILE,
        ),
    )


def _cause(release: str, status: Status) -> tuple[str, ...]:
    match status:
        case Status.FAILED if release == "0.25.1":
            return (
                "build: exited with 1",
                "module/src/isolator.cpp:120:31: error: 'CommandInfo' is not a member of 'mesos'; "
                "did_you_mean_" + "a_name_without_any_place_to_break_it" * 4,
                HOSTILE,
            )
        case Status.FAILED:
            return (f"FAIL load module: is accepted by the loader: {HOSTILE}",)
        case Status.EXPECTED_FAILURE:
            return ("build: exited with 1", "expected: update() has one more parameter")
        case Status.UNEXPECTED_PASS:
            return ("expected to fail (known), but it passed: take the override out",)
        case Status.SKIPPED:
            return ("nobody runs it",)
        case _:
            return ()
