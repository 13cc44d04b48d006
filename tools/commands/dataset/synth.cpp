#include <memory>

#include "core/log.h"
#include "data/synth/synth.h"
#include "tools/cli/output.h"
#include "tools/cli/verbs.h"

namespace trecvit::tools {
namespace {

struct Options {
  std::string out;
  SynthOptions synth;
  bool json = false;
};

ExitCode run(const Options& options) {
  Progress progress("videos", options.synth.train + options.synth.validation);
  const SynthReport report =
      synthesize(options.out, options.synth, [&](std::int64_t done, std::int64_t) { progress.update(done); });
  progress.finish();
  if (options.json) {
    print_json({{"out", options.out},
                {"format", options.synth.format},
                {"codec", options.synth.chosen_codec()},
                {"difficulty", options.synth.difficulty},
                {"train", options.synth.train},
                {"validation", options.synth.validation},
                {"classes", report.classes},
                {"written", report.written},
                {"kept", report.kept},
                {"seconds", report.seconds}});
  } else {
    print(text(options.out, ": ", options.synth.train, " training and ", options.synth.validation,
               " validation videos of ", report.classes, " classes (", options.synth.format, "); ", report.written,
               " written and ", report.kept, " kept in ", fixed(report.seconds, 1), " s\n"));
  }
  return ExitCode::kDone;
}

}  // namespace

void add_dataset_synth(CLI::App& group, VerbContext& context) {
  auto options = std::make_shared<Options>();
  CLI::App& verb = add_verb(group, context, "synth", "make a labelled set of motion videos in a folder",
                            [options] { return run(*options); });
  SynthOptions& synth = options->synth;
  verb.add_option("--out", options->out, "folder to fill; made when missing, completed when begun")->required();
  verb.add_option("--format", synth.format, "layout: ssv2 or kinetics");
  verb.add_option("--codec", synth.codec,
                  "vp9 (.webm), h264 or mpeg4 (.mp4); by default vp9 for ssv2, h264 for kinetics");
  verb.add_option("--train", synth.train, "training videos");
  verb.add_option("--validation", synth.validation, "validation videos");
  verb.add_option("--width", synth.width, "pixels, even");
  verb.add_option("--height", synth.height, "pixels, even");
  verb.add_option("--min-frames", synth.min_frames, "frames of the shortest video");
  verb.add_option("--max-frames", synth.max_frames, "frames of the longest video");
  verb.add_option("--fps", synth.fps, "frames per second");
  verb.add_option("--difficulty", synth.difficulty, "easy, medium or hard");
  verb.add_option("--seed", synth.seed, "same seed, same videos");
  verb.add_option("--workers", synth.workers, "threads; the videos do not depend on them");
  verb.add_flag("--json", options->json, "the summary as JSON");
}

}  // namespace trecvit::tools
