// search_curve: one VectorIndex over vectors of a file: its build, its recall and time at several targets, its snapshot, and the
// same recall and time after a share of the rows was deleted and inserted again. Prints a JSON line for each thing as it is done,
// in the words of bench/peers/search/worker.py, whose results it stands beside. One thread; times are CPU times of the process.
//   search_curve --vectors BASE.npy --queries QUERIES.npy --truth TRUTH.npy [--targets .9,.95,...]
//                [--structure auto|flat|graph|lists] [--codes auto|sign|rotated|learned] [--code-bits 1|2|4]
//                [--residency auto|memory|disk] [--updates SHARE] [--rounds N] [--snapshot FILE]
//                [--codes-on-disk FOLDER] [--index FILE [--calibrate no]]    keeps the index, or measures the one that is there
//                [--efforts 40,80,... [--effort-target .98]]    beside the calibrated ones: efforts of a graph or lists
//                [--filters .5,.1,... [--filter-queries N]]    the same targets among shares of the rows: drawn at random, and
//                                                               those nearest a row drawn at random, as the rows of a topic are
// TRUTH.npy is what bench/peers/search/vectors.py makes: a row a query, the row numbers that count as found, -1 for none.

#include <malloc.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/npy.h"
#include "bench/mapped_vectors.h"
#include "index/vector_index.h"

namespace orthant {
namespace {

constexpr std::size_t kNeighbors = 10;
constexpr std::size_t kBatchRows = 8192;

template <typename T>
T value_or_exit(Result<T> result) {
  if (result) return *std::move(result);
  std::cerr << result.error().message << '\n';
  std::exit(1);
}

void succeed_or_exit(const Status& status) {
  if (status) return;
  std::cerr << status.error().message << '\n';
  std::exit(1);
}

struct Options {
  std::map<std::string, std::string> given;

  std::string get(const std::string& name, const std::string& fallback) const {
    const auto found = given.find(name);
    return found == given.end() ? fallback : found->second;
  }
  std::string file(const std::string& name) const {
    if (!given.contains(name)) fail("--" + name + " is missing");
    return given.at(name);
  }
};

double process_seconds(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

struct Watch {
  double cpu = process_seconds(CLOCK_PROCESS_CPUTIME_ID);
  double wall = process_seconds(CLOCK_MONOTONIC);

  double cpu_seconds() const { return process_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu; }
  double wall_seconds() const { return process_seconds(CLOCK_MONOTONIC) - wall; }
};

// Bytes of the process that no file backs.
std::size_t anonymous_bytes() {
  ::malloc_trim(0);
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::size_t kilobytes = 0;
    if (word == "RssAnon:" && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

void say(const std::string& line) {
  std::cout << line << std::endl;
}

double percentile(std::vector<double> values, double share) {
  const auto place = static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5);
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(place));
  return values[place];
}

// What is searched for, and what counts as found.
struct Questions {
  FloatMatrix queries;
  std::vector<std::set<std::size_t>> truth;

  std::size_t count() const { return truth.size(); }
  std::span<const float> query(std::size_t i) const {
    return std::span(queries.values).subspan(i * queries.columns, queries.columns);
  }
};

Questions read_questions(const Options& options) {
  Questions questions = {value_or_exit(read_npy_floats(options.file("queries"))), {}};
  const FloatMatrix truth = value_or_exit(read_npy_floats(options.file("truth")));
  const std::size_t count = std::min(truth.rows, questions.queries.rows);
  for (std::size_t i = 0; i < count; ++i) {
    std::set<std::size_t> accepted;
    for (std::size_t j = 0; j < truth.columns; ++j) {
      const float row = truth.values[i * truth.columns + j];
      if (row >= 0) accepted.insert(static_cast<std::size_t>(row));
    }
    questions.truth.push_back(std::move(accepted));
  }
  return questions;
}

struct Bench {
  MappedVectors& vectors;
  std::unique_ptr<VectorIndex> index;
  const Questions& questions;

  std::vector<ScoredOrdinal> search(std::size_t i, const SearchParams& params) const {
    return value_or_exit(index->search(questions.query(i), params));
  }

  double recall(const SearchParams& params) const {
    std::size_t hits = 0;
    for (std::size_t i = 0; i < questions.count(); ++i) {
      std::size_t found = 0;
      for (const ScoredOrdinal& scored : search(i, params)) found += questions.truth[i].count(vectors.source_row(scored.ordinal));
      hits += std::min(found, kNeighbors);
    }
    return static_cast<double>(hits) / static_cast<double>(kNeighbors * questions.count());
  }
};

struct Times {
  std::vector<double> cpu;
  std::vector<double> wall;
  double total() const { return std::accumulate(cpu.begin(), cpu.end(), 0.0); }
};

// Microseconds a query. Of the rounds the one with the least CPU time, as for the peers.
Times search_times(const Bench& bench, const SearchParams& params, std::size_t rounds) {
  Times best;
  for (std::size_t round = 0; round < rounds; ++round) {
    Times times;
    for (std::size_t i = 0; i < bench.questions.count(); ++i) {
      const Watch watch;
      bench.search(i, params);
      times.cpu.push_back(watch.cpu_seconds() * 1e6);
      times.wall.push_back(watch.wall_seconds() * 1e6);
    }
    if (best.cpu.empty() || times.total() < best.total()) best = std::move(times);
  }
  return best;
}

// What the stages of these searches do on average: [{"stage": ..., "in": candidates, "visited", "compared", "us": by the clock},
// ...].
std::string stage_means(const Bench& bench, const SearchParams& params) {
  std::vector<SearchTrace::Stage> means;
  const auto queries = static_cast<double>(bench.questions.count());
  std::vector<std::array<double, 4>> sums;
  for (std::size_t i = 0; i < bench.questions.count(); ++i) {
    SearchTrace trace;
    value_or_exit(bench.index->search(bench.questions.query(i), params, &trace));
    for (std::size_t at = 0; at < trace.stages.size(); ++at) {
      const SearchTrace::Stage& stage = trace.stages[at];
      if (at == means.size()) {
        means.push_back(stage);
        sums.emplace_back();
      }
      sums[at][0] += static_cast<double>(stage.candidates_in);
      sums[at][1] += static_cast<double>(stage.visited);
      sums[at][2] += static_cast<double>(stage.compared);
      sums[at][3] += stage.microseconds;
    }
  }
  std::string text;
  for (std::size_t at = 0; at < means.size(); ++at) {
    text += fmt::format(R"({}{{"stage":"{}","in":{:.0f},"visited":{:.0f},"compared":{:.0f},"us":{:.1f}}})", at == 0 ? "" : ",",
                        means[at].name, sums[at][0] / queries, sums[at][1] / queries, sums[at][2] / queries, sums[at][3] / queries);
  }
  return "[" + text + "]";
}

// `effort` 0: as calibrated.
void measure_point(const Bench& bench, double target, std::size_t effort, bool updated, std::size_t rounds) {
  SearchParams params;
  params.limit = kNeighbors;
  params.target_recall = target;
  if (effort != 0) params.effort = effort;
  const std::string setting = effort == 0 ? "" : fmt::format(R"(,"effort":{})", effort);
  const double recall = bench.recall(params);
  const Times times = search_times(bench, params, rounds);
  say(fmt::format(
      R"({{"event":"point","setting":{{"target_recall":{}{}}},"updated":{},"recall":{:.5f},"us_p50":{:.2f},"us_mean":{:.2f},)"
      R"("us_p99":{:.2f},"wall_p50":{:.2f},"wall_p99":{:.2f},"queries":{},"stages":{}}})",
      target, setting, updated, recall, percentile(times.cpu, 0.5), times.total() / static_cast<double>(times.cpu.size()),
      percentile(times.cpu, 0.99), percentile(times.wall, 0.5), percentile(times.wall, 0.99), bench.questions.count(),
      stage_means(bench, params)));
}

void measure_curve(const Bench& bench, const Options& options, bool updated) {
  std::istringstream targets(options.get("targets", "0.9,0.95,0.98,0.99,0.995,0.998"));
  for (std::string target; std::getline(targets, target, ',');) {
    measure_point(bench, std::stod(target), 0, updated, std::stoul(options.get("rounds", "2")));
  }
  std::istringstream efforts(options.get("efforts", ""));
  const double target = std::stod(options.get("effort-target", "0.98"));
  for (std::string effort; bench.index->structure() != "flat" && std::getline(efforts, effort, ',');) {
    measure_point(bench, target, std::stoul(effort), updated, std::stoul(options.get("rounds", "2")));
  }
}

// ---- filtered searches ----

// So large a share of the rows: at random, or the nearest of one of them, which queries are near or far of as a whole.
Bitmap allowed_rows(const MappedVectors& vectors, double share, bool near) {
  const std::size_t wanted = std::max<std::size_t>(1, static_cast<std::size_t>(share * static_cast<double>(vectors.rows())));
  std::mt19937_64 random(11);
  std::vector<Ordinal> rows(vectors.rows());
  std::iota(rows.begin(), rows.end(), Ordinal{0});
  if (near) {
    const auto centre = vectors.row(static_cast<Ordinal>(random() % rows.size()));
    std::vector<float> products;
    for (const Ordinal row : rows) {
      const auto values = vectors.row(row);
      products.push_back(std::inner_product(values.begin(), values.end(), centre.begin(), 0.0f));
    }
    std::ranges::nth_element(rows, rows.begin() + static_cast<std::ptrdiff_t>(wanted - 1), std::ranges::greater{},
                             [&](Ordinal row) { return products[row]; });
  } else {
    std::ranges::shuffle(rows, random);
  }
  Bitmap allowed(rows.size());
  for (std::size_t i = 0; i < wanted; ++i) allowed.set(rows[i]);
  return allowed;
}

// Against an exact scan of the allowed rows; rows as far as the last of them count as found.
void measure_filter(const Bench& bench, const Options& options, double share, bool near) {
  const Bitmap allowed = allowed_rows(bench.vectors, share, near);
  const std::size_t queries = std::min(bench.questions.count(), std::size_t{std::stoul(options.get("filter-queries", "200"))});
  std::vector<float> last(queries);
  std::size_t wanted = 0;
  for (std::size_t i = 0; i < queries; ++i) {
    const auto exact = bench.search(i, {.limit = kNeighbors, .exact = true, .allowed = &allowed});
    wanted += exact.size();
    last[i] = exact.empty() ? 0 : exact.back().score;
  }
  std::istringstream targets(options.get("targets", "0.9,0.95,0.98,0.99,0.995,0.998"));
  for (std::string target; std::getline(targets, target, ',');) {
    const SearchParams params = {.limit = kNeighbors, .target_recall = std::stod(target), .allowed = &allowed};
    std::size_t hits = 0;
    std::vector<double> best;
    for (int round = 0; round < 3; ++round) {
      std::vector<double> times;
      for (std::size_t i = 0; i < queries; ++i) {
        const Watch watch;
        const auto found = bench.search(i, params);
        times.push_back(watch.cpu_seconds() * 1e6);
        if (round != 0) continue;
        for (const ScoredOrdinal& one : found) hits += one.score >= last[i] - 1e-6f ? 1 : 0;
      }
      if (best.empty() || std::accumulate(times.begin(), times.end(), 0.0) < std::accumulate(best.begin(), best.end(), 0.0)) {
        best = std::move(times);
      }
    }
    SearchTrace trace;
    value_or_exit(bench.index->search(bench.questions.query(0), params, &trace));
    say(fmt::format(R"({{"event":"filtered","share":{},"rows":{},"kind":"{}","target_recall":{},"recall":{:.4f},"us_p50":{:.1f},)"
                    R"("us_p99":{:.1f},"first_stage":"{}","reason":"{}"}})",
                    share, allowed.count(), near ? "near" : "random", target,
                    static_cast<double>(std::min(hits, wanted)) / static_cast<double>(wanted), percentile(best, 0.5),
                    percentile(best, 0.99), trace.stages.front().name, trace.plan.reason));
  }
}

void measure_filters(const Bench& bench, const Options& options) {
  std::istringstream shares(options.get("filters", ""));
  for (std::string share; std::getline(shares, share, ',');) {
    for (const bool near : {false, true}) measure_filter(bench, options, std::stod(share), near);
  }
}

// What the engine does in the background after writes, in the foreground.
void settle(Bench& bench) {
  const std::atomic<bool> stop = false;
  if (bench.index->needs_training()) {
    std::unique_ptr<VectorIndex> successor = value_or_exit(bench.index->retrained(nullptr, stop));
    if (successor) succeed_or_exit(successor->take_over(*bench.index, nullptr));
    if (successor) bench.index = std::move(successor);
  }
  while (bench.index->needs_build()) succeed_or_exit(bench.index->build(nullptr, stop));
  if (bench.index->needs_calibration()) succeed_or_exit(bench.index->calibrate(nullptr));
}

void append_rows(Bench& bench, std::span<const float> rows) {
  bench.index->append(*value_or_exit(bench.index->encode_rows(rows)));
}

void build(Bench& bench) {
  const std::size_t before = anonymous_bytes();
  const Watch watch;
  for (std::size_t begin = 0; begin < bench.vectors.rows(); begin += kBatchRows) {
    const std::size_t rows = std::min(kBatchRows, bench.vectors.rows() - begin);
    append_rows(bench, {bench.vectors.row(static_cast<Ordinal>(begin)).data(), rows * bench.vectors.dim()});
  }
  const double append_seconds = watch.cpu_seconds();
  settle(bench);
  const auto rows = static_cast<double>(bench.vectors.rows());
  const double cpu_seconds = watch.cpu_seconds();
  const double wall_seconds = watch.wall_seconds();
  say(fmt::format(R"({{"event":"built","cpu_seconds":{:.3f},"wall_seconds":{:.3f},"append_seconds":{:.3f},"bytes_measured":{:.1f},)"
                  R"("bytes_computed":{:.1f},"structure":"{}"}})",
                  cpu_seconds, wall_seconds, append_seconds, static_cast<double>(anonymous_bytes() - before) / rows,
                  static_cast<double>(bench.index->memory().total()) / rows, bench.index->structure()));
}

// Where codes on disk live.
IndexHome home(const Options& options) {
  return {options.get("codes-on-disk", ""), nullptr};
}

// The index as an earlier run left it in the file; measures what has changed in how it is searched since, without building it
// again.
void open_or_build(Bench& bench, const Options& options) {
  const std::string file = options.get("index", "");
  if (file.empty() || !std::filesystem::exists(file)) {
    build(bench);
    if (!file.empty()) succeed_or_exit(bench.index->save(file));
    return;
  }
  bench.index = value_or_exit(VectorIndex::load(file, bench.index->config(), &bench.vectors, home(options)));
  if (options.get("calibrate", "yes") == "no") return;
  const Watch watch;
  succeed_or_exit(bench.index->calibrate(nullptr));
  say(fmt::format(R"({{"event":"calibrated","cpu_seconds":{:.3f},"structure":"{}"}})", watch.cpu_seconds(),
                  bench.index->structure()));
}

// Deletes a share of the rows, drawn at random, and inserts them again: new ordinals, the same vectors.
void update(Bench& bench, double share) {
  std::vector<Ordinal> rows(bench.vectors.rows());
  std::iota(rows.begin(), rows.end(), Ordinal{0});
  std::mt19937_64 random(7);
  std::ranges::shuffle(rows, random);
  rows.resize(static_cast<std::size_t>(share * static_cast<double>(rows.size())));
  const Watch watch;
  for (Ordinal row : rows) bench.index->bury(row);
  for (std::size_t begin = 0; begin < rows.size(); begin += kBatchRows) {
    std::vector<float> batch;
    for (Ordinal row : std::span(rows).subspan(begin, std::min(kBatchRows, rows.size() - begin))) {
      const auto vector = bench.vectors.row(row);
      batch.insert(batch.end(), vector.begin(), vector.end());
      bench.vectors.append_copy(row);
    }
    append_rows(bench, batch);
  }
  settle(bench);
  say(fmt::format(R"({{"event":"updated","rows":{},"cpu_seconds":{:.3f},"wall_seconds":{:.3f}}})", rows.size(), watch.cpu_seconds(),
                  watch.wall_seconds()));
}

void measure_snapshot(const Bench& bench, const std::string& file) {
  const Watch saving;
  succeed_or_exit(bench.index->save(file));
  const double save_seconds = saving.wall_seconds();
  const Watch opening;
  const auto loaded = value_or_exit(VectorIndex::load(file, bench.index->config(), &bench.vectors));
  say(fmt::format(R"({{"event":"opened","rows":{},"save_wall_seconds":{:.3f},"cpu_seconds":{:.3f},"wall_seconds":{:.3f}}})",
                  loaded->row_count(), save_seconds, opening.cpu_seconds(), opening.wall_seconds()));
  std::filesystem::remove(file);
}

// The enumerator that an option names.
template <typename Enum>
Enum chosen(const Options& options, const std::string& option, const std::string& fallback, std::string_view (*name)(Enum),
            std::initializer_list<Enum> all) {
  const std::string wanted = options.get(option, fallback);
  for (const Enum one : all) {
    if (name(one) == wanted) return one;
  }
  fail("--" + option + " knows no " + wanted);
}

IndexConfig read_config(const Options& options, std::size_t dim) {
  IndexConfig config;
  config.dim = dim;
  config.code_bits = static_cast<unsigned>(std::stoul(options.get("code-bits", "1")));
  config.structure = chosen(options, "structure", "auto", structure_name,
                            {IndexStructure::kAuto, IndexStructure::kFlat, IndexStructure::kGraph, IndexStructure::kLists});
  config.binary_codes = chosen(options, "codes", "auto", binary_codes_name,
                               {BinaryCodes::kAuto, BinaryCodes::kSign, BinaryCodes::kRotated, BinaryCodes::kLearned});
  if (options.given.contains("codes-on-disk")) config.code_residency = CodeResidency::kDisk;
  const std::string residency = options.get("residency", "disk");
  if (residency == "memory") config.residency = FloatResidency::kMemory;
  if (residency == "disk") config.residency = FloatResidency::kDisk;
  return config;
}

Options read_options(int count, char** words) {
  Options options;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string name = words[i];
    if (!name.starts_with("--")) fail("options begin with --: " + name);
    options.given[name.substr(2)] = words[i + 1];
  }
  if (count % 2 == 0) fail(std::string(words[count - 1]) + " has no value");
  return options;
}

int run(int count, char** words) {
  const Options options = read_options(count, words);
  MappedVectors vectors(options.file("vectors"));
  const Questions questions = read_questions(options);
  Bench bench = {vectors, value_or_exit(VectorIndex::create(read_config(options, vectors.dim()), &vectors, home(options))),
                 questions};
  open_or_build(bench, options);
  measure_curve(bench, options, false);
  measure_filters(bench, options);
  if (options.given.contains("snapshot")) measure_snapshot(bench, options.given.at("snapshot"));
  const double share = std::stod(options.get("updates", "0"));
  if (share > 0) {
    update(bench, share);
    measure_curve(bench, options, true);
  }
  return 0;
}

}  // namespace
}  // namespace orthant

int main(int count, char** words) {
  return orthant::run(count, words);
}
