#include "tools/cli/verbs.h"

#include <utility>

#include "core/log.h"

namespace trecvit::tools {
namespace {

void add_verbosity(CLI::App& app) {
  app.add_flag_callback(
      "-v,--verbose", [] { set_verbosity(Verbosity::kVerbose); }, "say more on standard error");
  app.add_flag_callback(
      "--quiet", [] { set_verbosity(Verbosity::kQuiet); }, "only warnings and errors, no progress");
}

}  // namespace

CLI::App& add_verb(CLI::App& parent, VerbContext& context, const std::string& name, const std::string& doc,
                   std::function<ExitCode()> action) {
  CLI::App* verb = parent.add_subcommand(name, doc);
  add_verbosity(*verb);
  // Of nested verbs (eval, eval score) the inner one calls back first, and it is the one that was meant.
  verb->callback([&context, action = std::move(action)] {
    if (!context.action) context.action = action;
  });
  return *verb;
}

CLI::App& add_group(CLI::App& parent, const std::string& name, const std::string& doc) {
  CLI::App* group = parent.add_subcommand(name, doc);
  group->require_subcommand(1);
  return *group;
}

CLI::Option* add_repeatable(CLI::App& verb, const std::string& names, std::vector<std::string>& values,
                            const std::string& doc) {
  return verb.add_option(names, values, doc)->allow_extra_args(false);
}

}  // namespace trecvit::tools
