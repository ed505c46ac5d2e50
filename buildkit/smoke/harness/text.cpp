#include "text.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdexcept>

namespace harness {

std::vector<std::string> split(const std::string& text, char separator)
{
  std::vector<std::string> parts;
  std::string::size_type begin = 0;
  for (;;) {
    const std::string::size_type end = text.find(separator, begin);
    if (end == std::string::npos) {
      parts.push_back(text.substr(begin));
      return parts;
    }
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
}


std::string join(const std::vector<std::string>& parts, const std::string& separator)
{
  std::string joined;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    joined += (i == 0 ? "" : separator) + parts[i];
  }
  return joined;
}


bool startsWith(const std::string& text, const std::string& prefix)
{
  return text.compare(0, prefix.size(), prefix) == 0;
}


bool contains(const std::string& text, const std::string& part)
{
  return text.find(part) != std::string::npos;
}


std::string replaced(std::string text, const std::string& from, const std::string& to)
{
  std::string::size_type at = 0;
  while ((at = text.find(from, at)) != std::string::npos) {
    text.replace(at, from.size(), to);
    at += to.size();
  }
  return text;
}


std::string jsonText(const std::string& text)
{
  static const char HEX[] = "0123456789abcdef";

  std::string result = "\"";
  for (char character : text) {
    const unsigned char byte = static_cast<unsigned char>(character);
    if (character == '"' || character == '\\') {
      result += '\\';
      result += character;
    } else if (character == '\n') {
      result += "\\n";
    } else if (byte < 0x20) {
      result += "\\u00";
      result += HEX[byte >> 4];
      result += HEX[byte & 0xf];
    } else {
      result += character;
    }
  }
  return result + "\"";
}


std::string readFile(const std::string& path)
{
  std::string content;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return content;
  }
  char buffer[4096];
  ssize_t count;
  while ((count = ::read(file, buffer, sizeof(buffer))) > 0) {
    content.append(buffer, static_cast<std::size_t>(count));
  }
  ::close(file);
  return content;
}


void writeFile(const std::string& path, const std::string& content, unsigned mode)
{
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  const bool written = file >= 0 &&
    ::write(file, content.data(), content.size()) == static_cast<ssize_t>(content.size());
  const int reason = errno;
  if (file >= 0) {
    ::close(file);
  }
  if (!written) {
    throw std::runtime_error("cannot write " + path + ": " + ::strerror(reason));
  }
}


void makeDirectories(const std::string& path)
{
  std::string made;
  for (const std::string& component : split(path, '/')) {
    made += component + "/";
    if (::mkdir(made.c_str(), 0755) != 0 && errno != EEXIST) {
      throw std::runtime_error("cannot create directory " + made + ": " + ::strerror(errno));
    }
  }
}


bool exists(const std::string& path)
{
  struct stat status;
  return ::lstat(path.c_str(), &status) == 0;
}


bool isDirectory(const std::string& path)
{
  struct stat status;
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

} // namespace harness
