#include "core/rng.h"
#include "data/loader/preprocess.h"
#include "data/video/raw_frame.h"
#include "ops/planes_to_rgb.h"
#include "tools/commands/bench/kernel_cases.h"

namespace trecvit::tools {
namespace {

// Like Something-Something V2 and Kinetics, and two that are larger.
constexpr std::pair<int, int> kVideos[] = {{427, 240}, {340, 256}, {640, 480}, {1280, 720}};

// Pictures of noise, each in memory of its own, and what is to be shown of each.
class Pictures {
 public:
  Pictures(int count, int width, int height, std::int64_t crops) {
    const auto bytes = static_cast<std::size_t>(video::raw_frame_bytes(video::RawFormat::kYuv420p, width, height));
    std::vector<std::uint8_t> noise(bytes + static_cast<std::size_t>(count));
    Rng rng(1);
    for (std::uint8_t& sample : noise) sample = static_cast<std::uint8_t>(rng.bits());
    for (int i = 0; i < count; ++i) {
      pixels_.emplace_back(noise.begin() + i, noise.begin() + i + static_cast<std::ptrdiff_t>(bytes));
      frames_.emplace_back(pixels_.back(), video::RawFormat::kYuv420p, width, height);
    }
    for (std::int64_t crop = 0; crop < crops; ++crop)
      views_.push_back(place(evaluation_crop(crop, crops), width, height));
  }

  std::size_t shown() const { return frames_.size() * views_.size(); }

  // planes: overwritten.
  void keep(int size, video::Planes& planes) const {
    planes.samples.clear();
    planes.pictures.resize(shown());
    for (std::size_t i = 0; i < frames_.size(); ++i)
      video::extract_planes(frames_[i].frame(), views_, size, size, SIZE_MAX, planes.samples,
                  &planes.pictures[i * views_.size()]);
  }

  // rgb: [shown(), size, size, 3].
  void convert(int size, std::uint8_t* rgb) const {
    for (const video::RawFrame& raw : frames_)
      for (const video::View& view : views_) {
        video::convert(raw.frame(), view, size, size, rgb);
        rgb += std::ptrdiff_t{3} * size * size;
      }
  }

 private:
  std::vector<std::vector<std::uint8_t>> pixels_;
  std::vector<video::RawFrame> frames_;
  std::vector<video::View> views_;
};

at::Tensor bytes_on(at::Device device, const void* from, std::size_t count) {
  return at::from_blob(const_cast<void*>(from), {static_cast<std::int64_t>(count)}, at::kByte).to(device);
}

}  // namespace

std::vector<KernelCase> convert_cases(const KernelSizes& s) {
  const bool gpu = s.device.is_cuda();
  const int count = gpu ? 512 : 64;  // on a GPU more than its second-level cache holds
  const auto size = static_cast<int>(s.model.image_height);
  std::vector<KernelCase> cases;
  for (const auto& [width, height] : kVideos) {
    for (const std::int64_t crops : {1, 3}) {
      const auto pictures = std::make_shared<Pictures>(count, width, height, crops);
      const auto planes = std::make_shared<video::Planes>();
      pictures->keep(size, *planes);
      const at::Tensor rgb = at::empty({static_cast<std::int64_t>(pictures->shown()), size, size, 3},
                                       at::TensorOptions().dtype(at::kByte).device(s.device));
      const auto kept = static_cast<double>(planes->samples.size()), pixels = static_cast<double>(rgb.nbytes());
      const std::string of = text(" ", count, " of ", width, "x", height, ", crops ", crops);
      if (gpu) {
        const at::Tensor samples = bytes_on(s.device, planes->samples.data(), planes->samples.size());
        const at::Tensor what =
            bytes_on(s.device, planes->pictures.data(), planes->pictures.size() * sizeof(kernels::ConvertPicture));
        cases.push_back({.name = "convert" + of,
                         .run = [=] { ops::convert(what, samples, rgb); },
                         .bytes = kept + pixels + static_cast<double>(what.nbytes())});
      } else {
        cases.push_back({.name = "convert" + of,
                         .run = [=] { pictures->convert(size, rgb.mutable_data_ptr<std::uint8_t>()); },
                         .bytes = kept + pixels});
        cases.push_back({.name = "keep" + of, .run = [=] { pictures->keep(size, *planes); }, .bytes = 2 * kept});
      }
    }
  }
  return cases;
}

}  // namespace trecvit::tools
