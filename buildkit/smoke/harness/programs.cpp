#include "programs.hpp"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glob.h>

#include <stdexcept>

#include "child.hpp"
#include "text.hpp"

namespace harness {

namespace {

const useconds_t POLL_MICROSECONDS = 20 * 1000;
const int ENDING_SECONDS = 3;
const int KILLING_SECONDS = 10;

volatile sig_atomic_t interrupted = 0;


void noteInterrupt(int)
{
  interrupted = 1;
}


// Parents of all processes, as far as they can be seen.
std::map<pid_t, pid_t> parents()
{
  std::map<pid_t, pid_t> result;
  glob_t found;
  if (::glob("/proc/[0-9]*/stat", 0, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
      const std::string path = found.gl_pathv[i];
      const std::string text = readFile(path);
      // The command's name, in brackets, may hold blanks and brackets itself.
      const std::string::size_type end = text.rfind(')');
      if (end == std::string::npos) {
        continue;
      }
      const std::vector<std::string> fields = split(text.substr(end + 1), ' ');
      if (fields.size() > 2 && fields[1] != "Z") {
        result[::atoi(path.c_str() + sizeof("/proc/") - 1)] = ::atoi(fields[2].c_str());
      }
    }
  }
  ::globfree(&found);
  return result;
}


// What is ended and nobody's child any more, as process 1 would. Programs keep their endings.
void reapOrphans(const std::vector<Program*>& programs)
{
  for (;;) {
    siginfo_t one;
    one.si_pid = 0;
    if (::waitid(P_ALL, 0, &one, WEXITED | WNOHANG | WNOWAIT) != 0 || one.si_pid == 0) {
      return;
    }
    for (const Program* program : programs) {
      if (program->is(one.si_pid)) {
        return;
      }
    }
    ::waitpid(one.si_pid, nullptr, 0);
  }
}


std::vector<pid_t> descendants()
{
  const std::map<pid_t, pid_t> all = parents();
  std::vector<pid_t> result(1, ::getpid());
  for (std::size_t i = 0; i < result.size(); ++i) {
    for (const std::pair<const pid_t, pid_t>& one : all) {
      if (one.second == result[i]) {
        result.push_back(one.first);
      }
    }
  }
  result.erase(result.begin());
  return result;
}

} // namespace


Program::Program(const std::string& name, const std::string& log) : name_(name), log_(log), pid_(-1)
{}


void Program::start(
    const std::vector<std::string>& arguments, const std::map<std::string, std::string>& variables)
{
  std::vector<std::string> words = arguments;
  std::vector<char*> argv;
  for (std::string& word : words) {
    argv.push_back(&word[0]);
  }
  argv.push_back(nullptr);

  pid_ = ::fork();
  if (pid_ == 0) {
    // In case this process is killed and can end nothing any more.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::setpgid(0, 0);
    const int input = ::open("/dev/null", O_RDONLY);
    const int log = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::dup2(input, STDIN_FILENO);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::close(input);
    ::close(log);
    for (const std::pair<const std::string, std::string>& one : variables) {
      ::setenv(one.first.c_str(), one.second.c_str(), 1);
    }
    ::execv(argv[0], argv.data());
    ::perror(argv[0]);
    ::_exit(127);
  }
  if (pid_ < 0) {
    throw std::runtime_error(std::string("cannot start a process: ") + ::strerror(errno));
  }
}


std::string Program::output() const
{
  return readFile(log_);
}


std::string Program::lastLine() const
{
  std::string last;
  for (const std::string& line : split(output(), '\n')) {
    last = line.empty() ? last : line;
  }
  return last;
}


bool Program::running()
{
  return pid_ > 0 && ending().empty();
}


std::string Program::ending()
{
  int status = 0;
  if (pid_ > 0 && ending_.empty() && ::waitpid(pid_, &status, WNOHANG) == pid_) {
    ending_ = WIFSIGNALED(status) ? howItEnded(status)
                                  : "exited with " + std::to_string(WEXITSTATUS(status));
  }
  return ending_;
}


void Program::signal(int number)
{
  // Once waited for, its number may be another's.
  if (running()) {
    ::kill(pid_, number);
  }
}


Household::Household()
{
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  struct sigaction action;
  ::memset(&action, 0, sizeof(action));
  action.sa_handler = noteInterrupt;
  for (int number : {SIGTERM, SIGINT, SIGHUP}) {
    ::sigaction(number, &action, nullptr);
  }
}


Household::~Household()
{
  end({});
}


bool Household::wait(
    const std::function<bool()>& come, int seconds, const std::vector<Program*>& programs,
    std::string* why)
{
  const double until = now() + seconds;
  for (;;) {
    // Before the look at what it has written: afterwards it writes no more.
    std::string ended;
    for (Program* program : programs) {
      if (ended.empty() && !program->running()) {
        ended = program->name() + " " + program->ending() + ": " + program->lastLine();
      }
    }
    if (come()) {
      return true;
    }
    if (interrupted) {
      throw Interrupted();
    }
    if (!ended.empty()) {
      *why = ended;
      return false;
    }
    if (now() > until) {
      *why = "not within " + std::to_string(seconds) + " s";
      return false;
    }
    reapOrphans(programs);
    ::usleep(POLL_MICROSECONDS);
  }
}


std::string Household::end(const std::vector<Program*>& programs)
{
  for (Program* program : programs) {
    program->signal(SIGTERM);
  }
  const double patience = now() + ENDING_SECONDS;
  bool waiting = true;
  while (waiting && now() < patience) {
    waiting = false;
    for (Program* program : programs) {
      waiting = program->running() || waiting;
    }
    ::usleep(waiting ? POLL_MICROSECONDS : 0);
  }

  // Others may be started while these are looked for, hence more than one round.
  const double until = now() + KILLING_SECONDS;
  for (;;) {
    const std::vector<pid_t> left = descendants();
    for (pid_t pid : left) {
      ::kill(pid, SIGKILL);
    }
    // The programs keep their own endings.
    for (Program* program : programs) {
      program->ending();
    }
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (left.empty()) {
      return "";
    }
    if (now() > until) {
      return std::to_string(left.size()) + " that SIGKILL does not end, such as process " +
             std::to_string(left.front());
    }
    ::usleep(POLL_MICROSECONDS);
  }
}


void raiseLoopback()
{
  struct ifreq request;
  ::memset(&request, 0, sizeof(request));
  ::strcpy(request.ifr_name, "lo");
  const int any = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bool good = any >= 0 && ::ioctl(any, SIOCGIFFLAGS, &request) == 0;
  if (good && (request.ifr_flags & IFF_UP) == 0) {
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    good = ::ioctl(any, SIOCSIFFLAGS, &request) == 0;
  }
  const int reason = errno;
  ::close(any);
  if (!good) {
    throw std::runtime_error(std::string("no loopback interface: ") + ::strerror(reason));
  }
}

} // namespace harness
