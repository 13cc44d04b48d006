// The tables of `trecvit eval`.
#pragma once

#include <string>
#include <vector>

#include "core/error.h"
#include "infer/evaluate.h"

namespace trecvit::tools {

// Figures, the five classes recognised worst and the five pairs confused most.
std::string eval_tables(const EvalReport& report, const std::vector<std::string>& labels);

// kBelowGate, having said so, when top-1 is below `fail_under`; negative: no gate.
ExitCode gate(const EvalReport& report, double fail_under);

}  // namespace trecvit::tools
