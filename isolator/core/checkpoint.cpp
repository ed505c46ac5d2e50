#include "checkpoint.hpp"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "error.hpp"
#include "text.hpp"

namespace mesos_buildkit {
namespace dockervolume {

namespace {

const char MAGIC[] = "mesos-buildkit-dockervolume-checkpoint";
const char FIELD_CHARACTERS[] = "_.-/:@+=,~";

const char* const STATE_NAMES[] = {"mounting", "mounted", "stale"};


std::string escape(const std::string& field)
{
  static const char HEX[] = "0123456789ABCDEF";
  if (field.empty()) {
    return "%";
  }
  std::string text;
  for (char character : field) {
    if (isPlain(character, FIELD_CHARACTERS)) {
      text += character;
    } else {
      const unsigned char byte = static_cast<unsigned char>(character);
      text += '%';
      text += HEX[byte >> 4];
      text += HEX[byte & 0xf];
    }
  }
  return text;
}


int hexDigit(char character)
{
  if (character >= '0' && character <= '9') {
    return character - '0';
  }
  if (character >= 'A' && character <= 'F') {
    return character - 'A' + 10;
  }
  return -1;
}


bool unescape(const std::string& text, std::string* field)
{
  field->clear();
  if (text == "%") {
    return true;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      if (!isPlain(text[i], FIELD_CHARACTERS)) {
        return false;
      }
      *field += text[i];
      continue;
    }
    if (i + 2 >= text.size()) {
      return false;
    }
    const int first = hexDigit(text[i + 1]);
    const int second = hexDigit(text[i + 2]);
    if (first < 0 || second < 0) {
      return false;
    }
    *field += static_cast<char>(first * 16 + second);
    i += 2;
  }
  return !field->empty();
}


Error corrupt(const std::string& path, std::size_t line, const std::string& what)
{
  return Error(
      path + ":" + std::to_string(line) + ": " + what + "; unmount the volumes it names by hand "
      "and move the file away, then start the agent again");
}


Record parseRecord(const std::string& path, std::size_t number, const std::string& line)
{
  const std::vector<std::string> fields = split(line, ' ');
  if (fields.size() != 6) {
    throw corrupt(path, number, "expected 6 fields, found " + std::to_string(fields.size()));
  }

  Record record;
  std::size_t state = 0;
  while (state < 3 && fields[0] != STATE_NAMES[state]) {
    ++state;
  }
  if (state == 3) {
    throw corrupt(
        path, number,
        "expected 'mounting', 'mounted', 'stale' or 'end', found " + shown(fields[0]));
  }
  record.state = static_cast<Record::State>(state);

  std::string options;
  std::string* const targets[] = {
    &record.container, &record.key.driver, &record.key.name, &options, &record.mountpoint};
  for (std::size_t i = 0; i < 5; ++i) {
    if (!unescape(fields[i + 1], targets[i])) {
      throw corrupt(path, number, "field " + shown(fields[i + 1]) + " is not escaped properly");
    }
  }
  if (!options.empty()) {
    record.options = split(options, ',');
  }

  if (record.container.empty() || record.key.driver.empty() || record.key.name.empty()) {
    throw corrupt(path, number, "container, driver and volume must not be empty");
  }
  if (record.state == Record::MOUNTED && record.mountpoint.empty()) {
    throw corrupt(path, number, "a mounted volume must have a mountpoint");
  }
  if (!record.mountpoint.empty()) {
    validateMountpoint(record.mountpoint, path + ":" + std::to_string(number));
  }
  return record;
}


// How to read each version that any release of this module has written, oldest first. None is ever
// dropped: after an upgrade the volumes of the containers that still run are in an older file.
struct Format
{
  const char* version;
  Record (*parseRecord)(const std::string& path, std::size_t number, const std::string& line);
};

const Format FORMATS[] = {{"1", parseRecord}};

// What is written: the newest.
const char* const WRITTEN = std::prev(std::end(FORMATS))->version;


std::string render(const std::vector<Record>& records)
{
  std::string text = std::string(MAGIC) + " " + WRITTEN + "\n";
  for (const Record& record : records) {
    text += STATE_NAMES[record.state];
    for (const std::string& field : {
             record.container,
             record.key.driver,
             record.key.name,
             join(record.options, ","),
             record.mountpoint}) {
      text += " " + escape(field);
    }
    text += "\n";
  }
  return text + "end " + std::to_string(records.size()) + "\n";
}


bool isNewer(const std::string& version)
{
  const std::string newest = WRITTEN;
  return version.find_first_not_of("0123456789") == std::string::npos && version[0] != '0' &&
    (version.size() != newest.size() ? version.size() > newest.size() : version > newest);
}


const Format& formatOf(const std::string& path, const std::string& line)
{
  const std::vector<std::string> words = split(line, ' ');
  if (words.size() < 2 || words[0] != MAGIC) {
    throw corrupt(path, 1, "not a checkpoint of this isolator, found " + shown(line));
  }
  const std::string& version = words[1];
  // Whatever else a newer format may say in this line, its version comes second.
  if (isNewer(version)) {
    throw Error(
        path + ":1: format version " + shown(version) + " is of a newer module, this one knows "
        "versions up to " + WRITTEN + "; nothing was unmounted and the file is left as it is; "
        "install the newer module again, and drain the agent before going back to this one");
  }
  const Format* const format = std::find_if(
      std::begin(FORMATS), std::end(FORMATS),
      [&](const Format& known) { return version == known.version; });
  if (words.size() != 2 || format == std::end(FORMATS)) {
    throw corrupt(
        path, 1, "expected a format version from " + std::string(FORMATS[0].version) + " to " +
        WRITTEN + ", found " + shown(line));
  }
  return *format;
}


std::vector<Record> parse(const std::string& path, const std::string& text)
{
  const std::vector<std::string> lines = split(text, '\n');
  const Format& format = formatOf(path, lines[0]);

  std::vector<Record> records;
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
    if (startsWith(lines[i], "end ")) {
      if (lines[i] != "end " + std::to_string(records.size())) {
        throw corrupt(
            path, i + 1,
            "found " + shown(lines[i]) + " after " + std::to_string(records.size()) + " records");
      }
      // The text ends with the newline of the last line, so split leaves one empty piece.
      if (i + 2 != lines.size() || !lines[i + 1].empty()) {
        throw corrupt(path, i + 2, "found text after the last line");
      }
      return records;
    }
    records.push_back(format.parseRecord(path, i + 1, lines[i]));
  }
  throw corrupt(path, lines.size(), "the file ends too early");
}


class File
{
public:
  File(const std::string& path, int flags)
    : path_(path), fd_(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600)) {}

  ~File()
  {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }

  bool isOpen() const { return fd_ >= 0; }

  Error error(const std::string& doing, int code) const
  {
    return Error("cannot " + doing + " " + shown(path_) + ": " + errnoText(code));
  }

  std::string readAll()
  {
    std::string text;
    char buffer[4096];
    for (;;) {
      const ssize_t count = ::read(fd_, buffer, sizeof(buffer));
      if (count > 0) {
        text.append(buffer, static_cast<std::size_t>(count));
      } else if (count == 0) {
        return text;
      } else if (errno != EINTR) {
        throw error("read", errno);
      }
    }
  }

  void writeAll(const std::string& text)
  {
    std::size_t done = 0;
    while (done < text.size()) {
      const ssize_t count = ::write(fd_, text.data() + done, text.size() - done);
      if (count >= 0) {
        done += static_cast<std::size_t>(count);
      } else if (errno != EINTR) {
        throw error("write", errno);
      }
    }
  }

  void flush()
  {
    if (::fsync(fd_) != 0) {
      throw error("flush", errno);
    }
  }

  // Some file systems (NFS) report a full disk here only.
  void close()
  {
    const int fd = fd_;
    fd_ = -1;
    if (::close(fd) != 0 && errno != EINTR) {
      throw error("close", errno);
    }
  }

private:
  File(const File&);
  File& operator=(const File&);

  std::string path_;
  int fd_;
};


void makeDirectories(const std::string& directory)
{
  for (std::size_t end = 1; end <= directory.size(); ++end) {
    if (end != directory.size() && directory[end] != '/') {
      continue;
    }
    // Only the last one is this isolator's own; the ones above may have other users.
    const mode_t mode = end == directory.size() ? 0700 : 0755;
    const std::string part = directory.substr(0, end);
    if (::mkdir(part.c_str(), mode) != 0 && errno != EEXIST) {
      throw Error("cannot make directory " + shown(part) + ": " + errnoText(errno));
    }
  }
}

} // namespace


Checkpoint::Checkpoint(const std::string& directory)
  : directory_(directory), path_(directory + "/mounts") {}


std::vector<Record> Checkpoint::load() const
{
  File file(path_, O_RDONLY);
  if (!file.isOpen()) {
    if (errno == ENOENT) {
      return std::vector<Record>();
    }
    throw file.error("open", errno);
  }
  return parse(path_, file.readAll());
}


void Checkpoint::save(const std::vector<Record>& records) const
{
  makeDirectories(directory_);

  const std::string temporary = path_ + ".tmp";
  try {
    File file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (!file.isOpen()) {
      throw file.error("create", errno);
    }
    file.writeAll(render(records));
    file.flush();
    file.close();
    if (::rename(temporary.c_str(), path_.c_str()) != 0) {
      throw file.error("rename", errno);
    }
  } catch (const Error&) {
    ::unlink(temporary.c_str());
    throw;
  }

  // Until the directory is flushed a power failure may bring the old file back.
  File directory(directory_, O_RDONLY | O_DIRECTORY);
  if (!directory.isOpen()) {
    throw directory.error("open", errno);
  }
  directory.flush();
}

} // namespace dockervolume
} // namespace mesos_buildkit
