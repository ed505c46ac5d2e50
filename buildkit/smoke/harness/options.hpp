// The command line.

#ifndef MESOS_BUILDKIT_HARNESS_OPTIONS_HPP
#define MESOS_BUILDKIT_HARNESS_OPTIONS_HPP

#include <string>
#include <utility>
#include <vector>

namespace harness {

typedef std::pair<std::string, std::string> Pair;

struct Options
{
  Options() : step(0), resultFd(-1), timeLimit(20), jobs(4) {}

  // "load", "run", "agent", or "step": one step of one case, in a process of its own.
  std::string verb;

  std::string library;
  std::string symbol;
  std::string kind;
  std::string report;
  std::string scenario;
  std::string standIn;
  std::string work;
  std::vector<Pair> parameters;
  std::vector<Pair> environment;

  // Releases that must not accept the module, and libraries built for others than this one.
  std::vector<std::string> neighbours;
  std::vector<std::string> neighbourLibraries;

  // Of the verb "agent" only: the programs of Mesos with their arguments, the folder of those that
  // the agent starts, and the folders of libmesos, joined by colons.
  std::vector<std::string> master;
  std::vector<std::string> agent;
  std::vector<std::string> execute;
  std::string launcher;
  std::string libraries;

  // Of the verb "step" only.
  std::string caseName;
  int step;
  int resultFd;

  // Seconds for each step of a case, or for each thing that is waited for.
  int timeLimit;

  // How many cases run at a time.
  int jobs;
};

// Throws std::runtime_error that says what is wrong.
Options parseOptions(int argc, char** argv);

// Arguments from which another process of this program reads the same options.
std::vector<std::string> toArguments(const Options& options);

extern const char USAGE[];

} // namespace harness

#endif // MESOS_BUILDKIT_HARNESS_OPTIONS_HPP
