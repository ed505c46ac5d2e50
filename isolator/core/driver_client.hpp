// Asks volume drivers to mount and unmount, through a program with dvdcli's command line.

#ifndef MESOS_BUILDKIT_DOCKERVOLUME_DRIVER_CLIENT_HPP
#define MESOS_BUILDKIT_DOCKERVOLUME_DRIVER_CLIENT_HPP

#include <chrono>
#include <string>
#include <vector>

#include "command.hpp"
#include "error.hpp"
#include "volume.hpp"

namespace mesos_buildkit {
namespace dockervolume {

class MountError : public Error
{
public:
  MountError(const std::string& message, bool maybeMounted_)
    : Error(message), maybeMounted(maybeMounted_) {}

  // The program did not get as far as saying no: the volume may be mounted all the same, and has to
  // be unmounted.
  const bool maybeMounted;
};


// Not thread-safe.
class DriverClient
{
public:
  DriverClient(const std::string& program, std::chrono::seconds timeout)
    : program_(program), timeout_(timeout) {}

  // Returns the mountpoint. Throws MountError.
  std::string mount(const VolumeKey& key, const std::vector<std::string>& options);

  // Throws Error.
  void unmount(const VolumeKey& key);

private:
  CommandResult run(
      const char* verb, const VolumeKey& key, const std::vector<std::string>& options);

  const std::string program_;
  const std::chrono::seconds timeout_;
  CommandRunner runner_;
};

} // namespace dockervolume
} // namespace mesos_buildkit

#endif // MESOS_BUILDKIT_DOCKERVOLUME_DRIVER_CLIENT_HPP
