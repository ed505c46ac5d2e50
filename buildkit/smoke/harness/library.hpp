// The module's library, opened the way an agent opens it, and the descriptor in it.

#ifndef MESOS_BUILDKIT_HARNESS_LIBRARY_HPP
#define MESOS_BUILDKIT_HARNESS_LIBRARY_HPP

#include <string>

namespace harness {

// Opens the library and finds the descriptor; throws std::runtime_error with the system's reason.
// The library is never closed: agents do not close it either.
void* openLibrary(const std::string& path);
void* findDescriptor(void* library, const std::string& symbol);

} // namespace harness

#endif // MESOS_BUILDKIT_HARNESS_LIBRARY_HPP
