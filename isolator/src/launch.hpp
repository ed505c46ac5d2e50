// What the launcher is told to do in the container before its command starts.
//
// A header, so that only one translation unit has to read those of Mesos.

#ifndef MESOS_BUILDKIT_DOCKERVOLUME_LAUNCH_HPP
#define MESOS_BUILDKIT_DOCKERVOLUME_LAUNCH_HPP

#include <sched.h>
#include <sys/mount.h>

#include <string>
#include <vector>

#include <stout/none.hpp>
#include <stout/option.hpp>

#include "release.hpp"
#include "core/shell.hpp"
#include "core/text.hpp"
#include "core/volume_manager.hpp"

namespace mesos_buildkit {
namespace dockervolume {

// A mount namespace for the container. Before 0.25 the instructions have no place to ask for one:
// 0.23 and 0.24 ask the isolator itself, 0.22 has to be refused in the command.
inline void requireMountNamespace(LaunchInstructions* instructions)
{
#if MESOS_VERSION_AT_LEAST(1, 2, 0)
  instructions->add_clone_namespaces(CLONE_NEWNS);
#elif MESOS_VERSION_INT >= 0250
  instructions->set_namespaces(CLONE_NEWNS);
#else
  static_cast<void>(instructions);
#endif
}


#if MESOS_VERSION_AT_LEAST(1, 5, 0)

// The launcher mounts by itself, and keeps the mounts inside.
inline void addBinds(const std::vector<Bind>& binds, LaunchInstructions* instructions)
{
  for (const Bind& bind : binds) {
    mesos::slave::ContainerMountInfo* const mount = instructions->add_mounts();
    mount->set_source(bind.source);
    mount->set_target(bind.target);
    mount->set_flags(MS_BIND | MS_REC);
  }
}

#else

inline std::vector<std::string> bindCommands(const std::vector<Bind>& binds)
{
  std::vector<std::string> commands;
#if MESOS_VERSION_INT < 0230
  commands.push_back(refuseHostNamespaceCommand());
#endif
  commands.push_back(unshareCommand());
  for (const Bind& bind : binds) {
    commands.push_back(bindCommand(bind));
  }
  return commands;
}


inline void addBinds(const std::vector<Bind>& binds, LaunchInstructions* instructions)
{
#if MESOS_VERSION_INT < 0240
  // There is one command, so it has to do everything.
  instructions->set_value(join(bindCommands(binds), " && "));
#else
  for (const std::string& command : bindCommands(binds)) {
#if MESOS_VERSION_AT_LEAST(1, 0, 0)
    instructions->add_pre_exec_commands()->set_value(command);
#else
    instructions->add_commands()->set_value(command);
#endif
  }
#endif
}

#endif


inline Option<LaunchInstructions> launchInstructions(const std::vector<Bind>& binds)
{
  if (binds.empty()) {
    return None();
  }
  LaunchInstructions instructions;
  requireMountNamespace(&instructions);
  addBinds(binds, &instructions);
  return instructions;
}

} // namespace dockervolume
} // namespace mesos_buildkit

#endif // MESOS_BUILDKIT_DOCKERVOLUME_LAUNCH_HPP
