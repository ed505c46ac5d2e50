// The isolator as each Mesos release wants to see it. What it does is in VolumeManager.

#ifndef MESOS_BUILDKIT_DOCKERVOLUME_ISOLATOR_HPP
#define MESOS_BUILDKIT_DOCKERVOLUME_ISOLATOR_HPP

#include <sys/types.h>

#include <string>

#include <process/future.hpp>

#include <stout/hashset.hpp>
#include <stout/nothing.hpp>
#include <stout/option.hpp>

#include "release.hpp"
#include "core/settings.hpp"
#include "core/volume_manager.hpp"

namespace mesos_buildkit {
namespace dockervolume {

// From 0.24 on the agent may call from several threads at once; VolumeManager sees to that. Calls
// return when their work is done: the futures are ready, failed, or (watch) pending for ever.
class DockerVolumeIsolator : public IsolatorBase
{
public:
  explicit DockerVolumeIsolator(const Settings& settings);

#if MESOS_VERSION_INT >= 0230 && MESOS_VERSION_INT < 0250
  process::Future<Option<int>> namespaces() override;
#endif

#if MESOS_VERSION_INT < 0230
  process::Future<Nothing> recover(const ContainerStates& states) override;
#else
  process::Future<Nothing> recover(
      const ContainerStates& states,
      const hashset<mesos::ContainerID>& orphans) override;
#endif

#if MESOS_VERSION_INT >= 0270
  process::Future<Option<LaunchInstructions>> prepare(
      const mesos::ContainerID& containerId,
      const mesos::slave::ContainerConfig& config) override;
#else
  process::Future<Option<LaunchInstructions>> prepare(
      const mesos::ContainerID& containerId,
      const mesos::ExecutorInfo& executorInfo,
      const std::string& directory,
#if MESOS_VERSION_INT >= 0230 && MESOS_VERSION_INT < 0240
      const Option<std::string>& rootfs,
#endif
      const Option<std::string>& user) override;
#endif

  process::Future<Nothing> isolate(const mesos::ContainerID& containerId, pid_t pid) override;

  process::Future<ContainerLimitation> watch(const mesos::ContainerID& containerId) override;

#if MESOS_VERSION_AT_LEAST(1, 10, 0)
  process::Future<Nothing> update(
      const mesos::ContainerID& containerId,
      const mesos::Resources& requests,
      const google::protobuf::Map<std::string, mesos::Value::Scalar>& limits) override;
#else
  process::Future<Nothing> update(
      const mesos::ContainerID& containerId,
      const mesos::Resources& resources) override;
#endif

  process::Future<mesos::ResourceStatistics> usage(
      const mesos::ContainerID& containerId) override;

  process::Future<Nothing> cleanup(const mesos::ContainerID& containerId) override;

private:
  process::Future<Option<LaunchInstructions>> prepareVolumes(
      const mesos::ContainerID& containerId,
      const mesos::CommandInfo& command,
      const ContainerPlace& place);

  VolumeManager volumes_;
};

} // namespace dockervolume
} // namespace mesos_buildkit

#endif // MESOS_BUILDKIT_DOCKERVOLUME_ISOLATOR_HPP
