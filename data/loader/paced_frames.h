// The frames that a Pace takes, from frames that arrive one by one.
#pragma once

#include <functional>
#include <optional>

#include "data/loader/sampling.h"
#include "data/video/held_frame.h"

namespace trecvit {

class PacedFrames {
 public:
  using Source = std::function<const video::Frame*()>;  // as Decoder::next

  PacedFrames(Source source, Pace pace) : source_(std::move(source)), pace_(pace) {}

  // The next frame that is taken, valid until the next call; nullptr at the end. A frame that several ticks show comes
  // several times, and may come after the one that followed it was read. Error: of the source.
  const video::Frame* next();

 private:
  Source source_;
  Pace pace_;
  Pace::Turns left_;                      // of the frame before, then of `current_`
  std::optional<video::HeldFrame> held_;  // the frame before, where a pace looks back
  const video::Frame* current_ = nullptr;
  bool ended_ = false;
};

}  // namespace trecvit
