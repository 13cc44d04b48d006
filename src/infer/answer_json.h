// Probabilities as JSON and CSV, fast enough for every frame of a stream.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace trecvit {

// Shortest digits that read back as the same float.
void append_number(std::string& out, float value);
void append_number(std::string& out, double value);

class AnswerWriter {
 public:
  // Labels by class; the `k` most probable are written.
  AnswerWriter(const std::vector<std::string>& labels, std::int64_t k);

  // [{"id":3,"label":"...","p":0.75},...], most probable first.
  void append_topk(std::string& out, std::span<const float> probabilities) const;

  const std::string& quoted_label(std::int64_t id) const { return quoted_[static_cast<std::size_t>(id)]; }
  std::int64_t k() const { return k_; }

 private:
  std::vector<std::string> quoted_;
  std::int64_t k_;
};

// `value` as a JSON string with its quotes.
std::string quoted(const std::string& value);

}  // namespace trecvit
