#include "data/loader/packed_planes.h"

#include <cstring>

namespace trecvit {
namespace {

// 16-bit samples must lie at even addresses.
constexpr std::size_t kAlignment = 16;
std::size_t aligned(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

PackedPlanes packed_size(const ClipBatch& batch) {
  PackedPlanes size;
  size.pictures_bytes = aligned(static_cast<std::size_t>(batch.frames * batch.clips) * sizeof(kernels::ConvertPicture));
  size.bytes = size.pictures_bytes;
  for (const video::Planes& planes : batch.planes) size.bytes += aligned(planes.samples.size());
  return size;
}

void pack(const ClipBatch& batch, std::uint8_t* to) {
  const std::size_t samples_at = packed_size(batch).pictures_bytes;
  auto* pictures = reinterpret_cast<kernels::ConvertPicture*>(to);
  std::size_t at = 0, clip = 0;
  const auto frames = static_cast<std::size_t>(batch.frames), clips = static_cast<std::size_t>(batch.clips);
  for (const video::Planes& planes : batch.planes) {
    const std::size_t views = planes.pictures.size() / frames;
    for (std::size_t t = 0; t < frames; ++t) {
      for (std::size_t view = 0; view < views; ++view) {
        kernels::ConvertPicture picture = planes.pictures[t * views + view];
        for (kernels::ConvertComponent& component : picture.component) component.at += static_cast<std::int64_t>(at);
        pictures[t * clips + clip + view] = picture;
      }
    }
    std::memcpy(to + samples_at + at, planes.samples.data(), planes.samples.size());
    at += aligned(planes.samples.size());
    clip += views;
  }
}

}  // namespace trecvit
