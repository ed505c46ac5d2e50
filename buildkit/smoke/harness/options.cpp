#include "options.hpp"

#include <stdlib.h>

#include <stdexcept>

namespace harness {

const char USAGE[] =
  "usage: harness load --library FILE --symbol NAME --kind KIND --work DIRECTORY --report FILE\n"
  "                    [--neighbour VERSION ...] [--neighbour-library FILE ...]\n"
  "                    [--time-limit SECONDS]\n"
  "       harness run  --library FILE --symbol NAME --scenario lifecycle|docker-volume\n"
  "                    --stand-in FILE --work DIRECTORY --report FILE\n"
  "                    [--parameter KEY=VALUE ...] [--environment NAME=VALUE ...]\n"
  "                    [--time-limit SECONDS] [--jobs N]\n"
  "       harness agent --library FILE --symbol NAME --scenario lifecycle|docker-volume\n"
  "                    --stand-in FILE --work DIRECTORY --report FILE\n"
  "                    --master WORD ... --agent WORD ... --execute WORD ...\n"
  "                    --launcher DIRECTORY --libraries DIRECTORY[:DIRECTORY...]\n"
  "                    [--parameter KEY=VALUE ...] [--environment NAME=VALUE ...]\n"
  "                    [--time-limit SECONDS]\n"
  "In the value of a parameter or variable {work} is the case's folder, {stand-in} the stand-in's\n"
  "copy in it. The WORDs are the commands that start Mesos's programs, each with its arguments; in\n"
  "them {work}, {address}, {modules}, {module}, {launcher}, {variables}, {command} and\n"
  "{environment} are filled in as agent.cpp has it.\n";

namespace {

struct Text
{
  const char* name;
  std::string Options::*field;
};

struct Number
{
  const char* name;
  int Options::*field;
};

struct List
{
  const char* name;
  std::vector<std::string> Options::*field;
};

struct Pairs
{
  const char* name;
  std::vector<Pair> Options::*field;
};

const Text TEXTS[] = {
  {"--library", &Options::library},
  {"--symbol", &Options::symbol},
  {"--kind", &Options::kind},
  {"--report", &Options::report},
  {"--scenario", &Options::scenario},
  {"--stand-in", &Options::standIn},
  {"--work", &Options::work},
  {"--case", &Options::caseName},
  {"--launcher", &Options::launcher},
  {"--libraries", &Options::libraries},
};

const Number NUMBERS[] = {
  {"--step", &Options::step},
  {"--result-fd", &Options::resultFd},
  {"--time-limit", &Options::timeLimit},
  {"--jobs", &Options::jobs},
};

const List LISTS[] = {
  {"--neighbour", &Options::neighbours},
  {"--neighbour-library", &Options::neighbourLibraries},
  {"--master", &Options::master},
  {"--agent", &Options::agent},
  {"--execute", &Options::execute},
};

const Pairs PAIRS[] = {
  {"--parameter", &Options::parameters},
  {"--environment", &Options::environment},
};


bool store(Options* options, const std::string& name, const std::string& value)
{
  for (const Text& row : TEXTS) {
    if (name == row.name) {
      options->*row.field = value;
      return true;
    }
  }
  for (const Number& row : NUMBERS) {
    if (name == row.name) {
      char* end = nullptr;
      const long number = ::strtol(value.c_str(), &end, 10);
      if (value.empty() || *end != '\0' || number < 0 || number > 100000) {
        throw std::runtime_error(name + ": '" + value + "' is not a number");
      }
      options->*row.field = static_cast<int>(number);
      return true;
    }
  }
  for (const Pairs& row : PAIRS) {
    if (name == row.name) {
      const std::string::size_type equals = value.find('=');
      if (equals == std::string::npos || equals == 0) {
        throw std::runtime_error(name + ": '" + value + "' is not of the form KEY=VALUE");
      }
      (options->*row.field).push_back(Pair(value.substr(0, equals), value.substr(equals + 1)));
      return true;
    }
  }
  for (const List& row : LISTS) {
    if (name == row.name) {
      (options->*row.field).push_back(value);
      return true;
    }
  }
  return false;
}


template <typename T>
void require(const T& value, const char* name)
{
  if (value.empty()) {
    throw std::runtime_error(std::string(name) + " is missing");
  }
}

} // namespace


Options parseOptions(int argc, char** argv)
{
  Options options;
  if (argc < 2) {
    throw std::runtime_error("no verb; expected load, run or agent");
  }
  options.verb = argv[1];
  if (options.verb != "load" && options.verb != "run" && options.verb != "agent" &&
      options.verb != "step") {
    throw std::runtime_error("'" + options.verb + "' is not a verb; expected load, run or agent");
  }
  for (int i = 2; i < argc; i += 2) {
    if (i + 1 == argc) {
      throw std::runtime_error(std::string(argv[i]) + " needs a value");
    }
    if (!store(&options, argv[i], argv[i + 1])) {
      throw std::runtime_error(std::string(argv[i]) + " is not an option");
    }
  }

  require(options.library, "--library");
  require(options.symbol, "--symbol");
  if (options.verb == "load") {
    require(options.kind, "--kind");
    require(options.work, "--work");
    require(options.report, "--report");
  }
  if (options.verb == "run") {
    require(options.scenario, "--scenario");
    require(options.work, "--work");
    require(options.report, "--report");
    if (options.scenario == "docker-volume") {
      require(options.standIn, "--stand-in");
    }
  }
  if (options.verb == "agent") {
    require(options.scenario, "--scenario");
    require(options.work, "--work");
    require(options.report, "--report");
    require(options.standIn, "--stand-in");
    require(options.master, "--master");
    require(options.agent, "--agent");
    require(options.execute, "--execute");
    require(options.launcher, "--launcher");
  }
  return options;
}


std::vector<std::string> toArguments(const Options& options)
{
  std::vector<std::string> arguments(1, options.verb);
  for (const Text& row : TEXTS) {
    if (!(options.*row.field).empty()) {
      arguments.push_back(row.name);
      arguments.push_back(options.*row.field);
    }
  }
  for (const Number& row : NUMBERS) {
    if (options.*row.field >= 0) {
      arguments.push_back(row.name);
      arguments.push_back(std::to_string(options.*row.field));
    }
  }
  for (const Pairs& row : PAIRS) {
    for (const Pair& pair : options.*row.field) {
      arguments.push_back(row.name);
      arguments.push_back(pair.first + "=" + pair.second);
    }
  }
  for (const List& row : LISTS) {
    for (const std::string& value : options.*row.field) {
      arguments.push_back(row.name);
      arguments.push_back(value);
    }
  }
  return arguments;
}

} // namespace harness
