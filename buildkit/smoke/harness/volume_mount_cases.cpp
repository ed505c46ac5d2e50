#include <unistd.h>

#include "text.hpp"
#include "volume_bench.hpp"
#include "volume_cases.hpp"

namespace harness {

namespace {

std::string numbered(const char* variable, int number)
{
  return variable + std::to_string(number);
}


void oneVolume(const Options& options, Recorder& recorder)
{
  Bench bench(options, &recorder);
  bench.start();
  bench.expectCalls({}, "recover of nothing runs no command");

  const Container container = bench.container(
      "c1",
      {{"HOME", "/root"},
       {VOLUME_NAME, "data.1"},
       {VOLUME_DRIVER, "ebs"},
       {VOLUME_OPTS, "size=5,iops=150,zone=eu-west-1a"},
       {VOLUME_PATH, "data"}});
  const Launch launch = bench.prepare(container);
  bench.expectCalls(
      {bench.mountCall("data.1", {"size=5", "iops=150", "zone=eu-west-1a"}, "ebs")},
      "prepare mounts with driver, name and options");
  bench.expectLaunch(
      launch,
      {{bench.mountpoint("data.1", "ebs"), container.directory + "/data"}},
      "binds the volume into the sandbox");
  recorder.check(
      isDirectory(container.directory + "/data"), "creates the directory in the sandbox",
      "there is no " + container.directory + "/data");
  recorder.check(
      startsWith(readFile(bench.checkpoint()), "mesos-buildkit-dockervolume-checkpoint 1\n"),
      "the checkpoint begins with its name and version",
      "it is '" + readFile(bench.checkpoint()) + "'");

  const Answer isolated = bench.isolator().isolate("c1");
  recorder.check(isolated.ready(), "isolate succeeds", isolated.describe());
  const Answer watched = bench.isolator().watch("c1");
  recorder.check(
      watched.state == Answer::PENDING, "watch stays pending", watched.describe());
  const Answer updated = bench.isolator().update("c1");
  recorder.check(updated.ready(), "update succeeds", updated.describe());
  const Answer used = bench.isolator().usage("c1");
  recorder.check(used.ready(), "usage succeeds", used.describe());
  bench.expectCalls({}, "none of these runs a command");

  bench.cleanup("c1");
  bench.expectCalls({bench.unmountCall("data.1", "ebs")}, "cleanup unmounts");
  bench.cleanup("c1");
  bench.expectCalls({}, "a second cleanup runs no command");
  bench.expectNothingOnRecord();
}


void noVolume(const Options& options, Recorder& recorder)
{
  Bench bench(options, &recorder);
  bench.start();
  const Launch launch = bench.prepare(bench.container("c1", {{"HOME", "/root"}}));
  bench.expectNoLaunch(launch, "a container without volumes gets no launch instructions");
  bench.cleanup("c1");
  bench.cleanup("never-seen");
  bench.expectCalls({}, "no command is run");
}


void defaults(const Options& options, Recorder& recorder)
{
  Bench bench(options, &recorder);
  bench.start();
  const Launch launch = bench.prepare(bench.container("c1", {{VOLUME_NAME, "v1"}}));
  bench.expectCalls({bench.mountCall("v1")}, "the driver is rexray, there are no options");
  bench.expectNoLaunch(launch, "without a container path the launcher is told nothing");
  bench.cleanup("c1");
  bench.expectCalls({bench.unmountCall("v1")}, "cleanup unmounts");
}


void twoVolumes(const Options& options, Recorder& recorder)
{
  Bench bench(options, &recorder);
  bench.start();
  const Container container = bench.container(
      "c1", {{VOLUME_NAME, "v1"}, {VOLUME_PATH, "one"}, {"DVDI_VOLUME_NAME1", "v2"},
             {"DVDI_VOLUME_CONTAINERPATH1", "deep/down/two"}});
  const Launch launch = bench.prepare(container);
  bench.expectCalls(
      {bench.mountCall("v1"), bench.mountCall("v2")}, "prepare mounts both volumes");
  bench.expectLaunch(
      launch,
      {{bench.mountpoint("v1"), container.directory + "/one"},
       {bench.mountpoint("v2"), container.directory + "/deep/down/two"}},
      "binds both");
  bench.cleanup("c1");
  bench.expectCallsAnyOrder(
      {bench.unmountCall("v1"), bench.unmountCall("v2")}, "cleanup unmounts both");
}


void suffixes(const Options& options, Recorder& recorder)
{
  Bench bench(options, &recorder);
  bench.start();
  std::vector<Pair> environment;
  std::vector<std::string> mounts;
  std::vector<std::string> unmounts;
  std::vector<Bind> binds;
  const std::string directory = bench.path("sandbox/c1");
  // The order in the environment must not matter.
  for (int number = 9; number >= 1; --number) {
    environment.push_back(Pair(numbered(VOLUME_NAME, number), numbered("v", number)));
    environment.push_back(Pair(numbered(VOLUME_PATH, number), numbered("p", number)));
    environment.push_back(Pair(numbered(VOLUME_OPTS, number), numbered("n=", number)));
    environment.push_back(Pair(numbered(VOLUME_DRIVER, number), numbered("d", number)));
  }
  for (int number = 1; number <= 9; ++number) {
    const std::string volume = numbered("v", number);
    const std::string driver = numbered("d", number);
    mounts.push_back(bench.mountCall(volume, {numbered("n=", number)}, driver));
    unmounts.push_back(bench.unmountCall(volume, driver));
    binds.push_back(
        Bind(bench.mountpoint(volume, driver), directory + "/" + numbered("p", number)));
  }
  const Launch launch = bench.prepare(bench.container("c1", environment));
  bench.expectCalls(mounts, "the suffixes 1 to 9 are mounted in order");
  bench.expectLaunch(launch, binds, "binds all nine");
  bench.cleanup("c1");
  bench.expectCallsAnyOrder(unmounts, "cleanup unmounts all nine");
}


void executorEnvironment(const Options& options, Recorder& recorder)
{
  Bench bench(options, &recorder);
  bench.start();

  Container executor = bench.container("c1", {});
  executor.commandTask = false;
  executor.executorEnvironment.push_back(Pair(VOLUME_NAME, "of-executor"));
  bench.prepare(executor);
  bench.expectCalls({bench.mountCall("of-executor")}, "an executor's own environment is read");

  Container task = bench.container("c2", {{"HOME", "/root"}});
  task.executorEnvironment.push_back(Pair(VOLUME_NAME, "fallback"));
  bench.prepare(task);
  bench.expectCalls(
      {bench.mountCall("fallback")},
      "so is that of a task's executor if the task asks for nothing");

  if (mesosRelease().atLeast(0, 27, 0)) {
    Container both = bench.container("c3", {{VOLUME_NAME, "of-task"}});
    both.executorEnvironment.push_back(Pair(VOLUME_NAME, "unwanted"));
    bench.prepare(both);
    bench.expectCalls({bench.mountCall("of-task")}, "a task's environment goes before");
  }
}


// A container that was started without an executor.
void commandAlone(const Options& options, Recorder& recorder)
{
  Bench bench(options, &recorder);
  bench.start();
  Container container = bench.container("c1", {});
  container.executor = false;
  container.commandTask = false;
  container.executorEnvironment.push_back(Pair(VOLUME_NAME, "of-command"));
  bench.prepare(container);
  bench.expectCalls({bench.mountCall("of-command")}, "the command's environment is read");
}


// Later releases drop the old names, so nothing may hang on them.
void renamedFields(const Options& options, Recorder& recorder)
{
  Bench bench(options, &recorder);
  bench.start();
  Container task = bench.container("c1", {{VOLUME_NAME, "of-task"}});
  task.oldFields = false;
  bench.prepare(task);
  bench.expectCalls({bench.mountCall("of-task")}, "the task is read from the field's new name");

  Container executor = bench.container("c2", {});
  executor.oldFields = false;
  executor.commandTask = false;
  executor.executorEnvironment.push_back(Pair(VOLUME_NAME, "of-executor"));
  bench.prepare(executor);
  bench.expectCalls({bench.mountCall("of-executor")}, "and so is the executor");
}


void secrets(const Options& options, Recorder& recorder)
{
  Bench bench(options, &recorder);
  bench.start();
  Container name = bench.container("c1", {});
  name.taskSecrets.push_back(Pair(VOLUME_NAME, ""));
  bench.refuse(name, "a name that is a secret", VOLUME_NAME);

  Container volumeOptions = bench.container("c2", {{VOLUME_NAME, "v1"}});
  volumeOptions.taskSecrets.push_back(Pair(VOLUME_OPTS, ""));
  bench.refuse(volumeOptions, "options that are a secret", VOLUME_OPTS);

  // No task can ask for this, but what is marked as a secret must not end up on a command line.
  Container both = bench.container("c3", {});
  both.taskSecrets.push_back(Pair(VOLUME_NAME, "v1"));
  bench.refuse(both, "a secret that comes with a value", VOLUME_NAME);

  Container other = bench.container("c4", {{VOLUME_NAME, "v1"}});
  other.taskSecrets.push_back(Pair("PASSWORD", ""));
  bench.prepare(other);
  bench.expectCalls({bench.mountCall("v1")}, "other secrets are none of its business");
}


void rollback(const Options& options, Recorder& recorder)
{
  Bench bench(options, &recorder);
  bench.start();
  bench.tell("fail-mount-v2", "no such volume\n");
  Launch launch;
  const Container container =
    bench.container("c1", {{VOLUME_NAME, "v1"}, {VOLUME_PATH, "one"}, {"DVDI_VOLUME_NAME1", "v2"}});
  const Answer answer = bench.isolator().prepare(container, &launch);
  recorder.check(
      answer.failed(), "prepare fails if the second mount fails", answer.describe());
  recorder.check(
      contains(answer.message, "no such volume"), "the failure says what the command said",
      answer.message);
  bench.expectCalls(
      {bench.mountCall("v1"), bench.mountCall("v2"), bench.unmountCall("v1")},
      "the first volume is unmounted again");
  bench.cleanup("c1");
  bench.expectCalls({}, "cleanup after a failed prepare has nothing to do");

  bench.untell("fail-mount-v2");
  bench.prepare(container);
  bench.expectCalls(
      {bench.mountCall("v1"), bench.mountCall("v2")}, "the same container can be prepared later");
  bench.cleanup("c1");
  bench.expectCallsAnyOrder(
      {bench.unmountCall("v1"), bench.unmountCall("v2")}, "and cleaned up");
  bench.expectNothingOnRecord();
}


void sharedVolume(const Options& options, Recorder& recorder)
{
  Bench bench(options, &recorder);
  bench.start();
  const Container first = bench.container(
      "c1", {{VOLUME_NAME, "v1"}, {VOLUME_OPTS, "size=5"}, {VOLUME_PATH, "data"}});
  const Container second = bench.container("c2", {{VOLUME_NAME, "v1"}, {VOLUME_PATH, "data"}});
  bench.prepare(first);
  bench.expectCalls({bench.mountCall("v1", {"size=5"})}, "the first container mounts");
  const Launch launch = bench.prepare(second);
  bench.expectCalls({}, "the second does not");
  bench.expectLaunch(
      launch, {{bench.mountpoint("v1"), second.directory + "/data"}}, "binds it for the second");

  bench.prepare(bench.container("c3", {{VOLUME_NAME, "v1"}, {VOLUME_DRIVER, "ebs"}}));
  bench.expectCalls(
      {bench.mountCall("v1", {}, "ebs")}, "another driver's volume of this name is another volume");
  bench.refuse(
      bench.container("c4", {{VOLUME_NAME, "v1"}, {VOLUME_OPTS, "size=6"}}),
      "other options for it", "v1");
  bench.refuse(first, "to prepare a container twice", "c1");

  bench.cleanup("c1");
  bench.expectCalls({}, "the first cleanup leaves it mounted");
  bench.cleanup("c2");
  bench.expectCalls({bench.unmountCall("v1")}, "the last cleanup unmounts it");
  bench.cleanup("c3");
  bench.expectCalls({bench.unmountCall("v1", "ebs")}, "and the other driver's with its own");
}


void refusals(const Options& options, Recorder& recorder)
{
  struct Row
  {
    const char* what;
    const char* variable;
    std::string value;
  };
  const Row rows[] = {
    {"a name with a shell's separator", VOLUME_NAME, "v;reboot"},
    {"a name with a command substitution", VOLUME_NAME, "$(reboot)"},
    {"a name with backquotes", VOLUME_NAME, "`reboot`"},
    {"a name with a quote", VOLUME_NAME, "v'x"},
    {"a name with a space", VOLUME_NAME, "v x"},
    {"a name with a newline", VOLUME_NAME, "v\nx"},
    {"a name that looks like an option", VOLUME_NAME, "--volumedriver=other"},
    {"a name with a path", VOLUME_NAME, "../../etc"},
    {"a hidden name", VOLUME_NAME, ".v"},
    {"an empty name", VOLUME_NAME, ""},
    {"a name beyond ASCII", VOLUME_NAME, "v\xc3\xa9"},
    {"a name of 256 characters", VOLUME_NAME, std::string(256, 'v')},
    {"a driver with a separator", VOLUME_DRIVER, "rexray;reboot"},
    {"a driver that looks like an option", VOLUME_DRIVER, "-x"},
    {"a driver with a path", VOLUME_DRIVER, "../rexray"},
    {"an empty driver", VOLUME_DRIVER, ""},
    {"an option with a separator", VOLUME_OPTS, "size=5;reboot"},
    {"an option with a pipe", VOLUME_OPTS, "size=5|reboot"},
    {"an option with a space", VOLUME_OPTS, "size=5 --volumename=other"},
    {"an option without a value", VOLUME_OPTS, "size"},
    {"an option without a key", VOLUME_OPTS, "=5"},
    {"an option that looks like another", VOLUME_OPTS, "--volumename=other"},
    {"an empty option", VOLUME_OPTS, "size=5,,iops=1"},
    {"an option given twice", VOLUME_OPTS, "size=5,size=6"},
    {"a container path with '..'", VOLUME_PATH, "data/../../../etc"},
    {"a container path of '..'", VOLUME_PATH, ".."},
    {"an absolute container path with '..'", VOLUME_PATH, "/tmp/../etc"},
    {"a container path with a quote", VOLUME_PATH, "data'; reboot; '"},
    {"a container path with a newline", VOLUME_PATH, "data\nreboot"},
    {"the root directory as container path", VOLUME_PATH, "/"},
    {"an empty container path", VOLUME_PATH, ""},
  };

  Bench bench(options, &recorder);
  bench.start();
  for (const Row& row : rows) {
    std::vector<Pair> environment(1, Pair("DVDI_VOLUME_NAME1", "good"));
    if (row.variable != VOLUME_NAME) {
      environment.push_back(Pair(VOLUME_NAME, "v"));
    }
    environment.push_back(Pair(row.variable, row.value));
    bench.refuse(bench.container("c1", environment), row.what, row.variable);
  }
  bench.refuse(
      bench.container("c1", {{VOLUME_DRIVER, "ebs"}, {VOLUME_PATH, "data"}}),
      "a volume without a name", VOLUME_NAME);
  bench.refuse(
      bench.container("c1", {{VOLUME_NAME, "v1"}, {"DVDI_VOLUME_NAMES", "v2"}}),
      "a misspelt variable", "DVDI_VOLUME_NAMES");
  bench.refuse(
      bench.container("c1", {{VOLUME_NAME, "v1"}, {"DVDI_VOLUME_NAME10", "v2"}}),
      "a tenth suffix", "DVDI_VOLUME_NAME10");
  bench.refuse(
      bench.container("c1", {{VOLUME_NAME, "v1"}, {"DVDI_VOLUME_NAME1", "v1"}}),
      "a volume asked for twice", "v1");
  recorder.check(
      !exists(bench.checkpoint()), "none of these writes the checkpoint",
      "there is a " + bench.checkpoint());
}


void containerPaths(const Options& options, Recorder& recorder)
{
  Bench bench(options, &recorder);
  bench.start();

  const std::string there = bench.path("there");
  makeDirectories(there);
  writeFile(bench.path("file"), "");
  const Launch absolute =
    bench.prepare(bench.container("c1", {{VOLUME_NAME, "v1"}, {VOLUME_PATH, there}}));
  bench.expectLaunch(
      absolute, {{bench.mountpoint("v1"), there}}, "binds to a directory of the agent");
  bench.cleanup("c1");
  bench.expectCalls({bench.mountCall("v1"), bench.unmountCall("v1")}, "mounts and unmounts it");

  bench.refuse(
      bench.container("c2", {{VOLUME_NAME, "v2"}, {VOLUME_PATH, bench.path("missing")}}),
      "an absolute path that is not there", "missing");
  recorder.check(
      !exists(bench.path("missing")), "does not create it", "there is a " + bench.path("missing"));
  bench.refuse(
      bench.container("c3", {{VOLUME_NAME, "v3"}, {VOLUME_PATH, bench.path("file")}}),
      "an absolute path that is a file", "file");

  const Container escaping =
    bench.container("c4", {{VOLUME_NAME, "v4"}, {VOLUME_PATH, "link/inside"}});
  recorder.require(
      ::symlink(there.c_str(), (escaping.directory + "/link").c_str()) == 0, "a link can be made");
  bench.refuse(escaping, "a relative path through a link", "link");
  recorder.check(
      !exists(there + "/inside"), "creates nothing behind the link",
      "there is a " + there + "/inside");

  bench.refuse(
      bench.container(
          "c5", {{VOLUME_NAME, "v5"}, {VOLUME_PATH, "a"}, {"DVDI_VOLUME_NAME1", "v6"},
                 {"DVDI_VOLUME_CONTAINERPATH1", "a/b"}}),
      "a path below another volume's", "v6");

  if (!abilities().tellsRootfs) {
    return;
  }
  const std::string rootfs = bench.path("rootfs");
  makeDirectories(rootfs);
  Container image = bench.container("c6", {{VOLUME_NAME, "v7"}, {VOLUME_PATH, "/srv/data"}});
  image.rootfs = rootfs;
  const Launch below = bench.prepare(image);
  bench.expectLaunch(
      below, {{bench.mountpoint("v7"), rootfs + "/srv/data"}}, "binds below the root file system");
  recorder.check(
      isDirectory(rootfs + "/srv/data"), "creates the directory below the root file system",
      "there is no " + rootfs + "/srv/data");
  bench.cleanup("c6");
  bench.expectCalls(
      {bench.mountCall("v7"), bench.unmountCall("v7")}, "mounts and unmounts that too");

  recorder.require(
      ::symlink(there.c_str(), (rootfs + "/outside").c_str()) == 0, "another link can be made");
  Container leaving =
    bench.container("c7", {{VOLUME_NAME, "v8"}, {VOLUME_PATH, "/outside/inside"}});
  leaving.rootfs = rootfs;
  bench.refuse(leaving, "a path through a link of the image", "outside");
  recorder.check(
      !exists(there + "/inside"), "creates nothing outside the root file system",
      "there is a " + there + "/inside");

  // The launcher brings the sandbox into the image; the volume goes where the container sees it.
  Container sandboxed = bench.container("c8", {{VOLUME_NAME, "v9"}, {VOLUME_PATH, "data"}});
  sandboxed.rootfs = rootfs;
  const Launch inside = bench.prepare(sandboxed);
  bench.expectLaunch(
      inside, {{bench.mountpoint("v9"), rootfs + "/mnt/mesos/sandbox/data"}},
      "binds into the sandbox as the image shows it");
  recorder.check(
      isDirectory(sandboxed.directory + "/data"), "creates the directory in the sandbox itself",
      "there is no " + sandboxed.directory + "/data");
}


// Of an agent that was started with --sandbox_directory.
void sandboxDirectory(const Options& options, Recorder& recorder)
{
  Options told = options;
  told.parameters.push_back(Pair("sandbox_directory", "/sandbox"));
  Bench bench(told, &recorder);
  bench.start();
  Container container = bench.container("c1", {{VOLUME_NAME, "v1"}, {VOLUME_PATH, "data"}});
  container.rootfs = bench.path("rootfs");
  makeDirectories(container.rootfs);
  const Launch launch = bench.prepare(container);
  bench.expectLaunch(
      launch, {{bench.mountpoint("v1"), container.rootfs + "/sandbox/data"}},
      "binds below the folder the agent was given");
}


void badMountpoints(const Options& options, Recorder& recorder)
{
  struct Row
  {
    const char* what;
    const char* printed;
  };
  const Row rows[] = {
    {"nothing", ""},
    {"a relative path", "volumes/v1\n"},
    {"two lines", "/volumes/v1\n/etc\n"},
    {"the root directory", "/\n"},
    {"a path with '..'", "/volumes/../etc\n"},
    {"a quote", "/volumes/v1'; reboot; '\n"},
  };

  Bench bench(options, &recorder);
  bench.start();
  for (const Row& row : rows) {
    bench.tell("print-v1", row.printed);
    Launch launch;
    const Answer answer = bench.isolator().prepare(
        bench.container("c1", {{VOLUME_NAME, "v1"}, {VOLUME_PATH, "data"}}), &launch);
    recorder.check(
        answer.failed(), std::string("prepare fails if the command prints ") + row.what,
        answer.describe());
    bench.expectCalls(
        {bench.mountCall("v1"), bench.unmountCall("v1")},
        std::string("the volume is unmounted after ") + row.what);
  }
  bench.expectNothingOnRecord();
}


void failedUnmount(const Options& options, Recorder& recorder)
{
  Bench bench(options, &recorder);
  bench.start();
  bench.tell("fail-unmount-v1", "device is busy\n");
  bench.prepare(bench.container("c1", {{VOLUME_NAME, "v1"}}));
  const Answer answer = bench.isolator().cleanup("c1");
  recorder.check(
      answer.failed() && contains(answer.message, "device is busy"),
      "cleanup fails if the unmount fails, and says why", answer.describe());
  bench.expectCalls({bench.mountCall("v1"), bench.unmountCall("v1")}, "it was tried");

  // The volume may still be mounted, or not: it is mounted anew for whoever comes next.
  bench.prepare(bench.container("c2", {{VOLUME_NAME, "v1"}}));
  bench.expectCalls({bench.mountCall("v1")}, "the next container mounts it anew");
  bench.untell("fail-unmount-v1");
  bench.cleanup("c2");
  bench.expectCalls({bench.unmountCall("v1")}, "its cleanup unmounts it");
  bench.expectNothingOnRecord();
}


void parameters(const Options& options, Recorder& recorder)
{
  Bench bench(options, &recorder);
  const Pair rows[] = {
    Pair("comand", "/usr/bin/dvdcli"),
    Pair("timeout_secs", "0"),
    Pair("timeout_secs", "soon"),
    Pair("timeout_secs", "-1"),
    Pair("checkpoint_dir", "relative"),
    Pair("checkpoint_dir", ""),
    Pair("command", "dvdcli"),
  };
  for (const Pair& row : rows) {
    const std::unique_ptr<Subject> subject = bench.create({row});
    recorder.check(
        subject.get() == nullptr,
        "create returns null for " + row.first + "=" + row.second,
        "it returned an isolator");
  }
  bench.expectCalls({}, "no command is run");
}

} // namespace


std::vector<Case> volumeMountCases()
{
  const Abilities able = abilities();
  std::vector<Case> cases;
  cases.push_back(Case("one volume", {oneVolume}));
  cases.push_back(Case("no volume", {noVolume}));
  cases.push_back(Case("defaults", {defaults}));
  cases.push_back(Case("two volumes", {twoVolumes}));
  cases.push_back(Case("nine suffixes", {suffixes}));
  cases.push_back(Case("executor environment", {executorEnvironment}));
  if (able.commandAlone) {
    cases.push_back(Case("command alone", {commandAlone}));
  }
  if (able.renamed) {
    cases.push_back(Case("renamed fields", {renamedFields}));
  }
  if (able.secrets) {
    cases.push_back(Case("secrets", {secrets}));
  }
  cases.push_back(Case("rollback", {rollback}));
  cases.push_back(Case("shared volume", {sharedVolume}));
  cases.push_back(Case("refusals", {refusals}));
  cases.push_back(Case("container paths", {containerPaths}));
  if (able.tellsRootfs) {
    cases.push_back(Case("sandbox directory", {sandboxDirectory}));
  }
  cases.push_back(Case("bad mountpoints", {badMountpoints}));
  cases.push_back(Case("failed unmount", {failedUnmount}));
  cases.push_back(Case("parameters", {parameters}));
  return cases;
}

} // namespace harness
