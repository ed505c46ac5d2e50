// Programs that run beside each other and start others: started, watched, and ended with all of
// them, whatever these do.

#ifndef MESOS_BUILDKIT_HARNESS_PROGRAMS_HPP
#define MESOS_BUILDKIT_HARNESS_PROGRAMS_HPP

#include <sys/types.h>

#include <exception>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace harness {

// Ended by a signal that asked for it.
class Interrupted : public std::exception
{
public:
  const char* what() const noexcept override { return "interrupted"; }
};


class Program
{
public:
  // Output goes to the file `log`.
  Program(const std::string& name, const std::string& log);

  // Throws std::runtime_error if there can be no process. What cannot be run exits with 127.
  void start(
      const std::vector<std::string>& arguments, const std::map<std::string, std::string>& variables);

  const std::string& name() const { return name_; }
  std::string output() const;
  // The last line of it that is not empty.
  std::string lastLine() const;

  bool is(pid_t pid) const { return pid == pid_; }
  bool running();
  // "exited with 1"; empty while it runs.
  std::string ending();

  void signal(int number);

private:
  const std::string name_;
  const std::string log_;
  pid_t pid_;
  std::string ending_;
};


// Everything that is started while it lives. Only one at a time.
class Household
{
public:
  // From here on this process inherits what its children leave behind.
  Household();

  // Ends what is left, patiently at first. See end().
  ~Household();

  // Waits until `come` is true. False if one of the programs, which are all that run, ends before,
  // or it takes longer than `seconds`; `why` then says which. Throws Interrupted.
  bool wait(
      const std::function<bool()>& come, int seconds, const std::vector<Program*>& programs,
      std::string* why);

  // Asks the programs to end, in their order, waits a moment, and kills all that is left, also what
  // made itself a session of its own. Returns what could not be killed, in words.
  std::string end(const std::vector<Program*>& programs);
};

// Makes the loopback interface of a network namespace of one's own usable; elsewhere it is.
// Throws std::runtime_error if that may not be done.
void raiseLoopback();

} // namespace harness

#endif // MESOS_BUILDKIT_HARNESS_PROGRAMS_HPP
