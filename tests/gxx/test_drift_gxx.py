"""What drift says a change does to a module, a compiler says, too; it has the stub SDK's headers.

For each change, text that was right for the older release meets the headers of the newer one. It
has to compile or to fail as the change's effect says, and an override that dies has to be one that
the compiler refuses as soon as it says ``override``.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from buildkit.drift import Effect, Step, What, boundaries
from buildkit.interfaces import load
from buildkit.releases import FINAL_RELEASES, Release
from buildkit.sdk.stub import OLDEST, render

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")

TABLE = load()
STEPS = boundaries(
    TABLE, [release for release in FINAL_RELEASES if release >= OLDEST], ("Isolator",)
)
CHANGED = [step for step in STEPS if any(c.aspect == "method" for c in step.changes)]
SCALARS = {
    "string": "std::string",
    "bytes": "std::string",
    "bool": "bool",
    "double": "double",
    **{name: f"{name}_t" for name in ("int32", "int64", "uint32", "uint64")},
}
FIELD = re.compile(r"(?P<label>required|optional|repeated) (?P<type>\S+) (?P<name>\w+) = \d+.*")


@pytest.fixture(scope="module")
def include(tmp_path_factory):
    """Gives the folder with a release's headers, written once."""
    root = tmp_path_factory.mktemp("stubs")

    def write(release: Release) -> Path:
        folder = root / str(release)
        if not folder.exists():
            for path, content in render(release).items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(content)
        return folder

    return write


def compiles(include: Path, source: str) -> bool:
    done = subprocess.run(
        ["g++", "-std=c++11", "-fsyntax-only", "-w", "-I", str(include), "-x", "c++", "-"],
        input=source,
        text=True,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def derived(release: Release, instead: dict[str, str | None]) -> str:
    """An isolator for a release that overrides all, but has other text for some methods.

    None: the method is left out.
    """
    base = TABLE.isolator_base(release)
    lines = {method.name: f"{method.declaration} override;" for method in base.methods}
    text = "\n".join(line for line in (lines | instead).values() if line)
    return (
        "#include <list>\n#include <vector>\n"
        "#if __has_include(<google/protobuf/map.h>)\n#include <google/protobuf/map.h>\n#endif\n"
        "#include <mesos/module/isolator.hpp>\nnamespace mesos { namespace slave {\n"
        f"class Mine : public {base.location.name} {{ public:\n{text}\n}};\n"
        "void* make() { return new Mine(); }\n} }\n"
    )


def bare(declaration: str) -> str:
    """What an author writes of it."""
    text = re.sub(r" = [^,)]+(?=[,)])", "", declaration).removeprefix("virtual ")
    return re.sub(r"( = 0| \{.*\})$", "", text)


def test_an_isolator_is_judged_at_all(include):
    release = Release(1, 11, 0)
    assert compiles(include(release), derived(release, {}))
    assert not compiles(include(release), derived(release, {"x": "void x() override;"}))


@pytest.mark.parametrize("step", CHANGED, ids=lambda step: str(step.newer))
def test_overrides_meet_what_drift_says(include, step: Step):
    headers, release = include(step.newer), step.newer
    changes = [change for change in step.changes if change.aspect == "method"]
    new = {c.item: f"{bare(c.after)} override;" for c in changes if c.after}
    assert compiles(headers, derived(release, new))

    quiet: dict[str, str | None] = {}
    for change in changes:
        old = bare(change.before) if change.before else None
        match change.effect:
            case Effect.NEEDS_GUARD:
                assert not compiles(headers, derived(release, {change.item: old and f"{old};"}))
            case Effect.DIES_SILENTLY:
                quiet[change.item] = f"virtual {old};"
                insists = {change.item: f"{old} override;"}
                assert not compiles(headers, derived(release, insists))
            case Effect.ADDITIVE | Effect.NOTICE:
                quiet[change.item] = old and f"{old} override;"
    assert compiles(headers, derived(release, quiet))


def detection(index: int, message: str, old: re.Match[str], *, expected: bool) -> str:
    """Asserts whether the accessors of a field, as they were, are those of the message now."""
    name, type_ = old["name"].lower(), SCALARS.get(old["type"])
    if old["label"] == "repeated":
        uses = f"std::declval<M>().{name}(0), std::declval<M>().{name}_size()"
        value = f"std::declval<M>().{name}(0)"
    else:
        uses = f"std::declval<M>().has_{name}(), std::declval<M>().{name}()"
        value = f"std::declval<M>().{name}()"
    same = f"std::is_same<typename std::decay<decltype({value})>::type, {type_}>"
    verdict = same if type_ else "std::true_type"
    truth = "true" if expected else "false"
    return (
        f"template <class M> auto f{index}(int) -> decltype({uses}, {verdict}());\n"
        f"template <class M> std::false_type f{index}(...);\n"
        f"static_assert(decltype(f{index}<const {message}>(0))::value == {truth}, "
        f'"{message}.{name}");\n'
    )


def fields(step: Step) -> list[str]:
    """A piece of C++ for each field of the step that was there before."""
    found = []
    for change in step.changes:
        old = FIELD.fullmatch(change.before or "")
        if change.aspect != "field" or old is None or change.what is What.ADDED:
            continue
        declaration = TABLE.declaration(change.subject, step.newer)
        space = "::".join(declaration.package.split("."))
        message = f"::{space}::{change.subject.replace('.', '_')}"
        works = change.effect is not Effect.NEEDS_GUARD
        found.append(detection(len(found), message, old, expected=works))
    return found


def test_the_old_accessors(include):
    steps = [step for step in STEPS if fields(step)]
    assert len(steps) > 5
    for step in steps:
        source = (
            "#include <type_traits>\n#include <utility>\n#include <mesos/module/isolator.hpp>\n"
        )
        source += "".join(fields(step))
        assert compiles(include(step.newer), source), (step.newer, fields(step))
    # Each of them decides: what holds is not said of everything.
    wrong = source.replace("== true", "== x").replace("== false", "== true")
    assert not compiles(include(step.newer), wrong.replace("== x", "== false"))
