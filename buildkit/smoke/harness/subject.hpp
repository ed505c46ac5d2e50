// The isolator under test, behind an interface that is the same for every Mesos release.
//
// Only subject.cpp reads Mesos's isolator headers; it calls the base class and nothing else, as an
// agent does.

#ifndef MESOS_BUILDKIT_HARNESS_SUBJECT_HPP
#define MESOS_BUILDKIT_HARNESS_SUBJECT_HPP

#include <memory>
#include <string>
#include <vector>

#include "loader.hpp"
#include "options.hpp"

namespace harness {

// What a container is prepared with.
struct Container
{
  explicit Container(const std::string& _id)
    : id(_id), executor(true), commandTask(true), oldFields(true) {}

  std::string id;
  std::string directory;

  // Empty for none. Releases without tellsRootfs in their abilities() ignore it.
  std::string rootfs;

  // False only where abilities() has commandAlone: there is no executor, just a command.
  bool executor;

  // Whether it runs a task's command, or an executor of its own.
  bool commandTask;

  // False: of the fields that abilities() calls renamed, only those with the new name have the
  // environment. An agent fills both.
  bool oldFields;

  // The task's own environment goes into the executor's up to 0.26, which has no other place.
  std::vector<Pair> taskEnvironment;
  // Of the executor, or of the command alone.
  std::vector<Pair> executorEnvironment;
  // Further variables of the task, only where abilities() has secrets; the value is for a variable
  // that has both, or nothing.
  std::vector<Pair> taskSecrets;
};


struct Mount
{
  std::string source;
  std::string target;
  unsigned flags;
};


// What prepare told the launcher to do.
struct Launch
{
  Launch() : given(false), namespaces(0) {}

  bool given;
  // Flags of clone(2), from the instructions themselves.
  int namespaces;
  std::vector<std::string> commands;
  std::vector<Mount> mounts;
};


// How a call went: at most one of these, PENDING after waiting for as long as was asked.
struct Answer
{
  enum State { READY, FAILED, DISCARDED, PENDING };

  State state;
  // Of a failure.
  std::string message;

  bool ready() const { return state == READY; }
  bool failed() const { return state == FAILED; }

  // For a check's detail: "failed: MESSAGE".
  std::string describe() const;
};


// The release that subject.cpp was compiled for. The rest of the harness asks here instead of the
// preprocessor, so it is compiled once for all releases.
struct MesosRelease
{
  std::string version;
  std::string moduleApiVersion;
  int major;
  int minor;
  int patch;

  bool atLeast(int _major, int _minor, int _patch) const
  {
    return major != _major ? major > _major : minor != _minor ? minor > _minor : patch >= _patch;
  }
};
MesosRelease mesosRelease();

// What a module's descriptor says; `symbol` is its address.
Descriptor readDescriptor(const void* symbol);

// Makes the descriptor say so. A create() can only be taken away.
void writeDescriptor(void* symbol, const Descriptor& descriptor);


// Which of the things that differ this release has.
struct Abilities
{
  bool namespacesMethod;
  bool tellsRootfs;
  bool nesting;
  bool standalone;
  bool status;
  // A container may have a command and no executor.
  bool commandAlone;
  // The fields of executor and task are there under an old and a new name.
  bool renamed;
  // A variable of an environment may be a secret.
  bool secrets;
};
Abilities abilities();


class Subject
{
public:
  // By the release's own module manager, from a modules file in the work folder; with a stub SDK
  // by the descriptor's create() itself. Null, and the reason in `why`, if there is no instance.
  // Throws std::runtime_error if the module is not even loaded.
  static std::unique_ptr<Subject> create(
      const Options& options, const std::vector<Pair>& parameters, std::string* why = nullptr);

  // Destroys the isolator, as an agent does at its end.
  ~Subject();

  // `orphans` are ignored by 0.22, whose interface has none.
  Answer recover(
      const std::vector<std::string>& running, const std::vector<std::string>& orphans);
  Answer prepare(const Container& container, Launch* launch);
  Answer isolate(const std::string& id);
  // Waits for a moment only: the right answer is PENDING.
  Answer watch(const std::string& id);
  Answer update(const std::string& id);
  Answer usage(const std::string& id);
  Answer cleanup(const std::string& id);

  // Each of these only where abilities() says so.
  Answer namespaces(int* flags);
  Answer status(const std::string& id);
  bool supportsNesting();
  bool supportsStandalone();

private:
  struct State;

  explicit Subject(State* state);
  Subject(const Subject&);
  Subject& operator=(const Subject&);

  std::unique_ptr<State> state_;
};

} // namespace harness

#endif // MESOS_BUILDKIT_HARNESS_SUBJECT_HPP
