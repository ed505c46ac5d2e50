// Small things about text and files that every part of the harness needs.

#ifndef MESOS_BUILDKIT_HARNESS_TEXT_HPP
#define MESOS_BUILDKIT_HARNESS_TEXT_HPP

#include <string>
#include <vector>

namespace harness {

std::vector<std::string> split(const std::string& text, char separator);
std::string join(const std::vector<std::string>& parts, const std::string& separator);
bool startsWith(const std::string& text, const std::string& prefix);
bool contains(const std::string& text, const std::string& part);
std::string replaced(std::string text, const std::string& from, const std::string& to);

// The text as a JSON string, quotes and all. Bytes above ASCII pass as they are.
std::string jsonText(const std::string& text);

// The file's content; nothing if it cannot be read.
std::string readFile(const std::string& path);

// Both throw std::runtime_error with the path and the system's reason.
void writeFile(const std::string& path, const std::string& content, unsigned mode = 0644);
void makeDirectories(const std::string& path);

bool exists(const std::string& path);
bool isDirectory(const std::string& path);

} // namespace harness

#endif // MESOS_BUILDKIT_HARNESS_TEXT_HPP
