// The scenario `docker-volume` comes in two parts.

#ifndef MESOS_BUILDKIT_HARNESS_VOLUME_CASES_HPP
#define MESOS_BUILDKIT_HARNESS_VOLUME_CASES_HPP

#include <vector>

#include "cases.hpp"

namespace harness {

// What one agent's life shows: mounting, refusing, failing, sharing.
std::vector<Case> volumeMountCases();

// What a restart, a kill, a hang or many threads show.
std::vector<Case> volumeRecoveryCases();

} // namespace harness

#endif // MESOS_BUILDKIT_HARNESS_VOLUME_CASES_HPP
