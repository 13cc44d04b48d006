// The fuzzer: FUZZ_TARGET [--runs N] [--seconds S] [--seed K] [--save FOLDER] [FILE or FOLDER ...]
// Files are run first and join the seeds; without --runs and --seconds nothing else is done, which replays findings.
// The input under test is kept in FOLDER/current when --save is given, and how many came before it in FOLDER/runs, so
// that a crash leaves its cause behind. The same arguments give the same inputs: coverage is counted relative to the
// program, so its load address does not matter. An input that takes longer than kLimit ends the program with exit code
// 70; one that takes too much memory is ended by AddressSanitizer.
#include "driver.h"

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <unordered_set>

#include "core/error.h"
#include "core/file.h"
#include "core/rng.h"
#include "mutator.h"

namespace {

constexpr std::size_t kLongest = 64 * 1024;  // bytes of an input
constexpr std::size_t kCells = 1 << 16;
constexpr unsigned kLimit = 20;  // seconds for one input; enough for a busy machine
constexpr int kTooSlow = 70;

// Which edges of the code under test the current input took, with coarse counts (as AFL does).
std::uint8_t hits[kCells];
thread_local std::uintptr_t previous = 0;

std::uint8_t count_class(std::uint8_t count) {
  return count < 4 ? count : count < 8 ? 4 : count < 32 ? 5 : count < 128 ? 6 : 7;
}

class Fuzzer {
 public:
  explicit Fuzzer(std::string save_folder) : save_folder_(std::move(save_folder)) {}

  // Runs the input and keeps it when it reached something new, or is a seed.
  void run(const std::string& input, bool seed = false) {
    if (!save_folder_.empty()) {
      std::ofstream(save_folder_ + "/current", std::ios::binary) << input;
      std::ofstream(save_folder_ + "/runs") << runs_;
    }
    std::memset(hits, 0, sizeof hits);
    previous = 0;
    // A copy of exactly this size: one byte too far is a finding.
    const std::unique_ptr<std::uint8_t[]> bytes(new std::uint8_t[input.size()]);
    std::memcpy(bytes.get(), input.data(), input.size());
    ::alarm(kLimit);
    LLVMFuzzerTestOneInput(bytes.get(), input.size());
    ::alarm(0);
    ++runs_;
    bool fresh = false;
    for (std::size_t cell = 0; cell < kCells; ++cell) {
      if (hits[cell]) fresh |= seen_.insert(cell * 8 + count_class(hits[cell])).second;
    }
    if (fresh || seed) corpus_.push_back(input);
  }

  void step(trecvit::Rng& rng) {
    const auto base = static_cast<std::size_t>(rng.below(static_cast<std::int64_t>(corpus_.size())));
    run(trecvit::mutate(corpus_, base, kLongest, rng));
  }

  std::size_t corpus() const { return corpus_.size(); }
  std::size_t features() const { return seen_.size(); }
  std::int64_t runs() const { return runs_; }

 private:
  std::string save_folder_;
  std::vector<std::string> corpus_;
  std::unordered_set<std::size_t> seen_;
  std::int64_t runs_ = 0;
};

}  // namespace

// g++ -fsanitize-coverage=trace-pc calls this at every edge of the code under test.
extern "C" __attribute__((no_sanitize("address", "undefined"))) void __sanitizer_cov_trace_pc() {
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0)) -
                    reinterpret_cast<std::uintptr_t>(&LLVMFuzzerTestOneInput);
  std::uint8_t& hit = hits[((here * 0x9e3779b97f4a7c15u >> 40) ^ previous) % kCells];
  if (hit < 255) ++hit;
  previous = (here * 0x9e3779b97f4a7c15u >> 41) % kCells;
}

// Sanitizer options when ASAN_OPTIONS is not set.
extern "C" const char* __asan_default_options() { return "hard_rss_limit_mb=2048:max_allocation_size_mb=1024"; }

int main(int count, char** arguments) {
  std::signal(SIGALRM, [](int) {
    constexpr char kMessage[] = "an input takes too long\n";
    (void)!::write(STDERR_FILENO, kMessage, sizeof kMessage - 1);
    ::_exit(kTooSlow);
  });
  std::int64_t runs = 0;
  double seconds = 0;
  std::uint64_t seed = 1;
  std::string save;
  std::vector<std::string> inputs = fuzz_seeds();
  try {
    for (int i = 1; i < count; ++i) {
      const std::string argument = arguments[i];
      if (argument.starts_with("--")) {
        if (++i == count) throw trecvit::UsageError(argument, " takes a value");
        if (argument == "--runs") {
          runs = std::stoll(arguments[i]);
        } else if (argument == "--seconds") {
          seconds = std::stod(arguments[i]);
        } else if (argument == "--seed") {
          seed = std::stoull(arguments[i]);
        } else if (argument == "--save") {
          save = arguments[i];
        } else {
          throw trecvit::UsageError(argument, " is not --runs, --seconds, --seed or --save");
        }
      } else if (std::filesystem::is_directory(argument)) {
        for (const auto& entry : std::filesystem::directory_iterator(argument))
          inputs.push_back(trecvit::read_file(entry.path()));
      } else {
        inputs.push_back(trecvit::read_file(argument));
      }
    }
  } catch (const std::exception& failure) {
    std::cerr << failure.what() << "\n";
    return 2;
  }

  Fuzzer fuzzer(save);
  for (const std::string& input : inputs) fuzzer.run(input, true);
  trecvit::Rng rng(seed, trecvit::stream_id("fuzz"));
  const auto start = std::chrono::steady_clock::now();
  auto elapsed = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  double reported = 0;
  for (std::int64_t i = 0; i < runs || elapsed() < seconds; ++i) {
    fuzzer.step(rng);
    if (elapsed() > reported + 60) {
      reported = elapsed();
      std::cerr << static_cast<int>(reported) << " s: " << fuzzer.runs() << " runs, " << fuzzer.corpus() << " inputs, "
                << fuzzer.features() << " features\n";
    }
  }
  std::cout << fuzzer.runs() << " runs without a finding, " << fuzzer.corpus() << " inputs, " << fuzzer.features()
            << " features\n";
}
