// Where in the agent's file system a container's path is, and making the directory to mount on.

#ifndef MESOS_BUILDKIT_DOCKERVOLUME_TARGET_HPP
#define MESOS_BUILDKIT_DOCKERVOLUME_TARGET_HPP

#include <string>

namespace mesos_buildkit {
namespace dockervolume {

// The container's directories, as absolute paths of the agent.
struct ContainerPlace
{
  std::string sandbox;
  // Empty: the container sees the agent's root.
  std::string rootfs;
};


struct Target
{
  // What the launcher mounts on.
  std::string path;

  // The directory is made as `below` under `base`; with an empty `base`, `path` has to exist.
  std::string base;
  std::string below;
};


// `containerPath` as parseVolumes leaves it. `sandboxInRootfs`: where the agent shows the sandbox
// to a container that has a rootfs (the agent's --sandbox_directory).
Target locateTarget(
    const std::string& containerPath,
    const ContainerPlace& place,
    const std::string& sandboxInRootfs);

// Whether one is the other, or is below it.
bool overlap(const Target& left, const Target& right);

// Makes the directory or checks that it is there. A container's image and its sandbox are not to be
// trusted, so no symbolic link in them is followed: it might lead out. Throws Error.
void provideTarget(const Target& target);

} // namespace dockervolume
} // namespace mesos_buildkit

#endif // MESOS_BUILDKIT_DOCKERVOLUME_TARGET_HPP
