#include "infer/answer_json.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "core/json.h"
#include "infer/streamer.h"

namespace trecvit {
namespace {

template <class Number>
void append(std::string& out, Number value) {
  char digits[32];
  const auto result = std::to_chars(digits, digits + sizeof digits, value);
  out.append(digits, result.ptr);
}

}  // namespace

void append_number(std::string& out, float value) { append(out, value); }
void append_number(std::string& out, double value) { append(out, value); }

std::string quoted(const std::string& value) { return json_text(nlohmann::json(value)); }

AnswerWriter::AnswerWriter(const std::vector<std::string>& labels, std::int64_t k) : k_(k) {
  for (const std::string& label : labels) quoted_.push_back(quoted(label));
}

void AnswerWriter::append_topk(std::string& out, std::span<const float> probabilities) const {
  out += '[';
  bool first = true;
  for (const Ranked& ranked : top(probabilities, k_)) {
    out += first ? "{\"id\":" : ",{\"id\":";
    first = false;
    append(out, ranked.id);
    out += ",\"label\":";
    out += quoted_label(ranked.id);
    out += ",\"p\":";
    append(out, ranked.p);
    out += '}';
  }
  out += ']';
}

}  // namespace trecvit
