"""The harness with a loader that is not its own: what a release SDK's ModuleManager says, is shown.

The release is made up: the interface stub, with a manager in a library of its own. That one judges
by the rules of the harness's model, but in words of its own if LOOKALIKE_SAYS has any.
"""

import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from filelock import FileLock
from test_harness import HARNESS, Bench, bench

import buildkit
from buildkit.encoding import Encoding, version_header
from buildkit.releases import Release
from buildkit.rendering import script_environment
from buildkit.sdk.stub import render
from buildkit.smoke.checks import Check, failures
from buildkit.smoke.results import LAST_CHECK, read_report

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")

__all__ = ["bench"]

TEMPLATES = Path(buildkit.__file__).parent / "templates"
RELEASE = "1.7.3"
OWN = f"the ModuleManager of Mesos {RELEASE}"
AGREES = f"module: the loader model agrees with Mesos {RELEASE} on"
WORD = r'"quoted" \ and täglich'

MANAGER = r"""
#pragma once
#include <string>
#include <mesos/module.hpp>
#include <mesos/module/module.hpp>
#include <stout/error.hpp>
#include <stout/nothing.hpp>
#include <stout/try.hpp>

namespace mesos {
namespace modules {

class ModuleManager
{
public:
  static Try<Nothing> load(const Modules& modules);
  static Try<Nothing> unload(const std::string& name);

  template <typename T>
  static bool contains(const std::string& name)
  {
    return find(name) != nullptr && objection(name, kind<T>()).empty();
  }

  template <typename T>
  static Try<T*> create(const std::string& name)
  {
    const std::string wrong = objection(name, kind<T>());
    if (!wrong.empty()) return Error(wrong);
    T* instance = static_cast<Module<T>*>(find(name))->create(parameters(name));
    if (instance == nullptr) return Error("the look-alike got nothing from " + name);
    return instance;
  }

private:
  static ModuleBase* find(const std::string& name);
  static std::string objection(const std::string& name, const char* kind);
  static const Parameters& parameters(const std::string& name);
};

}
}
"""

RUNTIME = r"""
#include <dlfcn.h>
#include <stdlib.h>
#include <cstring>
#include <map>
#include "module/manager.hpp"
// The rules, not the library's part of the harness: its words are this library's as well.
#include "loader.cpp"
#include "text.cpp"

namespace mesos {
namespace modules {

static std::map<std::string, std::pair<ModuleBase*, Parameters>> loaded;

static harness::Loader loader() { return harness::Loader(MESOS_VERSION, MESOS_MODULE_API_VERSION); }

static harness::Descriptor described(const ModuleBase* base)
{
  void* create;
  std::memcpy(&create, base + 1, sizeof(create));
  return {base->moduleApiVersion, base->mesosVersion, base->kind, base->authorName,
          base->authorEmail, base->description, base->compatible, create != nullptr};
}

static std::string said(const std::string& message)
{
  const char* own = ::getenv("LOOKALIKE_SAYS");
  return own == nullptr || message.empty() ? message : own;
}

static std::string judged(const Modules::Library& library)
{
  const std::string& name = library.modules(0).name();
  void* handle = ::dlopen(library.file().c_str(), RTLD_NOW);
  if (handle == nullptr) return loader().notOpened(library.file(), ::dlerror());
  ModuleBase* base = static_cast<ModuleBase*>(::dlsym(handle, name.c_str()));
  if (base == nullptr) return loader().notFound(library.file(), name, ::dlerror());
  if (loaded.count(name)) return "the look-alike loads nothing twice";
  const std::string message = loader().verify(name, described(base));
  if (message.empty()) {
    Parameters parameters;
    for (int i = 0; i < library.modules(0).parameters_size(); ++i) {
      *parameters.add_parameter() = library.modules(0).parameters(i);
    }
    loaded[name] = std::make_pair(base, parameters);
  }
  return message;
}

Try<Nothing> ModuleManager::load(const Modules& modules)
{
  const std::string message = said(judged(modules.libraries(0)));
  if (!message.empty()) return Error(message);
  return Nothing();
}

Try<Nothing> ModuleManager::unload(const std::string& name)
{
  loaded.erase(name);
  return Nothing();
}

ModuleBase* ModuleManager::find(const std::string& name)
{
  return loaded.count(name) ? loaded[name].first : nullptr;
}

std::string ModuleManager::objection(const std::string& name, const char* kind)
{
  return said(find(name) ? loader().instantiate(name, described(find(name)), kind)
                         : loader().unknown(name));
}

const Parameters& ModuleManager::parameters(const std::string& name) { return loaded[name].second; }

}
}
"""

JSON = r"""
#pragma once
#include <stdlib.h>
#include <string>
#include <vector>
#include <stout/error.hpp>
#include <stout/try.hpp>

namespace JSON {

// Enough to read a modules file: its strings, in order.
struct Object { std::vector<std::string> strings; };

template <typename T>
Try<T> parse(const std::string& text)
{
  if (text.empty() || text[0] != '{') return Error("the look-alike found no JSON");
  T object;
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      inside = !inside;
      if (inside) object.strings.push_back("");
    } else if (inside) {
      object.strings.back() += text[i] == '\\' ? text[++i] : text[i];
    }
  }
  return object;
}

}
"""

PROTOBUF = r"""
#pragma once
#include <stout/json.hpp>

namespace protobuf {

template <typename T>
Try<T> parse(const JSON::Object& object)
{
  T modules;
  auto* library = modules.add_libraries();
  auto* module = library->add_modules();
  for (std::size_t i = 0; i + 1 < object.strings.size(); ++i) {
    const std::string& key = object.strings[i];
    const std::string& value = object.strings[i + 1];
    if (key == "file") { library->set_file(value); ++i; }
    if (key == "name") { module->set_name(value); ++i; }
    if (key == "key") { module->add_parameters()->set_key(value); ++i; }
    if (key == "value") {
      module->mutable_parameters(module->parameters_size() - 1)->set_value(value);
      ++i;
    }
  }
  return modules;
}

}
"""

TOY = r"""
#include <signal.h>
#include <stdlib.h>
#include <mesos/mesos.hpp>
#include <mesos/module.hpp>
#include <mesos/module/isolator.hpp>

class Toy : public mesos::slave::Isolator {};

static mesos::slave::Isolator* create(const mesos::Parameters& parameters)
{
  const char* word = ::getenv("TOY_WORD");
  const bool right = word == nullptr || (parameters.parameter_size() == 1 &&
    parameters.parameter(0).key() == "word" && parameters.parameter(0).value() == word);
  return right ? new Toy() : nullptr;
}

mesos::modules::Module<mesos::slave::Isolator> toy_Module(
    MESOS_MODULE_API_VERSION, TOY_BUILT_FOR, "toy", "toy@localhost", "a toy", nullptr, create);

struct AtLoad
{
  AtLoad()
  {
    const char* crashing = ::getenv("TOY_CRASHES");
    if (crashing != nullptr && crashing == std::string(TOY_BUILT_FOR)) ::raise(SIGSEGV);
  }
} atLoad;
"""


def templated(name: str, **values: object) -> str:
    return script_environment("buildkit").get_template(name).render(**values)


def write(folder: Path, tree: dict[str, str | bytes]) -> None:
    for path, content in tree.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)


def run(*command: str | Path, cwd: Path) -> None:
    subprocess.run(["nice", *map(str, command)], cwd=cwd, check=True, timeout=300)


def make(folder: Path, core: Path) -> None:
    """Fills a work folder: a made-up release, its harness, and the toy for two releases."""
    release = Release.parse(RELEASE)
    write(folder / "pack/sdk/include", dict(render(release)))
    write(
        folder / "pack/sdk",
        {
            "src/module/manager.hpp": MANAGER,
            "src/stout/json.hpp": JSON,
            "src/stout/protobuf.hpp": PROTOBUF,
        },
    )
    with tarfile.open(folder / "sdk.tar.gz", "w:gz") as archive:
        archive.add(folder / "pack/sdk", "sdk")
    flags = ("-std=c++11", "-Isdk/include", "-isystemsdk/src", "-Iinclude", "-include",
             "mesos_buildkit/version.h")  # fmt: skip
    link = ("-Lruntime/lib", "-lmesos_runtime", "-Wl,-rpath,$ORIGIN/../runtime/lib", "-rdynamic")
    smoke = SimpleNamespace(
        scenario="lifecycle", parameters={"word": WORD}, environment={"TEXT": "a b"}
    )
    target = SimpleNamespace(
        name="toy",
        sanitizer=None,
        library=f"libtoy-{RELEASE}.so",
        env={"TOY_WORD": WORD},
        platform=SimpleNamespace(compiler="g++"),
        module=SimpleNamespace(symbol="toy_Module", kind="Isolator", smoke=smoke),
    )
    write(
        folder,
        {
            "include/mesos_buildkit/version.h": version_header(release, Encoding.OCTAL),
            "runtime.cpp": RUNTIME,
            "toy.cpp": TOY,
            "harness.sh": templated(
                "harness.sh.j2", target=target, flags=flags, link=link, real_loader=True
            ),
            "scenario.sh": templated(
                "scenario.sh.j2",
                target=target,
                flags=("-std=c++11",),
                neighbours=("1.7.2", "1.8.0"),
                api_version="2",
            ),
            "smoke.sh": (TEMPLATES / "scripts/smoke.sh").read_text(),
        },
    )
    shutil.copytree(HARNESS, folder / "harness")
    (folder / "runtime/lib").mkdir(parents=True)
    include = ("-Ipack/sdk/include", "-Ipack/sdk/src", "-Iharness", "-Iinclude", *flags[-2:])
    shared = ("g++", "-std=c++11", "-fPIC", "-shared", *include)
    run(*shared, "runtime.cpp", "-o", "runtime/lib/libmesos_runtime.so", cwd=folder)
    for number in (RELEASE, "1.7.2"):
        (folder / "built").mkdir(exist_ok=True)
        version = f'-DTOY_BUILT_FOR="{number}"'
        run(*shared, version, "toy.cpp", "-o", f"built/libtoy-{number}.so", cwd=folder)
    run("sh", "harness.sh", core, "tools", cwd=folder)


@pytest.fixture(scope="session")
def made(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.getbasetemp()
    folder = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "real-loader"
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").exists():
            folder.mkdir(exist_ok=True)
            make(folder, bench.core())
            (folder / "done").touch()
    return folder


class Trial:
    """Runs the harness; afterwards has its exit code, output and checks."""

    def __init__(self, made: Path, folder: Path) -> None:
        self._made = made
        self._folder = folder
        self.code = -1
        self.checks: list[Check] = []

    def library(self, number: str = RELEASE) -> Path:
        return self._made / "built" / f"libtoy-{number}.so"

    def __call__(
        self, verb: str, *arguments: str | Path, built_for: str = RELEASE, **env: str
    ) -> None:
        report = self._folder / "report.jsonl"
        done = subprocess.run(
            [self._made / "tools/harness", verb, "--library", self.library(built_for),
             "--symbol", "toy_Module", "--work", self._folder / "work", "--report", report,
             *(("--kind", "Isolator") if verb == "load" else ("--scenario", "lifecycle")),
             *arguments],
            check=False, timeout=120, env={"PATH": os.environ["PATH"], **env},
        )  # fmt: skip
        self.code = done.returncode
        self.checks = read_report(report, level=verb)

    def details(self) -> dict[str, str]:
        return {check.name: check.detail for check in self.checks}

    def problems(self) -> dict[str, str]:
        return {check.name: check.detail for check in failures(self.checks)}


@pytest.fixture
def trial(made: Path, tmp_path: Path) -> Trial:
    return Trial(made, tmp_path)


def test_a_right_module_is_accepted_by_the_releases_own_code(trial: Trial) -> None:
    trial("load")
    assert trial.problems() == {}
    assert trial.code == 0
    details = trial.details()
    assert {f"module: is accepted by {OWN}", f"module: can be created by {OWN}"} <= details.keys()
    assert details[f"{AGREES} copies of the module"].endswith(" verdicts")


def test_what_the_release_says_is_shown_and_held_against_the_model(trial: Trial) -> None:
    trial("load", LOOKALIKE_SAYS="compiled with version: made up")
    assert trial.code == 1
    details = trial.details()
    # No copy altered in memory is judged by the harness itself.
    copies = [name for name in details if name.startswith("module: a copy") and "rejected" in name]
    assert len(copies) > 10
    assert {"compiled with version: made up" in details[name] for name in copies} == {True}
    [difference] = [detail for name, detail in trial.problems().items() if name.startswith(AGREES)]
    assert "Mesos says 'compiled with version: made up', the model 'Error verifying" in difference


def test_a_module_for_another_release_is_rejected_in_the_releases_words(trial: Trial) -> None:
    trial("load", built_for="1.7.2", LOOKALIKE_SAYS="not this one")
    assert trial.code == 1
    assert trial.problems()[f"module: is accepted by {OWN}"] == "not this one"
    trial("run", "--stand-in", HARNESS / "stand-in.sh", built_for="1.7.2")
    assert trial.code == 1
    assert "compiled with version 1.7.2" in trial.problems()["lifecycle: throws nothing"]


def test_a_neighbours_library_is_rejected_in_the_releases_words(trial: Trial) -> None:
    trial("load", "--neighbour-library", trial.library("1.7.2"))
    assert trial.problems() == {}
    details = trial.details()
    assert (
        "compiled with version 1.7.2"
        in details["module: the neighbour's libtoy-1.7.2.so is rejected"]
    )
    assert details[f"{AGREES} neighbours' libraries"] == "1 verdicts"


def test_a_neighbours_library_that_is_accepted_fails(trial: Trial) -> None:
    trial("load", "--neighbour-library", trial.library())
    assert trial.code == 1
    assert trial.problems()["module: the neighbour's libtoy-1.7.3.so is rejected"] == (
        "it is accepted"
    )


def test_a_library_that_crashes_the_loader_is_not_taken_for_rejected(trial: Trial) -> None:
    trial("load", "--neighbour-library", trial.library("1.7.2"), TOY_CRASHES="1.7.2")
    assert trial.code == 1
    [problem] = [check for check in failures(trial.checks) if check.name != LAST_CHECK]
    assert problem.name == "module: the neighbour's libtoy-1.7.2.so is rejected"
    assert "killed by signal 11" in problem.detail


def test_parameters_come_out_of_the_modules_file_as_they_went_in(trial: Trial) -> None:
    trial("run", "--parameter", f"word={WORD}", TOY_WORD=WORD)
    assert trial.problems() == {}
    assert trial.code == 0
    trial("run", "--parameter", "word=other", TOY_WORD=WORD)
    assert trial.code == 1
    assert (
        "the look-alike got nothing from toy_Module"
        in trial.problems()["lifecycle: create returns an isolator"]
    )


def test_smoke_offers_the_neighbours(made: Path) -> None:
    env = {"PATH": os.environ["PATH"]}
    subprocess.run(
        ["sh", "smoke.sh", "run", "built", "tools"], cwd=made, check=True, timeout=120, env=env
    )
    loaded = read_report(made / "out/load.jsonl", level="load")
    assert failures(loaded) == []
    details = {one.name: one.detail for one in loaded}
    rejected = "Error verifying module 'toy_Module': "
    assert details["module: the neighbour's mesos-1.7.2.so is rejected"] == (
        f"{rejected}Minimum supported mesos version for 'Isolator' is 1.7.3, but module is "
        "compiled with version 1.7.2"
    )
    assert details["module: the neighbour's mesos-1.8.0.so is rejected"] == (
        f"{rejected}Mesos has version 1.7.3, but module is compiled with version 1.8.0"
    )
    assert details[f"{AGREES} neighbours' libraries"] == "2 verdicts"
    assert failures(read_report(made / "out/run.jsonl", level="run")) == []
