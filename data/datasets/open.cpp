#include <array>

#include "core/error.h"
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
    {"ssv2", can_read_ssv2, read_ssv2},
};

const Reader& choose(const std::string& format, const fs::path& root) {
  for (const Reader& reader : kReaders) {
    if (format == "auto" ? reader.can_read(root) : format == reader.format) return reader;
  }
  throw Error("the layout of ", root.string(),
              " was not recognised; set data.format and see docs/data.md for how each format is laid out");
}

}  // namespace

Dataset open_dataset(const DataConfig& config, const std::string& split) {
  config.check();
  if (config.root.empty()) throw UsageError("data.root is empty; it must be the folder of a data set");
  fs::path root = fs::path(config.root).lexically_normal();
  if (!root.has_filename()) root = root.parent_path();  // a slash at the end
  if (!fs::exists(root)) throw Error("data.root = ", config.root, " does not exist");
  if (fs::is_directory(root) && fs::is_empty(root)) throw Error("data.root = ", config.root, " is an empty folder");
  const Reader& reader = choose(config.format, root);
  const std::string name = canonical_split(split);
  Dataset dataset = reader.read(root, name);
  dataset.format = reader.format;
  dataset.split = name;
  dataset.root = root;
  return dataset;
}

}  // namespace trecvit
