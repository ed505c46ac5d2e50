// The one exception of the part that knows no Mesos: its text is what the operator will read.

#ifndef MESOS_BUILDKIT_DOCKERVOLUME_ERROR_HPP
#define MESOS_BUILDKIT_DOCKERVOLUME_ERROR_HPP

#include <stdexcept>
#include <string>

namespace mesos_buildkit {
namespace dockervolume {

class Error : public std::runtime_error
{
public:
  explicit Error(const std::string& message) : std::runtime_error(message) {}
};

} // namespace dockervolume
} // namespace mesos_buildkit

#endif // MESOS_BUILDKIT_DOCKERVOLUME_ERROR_HPP
