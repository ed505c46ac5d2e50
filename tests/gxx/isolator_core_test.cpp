// Tests of the isolator's part that knows no Mesos.
//
//     isolator_core_test CASE DIRECTORY
//
// runs one case in a directory that is its own, and prints `ok CASE`, or what did not hold and
// `FAIL CASE`. Each case gets a process: some of them change its limits, signals and descriptors.

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "checkpoint.hpp"
#include "command.hpp"
#include "driver_client.hpp"
#include "error.hpp"
#include "settings.hpp"
#include "shell.hpp"
#include "target.hpp"
#include "text.hpp"
#include "volume.hpp"
#include "volume_manager.hpp"

using namespace mesos_buildkit::dockervolume;

namespace {

typedef std::vector<std::string> Strings;

int failures = 0;
std::string work;

std::map<std::string, void (*)()>& cases()
{
  static std::map<std::string, void (*)()> all;
  return all;
}

struct Registration
{
  Registration(const char* name, void (*function)()) { cases()[name] = function; }
};

#define TEST(name) \
  void test_##name(); \
  const Registration registration_##name(#name, test_##name); \
  void test_##name()

#define CHECK(condition) \
  do { \
    if (!(condition)) { \
      ++failures; \
      std::cout << __FILE__ << ":" << __LINE__ << ": not so: " #condition << std::endl; \
    } \
  } while (false)

template <typename A, typename B>
void checkEqual(const A& actual, const B& expected, int line)
{
  if (!(actual == expected)) {
    ++failures;
    std::cout << __FILE__ << ":" << line << ": found\n  " << actual << "\nexpected\n  " << expected
              << std::endl;
  }
}

#define CHECK_EQUAL(actual, expected) checkEqual(actual, expected, __LINE__)

// The action has to throw Error with each of the parts in its message.
template <typename Action>
void checkThrows(Action action, const Strings& parts, int line)
{
  try {
    action();
  } catch (const Error& error) {
    const std::string message = error.what();
    for (const std::string& part : parts) {
      if (message.find(part) == std::string::npos) {
        ++failures;
        std::cout << __FILE__ << ":" << line << ": message without " << part << ": " << message
                  << std::endl;
      }
    }
    return;
  }
  ++failures;
  std::cout << __FILE__ << ":" << line << ": nothing was thrown, expected an error with "
            << join(parts, ", ") << std::endl;
}

#define CHECK_THROWS(action, ...) checkThrows([&]() { action; }, Strings{__VA_ARGS__}, __LINE__)


std::string readFile(const std::string& path)
{
  std::ifstream stream(path.c_str(), std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
}


void writeFile(const std::string& path, const std::string& text)
{
  std::ofstream stream(path.c_str(), std::ios::binary | std::ios::trunc);
  stream << text;
  stream.close();
  if (!stream) {
    std::cout << "cannot write " << path << std::endl;
    ::exit(2);
  }
}


bool exists(const std::string& path)
{
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0;
}


void makeDirectory(const std::string& path)
{
  if (::mkdir(path.c_str(), 0755) != 0) {
    std::cout << "cannot make " << path << std::endl;
    ::exit(2);
  }
}


EnvironmentVariable text(const std::string& name, const std::string& value)
{
  return EnvironmentVariable{name, value, EnvironmentVariable::TEXT};
}


VolumeRequest request(
    const std::string& name,
    const std::string& path = "",
    const Strings& options = Strings())
{
  VolumeRequest result;
  result.key = VolumeKey{"rexray", name};
  result.options = options;
  result.containerPath = path;
  return result;
}


// A driver program that keeps account: it refuses to mount what is mounted and to unmount what is
// not, and notes every call and every refusal in "calls". Files named ACTION-WHAT-NAME beside it
// make it misbehave.
const char STAND_IN[] = R"(#!/bin/sh
here=${0%/*}
action=$1
name=
for argument in "$@"; do
  case $argument in --volumename=*) name=${argument#--volumename=} ;; esac
done
echo "$*" >> "$here/calls"
if [ -e "$here/$action-kill-$name" ]; then kill -9 $PPID; sleep 1; exit 1; fi
if [ -e "$here/$action-fail-$name" ]; then echo "no such luck" >&2; exit 4; fi
if [ -e "$here/$action-spoil-$name" ]; then mkdir "$here/state/mounts.tmp"; fi
case $action in
mount)
  mkdir "$here/mounted-$name" || { echo "TWICE $name" >> "$here/calls"; exit 5; }
  if [ -e "$here/mount-print-$name" ]; then cat "$here/mount-print-$name"; exit 0; fi
  echo "$here/mounted-$name" ;;
unmount)
  rmdir "$here/mounted-$name" || { echo "NEVER $name" >> "$here/calls"; exit 6; } ;;
esac
)";


// A manager with its driver and its state below the work directory; another one of the same name is
// the agent after a restart.
class Bench
{
public:
  Bench()
  {
    if (!exists(work + "/driver")) {
      writeFile(work + "/driver", STAND_IN);
      ::chmod((work + "/driver").c_str(), 0755);
      makeDirectory(work + "/sandbox");
    }
    restart();
  }

  void restart()
  {
    Settings settings;
    settings.command = work + "/driver";
    settings.checkpointDir = work + "/state";
    settings.timeout = std::chrono::seconds(60);
    settings.sandboxInRootfs = "/mnt/sandbox";
    manager.reset(new VolumeManager(
        settings, [this](const std::string& message) { warnings.push_back(message); }));
  }

  std::vector<Bind> prepare(
      const std::string& container, const std::vector<VolumeRequest>& requests)
  {
    return manager->prepare(container, requests, ContainerPlace{work + "/sandbox", ""});
  }

  // Every call since last asked: "mount a", "unmount a", and so on.
  std::string calls()
  {
    std::istringstream stream(readFile(work + "/calls"));
    ::unlink((work + "/calls").c_str());
    Strings result;
    std::string line;
    while (std::getline(stream, line)) {
      const std::string::size_type name = line.find("--volumename=");
      if (name == std::string::npos) {
        result.push_back(line);
      } else {
        const std::string rest = line.substr(name + 13);
        result.push_back(line.substr(0, line.find(' ')) + " " + rest.substr(0, rest.find(' ')));
      }
    }
    return join(result, ", ");
  }

  void misbehave(const std::string& how, const std::string& content = "")
  {
    writeFile(work + "/" + how, content);
  }

  void behave(const std::string& how) { ::unlink((work + "/" + how).c_str()); }

  // What the file says, a record a piece: "mounted c1 a".
  std::string records()
  {
    static const char* const STATES[] = {"mounting", "mounted", "stale"};
    Strings result;
    for (const Record& record : Checkpoint(work + "/state").load()) {
      result.push_back(
          std::string(STATES[record.state]) + " " + record.container + " " + record.key.name);
    }
    return join(result, ", ");
  }

  std::unique_ptr<VolumeManager> manager;
  Strings warnings;
};


Strings lines(const std::string& text)
{
  Strings result = split(text, '\n');
  result.pop_back();
  return result;
}


CommandResult sh(const std::string& script, int seconds = 60)
{
  CommandRunner runner;
  return runner.run({"/bin/sh", "-c", script}, std::chrono::seconds(seconds));
}


// Gone, or a zombie that nobody has collected yet.
bool isDead(const std::string& pid)
{
  const std::string status = readFile("/proc/" + pid + "/stat");
  return status.empty() || status.find(") Z ") != std::string::npos;
}

} // namespace


// ------------------------------------------------------------------------------------ environment

TEST(volumes_are_read_in_the_order_of_their_suffixes)
{
  const std::vector<VolumeRequest> found = parseVolumes({
      text("PATH", "/bin"),
      text("DVDI_VOLUME_NAME9", "last"),
      text("DVDI_VOLUME_CONTAINERPATH", "/data//deep/"),
      text("DVDI_VOLUME_OPTS", "size=5,iops=100,from=a:/b@c+d"),
      text("DVDI_VOLUME_NAME", "first"),
      text("DVDI_VOLUME_DRIVER9", "convoy"),
      text("DVDI_VOLUME_NAME2", "second.v-2_x"),
      text("DVDI_VOLUME_CONTAINERPATH2", "in/sandbox"),
      text("DVDI_VOLUME_OPTS2", "")});
  CHECK_EQUAL(found.size(), 3u);
  CHECK(found[0].key == (VolumeKey{"rexray", "first"}));
  CHECK_EQUAL(join(found[0].options, " "), "size=5 iops=100 from=a:/b@c+d");
  CHECK_EQUAL(found[0].containerPath, "/data/deep");
  CHECK(found[1].key == (VolumeKey{"rexray", "second.v-2_x"}));
  CHECK(found[1].options.empty());
  CHECK_EQUAL(found[1].containerPath, "in/sandbox");
  CHECK(found[2].key == (VolumeKey{"convoy", "last"}));
  CHECK_EQUAL(found[2].containerPath, "");
}


TEST(an_environment_without_volumes_asks_for_none)
{
  CHECK(parseVolumes({text("PATH", "/bin"), text("MY_DVDI_VOLUME_NAME", "x")}).empty());
  CHECK(!mentionsVolumes({text("PATH", "/bin")}));
  CHECK(mentionsVolumes({text("PATH", "/bin"), text("DVDI_ANYTHING", "")}));
}


TEST(bad_environments_are_refused_by_name)
{
  struct { std::vector<EnvironmentVariable> environment; Strings parts; } const table[] = {
    {{text("DVDI_VOLUME_NAME", "")}, {"DVDI_VOLUME_NAME: ''"}},
    {{text("DVDI_VOLUME_NAME", "-x")}, {"DVDI_VOLUME_NAME: '-x'"}},
    {{text("DVDI_VOLUME_NAME", ".x")}, {"'.x'"}},
    {{text("DVDI_VOLUME_NAME", "a/b")}, {"'a/b'"}},
    {{text("DVDI_VOLUME_NAME", "a;reboot")}, {"'a;reboot'"}},
    {{text("DVDI_VOLUME_NAME", "a\nb")}, {"'a\\x0ab'"}},
    {{text("DVDI_VOLUME_NAME", std::string("a\0b", 3))}, {"'a\\x00b'"}},
    {{text("DVDI_VOLUME_NAME", "\xc3\xa4")}, {"'\\xc3\\xa4'"}},
    {{text("DVDI_VOLUME_NAME", std::string(256, 'a'))}, {"1 to 255"}},
    {{text("DVDI_VOLUME_NAME3", "a"), text("DVDI_VOLUME_DRIVER3", "")},
     {"DVDI_VOLUME_DRIVER3: ''"}},
    {{text("DVDI_VOLUME_NAME", "a"), text("DVDI_VOLUME_DRIVER", "x y")}, {"DVDI_VOLUME_DRIVER"}},
    {{text("DVDI_VOLUME_NAME", "a"), text("DVDI_VOLUME_OPTS", "size")}, {"'size'", "key=value"}},
    {{text("DVDI_VOLUME_NAME", "a"), text("DVDI_VOLUME_OPTS", "a=1,,b=2")},
     {"DVDI_VOLUME_OPTS: ''"}},
    {{text("DVDI_VOLUME_NAME", "a"), text("DVDI_VOLUME_OPTS", "a=")}, {"'a='"}},
    {{text("DVDI_VOLUME_NAME", "a"), text("DVDI_VOLUME_OPTS", "=1")}, {"'=1'"}},
    {{text("DVDI_VOLUME_NAME", "a"), text("DVDI_VOLUME_OPTS", "a=b c")}, {"'a=b c'"}},
    {{text("DVDI_VOLUME_NAME", "a"), text("DVDI_VOLUME_OPTS", "a=b=c")}, {"'a=b=c'"}},
    {{text("DVDI_VOLUME_NAME", "a"), text("DVDI_VOLUME_OPTS", "a=1,a=2")}, {"'a' is given twice"}},
    {{text("DVDI_VOLUME_NAME", "a"), text("DVDI_VOLUME_CONTAINERPATH", "")}, {"CONTAINERPATH: ''"}},
    {{text("DVDI_VOLUME_NAME", "a"), text("DVDI_VOLUME_CONTAINERPATH", "/")}, {"root directory"}},
    {{text("DVDI_VOLUME_NAME", "a"), text("DVDI_VOLUME_CONTAINERPATH", "//")}, {"root directory"}},
    {{text("DVDI_VOLUME_NAME", "a"), text("DVDI_VOLUME_CONTAINERPATH", "/a/../b")}, {"'..'"}},
    {{text("DVDI_VOLUME_NAME", "a"), text("DVDI_VOLUME_CONTAINERPATH", "..")}, {"'..'"}},
    {{text("DVDI_VOLUME_NAME", "a"), text("DVDI_VOLUME_CONTAINERPATH", "./b")}, {"'.'"}},
    {{text("DVDI_VOLUME_NAME", "a"), text("DVDI_VOLUME_CONTAINERPATH", "/a'b")}, {"CONTAINERPATH"}},
    {{text("DVDI_VOLUME_NAME", "a"), text("DVDI_VOLUME_CONTAINERPATH", "/a b")}, {"'/a b'"}},
    {{text("DVDI_VOLUME_NAME", "a"), text("DVDI_VOLUME_NAME", "b")}, {"given twice"}},
    {{text("DVDI_VOLUME_NAME", "a"), text("DVDI_VOLUME_NAME1", "a")},
     {"DVDI_VOLUME_NAME1", "'rexray/a'", "twice"}},
    {{text("DVDI_VOLUME_DRIVER1", "a")},
     {"DVDI_VOLUME_DRIVER1 is set", "DVDI_VOLUME_NAME1 is not"}},
    {{text("DVDI_VOLUME_CONTANERPATH", "/a")}, {"'DVDI_VOLUME_CONTANERPATH' is not known"}},
    {{text("DVDI_VOLUME_NAME0", "a")}, {"not known"}},
    {{text("DVDI_VOLUME_NAME10", "a")}, {"not known"}},
    {{text("DVDI_VOLUME_NAME01", "a")}, {"not known"}},
    {{EnvironmentVariable{"DVDI_VOLUME_NAME", "", EnvironmentVariable::SECRET}},
     {"DVDI_VOLUME_NAME is a secret"}},
    {{EnvironmentVariable{"DVDI_VOLUME_NAME", "", EnvironmentVariable::NO_VALUE}},
     {"has no value"}}};
  for (const auto& row : table) {
    checkThrows([&]() { parseVolumes(row.environment); }, row.parts, __LINE__);
  }
}


TEST(a_secret_that_is_not_ours_does_not_matter)
{
  CHECK(parseVolumes({EnvironmentVariable{"PASSWORD", "", EnvironmentVariable::SECRET}}).empty());
}


TEST(only_plain_absolute_paths_are_mountpoints)
{
  validateMountpoint("/var/lib/x/volumes/a=b,c~d%20/data", "x");
  for (const std::string& bad : Strings{
           "", "/", "//", "relative", "/a b", "/a\n/b", "/a'b", "/a/../b", "/a/.", "/\xff",
           std::string("/a\0", 3), "/" + std::string(5000, 'a')}) {
    checkThrows([&]() { validateMountpoint(bad, "origin"); }, {"origin: "}, __LINE__);
  }
}


TEST(messages_cannot_forge_log_lines)
{
  CHECK_EQUAL(shown("a\nE0101 fake\x1b"), "'a\\x0aE0101 fake\\x1b'");
  CHECK(shown(std::string(100000, 'x')).size() < 300);
}


TEST(options_are_the_same_in_any_order)
{
  CHECK(sameOptions({"a=1", "b=2"}, {"b=2", "a=1"}));
  CHECK(!sameOptions({"a=1"}, {"a=1", "b=2"}));
}


TEST(parameters_are_checked)
{
  const Settings defaults = parseSettings({});
  CHECK_EQUAL(defaults.command, "/usr/bin/dvdcli");
  CHECK_EQUAL(defaults.checkpointDir, "/var/run/mesos/isolators/dockervolume");
  CHECK_EQUAL(defaults.timeout.count(), 120);

  const Settings given = parseSettings({{"timeout_secs", "7"}, {"checkpoint_dir", "/a/b/"}});
  CHECK_EQUAL(given.timeout.count(), 7);
  CHECK_EQUAL(given.checkpointDir, "/a/b");

  CHECK_THROWS(parseSettings({{"comand", "/x"}}), "'comand' is not known");
  CHECK_THROWS(parseSettings({{"command", "/x"}, {"command", "/y"}}), "command is given twice");
  CHECK_THROWS(parseSettings({{"command", "dvdcli"}}), "command", "absolute");
  CHECK_THROWS(parseSettings({{"checkpoint_dir", "/"}}), "checkpoint_dir");
  CHECK_THROWS(parseSettings({{"checkpoint_dir", "/a/../b"}}), "checkpoint_dir");
  for (const std::string& bad : Strings{
           "", "0", "-1", "3601", "10s", " 5", "99999999999999999999"}) {
    checkThrows([&]() { parseSettings({{"timeout_secs", bad}}); }, {"timeout_secs"}, __LINE__);
  }
}


// ------------------------------------------------------------------------------------- checkpoint

TEST(a_checkpoint_survives_being_written_and_read)
{
  const Checkpoint checkpoint(work + "/some/where");
  CHECK(checkpoint.load().empty());

  Record odd;
  odd.state = Record::MOUNTED;
  odd.container = std::string("a b\n%c\0\xff", 8);
  odd.key = VolumeKey{"%", "end 1"};
  odd.options = {"k=v", "x=1"};
  odd.mountpoint = "/m%20";
  Record bare;
  bare.state = Record::MOUNTING;
  bare.container = "c";
  bare.key = VolumeKey{"d", "n"};
  checkpoint.save({odd, bare});

  const std::vector<Record> found = checkpoint.load();
  CHECK_EQUAL(found.size(), 2u);
  CHECK_EQUAL(found[0].state, Record::MOUNTED);
  CHECK_EQUAL(found[0].container, odd.container);
  CHECK(found[0].key == odd.key);
  CHECK(found[0].options == odd.options);
  CHECK_EQUAL(found[0].mountpoint, odd.mountpoint);
  CHECK_EQUAL(found[1].state, Record::MOUNTING);
  CHECK(found[1].options.empty());
  CHECK_EQUAL(found[1].mountpoint, "");
  CHECK_EQUAL(lines(readFile(checkpoint.path()))[0], "mesos-buildkit-dockervolume-checkpoint 1");
  CHECK(!exists(checkpoint.path() + ".tmp"));

  checkpoint.save({});
  CHECK(checkpoint.load().empty());
}


TEST(a_checkpoint_that_was_not_written_here_is_refused_with_its_line)
{
  const std::string head = "mesos-buildkit-dockervolume-checkpoint 1\n";
  const std::string good = "mounted c d n % /m\n";
  struct { std::string content; Strings parts; } const table[] = {
    {"", {"mounts:1:"}},
    {"rubbish\n", {"mounts:1:", "'rubbish'"}},
    {"mesos-buildkit-dockervolume-checkpoint\nend 0\n", {"mounts:1:", "not a checkpoint"}},
    {"mesos-buildkit-dockervolume-checkpoint 0\nend 0\n", {"mounts:1:", "from 1 to 1"}},
    {"mesos-buildkit-dockervolume-checkpoint 01\nend 0\n", {"mounts:1:", "from 1 to 1"}},
    {"mesos-buildkit-dockervolume-checkpoint \nend 0\n", {"mounts:1:", "from 1 to 1"}},
    {"mesos-buildkit-dockervolume-checkpoint 2x\nend 0\n", {"mounts:1:", "from 1 to 1"}},
    {"mesos-buildkit-dockervolume-checkpoint -2\nend 0\n", {"mounts:1:", "from 1 to 1"}},
    {"mesos-buildkit-dockervolume-checkpoint 1 \nend 0\n", {"mounts:1:"}},
    {head, {"mounts:2:", "too early"}},
    {head + "end 0", {"mounts:2:", "too early"}},
    {head + good, {"mounts:3:", "too early"}},
    {head + good + "end 2\n", {"mounts:3:", "'end 2' after 1"}},
    {head + good + "end 1\nmore\n", {"mounts:4:"}},
    {head + good + "mounted c d n %\nend 2\n", {"mounts:3:", "expected 6 fields, found 5"}},
    {head + "gone c d n % /m\nend 1\n", {"mounts:2:", "'gone'"}},
    {head + "mounted c d n % %\nend 1\n", {"mounts:2:", "must have a mountpoint"}},
    {head + "mounted c d n % m\nend 1\n", {"mounts:2", "'m' is not a mountpoint"}},
    {head + "mounted % d n % /m\nend 1\n", {"mounts:2:", "must not be empty"}},
    {head + "mounted c%2 d n % /m\nend 1\n", {"mounts:2:", "'c%2'"}},
    {head + "mounted c%zz d n % /m\nend 1\n", {"mounts:2:", "escaped"}},
    {head + "mounted c\td n % /m\nend 1\n", {"mounts:2:"}},
    {head + "\nend 0\n", {"mounts:2:"}}};
  const Checkpoint checkpoint(work);
  for (const auto& row : table) {
    writeFile(work + "/mounts", row.content);
    checkThrows([&]() { checkpoint.load(); }, row.parts, __LINE__);
  }
  writeFile(work + "/mounts", head + good + "end 1\n");
  CHECK_EQUAL(checkpoint.load().size(), 1u);
}


// The bytes of a file of version 1 as module 1.0.0 wrote it. They stay as they are, however the
// format goes on: a newer module has to read them.
const char VERSION_1[] =
  "mesos-buildkit-dockervolume-checkpoint 1\n"
  "mounting c1 rexray a size=5,iops=100 %\n"
  "mounted c2 rexray b % /var/lib/rexray/volumes/b\n"
  "mounted c%203 convoy b k=v /mnt/%25\n"
  "stale c4 rexray d % /var/lib/rexray/volumes/d\n"
  "end 4\n";


TEST(a_checkpoint_of_version_1_is_read_by_this_module)
{
  writeFile(work + "/mounts", VERSION_1);
  const std::vector<Record> found = Checkpoint(work).load();
  CHECK_EQUAL(found.size(), 4u);
  CHECK_EQUAL(found[0].state, Record::MOUNTING);
  CHECK_EQUAL(found[0].container, "c1");
  CHECK(found[0].options == Strings({"size=5", "iops=100"}));
  CHECK_EQUAL(found[1].state, Record::MOUNTED);
  CHECK(found[1].key == (VolumeKey{"rexray", "b"}));
  CHECK_EQUAL(found[1].mountpoint, "/var/lib/rexray/volumes/b");
  CHECK_EQUAL(found[2].container, "c 3");
  CHECK(found[2].key == (VolumeKey{"convoy", "b"}));
  CHECK_EQUAL(found[2].mountpoint, "/mnt/%");
  CHECK_EQUAL(found[3].state, Record::STALE);
}


TEST(a_checkpoint_of_a_newer_version_is_refused_with_the_way_out)
{
  // The rest of a newer file may look like anything.
  const char* const contents[] = {
    "2\nend 0\n", "2", "10\nmounted\n", "2 since=1.4.0\nrecord {}\n",
    "99999999999999999999999999\n"};
  for (const char* const content : contents) {
    writeFile(
        work + "/mounts", std::string("mesos-buildkit-dockervolume-checkpoint ") + content);
    checkThrows(
        [&]() { Checkpoint(work).load(); },
        {"mounts:1:", "of a newer module", "up to 1", "nothing was unmounted",
         "install the newer module again"},
        __LINE__);
  }
}


TEST(a_checkpoint_that_cannot_be_opened_is_not_an_empty_one)
{
  CHECK_EQUAL(::symlink("/dev/null", (work + "/mounts").c_str()), 0);
  CHECK_THROWS(Checkpoint(work).load(), "cannot open", "/mounts");
  CHECK_THROWS(Checkpoint("/dev/null/x").save({}), "cannot make directory");
}


TEST(a_full_disk_leaves_the_old_checkpoint)
{
  Bench bench;
  bench.prepare("c1", {request("a")});
  const std::string before = readFile(work + "/state/mounts");
  bench.calls();

  ::signal(SIGXFSZ, SIG_IGN);
  rlimit limit;
  ::getrlimit(RLIMIT_FSIZE, &limit);
  rlimit small = limit;
  small.rlim_cur = 20;
  ::setrlimit(RLIMIT_FSIZE, &small);
  CHECK_THROWS(bench.prepare("c2", {request("b")}), "cannot write", "mounts.tmp");
  ::setrlimit(RLIMIT_FSIZE, &limit);

  // The program notes its calls in a file too, but what it mounts is a directory.
  CHECK(!exists(work + "/mounted-b"));
  CHECK_EQUAL(readFile(work + "/state/mounts"), before);
  CHECK(!exists(work + "/state/mounts.tmp"));

  // With room again all is as if the second container had never been asked for.
  CHECK_EQUAL(bench.prepare("c2", {request("b")}).size(), 0u);
  CHECK_EQUAL(bench.records(), "mounted c1 a, mounted c2 b");
}


// ---------------------------------------------------------------------------------------- command

TEST(a_command_gives_its_output_and_its_end)
{
  const CommandResult good = sh("echo out; echo err >&2");
  CHECK(good.succeeded());
  CHECK_EQUAL(good.output, "out\n");
  CHECK_EQUAL(good.errorTail, "err\n");

  const CommandResult bad = sh("echo 'went wrong' >&2; exit 3");
  CHECK(!bad.succeeded());
  CHECK_EQUAL(bad.describe(), "exited with 3: 'went wrong'");

  const CommandResult killed = sh("kill -KILL $$");
  CHECK_EQUAL(killed.describe(), "was ended by signal 9, with nothing on standard error");

  CommandRunner runner;
  CHECK_THROWS(runner.run({work + "/none"}, std::chrono::seconds(5)), "/none'", "No such file");
}


TEST(a_command_gets_its_arguments_untouched)
{
  CommandRunner runner;
  const CommandResult result = runner.run(
      {"/usr/bin/printf", "[%s]", "a b", "$(id)", "'\"", ""}, std::chrono::seconds(60));
  CHECK_EQUAL(result.output, "[a b][$(id)]['\"][]");
}


TEST(a_flood_of_output_neither_blocks_nor_fills_memory)
{
  const CommandResult result =
    sh("i=0; while [ $i -lt 3000 ]; do i=$((i+1)); "
       "echo 01234567890123456789012345678901234567890123456789; echo line $i >&2; done");
  CHECK_EQUAL(result.ending, CommandResult::EXITED);
  CHECK(result.outputTooLong);
  CHECK(!result.succeeded());
  CHECK_EQUAL(result.output.size(), 65536u);
  CHECK(result.errorTail.size() <= 2048u);
  CHECK(result.describe().find("line 3000'") != std::string::npos);
}


TEST(all_of_64_kib_arrive)
{
  const CommandResult result = sh("head -c 65536 /dev/zero");
  CHECK_EQUAL(result.output.size(), 65536u);
  CHECK(result.succeeded());
}


TEST(a_command_that_hangs_is_killed_with_its_children)
{
  const CommandResult result = sh(
      "trap '' TERM; "
      "sh -c 'trap \"\" TERM; echo $$ > " + work + "/child; while :; do sleep 1; done' & "
      "echo $$ > " + work + "/self; while :; do sleep 1; done", 1);
  CHECK_EQUAL(result.ending, CommandResult::TIMED_OUT);
  CHECK(!result.succeeded());
  for (const char* name : {"/self", "/child"}) {
    const std::string pid = lines(readFile(work + name))[0];
    for (int i = 0; i < 500 && !isDead(pid); ++i) {
      ::usleep(20000);
    }
    CHECK(isDead(pid));
  }
  // Collected, too: there is no child left to wait for.
  CHECK_EQUAL(::waitpid(-1, nullptr, WNOHANG), -1);
}


TEST(what_a_command_leaves_running_is_not_waited_for)
{
  const CommandResult result = sh("sleep 300 & echo $! > " + work + "/daemon; echo done", 200);
  CHECK(result.succeeded());
  CHECK_EQUAL(result.output, "done\n");
  const std::string pid = lines(readFile(work + "/daemon"))[0];
  CHECK(!isDead(pid));
  ::kill(static_cast<pid_t>(std::stol(pid)), SIGKILL);
}


TEST(a_command_does_not_inherit_signal_settings)
{
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGTERM, SIG_IGN);
  const CommandResult term = sh("kill -TERM $$; echo survived");
  CHECK_EQUAL(term.ending, CommandResult::SIGNALED);
  CHECK_EQUAL(term.status, SIGTERM);
  CHECK_EQUAL(sh("kill -PIPE $$; echo survived").status, SIGPIPE);
}


TEST(a_command_inherits_no_descriptors_and_reads_nothing)
{
  // Number 3 is the directory that ls reads.
  CHECK_EQUAL(sh("exec ls /proc/self/fd").output, "0\n1\n2\n3\n");
  CHECK_EQUAL(sh("wc -c").output, "0\n");
}


TEST(a_command_runs_where_standard_descriptors_are_closed)
{
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(0);
    ::close(1);
    ::close(2);
    const CommandResult result = sh("echo out; echo err >&2");
    ::_exit(result.output == "out\n" && result.errorTail == "err\n" ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  CHECK_EQUAL(status, 0);
}


TEST(a_lost_exit_status_is_not_a_success)
{
  ::signal(SIGCHLD, SIG_IGN);
  const CommandResult result = sh("exit 0");
  CHECK_EQUAL(result.ending, CommandResult::LOST);
  CHECK(!result.succeeded());
}


// ---------------------------------------------------------------------------------------- targets

TEST(container_paths_lead_to_the_right_directories)
{
  const ContainerPlace bare{"/sandbox", ""};
  const ContainerPlace image{"/sandbox", "/image"};
  CHECK_EQUAL(locateTarget("/data", bare, "/mnt/s").path, "/data");
  CHECK_EQUAL(locateTarget("/data", image, "/mnt/s").path, "/image/data");
  CHECK_EQUAL(locateTarget("data/x", bare, "/mnt/s").path, "/sandbox/data/x");
  CHECK_EQUAL(locateTarget("data/x", image, "/mnt/s").path, "/image/mnt/s/data/x");
  CHECK_EQUAL(locateTarget("data/x", image, "/mnt/s").base, "/sandbox");
}


TEST(targets_are_made_without_following_links)
{
  makeDirectory(work + "/sandbox");
  makeDirectory(work + "/outside");
  CHECK_EQUAL(::symlink("../outside", (work + "/sandbox/link").c_str()), 0);
  writeFile(work + "/sandbox/file", "");
  const ContainerPlace place{work + "/sandbox", ""};

  provideTarget(locateTarget("a/b", place, "/s"));
  provideTarget(locateTarget("a/b", place, "/s"));
  CHECK(exists(work + "/sandbox/a/b"));
  CHECK_THROWS(
      provideTarget(locateTarget("link/x", place, "/s")), "/sandbox/link'", "symbolic link");
  CHECK_THROWS(provideTarget(locateTarget("link", place, "/s")), "symbolic link");
  CHECK_THROWS(provideTarget(locateTarget("file", place, "/s")), "/sandbox/file'");
  CHECK(!exists(work + "/outside/x"));

  CHECK_THROWS(
      provideTarget(locateTarget(work + "/none", place, "/s")), "/none'", "without a root");
  CHECK_THROWS(
      provideTarget(locateTarget(work + "/sandbox/file", place, "/s")), "not a directory");
  CHECK(!exists(work + "/none"));
}


TEST(shell_commands_quote_and_refuse)
{
  CHECK_EQUAL(bindCommand(Bind{"/a", "/b c"}), "mount -n --rbind '/a' '/b c'");
  CHECK_EQUAL(quoted("it's"), "'it'\\''s'");
  CHECK_EQUAL(sh("printf %s " + quoted("a'$(id)\\ \"")).output, "a'$(id)\\ \"");

  char own[PATH_MAX];
  char host[PATH_MAX];
  const ssize_t ownSize = ::readlink("/proc/self/ns/mnt", own, sizeof(own));
  const ssize_t hostSize = ::readlink("/proc/1/ns/mnt", host, sizeof(host));
  const bool apart = ownSize > 0 && hostSize > 0 &&
                     std::string(own, static_cast<std::size_t>(ownSize)) !=
                       std::string(host, static_cast<std::size_t>(hostSize));
  const CommandResult result = sh(refuseHostNamespaceCommand() + " && echo went on");
  CHECK_EQUAL(result.output, apart ? "went on\n" : "");
  CHECK_EQUAL(result.status, apart ? 0 : 1);
  CHECK_EQUAL(result.errorTail.find("dockervolume: refusing") == 0, !apart);

  // Here it may change nothing, so it is only held to be a command that a shell can read.
  CHECK_EQUAL(sh("if false; then " + unshareCommand() + " && true; fi").status, 0);
}


// ---------------------------------------------------------------------------------------- manager

TEST(a_volume_is_mounted_for_its_first_user_and_unmounted_after_its_last)
{
  Bench bench;
  const std::vector<Bind> first = bench.prepare("c1", {request("a", "x"), request("b")});
  CHECK_EQUAL(bench.calls(), "mount a, mount b");
  CHECK_EQUAL(first.size(), 1u);
  CHECK_EQUAL(first[0].source, work + "/mounted-a");
  CHECK_EQUAL(first[0].target, work + "/sandbox/x");
  CHECK_EQUAL(bench.records(), "mounted c1 a, mounted c1 b");

  const std::vector<Bind> second = bench.prepare("c2", {request("a", "y")});
  CHECK_EQUAL(second[0].source, work + "/mounted-a");
  CHECK_EQUAL(bench.calls(), "");
  CHECK_EQUAL(bench.records(), "mounted c1 a, mounted c1 b, mounted c2 a");

  bench.manager->cleanup("c1");
  CHECK_EQUAL(bench.calls(), "unmount b");
  bench.manager->cleanup("c1");
  bench.manager->cleanup("never seen");
  CHECK_EQUAL(bench.calls(), "");
  bench.manager->cleanup("c2");
  CHECK_EQUAL(bench.calls(), "unmount a");
  CHECK_EQUAL(bench.records(), "");
  CHECK(bench.warnings.empty());
}


TEST(the_program_gets_every_option)
{
  Bench bench;
  bench.prepare("c1", {request("a", "", {"size=5", "iops=100"})});
  CHECK_EQUAL(
      readFile(work + "/calls"),
      "mount --volumedriver=rexray --volumename=a --volumeopts=size=5 --volumeopts=iops=100\n");
  bench.calls();
  bench.manager->cleanup("c1");
  CHECK_EQUAL(readFile(work + "/calls"), "unmount --volumedriver=rexray --volumename=a\n");
}


TEST(nothing_is_mounted_before_everything_is_checked)
{
  Bench bench;
  bench.prepare("c0", {request("used", "", {"size=1"})});
  bench.calls();

  CHECK_THROWS(bench.prepare("c1", {request("a", "x"), request("b", work + "/none")}), "/none");
  CHECK_THROWS(bench.prepare("c1", {request("a", "x"), request("b", "x")}), "the same");
  CHECK_THROWS(bench.prepare("c1", {request("a", "x"), request("b", "x/y")}), "below");
  CHECK_THROWS(bench.prepare("c1", {request("a", "x/y"), request("b", "x")}), "below");
  CHECK_THROWS(
      bench.prepare("c1", {request("a"), request("used", "", {"size=2"})}),
      "'rexray/used'", "'c0'", "'size=1'", "'size=2'");
  CHECK_THROWS(bench.prepare("c0", {request("a")}), "'c0' was prepared before");
  CHECK_EQUAL(bench.calls(), "");
  CHECK_EQUAL(bench.records(), "mounted c0 used");

  // Paths that only begin alike, the same options, and no options at all are fine.
  bench.prepare("c1", {request("a", "x"), request("b", "xy"), request("used", "", {"size=1"})});
  bench.prepare("c2", {request("used")});
  CHECK_EQUAL(bench.calls(), "mount a, mount b");
}


TEST(the_intent_is_on_disk_before_the_mount)
{
  Bench bench;
  bench.misbehave("mount-kill-b");
  const pid_t child = ::fork();
  if (child == 0) {
    bench.prepare("c1", {request("a"), request("b"), request("c")});
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  CHECK_EQUAL(bench.calls(), "mount a, mount b");
  CHECK_EQUAL(bench.records(), "mounting c1 a, mounting c1 b, mounting c1 c");
  CHECK(exists(work + "/mounted-a"));

  bench.behave("mount-kill-b");
  bench.restart();
  bench.manager->recover({});
  CHECK(!exists(work + "/mounted-a"));
  // Whether the other two were mounted nobody can know; the program says no, so they stay.
  CHECK_EQUAL(bench.calls(), "unmount a, unmount b, NEVER b, unmount c, NEVER c");
  CHECK_EQUAL(bench.records(), "stale c1 b, stale c1 c");
  CHECK_EQUAL(bench.warnings.size(), 2u);
}


TEST(a_failed_prepare_takes_back_what_it_mounted_and_nothing_else)
{
  Bench bench;
  bench.prepare("c0", {request("shared")});
  bench.calls();
  bench.misbehave("mount-fail-b");
  CHECK_THROWS(
      bench.prepare("c1", {request("shared"), request("a"), request("b"), request("c")}),
      "mounting volume 'rexray/b' failed", "exited with 4", "no such luck");
  CHECK_EQUAL(bench.calls(), "mount a, mount b, unmount a");
  CHECK_EQUAL(bench.records(), "mounted c0 shared");

  // Nothing of it is left, so it can be tried again.
  bench.behave("mount-fail-b");
  bench.prepare("c1", {request("a"), request("b")});
  CHECK_EQUAL(bench.calls(), "mount a, mount b");
  CHECK(bench.warnings.empty());
}


TEST(a_rollback_that_fails_leaves_a_stale_record)
{
  Bench bench;
  bench.misbehave("mount-fail-b");
  bench.misbehave("unmount-fail-a");
  CHECK_THROWS(bench.prepare("c1", {request("a"), request("b")}), "mounting volume 'rexray/b'");
  CHECK_EQUAL(bench.records(), "stale c1 a");
  CHECK_EQUAL(bench.warnings.size(), 1u);
  CHECK(bench.warnings[0].find("'rexray/a'") != std::string::npos);

  bench.behave("unmount-fail-a");
  bench.calls();
  bench.manager->cleanup("c1");
  CHECK_EQUAL(bench.calls(), "unmount a");
  CHECK_EQUAL(bench.records(), "");
}


TEST(a_mount_of_unknown_outcome_is_unmounted)
{
  Bench bench;
  for (const std::string& printed : Strings{"", "relative\n", "/one\n/two\n", "/a b\n", "/a;b\n"}) {
    bench.misbehave("mount-print-a", printed);
    CHECK_THROWS(bench.prepare("c1", {request("a")}), "rexray/a", "is not a mountpoint");
    CHECK_EQUAL(bench.calls(), "mount a, unmount a");
    CHECK(!exists(work + "/mounted-a"));
    CHECK_EQUAL(bench.records(), "");
  }
}


TEST(a_mount_that_cannot_be_recorded_is_taken_back)
{
  Bench bench;
  bench.misbehave("mount-spoil-a");
  CHECK_THROWS(bench.prepare("c1", {request("a")}), "mounts.tmp");
  CHECK_EQUAL(bench.calls(), "mount a, unmount a");
  CHECK(!exists(work + "/mounted-a"));
  CHECK_EQUAL(bench.warnings.size(), 1u);

  // The intent could not be struck out. The next save does that.
  CHECK_EQUAL(bench.records(), "mounting c1 a");
  ::rmdir((work + "/state/mounts.tmp").c_str());
  bench.prepare("c2", {request("b")});
  CHECK_EQUAL(bench.records(), "mounted c2 b");
}


TEST(a_cleanup_that_cannot_be_recorded_says_so)
{
  Bench bench;
  bench.prepare("c1", {request("a")});
  makeDirectory(work + "/state/mounts.tmp");
  CHECK_THROWS(bench.manager->cleanup("c1"), "mounts.tmp");
  CHECK(!exists(work + "/mounted-a"));
  ::rmdir((work + "/state/mounts.tmp").c_str());
  bench.prepare("c2", {request("b")});
  CHECK_EQUAL(bench.records(), "mounted c2 b");
}


TEST(a_program_that_is_missing_mounts_nothing)
{
  Bench bench;
  bench.behave("driver");
  CHECK_THROWS(bench.prepare("c1", {request("a")}), "cannot run", "/driver'", "No such file");
  CHECK_EQUAL(bench.records(), "");
}


TEST(recovery_keeps_the_running_and_unmounts_the_rest)
{
  Bench bench;
  bench.prepare("running", {request("a"), request("shared")});
  bench.prepare("gone", {request("b"), request("shared")});
  bench.calls();

  bench.restart();
  bench.manager->recover({"running", "without volumes"});
  CHECK_EQUAL(bench.calls(), "unmount b");
  CHECK_EQUAL(bench.records(), "mounted running a, mounted running shared");

  // A new user of a recovered volume gets the mountpoint on record.
  const std::vector<Bind> binds = bench.prepare("new", {request("a", "x")});
  CHECK_EQUAL(bench.calls(), "");
  CHECK_EQUAL(binds[0].source, work + "/mounted-a");

  bench.manager->cleanup("running");
  CHECK_EQUAL(bench.calls(), "unmount shared");
  bench.manager->cleanup("new");
  CHECK_EQUAL(bench.calls(), "unmount a");
}


TEST(recovery_without_a_checkpoint_touches_nothing)
{
  Bench bench;
  bench.manager->recover({"c1"});
  CHECK(!exists(work + "/state"));
  CHECK_EQUAL(bench.calls(), "");
}


TEST(a_stale_volume_is_retried_by_the_orphans_cleanup)
{
  Bench bench;
  bench.prepare("orphan", {request("a")});
  bench.calls();
  bench.misbehave("unmount-fail-a");
  bench.restart();
  bench.manager->recover({});
  CHECK_EQUAL(bench.calls(), "unmount a");
  CHECK_EQUAL(bench.records(), "stale orphan a");
  CHECK_EQUAL(bench.warnings.size(), 1u);

  CHECK_THROWS(
      bench.manager->cleanup("orphan"), "unmounting volume 'rexray/a' failed", "no such luck");
  CHECK_EQUAL(bench.records(), "stale orphan a");
  bench.calls();

  bench.behave("unmount-fail-a");
  bench.manager->cleanup("orphan");
  CHECK_EQUAL(bench.calls(), "unmount a");
  CHECK_EQUAL(bench.records(), "");
}


TEST(a_stale_volume_is_retried_by_the_next_recovery)
{
  Bench bench;
  bench.prepare("orphan", {request("a")});
  bench.misbehave("unmount-fail-a");
  bench.restart();
  bench.manager->recover({});
  bench.behave("unmount-fail-a");
  bench.calls();
  bench.restart();
  // Even if the container is back: its volume was given up.
  bench.manager->recover({"orphan"});
  CHECK_EQUAL(bench.calls(), "unmount a");
  CHECK_EQUAL(bench.records(), "");
}


TEST(a_stale_record_is_no_user)
{
  Bench bench;
  bench.prepare("orphan", {request("a")});
  bench.misbehave("unmount-fail-a");
  bench.restart();
  bench.manager->recover({});
  bench.behave("unmount-fail-a");
  bench.calls();
  // A driver that restarted has forgotten the mount.
  ::rmdir((work + "/mounted-a").c_str());

  bench.prepare("c1", {request("a")});
  CHECK_EQUAL(bench.calls(), "mount a");
  bench.prepare("c2", {request("a")});
  // While others use the volume, giving it up again must not take it from them.
  bench.manager->cleanup("c2");
  CHECK_EQUAL(bench.calls(), "");
  CHECK_EQUAL(bench.records(), "mounted c1 a");
  bench.manager->cleanup("c1");
  CHECK_EQUAL(bench.calls(), "unmount a");
  CHECK_EQUAL(bench.records(), "");
}


TEST(the_last_cleanup_retires_older_stale_records)
{
  Bench bench;
  bench.prepare("orphan", {request("a")});
  bench.misbehave("unmount-fail-a");
  bench.restart();
  bench.manager->recover({});
  ::rmdir((work + "/mounted-a").c_str());
  bench.prepare("c1", {request("a")});
  CHECK_EQUAL(bench.records(), "stale orphan a, mounted c1 a");
  CHECK_THROWS(bench.manager->cleanup("c1"), "rexray/a");
  CHECK_EQUAL(bench.records(), "stale orphan a, stale c1 a");
  bench.behave("unmount-fail-a");
  bench.calls();
  bench.manager->cleanup("c1");
  CHECK_EQUAL(bench.calls(), "unmount a");
  CHECK_EQUAL(bench.records(), "");
}


TEST(an_unreadable_checkpoint_fails_every_call_and_is_left_alone)
{
  Bench bench;
  makeDirectory(work + "/state");
  const std::string content = "mesos-buildkit-dockervolume-checkpoint 9\nend 0\n";
  writeFile(work + "/state/mounts", content);
  CHECK_THROWS(bench.manager->recover({}), "mounts:1:", "version '9'", "newer module");
  CHECK_THROWS(bench.prepare("c1", {request("a")}), "mounts:1:");
  CHECK_THROWS(bench.manager->cleanup("c1"), "mounts:1:");
  CHECK_EQUAL(bench.calls(), "");
  CHECK_EQUAL(readFile(work + "/state/mounts"), content);
}


TEST(an_upgraded_module_keeps_the_mounts_on_an_older_record)
{
  Bench bench;
  bench.prepare("runs", {request("a")});
  bench.prepare("gone", {request("b")});
  const std::string mountpoint = Checkpoint(work + "/state").load()[0].mountpoint;
  const std::string gone = Checkpoint(work + "/state").load()[1].mountpoint;
  writeFile(
      work + "/state/mounts",
      "mesos-buildkit-dockervolume-checkpoint 1\n"
      "mounted runs rexray a % " + mountpoint + "\n"
      "mounted gone rexray b % " + gone + "\n"
      "end 2\n");
  bench.calls();
  bench.restart();
  bench.manager->recover({"runs"});
  CHECK_EQUAL(bench.calls(), "unmount b");
  CHECK_EQUAL(bench.records(), "mounted runs a");
  bench.manager->cleanup("runs");
  CHECK_EQUAL(bench.calls(), "unmount a");
}


TEST(a_module_that_was_rolled_back_touches_no_mount_of_the_newer_one)
{
  Bench bench;
  bench.prepare("runs", {request("a")});
  bench.calls();
  const std::string own = readFile(work + "/state/mounts");
  std::string newer = own;
  const std::string::size_type end = newer.find('\n');
  newer.replace(end - 1, 1, "2");
  writeFile(work + "/state/mounts", newer);

  bench.restart();
  // Neither of a container that is gone, nor by a cleanup, nor for one that is new.
  CHECK_THROWS(bench.manager->recover({}), "newer module");
  CHECK_THROWS(bench.manager->cleanup("runs"), "newer module");
  CHECK_THROWS(bench.prepare("c2", {request("b")}), "newer module");
  CHECK_EQUAL(bench.calls(), "");
  CHECK_EQUAL(readFile(work + "/state/mounts"), newer);
  CHECK(exists(work + "/mounted-a"));

  // With the newer module back, here one that knows the file, all is as it was.
  writeFile(work + "/state/mounts", own);
  bench.restart();
  bench.manager->recover({"runs"});
  CHECK_EQUAL(bench.calls(), "");
  CHECK_EQUAL(bench.records(), "mounted runs a");
}


TEST(threads_do_not_get_into_each_others_way)
{
  Bench bench;
  std::vector<std::thread> threads;
  std::vector<std::string> errors(6);
  for (std::size_t number = 0; number < errors.size(); ++number) {
    threads.push_back(std::thread([&bench, &errors, number]() {
      try {
        for (int turn = 0; turn < 5; ++turn) {
          const std::string container = "c" + std::to_string(number) + "-" + std::to_string(turn);
          const std::string own = "own" + std::to_string(number);
          const std::vector<Bind> binds = bench.prepare(
              container, {request("shared", container + "/s"), request(own, container + "/o")});
          if (!exists(binds[0].source) || !exists(binds[1].source)) {
            throw Error("a volume is not mounted");
          }
          bench.manager->cleanup(container);
        }
      } catch (const Error& error) {
        errors[number] = error.what();
      }
    }));
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const std::string& error : errors) {
    CHECK_EQUAL(error, "");
  }
  CHECK_EQUAL(bench.records(), "");
  const std::string calls = bench.calls();
  CHECK(calls.find("TWICE") == std::string::npos);
  CHECK(calls.find("NEVER") == std::string::npos);
  CHECK(!exists(work + "/mounted-shared"));
}


int main(int argc, char** argv)
{
  if (argc != 3 || cases().count(argv[1]) == 0) {
    std::cout << "usage: isolator_core_test CASE DIRECTORY" << std::endl;
    return 2;
  }
  work = argv[2];
  try {
    cases()[argv[1]]();
  } catch (const std::exception& error) {
    ++failures;
    std::cout << "unexpected: " << error.what() << std::endl;
  }
  std::cout << (failures == 0 ? "ok " : "FAIL ") << argv[1] << std::endl;
  return failures == 0 ? 0 : 1;
}
