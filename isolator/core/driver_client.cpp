#include "driver_client.hpp"

#include "text.hpp"

namespace mesos_buildkit {
namespace dockervolume {

std::string DriverClient::mount(const VolumeKey& key, const std::vector<std::string>& options)
{
  const std::string what = "mounting volume " + shown(key) + " failed: ";

  CommandResult result;
  try {
    result = run("mount", key, options);
  } catch (const Error& error) {
    throw MountError(what + error.what(), false);
  }
  if (!result.succeeded()) {
    const bool refused = result.ending == CommandResult::EXITED && result.status != 0;
    throw MountError(what + program_ + " " + result.describe(), !refused);
  }

  const std::string::size_type last = result.output.find_last_not_of("\r\n");
  const std::string mountpoint =
    last == std::string::npos ? std::string() : result.output.substr(0, last + 1);
  try {
    validateMountpoint(mountpoint, "standard output of " + program_ + " mount");
  } catch (const Error& error) {
    throw MountError(what + error.what(), true);
  }
  return mountpoint;
}


void DriverClient::unmount(const VolumeKey& key)
{
  const std::string what = "unmounting volume " + shown(key) + " failed: ";

  CommandResult result;
  try {
    result = run("unmount", key, std::vector<std::string>());
  } catch (const Error& error) {
    throw Error(what + error.what());
  }
  // What it has to say does not matter, however much it is.
  result.outputTooLong = false;
  if (!result.succeeded()) {
    throw Error(what + program_ + " " + result.describe());
  }
}


CommandResult DriverClient::run(
    const char* verb, const VolumeKey& key, const std::vector<std::string>& options)
{
  std::vector<std::string> argv;
  argv.push_back(program_);
  argv.push_back(verb);
  argv.push_back("--volumedriver=" + key.driver);
  argv.push_back("--volumename=" + key.name);
  for (const std::string& option : options) {
    argv.push_back("--volumeopts=" + option);
  }
  return runner_.run(argv, timeout_);
}

} // namespace dockervolume
} // namespace mesos_buildkit
