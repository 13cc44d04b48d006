#include "tools/cli/usage.h"

#include <algorithm>
#include <vector>

#include "core/config.h"

namespace trecvit::tools {
namespace {

// The verb that was being parsed.
const CLI::App& innermost(const CLI::App& app) {
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().back();
  return *at;
}

std::string full_name(const CLI::App& app) {
  std::string name = app.get_name();
  for (const CLI::App* at = app.get_parent(); at; at = at->get_parent()) name = at->get_name() + " " + name;
  return name;
}

std::vector<std::string> verbs_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(verb->get_name());
  return names;
}

std::string unknown_option(const CLI::App& verb, const std::string& word) {
  std::vector<std::string> names;
  for (const CLI::Option* option : verb.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  const std::string bare = word.substr(0, word.find('='));
  const std::string near = nearest(bare, names);
  return text("'", full_name(verb), "' has no option ", bare,
              near.empty() ? text("; '", full_name(verb), " --help' lists them") : text("; did you mean ", near, "?"));
}

std::string unknown_verb(const CLI::App& group, const std::string& word) {
  const std::vector<std::string> names = verbs_of(group);
  const std::string near = nearest(word, names);
  return text(
      "'", full_name(group), "' has no verb '", word, "'",
      near.empty() ? text("; '", full_name(group), " --help' lists them") : text("; did you mean '", near, "'?"));
}

}  // namespace

std::string usage_sentence(const CLI::App& app, const CLI::ParseError& failure) {
  const CLI::App& verb = innermost(app);
  const std::vector<std::string> extras = app.remaining(true);
  const auto word = std::find_if(extras.begin(), extras.end(), [](const std::string& extra) { return extra != "--"; });
  if (word != extras.end()) {
    if (word->size() > 1 && word->front() == '-') return unknown_option(verb, *word);
    if (!verbs_of(verb).empty()) return unknown_verb(verb, *word);
    return text("'", full_name(verb), "' takes no argument '", *word, "'; '", full_name(verb), " --help' shows how");
  }
  if (!verbs_of(verb).empty() && verb.get_require_subcommand_min() > 0)
    return text("'", full_name(verb), "' needs a verb; '", full_name(verb), " --help' lists them");
  std::string message = failure.what();
  message = message.substr(0, message.find('\n'));
  return text(message, "; '", full_name(verb), " --help' shows how");
}

}  // namespace trecvit::tools
