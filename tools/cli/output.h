// Standard output: results only, for pipes. Everything else goes to standard error by core/log.h.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "core/text_table.h"

namespace trecvit::tools {

using Json = nlohmann::ordered_json;  // keys stay in the order in which they were written

// Nobody reads standard output any more (`trecvit ... | head`): the program ends quietly.
struct OutputClosed {};

// Writes `content` to standard output at once. OutputClosed, or Error when the disk is full.
void print(const std::string& content);

// One line of JSON, or with `indent` a readable document. Bytes that are not UTF-8 become \xNN.
void print_json(const Json& value, int indent = -1);

}  // namespace trecvit::tools
