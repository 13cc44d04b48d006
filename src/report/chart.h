// Plain charts as PNG files.
#pragma once

#include <string>
#include <vector>

namespace trecvit {

// How often values fall into 40 equal steps between the least and the largest. `unit` names the axis.
void write_histogram(const std::string& path, const std::string& title, const std::string& unit,
                     const std::vector<double>& values);

// A bar per number, in their order.
void write_bars(const std::string& path, const std::string& title, const std::string& axis,
                const std::vector<double>& heights);

}  // namespace trecvit
