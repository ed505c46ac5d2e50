#include "volume.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "error.hpp"
#include "text.hpp"

namespace mesos_buildkit {
namespace dockervolume {

namespace {

const char PREFIX[] = "DVDI_";
const char DEFAULT_DRIVER[] = "rexray";

const std::size_t NAME_LIMIT = 255;
const std::size_t OPTION_KEY_LIMIT = 64;
const std::size_t OPTION_VALUE_LIMIT = 255;
const std::size_t OPTION_COUNT_LIMIT = 32;
const std::size_t PATH_LIMIT = 1024;
const std::size_t MOUNTPOINT_LIMIT = 4095;

const char NAME_CHARACTERS[] = "_.-";
const char OPTION_VALUE_CHARACTERS[] = "_.-:/@+";
const char PATH_CHARACTERS[] = "_.-/@+:";
const char MOUNTPOINT_CHARACTERS[] = "_.-/@+:=,~%";

enum Field { NAME, DRIVER, OPTS, CONTAINERPATH, FIELDS };

const char* const FIELD_NAMES[FIELDS] = {
  "DVDI_VOLUME_NAME",
  "DVDI_VOLUME_DRIVER",
  "DVDI_VOLUME_OPTS",
  "DVDI_VOLUME_CONTAINERPATH"
};

// What the environment says under one suffix.
struct Group
{
  bool given[FIELDS];
  std::string value[FIELDS];
};


std::string variableName(Field field, int suffix)
{
  return FIELD_NAMES[field] + (suffix == 0 ? std::string() : std::to_string(suffix));
}


// A misspelt variable must not silently turn a volume into a directory of the sandbox: whatever
// begins with DVDI_ has to be one of the forty names.
void locate(const std::string& variable, Field* field, int* suffix)
{
  for (int candidate = 0; candidate < FIELDS; ++candidate) {
    for (int number = 0; number <= 9; ++number) {
      if (variable == variableName(static_cast<Field>(candidate), number)) {
        *field = static_cast<Field>(candidate);
        *suffix = number;
        return;
      }
    }
  }
  throw Error(
      "environment variable " + shown(variable) + " is not known; expected DVDI_VOLUME_NAME, "
      "DVDI_VOLUME_DRIVER, DVDI_VOLUME_OPTS or DVDI_VOLUME_CONTAINERPATH, alone or followed by "
      "one digit from 1 to 9");
}


std::string checkedName(const std::string& variable, const std::string& value)
{
  if (value.empty() || value.size() > NAME_LIMIT || !isPlain(value[0], "") ||
      !isPlain(value, NAME_CHARACTERS)) {
    throw Error(
        variable + ": " + shown(value) + " is not allowed; expected 1 to 255 letters, digits, "
        "'_', '.' and '-', the first a letter or digit");
  }
  return value;
}


std::vector<std::string> checkedOptions(const std::string& variable, const std::string& value)
{
  std::vector<std::string> options;
  if (value.empty()) {
    return options;
  }

  std::set<std::string> keys;
  for (const std::string& option : split(value, ',')) {
    const std::string::size_type equals = option.find('=');
    const std::string key = option.substr(0, equals);
    const std::string content =
      equals == std::string::npos ? std::string() : option.substr(equals + 1);

    if (equals == std::string::npos ||
        key.empty() || key.size() > OPTION_KEY_LIMIT || !isPlain(key[0], "") ||
        !isPlain(key, NAME_CHARACTERS) ||
        content.empty() || content.size() > OPTION_VALUE_LIMIT ||
        !isPlain(content, OPTION_VALUE_CHARACTERS)) {
      throw Error(
          variable + ": " + shown(option) + " is not allowed; expected key=value pairs separated "
          "by commas, a key of up to 64 letters, digits, '_', '.' and '-', a value of up to 255 "
          "that may also have ':', '/', '@' and '+'");
    }
    if (!keys.insert(key).second) {
      throw Error(variable + ": option " + shown(key) + " is given twice");
    }
    options.push_back(option);
  }

  if (options.size() > OPTION_COUNT_LIMIT) {
    throw Error(variable + ": more than 32 options");
  }
  return options;
}


std::string checkedContainerPath(const std::string& variable, const std::string& value)
{
  if (value.empty() || value.size() > PATH_LIMIT || !isPlain(value, PATH_CHARACTERS)) {
    throw Error(
        variable + ": " + shown(value) + " is not allowed; expected a path of up to 1024 letters, "
        "digits and '_', '.', '-', '/', '@', '+', ':'");
  }

  std::vector<std::string> components;
  for (const std::string& component : split(value, '/')) {
    if (component == "." || component == "..") {
      throw Error(variable + ": " + shown(value) + " must not have a component '.' or '..'");
    }
    if (!component.empty()) {
      components.push_back(component);
    }
  }
  if (components.empty()) {
    throw Error(variable + ": a volume cannot be mounted over the root directory");
  }
  return (value[0] == '/' ? "/" : "") + join(components, "/");
}


VolumeRequest checkedRequest(const Group& group, int suffix)
{
  const std::string name = variableName(NAME, suffix);
  if (!group.given[NAME]) {
    for (int field = 0; field < FIELDS; ++field) {
      if (group.given[field]) {
        throw Error(
            variableName(static_cast<Field>(field), suffix) + " is set, but " + name + " is not");
      }
    }
  }

  VolumeRequest request;
  request.key.name = checkedName(name, group.value[NAME]);
  request.key.driver = DEFAULT_DRIVER;
  if (group.given[DRIVER]) {
    request.key.driver = checkedName(variableName(DRIVER, suffix), group.value[DRIVER]);
  }
  request.options = checkedOptions(variableName(OPTS, suffix), group.value[OPTS]);
  if (group.given[CONTAINERPATH]) {
    request.containerPath =
      checkedContainerPath(variableName(CONTAINERPATH, suffix), group.value[CONTAINERPATH]);
  }
  return request;
}

} // namespace


bool operator==(const VolumeKey& left, const VolumeKey& right)
{
  return left.driver == right.driver && left.name == right.name;
}


bool operator<(const VolumeKey& left, const VolumeKey& right)
{
  return std::tie(left.driver, left.name) < std::tie(right.driver, right.name);
}


std::string shown(const VolumeKey& key)
{
  return shown(key.driver + "/" + key.name);
}


bool mentionsVolumes(const std::vector<EnvironmentVariable>& environment)
{
  return std::any_of(
      environment.begin(), environment.end(), [](const EnvironmentVariable& variable) {
        return startsWith(variable.name, PREFIX);
      });
}


std::vector<VolumeRequest> parseVolumes(const std::vector<EnvironmentVariable>& environment)
{
  std::map<int, Group> groups;
  for (const EnvironmentVariable& variable : environment) {
    if (!startsWith(variable.name, PREFIX)) {
      continue;
    }

    Field field;
    int suffix;
    locate(variable.name, &field, &suffix);

    switch (variable.kind) {
      case EnvironmentVariable::SECRET:
        throw Error(variable.name + " is a secret; expected a plain value");
      case EnvironmentVariable::NO_VALUE:
        throw Error(variable.name + " has no value");
      case EnvironmentVariable::TEXT:
        break;
    }

    Group& group = groups[suffix];
    if (group.given[field]) {
      throw Error(variable.name + " is given twice");
    }
    group.given[field] = true;
    group.value[field] = variable.value;
  }

  std::vector<VolumeRequest> requests;
  std::set<VolumeKey> seen;
  for (const std::pair<const int, Group>& entry : groups) {
    requests.push_back(checkedRequest(entry.second, entry.first));
    if (!seen.insert(requests.back().key).second) {
      throw Error(
          variableName(NAME, entry.first) + ": volume " + shown(requests.back().key) +
          " is asked for twice in one container");
    }
  }
  return requests;
}


bool sameOptions(std::vector<std::string> left, std::vector<std::string> right)
{
  std::sort(left.begin(), left.end());
  std::sort(right.begin(), right.end());
  return left == right;
}


void validateMountpoint(const std::string& text, const std::string& origin)
{
  bool good = text.size() > 1 && text.size() <= MOUNTPOINT_LIMIT && text[0] == '/' &&
              isPlain(text, MOUNTPOINT_CHARACTERS) &&
              text.find_first_not_of('/') != std::string::npos;
  for (const std::string& component : split(text, '/')) {
    good = good && component != "." && component != "..";
  }
  if (!good) {
    throw Error(
        origin + ": " + shown(text) + " is not a mountpoint; expected one line with an absolute "
        "path of letters, digits and '_', '.', '-', '/', '@', '+', ':', '=', ',', '~', '%'");
  }
}

} // namespace dockervolume
} // namespace mesos_buildkit
