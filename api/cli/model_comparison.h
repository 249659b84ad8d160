#pragma once
// What two models make of the same retrieval set, stage by stage: as text and as JSON. Pure functions.

#include <span>
#include <string>
#include <vector>

#include "api/json/json_writer.h"
#include "engine/evaluation.h"
#include "engine/paired_difference.h"

namespace orthant {

struct StageDifference {
  StageReport before;
  StageReport after;
  PairedDifference ndcg_at_10;
};

// Both of the same set: evaluate() gives the same stages and queries in the same order.
std::vector<StageDifference> stage_differences(std::span<const StageReport> before, std::span<const StageReport> after);

// `before` and `after` say how the models are called.
std::string comparison_table(std::span<const StageDifference> differences, const std::string& before, const std::string& after);

// An array, a stage each.
void append_comparison(JsonWriter& json, std::span<const StageDifference> differences);

}  // namespace orthant
