// What goes by another name in other Mesos releases, so that the isolator can use one name.

#ifndef MESOS_BUILDKIT_DOCKERVOLUME_RELEASE_HPP
#define MESOS_BUILDKIT_DOCKERVOLUME_RELEASE_HPP

#include <list>
#include <string>
#include <vector>

#include <mesos/mesos.hpp>

#include <mesos/slave/isolator.hpp>

namespace mesos_buildkit {
namespace dockervolume {

// Up to 0.23 an isolator is a libprocess process behind a facade; from 0.24 on it is an object that
// the agent calls directly.
#if MESOS_VERSION_INT < 0240
typedef mesos::slave::IsolatorProcess IsolatorBase;
typedef mesos::slave::Limitation ContainerLimitation;
typedef mesos::slave::ExecutorRunState ContainerState;
#else
typedef mesos::slave::Isolator IsolatorBase;
typedef mesos::slave::ContainerLimitation ContainerLimitation;
typedef mesos::slave::ContainerState ContainerState;
#endif

#if MESOS_VERSION_AT_LEAST(1, 7, 0)
typedef std::vector<ContainerState> ContainerStates;
#else
typedef std::list<ContainerState> ContainerStates;
#endif

// What prepare returns.
#if MESOS_VERSION_INT < 0240
typedef mesos::CommandInfo LaunchInstructions;
#elif MESOS_VERSION_INT < 0270
typedef mesos::slave::ContainerPrepareInfo LaunchInstructions;
#else
typedef mesos::slave::ContainerLaunchInfo LaunchInstructions;
#endif


inline std::string containerIdOf(const ContainerState& state)
{
#if MESOS_VERSION_INT < 0240
  return state.id.value();
#else
  return state.container_id().value();
#endif
}

} // namespace dockervolume
} // namespace mesos_buildkit

#endif // MESOS_BUILDKIT_DOCKERVOLUME_RELEASE_HPP
