// A YAML file, and behind a zero byte a key=value setting, into the whole configuration. What is accepted must survive
// being written and read again.
#include "core/config.h"
#include "core/error.h"
#include "driver.h"
#include "memory_file.h"
#include "config/train.h"

using namespace trecvit;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static MemoryFile file, again;
  const std::string input(reinterpret_cast<const char*>(data), size);
  const std::string yaml = input.substr(0, input.find('\0'));
  file.set(yaml.data(), yaml.size());
  try {
    ConfigSource source;
    source.load(file.path());
    if (yaml.size() < size) source.set(input.substr(yaml.size() + 1));
    Config config;
    source.apply(config);
    const std::string written = to_yaml(config_rows(config));
    again.set(written.data(), written.size());
    ConfigSource copy_source;
    copy_source.load(again.path());
    Config copy;
    copy_source.apply(copy);
    ensure(to_yaml(config_rows(copy)) == written, "a configuration changed when it was written and read again:\n",
           written);
    config.finish();
  } catch (const Error&) {
  }
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  return {
      "seed: 1\nmodel:\n  width: 64\n  depth: 3\n  heads: 4\ntrain: {lr: 3.0e-3, epochs: 9}\n",
      "data:\n  root: /data/a b\n  format: ssv2\n  frames: 12\naugment:\n  scale_min: 0.9\n  enabled: false\n",
      std::string("train:\n  lr: 1e-4\n") + '\0' + "data.root=\"a: b\"",
      "a: &x {b: 1}\nmodel: *x\n",
      "eval: {every_epochs: 3}\nlog: {every_steps: 5}\n# a comment\ncheckpoint:\n  keep: 2\n",
      "data: {root: 'it''s', train_split: \"tr\\nain\", val_split: '#1'}\n",
      std::string("{}") + '\0' + "model={variant: Ti}",
  };
}
