// What a task asks for: the DVDI_* variables of its environment, read and checked.
//
// Everything a task can write here ends up on the command line of a program that runs as root, in
// a mount instruction or in the checkpoint. So characters are allowed by name and the rest refused,
// although no shell ever sees them unquoted.

#ifndef MESOS_BUILDKIT_DOCKERVOLUME_VOLUME_HPP
#define MESOS_BUILDKIT_DOCKERVOLUME_VOLUME_HPP

#include <string>
#include <vector>

namespace mesos_buildkit {
namespace dockervolume {

struct EnvironmentVariable
{
  enum Kind
  {
    TEXT,
    // The message has no value field set.
    NO_VALUE,
    // The value is a secret: this isolator has no business with it.
    SECRET
  };

  std::string name;
  std::string value;
  Kind kind;
};


// A volume as the driver knows it: what two containers may share.
struct VolumeKey
{
  std::string driver;
  std::string name;
};

bool operator==(const VolumeKey& left, const VolumeKey& right);
bool operator<(const VolumeKey& left, const VolumeKey& right);

// For messages: 'driver/name'.
std::string shown(const VolumeKey& key);


struct VolumeRequest
{
  VolumeKey key;
  // "key=value" each, in the order given.
  std::vector<std::string> options;
  // Normalised: no empty component, no trailing slash. Empty: mount it, but show it to nobody.
  std::string containerPath;
};


// Whether any variable is meant for this isolator, right or wrong.
bool mentionsVolumes(const std::vector<EnvironmentVariable>& environment);

// The volumes asked for, in the order of their suffixes (none, 1, ... 9). Variables that do not
// begin with DVDI_ are ignored. Throws Error, naming the variable, for anything else amiss.
std::vector<VolumeRequest> parseVolumes(const std::vector<EnvironmentVariable>& environment);

// Whether both ask for the same options, in whatever order.
bool sameOptions(std::vector<std::string> left, std::vector<std::string> right);

// Throws Error unless the text can be the absolute path of a mounted volume. `origin` says in the
// message where the text comes from.
void validateMountpoint(const std::string& text, const std::string& origin);

} // namespace dockervolume
} // namespace mesos_buildkit

#endif // MESOS_BUILDKIT_DOCKERVOLUME_VOLUME_HPP
