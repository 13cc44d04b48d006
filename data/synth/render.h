// The frames of one synthetic video. Internal to data/synth.
#pragma once

#include <cstdint>
#include <vector>

#include "data/synth/layout.h"
#include "data/synth/synth.h"

namespace trecvit::synth {

// Frames in the order in which they are shown, [returned number, height, width, 3]; `frames` keeps its memory;
// `caption` receives what the video shows. Depends on the options, the clip's number, split and class; clips that
// differ only in being one class of a pair or the other show the same frames in opposite orders.
int render(const SynthOptions& options, const Clip& clip, std::vector<std::uint8_t>& frames, Caption& caption);

// The caption alone.
Caption describe(const SynthOptions& options, const Clip& clip);

}  // namespace trecvit::synth
