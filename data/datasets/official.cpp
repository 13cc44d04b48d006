#include "data/datasets/official.h"

#include "core/error.h"

namespace trecvit {
namespace {

// Something-Something: its paper's site; Kinetics-400, UCF101, HMDB51: their annotation files. Kinetics-600 and -700
// have been published with several lists: these are the "original split stats" of FiftyOne's data set zoo
// (docs.voxel51.com), for 700 classes those of the edition of 2020.
struct Official {
  const char* format;
  std::size_t classes;
  const char* split;
  std::int64_t videos;
};
constexpr Official kOfficial[] = {
    {"ssv2", 174, "train", 168913},     {"ssv2", 174, "validation", 24777},     {"ssv2", 174, "test", 27157},
    {"kinetics", 400, "train", 246535}, {"kinetics", 400, "validation", 19907}, {"kinetics", 400, "test", 38686},
    {"kinetics", 600, "train", 370582}, {"kinetics", 600, "validation", 28313}, {"kinetics", 600, "test", 56618},
    {"kinetics", 700, "train", 542352}, {"kinetics", 700, "validation", 34125}, {"kinetics", 700, "test", 67433},
    {"ucf101", 101, "train", 9537},     {"ucf101", 101, "test", 3783},          {"ucf101", 101, "validation", 3783},
    {"hmdb51", 51, "train", 3570},      {"hmdb51", 51, "test", 1530},           {"hmdb51", 51, "validation", 1530},
};

}  // namespace

std::int64_t official_videos(const Dataset& dataset) {
  for (const Official& official : kOfficial) {
    if (dataset.format == official.format && dataset.labels.size() == official.classes &&
        dataset.split == official.split) {
      return official.videos;
    }
  }
  return 0;
}

std::string coverage(const Dataset& dataset, std::int64_t usable) {
  const std::int64_t official = official_videos(dataset), listed = std::ssize(dataset.samples);
  if (official == 0) return "";
  if (listed > official) {
    return text(dataset.split, ": ", usable, " of the ", listed,
                " listed videos are here; the official list that is known "
                "to this program has ",
                official, ", so this is another edition of it");
  }
  if (usable == official) return text(dataset.split, ": all ", official, " official videos are here");
  const std::int64_t share = 1000 * usable / official;  // in tenths of a per cent, rounded down: only all is 100 %
  const std::string sentence =
      text(dataset.split, ": ", usable, " of the ", official, " official videos are here, ", share / 10, ".",
           share % 10, " %; ", official - listed, " are not listed, ", listed - usable, " not usable");
  if (dataset.format != "kinetics") return sentence;
  return sentence + "; copies of Kinetics shrink as videos go from YouTube, so results should name this number";
}

}  // namespace trecvit
