#include "stand_in.hpp"

#include "text.hpp"

namespace harness {

std::string standIn(const Options& options)
{
  return options.work + "/stand-in/dvdcli";
}


void placeStandIn(const Options& options)
{
  const std::string copy = standIn(options);
  if (!exists(copy)) {
    makeDirectories(options.work + "/stand-in");
    writeFile(copy, readFile(options.standIn), 0755);
  }
}


std::vector<Pair> volumeParameters(const Options& options, int timeoutSeconds)
{
  placeStandIn(options);
  return {
    Pair("command", standIn(options)),
    Pair("checkpoint_dir", options.work + "/state"),
    Pair("timeout_secs", std::to_string(timeoutSeconds)),
  };
}


std::vector<Pair> filled(const std::vector<Pair>& pairs, const Options& options)
{
  std::vector<Pair> result = pairs;
  for (Pair& pair : result) {
    pair.second = replaced(pair.second, "{work}", options.work);
    if (contains(pair.second, "{stand-in}")) {
      placeStandIn(options);
      pair.second = replaced(pair.second, "{stand-in}", standIn(options));
    }
  }
  return result;
}


std::vector<std::string> standInCalls(const Options& options)
{
  std::vector<std::string> calls = split(readFile(options.work + "/stand-in/calls"), '\n');
  calls.pop_back();
  return calls;
}


std::vector<std::string> volumes(
    const std::vector<std::string>& calls, const std::string& action)
{
  std::vector<std::string> result;
  for (const std::string& call : calls) {
    if (startsWith(call, action + "|")) {
      std::vector<std::string> words;
      for (const std::string& word : split(call, '|')) {
        if (startsWith(word, "--volumedriver=") || startsWith(word, "--volumename=")) {
          words.push_back(word);
        }
      }
      result.push_back(join(words, " "));
    }
  }
  return result;
}

} // namespace harness
