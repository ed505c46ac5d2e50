// What was checked: written by the process of a case, read and published by the first process.

#ifndef MESOS_BUILDKIT_HARNESS_REPORT_HPP
#define MESOS_BUILDKIT_HARNESS_REPORT_HPP

#include <stdio.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace harness {

struct Check
{
  std::string name;
  bool ok;
  std::string detail;
};


// Ends a case at once: what follows would only fail for the same reason.
class CaseFailed : public std::runtime_error
{
public:
  explicit CaseFailed(const std::string& name) : std::runtime_error(name) {}
};


// In the process of a case: sends each check out at once, so that a crash loses none.
class Recorder
{
public:
  explicit Recorder(int descriptor) : descriptor_(descriptor) {}

  // `why` is the detail of a failed check, `found` of a good one.
  bool check(
      bool ok, const std::string& name, const std::string& why = "",
      const std::string& found = "");

  // The same, and ends the case if it failed.
  void require(bool ok, const std::string& name, const std::string& why = "");

  // The two texts must be the same.
  bool equal(const std::string& found, const std::string& expected, const std::string& name);

private:
  const int descriptor_;
};


// In the first process: the inverse of Recorder, for what a pipe gave so far. Takes whole checks
// off the front of `bytes`.
std::vector<Check> takeChecks(std::string* bytes);


// Prints checks and writes the report, line by line, so that it is right up to where it ends.
class Reporter
{
public:
  // Throws std::runtime_error if the report cannot be written.
  Reporter(const std::string& level, const std::string& path);
  ~Reporter();

  void add(const Check& check);
  bool good() const { return good_; }
  int count() const { return count_; }

private:
  Reporter(const Reporter&);
  Reporter& operator=(const Reporter&);

  const std::string level_;
  FILE* file_;
  bool good_;
  int count_;
};

} // namespace harness

#endif // MESOS_BUILDKIT_HARNESS_REPORT_HPP
