// Whether a Mesos release accepts a module: its loader's rules, written anew, in its words.

#ifndef MESOS_BUILDKIT_HARNESS_LOADER_HPP
#define MESOS_BUILDKIT_HARNESS_LOADER_HPP

#include <stdint.h>

#include <string>
#include <vector>

namespace harness {

// What a descriptor says, as the loader reads it. A null pointer is a missing field.
struct Descriptor
{
  const char* moduleApiVersion;
  const char* mesosVersion;
  const char* kind;
  const char* authorName;
  const char* authorEmail;
  const char* description;
  bool (*compatible)();

  // Only whether it is there: its type differs by kind.
  bool create;
};


struct Version
{
  uint32_t numbers[3];
  std::vector<std::string> prerelease;
  std::vector<std::string> build;
};


// The rules of one release.
class Loader
{
public:
  // Throws std::runtime_error if `release` is no version.
  Loader(const std::string& release, const std::string& moduleApiVersion);

  // What happens at --modules if the library can't be opened, or has no descriptor of that name;
  // `reason` is the system's.
  std::string notOpened(const std::string& library, const std::string& reason) const;
  std::string notFound(
      const std::string& library, const std::string& module, const std::string& reason) const;

  // What happens at --modules with a descriptor: nothing if the module is accepted, otherwise the
  // loader's message.
  std::string verify(const std::string& module, const Descriptor& descriptor) const;

  // What happens when the agent then wants an instance of `kind`, or of a module not loaded.
  std::string instantiate(
      const std::string& module, const Descriptor& descriptor, const std::string& kind) const;
  std::string unknown(const std::string& module) const;

  // A release before or after this one, for trying what is to be rejected.
  std::string older() const;
  std::string newer() const;

private:
  bool atLeast(uint32_t major, uint32_t minor, uint32_t patch) const;
  bool knowsKind(const std::string& kind) const;
  std::string parse(const std::string& text, Version* version) const;

  Version release_;
  const std::string moduleApiVersion_;
};

} // namespace harness

#endif // MESOS_BUILDKIT_HARNESS_LOADER_HPP
