// Numbers and tables as text for people.
#pragma once

#include <string>
#include <vector>

namespace trecvit {

// `value` with `digits` digits after the point: fixed(3.4999, 2) is "3.50".
std::string fixed(double value, int digits);

// Columns of text with two blanks between them; the first row is the heading.
std::string text_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace trecvit
