// Lines of separated fields. Internal to data/datasets.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace trecvit::datasets {

// Fields of one line; a field in double quotes may contain the separator, and "" for a quote. Blanks around fields go.
std::vector<std::string> split_fields(std::string_view line, char separator);

// "path label" with blanks in the path: everything before the last run of blanks, and what follows it. Quotes around
// the path go. One field when there is no blank outside quotes.
std::vector<std::string> split_last_blank(std::string_view line);

std::string_view trimmed(std::string_view text);

}  // namespace trecvit::datasets
