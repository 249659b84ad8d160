#pragma once
// QualityMeasurement: what searches of an index find and cost, measured on its own stored rows. Rows drawn at random, as they are
// and moved (sampled_queries.h; other rows than calibration draws), are searched for at every target recall and through every
// structure that the index has, and the answers are compared with the ten nearest rows by exact floats, which one pass over all
// rows finds for all queries. A row that is no farther than the tenth counts as found, so that copies of a row are worth the same.
// Given queries are ranked instead, once exactly and once as they are served.
//
// The work is bounded: kQualityComparisons distances in floats for the truth (fewer queries are drawn where rows are many), then
// max_search_seconds of searching; a point that ran out of time says how many queries it stands on.
//
// Reads only. advance() does some milliseconds of work, so that whoever runs it can let others go first. One thread at a time,
// beside searches, the writer and the builder; the index outlives it.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "index/vector_index.h"

namespace orthant {

// Distances computed for the truth, at most, however many rows there are; and for queries that are given.
inline constexpr std::size_t kQualityComparisons = 200'000'000;
inline constexpr std::size_t kGivenComparisons = 2'000'000'000;
inline constexpr std::size_t kSmallestQualitySample = 8;
inline constexpr std::size_t kLargestQualitySample = 1'000;

struct QualityRequest {
  std::size_t sampled_rows = 100;  // each gives two queries
  std::uint64_t seed = 20'261'201;
  // n x dim. Not empty: these are ranked, and nothing is sampled.
  std::vector<float> given_queries{};
  double max_search_seconds = 20;
};

// One way of searching at one target. Means over the queries; times are of one thread, limit 10, the least of three rounds.
struct QualityPoint {
  std::string stages = "auto";  // search_stages_name(): other than "auto" where one representation is asked to rank alone
  std::string structure;        // what found the candidates: "flat", "graph", "lists"; "exact": floats alone
  std::string first_stage;      // "asymmetric", "int8", "binary", "float32", or the structure
  double target_recall = 0;
  std::size_t queries = 0;    // that the recall stands on
  double recall = 0;          // recall@10
  double recall_error = 0;    // half the width of its 95 percent interval
  double recall_of_rows = 0;  // of stored rows as they are
  double recall_of_moved = 0;
  double cpu_microseconds = 0;
  double wall_microseconds = 0;
  // The plan: docs/search_flow.md.
  std::size_t effort = 0;
  std::size_t first_depth = 0;
  std::size_t int8_depth = 0;
  double visited = 0;      // rows of a graph expanded, or lists read
  double compared = 0;     // rows that the structure estimated
  double rescored = 0;     // rows compared by int8 codes
  double with_floats = 0;  // rows compared by floats
};

struct QualityCodes {
  std::string quantizer;  // "sign", "rotated", "learned"; empty for codes that users bring
  unsigned bits = 1;      // a dimension
  bool trained = false;
  // Rows that the quantizer was trained on; nothing when it was not, or was read from a snapshot, which does not keep it.
  std::optional<std::size_t> trained_rows;
  // Of estimates between stored rows: the root of the mean squared error, relative to the norms of query and row; and the same as a
  // multiple of what the quantizer says of itself. Nothing where the metric has no estimates.
  std::optional<double> error;
  std::optional<double> error_ratio;
};

// A row of the calibration table.
struct QualityCalibration {
  double target_recall = 0;
  std::string first_stage;  // after a scan
  double first_oversampling = 0;
  double int8_oversampling = 0;
  std::optional<float> first_margin;
  std::optional<float> int8_margin;
  std::size_t effort = 0;  // of the structure; 0: it does not reach the target
  double effort_cost = 0;  // in rows of a scan
};

struct IndexQuality {
  IndexConfig config;
  std::size_t rows = 0;
  std::size_t live_rows = 0;
  std::string structure;
  std::size_t structure_rows = 0;
  IndexMemory memory;
  QualityCodes codes;
  std::size_t calibrated_rows = 0;  // rows that the index had when it was calibrated; 0: it was not, and these are the safe depths
  std::vector<QualityCalibration> calibration;

  // Nothing where there are too few rows, or users' codes, which have no floats to compare with: `why_not` says it.
  std::optional<QualityPoint> served;  // at the index's own target, by the way that searches take
  std::vector<QualityPoint> curve;
  // What float32, int8 and binary codes find when they rank alone, and rescored by the next: by scans of all rows, whatever the
  // size; Hamming for sign codes only. None where the index searches exactly or the metric has no codes.
  std::vector<QualityPoint> forms;
  std::string why_not;
  bool complete = true;    // false: time ran out
  double cpu_seconds = 0;  // that the measurement took

  // Of given queries, in their order: the ten best by floats and as served, best first.
  std::vector<std::vector<Ordinal>> exact_rankings;
  std::vector<std::vector<Ordinal>> served_rankings;
};

class QualityMeasurement {
 public:
  virtual ~QualityMeasurement() = default;
  // Some milliseconds of work. True when it is done. An error ends the measurement.
  virtual Result<bool> advance() = 0;
  // Once, when it is done.
  virtual IndexQuality take() = 0;
};

}  // namespace orthant
