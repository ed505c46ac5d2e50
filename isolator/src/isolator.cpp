// The only translation unit that reads Mesos's headers, because reading them is what compiling a
// module for forty releases takes its time for: the isolator and, at the end, its descriptor.

#include "isolator.hpp"

#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <exception>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <glog/logging.h>

#include <mesos/mesos.hpp>
#include <mesos/module.hpp>

#include <mesos/module/isolator.hpp>

#include <process/owned.hpp>

#include "launch.hpp"
#include "core/volume.hpp"

namespace mesos_buildkit {
namespace dockervolume {

namespace {

const char LOG_PREFIX[] = "dockervolume: ";


process::Failure failure(const mesos::ContainerID& containerId, const std::exception& error)
{
  return process::Failure(
      LOG_PREFIX + ("container " + containerId.value()) + ": " + error.what());
}


EnvironmentVariable::Kind kindOf(const mesos::Environment::Variable& variable)
{
#if MESOS_VERSION_AT_LEAST(1, 3, 0)
  if (variable.has_secret() || variable.type() == mesos::Environment::Variable::SECRET) {
    return EnvironmentVariable::SECRET;
  }
#endif
  return variable.has_value() ? EnvironmentVariable::TEXT : EnvironmentVariable::NO_VALUE;
}


std::vector<EnvironmentVariable> environmentOf(const mesos::CommandInfo& command)
{
  std::vector<EnvironmentVariable> environment;
  for (int i = 0; i < command.environment().variables_size(); ++i) {
    const mesos::Environment::Variable& variable = command.environment().variables(i);
    environment.push_back(
        EnvironmentVariable{variable.name(), variable.value(), kindOf(variable)});
  }
  return environment;
}


#if MESOS_VERSION_INT >= 0270

// The task's own command if that asks for volumes, otherwise what starts the container.
const mesos::CommandInfo& commandOf(const mesos::slave::ContainerConfig& config)
{
#if MESOS_VERSION_INT < 0300
  const mesos::CommandInfo& task = config.taskinfo().command();
  const mesos::CommandInfo& executor = config.executorinfo().command();
#else
  const mesos::CommandInfo& task = config.task_info().command();
#if MESOS_VERSION_AT_LEAST(1, 1, 0)
  // The executor has become optional; what starts the container is there in any case.
  const mesos::CommandInfo& executor =
    config.has_executor_info() ? config.executor_info().command() : config.command_info();
#else
  const mesos::CommandInfo& executor = config.executor_info().command();
#endif
#endif
  return mentionsVolumes(environmentOf(task)) ? task : executor;
}

#endif

} // namespace


DockerVolumeIsolator::DockerVolumeIsolator(const Settings& settings)
  : volumes_(settings, [](const std::string& message) { LOG(WARNING) << LOG_PREFIX << message; })
{}


#if MESOS_VERSION_INT >= 0230 && MESOS_VERSION_INT < 0250
process::Future<Option<int>> DockerVolumeIsolator::namespaces()
{
  return Option<int>(CLONE_NEWNS);
}
#endif


#if MESOS_VERSION_INT < 0230
process::Future<Nothing> DockerVolumeIsolator::recover(const ContainerStates& states)
#else
// Orphans are no different from any other container on record that is not among `states`.
process::Future<Nothing> DockerVolumeIsolator::recover(
    const ContainerStates& states,
    const hashset<mesos::ContainerID>&)
#endif
{
  std::set<std::string> running;
  for (const ContainerState& state : states) {
    running.insert(containerIdOf(state));
  }
  try {
    volumes_.recover(running);
  } catch (const std::exception& error) {
    return process::Failure(LOG_PREFIX + std::string("recovery: ") + error.what());
  }
  return Nothing();
}


#if MESOS_VERSION_INT >= 0270
process::Future<Option<LaunchInstructions>> DockerVolumeIsolator::prepare(
    const mesos::ContainerID& containerId,
    const mesos::slave::ContainerConfig& config)
{
  return prepareVolumes(
      containerId, commandOf(config), ContainerPlace{config.directory(), config.rootfs()});
}
#else
process::Future<Option<LaunchInstructions>> DockerVolumeIsolator::prepare(
    const mesos::ContainerID& containerId,
    const mesos::ExecutorInfo& executorInfo,
    const std::string& directory,
#if MESOS_VERSION_INT >= 0230 && MESOS_VERSION_INT < 0240
    const Option<std::string>& rootfs,
#endif
    const Option<std::string>&)
{
  ContainerPlace place{directory, std::string()};
#if MESOS_VERSION_INT >= 0230 && MESOS_VERSION_INT < 0240
  if (rootfs.isSome()) {
    place.rootfs = rootfs.get();
  }
#endif
  return prepareVolumes(containerId, executorInfo.command(), place);
}
#endif


process::Future<Option<LaunchInstructions>> DockerVolumeIsolator::prepareVolumes(
    const mesos::ContainerID& containerId,
    const mesos::CommandInfo& command,
    const ContainerPlace& place)
{
  try {
    const std::vector<VolumeRequest> requests = parseVolumes(environmentOf(command));
    if (requests.empty()) {
      return Option<LaunchInstructions>(None());
    }
    const std::vector<Bind> binds = volumes_.prepare(containerId.value(), requests, place);
    LOG(INFO) << LOG_PREFIX << "container " << containerId.value() << " has "
              << requests.size() << " volume(s)";
    return launchInstructions(binds);
  } catch (const std::exception& error) {
    return failure(containerId, error);
  }
}


process::Future<Nothing> DockerVolumeIsolator::isolate(const mesos::ContainerID&, pid_t)
{
  return Nothing();
}


// Volumes have no limits that a container could run into.
process::Future<ContainerLimitation> DockerVolumeIsolator::watch(const mesos::ContainerID&)
{
  return process::Future<ContainerLimitation>();
}


#if MESOS_VERSION_AT_LEAST(1, 10, 0)
process::Future<Nothing> DockerVolumeIsolator::update(
    const mesos::ContainerID&,
    const mesos::Resources&,
    const google::protobuf::Map<std::string, mesos::Value::Scalar>&)
#else
process::Future<Nothing> DockerVolumeIsolator::update(
    const mesos::ContainerID&,
    const mesos::Resources&)
#endif
{
  return Nothing();
}


process::Future<mesos::ResourceStatistics> DockerVolumeIsolator::usage(const mesos::ContainerID&)
{
  // The agent merges the isolators' answers; the time is the one field none may leave out.
  mesos::ResourceStatistics statistics;
  statistics.set_timestamp(
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count());
  return statistics;
}


process::Future<Nothing> DockerVolumeIsolator::cleanup(const mesos::ContainerID& containerId)
{
  try {
    volumes_.cleanup(containerId.value());
  } catch (const std::exception& error) {
    return failure(containerId, error);
  }
  return Nothing();
}

} // namespace dockervolume
} // namespace mesos_buildkit


namespace {

// Null tells the agent that there is no isolator, and it does not start. An exception must not pass
// from here into the agent.
mesos::slave::Isolator* create(const mesos::Parameters& parameters)
{
  using namespace mesos_buildkit::dockervolume;

  try {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (int i = 0; i < parameters.parameter_size(); ++i) {
      pairs.push_back(
          std::make_pair(parameters.parameter(i).key(), parameters.parameter(i).value()));
    }
    const Settings settings = parseSettings(pairs);

    // It may be installed later than the agent starts, so this is no reason to refuse.
    if (::access(settings.command.c_str(), X_OK) != 0) {
      LOG(WARNING) << "dockervolume: " << settings.command
                   << " cannot be run; containers that ask for volumes will fail";
    }

    DockerVolumeIsolator* const isolator = new DockerVolumeIsolator(settings);
#if MESOS_VERSION_INT < 0240
    return new mesos::slave::Isolator(process::Owned<mesos::slave::IsolatorProcess>(isolator));
#else
    return isolator;
#endif
  } catch (const std::exception& error) {
    LOG(ERROR) << "dockervolume: " << error.what();
    return nullptr;
  }
}

} // namespace


// The one symbol of the library that the agent looks up.
//
// No function for compatibility: without one the agent accepts exactly the release this was built
// for, and that is what its interface allows anyway.
mesos::modules::Module<mesos::slave::Isolator> mesos_buildkit_DockerVolumeIsolator(
    MESOS_MODULE_API_VERSION,
    MESOS_VERSION,
    "mesos-buildkit",
    "mesos-buildkit@localhost",
    "Mounts Docker volumes for containers through a dvdcli-compatible program",
    nullptr,
    create);
