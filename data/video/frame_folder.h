// A video that was taken apart: a folder with one picture per frame.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>

#include "data/video/frame.h"

namespace trecvit::video {

// .jpg .jpeg .png .bmp .webp, in the order of the last number in their names (img_2 before img_10), or of names without
// numbers. Optical flow beside them (flow_x_2) and pictures without a number among numbered ones do not count.
// Not thread-safe; movable.
class FrameFolder {
 public:
  // Error: no such folder, it cannot be read, no picture in it, several sequences of pictures, one number twice.
  explicit FrameFolder(const std::filesystem::path& folder, double deadline_s = 30);
  ~FrameFolder();
  FrameFolder(FrameFolder&&) noexcept;
  FrameFolder& operator=(FrameFolder&&) noexcept;

  std::int64_t frames() const;
  void expect(std::int64_t listed) const;  // Error unless frames() is what a list says
  std::int64_t bytes() const;              // of all its pictures' files

  // As Decoder::decode. Frame::pts_s counts frames, for nobody knows their rate. Error: a number outside the folder, a
  // picture that cannot be decoded.
  void decode(std::span<const std::int64_t> numbers,
              const std::function<void(std::size_t k, const Frame& frame)>& sink);

  std::int64_t decoded() const;  // pictures so far

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trecvit::video
