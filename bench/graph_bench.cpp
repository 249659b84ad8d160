// graph_bench: a graph over real vectors: rate of building, memory, and recall@10 against time for several efforts, beside the flat
// scan of the same rows. One thread, thread CPU time. Rescoring is int8, then floats for the last.
//   graph_bench --base FILE.npy --queries FILE.npy|LAST:N [--rows N] [--degree R] [--build-beam L] [--smallest-beam L] [--alpha A]
//   [--planes B] [--lean yes]
//               [--efforts 32,64,...] [--depth D] [--threads T] [--metric cosine|dot|euclid] [--codes sign|learned] [--filters
//               SHARE,...] [--truth TRUTH.npy] [--lists FILE]
// TRUTH.npy as bench/peers/search/vectors.py makes it, for the unfiltered queries. FILE keeps the lists of the graph: read where it
// exists, else written.

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "base/npy.h"
#include "base/thread_pool.h"
#include "index/candidates/flat_scan.h"
#include "index/candidates/graph.h"
#include "index/kernels/dispatch.h"
#include "index/row_distances.h"
#include "index/row_encoder.h"
#include "index/top_k.h"

namespace orthant {
namespace {

constexpr std::size_t kLimit = 10;
constexpr std::size_t kFloatDepth = 20;
constexpr std::size_t kAppendRows = 4'096;

struct Options {
  std::map<std::string, std::string> given;
  std::string get(const std::string& name, const std::string& fallback) const {
    const auto found = given.find(name);
    return found == given.end() ? fallback : found->second;
  }
  std::size_t number(const std::string& name, std::size_t fallback) const {
    return std::strtoull(get(name, std::to_string(fallback)).c_str(), nullptr, 10);
  }
  double real(const std::string& name, double fallback) const {
    return std::strtod(get(name, std::to_string(fallback)).c_str(), nullptr);
  }
};

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}
double process_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

Metric metric_of(const std::string& name) {
  return name == "dot" ? Metric::kDot : name == "euclid" ? Metric::kEuclid : Metric::kCosine;
}

std::vector<std::string> words(const std::string& list) {
  std::vector<std::string> result;
  std::istringstream in(list);
  for (std::string word; std::getline(in, word, ',');) result.push_back(word);
  return result;
}

class Bench {
 public:
  Bench(const Options& options) : options_(options), kernels_(distance_kernels()) {
    config_.metric = metric_of(options.get("metric", "cosine"));
    read_vectors();
    config_.dim = dim_;
    make_quantizer();
    tables_.emplace(config_, quantizer_->code_bytes(), quantizer_->has_row_scales(), true);
    for (std::size_t first = 0; first < rows_; first += kAppendRows) {
      const std::size_t count = std::min(kAppendRows, rows_ - first);
      tables_->append(encode_float_rows(config_, *quantizer_, true, std::span(base_).subspan(first * dim_, count * dim_), {}));
    }
    floats_ = tables_->writable_floats();
    if (options.given.contains("truth")) {
      read_truth();
    } else {
      find_truth();
    }
  }

  void run() {
    const std::string lists = options_.get("lists", "");
    if (!lists.empty() && std::filesystem::exists(lists)) {
      read_lists(lists);
    } else {
      build();
      if (!lists.empty()) write_lists(lists);
    }
    print_degrees();
    measure_all();
    for (const std::string& share : words(options_.get("filters", ""))) {
      std::mt19937_64 random(7);
      std::bernoulli_distribution taken(std::strtod(share.c_str(), nullptr));
      allowed_.emplace(rows_);
      for (std::size_t row = 0; row < rows_; ++row) {
        if (taken(random)) allowed_->set(row);
      }
      find_truth();
      std::printf("filter: %s of the rows\n", share.c_str());
      measure_all();
    }
  }

 private:
  void read_vectors() {
    auto base = read_npy_floats(options_.get("base", "")).value();
    dim_ = base.columns;
    const std::string queries = options_.get("queries", "LAST:1000");
    rows_ = base.rows;
    if (queries.starts_with("LAST:")) {
      query_count_ = std::strtoull(queries.c_str() + 5, nullptr, 10);
      rows_ = base.rows - query_count_;
      queries_.assign(base.values.end() - static_cast<std::ptrdiff_t>(query_count_ * dim_), base.values.end());
    } else {
      auto read = read_npy_floats(queries).value();
      query_count_ = read.rows;
      queries_ = std::move(read.values);
    }
    rows_ = std::min(rows_, options_.number("rows", rows_));
    query_count_ = std::min(query_count_, options_.number("query-count", query_count_));
    base_ = std::move(base.values);
    base_.resize(rows_ * dim_);
  }

  void find_truth() {
    truth_.clear();
    const RowMask mask(*tables_, allowed_ ? &*allowed_ : nullptr, rows_);
    for (std::size_t i = 0; i < query_count_; ++i) {
      const PreparedQuery query = prepare_query(config_.metric, nullptr, query_floats(i), {});
      auto nearest = FlatScan(*tables_, kernels_, mask, query).floats(*floats_, kLimit);
      std::ranges::sort(nearest, nearer);
      truth_.push_back(nearest);
    }
  }

  void read_truth() {
    const auto read = read_npy_floats(options_.get("truth", "")).value();
    for (std::size_t i = 0; i < query_count_; ++i) {
      const PreparedQuery query = prepare_query(config_.metric, nullptr, query_floats(i), {});
      std::vector<Candidate> nearest;
      for (std::size_t j = 0; j < read.columns && read.values[i * read.columns + j] >= 0; ++j) {
        nearest.push_back({0, static_cast<Ordinal>(read.values[i * read.columns + j])});
      }
      apply(FloatDistances(*floats_, kernels_, query), nearest);
      keep_nearest(nearest, kLimit);
      std::ranges::sort(nearest, nearer);
      truth_.push_back(std::move(nearest));
    }
  }

  void write_lists(const std::string& path) const {
    const SourceColumn lists = graph_->columns().front();
    const std::string parameters = graph_->parameters();
    std::ofstream out(path, std::ios::binary);
    out.write(parameters.data(), static_cast<std::streamsize>(parameters.size()));
    for (std::size_t row = 0; row < lists.rows; ++row) {
      out.write(reinterpret_cast<const char*>(lists.column->row(row)), static_cast<std::streamsize>(lists.column->row_bytes()));
    }
  }
  void read_lists(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::string parameters(12, 0);
    in.read(parameters.data(), 12);
    graph_ = load_graph(config_, *tables_, *quantizer_, parameters).value();
    const SourceColumn lists = graph_->columns().front();
    for (std::size_t row = 0; row < lists.rows; ++row) {
      in.read(reinterpret_cast<char*>(lists.column->row(row)), static_cast<std::streamsize>(lists.column->row_bytes()));
    }
    const double begin = process_seconds();
    if (!graph_->finish_load()) std::abort();
    std::printf("%zu rows read from %s, made ready in %.2f s of CPU\n", lists.rows, path.c_str(), process_seconds() - begin);
  }

  // Trained on every so-manieth row.
  void make_quantizer() {
    if (options_.get("codes", "sign") == "learned") {
      config_.binary_codes = BinaryCodes::kLearned;
      std::vector<float> sample;
      const std::size_t stride = std::max<std::size_t>(1, rows_ / wanted_training_rows(config_));
      for (std::size_t row = 0; row < rows_; row += stride)
        sample.insert(sample.end(), base_.begin() + static_cast<std::ptrdiff_t>(row * dim_),
                      base_.begin() + static_cast<std::ptrdiff_t>((row + 1) * dim_));
      quantizer_ = train_binary_quantizer(config_, sample, 1, nullptr, std::atomic<bool>(false)).value();
    } else {
      quantizer_ = make_binary_quantizer(config_);
    }
  }

  std::span<const float> query_floats(std::size_t i) const { return std::span(queries_).subspan(i * dim_, dim_); }

  void build() {
    GraphOptions graph;
    if (options_.get("lean", "no") == "yes") graph = kLeanGraph;
    graph.degree = options_.number("degree", graph.degree);
    graph.build_beam = options_.number("build-beam", graph.build_beam);
    graph.smallest_beam = options_.number("smallest-beam", std::min(graph.smallest_beam, graph.build_beam));
    graph.alpha = static_cast<float>(options_.real("alpha", graph.alpha));
    graph.plane_count = options_.number("planes", graph.plane_count);
    graph_ = make_graph(config_, *tables_, *quantizer_, graph);
    const std::size_t threads = options_.number("threads", 0);
    std::optional<ThreadPool> pool;
    if (threads > 0) pool.emplace("build", threads, 64);
    const double begin = process_seconds();
    std::atomic<bool> stop{false};
    if (!graph_->extend(static_cast<Ordinal>(rows_), pool ? &*pool : nullptr, stop)) std::abort();
    const double seconds = process_seconds() - begin;
    std::printf(
        "%zu rows, degree %zu, build beam %zu, alpha %.2f, planes %zu: built in %.2f s of CPU, %.0f rows/s, graph %.1f bytes a "
        "row\n",
        rows_, graph.lean ? std::size_t{0} : graph.degree, graph.build_beam, static_cast<double>(graph.alpha), graph.plane_count,
        seconds, static_cast<double>(rows_) / seconds, static_cast<double>(graph_->memory_bytes()) / static_cast<double>(rows_));
  }

  // Rows to which few lists lead are those that walks miss. Lean lists are not read.
  void print_degrees() const {
    if (options_.get("lean", "no") == "yes") return;
    std::vector<std::uint32_t> in(rows_);
    std::size_t links = 0;
    const SourceColumn lists = graph_->columns().front();
    for (std::size_t row = 0; row < rows_; ++row) {
      const auto* slots = lists.column->row_as<const std::uint32_t>(row);
      for (std::size_t i = 0; i < lists.column->row_bytes() / sizeof *slots && slots[i] != kNoOrdinal; ++i, ++links) ++in[slots[i]];
    }
    std::array<std::size_t, 5> few{};
    for (std::uint32_t degree : in) ++few[std::min<std::size_t>(degree, few.size() - 1)];
    std::printf("%.1f neighbours a row; %zu rows are nobody's neighbour, %zu one row's, %zu two rows', %zu three rows'\n",
                static_cast<double>(links) / static_cast<double>(rows_), few[0], few[1], few[2], few[3]);
  }

  struct Sums {
    double recall = 0;
    double seconds = 0;
    double prepare_seconds = 0;
    double source_seconds = 0;
    SourceTrace trace;
  };

  std::vector<Candidate> rescore(const PreparedQuery& query, std::vector<Candidate> candidates) const {
    apply(Int8Distances(*tables_, kernels_, query), candidates);
    keep_nearest(candidates, kFloatDepth);
    apply(FloatDistances(*floats_, kernels_, query), candidates);
    keep_nearest(candidates, kLimit);
    return candidates;
  }
  template <typename Distances>
  static void apply(const Distances& distances, std::vector<Candidate>& candidates) {
    std::array<Ordinal, kBlockRows> ordinals;
    std::array<float, kBlockRows> values;
    for (std::size_t first = 0; first < candidates.size(); first += kBlockRows) {
      const std::size_t count = std::min(kBlockRows, candidates.size() - first);
      for (std::size_t i = 0; i < count; ++i) ordinals[i] = candidates[first + i].ordinal;
      distances.list({ordinals.data(), count}, values.data());
      for (std::size_t i = 0; i < count; ++i) candidates[first + i].distance = values[i];
    }
  }

  // By distance, so that equal rows count as equal.
  double hits(std::size_t i, const std::vector<Candidate>& found) const {
    std::size_t count = 0;
    const float last = truth_[i].empty() ? 0 : truth_[i].back().distance;
    for (const Candidate& candidate : found) count += candidate.distance <= last + 1e-6f;
    return static_cast<double>(std::min(count, truth_[i].size())) / static_cast<double>(std::max<std::size_t>(1, truth_[i].size()));
  }

  template <typename Find>
  Sums over_queries(QueryForms forms, Find&& find) const {
    Sums sums;
    for (std::size_t i = 0; i < query_count_; ++i) {
      const double begin = thread_seconds();
      const PreparedQuery query = prepare_query(config_.metric, quantizer_.get(), query_floats(i), forms);
      const double prepared = thread_seconds();
      SourceTrace trace;
      auto candidates = find(query, trace);
      const double sourced = thread_seconds();
      const auto found = rescore(query, std::move(candidates));
      sums.seconds += thread_seconds() - begin;
      sums.prepare_seconds += prepared - begin;
      sums.source_seconds += sourced - prepared;
      sums.recall += hits(i, found);
      sums.trace.compared += trace.compared;
      sums.trace.visited += trace.visited;
    }
    return sums;
  }
  void print(const char* name, std::size_t depth, const Sums& sums) const {
    const auto queries = static_cast<double>(query_count_);
    std::printf("%8s %6zu %8.4f %9.1f %9.1f %9.1f %9.0f %9.0f\n", name, depth, sums.recall / queries, sums.seconds / queries * 1e6,
                sums.prepare_seconds / queries * 1e6, sums.source_seconds / queries * 1e6,
                static_cast<double>(sums.trace.compared) / queries, static_cast<double>(sums.trace.visited) / queries);
    std::fflush(stdout);
  }

  void measure_all() const {
    const std::size_t depth = options_.number("depth", 0);
    std::printf("%8s %6s %8s %9s %9s %9s %9s %9s\n", "effort", "depth", "recall", "us", "prepare", "source", "compared",
                "expanded");
    measure_flat(depth == 0 ? 100 : depth);
    for (const std::string& word : words(options_.get("efforts", "24,32,48,64,96,128,160,200,256,320"))) {
      const std::size_t effort = std::strtoull(word.c_str(), nullptr, 10);
      measure(effort, depth == 0 ? effort : depth);
    }
  }
  void measure_flat(std::size_t depth) const {
    const RowMask mask(*tables_, allowed_ ? &*allowed_ : nullptr, rows_);
    print("flat", depth, over_queries({.estimate = true, .int8 = true}, [&](const PreparedQuery& query, SourceTrace&) {
            return FlatScan(*tables_, kernels_, mask, query).estimates(depth);
          }));
  }
  void measure(std::size_t effort, std::size_t depth) const {
    const RowMask mask(*tables_, allowed_ ? &*allowed_ : nullptr, rows_);
    const auto find = [&](const PreparedQuery& query, SourceTrace& trace) {
      return graph_->candidates(query, mask, depth, effort, &trace);
    };
    const QueryForms forms = {.weights = true, .int8 = true};
    over_queries(forms, find);
    print(std::to_string(effort).c_str(), depth, over_queries(forms, find));
  }

  const Options& options_;
  const DistanceKernels& kernels_;
  IndexConfig config_;
  std::size_t dim_ = 0;
  std::size_t rows_ = 0;
  std::size_t query_count_ = 0;
  std::vector<float> base_;
  std::vector<float> queries_;
  std::unique_ptr<const BinaryQuantizer> quantizer_;
  std::optional<CodeTables> tables_;
  const RowColumn* floats_ = nullptr;
  std::optional<Bitmap> allowed_;
  std::unique_ptr<CandidateSource> graph_;
  std::vector<std::vector<Candidate>> truth_;
};

}  // namespace
}  // namespace orthant

int main(int argc, char** argv) {
  orthant::Options options;
  for (int i = 1; i + 1 < argc; i += 2) options.given[std::string(argv[i]).substr(2)] = argv[i + 1];
  orthant::Bench(options).run();
}
