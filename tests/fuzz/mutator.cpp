#include "mutator.h"

#include <algorithm>
#include <cctype>

namespace trecvit {
namespace {

std::size_t pick(std::size_t n, Rng& rng) { return static_cast<std::size_t>(rng.below(static_cast<std::int64_t>(n))); }

// Sizes and counts that break careless arithmetic.
std::uint64_t telling_integer(Rng& rng) {
  constexpr std::uint64_t kValues[] = {0,
                                       1,
                                       2,
                                       7,
                                       8,
                                       0x7f,
                                       0x80,
                                       0xff,
                                       0x100,
                                       0x7fff,
                                       0x8000,
                                       0xffff,
                                       0x7fffffff,
                                       0x80000000,
                                       0xfffffffe,
                                       0xffffffff,
                                       0x100000000,
                                       0x7fffffffffffffff,
                                       0x8000000000000000,
                                       0xffffffffffffffff};
  return kValues[pick(std::size(kValues), rng)];
}

void overwrite_integer(std::string& input, Rng& rng) {
  const std::size_t width = std::min<std::size_t>(std::size_t{1} << pick(4, rng), input.size());
  const std::size_t at = pick(input.size() - width + 1, rng);
  std::uint64_t value = telling_integer(rng);
  if (rng.chance(0.3)) {  // near the value that stands there
    value = 0;
    for (std::size_t i = 0; i < width; ++i)
      value |= std::uint64_t{static_cast<unsigned char>(input[at + i])} << (8 * i);
    value += static_cast<std::uint64_t>(rng.below(17)) - 8;
  }
  for (std::size_t i = 0; i < width; ++i) input[at + i] = static_cast<char>(value >> (8 * i));
}

// Headers are text: another number where digits stand.
void change_number(std::string& input, Rng& rng) {
  const std::size_t start = pick(input.size(), rng);
  std::size_t at = start;
  while (at < input.size() && !std::isdigit(static_cast<unsigned char>(input[at]))) ++at;
  if (at == input.size()) return;
  std::size_t end = at;
  while (end < input.size() && std::isdigit(static_cast<unsigned char>(input[end]))) ++end;
  std::uint64_t value = telling_integer(rng);
  if (rng.chance(0.7)) {  // a little more or less
    value = 0;
    for (std::size_t i = at; i < end; ++i) value = value * 10 + static_cast<std::uint64_t>(input[i] - '0');
    value += static_cast<std::uint64_t>(rng.below(17)) - 8;
  }
  std::string number = std::to_string(value);
  if (rng.chance(0.1)) number = "-" + number;
  input.replace(at, end - at, number);
}

void edit(std::string& input, const std::vector<std::string>& corpus, Rng& rng) {
  if (input.empty()) input.push_back('\0');
  const std::size_t at = pick(input.size(), rng);
  const std::size_t piece = 1 + pick(std::min<std::size_t>(input.size() - at, 64), rng);
  switch (rng.below(9)) {
    case 0:
      input[at] = static_cast<char>(input[at] ^ (1 << rng.below(8)));
      break;
    case 1:
      input[at] = static_cast<char>(rng.bits());
      break;
    case 2:
      overwrite_integer(input, rng);
      break;
    case 3:
      change_number(input, rng);
      break;
    case 4:
      input.erase(at, piece);
      break;
    case 5:
      input.insert(pick(input.size(), rng), input.substr(at, piece));
      break;
    case 6:
      input.resize(at);
      break;
    case 7:
      input.insert(at, piece, static_cast<char>(rng.chance(0.5) ? rng.bits() : ' '));
      break;
    default: {
      const std::string& other = corpus[pick(corpus.size(), rng)];
      if (other.empty()) break;
      const std::size_t from = pick(other.size(), rng);
      const std::string taken = other.substr(from, 1 + pick(256, rng));
      input.replace(at, rng.chance(0.5) ? taken.size() : 0, taken);
    }
  }
}

}  // namespace

std::string mutate(const std::vector<std::string>& corpus, std::size_t base, std::size_t longest, Rng& rng) {
  std::string input = corpus[base];
  const std::int64_t edits = std::int64_t{1} << rng.below(4);
  for (std::int64_t i = 0; i < edits; ++i) edit(input, corpus, rng);
  if (input.size() > longest) input.resize(longest);
  return input;
}

}  // namespace trecvit
