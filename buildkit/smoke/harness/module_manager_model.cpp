#include "module_manager.hpp"

#include <map>
#include <stdexcept>

#include "library.hpp"
#include "loader.hpp"
#include "subject.hpp"
#include "text.hpp"

namespace harness {

namespace {

const char KIND[] = "Isolator";


class ModelledManager : public ModuleManager
{
public:
  explicit ModelledManager(const MesosRelease& release)
    : loader_(release.version, release.moduleApiVersion) {}

  std::string load(const Manifest& manifest) override
  {
    void* library = nullptr;
    try {
      library = openLibrary(manifest.library);
    } catch (const std::exception& error) {
      return loader_.notOpened(manifest.library, error.what());
    }
    const void* symbol = nullptr;
    try {
      symbol = findDescriptor(library, manifest.module);
    } catch (const std::exception& error) {
      return loader_.notFound(manifest.library, manifest.module, error.what());
    }
    const Descriptor descriptor = readDescriptor(symbol);
    const std::string message = loader_.verify(manifest.module, descriptor);
    if (message.empty()) {
      loaded_[manifest.module] = descriptor;
    }
    return message;
  }

  bool contains(const std::string& module) override
  {
    return loaded_.count(module) > 0 && std::string(KIND) == loaded_[module].kind;
  }

  std::string create(const std::string& module) override
  {
    return loaded_.count(module) > 0
      ? loader_.instantiate(module, loaded_[module], KIND)
      : loader_.unknown(module);
  }

private:
  const Loader loader_;
  std::map<std::string, Descriptor> loaded_;
};

} // namespace


void Manifest::write() const
{
  std::vector<std::string> pairs;
  for (const Pair& parameter : parameters) {
    pairs.push_back(
        "{\"key\": " + jsonText(parameter.first) + ", \"value\": " + jsonText(parameter.second) +
        "}");
  }
  writeFile(
      file,
      "{\"libraries\": [{\"file\": " + jsonText(library) + ", \"modules\": [{\"name\": " +
        jsonText(module) + ", \"parameters\": [" + join(pairs, ", ") + "]}]}]}\n");
}


std::unique_ptr<ModuleManager> modelledManager()
{
  return std::unique_ptr<ModuleManager>(new ModelledManager(mesosRelease()));
}

} // namespace harness
