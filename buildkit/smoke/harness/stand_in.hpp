// The stand-in for dvdcli of a case, stand-in.sh: its copy in the case's folder, and what it was
// called with.

#ifndef MESOS_BUILDKIT_HARNESS_STAND_IN_HPP
#define MESOS_BUILDKIT_HARNESS_STAND_IN_HPP

#include <string>
#include <vector>

#include "options.hpp"

namespace harness {

// Where the copy is, once there is one.
std::string standIn(const Options& options);

// Makes the copy if it is not there.
void placeStandIn(const Options& options);

// With these a module of the scenario docker-volume uses the copy, which is then made, and keeps
// its checkpoint in the case's folder.
std::vector<Pair> volumeParameters(const Options& options, int timeoutSeconds);

// {work} and {stand-in} in a value become the case's folder and the copy, which is then made.
std::vector<Pair> filled(const std::vector<Pair>& pairs, const Options& options);

// All calls so far, the arguments joined by '|'.
std::vector<std::string> standInCalls(const Options& options);

// Of these calls, the ones of one action, less what the action needs to say which volume.
std::vector<std::string> volumes(
    const std::vector<std::string>& calls, const std::string& action);

} // namespace harness

#endif // MESOS_BUILDKIT_HARNESS_STAND_IN_HPP
