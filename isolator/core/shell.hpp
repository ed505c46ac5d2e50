// Command lines that the launcher gives to a shell inside the container's mount namespace.

#ifndef MESOS_BUILDKIT_DOCKERVOLUME_SHELL_HPP
#define MESOS_BUILDKIT_DOCKERVOLUME_SHELL_HPP

#include <string>

#include "volume_manager.hpp"

namespace mesos_buildkit {
namespace dockervolume {

// In single quotes, so that the shell takes it as it is.
std::string quoted(const std::string& argument);

// mount -n --rbind 'SOURCE' 'TARGET'
std::string bindCommand(const Bind& bind);

// Keeps the container's mounts out of the agent's namespace: where mounts are shared (systemd does
// that to "/"), a bind in the copied namespace would appear outside too, over what is there.
std::string unshareCommand();

// Fails, with a message, in the namespace of the first process: for a launcher that cannot be told
// to make a mount namespace.
std::string refuseHostNamespaceCommand();

} // namespace dockervolume
} // namespace mesos_buildkit

#endif // MESOS_BUILDKIT_DOCKERVOLUME_SHELL_HPP
