#include "data/loader/load_advice.h"

#include <algorithm>

#include "core/error.h"
#include "core/text_table.h"

namespace trecvit {

std::vector<LoadStage> stages_of(const LoadTimes& t) {
  return {{"open", t.open_s, "a faster disk, or fewer and longer videos, would help"},
          {"decode", t.decode_s, "more cores (data.workers), or videos scaled down to about data.size, would help"},
          {"convert", t.convert_s, "a smaller data.size, or videos scaled down to about it, would help"},
          {"augment", t.augment_s, "fewer layers (augment.rand_augment) would help"}};
}

std::string load_advice(const LoadTimes& times) {
  constexpr double kIdle = 0.7;  // of a worker's time, below which its processor mostly waits
  const std::vector<LoadStage> stages = stages_of(times);
  const LoadStage& longest =
      *std::max_element(stages.begin(), stages.end(), [](auto& a, auto& b) { return a.seconds < b.seconds; });
  const double total = std::max(times.total_s(), 1e-9);
  const std::string share =
      text(longest.name, " takes ", fixed(100 * longest.seconds / total, 0), " % of a worker's time; ");
  if (times.cpu_s >= kIdle * total) return share + longest.advice;
  return share + text("the disk or other programs were waited for ", fixed(100 * (1 - times.cpu_s / total), 0),
                      " % of that time");
}

}  // namespace trecvit
