// Runs a program and waits for it, without a shell, from an agent that has many threads.

#ifndef MESOS_BUILDKIT_DOCKERVOLUME_COMMAND_HPP
#define MESOS_BUILDKIT_DOCKERVOLUME_COMMAND_HPP

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

namespace mesos_buildkit {
namespace dockervolume {

struct CommandResult
{
  enum Ending
  {
    // status is the exit code.
    EXITED,
    // status is the number of the signal that ended it.
    SIGNALED,
    // Killed here, with its process group, at the deadline.
    TIMED_OUT,
    // Somebody else collected the exit status (SIGCHLD ignored, say); nothing is known of it.
    LOST
  };

  Ending ending;
  int status;

  // All of standard output, unless that is more than the limit.
  std::string output;
  bool outputTooLong;

  // The last part of standard error.
  std::string errorTail;

  bool succeeded() const { return ending == EXITED && status == 0 && !outputTooLong; }

  // "exited with 3: the end of its standard error".
  std::string describe() const;
};


// Not thread-safe: give each user one of its own, or a lock.
class CommandRunner
{
public:
  CommandRunner() {}

  // Starts argv[0] (a path, no search) with the agent's environment, no input, default signal
  // handling and a process group of its own. Returns when it ended; what it may have left running
  // in the background (a file system's daemon, for one) goes on. At the deadline the whole group
  // gets SIGTERM, soon after SIGKILL. Throws Error if it could not be started at all.
  CommandResult run(const std::vector<std::string>& argv, std::chrono::seconds timeout);

private:
  CommandRunner(const CommandRunner&);
  CommandRunner& operator=(const CommandRunner&);

  void reapLeftovers();

  // Killed, but not dead when last looked at: a process that hangs in the kernel (on a storage
  // system that is away) dies later, and is collected by a later run.
  std::vector<pid_t> leftovers_;
};

} // namespace dockervolume
} // namespace mesos_buildkit

#endif // MESOS_BUILDKIT_DOCKERVOLUME_COMMAND_HPP
