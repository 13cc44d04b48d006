#include "core/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <mutex>

namespace trecvit {
namespace {

Verbosity current = Verbosity::kNormal;
bool line_open = false;  // a progress line stands on the terminal

spdlog::logger& logger() {
  static std::shared_ptr<spdlog::logger> instance = [] {
    auto made = spdlog::stderr_color_mt("trecvit");
    made->set_pattern("%^trecvit%$: %v");
    made->set_level(spdlog::level::debug);
    return made;
  }();
  return *instance;
}

void close_line() {
  if (line_open) std::fputs("\r\033[K", stderr);
  line_open = false;
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

void set_verbosity(Verbosity value) { current = value; }
Verbosity verbosity() { return current; }

void log_debug(const std::string& message) {
  if (current != Verbosity::kVerbose) return;
  close_line();
  logger().debug("{}", message);
}

void log_info(const std::string& message) {
  if (current == Verbosity::kQuiet) return;
  close_line();
  logger().info("{}", message);
}

void log_warning(const std::string& message) {
  close_line();
  logger().warn("warning: {}", message);
}

void log_error(const std::string& message) {
  close_line();
  logger().error("error: {}", message);
}

bool progress_wanted() { return current != Verbosity::kQuiet && isatty(STDERR_FILENO) == 1; }

Progress::Progress(std::string title, long long total)
    : title_(std::move(title)), total_(total), started_(now()), live_(progress_wanted()) {}

Progress::~Progress() { finish(); }

void Progress::update(long long done, const std::string& note) {
  if (!live_) return;
  const double t = now();
  if (t - drawn_ < 0.1 && done != total_) return;
  drawn_ = t;
  const double elapsed = t - started_;
  if (total_ > 0) {
    constexpr int kWidth = 24;
    const int filled = static_cast<int>(kWidth * done / total_);
    const double left = done > 0 ? elapsed * static_cast<double>(total_ - done) / static_cast<double>(done) : 0;
    std::fprintf(stderr, "\r\033[K%s [%.*s%.*s] %lld/%lld %.0fs left %s", title_.c_str(), filled,
                 "########################", kWidth - filled, "........................", done, total_, left, note.c_str());
  } else {
    std::fprintf(stderr, "\r\033[K%s %lld, %.0fs %s", title_.c_str(), done, elapsed, note.c_str());
  }
  std::fflush(stderr);
  line_open = true;
}

void Progress::finish() {
  if (live_) close_line();
  live_ = false;
}

}  // namespace trecvit
