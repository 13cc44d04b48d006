#include <memory>

#include "core/log.h"
#include "tools/cli/config_options.h"
#include "tools/cli/output.h"
#include "tools/cli/verbs.h"

namespace trecvit::tools {
namespace {

std::string origin_of(const ResolvedConfig& resolved, const std::string& key) {
  const auto found = resolved.origins.find(key);
  return found == resolved.origins.end() ? "default" : found->second;
}

Json to_json(const ResolvedConfig& resolved) {
  Json values = Json::object(), origins = Json::object();
  for_each_field(resolved.config, [&](const std::string& key, const auto& field, const char*) {
    Json* at = &values;
    std::size_t begin = 0;
    for (std::size_t dot; (dot = key.find('.', begin)) != std::string::npos; begin = dot + 1)
      at = &(*at)[key.substr(begin, dot - begin)];
    (*at)[key.substr(begin)] = field;
    origins[key] = origin_of(resolved, key);
  });
  return {{"config", values}, {"origins", origins}};
}

ExitCode show(const ConfigOptions& options, bool json) {
  const ResolvedConfig resolved = options.resolve();
  if (json) {
    print_json(to_json(resolved), 2);
    return ExitCode::kDone;
  }
  std::vector<ConfigRow> rows = config_rows(resolved.config);
  for (ConfigRow& row : rows) row.comment = text("[", origin_of(resolved, row.key), "] ", row.comment);
  print(to_yaml(rows));
  return ExitCode::kDone;
}

ExitCode validate(const std::vector<std::string>& files) {
  std::size_t bad = 0;
  std::string last;
  for (const std::string& file : files) {
    try {
      resolve_file(file);
      print(file + ": valid\n");
    } catch (const Error& error) {
      if (bad++) log_error(last);
      last = error.what();
      if (last.find(std::filesystem::path(file).filename().string()) == std::string::npos) last = file + ": " + last;
    }
  }
  if (bad) throw UsageError(last);
  return ExitCode::kDone;
}

ExitCode diff(const std::string& a, const std::string& b, bool json) {
  const std::vector<ConfigRow> left = config_rows(resolve_file(a).config), right = config_rows(resolve_file(b).config);
  std::vector<std::vector<std::string>> rows{{"key", a, b}};
  Json different = Json::object();
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (left[i].value == right[i].value) continue;
    rows.push_back({left[i].key, left[i].value, right[i].value});
    different[left[i].key] = {left[i].value, right[i].value};
  }
  if (json) {
    print_json(different, 2);
  } else {
    print(rows.size() > 1 ? text_table(rows) : "the two say the same\n");
  }
  return ExitCode::kDone;
}

}  // namespace

void add_config(CLI::App& app, VerbContext& context) {
  CLI::App& group = add_group(app, "config", "show, validate and compare configurations");
  struct Options {
    ConfigOptions config;
    std::vector<std::string> files;
    std::string a, b;
    bool json = false;
  };
  auto options = std::make_shared<Options>();

  CLI::App& shown = add_verb(group, context, "show", "the whole configuration as YAML, with the origin of every value",
                             [options] { return show(options->config, options->json); });
  options->config.add_to(shown);
  shown.add_flag("--json", options->json, "as JSON: config (values by section) and origins (by key)");

  CLI::App& validated = add_verb(group, context, "validate", "check configuration files; exit code 2 when one is wrong",
                                 [options] { return validate(options->files); });
  validated.add_option("FILE", options->files, "YAML files")->required();

  CLI::App& compared = add_verb(group, context, "diff", "the keys in which two configuration files differ",
                                [options] { return diff(options->a, options->b, options->json); });
  compared.add_option("A", options->a, "YAML file")->required();
  compared.add_option("B", options->b, "YAML file")->required();
  compared.add_flag("--json", options->json, "as JSON: key -> [value in A, value in B]");
}

}  // namespace trecvit::tools
