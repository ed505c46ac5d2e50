// A process for something that leaves traces in its process.

#ifndef MESOS_BUILDKIT_HARNESS_CHILD_HPP
#define MESOS_BUILDKIT_HARNESS_CHILD_HPP

#include <functional>
#include <string>

namespace harness {

// Calls `work` in a copy of this process and returns its text. The caller must have no threads.
// Throws std::runtime_error with the message of what `work` threw, or how the process ended.
std::string inChild(const std::function<std::string()>& work);

// Seconds, on a clock that only goes forward.
double now();

// What waitpid says, in words: "killed by signal 11 (Segmentation fault)".
std::string howItEnded(int status);

} // namespace harness

#endif // MESOS_BUILDKIT_HARNESS_CHILD_HPP
