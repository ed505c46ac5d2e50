// The module's parameters, as the agent's --modules file gives them.

#ifndef MESOS_BUILDKIT_DOCKERVOLUME_SETTINGS_HPP
#define MESOS_BUILDKIT_DOCKERVOLUME_SETTINGS_HPP

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace mesos_buildkit {
namespace dockervolume {

struct Settings
{
  // A program with dvdcli's command line; absolute.
  std::string command;
  // Absolute.
  std::string checkpointDir;
  // For each run of the program.
  std::chrono::seconds timeout;
  // Where a container with a rootfs sees its sandbox (the agent's --sandbox_directory); absolute.
  std::string sandboxInRootfs;
};


// Throws Error, naming the parameter, for a key that is not known or is there twice and for a value
// out of range.
Settings parseSettings(const std::vector<std::pair<std::string, std::string>>& parameters);

} // namespace dockervolume
} // namespace mesos_buildkit

#endif // MESOS_BUILDKIT_DOCKERVOLUME_SETTINGS_HPP
