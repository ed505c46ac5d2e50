#include "module/manager.hpp"

#include <ctype.h>
#include <dlfcn.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <vector>

namespace mesos {
namespace modules {

namespace {

struct Loaded
{
  const ModuleBase* base;
  Parameters parameters;
};


std::mutex mutex;
std::map<std::string, Loaded> loaded;


const char* const KINDS[] = {
  "Allocator", "Anonymous", "Authenticatee", "Authenticator", "Authorizer", "ContainerLogger",
  "DiskProfileAdaptor", "Hook", "HttpAuthenticatee", "HttpAuthenticator", "Isolator",
  "MasterContender", "MasterDetector", "QoSController", "ResourceEstimator", "SecretResolver",
  "TestModule",
};


std::vector<std::string> split(const std::string& text, char separator)
{
  std::vector<std::string> parts(1);
  for (char character : text) {
    if (character == separator) {
      parts.push_back("");
    } else {
      parts.back() += character;
    }
  }
  return parts;
}


bool isNumber(const std::string& text)
{
  return !text.empty() && std::all_of(text.begin(), text.end(), ::isdigit);
}


struct Version
{
  std::vector<unsigned long> numbers;
  std::string prerelease;
  std::string build;

  std::string text() const
  {
    std::string result = std::to_string(numbers[0]) + "." + std::to_string(numbers[1]) + "." +
      std::to_string(numbers[2]);
    result += prerelease.empty() ? "" : "-" + prerelease;
    return result + (build.empty() ? "" : "+" + build);
  }
};


// What is wrong with a label; nothing if it is good.
std::string judgeLabel(const std::string& label)
{
  if (label.empty()) {
    return "Empty label";
  }
  for (const std::string& identifier : split(label, '.')) {
    if (identifier.empty()) {
      return "Empty identifier";
    }
    for (char character : identifier) {
      if (character != '-' && !::isalnum(static_cast<unsigned char>(character))) {
        return std::string("Identifier contains illegal character: '") + character + "'";
      }
    }
  }
  return "";
}


Try<Version> parse(const std::string& text)
{
  Version version;
  const std::string::size_type plus = text.find('+');
  std::string front = text.substr(0, plus);
  if (plus != std::string::npos) {
    version.build = text.substr(plus + 1);
    const std::string wrong = judgeLabel(version.build);
    if (!wrong.empty()) {
      return Error("Invalid build label: " + wrong);
    }
  }

  const std::string::size_type dash = front.find('-');
  if (dash != std::string::npos) {
    version.prerelease = front.substr(dash + 1);
    const std::string wrong = judgeLabel(version.prerelease);
    if (!wrong.empty()) {
      return Error("Invalid prerelease label: " + wrong);
    }
    front.erase(dash);
  }

  const std::vector<std::string> components = split(front, '.');
  if (components.size() > 3) {
    return Error(
        "Version has " + std::to_string(components.size()) +
        " components; maximum 3 components allowed");
  }
  for (const std::string& component : components) {
    if (!isNumber(component)) {
      return Error(
          "Invalid version component '" + component + "': Failed to convert '" + component +
          "' to number");
    }
    version.numbers.push_back(std::stoul(component));
  }
  version.numbers.resize(3);
  return version;
}


// Whether one prerelease comes before another; none comes after all.
bool comesBefore(const std::string& left, const std::string& right)
{
  if (left.empty() || right.empty()) {
    return !left.empty();
  }
  const std::vector<std::string> ours = split(left, '.');
  const std::vector<std::string> theirs = split(right, '.');
  for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
    if (ours[i] == theirs[i]) {
      continue;
    }
    if (isNumber(ours[i]) && isNumber(theirs[i])) {
      return std::stoul(ours[i]) < std::stoul(theirs[i]);
    }
    return isNumber(ours[i]) || (!isNumber(theirs[i]) && ours[i] < theirs[i]);
  }
  return ours.size() < theirs.size();
}


bool operator<(const Version& left, const Version& right)
{
  return left.numbers != right.numbers
    ? left.numbers < right.numbers
    : left.prerelease != right.prerelease && comesBefore(left.prerelease, right.prerelease);
}


// Why the module can't be accepted; nothing if it can.
std::string judge(const std::string& name, const ModuleBase& module)
{
  for (const char* field :
       {module.moduleApiVersion, module.mesosVersion, module.kind, module.authorName,
        module.authorEmail, module.description}) {
    if (field == nullptr) {
      return "Error loading module '" + name + "'; missing fields";
    }
  }

  if (std::string(module.moduleApiVersion) != MESOS_MODULE_API_VERSION) {
    return "Module API version mismatch. Mesos has: " MESOS_MODULE_API_VERSION
           ", library requires: " + std::string(module.moduleApiVersion);
  }

  const std::string kind = module.kind;
  if (std::find(std::begin(KINDS), std::end(KINDS), kind) == std::end(KINDS)) {
    return "Unknown module kind: " + kind;
  }

  const Try<Version> theirs = parse(module.mesosVersion);
  if (theirs.isError()) {
    return theirs.error();
  }
  const Version ours = parse(MESOS_VERSION).get();
  const std::string compiled = ", but module is compiled with version " + theirs.get().text();
  if (theirs.get() < ours) {
    return "Minimum supported mesos version for '" + kind + "' is " + ours.text() + compiled;
  }
  if (ours < theirs.get()) {
    return "Mesos has version " + ours.text() + compiled;
  }

  if (module.compatible != nullptr && !module.compatible()) {
    // As it is in Mesos: no blank.
    return "Module " + name + "has determined to be incompatible";
  }
  return "";
}


std::string lastError()
{
  const char* error = ::dlerror();
  return error == nullptr ? "unknown" : error;
}

} // namespace


Try<Nothing> ModuleManager::load(const Modules& modules)
{
  std::lock_guard<std::mutex> lock(mutex);
  for (const Modules::Library& library : modules.libraries()) {
    const std::string& file = library.file();
    void* handle = ::dlopen(file.c_str(), RTLD_NOW);
    if (handle == nullptr) {
      return Error(
          "Error opening library: '" + file + "': Could not load library '" + file + "': " +
          lastError());
    }
    for (const Modules::Library::Module& module : library.modules()) {
      const std::string& name = module.name();
      const void* symbol = ::dlsym(handle, name.c_str());
      if (symbol == nullptr) {
        return Error(
            "Error loading module '" + name + "': Error looking up symbol '" + name + "' in '" +
            file + "' : " + lastError());
      }
      const ModuleBase* base = static_cast<const ModuleBase*>(symbol);
      const std::string wrong = judge(name, *base);
      if (!wrong.empty()) {
        return Error("Error verifying module '" + name + "': " + wrong);
      }
      Loaded& entry = loaded[name];
      entry.base = base;
      entry.parameters.Clear();
      for (const Parameter& parameter : module.parameters()) {
        entry.parameters.add_parameter()->CopyFrom(parameter);
      }
    }
  }
  return Nothing();
}


Try<Nothing> ModuleManager::unload(const std::string& name)
{
  std::lock_guard<std::mutex> lock(mutex);
  if (loaded.erase(name) == 0) {
    return Error("Error unloading module '" + name + "': module not loaded");
  }
  return Nothing();
}


const ModuleBase* ModuleManager::find(const std::string& name)
{
  std::lock_guard<std::mutex> lock(mutex);
  const std::map<std::string, Loaded>::const_iterator found = loaded.find(name);
  return found == loaded.end() ? nullptr : found->second.base;
}


const Parameters& ModuleManager::parameters(const std::string& name)
{
  std::lock_guard<std::mutex> lock(mutex);
  return loaded[name].parameters;
}

} // namespace modules
} // namespace mesos
