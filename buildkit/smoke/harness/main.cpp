// harness: loads a Mesos module and drives it through the base class. See USAGE in options.cpp.

#include <stdio.h>
#include <stdlib.h>

#include <exception>

#include "agent.hpp"
#include "cases.hpp"
#include "text.hpp"

namespace {

std::vector<harness::Case> casesOf(const harness::Options& options)
{
  const bool volume = options.scenario == "docker-volume";
  if (!volume && options.scenario != "lifecycle" && !options.scenario.empty()) {
    throw std::runtime_error(
        "--scenario: '" + options.scenario + "' is not known; expected lifecycle or docker-volume");
  }
  if (options.verb == "agent") {
    return std::vector<harness::Case>(); // it has a way of its own
  }
  if (options.scenario.empty()) {
    return harness::loadCases();
  }
  return volume ? harness::dockerVolumeCases() : harness::lifecycleCases();
}


std::string absolute(const std::string& path)
{
  char* found = ::realpath(path.c_str(), nullptr);
  const std::string result = found == nullptr ? path : found;
  ::free(found);
  return result;
}


// A folder nothing else uses, so that a second run in the same work folder starts from nothing.
std::string freshFolder(const std::string& work)
{
  harness::makeDirectories(work);
  std::string name = absolute(work) + "/run.XXXXXX";
  if (::mkdtemp(&name[0]) == nullptr) {
    throw std::runtime_error("--work: cannot create a folder in " + work);
  }
  return name;
}

} // namespace


int main(int argc, char** argv)
{
  try {
    harness::Options options = harness::parseOptions(argc, argv);
    // For the steps' processes, where libprocess may come to listen: nobody else is to hear of it.
    ::setenv("LIBPROCESS_IP", "127.0.0.1", 1);
    ::setenv("LIBPROCESS_PORT", "0", 1);
    const std::vector<harness::Case> cases = casesOf(options);
    if (options.verb == "step") {
      return harness::runStep(cases, options);
    }

    harness::Reporter reporter(options.verb, options.report);
    options.library = absolute(options.library);
    for (std::string& library : options.neighbourLibraries) {
      library = absolute(library);
    }
    options.work = freshFolder(options.work);
    if (!options.standIn.empty()) {
      options.standIn = absolute(options.standIn);
    }
    if (options.jobs < 1) {
      options.jobs = 1;
    }
    const bool whole = options.verb == "agent" ? harness::runAgent(options, &reporter)
                                               : harness::runCases(cases, options, &reporter);

    harness::Check last;
    last.name = "every case ran";
    last.ok = whole && reporter.count() > 0;
    last.detail = last.ok ? "" : "some case ended early: see the checks that failed";
    reporter.add(last);
    return reporter.good() ? 0 : 1;
  } catch (const std::exception& error) {
    ::fprintf(stderr, "harness: %s\n%s", error.what(), harness::USAGE);
    return 2;
  }
}
