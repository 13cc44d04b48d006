#include "data/synth/difficulty.h"

#include "core/error.h"

namespace trecvit::synth {
namespace {

// The numbers of `easy` and `hard` stay as they are: sets made with them are compared over versions.
constexpr Difficulty kDifficulties[] = {
    {
        .name = "easy",
        .radius = {0.15, 0.23},
        .half_way = {0.18, 0.28},
        .growth = {2.0, 3.0},
        .turn_radius = {0.30, 0.40},
        .turn_place = 0.06,
        .turn_halves = 0,
        .turn_arrows = true,
        .told_by_colour = true,
        .saturation = {0.3, 0.9},
        .value = {0.85, 1},
        .hue_step = {0.15, 0.85},
        .other_saturation = {0.2, 0.8},
        .other_value = {0.65, 1},
        .ground = {20, 70},
        .wave_size = {1, 7},
        .wave_cycles = 5,
        .shake = 0.014,
        .noise = {0.5, 2},
        .flicker = {0, 0},
        .least_distractors = 0,
        .most_distractors = 0,
    },
    {
        .name = "medium",
        .radius = {0.13, 0.20},
        .half_way = {0.15, 0.26},  // the widest range of speeds
        .growth = {1.9, 2.7},
        .turn_radius = {0.25, 0.34},
        .turn_place = 0.10,
        .turn_halves = 0.25,
        .turn_arrows = false,
        .told_by_colour = false,
        .saturation = {0.3, 1},
        .value = {0.65, 1},  // still brighter than nearly all of the ground
        .hue_step = {0.2, 0.8},
        .other_saturation = {0.2, 0.9},
        .other_value = {0.5, 1},
        .ground = {30, 110},
        .wave_size = {3, 20},
        .wave_cycles = 6,
        .shake = 0.028,
        .noise = {1, 4},
        .flicker = {0, 1.5},
        .least_distractors = 0,
        .most_distractors = 2,
    },
    {
        .name = "hard",
        .radius = {0.10, 0.16},
        .half_way = {0.13, 0.22},
        .growth = {1.7, 2.2},
        .turn_radius = {0.18, 0.26},
        .turn_place = 0.14,
        .turn_halves = 0.5,
        .turn_arrows = false,
        .told_by_colour = false,
        .saturation = {0.2, 1},
        .value = {0.25, 1},
        .hue_step = {0.2, 0.8},
        .other_saturation = {0.2, 1},
        .other_value = {0.25, 1},
        .ground = {60, 190},
        .wave_size = {8, 45},
        .wave_cycles = 8,
        .shake = 0.05,
        .noise = {2, 6},
        .flicker = {0, 3},
        .least_distractors = 1,
        .most_distractors = 4,
    },
};

}  // namespace

const std::vector<std::string>& difficulty_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Difficulty& difficulty : kDifficulties) all.emplace_back(difficulty.name);
    return all;
  }();
  return names;
}

const Difficulty& difficulty_named(const std::string& name) {
  for (const Difficulty& difficulty : kDifficulties) {
    if (name == difficulty.name) return difficulty;
  }
  throw InternalError("difficulty ", name, " does not exist");
}

}  // namespace trecvit::synth
