#include "text.hpp"

#include <cstring>

#include <system_error>

namespace mesos_buildkit {
namespace dockervolume {

bool startsWith(const std::string& text, const std::string& prefix)
{
  return text.compare(0, prefix.size(), prefix) == 0;
}


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


bool isPlain(char character, const char* others)
{
  return (character >= 'a' && character <= 'z') ||
         (character >= 'A' && character <= 'Z') ||
         (character >= '0' && character <= '9') ||
         (character != '\0' && std::strchr(others, character) != nullptr);
}


bool isPlain(const std::string& text, const char* others)
{
  for (char character : text) {
    if (!isPlain(character, others)) {
      return false;
    }
  }
  return true;
}


std::string shown(const std::string& text)
{
  static const std::size_t LIMIT = 200;
  static const char HEX[] = "0123456789abcdef";

  std::string result = "'";
  for (std::size_t i = 0; i < text.size() && i < LIMIT; ++i) {
    const unsigned char byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte > 0x7e) {
      result += "\\x";
      result += HEX[byte >> 4];
      result += HEX[byte & 0xf];
    } else {
      result += text[i];
    }
  }
  return result + (text.size() > LIMIT ? "'..." : "'");
}


std::string errnoText(int code)
{
  return std::generic_category().message(code);
}

} // namespace dockervolume
} // namespace mesos_buildkit
