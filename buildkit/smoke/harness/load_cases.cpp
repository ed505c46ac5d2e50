// The level `load`: what happens to the module between --modules and the first call of create().

#include <string.h>

#include <mesos/module.hpp>

#include "cases.hpp"
#include "library.hpp"
#include "loader.hpp"
#include "text.hpp"

namespace harness {

namespace {

bool never()
{
  return false;
}


std::string textOf(const char* field)
{
  return field == nullptr ? "(missing)" : field;
}


Descriptor read(const void* symbol)
{
  const mesos::modules::ModuleBase* base =
    static_cast<const mesos::modules::ModuleBase*>(symbol);
  Descriptor descriptor;
  descriptor.moduleApiVersion = base->moduleApiVersion;
  descriptor.mesosVersion = base->mesosVersion;
  descriptor.kind = base->kind;
  descriptor.authorName = base->authorName;
  descriptor.authorEmail = base->authorEmail;
  descriptor.description = base->description;
  descriptor.compatible = base->compatible;

  // Every kind's Module<> adds one pointer to a function after the common fields.
  void (*create)();
  ::memcpy(&create, static_cast<const char*>(symbol) + sizeof(*base), sizeof(create));
  descriptor.create = create != nullptr;
  return descriptor;
}


// The rejections a descriptor like this one must meet, one altered field at a time.
class Alterations
{
public:
  Alterations(
      const Loader& loader, const Options& options, const Descriptor& good, Recorder* recorder)
    : loader_(loader), options_(options), good_(good), recorder_(recorder) {}

  void missingField(const char* Descriptor::*field, const std::string& name)
  {
    Descriptor altered = good_;
    altered.*field = nullptr;
    rejected(altered, "without " + name, "missing fields");
  }

  void version(const std::string& text, const std::string& message)
  {
    Descriptor altered = good_;
    altered.mesosVersion = text.c_str();
    rejected(altered, "for Mesos " + text, message);
  }

  void text(
      const char* Descriptor::*field, const std::string& value, const std::string& what,
      const std::string& message)
  {
    Descriptor altered = good_;
    altered.*field = value.c_str();
    rejected(altered, what, message);
  }

  void incompatible()
  {
    Descriptor altered = good_;
    altered.compatible = &never;
    rejected(altered, "whose compatible() says no", "has determined to be incompatible");
  }

private:
  void rejected(const Descriptor& altered, const std::string& what, const std::string& message)
  {
    const std::string found = loader_.verify(options_.symbol, altered);
    recorder_->check(
        contains(found, message),
        "a copy " + what + " is rejected",
        found.empty() ? "it is accepted" : "the message is '" + found + "', expected " + message);
  }

  const Loader& loader_;
  const Options& options_;
  const Descriptor good_;
  Recorder* recorder_;
};


void load(const Options& options, Recorder& recorder)
{
  std::string problem;
  void* library = nullptr;
  void* symbol = nullptr;
  try {
    library = openLibrary(options.library);
  } catch (const std::exception& error) {
    problem = error.what();
  }
  recorder.require(library != nullptr, "opens with RTLD_NOW", problem);
  try {
    symbol = findDescriptor(library, options.symbol);
  } catch (const std::exception& error) {
    problem = error.what();
  }
  recorder.require(symbol != nullptr, "has the descriptor " + options.symbol, problem);

  const Descriptor descriptor = read(symbol);
  recorder.check(
      descriptor.kind != nullptr && options.kind == descriptor.kind,
      "is of kind " + options.kind,
      "its kind is '" + textOf(descriptor.kind) + "'");
  recorder.check(
      descriptor.moduleApiVersion != nullptr &&
        std::string(MESOS_MODULE_API_VERSION) == descriptor.moduleApiVersion,
      "has module API version " MESOS_MODULE_API_VERSION,
      "it has '" + textOf(descriptor.moduleApiVersion) + "'");
  recorder.check(
      descriptor.mesosVersion != nullptr &&
        std::string(MESOS_VERSION) == descriptor.mesosVersion,
      "is built for Mesos " MESOS_VERSION,
      "it is built for '" + textOf(descriptor.mesosVersion) + "'");

  const Loader loader(MESOS_VERSION, MESOS_MODULE_API_VERSION);
  const std::string verified = loader.verify(options.symbol, descriptor);
  recorder.require(
      verified.empty(), "is accepted by the loader of Mesos " MESOS_VERSION, verified);
  const std::string created = loader.instantiate(options.symbol, descriptor, options.kind);
  recorder.require(
      created.empty(), "can be created by the loader of Mesos " MESOS_VERSION, created);

  std::vector<std::string> neighbours = options.neighbours;
  if (neighbours.empty()) {
    neighbours.push_back(loader.older());
    neighbours.push_back(loader.newer());
  }
  int accepted = 0;
  std::string acceptedBy;
  for (const std::string& neighbour : neighbours) {
    const Loader other(neighbour, MESOS_MODULE_API_VERSION);
    if (neighbour != MESOS_VERSION && other.verify(options.symbol, descriptor).empty()) {
      ++accepted;
      acceptedBy += " " + neighbour;
    }
  }
  recorder.check(
      accepted == 0,
      "is accepted by no neighbouring release",
      "accepted by" + acceptedBy);
}


void reject(const Options& options, Recorder& recorder)
{
  const Descriptor descriptor =
    read(findDescriptor(openLibrary(options.library), options.symbol));
  const Loader loader(MESOS_VERSION, MESOS_MODULE_API_VERSION);
  Alterations altered(loader, options, descriptor, &recorder);

  const std::string older = loader.older();
  const std::string newer = loader.newer();
  const std::string compiled = ", but module is compiled with version ";
  altered.version(
      older,
      "Minimum supported mesos version for '" + options.kind + "' is " MESOS_VERSION +
        compiled + older);
  altered.version(newer, "Mesos has version " MESOS_VERSION + compiled + newer);
  for (const std::string& neighbour : options.neighbours) {
    if (neighbour != MESOS_VERSION) {
      altered.version(neighbour, compiled + neighbour);
    }
  }
  altered.version("1.x", "Invalid version component 'x': Failed to convert 'x' to number");
  altered.version("1.2.3.4", "maximum 3 components allowed");

  altered.text(
      &Descriptor::moduleApiVersion, "1", "for module API version 1",
      "Module API version mismatch. Mesos has: " MESOS_MODULE_API_VERSION
      ", library requires: 1");
  altered.text(
      &Descriptor::kind, "Isolater", "of kind Isolater", "Unknown module kind: Isolater");
  altered.missingField(&Descriptor::kind, "kind");
  altered.missingField(&Descriptor::mesosVersion, "Mesos version");
  altered.missingField(&Descriptor::moduleApiVersion, "module API version");
  altered.missingField(&Descriptor::authorName, "author name");
  altered.missingField(&Descriptor::authorEmail, "author email");
  altered.missingField(&Descriptor::description, "description");
  altered.incompatible();

  // A label after the number counts from 1.2.1 on; before, it is not even looked at.
  const std::string candidate = MESOS_VERSION "-rc1";
#if MESOS_VERSION_AT_LEAST(1, 2, 1)
  altered.version(candidate, compiled + candidate);
#else
  Descriptor labelled = descriptor;
  labelled.mesosVersion = candidate.c_str();
  const std::string found = loader.verify(options.symbol, labelled);
  recorder.check(found.empty(), "a copy for Mesos " + candidate + " is accepted", found);
#endif

  Descriptor uncreatable = descriptor;
  uncreatable.create = false;
  const std::string uncreated = loader.instantiate(options.symbol, uncreatable, options.kind);
  recorder.check(
      contains(uncreated, "create() method not found"),
      "a copy without create is rejected", "the message is '" + uncreated + "'");
  Descriptor another = descriptor;
  another.kind = "Hook";
  const std::string mismatched = loader.instantiate(options.symbol, another, options.kind);
  recorder.check(
      contains(
          mismatched,
          "module is of kind 'Hook', but the requested kind is '" + options.kind + "'"),
      "a copy of another kind is not created", "the message is '" + mismatched + "'");
}

} // namespace


std::vector<Case> loadCases()
{
  std::vector<Case> cases;
  cases.push_back(Case("module", {load, reject}));
  return cases;
}

} // namespace harness
