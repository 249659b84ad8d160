#include "api/cli/model_comparison.h"

#include <algorithm>
#include <cassert>

#include <fmt/format.h>

namespace orthant {

std::vector<StageDifference> stage_differences(std::span<const StageReport> before, std::span<const StageReport> after) {
  assert(before.size() == after.size());
  std::vector<StageDifference> differences;
  for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i) {
    differences.push_back({before[i], after[i], paired_difference(before[i].query_ndcg_at_10, after[i].query_ndcg_at_10)});
  }
  return differences;
}

std::string comparison_table(std::span<const StageDifference> differences, const std::string& before, const std::string& after) {
  std::string text = fmt::format("\nbefore: {}\nafter:  {}\n\n{:<22}{:>9}{:>9}{:>12}{:>20}{:>9}{:>8}{:>7}{:>22}\n", before, after,
                                 "nDCG@10", "before", "after", "difference", "95 % interval", "p", "better", "worse", "recall@10");
  for (const StageDifference& stage : differences) {
    const PairedDifference& paired = stage.ndcg_at_10;
    text += fmt::format("{:<22}{:>9.4f}{:>9.4f}{:>+12.4f}{:>20}{:>9.4f}{:>8}{:>7}{:>22}\n", search_stages_name(stage.before.stages),
                        stage.before.ndcg_at_10, stage.after.ndcg_at_10, paired.mean,
                        fmt::format("{:+.4f} to {:+.4f}", paired.low, paired.high), paired.p_value, paired.better, paired.worse,
                        fmt::format("{:.4f} -> {:.4f}", stage.before.recall_at_10, stage.after.recall_at_10));
  }
  return text +
         "\np: Fisher's randomization test over the queries, two-sided: how often chance alone would give a difference as large.\n"
         "better, worse: queries whose nDCG@10 rose or fell.\n";
}

void append_comparison(JsonWriter& json, std::span<const StageDifference> differences) {
  json.begin_array();
  for (const StageDifference& stage : differences) {
    json.begin_object();
    json.key("stage").string(search_stages_name(stage.before.stages));
    json.key("before").number(stage.before.ndcg_at_10);
    json.key("after").number(stage.after.ndcg_at_10);
    json.key("difference").number(stage.ndcg_at_10.mean);
    json.key("interval_low").number(stage.ndcg_at_10.low);
    json.key("interval_high").number(stage.ndcg_at_10.high);
    json.key("p_value").number(stage.ndcg_at_10.p_value);
    json.key("queries_better").number(stage.ndcg_at_10.better);
    json.key("queries_worse").number(stage.ndcg_at_10.worse);
    json.end_object();
  }
  json.end_array();
}

}  // namespace orthant
