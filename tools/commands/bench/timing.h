// Clocks and ceilings of `trecvit bench`. Includes torch.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <string>
#include <vector>

#include "tools/commands/bench/report.h"

namespace trecvit::tools {

// Milliseconds of each of `repeats` runs of `work`. On a GPU by events: runs are enqueued one behind the other, and
// waited for 64 at a time; what the work itself waits for counts.
std::vector<double> times_ms(at::Device device, std::int64_t repeats, const std::function<void()>& work);

// Sets device and ceilings of a report and adds the two rows that say where those come from: a square matrix product in
// `dtype` and a copy, on random numbers, bytes read and written.
BenchReport begin_bench(at::Device device, at::ScalarType dtype);

// Random pixels [T, B, S, S, 3] on the device.
at::Tensor random_video(std::int64_t frames, std::int64_t clips, std::int64_t size, at::Device device);

}  // namespace trecvit::tools
