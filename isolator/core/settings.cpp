#include "settings.hpp"

#include <cstdlib>

#include <map>

#include "error.hpp"
#include "text.hpp"

namespace mesos_buildkit {
namespace dockervolume {

namespace {

const long TIMEOUT_LIMIT = 3600;


std::string absolutePath(const std::string& key, std::string value)
{
  bool good = value.size() > 1 && value[0] == '/' && value.find('\0') == std::string::npos;
  for (const std::string& component : split(value, '/')) {
    good = good && component != "." && component != "..";
  }
  while (good && value.size() > 1 && value[value.size() - 1] == '/') {
    value.erase(value.size() - 1);
  }
  if (!good || value == "/") {
    throw Error(
        "parameter " + key + ": expected an absolute path without '.' and '..', found " +
        shown(value));
  }
  return value;
}


std::chrono::seconds timeout(const std::string& key, const std::string& value)
{
  const bool digits =
    value.size() <= 4 && value.find_first_not_of("0123456789") == std::string::npos;
  const long number = digits ? std::strtol(value.c_str(), nullptr, 10) : 0;
  if (number < 1 || number > TIMEOUT_LIMIT) {
    throw Error(
        "parameter " + key + ": expected a whole number of seconds from 1 to 3600, found " +
        shown(value));
  }
  return std::chrono::seconds(number);
}

} // namespace


Settings parseSettings(const std::vector<std::pair<std::string, std::string>>& parameters)
{
  std::map<std::string, std::string> values = {
    {"command", "/usr/bin/dvdcli"},
    {"checkpoint_dir", "/var/run/mesos/isolators/dockervolume"},
    {"timeout_secs", "120"},
    {"sandbox_directory", "/mnt/mesos/sandbox"}};

  std::map<std::string, int> given;
  for (const std::pair<std::string, std::string>& parameter : parameters) {
    const std::map<std::string, std::string>::iterator known = values.find(parameter.first);
    if (known == values.end()) {
      throw Error(
          "parameter " + shown(parameter.first) + " is not known; expected command, "
          "checkpoint_dir, timeout_secs or sandbox_directory");
    }
    if (++given[parameter.first] > 1) {
      throw Error("parameter " + parameter.first + " is given twice");
    }
    known->second = parameter.second;
  }

  Settings settings;
  settings.command = absolutePath("command", values["command"]);
  settings.checkpointDir = absolutePath("checkpoint_dir", values["checkpoint_dir"]);
  settings.timeout = timeout("timeout_secs", values["timeout_secs"]);
  settings.sandboxInRootfs = absolutePath("sandbox_directory", values["sandbox_directory"]);
  return settings;
}

} // namespace dockervolume
} // namespace mesos_buildkit
