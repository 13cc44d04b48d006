// Lines of separated fields.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace trecvit::datasets {

// Fields of one line; a field in double quotes may contain the separator, and "" for a quote. Blanks around fields go.
// Error: a quote that does not close, or something between the closing quote and the separator.
std::vector<std::string> split_fields(std::string_view line, char separator);

// The same for line `number` (from 1) of `file`, both of which the Error names.
std::vector<std::string> fields_of_line(std::string_view line, char separator, const std::filesystem::path& file,
                                        std::size_t number);

// "path label" with blanks in the path: everything before the last run of blanks, and what follows it. Quotes around
// the path go. One field when there is no blank outside quotes.
std::vector<std::string> split_last_blank(std::string_view line);

std::string_view trimmed(std::string_view text);

// A line of fields with tabs between, and its fields again. In a field, tab, line feed, carriage return and backslash
// become \t, \n, \r and \\, so that any field comes back as it was.
std::string tab_line(const std::vector<std::string>& fields);
std::vector<std::string> tab_fields(std::string_view line);

}  // namespace trecvit::datasets
