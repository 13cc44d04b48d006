#include "core/error.h"
#include "core/folder.h"
#include "core/json.h"
#include "data/datasets/readers.h"

namespace trecvit {
namespace {

using namespace datasets;

struct Reader {
  const char* format;
  bool (*can_read)(const fs::path&);
  Dataset (*read)(const fs::path&, const std::string&);
};

// In the order in which "auto" tries them.
constexpr Reader kReaders[] = {
    {"ssv2", can_read_ssv2, read_ssv2},       {"kinetics", can_read_kinetics, read_kinetics},
    {"ucf101", can_read_ucf101, read_ucf101}, {"hmdb51", can_read_hmdb51, read_hmdb51},
    {"jsonl", can_read_jsonl, read_jsonl},    {"list", can_read_list, read_list},
    {"folder", can_read_folder, read_folder},
};

const Reader& choose(const std::string& format, const fs::path& root) {
  for (const Reader& reader : kReaders) {
    if (format == "auto" ? reader.can_read(root) : format == reader.format) return reader;
  }
  throw Error("the layout of ", root.string(),
              " was not recognised; it must hold annotations of ssv2, kinetics, ucf101 or hmdb51, lists named by split "
              "(train.txt, val.csv, test.jsonl), or folders SPLIT/CLASS");
}

}  // namespace

Dataset open_dataset(const DataConfig& config, const std::string& split) {
  config.check();
  if (config.root.empty()) throw UsageError("data.root is empty; it must be the folder of a data set");
  fs::path root = fs::path(config.root).lexically_normal();
  if (!root.has_filename()) root = root.parent_path();  // a slash at the end
  if (!path_exists(root)) throw Error("data.root = ", config.root, " does not exist");
  if (is_folder(root) && folder_entries(root).empty()) {
    throw Error("data.root = ", config.root, " is an empty folder");
  }
  const Reader& reader = choose(config.format, root);
  const std::string name = canonical_split(split);
  Dataset dataset = reader.read(root, name);
  // Class names travel in JSON, in data sets and in models, and must be the same everywhere.
  for (std::string& label : dataset.labels) label = utf8(label);
  dataset.format = reader.format;
  dataset.split = name;
  dataset.root = root;
  return dataset;
}

}  // namespace trecvit
