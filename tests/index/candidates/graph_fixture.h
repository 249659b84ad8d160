#pragma once
// A graph over rows that a test makes, with its tables, and recall against brute force.

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "index/candidates/graph.h"
#include "index/kernels/dispatch.h"
#include "index/row_distances.h"
#include "index/row_encoder.h"
#include "index/top_k.h"
#include "tests/index/brute_force.h"

namespace orthant::test {

// What graphs are tested as: each metric, with lists as they are in memory and with lean ones.
struct GraphKind {
  Metric metric;
  bool lean;
};
inline const std::array kGraphKinds = {GraphKind{Metric::kCosine, false}, GraphKind{Metric::kDot, false},
                                       GraphKind{Metric::kEuclid, false}, GraphKind{Metric::kCosine, true},
                                       GraphKind{Metric::kDot, true},     GraphKind{Metric::kEuclid, true}};
inline std::string name_of(const GraphKind& kind) {
  return std::string(metric_name(kind.metric)) + (kind.lean ? "Lean" : "");
}

class GraphFixture {
 public:
  GraphFixture(std::size_t dim, const GraphKind& kind)
      : GraphFixture({.dim = dim, .metric = kind.metric}, kind.lean ? kLeanGraph : GraphOptions{}) {}
  GraphFixture(const IndexConfig& config, const GraphOptions& options = {})
      : config_(config),
        quantizer_(make_binary_quantizer(config)),
        tables_(config, quantizer_->code_bytes(), quantizer_->has_row_scales(), false),
        options_(options),
        graph_(make_graph(config, tables_, *quantizer_, options)) {}

  void append(std::span<const float> rows) {
    std::vector<float> prepared(rows.begin(), rows.end());
    if (config_.metric == Metric::kCosine) {
      for (std::size_t i = 0; i < prepared.size(); i += config_.dim) normalize(std::span(prepared).subspan(i, config_.dim));
    }
    rows_.insert(rows_.end(), prepared.begin(), prepared.end());
    tables_.append(encode_float_rows(config_, *quantizer_, false, prepared, {}));
  }
  void extend(ThreadPool* pool = nullptr) {
    const std::atomic<bool> stop{false};
    ASSERT_TRUE(graph_->extend(tables_.row_count(), pool, stop));
  }
  void repair(ThreadPool* pool = nullptr) {
    const std::atomic<bool> stop{false};
    ASSERT_TRUE(graph_->repair(pool, stop));
  }

  PreparedQuery prepare(std::span<const float> query) const {
    return prepare_query(config_.metric, quantizer_.get(), query, {.estimate = true, .int8 = true});
  }
  std::vector<Candidate> candidates(std::span<const float> query, std::size_t depth, std::size_t effort,
                                    const Bitmap* allowed = nullptr, SourceTrace* trace = nullptr) const {
    const RowMask mask(tables_, allowed, tables_.row_count());
    return graph_->candidates(prepare(query), mask, depth, effort, trace);
  }
  // Of the ten nearest allowed rows the share among the candidates; rows as near as the tenth count as it.
  double recall(std::span<const float> query, std::span<const Candidate> found, const Bitmap* allowed = nullptr) const {
    const BruteForce truth(config_.metric, query, rows_, [&](Ordinal ordinal) {
      return !tables_.is_buried(ordinal) && (allowed == nullptr || allowed->test(ordinal));
    });
    const std::vector<double> best = truth.best_scores(10);
    if (best.empty()) return 1;
    std::size_t hits = 0;
    for (const Candidate& candidate : found) {
      const double score = truth.score(candidate.ordinal);
      hits += lower_score_is_better(config_.metric) ? score <= best.back() : score >= best.back();
    }
    return static_cast<double>(std::min(hits, best.size())) / static_cast<double>(best.size());
  }
  double recall(std::span<const float> query, std::size_t depth, std::size_t effort, const Bitmap* allowed = nullptr) const {
    return recall(query, candidates(query, depth, effort, allowed), allowed);
  }
  double mean_recall(std::span<const float> queries, std::size_t depth, std::size_t effort, const Bitmap* allowed = nullptr) const {
    double sum = 0;
    for (std::size_t i = 0; i < queries.size(); i += config_.dim)
      sum += recall(queries.subspan(i, config_.dim), depth, effort, allowed);
    return sum * static_cast<double>(config_.dim) / static_cast<double>(queries.size());
  }

  const IndexConfig& config() const { return config_; }
  const BinaryQuantizer& quantizer() const { return *quantizer_; }
  CodeTables& tables() { return tables_; }
  CandidateSource& graph() { return *graph_; }
  void replace_graph(std::unique_ptr<CandidateSource> graph) { graph_ = std::move(graph); }

 private:
  IndexConfig config_;
  std::unique_ptr<const BinaryQuantizer> quantizer_;
  CodeTables tables_;
  GraphOptions options_;
  std::unique_ptr<CandidateSource> graph_;
  std::vector<float> rows_;
};

}  // namespace orthant::test
