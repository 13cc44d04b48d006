#include "data/video/held_frame.h"

#include <new>

#include "data/video/libav.h"

namespace trecvit::video {

HeldFrame::HeldFrame(const Frame& frame) : picture_(av_frame_clone(frame.picture), LibavFree{}), frame_(frame) {
  if (!picture_) throw std::bad_alloc();
  frame_.picture = picture_.get();
}

}  // namespace trecvit::video
