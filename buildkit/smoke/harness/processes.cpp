// Starts the steps of cases as processes, with a limit in time, and collects what they report.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cases.hpp"
#include "child.hpp"
#include "text.hpp"

namespace harness {

namespace {

// Sent by a step as its last check; never published.
const char STEP_ENDED[] = "step ended";
const std::size_t LOG_TAIL = 2000;


std::string ownPath()
{
  char path[4096];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof(path));
  if (length <= 0 || length == static_cast<ssize_t>(sizeof(path))) {
    throw std::runtime_error("cannot find this program through /proc/self/exe");
  }
  return std::string(path, static_cast<std::size_t>(length));
}


std::string folderName(const std::string& caseName)
{
  return replaced(caseName, " ", "-");
}


// One case on its way: its current step's process, and what all its steps reported.
class Running
{
public:
  Running(const Case& what, const Options& options)
    : case_(what), options_(options), step_(0), pid_(-1), pipe_(-1), deadline_(0),
      timedOut_(false), stepEnded_(false), whole_(false)
  {
    options_.verb = "step";
    options_.caseName = what.name;
    options_.work = options.work + "/" + folderName(what.name);
    makeDirectories(options_.work);
    log_ = options_.work + "/output";
  }

  void start()
  {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
      throw std::runtime_error(std::string("cannot make a pipe: ") + ::strerror(errno));
    }
    options_.step = step_;
    options_.resultFd = ends[1];
    std::vector<std::string> arguments = toArguments(options_);
    arguments.insert(arguments.begin(), ownPath());
    std::vector<char*> argv;
    for (std::string& argument : arguments) {
      argv.push_back(&argument[0]);
    }
    argv.push_back(nullptr);

    pid_ = ::fork();
    if (pid_ == 0) {
      ::setpgid(0, 0);
      ::fcntl(ends[1], F_SETFD, 0);
      // The module's own output must not look like a check.
      const int log = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
      ::dup2(log, STDOUT_FILENO);
      ::dup2(log, STDERR_FILENO);
      ::close(log);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    if (pid_ < 0) {
      ::close(ends[0]);
      throw std::runtime_error(std::string("cannot start a process: ") + ::strerror(errno));
    }
    ::setpgid(pid_, pid_); // in the child too: whoever comes first
    pipe_ = ends[0];
    timedOut_ = false;
    stepEnded_ = false;
    deadline_ = now() + options_.timeLimit;
  }

  // Reads what is there; true once the step's process is gone.
  bool finished()
  {
    char buffer[4096];
    const ssize_t count = ::read(pipe_, buffer, sizeof(buffer));
    if (count > 0) {
      bytes_.append(buffer, static_cast<std::size_t>(count));
      return false;
    }
    return count == 0;
  }

  int pipe() const { return pipe_; }
  double deadline() const { return deadline_; }

  void stopLate()
  {
    timedOut_ = true;
    ::kill(-pid_, SIGKILL);
  }

  // Collects the ended process. Returns whether another step is to be started.
  bool next()
  {
    ::close(pipe_);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    ::kill(-pid_, SIGKILL); // whatever the step left running in its own group

    for (const Check& check : takeChecks(&bytes_)) {
      if (check.name == STEP_ENDED) {
        stepEnded_ = true;
        whole_ = check.ok;
      } else {
        Check named = check;
        named.name = case_.name + ": " + check.name;
        checks_.push_back(named);
      }
    }

    const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && !timedOut_;
    const bool expectedKill = case_.killsItself && step_ == 0;
    if (expectedKill ? !killed : !stepEnded_) {
      whole_ = false;
      addEnd(status);
      return false;
    }
    if (expectedKill) {
      whole_ = true;
    }
    ++step_;
    return whole_ && step_ < static_cast<int>(case_.steps.size());
  }

  bool whole() const { return whole_ && step_ == static_cast<int>(case_.steps.size()); }
  const std::vector<Check>& checks() const { return checks_; }

  void showLog() const
  {
    const std::string text = readFile(log_);
    if (!text.empty()) {
      const std::size_t start = text.size() > LOG_TAIL ? text.size() - LOG_TAIL : 0;
      ::fprintf(
          stderr, "--- output of '%s'\n%s\n", case_.name.c_str(), text.substr(start).c_str());
    }
  }

private:
  // Says how a step ended that ended before its time.
  void addEnd(int status)
  {
    std::string how;
    if (timedOut_) {
      how = "still running after " + std::to_string(options_.timeLimit) + " s, killed";
    } else {
      how = howItEnded(status);
    }
    how += checks_.empty() ? ", before its first check"
                           : ", after the check '" + checks_.back().name + "'";
    Check check;
    check.name = case_.name + ": runs to its end";
    check.ok = false;
    check.detail = how;
    checks_.push_back(check);
  }

  const Case case_;
  Options options_;
  std::string log_;
  int step_;
  pid_t pid_;
  int pipe_;
  double deadline_;
  bool timedOut_;
  bool stepEnded_;
  bool whole_;
  std::string bytes_;
  std::vector<Check> checks_;
};

} // namespace


bool runCases(const std::vector<Case>& cases, const Options& options, Reporter* reporter)
{
  std::vector<Running> all;
  for (const Case& one : cases) {
    all.push_back(Running(one, options));
  }

  std::vector<Running*> active;
  std::vector<bool> done(all.size(), false);
  std::size_t started = 0;
  std::size_t reported = 0;
  bool whole = true;

  while (reported < all.size()) {
    while (started < all.size() && static_cast<int>(active.size()) < options.jobs) {
      all[started].start();
      active.push_back(&all[started]);
      ++started;
    }

    std::vector<struct pollfd> waits;
    double next = active.front()->deadline();
    for (Running* one : active) {
      struct pollfd wait = {one->pipe(), POLLIN, 0};
      waits.push_back(wait);
      next = one->deadline() < next ? one->deadline() : next;
    }
    const double left = (next - now()) * 1000;
    ::poll(waits.data(), waits.size(), left > 0 ? static_cast<int>(left) + 1 : 0);

    std::vector<Running*> still;
    for (std::size_t i = 0; i < active.size(); ++i) {
      Running* one = active[i];
      bool ended = waits[i].revents != 0 && one->finished();
      if (!ended && now() >= one->deadline()) {
        one->stopLate();
        ended = true;
      }
      if (ended && one->next()) {
        one->start();
        ended = false;
      }
      if (ended) {
        done[static_cast<std::size_t>(one - all.data())] = true;
      } else {
        still.push_back(one);
      }
    }
    active.swap(still);

    for (; reported < all.size() && done[reported]; ++reported) {
      bool good = all[reported].whole();
      whole = whole && good;
      for (const Check& check : all[reported].checks()) {
        good = good && check.ok;
        reporter->add(check);
      }
      if (!good) {
        all[reported].showLog();
      }
    }
  }
  return whole;
}


int runStep(const std::vector<Case>& cases, const Options& options)
{
  ::fcntl(options.resultFd, F_SETFD, FD_CLOEXEC);
  Recorder recorder(options.resultFd);
  for (const Case& one : cases) {
    if (one.name != options.caseName) {
      continue;
    }
    bool good = true;
    try {
      one.steps.at(static_cast<std::size_t>(options.step))(options, recorder);
    } catch (const CaseFailed&) {
      good = false;
    } catch (const std::exception& error) {
      good = recorder.check(false, "throws nothing", error.what());
    } catch (...) {
      good = recorder.check(false, "throws nothing", "an exception that is no std::exception");
    }
    recorder.check(good, STEP_ENDED);
    // Not through exit(): a module's destructors of static objects are the agent's worry, not ours.
    ::fflush(nullptr);
    ::_exit(0);
  }
  return 2;
}

} // namespace harness
