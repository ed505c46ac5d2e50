#include "agent.hpp"

#include <glob.h>
#include <stdio.h>

#include <algorithm>
#include <map>

#include "module_manager.hpp"
#include "programs.hpp"
#include "stand_in.hpp"
#include "text.hpp"
#include "volume_bench.hpp"

namespace harness {

namespace {

const std::size_t MOST_OUTPUT = 256 * 1024;
const int DRIVER_SECONDS = 10;

// What the scenario docker-volume asks for. No container path: the agent's plain launcher gives no
// container a mount namespace of its own.
const char VOLUME[] = "v1";
const char DRIVER[] = "rexray";

// In the master's log, before its address; in the agent's, and in that of mesos-execute.
const char LISTENS[] = " started on ";
const char REGISTERED[] = "Registered with master ";
const char STATUS_UPDATE[] = "Received status update ";
const char FINISHED[] = "Received status update TASK_FINISHED";


// An address and port, such as 127.0.0.1:5050; nothing as long as the master has not said it.
std::string addressIn(const std::string& log)
{
  const std::string::size_type found = log.find(LISTENS);
  if (found == std::string::npos) {
    return "";
  }
  const std::string::size_type begin = found + sizeof(LISTENS) - 1;
  const std::string::size_type end = log.find_first_not_of("0123456789.:", begin);
  // Without what follows, digits may still be on their way.
  return end == std::string::npos ? "" : log.substr(begin, end - begin);
}


// The last line that has `part` in it.
std::string lastLineWith(const std::string& part, const std::string& text)
{
  std::string last;
  for (const std::string& line : split(text, '\n')) {
    last = contains(line, part) ? line : last;
  }
  return last;
}


std::string jsonObject(const std::vector<Pair>& pairs)
{
  std::vector<std::string> entries;
  for (const Pair& pair : pairs) {
    entries.push_back(jsonText(pair.first) + ":" + jsonText(pair.second));
  }
  return "{" + join(entries, ",") + "}";
}


std::string shellQuoted(const std::string& text)
{
  return "'" + replaced(text, "'", "'\\''") + "'";
}


std::string listedCalls(const std::vector<std::string>& calls)
{
  return calls.empty() ? "no call" : join(calls, ", then ");
}


class Test
{
public:
  Test(const Options& options, Reporter* reporter)
    : options_(options),
      reporter_(reporter),
      isVolume_(options.scenario == "docker-volume"),
      master_("the master", options.work + "/master.log"),
      agent_("the agent", options.work + "/agent.log"),
      execute_("mesos-execute", options.work + "/execute.log")
  {}

  bool run()
  {
    Household household;
    std::string problem;
    try {
      drive(&household);
    } catch (const std::exception& error) {
      problem = error.what();
    }
    const std::string left = household.end({&execute_, &agent_, &master_});
    show();
    check(left.empty(), "nothing is left running", left);
    return problem.empty() || check(false, "the test runs to its end", problem);
  }

private:
  void drive(Household* household)
  {
    raiseLoopback();
    prepare();

    std::string why;
    start(&master_, options_.master);
    if (!check(
            household->wait(
                [this]() { return !addressIn(master_.output()).empty(); }, options_.timeLimit,
                {&master_}, &why),
            "the master starts", why)) {
      return;
    }
    address_ = addressIn(master_.output());

    start(&agent_, options_.agent);
    if (!check(
            household->wait(
                [this]() { return contains(agent_.output(), REGISTERED); }, options_.timeLimit,
                {&agent_, &master_}, &why),
            "the agent starts with the module", why)) {
      return;
    }

    start(&execute_, options_.execute);
    const bool ended = household->wait(
        [this]() { return !execute_.running(); }, options_.timeLimit, {&agent_, &master_}, &why);
    const std::string status = lastLineWith(STATUS_UPDATE, execute_.output());
    if (ended) {
      why = execute_.name() + " " + execute_.ending() + ": " +
            (status.empty() ? execute_.lastLine() : status + "; " + execute_.lastLine());
    } else if (!status.empty()) {
      why += "; " + status;
    }
    if (!check(ended && contains(execute_.output(), FINISHED), "a task runs to its end", why)) {
      return;
    }
    checkTask();
    checkVolumes(household);
    check(
        agent_.running() && master_.running(), "master and agent are still running",
        agent_.running() ? "the master " + master_.ending() : "the agent " + agent_.ending());
  }

  void prepare()
  {
    environment_ = filled(options_.environment, options_);
    Manifest manifest;
    manifest.file = options_.work + "/modules.json";
    manifest.library = options_.library;
    manifest.module = options_.symbol;
    if (isVolume_) {
      manifest.parameters = volumeParameters(options_, DRIVER_SECONDS);
      environment_ = {Pair(VOLUME_NAME, VOLUME), Pair(VOLUME_DRIVER, DRIVER)};
    }
    for (const Pair& parameter : filled(options_.parameters, options_)) {
      manifest.parameters.push_back(parameter);
    }
    manifest.write();
  }

  void start(Program* program, const std::vector<std::string>& words)
  {
    // For an installation that is not where it was built for.
    const Pair libraries("LD_LIBRARY_PATH", options_.libraries);
    // The task itself notes what it finds, so that its end is not the only sign of it.
    const std::string command =
      "{ cat " + shellQuoted(options_.work + "/stand-in/calls") + " > " +
      shellQuoted(callsAtTask()) + "; } 2>/dev/null; env > " + shellQuoted(taskFile());
    const std::map<std::string, std::string> values = {
      {"{work}", options_.work},
      {"{address}", address_},
      {"{modules}", options_.work + "/modules.json"},
      {"{module}", options_.symbol},
      {"{launcher}", options_.launcher},
      {"{variables}", jsonObject({libraries})},
      {"{command}", command},
      {"{environment}", jsonObject(environment_)},
    };
    std::vector<std::string> arguments;
    for (std::string word : words) {
      if (contains(word, "{environment}") && environment_.empty()) {
        continue;
      }
      for (const std::pair<const std::string, std::string>& value : values) {
        // What is filled in may look like a place to fill: only what stands in the word counts.
        const std::string::size_type at = word.find(value.first);
        if (at != std::string::npos) {
          word.replace(at, value.first.size(), value.second);
          break;
        }
      }
      arguments.push_back(word);
    }
    program->start(
        arguments,
        {
          {libraries.first, libraries.second},
          // A machine with many cores would exceed the number of processes that a step may have.
          {"LIBPROCESS_NUM_WORKER_THREADS", "8"},
        });
  }

  void checkTask()
  {
    const std::vector<std::string> found = split(readFile(taskFile()), '\n');
    std::vector<std::string> missing;
    for (const Pair& pair : environment_) {
      const std::string line = pair.first + "=" + pair.second;
      if (std::find(found.begin(), found.end(), line) == found.end()) {
        missing.push_back(line);
      }
    }
    check(
        exists(taskFile()) && missing.empty(), "the task has the environment it was given",
        exists(taskFile()) ? "it lacks " + join(missing, ", ") : "it never ran");
  }

  void checkVolumes(Household* household)
  {
    std::vector<std::string> before = split(readFile(callsAtTask()), '\n');
    before.pop_back();
    const std::vector<std::string> mounted = volumes(before, "mount");
    if (isVolume_) {
      const std::string expected =
        std::string("--volumedriver=") + DRIVER + " --volumename=" + VOLUME;
      check(
          before.size() == 1 && mounted == std::vector<std::string>(1, expected),
          "the volume is mounted when the task runs",
          "when it ran there was " + listedCalls(before) + "; expected one mount of " + expected,
          listedCalls(before));
    } else if (!exists(standIn(options_))) {
      return; // nothing that it could be seen by
    } else {
      check(
          !mounted.empty(), "what the environment asks for is mounted when the task runs",
          "when it ran there was " + listedCalls(before), listedCalls(before));
    }

    std::string why;
    const bool gone = household->wait(
        [this, &mounted]() { return stillMounted(mounted).empty(); }, options_.timeLimit,
        {&agent_, &master_}, &why);
    const std::vector<std::string> left = stillMounted(mounted);
    const std::vector<std::string> after = standInCalls(options_);
    check(
        left.empty(), "it is unmounted when the task has ended",
        "still mounted: " + join(left, ", ") + (gone ? "" : "; " + why), listedCalls(after));
    if (isVolume_ && left.empty()) {
      check(
          after.size() == 2, "it is mounted and unmounted once",
          "there was " + listedCalls(after));
    }
  }

  std::vector<std::string> stillMounted(std::vector<std::string> mounted) const
  {
    for (const std::string& volume : volumes(standInCalls(options_), "unmount")) {
      mounted.erase(std::remove(mounted.begin(), mounted.end(), volume), mounted.end());
    }
    return mounted;
  }

  std::string taskFile() const { return options_.work + "/task"; }
  std::string callsAtTask() const { return options_.work + "/calls-at-task"; }

  bool check(
      bool ok, const std::string& name, const std::string& why, const std::string& found = "")
  {
    Check made;
    made.name = name;
    made.ok = ok;
    made.detail = ok ? found : why;
    reporter_->add(made);
    return ok;
  }

  // What all of them said, for the log of whoever looks at it.
  void show() const
  {
    for (const Program* program : {&master_, &agent_, &execute_}) {
      showOutput(program->name(), program->output());
    }
    glob_t found;
    const std::string runs =
      options_.work + "/agent/slaves/*/frameworks/*/executors/*/runs/[!l]*/std*";
    if (::glob(runs.c_str(), 0, nullptr, &found) == 0) {
      for (std::size_t i = 0; i < found.gl_pathc; ++i) {
        const std::string path = found.gl_pathv[i];
        showOutput("the executor's " + path.substr(path.rfind('/') + 1), readFile(path));
      }
    }
    ::globfree(&found);
  }

  static void showOutput(const std::string& whose, const std::string& text)
  {
    const std::size_t start = text.size() > MOST_OUTPUT ? text.size() - MOST_OUTPUT : 0;
    std::vector<std::string> lines = split(text.substr(start), '\n');
    if (lines.back().empty()) {
      lines.pop_back();
    }
    ::printf("--- output of %s\n", whose.c_str());
    for (const std::string& line : lines) {
      // Marked, so that no line of it can be taken for one of ours.
      ::printf("| %s\n", line.c_str());
    }
    ::fflush(stdout);
  }

  const Options options_;
  Reporter* const reporter_;
  const bool isVolume_;
  Program master_;
  Program agent_;
  Program execute_;
  std::string address_;
  std::vector<Pair> environment_;
};

} // namespace


bool runAgent(const Options& options, Reporter* reporter)
{
  return Test(options, reporter).run();
}

} // namespace harness
