#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <map>
#include <thread>

#include "text.hpp"
#include "volume_bench.hpp"
#include "volume_cases.hpp"

namespace harness {

namespace {

// --- a restart of the agent

void beforeRestart(const Options& options, Recorder& recorder)
{
  Bench bench(options, &recorder);
  bench.start();
  bench.prepare(bench.container("runs", {{VOLUME_NAME, "shared"}, {"DVDI_VOLUME_NAME1", "kept"}}));
  bench.prepare(
      bench.container("orphan", {{VOLUME_NAME, "shared"}, {"DVDI_VOLUME_NAME1", "orphaned"}}));
  bench.prepare(bench.container("forgotten", {{VOLUME_NAME, "unknown"}}));
  bench.prepare(bench.container("stuck", {{VOLUME_NAME, "busy"}}));
  bench.stop();
  bench.expectCalls(
      {bench.mountCall("shared"), bench.mountCall("kept"), bench.mountCall("orphaned"),
       bench.mountCall("unknown"), bench.mountCall("busy")},
      "the end of the agent unmounts nothing");
}


void afterRestart(const Options& options, Recorder& recorder)
{
  Bench bench(options, &recorder);
  bench.tell("fail-unmount-busy", "device is busy\n");

  std::unique_ptr<Subject> subject = bench.create(bench.parameters());
  recorder.require(subject.get() != nullptr, "create returns an isolator", "it returned null");
  const Answer answer = subject->recover({"runs"}, {"orphan", "never-seen"});
  recorder.require(answer.ready(), "recover succeeds", answer.describe());
  bench.expectCallsAnyOrder(
      {bench.unmountCall("orphaned"), bench.unmountCall("unknown"), bench.unmountCall("busy")},
      "recover unmounts what no running container has");

  const Answer again = subject->cleanup("stuck");
  recorder.check(
      again.failed(), "cleanup of the one that could not be unmounted fails again",
      again.describe());
  bench.expectCalls({bench.unmountCall("busy")}, "it tried again");
  const Answer orphan = subject->cleanup("orphan");
  recorder.check(orphan.ready(), "cleanup of the orphan succeeds", orphan.describe());
  bench.expectCalls({}, "it has nothing left to do");
}


void afterSecondRestart(const Options& options, Recorder& recorder)
{
  Bench bench(options, &recorder);
  bench.untell("fail-unmount-busy");
  bench.start({"runs"});
  bench.expectCalls({bench.unmountCall("busy")}, "the next recover tries again");
  bench.prepare(bench.container("new", {{VOLUME_NAME, "kept"}}));
  bench.expectCalls({}, "what a recovered container mounted is shared with a new one");
  bench.cleanup("new");
  bench.expectCalls({}, "and stays when the new one goes");
  bench.cleanup("runs");
  bench.expectCallsAnyOrder(
      {bench.unmountCall("shared"), bench.unmountCall("kept")},
      "cleanup of the recovered container unmounts its volumes");
  bench.expectNothingOnRecord();
}


// --- kill -9 after the checkpoint, before the mount is done

void killedInMount(const Options& options, Recorder& recorder)
{
  Bench bench(options, &recorder);
  bench.start();
  bench.tell("block-mount-v2");
  const Container container =
    bench.container("c1", {{VOLUME_NAME, "v1"}, {"DVDI_VOLUME_NAME1", "v2"}});
  std::thread preparing([&bench, &container]() {
    Launch launch;
    bench.isolator().prepare(container, &launch);
  });
  for (int turn = 0; turn < 2000 && bench.peekCalls().size() < 2; ++turn) {
    ::usleep(2000);
  }
  recorder.check(
      bench.peekCalls().size() == 2, "the second mount is on its way",
      "there were " + std::to_string(bench.peekCalls().size()) + " calls");
  const std::string checkpoint = readFile(bench.checkpoint());
  recorder.check(
      contains(checkpoint, "v1") && contains(checkpoint, "v2"),
      "both are in the checkpoint before they are mounted",
      "it is '" + checkpoint + "'");
  ::kill(::getpid(), SIGKILL);
  preparing.join();
}


void afterKill(const Options& options, Recorder& recorder)
{
  Bench bench(options, &recorder);
  bench.tell("go");
  bench.start();
  bench.expectCallsAnyOrder(
      {bench.unmountCall("v1"), bench.unmountCall("v2")},
      "recover unmounts what may have been mounted");
  recorder.check(
      !exists(bench.checkpoint() + ".tmp"), "no half-written checkpoint is left",
      "there is a " + bench.checkpoint() + ".tmp");
  bench.expectNothingOnRecord();
}


// --- checkpoints this release of the isolator cannot have written

void foreignCheckpoints(const Options& options, Recorder& recorder)
{
  const Pair rows[] = {
    Pair("of version 2", "mesos-buildkit-dockervolume-checkpoint 2\nend 0\n"),
    Pair("of another program", "something else\n"),
    Pair("that is empty", ""),
    Pair("that is cut off", "mesos-buildkit-dockervolume-checkpoint 1\n"),
  };
  Bench bench(options, &recorder);
  makeDirectories(bench.path("state"));
  for (const Pair& row : rows) {
    writeFile(bench.checkpoint(), row.second);
    const std::unique_ptr<Subject> subject = bench.create(bench.parameters());
    recorder.require(subject.get() != nullptr, "create returns an isolator", "it returned null");
    const Answer answer = subject->recover({}, {});
    recorder.check(
        answer.failed() && contains(answer.message, bench.checkpoint()),
        "recover fails on a checkpoint " + row.first + ", naming it",
        answer.describe());
    recorder.check(
        readFile(bench.checkpoint()) == row.second, "a checkpoint " + row.first + " is left alone",
        "it is now '" + readFile(bench.checkpoint()) + "'");
  }
  bench.expectCalls({}, "no command is run");
}


// --- a command that hangs

void hangingCommand(const Options& options, Recorder& recorder)
{
  Bench bench(options, &recorder);
  bench.start({}, 1);
  bench.tell("hang-mount-v1");
  Launch launch;
  const Answer answer =
    bench.isolator().prepare(bench.container("c1", {{VOLUME_NAME, "v1"}}), &launch);
  recorder.check(
      answer.failed(), "prepare fails when the command does not end in time", answer.describe());
  bench.expectCalls(
      {bench.mountCall("v1"), bench.unmountCall("v1")},
      "what may have been mounted is unmounted");
  const int process = ::atoi(readFile(bench.standInFile("hanging")).c_str());
  recorder.check(
      process > 0 && ::kill(process, 0) != 0 && errno == ESRCH,
      "the hanging command is killed and collected",
      "process " + std::to_string(process) + " is still there");

  bench.untell("hang-mount-v1");
  bench.prepare(bench.container("c2", {{VOLUME_NAME, "v1"}}));
  bench.expectCalls({bench.mountCall("v1")}, "the next container can be prepared");
  bench.cleanup("c2");
  bench.expectCalls({bench.unmountCall("v1")}, "and cleaned up");
  bench.expectNothingOnRecord();
}


// --- many threads

const int THREADS = 8;
const int CONTAINERS = 3;


// Each container has a volume of its own and one that all have.
void useContainers(Bench* bench, int thread, std::string* problem)
{
  for (int number = 0; number < CONTAINERS; ++number) {
    const std::string id = "c" + std::to_string(thread) + "-" + std::to_string(number);
    const Container container =
      bench->container(id, {{VOLUME_NAME, "own-" + id}, {"DVDI_VOLUME_NAME1", "shared"}});
    Launch launch;
    const Answer prepared = bench->isolator().prepare(container, &launch);
    if (!prepared.ready()) {
      *problem = "prepare of " + id + ": " + prepared.describe();
      return;
    }
    bench->isolator().usage(id);
    const Answer cleaned = bench->isolator().cleanup(id);
    if (!cleaned.ready()) {
      *problem = "cleanup of " + id + ": " + cleaned.describe();
      return;
    }
  }
}


// Every volume must go in turns: mounted, unmounted, and unmounted at the end.
std::string wrongTurns(const std::vector<std::string>& calls)
{
  std::map<std::string, bool> mounted;
  for (const std::string& call : calls) {
    const std::string volume = call.substr(call.find('|'));
    const bool mounts = startsWith(call, "mount|");
    if (mounted[volume] == mounts) {
      return volume + (mounts ? " is mounted while it is mounted"
                              : " is unmounted while it is not mounted");
    }
    mounted[volume] = mounts;
  }
  for (const std::pair<const std::string, bool>& entry : mounted) {
    if (entry.second) {
      return entry.first + " stays mounted";
    }
  }
  return "";
}


void manyThreads(const Options& options, Recorder& recorder)
{
  Bench bench(options, &recorder);
  bench.start();
  std::vector<std::string> problems(THREADS);
  std::vector<std::thread> threads;
  for (int i = 0; i < THREADS; ++i) {
    threads.push_back(
        std::thread(useContainers, &bench, i, &problems[static_cast<std::size_t>(i)]));
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  std::string problem;
  for (const std::string& one : problems) {
    problem = problem.empty() ? one : problem;
  }
  recorder.check(problem.empty(), "every thread's calls succeed", problem);

  const std::vector<std::string> calls = bench.peekCalls();
  const std::size_t own = 2 * THREADS * CONTAINERS;
  recorder.check(
      calls.size() >= own + 2, "every volume was mounted and unmounted",
      "there were only " + std::to_string(calls.size()) + " calls");
  const std::string wrong = wrongTurns(calls);
  recorder.check(wrong.empty(), "no volume is mounted or unmounted twice", wrong);
}


void afterManyThreads(const Options& options, Recorder& recorder)
{
  Bench bench(options, &recorder);
  bench.expectNothingOnRecord();
}

} // namespace


std::vector<Case> volumeRecoveryCases()
{
  std::vector<Case> cases;
  // The slowest first: the others run beside it.
  cases.push_back(Case("hanging command", {hangingCommand}));
  cases.push_back(Case("many threads", {manyThreads, afterManyThreads}));
  cases.push_back(Case("restart", {beforeRestart, afterRestart, afterSecondRestart}));
  Case killed("kill -9 in a mount", {killedInMount, afterKill});
  killed.killsItself = true;
  cases.push_back(killed);
  cases.push_back(Case("foreign checkpoints", {foreignCheckpoints}));
  return cases;
}


std::vector<Case> dockerVolumeCases()
{
  std::vector<Case> cases = volumeRecoveryCases();
  for (const Case& one : volumeMountCases()) {
    cases.push_back(one);
  }
  return cases;
}

} // namespace harness
