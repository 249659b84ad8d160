// Inverted lists at one thread: recall@10, CPU time, rows compared and memory by effort, beside a flat scan with the same rescoring
// in the same process.
//
//   lists_bench VECTORS.npy QUERIES.npy [rows=N] [lists=N] [depth=N] [queries=N] [effort=N]
//
// VECTORS holds normalized floats. QUERIES may be "last": the last 1,000 vectors are then taken out and searched for. With more
// rows than VECTORS has, the set is stretched by perturbation: row i is row (i mod n) plus normally distributed noise of 0.5 of its
// norm in all, normalized again (seed 1). Rescoring: the nearest `depth` candidates in int8, of these 30 in float.

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cmath>
#include <ctime>
#include <functional>
#include <iostream>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/cpu.h"
#include "base/npy.h"
#include "index/candidates/flat_scan.h"
#include "index/candidates/inverted_lists.h"
#include "index/kernels/dispatch.h"
#include "index/row_distances.h"
#include "index/row_encoder.h"
#include "index/top_k.h"

namespace orthant {
namespace {

constexpr std::size_t kNeighbors = 10;
constexpr std::size_t kFloatDepth = 30;
constexpr std::size_t kHeldOut = 1'000;

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct Settings {
  std::size_t rows = 0;
  std::size_t lists = 0;
  std::size_t depth = 100;
  std::size_t queries = 300;
  std::size_t effort = 0;  // 0: a sweep
};

Settings read_settings(int argc, char** argv) {
  Settings settings;
  for (int i = 3; i < argc; ++i) {
    const std::string_view argument = argv[i];
    for (const auto& [name, target] : {std::pair{"rows=", &settings.rows},
                                       {"lists=", &settings.lists},
                                       {"depth=", &settings.depth},
                                       {"queries=", &settings.queries},
                                       {"effort=", &settings.effort}}) {
      if (!argument.starts_with(name)) continue;
      const std::string_view number = argument.substr(std::string_view(name).size());
      std::from_chars(number.data(), number.data() + number.size(), *target);
    }
  }
  return settings;
}

FloatMatrix read_or_exit(const std::string& path) {
  Result<FloatMatrix> matrix = read_npy_floats(path);
  if (matrix) return *std::move(matrix);
  std::cerr << matrix.error().message << '\n';
  std::exit(1);
}

FloatMatrix take_last(FloatMatrix& from, std::size_t count) {
  FloatMatrix last = {count, from.columns, {}};
  last.values.assign(from.values.end() - static_cast<std::ptrdiff_t>(count * from.columns), from.values.end());
  from.rows -= count;
  from.values.resize(from.rows * from.columns);
  return last;
}

void stretch(FloatMatrix& matrix, std::size_t rows) {
  const std::size_t originals = matrix.rows;
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal(0, 0.5f / std::sqrt(static_cast<float>(matrix.columns)));
  matrix.values.resize(rows * matrix.columns);
  for (std::size_t row = originals; row < rows; ++row) {
    const auto target = std::span(matrix.values).subspan(row * matrix.columns, matrix.columns);
    const auto source = std::span(matrix.values).subspan(row % originals * matrix.columns, matrix.columns);
    for (std::size_t i = 0; i < target.size(); ++i) target[i] = source[i] + normal(random);
    normalize(target);
  }
  matrix.rows = rows;
}

class Bench {
 public:
  Bench(FloatMatrix vectors, FloatMatrix queries, const Settings& settings)
      : settings_(settings),
        vectors_(std::move(vectors)),
        queries_(std::move(queries)),
        config_{.dim = vectors_.columns},
        quantizer_(make_binary_quantizer(config_)),
        tables_(config_, quantizer_->code_bytes(), quantizer_->has_row_scales(), false) {
    queries_.rows = std::min(queries_.rows, settings.queries);
    constexpr std::size_t kPiece = 4'096;
    for (std::size_t first = 0; first < vectors_.rows; first += kPiece) {
      const auto rows = row_span(first, std::min(kPiece, vectors_.rows - first));
      tables_.append(encode_float_rows(config_, *quantizer_, false, rows, {}));
    }
    find_truth();
  }

  void run() {
    const double began = cpu_seconds();
    const auto lists = make_lists(config_, tables_, {.list_count = settings_.lists});
    const std::atomic<bool> never{false};
    if (const Status built = lists->extend(tables_.row_count(), nullptr, never); !built) {
      std::cerr << built.error().message << '\n';
      return;
    }
    fmt::print("rows {}  lists {}  build {:.1f} s of CPU  {:.1f} bytes a vector  kernels {}\n", tables_.row_count(),
               lists->largest_effort(), cpu_seconds() - began,
               static_cast<double>(lists->memory_bytes()) / static_cast<double>(tables_.row_count()), cpu_level_name(cpu_level()));
    fmt::print("{:>8} {:>9} {:>9} {:>10} {:>10} {:>10} {:>12}\n", "effort", "recall@10", "us", "preparing", "rescoring", "compared",
               "found by it");
    const RowMask mask(tables_, nullptr, tables_.row_count());
    report("flat", {.estimate = true, .int8 = true}, [&](const PreparedQuery& query, SourceTrace& trace) {
      trace.compared = tables_.row_count();
      return FlatScan(tables_, distance_kernels(), mask, query).estimates(settings_.depth);
    });
    const std::size_t first = settings_.effort != 0 ? settings_.effort : 8;
    const std::size_t last = settings_.effort != 0 ? settings_.effort : lists->largest_effort();
    for (std::size_t effort = first; effort <= last; effort += effort / 2) {
      report(std::to_string(effort), {.weights = true, .int8 = true}, [&](const PreparedQuery& query, SourceTrace& trace) {
        return lists->candidates(query, mask, settings_.depth, effort, &trace);
      });
    }
  }

 private:
  using FirstStage = std::function<std::vector<Candidate>(const PreparedQuery&, SourceTrace&)>;

  std::span<const float> row_span(std::size_t first, std::size_t count) const {
    return std::span(vectors_.values).subspan(first * vectors_.columns, count * vectors_.columns);
  }
  std::span<const float> query(std::size_t i) const {
    return std::span(queries_.values).subspan(i * queries_.columns, queries_.columns);
  }

  void find_truth() {
    std::vector<NearestCandidates> nearest;
    for (std::size_t i = 0; i < queries_.rows; ++i) nearest.emplace_back(kNeighbors);
    std::array<float, kBlockRows> dots;
    for (std::size_t first = 0; first < vectors_.rows; first += kBlockRows) {
      const std::size_t count = std::min(kBlockRows, vectors_.rows - first);
      for (std::size_t i = 0; i < queries_.rows; ++i) {
        distance_kernels().dot_f32_rows(query(i).data(), row_span(first, count).data(), vectors_.columns, count, dots.data());
        for (std::size_t row = 0; row < count; ++row) nearest[i].offer({-dots[row], static_cast<Ordinal>(first + row)});
      }
    }
    for (NearestCandidates& of_query : nearest) {
      std::set<Ordinal> ordinals;
      for (const Candidate& candidate : of_query.take()) ordinals.insert(candidate.ordinal);
      truth_.push_back(std::move(ordinals));
    }
  }

  template <typename Distances>
  static void rescore(std::vector<Candidate>& candidates, const Distances& distances, std::size_t depth) {
    std::array<Ordinal, kBlockRows> ordinals;
    std::array<float, kBlockRows> values;
    for (std::size_t first = 0; first < candidates.size(); first += kBlockRows) {
      const std::size_t count = std::min(kBlockRows, candidates.size() - first);
      for (std::size_t i = 0; i < count; ++i) ordinals[i] = candidates[first + i].ordinal;
      distances.list({ordinals.data(), count}, values.data());
      for (std::size_t i = 0; i < count; ++i) candidates[first + i].distance = values[i];
    }
    keep_nearest(candidates, depth);
  }

  void report(const std::string& name, const QueryForms& forms, const FirstStage& first_stage) {
    double best_seconds = 1e9, best_preparing = 1e9, best_rescoring = 1e9;
    std::size_t hits = 0, found_hits = 0, compared = 0;
    for (int round = 0; round < 3; ++round) {
      hits = found_hits = compared = 0;
      double seconds = 0, preparing = 0, rescoring_seconds = 0;
      for (std::size_t i = 0; i < queries_.rows; ++i) {
        const double began = cpu_seconds();
        const PreparedQuery prepared = prepare_query(config_.metric, quantizer_.get(), query(i), forms);
        preparing += cpu_seconds() - began;
        SourceTrace trace;
        std::vector<Candidate> found = first_stage(prepared, trace);
        seconds += cpu_seconds() - began;
        for (const Candidate& candidate : found) found_hits += truth_[i].count(candidate.ordinal);
        const double rescoring = cpu_seconds();
        rescore(found, Int8Distances(tables_, distance_kernels(), prepared), kFloatDepth);
        std::array<float, kFloatDepth> distances;
        for (std::size_t k = 0; k < found.size(); ++k) {
          float_distances(distance_kernels(), prepared, row_span(found[k].ordinal, 1).data(), 1, &distances[k]);
          found[k].distance = distances[k];
        }
        keep_nearest(found, kNeighbors);
        rescoring_seconds += cpu_seconds() - rescoring;
        for (const Candidate& candidate : found) hits += truth_[i].count(candidate.ordinal);
        compared += trace.compared;
      }
      best_seconds = std::min(best_seconds, seconds + rescoring_seconds);
      best_preparing = std::min(best_preparing, preparing);
      best_rescoring = std::min(best_rescoring, rescoring_seconds);
    }
    const auto queries = static_cast<double>(queries_.rows);
    fmt::print("{:>8} {:>9.4f} {:>9.1f} {:>10.1f} {:>10.1f} {:>10.0f} {:>12.4f}\n", name,
               static_cast<double>(hits) / (kNeighbors * queries), 1e6 * best_seconds / queries, 1e6 * best_preparing / queries,
               1e6 * best_rescoring / queries, static_cast<double>(compared) / queries,
               static_cast<double>(found_hits) / (kNeighbors * queries));
    std::fflush(stdout);
  }

  const Settings settings_;
  const FloatMatrix vectors_;
  FloatMatrix queries_;
  const IndexConfig config_;
  const std::unique_ptr<const BinaryQuantizer> quantizer_;
  CodeTables tables_;
  std::vector<std::set<Ordinal>> truth_;
};

int run(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: lists_bench VECTORS.npy QUERIES.npy|last [rows=N] [lists=N] [depth=N] [queries=N] [effort=N]\n";
    return 2;
  }
  const Settings settings = read_settings(argc, argv);
  FloatMatrix vectors = read_or_exit(argv[1]);
  FloatMatrix queries = std::string_view(argv[2]) == "last" ? take_last(vectors, kHeldOut) : read_or_exit(argv[2]);
  if (settings.rows > vectors.rows) stretch(vectors, settings.rows);
  Bench(std::move(vectors), std::move(queries), settings).run();
  return 0;
}

}  // namespace
}  // namespace orthant

int main(int argc, char** argv) {
  return orthant::run(argc, argv);
}
