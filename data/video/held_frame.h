// A frame that outlives the step of the decoder that made it.
#pragma once

#include "data/video/frame.h"

namespace trecvit::video {

// Shares the decoder's buffers; pixels that belong to somebody else (RawFrame) are copied. Movable.
class HeldFrame {
 public:
  explicit HeldFrame(const Frame& frame);
  const Frame& frame() const { return frame_; }

 private:
  std::shared_ptr<AVFrame> picture_;
  Frame frame_;
};

}  // namespace trecvit::video
