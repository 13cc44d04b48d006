// Decoded planes to 224 x 224 RGB: the CUDA kernel's time per frame, and beside it the processor time of one thread for
// keeping the planes and for converting them itself. 256 frames, 8-bit 4:2:0 of random content, rotating among batches
// that do not fit into the second-level cache together; medians of CUDA events.
#include <cstdio>
#include <ctime>

#include "data/loader/preprocess.h"
#include "data/video/raw_frame.h"
#include "gpu_bench.h"
#include "kernels/convert/convert_cuda.h"

namespace {

using namespace trecvit;
using namespace trecvit::kernels;

constexpr int kSize = 224, kFrames = 256;

double processor_us() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e6 * static_cast<double>(now.tv_sec) + 1e-3 * static_cast<double>(now.tv_nsec);
}

// Of five rounds over all frames, per frame.
template <class Work>
double median_cpu_us(Work&& work) {
  std::vector<double> rounds;
  for (int round = 0; round < 5; ++round) {
    const double began = processor_us();
    for (int i = 0; i < kFrames; ++i) work(i);
    rounds.push_back((processor_us() - began) / kFrames);
  }
  std::nth_element(rounds.begin(), rounds.begin() + 2, rounds.end());
  return rounds[2];
}

void bench(Pool& pool, int width, int height, int crops) {
  // Pictures of their own, cut from one stretch of noise.
  const auto bytes = static_cast<std::size_t>(video::raw_frame_bytes(video::RawFormat::kYuv420p, width, height));
  std::vector<std::uint8_t> noise(bytes + kFrames);
  Rng rng(1);
  for (std::uint8_t& value : noise) value = static_cast<std::uint8_t>(rng.bits());
  std::vector<std::vector<std::uint8_t>> pixels;
  std::vector<video::RawFrame> raw;
  pixels.reserve(kFrames), raw.reserve(kFrames);
  for (int i = 0; i < kFrames; ++i) {
    pixels.emplace_back(noise.begin() + i, noise.begin() + i + static_cast<std::ptrdiff_t>(bytes));
    raw.emplace_back(pixels.back(), video::RawFormat::kYuv420p, width, height);
  }
  std::vector<video::View> views;
  for (int crop = 0; crop < crops; ++crop) views.push_back(place(evaluation_crop(crop, crops), width, height));
  const auto count = static_cast<std::size_t>(kFrames * crops), levels = count * kSize * kSize * 3;
  std::vector<std::uint8_t> rgb(levels);
  const double convert_us = median_cpu_us([&](int i) {
    for (int crop = 0; crop < crops; ++crop) {
      video::convert(raw[i].frame(), views[crop], kSize, kSize,
                     &rgb[static_cast<std::size_t>(i * crops + crop) * kSize * kSize * 3]);
    }
  });
  video::Planes planes;
  planes.pictures.resize(count);
  const double keep_us = median_cpu_us([&](int i) {
    if (i == 0) planes.samples.clear();
    video::keep(raw[i].frame(), views, kSize, kSize, SIZE_MAX, planes.samples, &planes.pictures[i * crops]);
  });

  pool.rewind();
  std::vector<ConvertParams> batches(3);
  for (ConvertParams& p : batches) {
    auto* samples = pool.take<std::uint8_t>(planes.samples.size());
    auto* pictures = pool.take<ConvertPicture>(count);
    succeed(cudaMemcpy(samples, planes.samples.data(), planes.samples.size(), cudaMemcpyHostToDevice));
    succeed(cudaMemcpy(pictures, planes.pictures.data(), count * sizeof(ConvertPicture), cudaMemcpyHostToDevice));
    p = {.pictures = static_cast<std::int64_t>(count),
         .width = kSize,
         .height = kSize,
         .samples = samples,
         .picture = pictures,
         .rgb = pool.take<std::uint8_t>(levels)};
  }
  std::size_t next = 0;
  const double kernel_us = median_us([&] { convert_cuda(batches[next++ % batches.size()], nullptr); }) / kFrames;
  std::vector<std::uint8_t> made(levels);
  succeed(cudaMemcpy(made.data(), batches[0].rgb, levels, cudaMemcpyDeviceToHost));
  int worst = 0;
  for (std::size_t i = 0; i < levels; ++i) worst = std::max(worst, std::abs(made[i] - rgb[i]));
  std::printf(
      "%4d x %-4d %d crop%s  kernel %6.3f us  keep %6.1f us  convert %6.1f us  %5.0f KB  largest difference %d\n",
      width, height, crops, crops == 1 ? " " : "s", kernel_us, keep_us, convert_us,
      static_cast<double>(planes.samples.size()) / kFrames / 1e3, worst);
}

}  // namespace

int main() {
  try {
    Pool pool;
    std::puts("per frame of a 224 x 224 clip; keep, convert: one thread of the CPU");
    for (const auto& [width, height] : {std::pair{427, 240}, {340, 256}, {640, 480}, {1280, 720}}) {
      for (const int crops : {1, 3}) bench(pool, width, height, crops);
    }
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 1;
  }
}
