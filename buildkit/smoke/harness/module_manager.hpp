// What an agent does with its flag --modules, and when --isolation names a module: by the code of
// the release itself, or as our model of it has it.

#ifndef MESOS_BUILDKIT_HARNESS_MODULE_MANAGER_HPP
#define MESOS_BUILDKIT_HARNESS_MODULE_MANAGER_HPP

#include <memory>
#include <string>
#include <vector>

#include "options.hpp"

namespace harness {

// One module for --modules.
struct Manifest
{
  // Where its JSON is.
  std::string file;

  std::string library;
  std::string module;
  std::vector<Pair> parameters;

  // Writes the JSON. Throws std::runtime_error as writeFile does.
  void write() const;
};


// Never forgets a library or a module, so each try needs a process of its own.
class ModuleManager
{
public:
  virtual ~ModuleManager() {}

  // Nothing, or the message an agent ends with.
  virtual std::string load(const Manifest& manifest) = 0;

  // Whether a module of this name and of the kind Isolator was loaded.
  virtual bool contains(const std::string& module) = 0;

  // Makes an isolator, for nobody. Nothing, or the message an agent ends with.
  virtual std::string create(const std::string& module) = 0;
};

// The release's own. Null with a stub SDK, which has none.
std::unique_ptr<ModuleManager> releaseManager();

// By the rules in loader.hpp, in the same words; its create() never calls the module's.
std::unique_ptr<ModuleManager> modelledManager();

} // namespace harness

#endif // MESOS_BUILDKIT_HARNESS_MODULE_MANAGER_HPP
