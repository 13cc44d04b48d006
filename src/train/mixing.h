// Carries out on the device what data/transforms/mixing.h has drawn.
#pragma once

#include <torch/torch.h>

#include "data/transforms/mixing.h"

namespace trecvit {

// video: [T, B, H, W, 3] uint8. The same, with every clip b mixed with clip B - 1 - b; pixels are rounded.
at::Tensor mix_clips(const at::Tensor& video, const Mixing& mixing);

}  // namespace trecvit
