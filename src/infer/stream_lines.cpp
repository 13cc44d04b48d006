#include "infer/stream_lines.h"

#include <algorithm>

namespace trecvit {
namespace {

void field(std::string& out, const char* name, double value) {
  out += name;
  append_number(out, value);
}

void field(std::string& out, const char* name, std::int64_t value) {
  out += name;
  out += std::to_string(value);
}

}  // namespace

const std::string& StreamLines::frame(const FrameLine& line) {
  if (latencies_.size() < kRemembered) {
    latencies_.push_back(line.total_ms);
  } else {
    latencies_[static_cast<std::size_t>(frames_) % kRemembered] = line.total_ms;
  }
  ++frames_;
  dropped_ = line.dropped;
  last_topk_.clear();
  writer_.append_topk(last_topk_, line.frame_probabilities);
  last_smoothed_.clear();
  writer_.append_topk(last_smoothed_, line.mean_probabilities);

  out_.clear();
  out_ += "{\"source\":";
  out_ += source_;
  field(out_, ",\"frame\":", line.frame);
  field(out_, ",\"pts_s\":", line.pts_s);
  field(out_, ",\"latency_ms\":{\"decode\":", line.decode_ms);
  field(out_, ",\"preprocess\":", line.preprocess_ms);
  field(out_, ",\"model\":", line.model_ms);
  field(out_, ",\"total\":", line.total_ms);
  out_ += "},\"topk\":";
  out_ += last_topk_;
  out_ += ",\"smoothed\":";
  out_ += last_smoothed_;
  field(out_, ",\"dropped\":", line.dropped);
  out_ += ",\"event\":";
  if (line.event) {
    out_ += '"';
    out_ += line.event;
    out_ += "\"}";
  } else {
    out_ += "null}";
  }
  return out_;
}

double StreamLines::percentile(double share) const {
  if (latencies_.empty()) return 0;
  std::vector<double> sorted = latencies_;
  const auto place = static_cast<std::ptrdiff_t>(share * static_cast<double>(sorted.size() - 1) + 0.5);
  std::nth_element(sorted.begin(), sorted.begin() + place, sorted.end());
  return sorted[static_cast<std::size_t>(place)];
}

const std::string& StreamLines::summary(double seconds) {
  out_ = "{\"summary\":true,\"source\":" + source_;
  field(out_, ",\"frames\":", frames_);
  field(out_, ",\"dropped\":", dropped_);
  field(out_, ",\"p50_ms\":", percentile(0.5));
  field(out_, ",\"p90_ms\":", percentile(0.9));
  field(out_, ",\"p99_ms\":", percentile(0.99));
  field(out_, ",\"fps\":", seconds > 0 ? static_cast<double>(frames_) / seconds : 0.0);
  field(out_, ",\"seconds\":", seconds);
  out_ += ",\"topk\":" + last_topk_ + ",\"smoothed\":" + last_smoothed_ + "}";
  return out_;
}

}  // namespace trecvit
