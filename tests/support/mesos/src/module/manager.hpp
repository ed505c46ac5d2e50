// The module loader of the tests' own Mesos: as much of it as an agent needs for isolators.

#ifndef __MODULE_MANAGER_HPP__
#define __MODULE_MANAGER_HPP__

#include <string>

#include <mesos/module.hpp>

#include <mesos/module/module.hpp>

#include <stout/error.hpp>
#include <stout/nothing.hpp>
#include <stout/try.hpp>

namespace mesos {
namespace modules {

class ModuleManager
{
public:
  // Loads all or, of the libraries from the first bad one on, none.
  static Try<Nothing> load(const Modules& modules);

  static Try<Nothing> unload(const std::string& name);

  template <typename T>
  static bool contains(const std::string& name)
  {
    const ModuleBase* base = find(name);
    return base != nullptr && std::string(base->kind) == kind<T>();
  }

  template <typename T>
  static Try<T*> create(const std::string& name)
  {
    const ModuleBase* base = find(name);
    if (base == nullptr) {
      return Error("Module '" + name + "' unknown");
    }

    const std::string creating = "Error creating module instance for '" + name + "': ";
    const Module<T>* module = static_cast<const Module<T>*>(base);
    if (module->create == nullptr) {
      return Error(creating + "create() method not found");
    }
    if (std::string(base->kind) != kind<T>()) {
      return Error(
          creating + "module is of kind '" + base->kind + "', but the requested kind is '" +
          kind<T>() + "'");
    }

    T* instance = module->create(parameters(name));
    if (instance == nullptr) {
      return Error(creating + "create() returned no instance");
    }
    return instance;
  }

private:
  // Null for one that is not loaded.
  static const ModuleBase* find(const std::string& name);

  static const Parameters& parameters(const std::string& name);
};

} // namespace modules
} // namespace mesos

#endif // __MODULE_MANAGER_HPP__
