#include "target.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.hpp"
#include "text.hpp"

namespace mesos_buildkit {
namespace dockervolume {

namespace {

// The last directory reached on the way down.
class Walk
{
public:
  explicit Walk(const std::string& base)
    : fd_(::open(base.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)), path_(base)
  {
    if (fd_ < 0) {
      throw Error("cannot open directory " + shown(base) + ": " + errnoText(errno));
    }
  }

  ~Walk() { ::close(fd_); }

  void enter(const std::string& name)
  {
    path_ += "/" + name;
    if (::mkdirat(fd_, name.c_str(), 0755) != 0 && errno != EEXIST) {
      throw Error("cannot make directory " + shown(path_) + ": " + errnoText(errno));
    }
    const int next =
      ::openat(fd_, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0) {
      // ENOTDIR is what a symbolic link gives together with O_DIRECTORY.
      const bool link = errno == ENOTDIR || errno == ELOOP;
      throw Error(
          "cannot use " + shown(path_) + " on the way to a volume's container path: " +
          (link ? "it is a file or a symbolic link; give the path without links"
                : errnoText(errno)));
    }
    ::close(fd_);
    fd_ = next;
  }

private:
  Walk(const Walk&);
  Walk& operator=(const Walk&);

  int fd_;
  std::string path_;
};


bool isBelow(const std::string& path, const std::string& directory)
{
  return startsWith(path + "/", directory + "/");
}

} // namespace


Target locateTarget(
    const std::string& containerPath,
    const ContainerPlace& place,
    const std::string& sandboxInRootfs)
{
  Target target;
  if (containerPath[0] != '/') {
    // The launcher binds the sandbox into the rootfs before it mounts volumes: the directory is
    // made in the sandbox, and what is mounted later has to be mounted on the inner view of it.
    target.base = place.sandbox;
    target.below = containerPath;
    target.path = (place.rootfs.empty() ? place.sandbox : place.rootfs + sandboxInRootfs) +
                  "/" + containerPath;
  } else if (!place.rootfs.empty()) {
    target.base = place.rootfs;
    target.below = containerPath.substr(1);
    target.path = place.rootfs + containerPath;
  } else {
    target.path = containerPath;
  }
  return target;
}


bool overlap(const Target& left, const Target& right)
{
  return isBelow(left.path, right.path) || isBelow(right.path, left.path);
}


void provideTarget(const Target& target)
{
  if (!target.base.empty()) {
    Walk walk(target.base);
    for (const std::string& component : split(target.below, '/')) {
      walk.enter(component);
    }
    return;
  }

  struct stat status;
  if (::stat(target.path.c_str(), &status) != 0) {
    throw Error(
        "container path " + shown(target.path) + ": " + errnoText(errno) + "; without a root file "
        "system of its own a container needs an absolute path that is there on the agent, or a "
        "path relative to its sandbox");
  }
  if (!S_ISDIR(status.st_mode)) {
    throw Error("container path " + shown(target.path) + " is not a directory");
  }
}

} // namespace dockervolume
} // namespace mesos_buildkit
