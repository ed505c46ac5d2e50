// Small helpers on strings; nothing here depends on the locale.

#ifndef MESOS_BUILDKIT_DOCKERVOLUME_TEXT_HPP
#define MESOS_BUILDKIT_DOCKERVOLUME_TEXT_HPP

#include <string>
#include <vector>

namespace mesos_buildkit {
namespace dockervolume {

bool startsWith(const std::string& text, const std::string& prefix);

// "a,,b" split at ',' gives {"a", "", "b"}; "" gives {""}.
std::vector<std::string> split(const std::string& text, char separator);

std::string join(const std::vector<std::string>& parts, const std::string& separator);

// An ASCII letter or digit, or one of the characters in `others`.
bool isPlain(char character, const char* others);
bool isPlain(const std::string& text, const char* others);

// The text in quotes for a message: control characters and bytes beyond ASCII as \xNN, long text
// cut, so that a hostile value can neither forge a log line nor flood the log.
std::string shown(const std::string& text);

// What strerror says of an errno value, safe to call from several threads.
std::string errnoText(int code);

} // namespace dockervolume
} // namespace mesos_buildkit

#endif // MESOS_BUILDKIT_DOCKERVOLUME_TEXT_HPP
