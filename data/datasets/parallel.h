// The same work for many samples on several threads. Internal to data/datasets.
#pragma once

#include <cstdint>
#include <functional>

namespace trecvit::datasets {

// Calls work(i) once for every i in [0, count), on `workers` threads (1..256), and progress(done, count) after each,
// from one thread at a time. The first exception ends it and comes out here.
void for_each_index(std::int64_t count, int workers, const std::function<void(std::size_t i)>& work,
                    const std::function<void(std::int64_t done, std::int64_t total)>& progress = {});

}  // namespace trecvit::datasets
