#include "loader.hpp"

#include <errno.h>
#include <stdlib.h>

#include <stdexcept>

#include "text.hpp"

namespace harness {

namespace {

struct KindRow
{
  const char* kind;
  uint32_t since[3];
};

// The kinds of each release's loader, with the first release that has them. The minimum version of
// a kind has always been the running release itself.
const KindRow KINDS[] = {
  {"Authenticator", {0, 21, 0}},
  {"Isolator", {0, 21, 0}},
  {"TestModule", {0, 21, 0}},
  {"Anonymous", {0, 22, 0}},
  {"Authenticatee", {0, 22, 0}},
  {"Hook", {0, 22, 0}},
  {"Allocator", {0, 23, 0}},
  {"QoSController", {0, 23, 0}},
  {"ResourceEstimator", {0, 23, 0}},
  {"Authorizer", {0, 24, 0}},
  {"ContainerLogger", {0, 27, 0}},
  {"HttpAuthenticator", {0, 27, 0}},
  {"MasterContender", {1, 0, 0}},
  {"MasterDetector", {1, 0, 0}},
  {"SecretResolver", {1, 4, 0}},
  {"HttpAuthenticatee", {1, 5, 0}},
  {"DiskProfileAdaptor", {1, 5, 0}},
};


bool readNumber(const std::string& text, uint32_t* number)
{
  if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) {
    return false;
  }
  errno = 0;
  const unsigned long long value = ::strtoull(text.c_str(), nullptr, 10);
  *number = static_cast<uint32_t>(value);
  return errno == 0 && value <= UINT32_MAX;
}


// The identifiers of a prerelease or build label. Returns the loader's message, or nothing.
std::string readLabel(const std::string& text, std::vector<std::string>* identifiers)
{
  if (text.empty()) {
    return "Empty label";
  }
  *identifiers = split(text, '.');
  for (const std::string& identifier : *identifiers) {
    if (identifier.empty()) {
      return "Empty identifier";
    }
    for (char character : identifier) {
      const bool allowed = (character >= '0' && character <= '9') || character == '-' ||
        (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
      if (!allowed) {
        return "Identifier contains illegal character: '" + std::string(1, character) + "'";
      }
    }
  }
  return "";
}


int compareIdentifiers(const std::string& left, const std::string& right)
{
  uint32_t leftNumber = 0;
  uint32_t rightNumber = 0;
  const bool leftNumeric = readNumber(left, &leftNumber);
  const bool rightNumeric = readNumber(right, &rightNumber);
  if (leftNumeric && rightNumeric) {
    return leftNumber == rightNumber ? 0 : leftNumber < rightNumber ? -1 : 1;
  }
  if (leftNumeric != rightNumeric) {
    return leftNumeric ? -1 : 1;
  }
  return left.compare(right);
}


// Below, at, or above 0 as in strcmp. The build label never counts.
int compare(const Version& left, const Version& right)
{
  for (int i = 0; i < 3; ++i) {
    if (left.numbers[i] != right.numbers[i]) {
      return left.numbers[i] < right.numbers[i] ? -1 : 1;
    }
  }
  if (left.prerelease.empty() != right.prerelease.empty()) {
    return left.prerelease.empty() ? 1 : -1;
  }
  for (std::size_t i = 0; i < left.prerelease.size() && i < right.prerelease.size(); ++i) {
    const int order = compareIdentifiers(left.prerelease[i], right.prerelease[i]);
    if (order != 0) {
      return order;
    }
  }
  const std::size_t leftSize = left.prerelease.size();
  const std::size_t rightSize = right.prerelease.size();
  return leftSize == rightSize ? 0 : leftSize < rightSize ? -1 : 1;
}


std::string shown(const Version& version)
{
  std::string text = std::to_string(version.numbers[0]) + "." +
    std::to_string(version.numbers[1]) + "." + std::to_string(version.numbers[2]);
  if (!version.prerelease.empty()) {
    text += "-" + join(version.prerelease, ".");
  }
  if (!version.build.empty()) {
    text += "+" + join(version.build, ".");
  }
  return text;
}

} // namespace


Loader::Loader(const std::string& release, const std::string& moduleApiVersion)
  : moduleApiVersion_(moduleApiVersion)
{
  // The numbers first: how labels are read depends on which release this is.
  release_ = Version();
  const std::string texts[] = {split(release, '-')[0], release};
  for (const std::string& text : texts) {
    Version version;
    const std::string wrong = parse(text, &version);
    if (!wrong.empty()) {
      throw std::runtime_error("'" + release + "' is not a Mesos release: " + wrong);
    }
    release_ = version;
  }
}


std::string Loader::notOpened(const std::string& library, const std::string& reason) const
{
  return "Error opening library: '" + library + "': Could not load library '" + library + "': " +
         reason;
}


std::string Loader::notFound(
    const std::string& library, const std::string& module, const std::string& reason) const
{
  return "Error loading module '" + module + "': Error looking up symbol '" + module + "' in '" +
         library + "' : " + reason;
}


std::string Loader::verify(const std::string& module, const Descriptor& descriptor) const
{
  const std::string verifying = "Error verifying module '" + module + "': ";

  if (descriptor.mesosVersion == nullptr || descriptor.moduleApiVersion == nullptr ||
      descriptor.authorName == nullptr || descriptor.authorEmail == nullptr ||
      descriptor.description == nullptr || descriptor.kind == nullptr) {
    return verifying + "Error loading module '" + module + "'; missing fields";
  }
  if (moduleApiVersion_ != descriptor.moduleApiVersion) {
    return verifying + "Module API version mismatch. Mesos has: " + moduleApiVersion_ +
           ", library requires: " + descriptor.moduleApiVersion;
  }
  if (!knowsKind(descriptor.kind)) {
    return verifying + "Unknown module kind: " + descriptor.kind;
  }

  Version version = Version();
  const std::string wrong = parse(descriptor.mesosVersion, &version);
  if (!wrong.empty()) {
    return verifying + wrong;
  }
  const int order = compare(version, release_);
  if (order < 0) {
    return verifying + "Minimum supported mesos version for '" + descriptor.kind + "' is " +
           shown(release_) + ", but module is compiled with version " + shown(version);
  }
  if (order > 0) {
    return verifying + "Mesos has version " + shown(release_) +
           ", but module is compiled with version " + shown(version);
  }
  if (descriptor.compatible != nullptr && !descriptor.compatible()) {
    return verifying + "Module " + module + "has determined to be incompatible";
  }
  return "";
}


std::string Loader::instantiate(
    const std::string& module, const Descriptor& descriptor, const std::string& kind) const
{
  const std::string creating = "Error creating module instance for '" + module + "': ";
  if (!descriptor.create) {
    return creating + "create() method not found";
  }
  if (kind != descriptor.kind) {
    return creating + "module is of kind '" + descriptor.kind + "', but the requested kind is '" +
           kind + "'";
  }
  return "";
}


std::string Loader::unknown(const std::string& module) const
{
  return "Module '" + module + "' unknown";
}


std::string Loader::older() const
{
  Version version = release_;
  version.prerelease.clear();
  version.build.clear();
  // Below x.y.0 any number does: what counts is that it is less.
  if (version.numbers[2] > 0) {
    --version.numbers[2];
  } else if (version.numbers[1] > 0) {
    --version.numbers[1];
  } else {
    version.numbers[0] -= version.numbers[0] > 0 ? 1 : 0;
    version.numbers[1] = 28;
    version.numbers[2] = 3;
  }
  return shown(version);
}


std::string Loader::newer() const
{
  Version version = release_;
  version.prerelease.clear();
  version.build.clear();
  ++version.numbers[2];
  return shown(version);
}


bool Loader::atLeast(uint32_t major, uint32_t minor, uint32_t patch) const
{
  const uint32_t wanted[] = {major, minor, patch};
  for (int i = 0; i < 3; ++i) {
    if (release_.numbers[i] != wanted[i]) {
      return release_.numbers[i] > wanted[i];
    }
  }
  return true;
}


bool Loader::knowsKind(const std::string& kind) const
{
  for (const KindRow& row : KINDS) {
    if (kind == row.kind) {
      return atLeast(row.since[0], row.since[1], row.since[2]);
    }
  }
  return false;
}


// Returns the loader's message, or nothing. Until 1.2.0 whatever follows the first '-' is dropped;
// from 1.2.1 on the labels of SemVer count.
std::string Loader::parse(const std::string& text, Version* version) const
{
  *version = Version();
  std::string numbers = text;
  std::string tooMany = "Version string has ";
  if (atLeast(1, 2, 1)) {
    tooMany = "Version has ";
    const std::string::size_type plus = numbers.find('+');
    if (plus != std::string::npos) {
      const std::string wrong = readLabel(numbers.substr(plus + 1), &version->build);
      if (!wrong.empty()) {
        return "Invalid build label: " + wrong;
      }
      numbers.erase(plus);
    }
    const std::string::size_type dash = numbers.find('-');
    if (dash != std::string::npos) {
      const std::string wrong = readLabel(numbers.substr(dash + 1), &version->prerelease);
      if (!wrong.empty()) {
        return "Invalid prerelease label: " + wrong;
      }
      numbers.erase(dash);
    }
  } else {
    numbers = split(numbers, '-')[0];
  }

  const std::vector<std::string> components = split(numbers, '.');
  if (components.size() > 3) {
    return tooMany + std::to_string(components.size()) +
           " components; maximum 3 components allowed";
  }
  for (std::size_t i = 0; i < components.size(); ++i) {
    if (!readNumber(components[i], &version->numbers[i])) {
      return "Invalid version component '" + components[i] + "': Failed to convert '" +
             components[i] + "' to number";
    }
  }
  return "";
}

} // namespace harness
