#include "slave/paths.hpp"

namespace mesos {
namespace internal {
namespace slave {
namespace paths {

std::string metaFolder(const std::string& workFolder)
{
  return workFolder + "/meta";
}

} // namespace paths
} // namespace slave
} // namespace internal
} // namespace mesos
