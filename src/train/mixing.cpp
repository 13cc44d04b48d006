#include "train/mixing.h"

namespace trecvit {

using at::Tensor;

Tensor mix_clips(const Tensor& video, const Mixing& mixing) {
  Tensor mixed = video.clone();
  if (mixing.cut) {
    const auto hole = [&](const Tensor& clips) {
      return clips.narrow(2, mixing.hole.y, mixing.hole.height).narrow(3, mixing.hole.x, mixing.hole.width);
    };
    hole(mixed).copy_(hole(video).flip(1));
    return mixed;
  }
  for (std::int64_t t = 0; t < video.size(0); ++t) {  // one frame at a time: floats take four times the memory
    const Tensor own = video[t].to(at::kFloat);
    mixed[t].copy_((own * mixing.weight + own.flip(0) * (1 - mixing.weight)).round());
  }
  return mixed;
}

}  // namespace trecvit
