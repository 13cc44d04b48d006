#include "core/json.h"

#include <cstddef>

namespace trecvit {
namespace {

// Bytes of the UTF-8 character at `at`, 0: it is none. Overlong forms, surrogates and values above U+10FFFF are none.
std::size_t character_at(const std::string& text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0; };
  const unsigned first = byte(at), second = byte(at + 1);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xC2 && first <= 0xDF   ? 2
                           : first >= 0xE0 && first <= 0xEF ? 3
                           : first >= 0xF0 && first <= 0xF4 ? 4
                                                            : 0;
  const unsigned least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (size == 0 || second < least || second > most) return 0;
  for (std::size_t i = 2; i < size; ++i)
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  return size;
}

}  // namespace

std::string utf8(const std::string& bytes) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string out;
  for (std::size_t at = 0; at < bytes.size();) {
    if (const std::size_t size = character_at(bytes, at)) {
      out.append(bytes, at, size);
      at += size;
    } else {
      const auto byte = static_cast<unsigned char>(bytes[at++]);
      out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return out;
}

}  // namespace trecvit
