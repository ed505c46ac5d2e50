#ifndef __PATHS_HPP__
#define __PATHS_HPP__

#include <string>

namespace mesos {
namespace internal {
namespace slave {
namespace paths {

// Where an agent with this work folder keeps what must survive it.
std::string metaFolder(const std::string& workFolder);

// Nothing defines it: whoever calls it lacks a symbol.
std::string lostFolder(const std::string& workFolder);

} // namespace paths
} // namespace slave
} // namespace internal
} // namespace mesos

#endif // __PATHS_HPP__
