#include "tools/cli/verbs.h"

namespace trecvit::tools {

void add_inspect(CLI::App& app, VerbContext& context) {
  CLI::App& group = add_group(app, "inspect", "say what a file is");
  add_inspect_video(group, context);
  add_inspect_model(group, context);
}

}  // namespace trecvit::tools
