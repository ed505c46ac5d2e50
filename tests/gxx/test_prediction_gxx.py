"""What is predicted of a module in the style of 2015 is what a compiler says, release by release.

The module below is written as modules were before ``override``: inside Mesos's namespaces, with
using-directives, foreach and decimal guards. These are right up to 1.2; from there on it breaks in
two places, and where these are mended two of its methods die silently.
"""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from buildkit import interfaces
from buildkit.encoding import Encoding, version_header
from buildkit.files.tree import read_tree
from buildkit.matrix import load_matrix
from buildkit.prediction.predict import predict
from buildkit.prediction.verdicts import Verdict
from buildkit.releases import Release
from buildkit.sdk.stub import render

# One for each generation of the interface, and 1.3.0, where the module's guards end.
RELEASES = tuple(
    Release.parse(text)
    for text in (
        *("0.23.1", "0.24.1", "0.25.0", "0.26.0", "0.27.3", "0.28.3", "1.0.4", "1.1.3"),
        *("1.2.3", "1.3.0", "1.6.2", "1.7.3", "1.9.0", "1.10.0", "1.11.0"),
    )
)

HEADER = """\
#ifndef VOLUME_ISOLATOR_HPP
#define VOLUME_ISOLATOR_HPP

#include <list>
#include <string>

#include <mesos/mesos.hpp>
#include <mesos/slave/isolator.hpp>

#include <process/future.hpp>

#include <stout/hashmap.hpp>
#include <stout/option.hpp>

namespace mesos {
namespace slave {

#if MESOS_VERSION_INT > 200 && MESOS_VERSION_INT < 240
class VolumeIsolator : public mesos::slave::IsolatorProcess
#else
class VolumeIsolator : public mesos::slave::Isolator
#endif
{
public:
  static Isolator* create(const Parameters& parameters);

  virtual ~VolumeIsolator() {}

#if MESOS_VERSION_INT > 200 && MESOS_VERSION_INT < 240
  virtual process::Future<Nothing> recover(
      const std::list<ExecutorRunState>& states,
      const hashset<ContainerID>& orphans);
#else
  virtual process::Future<Nothing> recover(
      const std::list<ContainerState>& states,
      const hashset<ContainerID>& orphans);
#endif

#if MESOS_VERSION_INT > 200 && MESOS_VERSION_INT < 240
  virtual process::Future<Option<CommandInfo>> prepare(
      const ContainerID& containerId,
      const ExecutorInfo& executorInfo,
      const std::string& directory,
      const Option<std::string>& rootfs,
      const Option<std::string>& user);
#elif MESOS_VERSION_INT > 200 && MESOS_VERSION_INT < 270
  virtual process::Future<Option<ContainerPrepareInfo>> prepare(
      const ContainerID& containerId,
      const ExecutorInfo& executorInfo,
      const std::string& directory,
      const Option<std::string>& user);
#else
  virtual process::Future<Option<ContainerLaunchInfo>> prepare(
      const ContainerID& containerId,
      const ContainerConfig& containerConfig);
#endif

  virtual process::Future<Nothing> isolate(const ContainerID& containerId, pid_t pid);

#if MESOS_VERSION_INT > 200 && MESOS_VERSION_INT < 240
  virtual process::Future<Limitation> watch(const ContainerID& containerId);
#else
  virtual process::Future<ContainerLimitation> watch(const ContainerID& containerId);
#endif

  virtual process::Future<Nothing> update(
      const ContainerID& containerId,
      const Resources& resources);

  virtual process::Future<ResourceStatistics> usage(const ContainerID& containerId);

  virtual process::Future<Nothing> cleanup(const ContainerID& containerId);

private:
  hashmap<std::string, std::string> mounted;
};

} // namespace slave
} // namespace mesos

#endif
"""

SOURCE = """\
#include "isolator.hpp"

#include <sched.h>

#include <mesos/module.hpp>
#include <mesos/module/isolator.hpp>

#include <process/owned.hpp>

#include <stout/foreach.hpp>

using namespace mesos;
using namespace mesos::slave;
using namespace process;

using std::list;
using std::string;

static const char PREFIX[] = "VOLUME_";

Isolator* VolumeIsolator::create(const Parameters& parameters)
{
  foreach (const Parameter& parameter, parameters.parameter()) {
    if (parameter.key() == "refuse") {
      return NULL;
    }
  }
#if MESOS_VERSION_INT > 200 && MESOS_VERSION_INT < 240
  Owned<IsolatorProcess> process(new VolumeIsolator());
  return new Isolator(process);
#else
  return new VolumeIsolator();
#endif
}

#if MESOS_VERSION_INT > 200 && MESOS_VERSION_INT < 240
Future<Nothing> VolumeIsolator::recover(
    const list<ExecutorRunState>& states,
    const hashset<ContainerID>& orphans)
{
  foreach (const ExecutorRunState& state, states) {
    mounted[state.id.value()] = state.directory;
  }
  return Nothing();
}
#else
Future<Nothing> VolumeIsolator::recover(
    const list<ContainerState>& states,
    const hashset<ContainerID>& orphans)
{
  foreach (const ContainerState& state, states) {
    mounted[state.container_id().value()] = state.directory();
  }
  return Nothing();
}
#endif

#if MESOS_VERSION_INT > 200 && MESOS_VERSION_INT < 240
Future<Option<CommandInfo>> VolumeIsolator::prepare(
    const ContainerID& containerId,
    const ExecutorInfo& executorInfo,
    const string& directory,
    const Option<string>& rootfs,
    const Option<string>& user)
#elif MESOS_VERSION_INT > 200 && MESOS_VERSION_INT < 270
Future<Option<ContainerPrepareInfo>> VolumeIsolator::prepare(
    const ContainerID& containerId,
    const ExecutorInfo& executorInfo,
    const string& directory,
    const Option<string>& user)
#else
Future<Option<ContainerLaunchInfo>> VolumeIsolator::prepare(
    const ContainerID& containerId,
    const ContainerConfig& containerConfig)
#endif
{
#if MESOS_VERSION_INT < 200 || MESOS_VERSION_INT >= 280
  const ExecutorInfo& executorInfo = containerConfig.executor_info();
#elif MESOS_VERSION_INT >= 270
  const ExecutorInfo& executorInfo = containerConfig.executorinfo();
#endif

  if (!executorInfo.command().has_environment()) {
    return None();
  }

#if MESOS_VERSION_INT > 200 && MESOS_VERSION_INT < 240
  list<string> commands;
#elif MESOS_VERSION_INT > 200 && MESOS_VERSION_INT < 250
  ContainerPrepareInfo info;
#elif MESOS_VERSION_INT > 200 && MESOS_VERSION_INT < 270
  ContainerPrepareInfo info;
  info.set_namespaces(CLONE_NEWNS);
#elif MESOS_VERSION_INT >= 120 && MESOS_VERSION_INT < 130
  ContainerLaunchInfo info;
  info.add_clone_namespaces(CLONE_NEWNS);
#else
  ContainerLaunchInfo info;
  info.set_namespaces(CLONE_NEWNS);
#endif

  foreach (const Environment_Variable& variable,
           executorInfo.command().environment().variables()) {
    if (variable.name().compare(0, sizeof(PREFIX) - 1, PREFIX) != 0) {
      continue;
    }
    const string command = "mount -n --rbind /volumes/" + variable.value() + " /mnt";
#if MESOS_VERSION_INT > 200 && MESOS_VERSION_INT < 240
    commands.push_back(command);
#elif MESOS_VERSION_INT <= 200
    info.add_pre_exec_commands()->set_value(command);
#else
    info.add_commands()->set_value(command);
#endif
  }

#if MESOS_VERSION_INT > 200 && MESOS_VERSION_INT < 240
  CommandInfo command;
  command.set_value(commands.empty() ? "true" : commands.front());
  return command;
#else
  return info;
#endif
}

Future<Nothing> VolumeIsolator::isolate(const ContainerID& containerId, pid_t pid)
{
  return Nothing();
}

#if MESOS_VERSION_INT > 200 && MESOS_VERSION_INT < 240
Future<Limitation> VolumeIsolator::watch(const ContainerID& containerId)
{
  return Future<Limitation>();
}
#else
Future<ContainerLimitation> VolumeIsolator::watch(const ContainerID& containerId)
{
  return Future<ContainerLimitation>();
}
#endif

Future<Nothing> VolumeIsolator::update(
    const ContainerID& containerId,
    const Resources& resources)
{
  return Nothing();
}

Future<ResourceStatistics> VolumeIsolator::usage(const ContainerID& containerId)
{
  return ResourceStatistics();
}

Future<Nothing> VolumeIsolator::cleanup(const ContainerID& containerId)
{
  mounted.erase(containerId.value());
  return Nothing();
}

mesos::modules::Module<Isolator> volumes(
    MESOS_MODULE_API_VERSION,
    MESOS_VERSION,
    "nobody",
    "nobody@localhost",
    "Mounts volumes",
    NULL,
    VolumeIsolator::create);
"""

MATRIX = """\
releases = [{releases}]

[[module]]
name = "volumes"
version = "1.0.0"
symbol = "volumes"
source = "."
sources = ["isolator.cpp"]
encoding = "decimal"
"""

# What the module would have to say from 1.3 on; its methods stay as they were.
MENDED = {
    "MESOS_VERSION_INT >= 120 && MESOS_VERSION_INT < 130": "MESOS_VERSION_AT_LEAST(1, 2, 0)",
    "#elif MESOS_VERSION_INT <= 200": "#elif MESOS_VERSION_AT_LEAST(1, 0, 0)",
}
_HIDDEN = re.compile(r"'virtual [^']*::(\w+)\([^']*' was hidden")


@pytest.fixture(scope="module")
def stubs(tmp_path_factory):
    """Each release's stub headers, and the version header of the module's encoding."""

    @cache
    def headers(release: Release) -> Path:
        folder = tmp_path_factory.mktemp(str(release))
        for path, content in render(release).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        (folder / "version.h").write_text(version_header(release, Encoding.DECIMAL))
        return folder

    return headers


def compiled(folder: Path, headers: Path) -> tuple[bool, set[str]]:
    """Whether g++ takes the module, and the virtual methods of the base that it then hides."""
    done = subprocess.run(
        [
            *("nice", "g++", "-std=c++11", "-fsyntax-only", "-Woverloaded-virtual"),
            *(f"-I{headers}", "-include", str(headers / "version.h"), "isolator.cpp"),
        ],
        cwd=folder,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 0, {*_HIDDEN.findall(done.stderr)}


def write(folder: Path, changes: dict[str, str]):
    source = SOURCE
    for old, new in changes.items():
        assert old in source
        source = source.replace(old, new)
    (folder / "isolator.cpp").write_text(source)
    (folder / "isolator.hpp").write_text(HEADER)
    listed = ", ".join(f'"{release}"' for release in RELEASES)
    (folder / "matrix.toml").write_text(MATRIX.format(releases=listed))
    matrix = load_matrix(folder / "matrix.toml")
    module = matrix.file.module[0]
    return predict(matrix, module, read_tree(folder), RELEASES, interfaces.load())


@pytest.mark.parametrize("changes", [{}, MENDED], ids=["as-it-was", "mended"])
def test_the_compiler_says_what_was_predicted(tmp_path, stubs, changes):
    predictions = write(tmp_path, changes)
    dead = [f for f in predictions.findings if f.rule.name == "silent-override"]
    for release in RELEASES:
        builds, hidden = compiled(tmp_path, stubs(release))
        verdict = predictions.of(release).verdict
        assert builds == (verdict is not Verdict.BREAKS), f"{release}: {predictions.of(release)}"
        foretold = {
            name
            for finding in dead
            if release in finding.releases
            for name in re.findall(r"(\w+)\(", finding.message)[:1]
        }
        assert foretold == hidden, f"{release}: {foretold} {hidden}"


def test_it_is_sound_to_1_2_and_breaks_from_there_on(tmp_path):
    predictions = write(tmp_path, {})
    guards_end = Release(1, 3, 0)
    for release in RELEASES:
        expected = Verdict.FINE if release < guards_end else Verdict.BREAKS
        assert predictions.of(release).verdict is expected
    places = {
        line.strip(): [str(release) for release in finding.releases]
        for finding in predictions.findings
        if finding.rule.name == "unguarded-change"
        for line in [SOURCE.splitlines()[finding.place.line - 1]]
    }
    assert places == {
        "info.set_namespaces(CLONE_NEWNS);": [str(r) for r in RELEASES if r >= guards_end],
        # In decimal 1.10.0 is 1100, and no longer below 200.
        "info.add_commands()->set_value(command);": ["1.10.0", "1.11.0"],
    }


def test_mended_it_compiles_and_is_dead(tmp_path):
    predictions = write(tmp_path, MENDED)
    for release in RELEASES:
        expected = Verdict.FINE if release < Release(1, 7, 0) else Verdict.DIES
        assert predictions.of(release).verdict is expected
