#include "report.hpp"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "text.hpp"

namespace harness {

namespace {

const char OK_MARK = '+';
const char FAIL_MARK = '-';


// The same in ASCII: a module's words may be no valid UTF-8. Shown byte by byte, the line stays
// valid JSON.
std::string asciiJson(const std::string& text)
{
  static const char HEX[] = "0123456789abcdef";

  std::string result;
  for (char character : jsonText(text)) {
    const unsigned char byte = static_cast<unsigned char>(character);
    if (byte > 0x7e) {
      result += "\\u00";
      result += HEX[byte >> 4];
      result += HEX[byte & 0xf];
    } else {
      result += character;
    }
  }
  return result;
}


std::string oneLine(std::string text)
{
  for (char& character : text) {
    if (static_cast<unsigned char>(character) < 0x20) {
      character = ' ';
    }
  }
  return text;
}


// NUL separates the parts of a record, so none may have one.
std::string withoutNul(const std::string& text)
{
  return text.substr(0, text.find('\0'));
}

} // namespace


bool Recorder::check(
    bool ok, const std::string& name, const std::string& why, const std::string& found)
{
  std::string record(1, ok ? OK_MARK : FAIL_MARK);
  record += withoutNul(name);
  record += '\0';
  record += withoutNul(ok ? found : why);
  record += '\0';

  std::size_t sent = 0;
  while (sent < record.size()) {
    const ssize_t count = ::write(descriptor_, record.data() + sent, record.size() - sent);
    if (count < 0 && errno != EINTR) {
      ::_exit(3); // nobody listens any more
    }
    sent += count > 0 ? static_cast<std::size_t>(count) : 0;
  }
  return ok;
}


void Recorder::require(bool ok, const std::string& name, const std::string& why)
{
  if (!check(ok, name, why)) {
    throw CaseFailed(name);
  }
}


bool Recorder::equal(
    const std::string& found, const std::string& expected, const std::string& name)
{
  return check(found == expected, name, "found '" + found + "', expected '" + expected + "'");
}


std::vector<Check> takeChecks(std::string* bytes)
{
  std::vector<Check> checks;
  std::size_t taken = 0;
  for (;;) {
    const std::size_t nameEnd = bytes->find('\0', taken);
    if (nameEnd == std::string::npos) {
      break;
    }
    const std::size_t detailEnd = bytes->find('\0', nameEnd + 1);
    if (detailEnd == std::string::npos) {
      break;
    }
    Check check;
    check.ok = (*bytes)[taken] == OK_MARK;
    check.name = bytes->substr(taken + 1, nameEnd - taken - 1);
    check.detail = bytes->substr(nameEnd + 1, detailEnd - nameEnd - 1);
    checks.push_back(check);
    taken = detailEnd + 1;
  }
  bytes->erase(0, taken);
  return checks;
}


Reporter::Reporter(const std::string& level, const std::string& path)
  : level_(level), file_(::fopen(path.c_str(), "we")), good_(true), count_(0)
{
  if (file_ == nullptr) {
    throw std::runtime_error("--report: cannot write " + path + ": " + ::strerror(errno));
  }
}


Reporter::~Reporter()
{
  ::fclose(file_);
}


void Reporter::add(const Check& check)
{
  ++count_;
  good_ = good_ && check.ok;

  const std::string detail = check.ok && check.detail.empty() ? "" : ": " + check.detail;
  ::printf(
      "%s %s %s%s\n",
      check.ok ? "ok" : "FAIL", level_.c_str(), oneLine(check.name).c_str(),
      oneLine(detail).c_str());
  ::fflush(stdout);

  ::fprintf(
      file_,
      "{\"level\":%s,\"check\":%s,\"ok\":%s,\"detail\":%s}\n",
      asciiJson(level_).c_str(),
      asciiJson(check.name).c_str(),
      check.ok ? "true" : "false",
      asciiJson(check.detail).c_str());
  ::fflush(file_);
}

} // namespace harness
