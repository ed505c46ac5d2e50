// The isolator's memory across restarts of the agent: one text file, replaced as a whole.
//
//     mesos-buildkit-dockervolume-checkpoint 1
//     mounted <container> <driver> <name> <options> <mountpoint>
//     end 1
//
// Fields are separated by one space. In a field every byte but letters, digits and "_.-/:@+=,~" is
// written as %XX, and an empty field as a lone "%". The last line counts the records, so that a
// file cut short is noticed.
//
// The number in the first line is the format's version. Every version that was ever written can be
// read; a newer one is refused as a whole, because its records may mean something that is not known
// here. So the second word of the first line is the version in each format to come.

#ifndef MESOS_BUILDKIT_DOCKERVOLUME_CHECKPOINT_HPP
#define MESOS_BUILDKIT_DOCKERVOLUME_CHECKPOINT_HPP

#include <string>
#include <vector>

#include "volume.hpp"

namespace mesos_buildkit {
namespace dockervolume {

// One container's use of one volume.
struct Record
{
  enum State
  {
    // About to be mounted, or being mounted, when this was written.
    MOUNTING,
    MOUNTED,
    // Nobody uses it, but it could not be unmounted yet.
    STALE
  };

  State state;
  std::string container;
  VolumeKey key;
  std::vector<std::string> options;
  // Empty while it is being mounted.
  std::string mountpoint;
};


class Checkpoint
{
public:
  // The file is <directory>/mounts; the directory is made when first needed.
  explicit Checkpoint(const std::string& directory);

  // No file means no records. Throws Error with file and line for a newer version, saying how to go
  // on without losing a mount, and for anything that no version of it would have written: guessing
  // here loses volumes.
  std::vector<Record> load() const;

  // Afterwards the records are on disk, or Error is thrown; then the file holds the old ones (or,
  // if only the directory could not be flushed, the new ones). A crash leaves one or the other.
  void save(const std::vector<Record>& records) const;

  const std::string& path() const { return path_; }

private:
  std::string directory_;
  std::string path_;
};

} // namespace dockervolume
} // namespace mesos_buildkit

#endif // MESOS_BUILDKIT_DOCKERVOLUME_CHECKPOINT_HPP
