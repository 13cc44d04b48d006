#include "data/synth/render.h"

#include <span>

#include "core/error.h"
#include "data/synth/difficulty.h"
#include "data/synth/motion.h"
#include "data/synth/scene.h"

namespace trecvit::synth {
namespace {

// Everything random about a clip, drawn in one fixed order.
struct Draw {
  Rng rng;
  int frames;
  Script script;
  Scene scene;

  Draw(const SynthOptions& o, const Clip& clip, Motion motion, const Difficulty& difficulty)
      : rng(o.seed, stream_id(text(clip.training ? "synth.train." : "synth.validation.", clip.number))),
        frames(o.min_frames + static_cast<int>(rng.below(o.max_frames - o.min_frames + 1))),
        script(motion, difficulty, o.width, o.height, rng),
        scene(motion, difficulty, o.width, o.height, rng) {}
};

Draw draw(const SynthOptions& options, const Clip& clip) {
  return {options, clip, motion_classes()[clip.motion_class].motion, difficulty_named(options.difficulty)};
}

Caption caption_of(const Scene& scene) { return {.object = scene.object(), .surface = scene.surface()}; }

}  // namespace

int render(const SynthOptions& options, const Clip& clip, std::vector<std::uint8_t>& frames, Caption& caption) {
  Draw drawn = draw(options, clip);
  caption = caption_of(drawn.scene);
  const bool reversed = motion_classes()[clip.motion_class].reversed;
  const auto size = static_cast<std::size_t>(options.width) * static_cast<std::size_t>(options.height) * 3;
  frames.resize(size * static_cast<std::size_t>(drawn.frames));
  // Always drawn forwards, noise included; a reversed class puts the frames in the other order.
  for (int i = 0; i < drawn.frames; ++i) {
    const auto place = static_cast<std::size_t>(reversed ? drawn.frames - 1 - i : i);
    drawn.scene.render(drawn.script, static_cast<double>(i) / (drawn.frames - 1), drawn.rng,
                       std::span(frames).subspan(size * place, size));
  }
  return drawn.frames;
}

Caption describe(const SynthOptions& options, const Clip& clip) { return caption_of(draw(options, clip).scene); }

}  // namespace trecvit::synth
