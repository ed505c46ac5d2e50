// The level `load`: what happens to the module between --modules and the first call of create().

#include "cases.hpp"
#include "library.hpp"
#include "loader.hpp"
#include "subject.hpp"
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
  const MesosRelease release = mesosRelease();
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

  const Descriptor descriptor = readDescriptor(symbol);
  recorder.check(
      descriptor.kind != nullptr && options.kind == descriptor.kind,
      "is of kind " + options.kind,
      "its kind is '" + textOf(descriptor.kind) + "'");
  recorder.check(
      descriptor.moduleApiVersion != nullptr &&
        release.moduleApiVersion == descriptor.moduleApiVersion,
      "has module API version " + release.moduleApiVersion,
      "it has '" + textOf(descriptor.moduleApiVersion) + "'");
  recorder.check(
      descriptor.mesosVersion != nullptr &&
        release.version == descriptor.mesosVersion,
      "is built for Mesos " + release.version,
      "it is built for '" + textOf(descriptor.mesosVersion) + "'");

  const Loader loader(release.version, release.moduleApiVersion);
  const std::string verified = loader.verify(options.symbol, descriptor);
  recorder.require(
      verified.empty(), "is accepted by the loader of Mesos " + release.version, verified);
  const std::string created = loader.instantiate(options.symbol, descriptor, options.kind);
  recorder.require(
      created.empty(), "can be created by the loader of Mesos " + release.version, created);

  std::vector<std::string> neighbours = options.neighbours;
  if (neighbours.empty()) {
    neighbours.push_back(loader.older());
    neighbours.push_back(loader.newer());
  }
  int accepted = 0;
  std::string acceptedBy;
  for (const std::string& neighbour : neighbours) {
    const Loader other(neighbour, release.moduleApiVersion);
    if (neighbour != release.version && other.verify(options.symbol, descriptor).empty()) {
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
  const MesosRelease release = mesosRelease();
  const Descriptor descriptor =
    readDescriptor(findDescriptor(openLibrary(options.library), options.symbol));
  const Loader loader(release.version, release.moduleApiVersion);
  Alterations altered(loader, options, descriptor, &recorder);

  const std::string older = loader.older();
  const std::string newer = loader.newer();
  const std::string compiled = ", but module is compiled with version ";
  altered.version(
      older,
      "Minimum supported mesos version for '" + options.kind + "' is " + release.version +
        compiled + older);
  altered.version(newer, "Mesos has version " + release.version + compiled + newer);
  for (const std::string& neighbour : options.neighbours) {
    if (neighbour != release.version) {
      altered.version(neighbour, compiled + neighbour);
    }
  }
  altered.version("1.x", "Invalid version component 'x': Failed to convert 'x' to number");
  altered.version("1.2.3.4", "maximum 3 components allowed");

  altered.text(
      &Descriptor::moduleApiVersion, "1", "for module API version 1",
      "Module API version mismatch. Mesos has: " + release.moduleApiVersion +
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
  const std::string candidate = release.version + "-rc1";
  if (release.atLeast(1, 2, 1)) {
    altered.version(candidate, compiled + candidate);
  } else {
    Descriptor labelled = descriptor;
    labelled.mesosVersion = candidate.c_str();
    const std::string found = loader.verify(options.symbol, labelled);
    recorder.check(found.empty(), "a copy for Mesos " + candidate + " is accepted", found);
  }

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
