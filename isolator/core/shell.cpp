#include "shell.hpp"

namespace mesos_buildkit {
namespace dockervolume {

std::string quoted(const std::string& argument)
{
  std::string text = "'";
  for (char character : argument) {
    if (character == '\'') {
      text += "'\\''";
    } else {
      text += character;
    }
  }
  return text + "'";
}


std::string bindCommand(const Bind& bind)
{
  return "mount -n --rbind " + quoted(bind.source) + " " + quoted(bind.target);
}


std::string unshareCommand()
{
  // Old mount programs stumble over --make-rslave, on systems that share nothing to begin with.
  return "{ ! grep -q ' shared:' /proc/self/mountinfo || mount -n --make-rslave /; }";
}


std::string refuseHostNamespaceCommand()
{
  // Where one of the links cannot be read nothing is known, so that refuses too.
  return "{ own=$(readlink /proc/self/ns/mnt) && host=$(readlink /proc/1/ns/mnt) && "
         "test \"$own\" != \"$host\" || "
         "{ echo 'dockervolume: refusing to mount in the mount namespace of the host: add an "
         "isolator that gives containers their own, such as filesystem/shared' >&2; exit 1; }; }";
}

} // namespace dockervolume
} // namespace mesos_buildkit
