#pragma once
// Choosing a precision for each layer: the least harm under budgets of memory and latency. Free functions over plain values.
//
// Each layer has a few options with their costs; harm adds up over layers (layer_sensitivity.h says why). That is a multiple-choice
// knapsack: states are extended layer by layer and those that another state beats in every respect are dropped, which is exact as
// long as the states fit into kMaxStates; beyond, neighbours in harm are thinned out and the plan is near the best (Kellerer,
// Pferschy, Pisinger: Knapsack Problems, 2004, chapter 11). Greedy exchange, as HAWQ and others do it, misses up to a layer's worth
// of memory.

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace orthant {

// What one layer costs in one precision.
struct PrecisionOption {
  double bytes = 0;
  double latency = 0;  // in any unit, the same for all
  double harm = 0;
};

struct PlanLimits {
  std::optional<double> bytes;
  std::optional<double> latency;
};

// One index into each layer's options. Every layer has at least one. failed_precondition when no choice keeps the limits: the
// message says what could be reached.
Result<std::vector<std::size_t>> choose_precisions(std::span<const std::vector<PrecisionOption>> layers, const PlanLimits& limits);

// "memory=40%", "memory=12MB" (kB, MB, GB: powers of ten; KiB, MiB, GiB: of two) or "latency=60%".
struct Budget {
  enum class Kind { kMemory, kLatency };
  Kind kind = Kind::kMemory;
  std::optional<double> share;  // of the float32 model, 0.4 for 40%
  std::optional<double> bytes;

  // The limit where float32 costs `whole`.
  double limit(double whole) const { return share ? *share * whole : *bytes; }
};
Result<Budget> parse_budget(std::string_view text);

}  // namespace orthant
