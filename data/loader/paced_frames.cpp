#include "data/loader/paced_frames.h"

namespace trecvit {

const video::Frame* PacedFrames::next() {
  for (;;) {
    if (left_.before > 0) {
      --left_.before;
      return &held_->frame();
    }
    if (left_.now > 0) {
      --left_.now;
      return current_;
    }
    if (ended_) return nullptr;
    if (current_ && pace_.looks_back()) held_.emplace(*current_);
    current_ = source_();
    ended_ = current_ == nullptr;
    left_ = ended_ ? pace_.end() : pace_.arrive(current_->pts_s);
  }
}

}  // namespace trecvit
