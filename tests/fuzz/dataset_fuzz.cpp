// The first byte chooses how a data set is laid out; the rest is the text of its annotation files, apart by record
// separators. Names are all that readers look at, so any bytes serve as videos.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "data/datasets/dataset.h"
#include "driver.h"

using namespace trecvit;
namespace fs = std::filesystem;

namespace {

constexpr char kSeparator = '\x1e';

struct Layout {
  const char* format;
  std::vector<const char*> annotations, videos;
};

const std::vector<Layout>& layouts() {
  static const std::vector<Layout> all = {
      {"ssv2", {"labels/labels.json", "labels/train.json"}, {"20bn-something-something-v2/7.webm"}},
      {"ssv2",
       {"labels/labels.json", "labels/test.json", "labels/test-answers.csv"},
       {"20bn-something-something-v2/1.webm"}},
      {"kinetics",
       {"annotations/kinetics700_train.csv"},
       {"train/air_drumming/_bcdefghijk_000015_000025.mp4", "train/Abcdefghijk.mp4"}},
      {"ucf101",
       {"ucfTrainTestlist/classInd.txt", "ucfTrainTestlist/trainlist01.txt"},
       {"UCF-101/Archery/v_Archery_g01_c01.avi"}},
      {"hmdb51", {"splits/wave_test_split1.txt", "splits/run_test_split1.txt"}, {"wave/a.avi", "run/b.avi"}},
      {"list", {"train.txt"}, {"a.mp4", "wave/b c.mp4"}},
      {"list", {"train.csv", "labels.json"}, {"a.mp4", "b.mp4"}},
      {"list", {"train.txt", "labels.txt"}, {"frames/one/img_00001.jpg"}},
      {"jsonl", {"train.jsonl"}, {"a.mp4"}},
      {"auto", {"train.txt", "val.csv", "test.jsonl", "labels.json"}, {"train/x/a.mp4"}},
  };
  return all;
}

// Where the layouts lie, in memory when the machine has such a folder. Taken away at the end.
class Place {
 public:
  Place() {
    std::string name = "/dev/shm/trecvit_fuzz_XXXXXX";
    if (!::mkdtemp(name.data())) {
      name = (fs::temp_directory_path() / "trecvit_fuzz_XXXXXX").string();
      ensure(::mkdtemp(name.data()) != nullptr, "no folder for data sets");
    }
    root_ = name;
    for (std::size_t i = 0; i < layouts().size(); ++i) {
      for (const char* video : layouts()[i].videos) write(i, video, "x");
    }
  }
  ~Place() { fs::remove_all(root_); }
  fs::path folder(std::size_t layout) const { return root_ / std::to_string(layout); }
  void write(std::size_t layout, const char* name, const std::string& content) const {
    const fs::path path = folder(layout) / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
  }

 private:
  fs::path root_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Place place;
  if (size == 0) return 0;
  const std::size_t chosen = data[0] % layouts().size();
  std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  for (const char* annotation : layouts()[chosen].annotations) {
    const std::size_t end = rest.find(kSeparator);
    place.write(chosen, annotation, rest.substr(0, end));
    rest = end == std::string::npos ? "" : rest.substr(end + 1);
  }
  DataConfig config;
  config.root = place.folder(chosen).string();
  for (const char* format : {layouts()[chosen].format, "auto"}) {
    config.format = format;
    for (const char* split : {"train", "test", "val"}) {
      try {
        const Dataset dataset = open_dataset(config, split);
        // The promises of every reader.
        ensure(dataset.labels.size() <= 1000000, dataset.labels.size(), " classes from ", size, " bytes");
        for (const Sample& sample : dataset.samples) {
          ensure(!sample.path.empty(), "a sample without a file");
          ensure(sample.label >= -1 && sample.label < static_cast<std::int64_t>(dataset.labels.size()),
                 "a label out of range");
        }
        ensure(mirrored_labels(dataset.labels).size() == dataset.labels.size(), "mirrors of other classes");
        count_classes(dataset);
      } catch (const Error&) {
      }
    }
  }
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  const std::string separator(1, kSeparator);
  const std::vector<std::string> contents = {
      R"({"Holding something": "0", "Moving left": "1", "Moving right": "2"})" + separator +
          R"([{"id": "7", "template": "Holding [something]", "placeholders": ["a cup"]}, {"id": "9", "template": "Moving left"}])",
      R"({"Holding something": "0", "Dropping something": "1"})" + separator + R"([{"id": "1"}, {"id": "2"}])" +
          separator + "1;Dropping something\n2;Holding something\n",
      "youtube_id,split,label,time_end,time_start\n-Ab_cdefghi,train,\"waving, slowly\",20.0,10.0\n"
      "_bcdefghijk,train,air drumming,25,15\r\n\nAbcdefghijk,train,zumba,9,0\n",
      "1 Archery\n2 BabyCrawling\n" + separator +
          "Archery/v_Archery_g01_c01.avi 1\nBabyCrawling/v_BabyCrawling_g01_c01.avi 2\n",
      "a.avi 1\nc.avi 2 \n" + separator + "b.avi 1\nd.avi 0\n",
      "a.mp4 0\nwave/b c.mp4 1\n",
      "path,label\n\"a.mp4\",wave\nb.mp4,\"run, fast\"\n" + separator + R"(["run, fast", "wave"])",
      "frames/one 1 0\nframes/two 12 1\n" + separator + "wave\nrun\n",
      "{\"path\": \"a.mp4\", \"label\": \"waving\", \"start\": 1.5, \"end\": 3}\n{\"path\": \"b.mp4\", \"label\": 3}\n",
      "a.mp4 0\n" + separator + "a.mp4,0\n" + separator + "{\"path\": \"a.mp4\"}\n" + separator +
          R"({"0": "wave", "1": "run"})",
  };
  ensure(contents.size() == layouts().size(), "a seed per layout");
  std::vector<std::string> seeds;
  for (std::size_t i = 0; i < contents.size(); ++i) seeds.push_back(std::string(1, static_cast<char>(i)) + contents[i]);
  return seeds;
}
