#include "tools/cli/verbs.h"

namespace trecvit::tools {

void add_bench(CLI::App& app, VerbContext& context) {
  CLI::App& group = add_group(app, "bench", "how fast this build is on this machine");
  add_bench_data(group, context);
  add_bench_model(group, context);
  add_bench_stream(group, context);
  add_bench_kernels(group, context);
}

}  // namespace trecvit::tools
