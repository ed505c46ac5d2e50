// What the cases of the scenario `docker-volume` share: an isolator with a stand-in for dvdcli in a
// folder of their own, and what they expect of it.

#ifndef MESOS_BUILDKIT_HARNESS_VOLUME_BENCH_HPP
#define MESOS_BUILDKIT_HARNESS_VOLUME_BENCH_HPP

#include <memory>
#include <string>
#include <vector>

#include "options.hpp"
#include "report.hpp"
#include "subject.hpp"

namespace harness {

// What a task's environment may say.
const char VOLUME_NAME[] = "DVDI_VOLUME_NAME";
const char VOLUME_DRIVER[] = "DVDI_VOLUME_DRIVER";
const char VOLUME_OPTS[] = "DVDI_VOLUME_OPTS";
const char VOLUME_PATH[] = "DVDI_VOLUME_CONTAINERPATH";

// One bind that the launcher is expected to be told: from where, to where.
typedef std::pair<std::string, std::string> Bind;

class Bench
{
public:
  // The folder and the stand-in are made if this is the case's first step.
  Bench(const Options& options, Recorder* recorder);

  // Creates the isolator, with these parameters on top of the ones it always gets, and recovers it:
  // `running` containers go on, everything else is gone.
  void start(const std::vector<std::string>& running = {}, int timeoutSeconds = 10);

  // Only the first half of that. Null if create() returned null.
  std::unique_ptr<Subject> create(const std::vector<Pair>& parameters) const;
  std::vector<Pair> parameters(int timeoutSeconds = 10) const;

  Subject& isolator() { return *subject_; }
  void stop() { subject_.reset(); }

  // A container with a sandbox of its own and this environment, of its task.
  Container container(const std::string& id, const std::vector<Pair>& environment) const;

  // Prepares, and ends the case if that does not succeed.
  Launch prepare(const Container& container);
  // Cleans up, and checks that it succeeds.
  void cleanup(const std::string& id);
  // Prepare must fail, with this in its message, before any command is run.
  void refuse(const Container& container, const std::string& what, const std::string& message);

  // Tells the stand-in something: see stand-in.sh.
  void tell(const std::string& file, const std::string& content = "") const;
  void untell(const std::string& file) const;
  std::string standInFile(const std::string& file) const;

  // The calls the stand-in got, in order, since this was last asked (or `peek`ed, which forgets
  // nothing); arguments joined by '|'.
  std::vector<std::string> peekCalls() const;
  void expectCalls(const std::vector<std::string>& expected, const std::string& name);
  // The same calls, in any order.
  void expectCallsAnyOrder(std::vector<std::string> expected, const std::string& name);

  std::string mountCall(
      const std::string& volume, const std::vector<std::string>& options = {},
      const std::string& driver = "rexray") const;
  std::string unmountCall(const std::string& volume, const std::string& driver = "rexray") const;
  std::string mountpoint(const std::string& volume, const std::string& driver = "rexray") const;

  // The instructions must lead to exactly these binds, in the form this release has for them, in a
  // mount namespace of the container's own.
  void expectLaunch(
      const Launch& launch, const std::vector<Bind>& binds, const std::string& name);
  void expectNoLaunch(const Launch& launch, const std::string& name);

  std::string path(const std::string& name) const { return options_.work + "/" + name; }
  std::string checkpoint() const { return path("state/mounts"); }

  // A later start of the isolator must find nothing to do.
  void expectNothingOnRecord();

private:
  void expectMounts(
      const Launch& launch, const std::vector<Bind>& binds, const std::string& name);
  void expectCommands(
      const Launch& launch, const std::vector<Bind>& binds, const std::string& name);
  void expectNamespaces(int flags, const std::string& who, const std::string& name);
  std::vector<std::string> runCommands(
      const std::vector<std::string>& commands, const char* mountNamespace,
      bool* succeeded) const;

  const Options options_;
  Recorder* const recorder_;
  std::unique_ptr<Subject> subject_;
  std::size_t seen_;
};

} // namespace harness

#endif // MESOS_BUILDKIT_HARNESS_VOLUME_BENCH_HPP
