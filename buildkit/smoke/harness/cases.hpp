// Cases: what is checked together, step by step, each step in a process of its own.

#ifndef MESOS_BUILDKIT_HARNESS_CASES_HPP
#define MESOS_BUILDKIT_HARNESS_CASES_HPP

#include <string>
#include <vector>

#include "options.hpp"
#include "report.hpp"

namespace harness {

// Runs in the process of a step; its work folder is options.work, the same for all steps of a case.
typedef void (*StepFunction)(const Options& options, Recorder& recorder);

struct Case
{
  Case(const std::string& _name, const std::vector<StepFunction>& _steps)
    : name(_name), steps(_steps), killsItself(false) {}

  std::string name;
  std::vector<StepFunction> steps;

  // Whether the first step ends itself by SIGKILL, as an agent that is killed does.
  bool killsItself;
};

std::vector<Case> loadCases();
std::vector<Case> lifecycleCases();
std::vector<Case> dockerVolumeCases();

// Runs every case, several at a time, and reports their checks in the order of the cases.
// Returns whether every case ran to its end.
bool runCases(const std::vector<Case>& cases, const Options& options, Reporter* reporter);

// The process of one step: runs it and returns the exit code.
int runStep(const std::vector<Case>& cases, const Options& options);

} // namespace harness

#endif // MESOS_BUILDKIT_HARNESS_CASES_HPP
