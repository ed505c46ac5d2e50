// The level `agent`: a real master and a real agent, which runs one task with the module.

#ifndef MESOS_BUILDKIT_HARNESS_AGENT_HPP
#define MESOS_BUILDKIT_HARNESS_AGENT_HPP

#include "options.hpp"
#include "report.hpp"

namespace harness {

// Returns whether it came to its end, good or bad. Nothing that it started is left in any case,
// also when this process is asked to end.
bool runAgent(const Options& options, Reporter* reporter);

} // namespace harness

#endif // MESOS_BUILDKIT_HARNESS_AGENT_HPP
