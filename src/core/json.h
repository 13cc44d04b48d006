// JSON as text for files and pipes. File names are bytes and need not be UTF-8, which JSON text must be.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace trecvit {

// `bytes` as they are where they are UTF-8; any other byte as \xNN, so that different names stay different.
std::string utf8(const std::string& bytes);

namespace detail {

// `value` with utf8() applied to every text and every key.
template <class Json>
Json in_utf8(const Json& value) {
  if (value.is_string()) return utf8(value.template get_ref<const std::string&>());
  if (!value.is_structured()) return value;
  Json copy = value.is_array() ? Json::array() : Json::object();
  if (value.is_array()) {
    for (const Json& element : value) copy.push_back(in_utf8(element));
  } else {
    for (const auto& [key, element] : value.items()) copy[utf8(key)] = in_utf8(element);
  }
  return copy;
}

}  // namespace detail

// One line, or with `indent` a readable document; never throws for what a text holds. Numbers that are not finite
// become null.
template <class Json>
std::string json_text(const Json& value, int indent = -1) {
  try {
    return value.dump(indent);
  } catch (const typename Json::type_error&) {
    return detail::in_utf8(value).dump(indent);
  }
}

}  // namespace trecvit
