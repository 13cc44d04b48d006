// Turns one input into another, nearby one.
#pragma once

#include <string>
#include <vector>

#include "core/rng.h"

namespace trecvit {

// One to eight random edits of corpus[base]: flipped bits, bytes and integers with telling values, digits changed,
// pieces removed, repeated, or taken from another input of the corpus. At most `longest` bytes. Depends on rng alone.
std::string mutate(const std::vector<std::string>& corpus, std::size_t base, std::size_t longest, Rng& rng);

}  // namespace trecvit
