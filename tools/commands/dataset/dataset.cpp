#include "tools/cli/verbs.h"

namespace trecvit::tools {

void add_dataset(CLI::App& app, VerbContext& context) {
  CLI::App& group = add_group(app, "dataset", "make, check, list and measure data sets");
  add_dataset_synth(group, context);
  add_dataset_check(group, context);
  add_dataset_list(group, context);
  add_dataset_stats(group, context);
}

}  // namespace trecvit::tools
