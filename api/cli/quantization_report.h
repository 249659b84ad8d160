#pragma once
// QuantizationOutcome: all that `orthant quantize` found out, and its three forms: a table for the terminal, JSON and a chart.
// Plain values, free functions.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "api/charts/bar_chart.h"
#include "encoder/quantize/quantize.h"

namespace orthant {

// nDCG@10 on a set with judgements.
struct RetrievalFigures {
  std::string set;
  std::string split;
  std::size_t documents = 0;
  std::size_t queries = 0;
  double float_ndcg_at_10 = 0;
  double ndcg_at_10 = 0;

  double retention() const { return float_ndcg_at_10 > 0 ? ndcg_at_10 / float_ndcg_at_10 : 1; }
};

// What --accuracy-criterion asked for and how it ended.
struct CriterionOutcome {
  double tolerated_loss = 0;
  std::string measure;  // what retention is of: "neighbour nDCG@10 of 216 texts"
  double retention = 1;
  std::vector<StepBack> steps;
};

struct QuantizationOutcome {
  std::string model;
  std::string scheme;  // as the user named it
  std::vector<std::string> budgets;
  std::size_t calibration_texts = 0;
  std::size_t measured_texts = 0;
  QuantizedFigures before;
  QuantizedFigures after;
  std::vector<LayerReport> layers;
  std::optional<CriterionOutcome> criterion;
  std::optional<RetrievalFigures> retrieval;
  double seconds = 0;
};

std::string layers_table(const QuantizationOutcome& outcome);
std::string figures_table(const QuantizationOutcome& outcome);
std::string report_json(const QuantizationOutcome& outcome);
BarChart report_chart(const QuantizationOutcome& outcome);

}  // namespace orthant
