// Filters over a collection, with and without field indexes, at selectivities from half of the rows to one in ten thousand; given
// vectors, recall and time of searches under these filters too. Prints Markdown.
//
//   zstd -dc reddit-titles.jsonl.zst | filter_bench --payloads /dev/stdin [--rows N] [--vectors BASE.npy --queries QUERIES.npy]
//
// One payload a line: an object with subreddit, score, created, comments and text. Times are CPU time of the whole process, the
// median of nine runs with indexes and one run without; the cache of filters is emptied before each. Recall is that of the best 10
// against a plain scan of the floats of the allowed rows.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "base/json_text.h"
#include "base/npy.h"
#include "engine/collection/collection.h"
#include "engine/payload/filter_evaluator.h"
#include "engine/storage/data_directory.h"

namespace orthant {
namespace {

constexpr std::size_t kRepeats = 9;
constexpr std::size_t kBestPoints = 10;
constexpr double kShares[] = {0.5, 0.1, 0.01, 0.001, 0.0001};

struct Options {
  std::string payloads;
  std::string vectors;
  std::string queries;
  std::size_t rows = ~std::size_t{0};
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--payloads") options.payloads = argv[i + 1];
    if (name == "--vectors") options.vectors = argv[i + 1];
    if (name == "--queries") options.queries = argv[i + 1];
    if (name == "--rows") options.rows = std::strtoull(argv[i + 1], nullptr, 10);
  }
  return options;
}

double cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

template <typename T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  fmt::print(stderr, "{}\n", result.error().message);
  std::exit(1);
}
void must(const Status& status) {
  if (status) return;
  fmt::print(stderr, "{}\n", status.error().message);
  std::exit(1);
}

std::vector<std::string> read_lines(const std::string& path, std::size_t most) {
  std::vector<std::string> lines;
  std::ifstream in(path);
  for (std::string line; lines.size() < most && std::getline(in, line);) lines.push_back(line);
  return lines;
}

// A directory of this process, removed at the end.
struct TemporaryPath {
  TemporaryPath() : path(std::filesystem::temp_directory_path() / fmt::format("filter_bench-{}", getpid())) {}
  ~TemporaryPath() {
    std::error_code ignored;  // what is left there is the system's to clean
    std::filesystem::remove_all(path, ignored);
  }
  const std::filesystem::path path;
};

class Bench {
 public:
  explicit Bench(std::size_t dim)
      : directory_(must(DataDirectory::open(temporary_.path))), store_(must(Store::open({.path = directory_.store_path()}))) {
    CollectionConfig config;
    config.vectors[""].index.dim = dim;
    collection_ = must(Collection::create(environment_, "c", config));
  }
  ~Bench() {
    background_pool_.stop();
    write_pool_.stop();
    collection_.reset();
  }

  Collection& collection() { return *collection_; }

  void write(WriteOp op) {
    std::promise<Status> done;
    WriteCommand command{.ops = {}, .wait_for_sync = false, .admit = {}};
    command.ops.push_back(std::move(op));
    must(collection_->write(std::move(command), [&done](Result<std::vector<std::uint64_t>> ids) {
      done.set_value(ids ? Status() : Status(std::unexpected<Error>(ids.error())));
    }));
    must(done.get_future().get());
  }
  void index_fields(const FieldSchemas& schemas) {
    std::promise<Status> done;
    const auto change = [&schemas](CollectionConfig& config) -> Status {
      config.field_indexes = schemas;
      return {};
    };
    must(collection_->update_config(change, [&done](Status status) { done.set_value(std::move(status)); }));
    must(done.get_future().get());
  }
  // Any write makes cached filters void.
  void empty_cache() { write(DeletePointsOp{std::vector<PointId>{PointId::number(~std::uint64_t{0})}}); }

 private:
  TemporaryPath temporary_;
  DataDirectory directory_;
  std::unique_ptr<Store> store_;
  std::atomic<bool> stopping_{false};
  ThreadPool search_pool_{"search", 1, 1000};
  ThreadPool write_pool_{"write", 1, 1000};
  ThreadPool background_pool_{"background", 1, 1000};
  LogSyncer syncer_{*store_};
  const CollectionEnvironment environment_{.store = *store_,
                                           .syncer = syncer_,
                                           .write_pool = write_pool_,
                                           .search_pool = search_pool_,
                                           .background_pool = background_pool_,
                                           .index_path = directory_.index_path(),
                                           .stopping = stopping_};
  std::unique_ptr<Collection> collection_;
};

void fill(Bench& bench, const std::vector<std::string>& payloads, const FloatMatrix& vectors) {
  constexpr std::size_t kBatch = 1000;
  for (std::size_t begin = 0; begin < payloads.size(); begin += kBatch) {
    UpsertOp op;
    for (std::size_t i = begin; i < std::min(begin + kBatch, payloads.size()); ++i) {
      PreparedPoint point{.id = PointId::number(i), .vectors = {}, .payload = payloads[i]};
      if (vectors.rows > 0) {
        const std::span<const float> row(vectors.values.data() + i * vectors.columns, vectors.columns);
        point.vectors.push_back(must(bench.collection().prepare_floats("", row)));
      }
      op.points.push_back(std::move(point));
    }
    bench.write(std::move(op));
  }
}

// ---- filters of a wanted share of the rows ----

struct NamedFilter {
  std::string name;
  Filter filter;
};

std::string_view member(std::string_view payload, std::string_view wanted) {
  std::string_view found;
  for_each_member(payload, [&](std::string_view key, std::string_view value) {
    if (key == wanted) found = value;
    return found.empty();
  });
  return found;
}

Filter range_filter(const std::string& key, std::vector<std::int64_t> values, double share) {
  const auto rank = static_cast<std::size_t>(static_cast<double>(values.size()) * (1 - share));
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(rank));
  Filter filter;
  filter.must.push_back(FieldCondition{key, NumberRange{.gt = {}, .gte = static_cast<double>(values[rank]), .lt = {}, .lte = {}}});
  return filter;
}

// Any of the most frequent subreddits that together stay within the share.
Filter subreddit_filter(const std::vector<std::string>& payloads, double share) {
  std::map<std::string, std::size_t> counts;
  for (const std::string& payload : payloads) ++counts[std::string(member(payload, "subreddit"))];
  std::vector<std::pair<std::size_t, std::string>> order;
  for (const auto& [name, count] : counts) order.emplace_back(count, name);
  std::ranges::sort(order, std::greater<>());
  MatchAny any;
  auto left = static_cast<std::size_t>(static_cast<double>(payloads.size()) * share);
  for (const auto& [count, name] : order) {
    if (count > left) continue;
    left -= count;
    any.values.emplace_back(name.substr(1, name.size() - 2));
  }
  Filter filter;
  filter.must.push_back(FieldCondition{"subreddit", std::move(any)});
  return filter;
}

std::vector<NamedFilter> make_filters(const std::vector<std::string>& payloads) {
  std::vector<std::int64_t> created, score;
  for (const std::string& payload : payloads) {
    created.push_back(json_to_int(member(payload, "created")).value_or(0));
    score.push_back(json_to_int(member(payload, "score")).value_or(0));
  }
  std::vector<NamedFilter> filters;
  for (const double share : kShares) {
    filters.push_back({"created >= ..", range_filter("created", created, share)});
    filters.push_back({"score >= ..", range_filter("score", score, share)});
    filters.push_back({"subreddit in ..", subreddit_filter(payloads, share)});
    Filter mixed = subreddit_filter(payloads, share);
    mixed.must_not.push_back(FieldCondition{"comments", MatchValue{std::int64_t{7}}});
    mixed.must.push_back(FieldCondition{"nowhere", IsEmpty{}});
    filters.push_back({"subreddit in .., not comments = 7, and an unindexed condition", std::move(mixed)});
  }
  for (const char* words : {"the", "python", "python tutorial"}) {
    Filter filter;
    filter.must.push_back(FieldCondition{"text", MatchText{.query = words}});
    filters.push_back({fmt::format("text has \"{}\"", words), std::move(filter)});
  }
  return filters;
}

// ---- measuring ----

struct Timing {
  std::uint64_t rows = 0;
  double ms = 0;
};

Timing time_filter(Bench& bench, const Filter& filter, std::size_t repeats) {
  std::vector<double> times;
  Timing timing;
  for (std::size_t i = 0; i < repeats; ++i) {
    bench.empty_cache();
    const double begin = cpu_ms();
    timing.rows = must(bench.collection().count(&filter));
    times.push_back(cpu_ms() - begin);
  }
  std::ranges::sort(times);
  timing.ms = times[times.size() / 2];
  return timing;
}

std::vector<std::size_t> matching_rows(const std::vector<std::string>& payloads, const Filter& filter) {
  const FilterEvaluator evaluator = must(FilterEvaluator::compile(filter));
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < payloads.size(); ++i) {
    if (evaluator.matches(PointId::number(i), payloads[i], [](std::string_view) { return true; })) rows.push_back(i);
  }
  return rows;
}

// Cosine: rows and queries are normalized here.
std::vector<std::size_t> best_rows(const FloatMatrix& base, std::span<const float> query, const std::vector<std::size_t>& rows) {
  std::vector<std::pair<float, std::size_t>> scores;
  for (const std::size_t row : rows) {
    const float* values = base.values.data() + row * base.columns;
    float dot = 0, norm = 0;
    for (std::size_t i = 0; i < base.columns; ++i) {
      dot += values[i] * query[i];
      norm += values[i] * values[i];
    }
    scores.emplace_back(norm > 0 ? dot / std::sqrt(norm) : 0, row);
  }
  const std::size_t kept = std::min(kBestPoints, scores.size());
  std::partial_sort(scores.begin(), scores.begin() + static_cast<std::ptrdiff_t>(kept), scores.end(), std::greater<>());
  std::vector<std::size_t> best;
  for (std::size_t i = 0; i < kept; ++i) best.push_back(scores[i].second);
  return best;
}

void print_searches(Bench& bench, const std::vector<NamedFilter>& filters, const std::vector<std::string>& payloads,
                    const FloatMatrix& base, const FloatMatrix& queries) {
  constexpr std::size_t kMostQueries = 100;
  fmt::print("\n| filter | rows | recall@10 | search, us |\n|---|---|---|---|\n");
  for (const NamedFilter& named : filters) {
    const std::vector<std::size_t> rows = matching_rows(payloads, named.filter);
    std::size_t wanted = 0, found = 0;
    double ms = 0;
    const std::size_t count = std::min(kMostQueries, queries.rows);
    for (std::size_t i = 0; i < count; ++i) {
      const std::span<const float> query(queries.values.data() + i * queries.columns, queries.columns);
      const VectorValue vector = std::vector<float>(query.begin(), query.end());
      const VectorSearch search{.vector = &vector, .filter = &named.filter, .limit = kBestPoints};
      if (i == 0) must(bench.collection().search(search));  // the filter's bitmap is cached
      const double begin = cpu_ms();
      const auto answer = must(bench.collection().search(search));
      ms += cpu_ms() - begin;
      const std::vector<std::size_t> best = best_rows(base, query, rows);
      wanted += best.size();
      for (const std::size_t row : best) {
        found += static_cast<std::size_t>(std::ranges::any_of(
            answer.points, [row](const ScoredPoint& point) { return point.record.id == PointId::number(row); }));
      }
    }
    const double recall = wanted == 0 ? 1 : static_cast<double>(found) / static_cast<double>(wanted);
    fmt::print("| {} | {} | {:.4f} | {:.0f} |\n", named.name, rows.size(), recall, ms * 1e3 / static_cast<double>(count));
  }
}

void run(const Options& options) {
  FloatMatrix vectors, queries;
  if (!options.vectors.empty()) vectors = must(read_npy_floats(options.vectors));
  if (!options.queries.empty()) queries = must(read_npy_floats(options.queries));
  const std::size_t most = vectors.rows > 0 ? std::min(vectors.rows, options.rows) : options.rows;
  const std::vector<std::string> payloads = read_lines(options.payloads, most);
  Bench bench(vectors.rows > 0 ? vectors.columns : 2);
  fill(bench, payloads, vectors);
  const std::vector<NamedFilter> filters = make_filters(payloads);

  std::vector<Timing> without, with;
  for (const NamedFilter& named : filters) without.push_back(time_filter(bench, named.filter, 1));
  const double begin = cpu_ms();
  bench.index_fields({{"subreddit", {FieldType::kKeyword, {}}},
                      {"score", {FieldType::kInteger, {}}},
                      {"created", {FieldType::kInteger, {}}},
                      {"comments", {FieldType::kInteger, {}}},
                      {"text", {FieldType::kText, {}}}});
  const double build_ms = cpu_ms() - begin;
  for (const NamedFilter& named : filters) with.push_back(time_filter(bench, named.filter, kRepeats));

  fmt::print("{} rows; five indexes built in {:.2f} s of CPU\n\n| field | bytes a row |\n|---|---|\n", payloads.size(),
             build_ms / 1e3);
  for (const auto& [path, info] : bench.collection().statistics().field_indexes) {
    fmt::print("| {} | {:.1f} |\n", path, static_cast<double>(info.memory_bytes) / static_cast<double>(payloads.size()));
  }
  fmt::print("\n| filter | rows | share | without index, ms | with index, ms | ratio |\n|---|---|---|---|---|---|\n");
  for (std::size_t i = 0; i < filters.size(); ++i) {
    if (without[i].rows != with[i].rows) fmt::print("**{} rows without, {} with index**\n", without[i].rows, with[i].rows);
    const double share = 100 * static_cast<double>(with[i].rows) / static_cast<double>(payloads.size());
    fmt::print("| {} | {} | {:.3g} % | {:.1f} | {:.3f} | {:.0f} |\n", filters[i].name, with[i].rows, share, without[i].ms,
               with[i].ms, without[i].ms / with[i].ms);
  }
  if (vectors.rows > 0 && queries.rows > 0) print_searches(bench, filters, payloads, vectors, queries);
}

}  // namespace
}  // namespace orthant

int main(int argc, char** argv) {
  const orthant::Options options = orthant::parse(argc, argv);
  if (options.payloads.empty()) {
    fmt::print(stderr, "usage: filter_bench --payloads FILE.jsonl [--rows N] [--vectors BASE.npy --queries QUERIES.npy]\n");
    return 2;
  }
  orthant::run(options);
  return 0;
}
