// The level `load`: what happens to the module between --modules and the first call of create().

#include <functional>

#include "cases.hpp"
#include "child.hpp"
#include "library.hpp"
#include "loader.hpp"
#include "module_manager.hpp"
#include "subject.hpp"
#include "text.hpp"

namespace harness {

namespace {

bool never()
{
  return false;
}


bool always()
{
  return true;
}


std::string fileName(const std::string& path)
{
  return split(path, '/').back();
}


std::string textOf(const char* field)
{
  return field == nullptr ? "(missing)" : field;
}


// What an agent says of a module, and what our model of its loader has it say.
struct Verdict
{
  std::string found;
  std::string expected;
};


// Nothing if the manager has no objection. Asks for an instance of `create` only if that is given.
std::string objection(ModuleManager* manager, const Manifest& manifest, const std::string& create)
{
  const std::string message = manager->load(manifest);
  return message.empty() && !create.empty() ? manager->create(create) : message;
}


// Offers modules to the release's own module manager, and to the model; with a stub SDK only to the
// model.
class Offers
{
public:
  Offers(const Options& options, Recorder* recorder)
    : options_(options), recorder_(recorder), release_(mesosRelease()), compared_(0) {}

  Manifest manifest() const
  {
    return {options_.work + "/modules.json", options_.library, options_.symbol, {}};
  }

  // In a process of its own, after `alter` was called there. Fails the check `name` if no verdict
  // comes of it.
  bool offer(
      const std::string& name, const Manifest& manifest, const std::function<void()>& alter,
      const std::string& create, Verdict* verdict)
  {
    try {
      const std::string texts = inChild([&]() {
        alter();
        manifest.write();
        const std::unique_ptr<ModuleManager> own = releaseManager();
        const std::string found = own ? objection(own.get(), manifest, create) : "";
        const std::string expected = objection(modelledManager().get(), manifest, create);
        return (own ? found : expected) + '\0' + expected;
      });
      const std::string::size_type end = texts.find('\0');
      verdict->found = texts.substr(0, end);
      verdict->expected = texts.substr(end + 1);
    } catch (const std::exception& error) {
      return recorder_->check(false, name, error.what());
    }
    ++compared_;
    if (verdict->found != verdict->expected) {
      differences_.push_back(
          name + ": Mesos says '" + verdict->found + "', the model '" + verdict->expected + "'");
    }
    return true;
  }

  // Ends the case's step: whether the model was right all the time.
  void compare(const std::string& what)
  {
    if (releaseManager() != nullptr) {
      recorder_->check(
          differences_.empty(),
          "the loader model agrees with Mesos " + release_.version + " on " + what,
          join(differences_, "; "), std::to_string(compared_) + " verdicts");
    }
  }

  Recorder& recorder() { return *recorder_; }
  const MesosRelease& release() const { return release_; }

private:
  const Options& options_;
  Recorder* recorder_;
  const MesosRelease release_;
  int compared_;
  std::vector<std::string> differences_;
};


// Copies of the module with something altered, one thing at a time.
class Copies
{
public:
  Copies(const Options& options, Recorder* recorder)
    : offers_(options, recorder),
      symbol_(findDescriptor(openLibrary(options.library), options.symbol)),
      good_(readDescriptor(symbol_)) {}

  Offers& offers() { return offers_; }
  const Descriptor& good() const { return good_; }

  // `message` is a part of what the agent must say.
  void rejected(
      const std::string& what, const Descriptor& altered, const std::string& message,
      const std::string& create = "")
  {
    judge("a copy " + what + (create.empty() ? " is rejected" : " is not created"),
          offers_.manifest(), altered, message, create);
  }

  void accepted(const std::string& what, const Descriptor& altered)
  {
    const std::string name = "a copy " + what + " is accepted";
    Verdict verdict;
    if (offers_.offer(name, offers_.manifest(), alteration(altered), "", &verdict)) {
      offers_.recorder().check(verdict.found.empty(), name, verdict.found);
    }
  }

  // The module as it is, by another manifest or for another name.
  void refused(
      const std::string& name, const Manifest& manifest, const std::string& message,
      const std::string& create = "")
  {
    judge(name, manifest, good_, message, create);
  }

  // Either verdict is right if the model has the same one.
  void compared(const std::string& version)
  {
    Descriptor altered = good_;
    altered.mesosVersion = version.c_str();
    Verdict verdict;
    offers_.offer(
        "a copy for Mesos " + version + " is judged", offers_.manifest(), alteration(altered), "",
        &verdict);
  }

  void missingField(const char* Descriptor::*field, const std::string& name)
  {
    text(field, nullptr, "without " + name, "missing fields");
  }

  void version(const std::string& text, const std::string& message)
  {
    this->text(&Descriptor::mesosVersion, text.c_str(), "for Mesos " + text, message);
  }

  void text(
      const char* Descriptor::*field, const char* value, const std::string& what,
      const std::string& message)
  {
    Descriptor altered = good_;
    altered.*field = value;
    rejected(what, altered, message);
  }

private:
  std::function<void()> alteration(const Descriptor& altered) const
  {
    void* const symbol = symbol_;
    return [symbol, altered]() { writeDescriptor(symbol, altered); };
  }

  void judge(
      const std::string& name, const Manifest& manifest, const Descriptor& altered,
      const std::string& message, const std::string& create)
  {
    Verdict verdict;
    if (offers_.offer(name, manifest, alteration(altered), create, &verdict)) {
      offers_.recorder().check(
          contains(verdict.found, message), name,
          verdict.found.empty()
            ? "it is accepted"
            : "the message is '" + verdict.found + "', expected " + message,
          verdict.found);
    }
  }

  Offers offers_;
  void* const symbol_;
  const Descriptor good_;
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

  const std::unique_ptr<ModuleManager> model = modelledManager();
  const std::unique_ptr<ModuleManager> own = releaseManager();
  ModuleManager* const manager = own != nullptr ? own.get() : model.get();
  const std::string by = own != nullptr
    ? "the ModuleManager of Mesos " + release.version
    : "the loader of Mesos " + release.version;

  const Manifest manifest =
    {options.work + "/modules.json", options.library, options.symbol, {}};
  manifest.write();
  const std::string loaded = manager->load(manifest);
  recorder.require(loaded.empty(), "is accepted by " + by, loaded);

  // Nothing is created: what a module needs for that is for the level `run` to give it. The model
  // knows when it would come to that; when it would not, there is no harm in asking.
  model->load(manifest);
  const std::string refused =
    model->create(options.symbol).empty() ? "" : manager->create(options.symbol);
  recorder.require(
      refused.empty() && manager->contains(options.symbol), "can be created by " + by,
      refused.empty() ? "it is not among the isolators" : refused);

  const Loader loader(release.version, release.moduleApiVersion);
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


void rejectVersions(const Options& options, Copies* copies)
{
  const MesosRelease& release = copies->offers().release();
  const Loader loader(release.version, release.moduleApiVersion);
  const std::string older = loader.older();
  const std::string newer = loader.newer();
  const std::string compiled = ", but module is compiled with version ";
  copies->version(
      older,
      "Minimum supported mesos version for '" + options.kind + "' is " + release.version +
        compiled + older);
  copies->version(newer, "Mesos has version " + release.version + compiled + newer);
  for (const std::string& neighbour : options.neighbours) {
    if (neighbour != release.version && neighbour != older && neighbour != newer) {
      copies->version(neighbour, compiled + neighbour);
    }
  }
  copies->version("1.x", "Invalid version component 'x': Failed to convert 'x' to number");
  copies->version("1.2.3.4", "maximum 3 components allowed");

  // A label after the number counts from 1.2.1 on; before, it is not even looked at.
  const std::string candidate = release.version + "-rc1";
  if (release.atLeast(1, 2, 1)) {
    copies->version(candidate, compiled + candidate);
  } else {
    Descriptor labelled = copies->good();
    labelled.mesosVersion = candidate.c_str();
    copies->accepted("for Mesos " + candidate, labelled);
  }
  for (const char* label : {"+build.7", "-", "-rc.1.x", "-rc_1", "-1", "+", "-a..b", "-rc1+b"}) {
    copies->compared(release.version + label);
  }
  copies->compared(newer + "-alpha.2");
  copies->compared("");
  copies->compared("1");
}


void reject(const Options& options, Recorder& recorder)
{
  Copies copies(options, &recorder);
  const Descriptor& good = copies.good();
  rejectVersions(options, &copies);

  copies.text(
      &Descriptor::moduleApiVersion, "1", "for module API version 1",
      "Module API version mismatch. Mesos has: " +
        copies.offers().release().moduleApiVersion + ", library requires: 1");
  copies.text(&Descriptor::kind, "Isolater", "of kind Isolater", "Unknown module kind: Isolater");
  copies.missingField(&Descriptor::kind, "kind");
  copies.missingField(&Descriptor::mesosVersion, "Mesos version");
  copies.missingField(&Descriptor::moduleApiVersion, "module API version");
  copies.missingField(&Descriptor::authorName, "author name");
  copies.missingField(&Descriptor::authorEmail, "author email");
  copies.missingField(&Descriptor::description, "description");

  Descriptor incompatible = good;
  incompatible.compatible = &never;
  copies.rejected(
      "whose compatible() says no", incompatible, "has determined to be incompatible");
  Descriptor tolerant = good;
  tolerant.compatible = &always;
  copies.accepted("whose compatible() says yes", tolerant);
  const std::string newer =
    Loader(copies.offers().release().version, good.moduleApiVersion).newer();
  tolerant.mesosVersion = newer.c_str();
  copies.rejected(
      "for Mesos " + newer + " whose compatible() says yes", tolerant, "compiled with version");

  Descriptor uncreatable = good;
  uncreatable.create = false;
  copies.rejected("without create", uncreatable, "create() method not found", options.symbol);
  Descriptor another = good;
  another.kind = "Hook";
  copies.rejected(
      "of another kind", another,
      "module is of kind 'Hook', but the requested kind is '" + options.kind + "'",
      options.symbol);

  const std::string absent = options.symbol + "_absent";
  Manifest manifest = copies.offers().manifest();
  manifest.module = absent;
  copies.refused("a name the library has not is rejected", manifest, "Error loading module");
  copies.refused(
      "a name no library was loaded for is not created", copies.offers().manifest(),
      "Module '" + absent + "' unknown", absent);
  manifest = copies.offers().manifest();
  manifest.library = options.work + "/absent.so";
  copies.refused("a library that is not there is rejected", manifest, "Error opening library");

  copies.offers().compare("copies of the module");
}


// Libraries for other releases.
void rejectNeighbours(const Options& options, Recorder& recorder)
{
  Offers offers(options, &recorder);
  for (const std::string& library : options.neighbourLibraries) {
    const std::string name = "the neighbour's " + fileName(library) + " is rejected";
    Manifest manifest = offers.manifest();
    manifest.library = library;
    Verdict verdict;
    if (offers.offer(name, manifest, []() {}, "", &verdict)) {
      recorder.check(!verdict.found.empty(), name, "it is accepted", verdict.found);
    }
  }
  if (!options.neighbourLibraries.empty()) {
    offers.compare("neighbours' libraries");
  }
}

} // namespace


std::vector<Case> loadCases()
{
  std::vector<Case> cases;
  cases.push_back(Case("module", {load, reject, rejectNeighbours}));
  return cases;
}

} // namespace harness
