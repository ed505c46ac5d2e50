// The scenario `lifecycle`: the calls an agent makes for one container, for any isolator.

#include <algorithm>

#include "cases.hpp"
#include "stand_in.hpp"
#include "subject.hpp"
#include "text.hpp"

namespace harness {

namespace {

void expectReady(Recorder* recorder, const std::string& method, const Answer& answer)
{
  recorder->check(answer.ready(), method + " succeeds", answer.describe());
}


void lifecycle(const Options& options, Recorder& recorder)
{
  const std::vector<Pair> environment = filled(options.environment, options);
  std::string why;
  std::unique_ptr<Subject> subject =
    Subject::create(options, filled(options.parameters, options), &why);
  recorder.require(
      subject.get() != nullptr, "create returns an isolator",
      why + ": see the module's own output for the reason");

  const Answer recovered = subject->recover({}, {});
  recorder.require(recovered.ready(), "recover of nothing succeeds", recovered.describe());

  const Abilities able = abilities();
  if (able.namespacesMethod) {
    int flags = 0;
    expectReady(&recorder, "namespaces", subject->namespaces(&flags));
  }
  // That these return at all is the check: any answer is right.
  if (able.nesting) {
    subject->supportsNesting();
    recorder.check(true, "supportsNesting returns");
  }
  if (able.standalone) {
    subject->supportsStandalone();
    recorder.check(true, "supportsStandalone returns");
  }

  Container container("lifecycle");
  container.directory = options.work + "/sandbox";
  container.taskEnvironment = environment;
  // An agent gives the executor of a command task the task's environment too. Up to 0.26 there is
  // no other place for it anyway.
  if (mesosRelease().atLeast(0, 27, 0)) {
    container.executorEnvironment = environment;
  }
  makeDirectories(container.directory);
  Launch launch;
  const Answer prepared = subject->prepare(container, &launch);
  recorder.require(prepared.ready(), "prepare succeeds", prepared.describe());
  // A container that asks for nothing could be prepared without a look at it.
  const bool asks = !environment.empty() && exists(standIn(options));
  const std::vector<std::string> mounted = volumes(standInCalls(options), "mount");
  if (asks) {
    recorder.check(
        !mounted.empty(), "prepare mounts what the environment asks for",
        "the stand-in was not called", join(mounted, ", "));
  }

  expectReady(&recorder, "isolate", subject->isolate(container.id));
  const Answer watched = subject->watch(container.id);
  recorder.check(
      watched.state == Answer::PENDING,
      "watch stays pending",
      watched.ready() ? "it reports a limitation of a container that does nothing"
                      : watched.describe());
  expectReady(&recorder, "update", subject->update(container.id));
  expectReady(&recorder, "usage", subject->usage(container.id));
  if (able.status) {
    expectReady(&recorder, "status", subject->status(container.id));
  }
  expectReady(&recorder, "cleanup", subject->cleanup(container.id));
  if (asks) {
    std::vector<std::string> left = mounted;
    for (const std::string& volume : volumes(standInCalls(options), "unmount")) {
      left.erase(std::remove(left.begin(), left.end(), volume), left.end());
    }
    recorder.check(
        left.empty(), "cleanup unmounts what prepare mounted",
        "still mounted: " + join(left, ", "));
  }

  subject.reset();
  recorder.check(true, "the isolator can be destroyed");
}

} // namespace


std::vector<Case> lifecycleCases()
{
  std::vector<Case> cases;
  cases.push_back(Case("lifecycle", {lifecycle}));
  return cases;
}

} // namespace harness
