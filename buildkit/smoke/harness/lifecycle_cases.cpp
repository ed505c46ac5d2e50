// The scenario `lifecycle`: the calls an agent makes for one container, for any isolator.

#include <unistd.h>

#include "cases.hpp"
#include "subject.hpp"
#include "text.hpp"

namespace harness {

namespace {

// {work} and {stand-in} in a parameter become the case's folder and the stand-in's copy in it.
std::vector<Pair> filledParameters(const Options& options)
{
  std::vector<Pair> parameters = options.parameters;
  for (Pair& parameter : parameters) {
    parameter.second = replaced(parameter.second, "{work}", options.work);
    if (contains(parameter.second, "{stand-in}")) {
      const std::string copy = options.work + "/stand-in/dvdcli";
      if (!exists(copy)) {
        makeDirectories(options.work + "/stand-in");
        writeFile(copy, readFile(options.standIn), 0755);
      }
      parameter.second = replaced(parameter.second, "{stand-in}", copy);
    }
  }
  return parameters;
}


void expectReady(Recorder* recorder, const std::string& method, const Answer& answer)
{
  recorder->check(answer.ready(), method + " succeeds", answer.describe());
}


void lifecycle(const Options& options, Recorder& recorder)
{
  std::unique_ptr<Subject> subject =
    Subject::create(options, filledParameters(options));
  recorder.require(
      subject.get() != nullptr, "create returns an isolator",
      "it returned null: see the module's own output for the reason");

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
  container.taskEnvironment = options.environment;
  makeDirectories(container.directory);
  Launch launch;
  const Answer prepared = subject->prepare(container, &launch);
  recorder.require(prepared.ready(), "prepare succeeds", prepared.describe());

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
