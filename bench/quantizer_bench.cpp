// Recall by depth of every quantizer of the first stage, on real vectors: the share of the ten true neighbours (float, dot product)
// among the best 10 n rows by estimate, n = 1, 2, 4, 10, 20; the CPU time of training, of encoding a row, of preparing a query and
// of scanning, on one thread; and nDCG@10 of the estimate alone, where judgements are given.
//
// Usage: quantizer_bench VECTORS.npy QUERIES.npy [--shift LENGTH] [--judgements FILE] [--int8 only]
// Rows are normalized. --shift adds one constant vector of this length to rows and queries first. --judgements: lines of "query
// document grade", both as row numbers. --int8 only: the forms of int8 codes in place of the quantizers.

#include <ctime>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/cpu.h"
#include "base/npy.h"
#include "index/candidates/flat_scan.h"
#include "index/kernels/dispatch.h"
#include "index/prepared_query.h"
#include "index/quantizer.h"
#include "index/row_encoder.h"
#include "index/top_k.h"

namespace orthant {
namespace {

constexpr std::size_t kNeighbors = 10;
constexpr std::size_t kDepths[] = {1, 2, 4, 10, 20};
constexpr std::size_t kMostQueries = 500;

using Judgements = std::map<std::size_t, std::map<std::size_t, int>>;

struct Options {
  FloatMatrix vectors;
  FloatMatrix queries;
  float shift = 0;
  Judgements judgements;
  bool int8 = false;
};

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

FloatMatrix read_or_exit(const char* path) {
  Result<FloatMatrix> matrix = read_npy_floats(path);
  if (!matrix) {
    std::cerr << matrix.error().message << '\n';
    std::exit(1);
  }
  return *std::move(matrix);
}

Judgements read_judgements(const char* path) {
  Judgements judgements;
  std::ifstream file(path);
  std::size_t query = 0;
  std::size_t document = 0;
  int grade = 0;
  while (file >> query >> document >> grade) {
    if (grade > 0) judgements[query][document] = grade;
  }
  return judgements;
}

Options parse(int count, char** values) {
  if (count < 3) {
    std::cerr << "usage: quantizer_bench VECTORS.npy QUERIES.npy [--shift LENGTH] [--judgements FILE] [--int8 only]\n";
    std::exit(2);
  }
  Options options = {read_or_exit(values[1]), read_or_exit(values[2]), 0, {}, false};
  for (int i = 3; i + 1 < count; i += 2) {
    if (std::string(values[i]) == "--shift") options.shift = std::strtof(values[i + 1], nullptr);
    if (std::string(values[i]) == "--int8") options.int8 = true;
    if (std::string(values[i]) == "--judgements") options.judgements = read_judgements(values[i + 1]);
  }
  return options;
}

void shift_and_normalize(FloatMatrix& matrix, float length) {
  std::mt19937_64 random(5);
  std::normal_distribution<float> normal;
  std::vector<float> shift(matrix.columns);
  for (float& value : shift) value = normal(random);
  normalize(shift);
  for (std::size_t i = 0; i < matrix.values.size(); ++i) matrix.values[i] += length * shift[i % matrix.columns];
  for (std::size_t row = 0; row < matrix.rows; ++row) {
    normalize(std::span(matrix.values).subspan(row * matrix.columns, matrix.columns));
  }
}

std::span<const float> row_of(const FloatMatrix& matrix, std::size_t row) {
  return std::span(matrix.values).subspan(row * matrix.columns, matrix.columns);
}

std::vector<std::set<Ordinal>> true_neighbors(const Options& options, std::size_t query_count) {
  std::vector<std::set<Ordinal>> truth(query_count);
  std::vector<float> dots(options.vectors.rows);
  for (std::size_t query = 0; query < query_count; ++query) {
    distance_kernels().dot_f32_rows(row_of(options.queries, query).data(), options.vectors.values.data(), options.vectors.columns,
                                    options.vectors.rows, dots.data());
    NearestCandidates nearest(kNeighbors);
    for (std::size_t row = 0; row < dots.size(); ++row) nearest.offer({-dots[row], static_cast<Ordinal>(row)});
    for (const Candidate& candidate : nearest.take()) truth[query].insert(candidate.ordinal);
  }
  return truth;
}

double discounted_gain(const std::vector<int>& grades) {
  double gain = 0;
  for (std::size_t i = 0; i < std::min(grades.size(), kNeighbors); ++i) gain += grades[i] / std::log2(static_cast<double>(i) + 2);
  return gain;
}

double ndcg(const std::vector<Candidate>& found, const std::map<std::size_t, int>& judged) {
  std::vector<int> gained;
  for (std::size_t i = 0; i < std::min(found.size(), kNeighbors); ++i) {
    const auto grade = judged.find(found[i].ordinal);
    gained.push_back(grade == judged.end() ? 0 : grade->second);
  }
  std::vector<int> ideal;
  for (const auto& [document, grade] : judged) ideal.push_back(grade);
  std::ranges::sort(ideal, std::greater());
  return discounted_gain(gained) / discounted_gain(ideal);
}

struct Contender {
  const char* name;
  BinaryCodes codes;
  unsigned bits;
};

std::vector<float> training_sample(const Options& options, const IndexConfig& config) {
  const std::size_t wanted = std::min(wanted_training_rows(config), options.vectors.rows);
  std::vector<float> sample;
  for (std::size_t i = 0; i < wanted; ++i) {
    const auto row = row_of(options.vectors, i * options.vectors.rows / wanted);
    sample.insert(sample.end(), row.begin(), row.end());
  }
  return sample;
}

std::unique_ptr<const BinaryQuantizer> train(const Options& options, const IndexConfig& config) {
  const std::vector<float> sample = training_sample(options, config);
  const std::atomic<bool> stop = false;
  return train_binary_quantizer(config, sample, 1, nullptr, stop).value();
}

void fill(CodeTables& tables, const Options& options, const BinaryQuantizer& quantizer) {
  constexpr std::size_t kPiece = 8'192;
  for (std::size_t first = 0; first < options.vectors.rows; first += kPiece) {
    EncodedRows rows;
    rows.row_count = std::min(kPiece, options.vectors.rows - first);
    rows.bits.resize(rows.row_count * quantizer.code_bytes());
    if (quantizer.has_row_scales()) rows.bit_scales.resize(rows.row_count);
    rows.int8_codes.resize(rows.row_count * options.vectors.columns);
    rows.int8_scales.resize(rows.row_count);
    quantizer.encode(
        std::span(options.vectors.values).subspan(first * options.vectors.columns, rows.row_count * options.vectors.columns),
        rows.bits, rows.bit_scales);
    tables.append(rows);
  }
}

class Measurement {
 public:
  Measurement(const Options& options, const std::vector<std::set<Ordinal>>& truth) : options_(options), truth_(truth) {}

  void run(const Contender& contender) {
    IndexConfig config;
    config.dim = options_.vectors.columns;
    config.binary_codes = contender.codes;
    config.code_bits = contender.bits;
    double begin = cpu_seconds();
    const auto quantizer = train(options_, config);
    const double training = cpu_seconds() - begin;
    CodeTables tables(config, quantizer->code_bytes(), quantizer->has_row_scales(), false);
    begin = cpu_seconds();
    fill(tables, options_, *quantizer);
    const double encoding = cpu_seconds() - begin;
    fmt::print("{:<10}", contender.name);
    search(config, *quantizer, tables, {.estimate = true});
    finish_line(quantizer->code_bytes() + (quantizer->has_row_scales() ? sizeof(float) : 0), training, encoding);
  }

  // int8 codes with ranges of this quantile; 0: with scales.
  void run_int8(const std::string& name, double quantile) {
    IndexConfig config;
    config.dim = options_.vectors.columns;
    config.binary_codes = BinaryCodes::kSign;
    config.int8_codes = Int8Codes::kDimension;
    const auto quantizer = make_binary_quantizer(config);
    double begin = cpu_seconds();
    std::shared_ptr<const DimensionRanges> ranges;
    if (quantile != 0) ranges = DimensionRanges::of_rows(training_sample(options_, config), config.dim, quantile);
    const double training = cpu_seconds() - begin;
    CodeTables tables(config, quantizer->code_bytes(), quantizer->has_row_scales(), false, {}, ranges);
    begin = cpu_seconds();
    tables.append(encode_float_rows(config, *quantizer, false, options_.vectors.values, {}, ranges.get()));
    const double encoding = cpu_seconds() - begin;
    fmt::print("{:<10}", name);
    search(config, *quantizer, tables, {.int8 = true});
    finish_line(config.dim + (ranges ? 0 : sizeof(float)), training, encoding);
  }

 private:
  void finish_line(std::size_t bytes, double training, double encoding) const {
    fmt::print("  {:>5}  {:>6.2f}  {:>6.2f}\n", bytes, training, 1e6 * encoding / static_cast<double>(options_.vectors.rows));
    std::fflush(stdout);
  }

  void search(const IndexConfig& config, const BinaryQuantizer& quantizer, const CodeTables& tables, QueryForms forms) const {
    const RowMask mask(tables, nullptr, tables.row_count());
    const std::size_t depth = std::min<std::size_t>(kNeighbors * kDepths[4], tables.row_count());
    std::vector<double> found_within(std::size(kDepths));
    double preparing = 0;
    double scanning = 0;
    double gain = 0;
    std::size_t judged = 0;
    const std::size_t query_count = options_.judgements.empty() ? truth_.size() : options_.queries.rows;
    for (std::size_t query = 0; query < query_count; ++query) {
      const double begin = cpu_seconds();
      const PreparedQuery prepared =
          prepare_query(config.metric, &quantizer, row_of(options_.queries, query), forms, tables.int8_ranges());
      const double prepared_at = cpu_seconds();
      const FlatScan scan(tables, distance_kernels(), mask, prepared);
      std::vector<Candidate> found = forms.int8 ? scan.int8(depth) : scan.estimates(depth);
      scanning += cpu_seconds() - prepared_at;
      preparing += prepared_at - begin;
      std::ranges::sort(found, nearer);
      for (std::size_t i = 0; i < std::size(kDepths) && query < truth_.size(); ++i) {
        const std::size_t end = std::min(kNeighbors * kDepths[i], found.size());
        for (std::size_t rank = 0; rank < end; ++rank) found_within[i] += truth_[query].contains(found[rank].ordinal) ? 1 : 0;
      }
      if (const auto judgements = options_.judgements.find(query); judgements != options_.judgements.end()) {
        gain += ndcg(found, judgements->second);
        ++judged;
      }
    }
    for (double found : found_within) fmt::print("  {:.4f}", found / static_cast<double>(truth_.size() * kNeighbors));
    fmt::print("  {:.4f}", judged == 0 ? 0.0 : gain / static_cast<double>(judged));
    const auto per_query = 1e6 / static_cast<double>(query_count);
    fmt::print("  {:>7.1f}  {:>6.1f}", preparing * per_query, scanning * per_query);
  }

  const Options& options_;
  const std::vector<std::set<Ordinal>>& truth_;
};

void run(Options options) {
  shift_and_normalize(options.vectors, options.shift);
  shift_and_normalize(options.queries, options.shift);
  const auto truth = true_neighbors(options, std::min(kMostQueries, options.queries.rows));
  fmt::print("{} rows of {} dimensions, {} queries, {}, {}\n", options.vectors.rows, options.vectors.columns, truth.size(),
             cpu_model_name(), cpu_level_name(cpu_level()));
  fmt::print("{:<10}  {:<6}  {:<6}  {:<6}  {:<6}  {:<6}  {:<6}  {:>7}  {:>6}  {:>5}  {:>6}  {:>6}\n", "", "x1", "x2", "x4", "x10",
             "x20", "nDCG10", "prep us", "scan us", "bytes", "train s", "us/row");
  Measurement measurement(options, truth);
  if (options.int8) {
    measurement.run_int8("vector", 0);
    for (const double quantile : {1.0, 0.9999, 0.999, 0.99}) measurement.run_int8(fmt::format("dim {}", quantile), quantile);
    return;
  }
  for (const Contender& contender : {Contender{"sign", BinaryCodes::kSign, 1},
                                     {"rotated", BinaryCodes::kRotated, 1},
                                     {"learned", BinaryCodes::kLearned, 1},
                                     {"rotated 2", BinaryCodes::kRotated, 2},
                                     {"learned 2", BinaryCodes::kLearned, 2},
                                     {"rotated 4", BinaryCodes::kRotated, 4},
                                     {"learned 4", BinaryCodes::kLearned, 4}}) {
    measurement.run(contender);
  }
}

}  // namespace
}  // namespace orthant

int main(int count, char** values) {
  orthant::run(orthant::parse(count, values));
}
