#include "volume_bench.hpp"

#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "stand_in.hpp"
#include "text.hpp"

namespace harness {

namespace {

// Notes how it was called, as the stand-in for dvdcli does.
const char FAKE_MOUNT[] =
  "#!/bin/sh\n"
  "line=\n"
  "for argument in \"$@\"; do line=\"$line|$argument\"; done\n"
  "printf '%s\\n' \"${line#|}\" >> \"${0%/*}/mounts\"\n";

// Says that process 1 is in one mount namespace, and whoever asks for its own in the one told.
const char FAKE_READLINK[] =
  "#!/bin/sh\n"
  "case $1 in\n"
  "  /proc/1/ns/mnt) echo 'mnt:[1]' ;;\n"
  "  */ns/mnt) cat \"${0%/*}/namespace\" ;;\n"
  "  *) exit 1 ;;\n"
  "esac\n";

// What a command may do before it binds: keep its mounts from spreading.
const char MAKE_SLAVE[] = "-n|--make-rslave|/";

// What readlink prints in the host's mount namespace, and in one of the container's own.
const char HOST_NAMESPACE[] = "mnt:[1]\n";
const char OWN_NAMESPACE[] = "mnt:[2]\n";


std::vector<std::string> lines(const std::string& text)
{
  std::vector<std::string> result = split(text, '\n');
  result.pop_back();
  return result;
}


std::string listed(const std::vector<std::string>& texts)
{
  return texts.empty() ? "nothing" : "'" + join(texts, "', '") + "'";
}


std::string mismatch(
    const std::vector<std::string>& found, const std::vector<std::string>& expected)
{
  return "found " + listed(found) + "; expected " + listed(expected);
}

} // namespace


Bench::Bench(const Options& options, Recorder* recorder)
  : options_(options), recorder_(recorder), seen_(0)
{
  if (!exists(standIn(options))) {
    placeStandIn(options);
    makeDirectories(path("launcher"));
    writeFile(path("launcher/mount"), FAKE_MOUNT, 0755);
    writeFile(path("launcher/readlink"), FAKE_READLINK, 0755);
  }
  seen_ = peekCalls().size();
}


void Bench::start(const std::vector<std::string>& running, int timeoutSeconds)
{
  std::string why;
  subject_ = Subject::create(options_, parameters(timeoutSeconds), &why);
  recorder_->require(
      subject_.get() != nullptr, "create returns an isolator",
      why + ": see the module's own output for the reason");
  const Answer answer = subject_->recover(running, {});
  recorder_->require(answer.ready(), "recover succeeds", answer.describe());
}


std::unique_ptr<Subject> Bench::create(const std::vector<Pair>& parameters) const
{
  return Subject::create(options_, parameters);
}


std::vector<Pair> Bench::parameters(int timeoutSeconds) const
{
  std::vector<Pair> result = volumeParameters(options_, timeoutSeconds);
  for (const Pair& parameter : options_.parameters) {
    result.push_back(parameter);
  }
  return result;
}


Container Bench::container(const std::string& id, const std::vector<Pair>& environment) const
{
  Container result(id);
  result.directory = path("sandbox/" + id);
  result.taskEnvironment = environment;
  makeDirectories(result.directory);
  return result;
}


Launch Bench::prepare(const Container& container)
{
  Launch launch;
  const Answer answer = subject_->prepare(container, &launch);
  recorder_->require(answer.ready(), "prepare of " + container.id + " succeeds", answer.describe());
  return launch;
}


void Bench::cleanup(const std::string& id)
{
  const Answer answer = subject_->cleanup(id);
  recorder_->check(answer.ready(), "cleanup of " + id + " succeeds", answer.describe());
}


void Bench::refuse(
    const Container& container, const std::string& what, const std::string& message)
{
  Launch launch;
  const Answer answer = subject_->prepare(container, &launch);
  const std::vector<std::string> calls = peekCalls();
  seen_ += calls.size();
  recorder_->check(
      answer.failed() && contains(answer.message, message) && calls.empty(),
      "refuses " + what,
      answer.describe() + ", having run " + listed(calls) +
        "; expected a failure that mentions " + message + ", and no command");
}


void Bench::tell(const std::string& file, const std::string& content) const
{
  writeFile(standInFile(file), content);
}


void Bench::untell(const std::string& file) const
{
  ::unlink(standInFile(file).c_str());
}


std::string Bench::standInFile(const std::string& file) const
{
  return path("stand-in/" + file);
}


std::vector<std::string> Bench::peekCalls() const
{
  std::vector<std::string> calls = standInCalls(options_);
  calls.erase(calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(seen_));
  return calls;
}


void Bench::expectCalls(const std::vector<std::string>& expected, const std::string& name)
{
  const std::vector<std::string> found = peekCalls();
  seen_ += found.size();
  recorder_->check(found == expected, name, mismatch(found, expected));
}


void Bench::expectCallsAnyOrder(std::vector<std::string> expected, const std::string& name)
{
  std::vector<std::string> found = peekCalls();
  seen_ += found.size();
  std::sort(found.begin(), found.end());
  std::sort(expected.begin(), expected.end());
  recorder_->check(found == expected, name, mismatch(found, expected));
}


std::string Bench::mountCall(
    const std::string& volume, const std::vector<std::string>& options,
    const std::string& driver) const
{
  std::string call = "mount|--volumedriver=" + driver + "|--volumename=" + volume;
  for (const std::string& option : options) {
    call += "|--volumeopts=" + option;
  }
  return call;
}


std::string Bench::unmountCall(const std::string& volume, const std::string& driver) const
{
  return "unmount|--volumedriver=" + driver + "|--volumename=" + volume;
}


std::string Bench::mountpoint(const std::string& volume, const std::string& driver) const
{
  return standInFile("mnt/" + driver + "/" + volume);
}


void Bench::expectNoLaunch(const Launch& launch, const std::string& name)
{
  recorder_->check(
      launch.commands.empty() && launch.mounts.empty(),
      name,
      "the launcher is told to run " + listed(launch.commands) + " and to mount " +
        std::to_string(launch.mounts.size()) + " volumes");
}


void Bench::expectLaunch(
    const Launch& launch, const std::vector<Bind>& binds, const std::string& name)
{
  if (mesosRelease().atLeast(1, 5, 0)) {
    expectMounts(launch, binds, name);
  } else {
    expectCommands(launch, binds, name);
  }
}


void Bench::expectMounts(
    const Launch& launch, const std::vector<Bind>& binds, const std::string& name)
{
  std::vector<std::string> found;
  for (const Mount& mount : launch.mounts) {
    found.push_back(
        mount.source + " to " + mount.target + " flags " + std::to_string(mount.flags));
  }
  std::vector<std::string> expected;
  for (const Bind& bind : binds) {
    expected.push_back(
        bind.first + " to " + bind.second + " flags " + std::to_string(MS_BIND | MS_REC));
  }
  recorder_->check(found == expected, name, mismatch(found, expected));
  recorder_->check(
      launch.commands.empty(), name + ", without commands", "found " + listed(launch.commands));
  expectNamespaces(launch.namespaces, "the instructions", name);
}


void Bench::expectCommands(
    const Launch& launch, const std::vector<Bind>& binds, const std::string& name)
{
  const MesosRelease release = mesosRelease();
  std::vector<std::string> expected;
  for (const Bind& bind : binds) {
    expected.push_back("-n|--rbind|" + bind.first + "|" + bind.second);
  }

  // 0.22 gives an isolator nobody to ask for a namespace, so there the command has to refuse to
  // run in the host's. Later the container has its own, and the command need not even ask.
  const bool asks = !release.atLeast(0, 23, 0);
  bool succeeded = false;
  if (asks) {
    const std::vector<std::string> mounted =
      runCommands(launch.commands, HOST_NAMESPACE, &succeeded);
    recorder_->check(
        !succeeded && mounted.empty(),
        name + ", not in the host's mount namespace",
        "there it mounted " + listed(mounted));
  }

  std::vector<std::string> found =
    runCommands(launch.commands, asks ? OWN_NAMESPACE : HOST_NAMESPACE, &succeeded);
  found.erase(std::remove(found.begin(), found.end(), MAKE_SLAVE), found.end());
  recorder_->check(
      succeeded && found == expected,
      name,
      "run by a shell, " + listed(launch.commands) + " gave mount these arguments: " +
        mismatch(found, expected));
  if (release.atLeast(0, 25, 0)) {
    expectNamespaces(launch.namespaces, "the instructions", name);
  } else if (release.atLeast(0, 23, 0)) {
    int flags = 0;
    const Answer answer = subject_->namespaces(&flags);
    recorder_->check(answer.ready(), name + ", namespaces() answers", answer.describe());
    expectNamespaces(flags, "namespaces()", name);
  }
}


void Bench::expectNamespaces(int flags, const std::string& who, const std::string& name)
{
  recorder_->check(
      flags == CLONE_NEWNS,
      name + ", in a mount namespace",
      who + " asked for namespaces " + std::to_string(flags));
}


void Bench::expectNothingOnRecord()
{
  stop();
  start();
  expectCalls({}, "nothing is left on record");
}


// Runs each command as the launcher would, but with a `mount` that only takes notes.
std::vector<std::string> Bench::runCommands(
    const std::vector<std::string>& commands, const char* mountNamespace, bool* succeeded) const
{
  writeFile(path("launcher/namespace"), mountNamespace);
  const std::string notes = path("launcher/mounts");
  ::unlink(notes.c_str());
  *succeeded = true;
  for (const std::string& command : commands) {
    // Found through PATH it is ours; by its full name it would be the real one.
    if (contains(command, "/mount ")) {
      *succeeded = false;
      break;
    }
    const std::string search = "PATH=" + path("launcher") + ":/usr/bin:/bin";
    const pid_t child = ::fork();
    if (child == 0) {
      const char* const argv[] = {"sh", "-c", command.c_str(), nullptr};
      const char* const environment[] = {search.c_str(), nullptr};
      ::execve("/bin/sh", const_cast<char* const*>(argv), const_cast<char* const*>(environment));
      ::_exit(127);
    }
    int status = 0;
    *succeeded = *succeeded && child > 0 && ::waitpid(child, &status, 0) == child &&
      WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  return lines(readFile(notes));
}

} // namespace harness
