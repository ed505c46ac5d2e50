// Which container uses which volume: mounts a volume for its first container, unmounts it after its
// last, and remembers it all across restarts. Knows no Mesos.

#ifndef MESOS_BUILDKIT_DOCKERVOLUME_VOLUME_MANAGER_HPP
#define MESOS_BUILDKIT_DOCKERVOLUME_VOLUME_MANAGER_HPP

#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "checkpoint.hpp"
#include "driver_client.hpp"
#include "settings.hpp"
#include "target.hpp"
#include "volume.hpp"

namespace mesos_buildkit {
namespace dockervolume {

// What the launcher has to bind, inside the container's mount namespace.
struct Bind
{
  std::string source;
  std::string target;
};


// Thread-safe. One call at a time does its work, programs included: volume drivers are not known
// to like concurrent calls, and the order of a checkpoint's versions is the order of events.
class VolumeManager
{
public:
  typedef std::function<void(const std::string&)> Warn;

  // `warn` is told what went wrong without failing a call. Nothing is touched yet.
  VolumeManager(const Settings& settings, const Warn& warn);

  // Mounts what the container asks for; returns what to bind, in the order asked.
  //
  // Everything that can be checked is checked before the first mount, and the intent is on disk
  // before it. If anything fails, what this call mounted is unmounted and forgotten (or kept on
  // record as stale, where that fails) and Error is thrown.
  std::vector<Bind> prepare(
      const std::string& container,
      const std::vector<VolumeRequest>& requests,
      const ContainerPlace& place);

  // After a restart: `running` keep their volumes, all else on record is unmounted. Throws Error if
  // the checkpoint cannot be read or written; an unmount that fails is a warning.
  void recover(const std::set<std::string>& running);

  // Gives up the container's volumes; nothing happens for one that has none. Throws Error if a
  // volume could not be unmounted; then that is tried again by the next call for the container, by
  // the last cleanup of the volume, and by the next recover.
  void cleanup(const std::string& container);

private:
  struct Plan;

  void load();
  std::vector<Plan> plan(
      const std::string& container,
      const std::vector<VolumeRequest>& requests,
      const ContainerPlace& place) const;
  void rollBack(const std::string& container, const std::set<VolumeKey>& mounted);

  bool hasUsers(const VolumeKey& key) const;
  const Record* mountedRecord(const VolumeKey& key) const;
  void forget(const std::function<bool(const Record&)>& condition);
  // Unmounts those volumes that have stale records but no users. Returns what failed.
  std::vector<std::string> retireStale(const std::set<VolumeKey>& keys);

  const std::string sandboxInRootfs_;
  const Warn warn_;

  std::mutex mutex_;
  DriverClient client_;
  const Checkpoint checkpoint_;
  bool loaded_;
  std::vector<Record> records_;
};

} // namespace dockervolume
} // namespace mesos_buildkit

#endif // MESOS_BUILDKIT_DOCKERVOLUME_VOLUME_MANAGER_HPP
