// Text and bytes made safe for an HTML page.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace trecvit::report {

// Any bytes as HTML text, also inside quoted attributes: & < > " ' are escaped; bytes that are not UTF-8 and control
// characters become U+FFFD.
std::string escape(std::string_view text);

// Any bytes as UTF-8.
std::string utf8(std::string_view bytes);

// "data:image/png;base64,..."
std::string data_uri(std::string_view type, std::string_view bytes);

// A <script type="application/json"> element that holds `data`; nothing in it can end the element.
std::string json_element(const nlohmann::ordered_json& data);

// Four significant digits at most: "0.0125", "1,234", "3.4e+07".
std::string short_number(double value);

}  // namespace trecvit::report
