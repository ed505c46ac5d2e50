// Part of subject.cpp: Mesos's headers, most of the work of compiling either, are read once.

#include "module_manager.hpp"

#ifdef MESOS_BUILDKIT_MODULE_MANAGER

#include <mesos/module/module.hpp>

#include <stout/json.hpp>
#include <stout/protobuf.hpp>
#include <stout/try.hpp>

// The manager's header includes the messages between agent and master, a fifth of the time this
// takes to compile, and needs none of them since 0.22.
#define __MESSAGES_HPP__
#include "module/manager.hpp"

#include "text.hpp"

namespace harness {

namespace {

typedef mesos::modules::ModuleManager TheirManager;
typedef mesos::slave::Isolator Isolator;

class ReleaseManager : public ModuleManager
{
public:
  std::string load(const Manifest& manifest) override
  {
    // As the agent's flag --modules is read.
    const Try<JSON::Object> json = JSON::parse<JSON::Object>(readFile(manifest.file));
    if (json.isError()) {
      return json.error();
    }
    const Try<mesos::Modules> modules = ::protobuf::parse<mesos::Modules>(json.get());
    if (modules.isError()) {
      return modules.error();
    }
    const Try<Nothing> loaded = TheirManager::load(modules.get());
    return loaded.isError() ? loaded.error() : std::string();
  }

  bool contains(const std::string& module) override
  {
    return TheirManager::contains<Isolator>(module);
  }

  std::string create(const std::string& module) override
  {
    std::unique_ptr<Isolator> unused;
    return create(module, &unused);
  }

  std::string create(const std::string& module, std::unique_ptr<Isolator>* isolator)
  {
    const Try<Isolator*> created = TheirManager::create<Isolator>(module);
    if (created.isError()) {
      return created.error();
    }
    isolator->reset(created.get());
    return "";
  }

  // As in an agent that starts anew: otherwise a second load of the same module with other
  // parameters, or up to 0.27 any second load, is an error.
  void forget(const std::string& module)
  {
    if (contains(module)) {
      TheirManager::unload(module);
    }
  }
};

} // namespace


std::unique_ptr<ModuleManager> releaseManager()
{
  return std::unique_ptr<ModuleManager>(new ReleaseManager());
}

} // namespace harness

#else

namespace harness {

std::unique_ptr<ModuleManager> releaseManager()
{
  return std::unique_ptr<ModuleManager>();
}

} // namespace harness

#endif
