#pragma once
// EncoderBenchmark: what encoding costs on one thread: passages in batches, queries one at a time, tokenization included. Times are
// CPU times of the calling thread beside wall times, since a busy machine blurs the former less. Free functions over plain values;
// one caller at a time, on an otherwise idle process.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "encoder/encoder.h"

namespace orthant {

struct EncoderBenchmarkOptions {
  std::size_t batch = 32;  // passages of one call
  std::size_t rounds = 3;  // passes over all passages and all queries, after one that is not counted
  bool profile = false;    // one more pass of each, in which clocks are read at every stage
};

// Seconds by both clocks.
struct ElapsedTime {
  double cpu = 0;
  double wall = 0;
};

struct LatencyFigures {
  double p50_ms = 0;
  double p99_ms = 0;
};

// Of a pass in the middle: rounds are sorted by CPU time and the median one counts.
struct EncoderBenchmark {
  std::size_t passages = 0;
  std::size_t passage_tokens = 0;
  std::size_t queries = 0;
  std::size_t query_tokens = 0;
  ElapsedTime passage_time;                 // of one pass over the passages
  std::vector<ElapsedTime> passage_rounds;  // in the order they ran
  LatencyFigures query_cpu;                 // over all queries of all rounds
  LatencyFigures query_wall;
  StageTimes passage_stages;  // of the profiled passes
  StageTimes query_stages;
  EmbeddingMatrix embeddings;  // of the passages

  double passages_per_second() const { return static_cast<double>(passages) / passage_time.cpu; }
  double passages_per_second_wall() const { return static_cast<double>(passages) / passage_time.wall; }
  double tokens_per_second() const { return static_cast<double>(passage_tokens) / passage_time.cpu; }
};

// Passages are encoded as documents, queries as queries. Either list may be empty: its figures are 0. invalid_argument when both
// are, or batch or rounds is 0.
Result<EncoderBenchmark> benchmark_encoder(const Encoder& encoder, std::span<const std::string> passages,
                                           std::span<const std::string> queries, const EncoderBenchmarkOptions& options);

// The value at `share` (0 to 1) of the sorted values, by nearest rank; 0 of none.
double quantile(std::vector<double> values, double share);

// Resident memory of this process now, and its largest so far.
std::uint64_t resident_bytes();
std::uint64_t peak_resident_bytes();

}  // namespace orthant
