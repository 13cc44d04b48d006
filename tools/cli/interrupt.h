// Ctrl-C as a wish: long verbs finish their step, save and say so.
#pragma once

#include <atomic>

namespace trecvit::tools {

// Set by the first SIGINT or SIGTERM after this call; a second one, of either, ends the program at once.
const std::atomic<bool>& stop_on_signals();

}  // namespace trecvit::tools
