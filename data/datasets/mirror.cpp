#include <cctype>
#include <map>

#include "data/datasets/dataset.h"

namespace trecvit {
namespace {

enum class Hand { kAsIs, kMirrored };

// One spelling per word of direction.
std::string translate(const std::string& word, Hand hand) {
  const bool swap = hand == Hand::kMirrored;
  if (word == "left" || word == "right") return (word == "left") != swap ? "left" : "right";
  if (word == "leftwards" || word == "rightwards") return (word == "leftwards") != swap ? "leftwards" : "rightwards";
  const bool against = word == "anticlockwise" || word == "counterclockwise";
  if (against || word == "clockwise") return against != swap ? "anticlockwise" : "clockwise";
  return word;
}

// The name in lower case, word by word; "counter-clockwise" is one word.
std::string translate_all(const std::string& name, Hand hand) {
  std::string result, word;
  for (const char ch : name + " ") {
    const auto c = static_cast<unsigned char>(ch);
    if (std::isalpha(c)) {
      word += static_cast<char>(std::tolower(c));
    } else if (c != '-' || (word != "counter" && word != "anti")) {
      result += translate(word, hand) + ch;
      word.clear();
    }
  }
  return result;
}

}  // namespace

std::vector<std::int64_t> mirrored_labels(const std::vector<std::string>& labels) {
  std::map<std::string, std::int64_t> by_name;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    by_name.emplace(translate_all(labels[i], Hand::kAsIs), static_cast<std::int64_t>(i));
  }
  std::vector<std::int64_t> result;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto partner = by_name.find(translate_all(labels[i], Hand::kMirrored));
    result.push_back(partner == by_name.end() ? static_cast<std::int64_t>(i) : partner->second);
  }
  return result;
}

}  // namespace trecvit
