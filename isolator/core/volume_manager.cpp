#include "volume_manager.hpp"

#include <algorithm>

#include "error.hpp"
#include "text.hpp"

namespace mesos_buildkit {
namespace dockervolume {

// One request, with all that is known before anything is mounted.
struct VolumeManager::Plan
{
  Record record;
  // Of no meaning if the request has no container path.
  Target target;
  bool visible;
};


VolumeManager::VolumeManager(const Settings& settings, const Warn& warn)
  : sandboxInRootfs_(settings.sandboxInRootfs),
    warn_(warn),
    client_(settings.command, settings.timeout),
    checkpoint_(settings.checkpointDir),
    loaded_(false) {}


std::vector<Bind> VolumeManager::prepare(
    const std::string& container,
    const std::vector<VolumeRequest>& requests,
    const ContainerPlace& place)
{
  const std::lock_guard<std::mutex> lock(mutex_);
  load();

  std::vector<Plan> plans = plan(container, requests, place);
  for (const Plan& item : plans) {
    if (item.visible) {
      provideTarget(item.target);
    }
  }

  const std::size_t first = records_.size();
  for (const Plan& item : plans) {
    records_.push_back(item.record);
  }
  try {
    checkpoint_.save(records_);
  } catch (...) {
    records_.resize(first);
    throw;
  }

  std::set<VolumeKey> mounted;
  try {
    for (std::size_t i = 0; i < plans.size(); ++i) {
      Record* const record = &records_[first + i];
      if (record->state == Record::MOUNTED) {
        continue;
      }
      try {
        record->mountpoint = client_.mount(record->key, record->options);
      } catch (const MountError& error) {
        if (error.maybeMounted) {
          mounted.insert(record->key);
        }
        throw;
      }
      mounted.insert(record->key);
      record->state = Record::MOUNTED;
    }
    if (!mounted.empty()) {
      checkpoint_.save(records_);
    }
  } catch (...) {
    rollBack(container, mounted);
    throw;
  }

  std::vector<Bind> binds;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (plans[i].visible) {
      binds.push_back(Bind{records_[first + i].mountpoint, plans[i].target.path});
    }
  }
  return binds;
}


void VolumeManager::recover(const std::set<std::string>& running)
{
  const std::lock_guard<std::mutex> lock(mutex_);
  load();
  if (records_.empty()) {
    return;
  }

  std::set<VolumeKey> stale;
  for (Record& record : records_) {
    if (running.count(record.container) == 0) {
      record.state = Record::STALE;
    }
    if (record.state == Record::STALE) {
      stale.insert(record.key);
    }
  }
  for (const std::string& failure : retireStale(stale)) {
    warn_(failure + "; it stays on record in " + checkpoint_.path() + " and is tried again later");
  }
  checkpoint_.save(records_);
}


void VolumeManager::cleanup(const std::string& container)
{
  const std::lock_guard<std::mutex> lock(mutex_);
  load();

  std::set<VolumeKey> keys;
  for (Record& record : records_) {
    if (record.container == container) {
      record.state = Record::STALE;
      keys.insert(record.key);
    }
  }
  if (keys.empty()) {
    return;
  }

  std::vector<std::string> failures = retireStale(keys);
  try {
    checkpoint_.save(records_);
  } catch (const Error& error) {
    failures.push_back(error.what());
  }
  if (!failures.empty()) {
    throw Error(join(failures, "; "));
  }
}


// Lazily, because a failure to read must fail the agent's call and not its start-up, where nothing
// but a null pointer could report it.
void VolumeManager::load()
{
  if (!loaded_) {
    records_ = checkpoint_.load();
    loaded_ = true;
  }
}


std::vector<VolumeManager::Plan> VolumeManager::plan(
    const std::string& container,
    const std::vector<VolumeRequest>& requests,
    const ContainerPlace& place) const
{
  for (const Record& record : records_) {
    if (record.container == container) {
      throw Error("container " + shown(container) + " was prepared before and not cleaned up");
    }
  }

  std::vector<Plan> plans;
  for (const VolumeRequest& request : requests) {
    Plan item;
    item.record.state = Record::MOUNTING;
    item.record.container = container;
    item.record.key = request.key;
    item.record.options = request.options;
    item.visible = !request.containerPath.empty();

    if (const Record* const other = mountedRecord(request.key)) {
      // Whoever names no options takes the volume as it is.
      if (!request.options.empty() && !sameOptions(request.options, other->options)) {
        throw Error(
            "volume " + shown(request.key) + " is mounted for container " +
            shown(other->container) + " with options " + shown(join(other->options, ",")) +
            "; options " + shown(join(request.options, ",")) + " cannot be had at the same time");
      }
      item.record = *other;
      item.record.container = container;
    }

    if (item.visible) {
      item.target = locateTarget(request.containerPath, place, sandboxInRootfs_);
      for (const Plan& earlier : plans) {
        if (earlier.visible && overlap(earlier.target, item.target)) {
          throw Error(
              "the container paths of volumes " + shown(earlier.record.key) + " and " +
              shown(request.key) + " are the same, or one is below the other");
        }
      }
    }
    plans.push_back(item);
  }
  return plans;
}


// The failure that led here is what the caller throws; whatever fails in addition is a warning.
void VolumeManager::rollBack(const std::string& container, const std::set<VolumeKey>& mounted)
{
  forget([&](const Record& record) {
    return record.container == container && mounted.count(record.key) == 0;
  });
  for (Record& record : records_) {
    if (record.container == container) {
      record.state = Record::STALE;
    }
  }
  for (const std::string& failure : retireStale(mounted)) {
    warn_(failure + "; it stays on record in " + checkpoint_.path() + " and is tried again later");
  }
  try {
    checkpoint_.save(records_);
  } catch (const Error& error) {
    warn_(error.what());
  }
}


// A volume that is being mounted counts: the agent may have been restarted right then, and the
// container kept.
bool VolumeManager::hasUsers(const VolumeKey& key) const
{
  return std::any_of(records_.begin(), records_.end(), [&](const Record& record) {
    return record.key == key && record.state != Record::STALE;
  });
}


const Record* VolumeManager::mountedRecord(const VolumeKey& key) const
{
  for (const Record& record : records_) {
    if (record.key == key && record.state == Record::MOUNTED) {
      return &record;
    }
  }
  return nullptr;
}


void VolumeManager::forget(const std::function<bool(const Record&)>& condition)
{
  records_.erase(std::remove_if(records_.begin(), records_.end(), condition), records_.end());
}


std::vector<std::string> VolumeManager::retireStale(const std::set<VolumeKey>& keys)
{
  std::vector<std::string> failures;
  for (const VolumeKey& key : keys) {
    // Where somebody else still uses the volume, the last user's cleanup unmounts it.
    if (!hasUsers(key)) {
      try {
        client_.unmount(key);
      } catch (const Error& error) {
        failures.push_back(error.what());
        continue;
      }
    }
    forget([&](const Record& record) {
      return record.key == key && record.state == Record::STALE;
    });
  }
  return failures;
}

} // namespace dockervolume
} // namespace mesos_buildkit
