#include "command.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "error.hpp"
#include "text.hpp"

extern char** environ;

namespace mesos_buildkit {
namespace dockervolume {

namespace {

typedef std::chrono::steady_clock Clock;

const std::size_t OUTPUT_LIMIT = 64 * 1024;
const std::size_t ERROR_TAIL = 2 * 1024;

// How long a group has between SIGTERM and SIGKILL, and how long SIGKILL is waited for.
const std::chrono::milliseconds TERM_GRACE(1000);
const std::chrono::milliseconds KILL_GRACE(5000);

// The end of a process is looked for at least this often. Its pipes usually tell sooner.
const std::chrono::milliseconds SLICE(20);


class Descriptor
{
public:
  Descriptor() : fd_(-1) {}
  ~Descriptor() { reset(-1); }

  int get() const { return fd_; }
  bool isOpen() const { return fd_ >= 0; }

  void reset(int fd)
  {
    if (fd_ >= 0) {
      ::close(fd_);
    }
    fd_ = fd;
  }

private:
  Descriptor(const Descriptor&);
  Descriptor& operator=(const Descriptor&);

  int fd_;
};


Error systemError(const std::string& what, int code)
{
  return Error(what + ": " + errnoText(code));
}


// A daemon may run with 0, 1 and 2 closed. A pipe that landed there would be clobbered by the
// child's redirections, so it is moved out of the way.
void keepAboveStandard(Descriptor* descriptor)
{
  if (descriptor->get() > STDERR_FILENO) {
    return;
  }
  const int moved = ::fcntl(descriptor->get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (moved < 0) {
    throw systemError("cannot duplicate a pipe", errno);
  }
  descriptor->reset(moved);
}


struct Pipe
{
  Pipe()
  {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) {
      throw systemError("cannot make a pipe", errno);
    }
    reader.reset(ends[0]);
    writer.reset(ends[1]);
    keepAboveStandard(&reader);
    keepAboveStandard(&writer);
    if (::fcntl(reader.get(), F_SETFL, O_NONBLOCK) != 0) {
      throw systemError("cannot set up a pipe", errno);
    }
  }

  Descriptor reader;
  Descriptor writer;
};


class SpawnActions
{
public:
  SpawnActions() { check(::posix_spawn_file_actions_init(&actions_)); }
  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&actions_); }

  void open(int fd, const char* path, int flags)
  {
    check(::posix_spawn_file_actions_addopen(&actions_, fd, path, flags, 0));
  }

  void duplicate(int from, int to)
  {
    check(::posix_spawn_file_actions_adddup2(&actions_, from, to));
  }

  const posix_spawn_file_actions_t* get() const { return &actions_; }

private:
  SpawnActions(const SpawnActions&);
  SpawnActions& operator=(const SpawnActions&);

  static void check(int code)
  {
    if (code != 0) {
      throw systemError("cannot set up a child process", code);
    }
  }

  posix_spawn_file_actions_t actions_;
};


// An agent ignores and blocks signals for itself; a child that inherits this cannot even be
// terminated politely.
class SpawnAttributes
{
public:
  SpawnAttributes()
  {
    if (const int code = ::posix_spawnattr_init(&attributes_)) {
      throw systemError("cannot set up a child process", code);
    }
    sigset_t all;
    sigset_t none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    // With these arguments none of them can fail.
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(
        &attributes_,
        POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  }

  ~SpawnAttributes() { ::posix_spawnattr_destroy(&attributes_); }

  const posix_spawnattr_t* get() const { return &attributes_; }

private:
  SpawnAttributes(const SpawnAttributes&);
  SpawnAttributes& operator=(const SpawnAttributes&);

  posix_spawnattr_t attributes_;
};


pid_t spawn(const std::vector<std::string>& argv, const Pipe& output, const Pipe& errors)
{
  SpawnActions actions;
  actions.open(STDIN_FILENO, "/dev/null", O_RDONLY);
  actions.duplicate(output.writer.get(), STDOUT_FILENO);
  actions.duplicate(errors.writer.get(), STDERR_FILENO);
  const SpawnAttributes attributes;

  std::vector<char*> arguments;
  for (const std::string& argument : argv) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);

  pid_t pid = 0;
  const int code = ::posix_spawn(
      &pid, argv[0].c_str(), actions.get(), attributes.get(), arguments.data(), environ);
  if (code != 0) {
    throw systemError("cannot run " + shown(argv[0]), code);
  }
  return pid;
}


// Collects what is there to read; closes the pipe at its end.
void drain(Descriptor* reader, std::string* text)
{
  char buffer[4096];
  while (reader->isOpen()) {
    const ssize_t count = ::read(reader->get(), buffer, sizeof(buffer));
    if (count > 0) {
      text->append(buffer, static_cast<std::size_t>(count));
      return;
    }
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count == 0 || errno != EAGAIN) {
      reader->reset(-1);
    }
    return;
  }
}


class Capture
{
public:
  Capture() : tooLong_(false) {}

  Pipe output;
  Pipe errors;

  // Waits for something to read, for `patience` at most, and reads it.
  void pump(std::chrono::milliseconds patience)
  {
    pollfd entries[2];
    nfds_t count = 0;
    for (const Descriptor* reader : {&output.reader, &errors.reader}) {
      if (reader->isOpen()) {
        entries[count].fd = reader->get();
        entries[count].events = POLLIN;
        entries[count].revents = 0;
        ++count;
      }
    }
    // Without a descriptor this is a sleep, as wanted.
    ::poll(entries, count, static_cast<int>(patience.count()));
    readBoth();
  }

  // What the ended process left in the pipes: they hold 64 KiB unless somebody enlarged them, and
  // a process of the background may keep writing, so there is an end to this.
  void finish()
  {
    for (int i = 0; i < 64; ++i) {
      readBoth();
    }
  }

  void moveTo(CommandResult* result)
  {
    result->output.swap(output_);
    result->outputTooLong = tooLong_;
    result->errorTail.swap(errors_);
  }

private:
  void readBoth()
  {
    drain(&output.reader, &output_);
    if (output_.size() > OUTPUT_LIMIT) {
      output_.resize(OUTPUT_LIMIT);
      tooLong_ = true;
    }
    drain(&errors.reader, &errors_);
    if (errors_.size() > ERROR_TAIL) {
      errors_.erase(0, errors_.size() - ERROR_TAIL);
    }
  }

  std::string output_;
  std::string errors_;
  bool tooLong_;
};


enum Condition { RUNNING, ENDED, UNKNOWN };


// Looks without collecting: until the leader is collected, its number, which is the group's, cannot
// be given to another process, so the group can still be killed safely.
Condition look(pid_t pid)
{
  siginfo_t info;
  info.si_pid = 0;
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
    if (errno != EINTR) {
      return UNKNOWN;
    }
  }
  return info.si_pid == 0 ? RUNNING : ENDED;
}


Condition waitUntil(pid_t pid, Clock::time_point deadline, Capture* capture)
{
  for (;;) {
    const Condition condition = look(pid);
    if (condition != RUNNING) {
      return condition;
    }
    const Clock::time_point now = Clock::now();
    if (now >= deadline) {
      return RUNNING;
    }
    const std::chrono::milliseconds left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now);
    // One more, since the cast rounds down and a zero would spin.
    capture->pump(std::min(SLICE, left + std::chrono::milliseconds(1)));
  }
}


// Whether it could be collected now; `status` as waitpid gives it.
bool collect(pid_t pid, int* status)
{
  pid_t collected;
  do {
    collected = ::waitpid(pid, status, WNOHANG);
  } while (collected < 0 && errno == EINTR);
  return collected == pid;
}

} // namespace


std::string CommandResult::describe() const
{
  std::string text;
  switch (ending) {
    case EXITED: text = "exited with " + std::to_string(status); break;
    case SIGNALED: text = "was ended by signal " + std::to_string(status); break;
    case TIMED_OUT: text = "did not end in time and was killed"; break;
    case LOST: text = "ended, but its exit status was taken by somebody else"; break;
  }
  if (outputTooLong) {
    text += " and wrote more than 64 KiB to standard output";
  }
  const std::string::size_type last = errorTail.find_last_not_of(" \t\r\n");
  if (last == std::string::npos) {
    return text + ", with nothing on standard error";
  }
  // The end is where programs say what went wrong.
  const std::string trimmed = errorTail.substr(0, last + 1);
  return text + ": " + shown(trimmed.size() > 200 ? trimmed.substr(trimmed.size() - 200) : trimmed);
}


CommandResult CommandRunner::run(
    const std::vector<std::string>& argv,
    std::chrono::seconds timeout)
{
  reapLeftovers();

  const Clock::time_point deadline = Clock::now() + timeout;
  Capture capture;
  const pid_t pid = spawn(argv, capture.output, capture.errors);
  capture.output.writer.reset(-1);
  capture.errors.writer.reset(-1);

  Condition condition = waitUntil(pid, deadline, &capture);
  const bool late = condition == RUNNING;
  if (late) {
    ::kill(-pid, SIGTERM);
    waitUntil(pid, Clock::now() + TERM_GRACE, &capture);
    // In any case: its children may not have heeded SIGTERM.
    ::kill(-pid, SIGKILL);
    condition = waitUntil(pid, Clock::now() + KILL_GRACE, &capture);
  }
  capture.finish();

  CommandResult result;
  result.ending = CommandResult::LOST;
  result.status = 0;
  capture.moveTo(&result);

  int status = 0;
  if (condition == RUNNING) {
    leftovers_.push_back(pid);
  } else if (collect(pid, &status)) {
    result.ending = WIFEXITED(status) ? CommandResult::EXITED : CommandResult::SIGNALED;
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
  }
  if (late) {
    result.ending = CommandResult::TIMED_OUT;
  }
  return result;
}


void CommandRunner::reapLeftovers()
{
  std::vector<pid_t> alive;
  for (pid_t pid : leftovers_) {
    int status;
    if (!collect(pid, &status) && look(pid) == RUNNING) {
      alive.push_back(pid);
    }
  }
  leftovers_.swap(alive);
}

} // namespace dockervolume
} // namespace mesos_buildkit
