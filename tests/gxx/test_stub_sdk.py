"""The stub SDK's headers under a real g++: right and wrong isolators get the release's verdict."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from buildkit.releases import FINAL_RELEASES, Release
from buildkit.sdk.stub import render

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")

FLAGS = ("-std=c++11", "-pthread", "-Wall", "-Wextra", "-Woverloaded-virtual")

PRELUDE = """
#include <list>
#include <vector>
#include <mesos/module/isolator.hpp>
using namespace mesos;
using namespace mesos::slave;
using process::Future;
"""

# --- an isolator of each generation, written by hand: what its author would have to write

ISOLATE = "Future<Nothing> isolate(const ContainerID&, pid_t) { return Nothing(); }"
CLEANUP = "Future<Nothing> cleanup(const ContainerID&) { return Nothing(); }"
USAGE = "Future<ResourceStatistics> usage(const ContainerID&) { return ResourceStatistics(); }"
UPDATE = "Future<Nothing> update(const ContainerID&, const Resources&) { return Nothing(); }"
UPDATE_LIMITS = """Future<Nothing> update(const ContainerID&, const Resources&,
    const google::protobuf::Map<std::string, Value::Scalar>&) { return Nothing(); }"""
STATUS = "Future<ContainerStatus> status(const ContainerID&) { return ContainerStatus(); }"
NAMESPACES = "Future<Option<int>> namespaces() { return None(); }"
NESTING = "bool supportsNesting() { return true; }"
STANDALONE = "bool supportsStandalone() { return true; }"
RECOVER_STATES = """Future<Nothing> recover(
    const std::list<ExecutorRunState>&) { return Nothing(); }"""
RECOVER_RUN_STATES = """Future<Nothing> recover(
    const std::list<ExecutorRunState>&, const hashset<ContainerID>&) { return Nothing(); }"""
RECOVER_LIST = """Future<Nothing> recover(
    const std::list<ContainerState>&, const hashset<ContainerID>&) { return Nothing(); }"""
RECOVER_VECTOR = """Future<Nothing> recover(
    const std::vector<ContainerState>&, const hashset<ContainerID>&) { return Nothing(); }"""
WATCH_STRUCT = "Future<Limitation> watch(const ContainerID&) { return Future<Limitation>(); }"
WATCH = "Future<ContainerLimitation> watch(const ContainerID&) { return ContainerLimitation(); }"
PREPARE_COMMAND = """Future<Option<CommandInfo>> prepare(const ContainerID&, const ExecutorInfo&,
    const std::string&, const Option<std::string>&) { return None(); }"""
PREPARE_ROOTFS = """Future<Option<CommandInfo>> prepare(const ContainerID&, const ExecutorInfo&,
    const std::string&, const Option<std::string>&, const Option<std::string>&)
    { return None(); }"""
PREPARE_INFO = """Future<Option<ContainerPrepareInfo>> prepare(const ContainerID&,
    const ExecutorInfo&, const std::string&, const Option<std::string>&) { return None(); }"""
PREPARE = """Future<Option<ContainerLaunchInfo>> prepare(
    const ContainerID&, const ContainerConfig&) { return ContainerLaunchInfo(); }"""

COMMON = (ISOLATE, CLEANUP, USAGE)
ISOLATORS = {
    "0.22": (*COMMON, RECOVER_STATES, PREPARE_COMMAND, WATCH_STRUCT, UPDATE),
    "0.23": (*COMMON, NAMESPACES, RECOVER_RUN_STATES, PREPARE_ROOTFS, WATCH_STRUCT, UPDATE),
    "0.24": (*COMMON, NAMESPACES, RECOVER_LIST, PREPARE_INFO, WATCH, UPDATE),
    "0.25": (*COMMON, RECOVER_LIST, PREPARE_INFO, WATCH, UPDATE),
    "0.27": (*COMMON, RECOVER_LIST, PREPARE, WATCH, UPDATE),
    "0.28": (*COMMON, RECOVER_LIST, PREPARE, WATCH, UPDATE, STATUS),
    "1.0 bare": (),
    "1.1": (*COMMON, NESTING, RECOVER_LIST, PREPARE, WATCH, UPDATE, STATUS),
    "1.5": (*COMMON, NESTING, STANDALONE, RECOVER_LIST, PREPARE, WATCH, UPDATE, STATUS),
    "1.7": (*COMMON, NESTING, STANDALONE, RECOVER_VECTOR, PREPARE, WATCH, UPDATE, STATUS),
    "1.10": (*COMMON, NESTING, STANDALONE, RECOVER_VECTOR, PREPARE, WATCH, UPDATE_LIMITS, STATUS),
}
PROCESSES = ("0.22", "0.23")


def isolator(generation: str, *, final: bool) -> str:
    """The source of an isolator; ``final`` has the compiler insist that each method overrides."""
    base = "IsolatorProcess" if generation in PROCESSES else "Isolator"
    methods = ISOLATORS[generation]
    text = "\n".join(
        re.sub(r"\)\s*\{", ") override {", f"  virtual {method}", count=1)
        if final
        else f"  virtual {method}"
        for method in methods
    )
    wrap = "new Isolator(process::Owned<IsolatorProcess>(new Mine()))"
    create = wrap if base == "IsolatorProcess" else "new Mine()"
    include = "#include <google/protobuf/map.h>" if UPDATE_LIMITS in methods else ""
    return f"""{include}{PRELUDE}
class Mine : public {base}
{{
public:
{text}
}};

static Isolator* create(const Parameters&) {{ return {create}; }}

mesos::modules::Module<Isolator> org_example_Mine(
    MESOS_MODULE_API_VERSION, MESOS_VERSION, "me", "me@example.org", "mine", nullptr, create);
"""


class Trees:
    """Include folders by release, written once."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def include(self, release: str) -> Path:
        folder = self._root / release
        if not folder.exists():
            for path, content in render(Release.parse(release)).items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(content)
        return folder


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trees]:
    root = tmp_path_factory.mktemp("stub")
    yield Trees(root)
    shutil.rmtree(root)


def syntax(
    trees: Trees, release: str, source: str, *more: str, compiler: str = "g++"
) -> subprocess.CompletedProcess[str]:
    command = [compiler, *FLAGS, "-fsyntax-only", *more, "-I", str(trees.include(release))]
    return subprocess.run(
        [*command, "-x", "c++", "-"], input=source, capture_output=True, text=True, check=False
    )


def verdict(trees: Trees, release: str, generation: str) -> str:
    """What becomes of an isolator: silent, hides a method of the base, or does not compile."""
    done = syntax(trees, release, isolator(generation, final=False))
    if done.returncode:
        return "error"
    if "-Woverloaded-virtual" in done.stderr:
        return "hides"
    assert not done.stderr
    return "silent"


def execute(trees: Trees, release: str, source: str, folder: Path, *flags: str) -> str:
    program = folder / "program"
    command = ["g++", *FLAGS, "-Werror", "-g", *flags, "-I", str(trees.include(release))]
    built = subprocess.run(
        [*command, "-x", "c++", "-", "-o", str(program)],
        input=source,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    ran = subprocess.run([str(program)], capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


# --- the headers themselves

EVERYTHING = "".join(
    f"#include <{header}>\n"
    for header in (
        "mesos/module/isolator.hpp",
        "mesos/module/module.hpp",
        "mesos/resources.hpp",
        "mesos/type_utils.hpp",
        "mesos/version.hpp",
        "process/dispatch.hpp",
        "process/shared.hpp",
        "process/subprocess.hpp",
        "glog/logging.h",
        "stout/foreach.hpp",
        "stout/hashmap.hpp",
        "stout/lambda.hpp",
        "stout/result.hpp",
        "stout/stringify.hpp",
    )
)


def test_every_release_compiles_without_a_warning(trees: Trees) -> None:
    """All releases from 0.22.0 on; one that renders as another did is not compiled again."""
    seen: set[tuple[tuple[str, bytes], ...]] = set()
    for release in FINAL_RELEASES:
        if release < Release(0, 22, 0):
            continue
        tree = render(release)
        del tree["mesos/version.hpp"]
        number = str(release).encode()
        content = tuple((path, text.replace(number, b"")) for path, text in tree.items())
        if content in seen:
            continue
        seen.add(content)
        done = syntax(trees, str(release), EVERYTHING, "-Werror", "-pedantic")
        assert (release, done.stderr) == (release, "")
    assert len(seen) > 12


@pytest.mark.parametrize("release", ["0.23.1", "1.11.0"])
def test_each_header_compiles_on_its_own(trees: Trees, release: str) -> None:
    folder = trees.include(release)
    headers = sorted(str(path) for path in folder.rglob("*") if path.is_file())
    command = ["g++", *FLAGS, "-Werror", "-fsyntax-only", "-I", str(folder), "-x", "c++"]
    done = subprocess.run([*command, *headers], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert len(headers) > 30


@pytest.mark.skipif(shutil.which("clang++") is None, reason="needs clang++")
@pytest.mark.parametrize("release", ["0.22.2", "1.2.0", "1.11.0"])
def test_clang_takes_the_headers_too(trees: Trees, release: str) -> None:
    done = syntax(trees, release, EVERYTHING, "-Werror", compiler="clang++")
    assert done.stderr == ""


# --- verdicts


@pytest.mark.parametrize(
    ("release", "generation"),
    [
        ("0.22.0", "0.22"),
        ("0.23.1", "0.23"),
        ("0.24.2", "0.24"),
        ("0.25.0", "0.25"),
        ("0.26.2", "0.25"),
        ("0.27.3", "0.27"),
        ("0.28.0", "0.28"),
        ("1.0.4", "0.28"),
        ("1.1.0", "1.1"),
        ("1.4.3", "1.1"),
        ("1.6.2", "1.5"),
        ("1.7.0", "1.7"),
        ("1.9.0", "1.7"),
        ("1.10.0", "1.10"),
        ("1.11.0", "1.10"),
    ],
)
def test_the_right_isolator_overrides_everything(
    trees: Trees, release: str, generation: str
) -> None:
    done = syntax(trees, release, isolator(generation, final=True), "-Werror")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("release", "generation", "expected"),
    [
        # A step over which an #if is needed, from either side.
        ("0.23.0", "0.22", "error"),
        ("0.22.2", "0.23", "error"),
        ("0.24.0", "0.23", "error"),
        ("0.23.1", "0.24", "error"),
        ("0.27.0", "0.25", "error"),
        ("0.26.2", "0.27", "error"),
        # Nothing may be left out before 1.0.
        ("0.28.3", "1.0 bare", "error"),
        # The removed method hides nothing, so nothing is said.
        ("0.25.0", "0.24", "silent"),
        # What a release added may be left out, and what it does not have yet is a method more.
        ("0.24.2", "0.25", "silent"),
        ("0.28.0", "0.27", "silent"),
        ("1.0.0", "1.0 bare", "silent"),
        ("0.27.3", "0.28", "silent"),
        ("1.0.4", "1.1", "silent"),
        ("1.11.0", "1.0 bare", "silent"),
        # It compiles, does not override, and only the warning says so.
        ("1.7.0", "1.5", "hides"),
        ("1.6.2", "1.7", "hides"),
        ("1.10.0", "1.7", "hides"),
        ("1.9.0", "1.10", "hides"),
    ],
)
def test_the_wrong_isolator_gets_the_releases_verdict(
    trees: Trees, release: str, generation: str, expected: str
) -> None:
    assert verdict(trees, release, generation) == expected


def test_a_pure_method_left_out_is_named(trees: Trees) -> None:
    done = syntax(trees, "0.24.0", isolator("0.25", final=False).replace(WATCH, ""))
    assert done.returncode
    assert "virtual process::Future<mesos::slave::ContainerLimitation>" in done.stderr


@pytest.mark.parametrize(
    ("release", "statement", "compiles"),
    [
        ("1.1.3", "ContainerLaunchInfo().set_namespaces(1);", True),
        ("1.2.0", "ContainerLaunchInfo().set_namespaces(1);", False),
        ("1.2.0", "ContainerLaunchInfo().add_clone_namespaces(1);", True),
        ("1.2.0", "ContainerLaunchInfo().mutable_task_environment();", False),
        ("1.2.1", "ContainerLaunchInfo().mutable_task_environment();", True),
        ("0.28.3", "ContainerLaunchInfo().add_commands();", True),
        ("1.0.0", "ContainerLaunchInfo().add_commands();", False),
        ("0.27.3", "ContainerConfig().executorinfo();", True),
        ("0.27.3", "ContainerConfig().executor_info();", False),
        ("0.28.3", "ContainerConfig().executorinfo(), ContainerConfig().executor_info();", True),
        ("1.2.0", "ContainerIO().set_fd(1);", True),
        ("1.2.1", "ContainerIO().set_fd(1);", False),
        ("1.2.1", "ContainerIO().out = ContainerIO::IO::PATH(std::string());", True),
        ("1.7.2", "ContainerLayers().config();", False),
        ("1.7.3", "ContainerLayers().config();", True),
        ("0.24.2", "Option<std::string>().get();", True),
        ("0.24.2", "Option<std::string>()->size();", False),
        ("0.25.0", "Option<std::string>()->size();", True),
        ("0.24.2", "std::hash<ContainerID>()(ContainerID());", False),
        ("0.25.0", "std::hash<ContainerID>()(ContainerID());", True),
        ("0.25.1", "(void) TaskStatus::REASON_MEMORY_LIMIT;", True),
        ("0.26.0", "(void) TaskStatus::REASON_MEMORY_LIMIT;", False),
        ("1.0.1", "(void) MESOS_MINOR_VERSION_NUM;", False),
        ("1.0.2", 'static_assert(MESOS_MINOR_VERSION_NUM == 0, "");', True),
    ],
)
def test_what_a_release_has_compiles_and_what_not_does_not(
    trees: Trees, release: str, statement: str, compiles: object
) -> None:
    done = syntax(trees, release, f"{PRELUDE}void use() {{ {statement} }}")
    assert (done.returncode == 0) is compiles, done.stderr


# --- behaviour

CHECK = r"""
#include <cstdio>
#include <cstdlib>
#define CHECK(condition) \
  do { if (!(condition)) { std::printf("line %d: %s\n", __LINE__, #condition); std::exit(1); } } \
  while (false)
"""

MESSAGES = (
    PRELUDE
    + CHECK
    + r"""
#include <algorithm>
#include <set>
#include <stout/hashmap.hpp>
#include <stout/foreach.hpp>

int main()
{
  // Strings, numbers, enums: presence and defaults.
  Resource resource;
  CHECK(resource.role() == "*" && !resource.has_role());
  resource.set_role("web", 2);
  CHECK(resource.role() == "we" && resource.has_role());
  resource.clear_role();
  CHECK(resource.role() == "*" && !resource.has_role());
  CHECK(CommandInfo().shell() && !CommandInfo().has_shell());
  CHECK(TaskStatus().state() == TASK_STAGING);
  CHECK(Environment::Variable().type() == Environment::Variable::VALUE);
  CHECK(Environment::Variable::Type_Name(Environment_Variable_Type_SECRET) == "SECRET");
  TaskState state;
  CHECK(TaskState_Parse("TASK_LOST", &state) && state == TASK_LOST && !TaskState_IsValid(99));
  const ContainerInfo::Type& type = std::max(ContainerInfo::DOCKER, ContainerInfo::MESOS);
  CHECK(type == ContainerInfo_Type_MESOS && ContainerInfo::Type_MAX == type);

  // Messages: made on demand, copied deeply, required fields followed down.
  ContainerID nested;
  nested.set_value("child");
  CHECK(nested.IsInitialized() && !nested.has_parent() && !nested.parent().has_value());
  nested.mutable_parent();
  CHECK(!nested.IsInitialized());
  nested.mutable_parent()->set_value("parent");
  ContainerID copy(nested);
  copy.mutable_parent()->set_value("other");
  CHECK(nested.parent().value() == "parent" && !(copy == nested) && copy < nested);
  copy.CopyFrom(copy.parent());
  CHECK(copy.value() == "other" && !copy.has_parent());
  copy.Swap(&nested);
  CHECK(nested.value() == "other" && copy.parent().value() == "parent");
  ContainerID* released = copy.release_parent();
  CHECK(!copy.has_parent() && released->value() == "parent");
  nested.set_allocated_parent(released);
  CHECK(nested.parent().value() == "parent");
  nested.clear_parent();
  CHECK(!nested.has_parent());
  nested.Clear();
  CHECK(!nested.has_value());

  // Repeated fields: addresses stay, iteration works, merging appends.
  Environment environment;
  Environment::Variable* first = environment.add_variables();
  first->set_name("a");
  for (int i = 0; i < 100; ++i) { environment.add_variables()->set_name("b"); }
  CHECK(first == environment.mutable_variables(0) && environment.variables_size() == 101);
  int count = 0;
  for (const Environment_Variable& variable : environment.variables()) {
    count += variable.name() == "b" ? 1 : 0;
  }
  CHECK(count == 100);
  foreach (Environment::Variable& variable, *environment.mutable_variables()) {
    variable.set_value("x");
  }
  CHECK(std::count_if(
      environment.variables().begin(),
      environment.variables().end(),
      [](const Environment::Variable& v) { return v.value() == "x"; }) == 101);
  Environment merged(environment);
  merged.MergeFrom(environment);
  merged.MergeFrom(merged.default_instance());
  CHECK(merged.variables_size() == 202 && environment.variables_size() == 101);
  merged.mutable_variables()->DeleteSubrange(1, 200);
  CHECK(merged.variables_size() == 2 && merged.variables(0).name() == "a");
  CommandInfo command;
  command.add_arguments("one");
  command.add_arguments(std::string("two"));
  command.set_arguments(0, "three", 2);
  CHECK(command.arguments(0) == "th" && command.arguments(1) == "two");

  // Repeated numbers, maps, oneofs.
  ContainerLaunchInfo launch;
  launch.add_clone_namespaces(0x20000);
  launch.add_clone_namespaces(1);
  int sum = 0;
  for (int flag : launch.clone_namespaces()) { sum += flag; }
  CHECK(sum == 0x20001 && launch.clone_namespaces_size() == 2 && launch.clone_namespaces(1) == 1);
  ContainerMountInfo* mount = launch.add_mounts();
  mount->set_target("/t");
  mount->set_flags(4096);
  CHECK(launch.mounts(0).has_target() && !launch.mounts(0).has_source() && launch.IsInitialized());
  ContainerConfig config;
  CHECK(!config.IsInitialized());
  config.set_directory("/sandbox");
  config.mutable_command_info();
  CHECK(config.IsInitialized());
  (*config.mutable_limits())["cpus"];
  CHECK(config.limits().size() == 1 && config.limits().count("cpus") && !config.IsInitialized());
  (*config.mutable_limits())["cpus"].set_value(2.5);
  CHECK(config.limits().at("cpus").value() == 2.5 && config.IsInitialized());
  ContainerFileOperation operation;
  CHECK(operation.parameters_case() == ContainerFileOperation::PARAMETERS_NOT_SET);
  operation.mutable_symlink()->set_source("/a");
  operation.mutable_mkdir()->set_target("/b");
  CHECK(!operation.has_symlink() && operation.symlink().source().empty());
  CHECK(operation.parameters_case() == ContainerFileOperation::kMkdir);
  operation.clear_parameters();
  CHECK(!operation.has_mkdir());

  // Identifiers as keys, resources, the small types of stout.
  ContainerID id;
  id.set_value("id");
  hashset<ContainerID> ids;
  ids.insert(id);
  ids.insert(id);
  CHECK(ids.size() == 1 && ids.contains(id));
  CHECK(std::set<ContainerID>(ids.begin(), ids.end()).count(id) == 1);
  hashmap<std::string, int> map;
  map["one"] = 1;
  CHECK(map.contains("one") && map.get("one").get() == 1 && map.get("two").isNone());
  foreachpair (const std::string& key, int value, map) { CHECK(key == "one" && value == 1); }
  google::protobuf::RepeatedPtrField<Resource> list;
  list.Add()->set_name("cpus");
  Resources resources(list);
  CHECK(!resources.empty() && resources.begin()->name() == "cpus" && Resources().empty());
  Option<std::string> option = None();
  CHECK(option.isNone() && option.getOrElse("else") == "else");
  option = std::string("some");
  CHECK(option.isSome() && option.get() == "some" && Option<std::string>(option).get() == "some");
  CHECK(Try<int>(Error("bad")).error() == "bad" && Try<int>(3).get() == 3);
  return 0;
}
"""
)

FUTURES = (
    PRELUDE
    + CHECK
    + r"""
#include <thread>

static Future<Option<CommandInfo>> prepare(int how)
{
  switch (how) {
    case 0: return None();
    case 1: return CommandInfo();
    case 2: return process::Failure("refused");
    case 3: return Option<CommandInfo>();
    default: return Try<Option<CommandInfo>>(Error("tried"));
  }
}

int main()
{
  CHECK(prepare(0).get().isNone() && prepare(1).get().isSome() && prepare(3).get().isNone());
  CHECK(prepare(2).isFailed() && prepare(2).failure() == "refused");
  CHECK(prepare(4).failure() == "tried");
  CHECK(Future<int>().isPending() && Future<int>::failed("no").isFailed());

  // Callbacks run once, before or after the value is there, with or without it.
  process::Promise<int> promise;
  int ready = 0, any = 0, failed = 0;
  promise.future()
    .onReady([&](int value) { ready += value; })
    .onReady([&]() { ready += 1; })
    .onFailed([&](const std::string&) { ++failed; })
    .onAny([&](const Future<int>& future) { any += future.isReady() ? 1 : 0; })
    .onAny([&]() { ++any; });
  Future<std::string> text = promise.future()
    .then([](int value) { return value + 1; })
    .then([](int value) -> Future<std::string> { return std::string(value, 'x'); });
  Future<Nothing> none = promise.future().then([]() { return Nothing(); });
  CHECK(text.isPending() && ready == 0);
  CHECK(promise.set(4) && !promise.set(5) && !promise.fail("late"));
  CHECK(ready == 5 && any == 2 && failed == 0 && text.get() == "xxxxx" && none.isReady());
  promise.future().onReady([&](int) { ready = 0; });
  CHECK(ready == 0);

  // A failure passes by continuations.
  process::Promise<int> broken;
  Future<int> after = broken.future().then([&](int value) { ++ready; return value; });
  broken.fail("broken");
  CHECK(after.isFailed() && after.failure() == "broken" && ready == 0);

  // A discard is a request that travels back to the promise.
  process::Promise<int> asked;
  bool heard = false;
  asked.future().onDiscard([&]() { heard = true; });
  Future<int> waiting = asked.future().then([](int value) { return value; });
  CHECK(waiting.discard() && !waiting.discard());
  CHECK(heard && asked.future().hasDiscard() && waiting.isPending());
  CHECK(asked.discard() && waiting.isDiscarded());

  // One future can follow another; get() waits across threads.
  process::Promise<int> outer, inner;
  CHECK(outer.associate(inner.future()) && !outer.set(1));
  std::thread later([&]() { inner.set(7); });
  CHECK(outer.future().get() == 7);
  later.join();
  return 0;
}
"""
)

FACADE = (
    PRELUDE
    + CHECK
    + r"""
#include <atomic>
#include <thread>
#include <vector>
#include <glog/logging.h>

static std::atomic<int> alive(0);

class Mine : public IsolatorProcess
{
public:
  Mine() : running(false) { ++alive; }
  virtual ~Mine() { --alive; }

  virtual Future<Nothing> recover(
      const std::list<ExecutorRunState>& states, const hashset<ContainerID>&)
  {
    worker = std::this_thread::get_id();
    for (const ExecutorRunState& state : states) { order.push_back(state.pid); }
    LOG(INFO) << "recovered " << states.size();
    return Nothing();
  }

  virtual Future<Option<CommandInfo>> prepare(const ContainerID& id, const ExecutorInfo&,
      const std::string& directory, const Option<std::string>&, const Option<std::string>& user)
  {
    if (id.value() == "bad") { return process::Failure("no container " + id.value()); }
    CommandInfo command;
    command.set_value(directory + user.get());
    return command;
  }

  virtual Future<Nothing> isolate(const ContainerID&, pid_t pid)
  {
    // Not synchronised: only right if the facade makes one call after the other, on one thread.
    CHECK(!running && worker == std::this_thread::get_id());
    running = true;
    order.push_back(pid);
    running = false;
    return Nothing();
  }

  virtual Future<Limitation> watch(const ContainerID&) { return limitation.future(); }
  virtual Future<Nothing> update(const ContainerID&, const Resources&) { return Nothing(); }

  virtual Future<ResourceStatistics> usage(const ContainerID&)
  {
    ResourceStatistics statistics;
    statistics.set_timestamp(static_cast<double>(order.size()));
    return statistics;
  }

  virtual Future<Nothing> cleanup(const ContainerID&)
  {
    limitation.set(Limitation(Resources(), "over"));
    return Nothing();
  }

private:
  std::thread::id worker;
  bool running;
  std::vector<pid_t> order;
  process::Promise<Limitation> limitation;
};

int main()
{
  ContainerID id;
  id.set_value("c");
  Future<Limitation> never;
  {
    Isolator isolator((process::Owned<IsolatorProcess>(new Mine())));
    CHECK(isolator.namespaces().get().isNone());
    std::list<ExecutorRunState> states(1, ExecutorRunState(id, 1, "/sandbox"));
    isolator.recover(states, hashset<ContainerID>()).get();
    std::vector<std::thread> callers;
    for (int t = 0; t < 4; ++t) {
      callers.push_back(std::thread([&]() {
        for (int i = 0; i < 50; ++i) { isolator.isolate(id, i).get(); }
      }));
    }
    for (std::thread& caller : callers) { caller.join(); }
    CHECK(isolator.usage(id).get().timestamp() == 201);
    CHECK(isolator.prepare(id, ExecutorInfo(), "/d", None(), std::string("u"))
      .get().get().value() == "/du");
    Future<Limitation> limited = isolator.watch(id);
    CHECK(limited.isPending());
    isolator.cleanup(id).get();
    CHECK(limited.get().message == "over");
    id.set_value("bad");
    Future<Option<CommandInfo>> bad = isolator.prepare(id, ExecutorInfo(), "/d", None(), None());
    bad.onAny([&]() { never = Future<Limitation>(); });
    while (bad.isPending()) { std::this_thread::yield(); }
    CHECK(bad.failure() == "no container bad");
  }
  CHECK(alive == 0 && never.isPending());
  return 0;
}
"""
)


def sanitizer(name: str, folder: Path) -> tuple[str, ...]:
    """Flags for a sanitizer, or none where this machine has no run time for it."""
    flags = (f"-fsanitize={name}",)
    program = folder / "probe"
    probe = ["g++", *flags, "-x", "c++", "-", "-o", str(program)]
    done = subprocess.run(probe, input="int main() {}", capture_output=True, text=True, check=False)
    works = done.returncode == 0 and (
        subprocess.run([str(program)], capture_output=True, check=False).returncode == 0
    )
    return flags if works else ()


def test_messages_behave_as_generated_ones(trees: Trees, tmp_path: Path) -> None:
    execute(trees, "1.11.0", MESSAGES, tmp_path, *sanitizer("address,undefined", tmp_path))


@pytest.mark.parametrize("release", ["0.24.2", "1.11.0"])
def test_futures_behave_as_libprocess_ones(trees: Trees, tmp_path: Path, release: str) -> None:
    checked = sanitizer("address,undefined", tmp_path) if release == "1.11.0" else ()
    execute(trees, release, FUTURES, tmp_path, *checked)


def test_the_facade_calls_its_process_in_order_on_its_own_thread(
    trees: Trees, tmp_path: Path
) -> None:
    execute(trees, "0.23.1", FACADE, tmp_path, *sanitizer("thread", tmp_path))


def test_log_lines_go_to_standard_error(trees: Trees, tmp_path: Path) -> None:
    source = """
#include <glog/logging.h>
int main() { if (true) LOG(WARNING) << "volume " << 7; else LOG(ERROR) << "not"; }
"""
    assert execute(trees, "1.0.0", source, tmp_path) == ""
    ran = subprocess.run([tmp_path / "program"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"W .*:3\] volume 7\n", ran.stderr)


def test_the_descriptor_is_filled_in(trees: Trees, tmp_path: Path) -> None:
    source = (
        isolator("1.10", final=True)
        + r"""
#include <cstdio>
int main()
{
  std::printf("%s %s %s %s %p\n", org_example_Mine.moduleApiVersion,
      org_example_Mine.mesosVersion, org_example_Mine.kind, org_example_Mine.description,
      reinterpret_cast<void*>(org_example_Mine.compatible));
  Isolator* made = org_example_Mine.create(Parameters());
  bool nesting = made->supportsNesting();
  delete made;
  return nesting ? 0 : 1;
}
"""
    )
    assert execute(trees, "1.11.0", source, tmp_path) == "2 1.11.0 Isolator mine (nil)\n"
