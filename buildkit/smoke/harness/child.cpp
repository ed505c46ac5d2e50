#include "child.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <stdexcept>

namespace harness {

namespace {

const char RETURNED = 'r';
const char THREW = 't';


void send(int descriptor, const std::string& text)
{
  std::size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t count = ::write(descriptor, text.data() + sent, text.size() - sent);
    if (count < 0 && errno != EINTR) {
      return;
    }
    sent += count > 0 ? static_cast<std::size_t>(count) : 0;
  }
}


std::string receive(int descriptor)
{
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t count = ::read(descriptor, buffer, sizeof(buffer));
    if (count == 0 || (count < 0 && errno != EINTR)) {
      return text;
    }
    text.append(buffer, count > 0 ? static_cast<std::size_t>(count) : 0);
  }
}

} // namespace


std::string inChild(const std::function<std::string()>& work)
{
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    throw std::runtime_error(std::string("cannot make a pipe: ") + ::strerror(errno));
  }
  ::fflush(nullptr); // or what is left to write is written twice

  const pid_t pid = ::fork();
  if (pid == 0) {
    std::string result;
    try {
      result = RETURNED + work();
    } catch (const std::exception& error) {
      result = THREW + std::string(error.what());
    } catch (...) {
      result = THREW + std::string("an exception that is no std::exception");
    }
    send(ends[1], result);
    ::fflush(nullptr);
    ::_exit(0);
  }
  const int reason = errno;
  ::close(ends[1]);
  const std::string result = pid < 0 ? "" : receive(ends[0]);
  ::close(ends[0]);
  if (pid < 0) {
    throw std::runtime_error(std::string("cannot start a process: ") + ::strerror(reason));
  }

  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  if (result.empty() || status != 0) {
    throw std::runtime_error(howItEnded(status));
  }
  if (result[0] == THREW) {
    throw std::runtime_error(result.substr(1));
  }
  return result.substr(1);
}


double now()
{
  struct timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}


std::string howItEnded(int status)
{
  if (WIFSIGNALED(status)) {
    return "killed by signal " + std::to_string(WTERMSIG(status)) + " (" +
           ::strsignal(WTERMSIG(status)) + ")";
  }
  return "exited with " + std::to_string(WEXITSTATUS(status)) + " before its end";
}

} // namespace harness
