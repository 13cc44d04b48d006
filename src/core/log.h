// Messages for people, on standard error. Standard output belongs to machine-readable results.
#pragma once

#include <string>

namespace trecvit {

enum class Verbosity { kQuiet, kNormal, kVerbose };

void set_verbosity(Verbosity verbosity);
Verbosity verbosity();

void log_debug(const std::string& message);  // only with --verbose
void log_info(const std::string& message);   // not with --quiet
void log_warning(const std::string& message);
void log_error(const std::string& message);

// Standard error is a terminal and the run is not quiet: progress bars may be drawn.
bool progress_wanted();

// A single line redrawn in place on a terminal, at most ten times a second; silent elsewhere.
class Progress {
 public:
  Progress(std::string title, long long total);  // total 0: unknown
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void update(long long done, const std::string& note = "");
  void finish();

 private:
  std::string title_;
  long long total_;
  double started_;
  double drawn_ = 0;
  bool live_;
};

}  // namespace trecvit
