// The command line parser's complaints as one sentence each.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace trecvit::tools {

// One sentence for a command line that `app` refused, naming the nearest option or verb for one that does not exist.
std::string usage_sentence(const CLI::App& app, const CLI::ParseError& failure);

}  // namespace trecvit::tools
