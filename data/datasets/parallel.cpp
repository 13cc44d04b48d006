#include "data/datasets/parallel.h"

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "core/config.h"

namespace trecvit::datasets {

void for_each_index(std::int64_t count, int workers, const std::function<void(std::size_t i)>& work,
                    const std::function<void(std::int64_t done, std::int64_t total)>& progress) {
  require(workers >= 1 && workers <= 256, "workers", workers, "between 1 and 256");
  std::atomic<std::int64_t> next{0};
  std::mutex mutex;  // of `done` and `failure`
  std::int64_t done = 0;
  std::exception_ptr failure;
  const auto loop = [&] {
    try {
      for (std::int64_t i; (i = next++) < count;) {
        work(static_cast<std::size_t>(i));
        const std::lock_guard lock(mutex);
        ++done;
        if (progress) progress(done, count);
      }
    } catch (...) {
      next = count;
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 1; i < workers; ++i) threads.emplace_back(loop);
    loop();
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace trecvit::datasets
