// engine_bench: what the engine does with ready vectors, without HTTP. Prints a JSON line for each thing as it is done.
//   engine_bench insert --vectors FILE.npy [--rows N] [--batch 1000] [--wait yes] --data DIR
// Fills a new collection, always scanned, in a new directory: rows a second by the clock and by CPU time of the process, to the
// last answer, and to when training and calibration have ended too.
//   engine_bench search --queries FILE.npy --collection NAME --data DIR [--callers 1,16,64] [--requests N] [--rounds 3]
// Callers that each wait for their answer ask an existing collection, one search thread (--threads N: others): best round of
// queries a second, CPU time a query less that of the callers, and how many searches a pass served. Bounded by --requests.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <deque>
#include <future>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "base/metrics.h"
#include "base/npy.h"
#include "bench/mapped_vectors.h"
#include "engine/engine.h"

namespace orthant {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::map<std::string, std::string> given;
  std::string get(const std::string& name, const std::string& fallback = "") const {
    const auto found = given.find(name);
    return found == given.end() ? fallback : found->second;
  }
  std::size_t number(const std::string& name, std::size_t fallback) const {
    const auto found = given.find(name);
    return found == given.end() ? fallback : std::strtoull(found->second.c_str(), nullptr, 10);
  }
};

double cpu_seconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

template <typename T>
T value_or_exit(Result<T> result) {
  if (!result) fail(result.error().message);
  return *std::move(result);
}

template <typename T, typename Start>
Result<T> wait_for(Start&& start) {
  std::promise<Result<T>> promise;
  start(Done<T>([&promise](Result<T> result) { promise.set_value(std::move(result)); }));
  return promise.get_future().get();
}

std::unique_ptr<Engine> open_engine(const Options& options) {
  Settings settings;
  settings.data_dir = options.get("data");
  settings.models = {"none"};
  settings.threads = options.number("threads", 1);
  return value_or_exit(Engine::open(settings));
}

// ---- insertion ----

std::vector<WriteRequest> batch_of(const MappedVectors& vectors, std::size_t first, std::size_t end) {
  UpsertRequest request;
  for (std::size_t row = first; row < end; ++row) {
    const auto values = vectors.row(static_cast<Ordinal>(row));
    request.points.push_back({.id = PointId::number(row), .vectors = {{"", std::vector<float>(values.begin(), values.end())}}});
  }
  std::vector<WriteRequest> requests;
  requests.emplace_back(std::move(request));
  return requests;
}

void print_rate(const char* until, std::size_t rows, double cpu, double wall) {
  fmt::print(R"({{"event":"insert","until":"{}","rows":{},"cpu_seconds":{:.3f},"wall_seconds":{:.3f},"rows_per_cpu_second":{:.0f},)"
             R"("rows_per_second":{:.0f}}})"
             "\n",
             until, rows, cpu, wall, static_cast<double>(rows) / cpu, static_cast<double>(rows) / wall);
}

// Two batches are under way, so that the writer never waits for the caller.
void insert(const Options& options) {
  const MappedVectors vectors(options.get("vectors"));
  const std::size_t rows = std::min(options.number("rows", vectors.rows()), vectors.rows());
  const std::size_t batch = options.number("batch", 1'000);
  const WriteOptions how = {.wait = options.get("wait") == "yes", .timeout = {}, .bulk = false};
  auto engine = open_engine(options);
  CollectionConfig config;
  config.vectors[""].index.dim = vectors.dim();
  config.vectors[""].index.structure = IndexStructure::kFlat;
  if (auto created = wait_for<void>([&](Done<void> done) { engine->create_collection("bench", config, std::move(done)); });
      !created)
    fail(created.error().message);
  const double caller_before = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
  const double cpu_before = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
  const auto begin = Clock::now();
  std::deque<std::future<Result<std::vector<WriteResult>>>> under_way;
  const auto finish_one = [&] {
    value_or_exit(under_way.front().get());
    under_way.pop_front();
  };
  for (std::size_t first = 0; first < rows; first += batch) {
    if (under_way.size() == 2) finish_one();
    auto promise = std::make_shared<std::promise<Result<std::vector<WriteResult>>>>();
    under_way.push_back(promise->get_future());
    engine->write("bench", batch_of(vectors, first, std::min(first + batch, rows)), how, {},
                  [promise](auto result) { promise->set_value(std::move(result)); });
  }
  while (!under_way.empty()) finish_one();
  const double caller = cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - caller_before;
  print_rate("answered", rows, cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_before - caller, seconds_since(begin));
  engine.reset();
  print_rate("closed", rows, cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_before - caller, seconds_since(begin));
}

// ---- searches ----

struct Round {
  double queries_per_second = 0;
  double cpu_us = 0;
  double searches_a_pass = 0;
};

std::uint64_t passes_of(const Histogram& sizes) {
  std::uint64_t all = 0;
  for (std::size_t i = 0; i <= sizes.upper_bounds().size(); ++i) all += sizes.bucket(i);
  return all;
}

Round run_round(Engine& engine, const Options& options, const FloatMatrix& queries, std::size_t callers) {
  const std::size_t requests = options.number("requests", 4'000);
  const Histogram& sizes = histogram("orthant_shared_searches", "", size_buckets());
  const double sum_before = sizes.sum();
  const std::uint64_t passes_before = passes_of(sizes);
  const double cpu_before = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
  const auto begin = Clock::now();
  std::atomic<std::size_t> next{0};
  std::atomic<double> callers_cpu{0};
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < callers; ++i) {
      threads.emplace_back([&] {
        for (std::size_t number; (number = next.fetch_add(1)) < requests;) {
          const float* row = queries.values.data() + number % queries.rows * queries.columns;
          std::vector<QueryRequest> asked(1);
          asked.front().query = VectorInput(std::vector<float>(row, row + queries.columns));
          value_or_exit(wait_for<std::vector<QueryResult>>([&](Done<std::vector<QueryResult>> done) {
            engine.query(options.get("collection"), std::move(asked), {}, std::move(done));
          }));
        }
        callers_cpu.fetch_add(cpu_seconds(CLOCK_THREAD_CPUTIME_ID));
      });
    }
  }
  const double wall = seconds_since(begin);
  const double cpu = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_before - callers_cpu.load();
  const auto passes = static_cast<double>(passes_of(sizes) - passes_before);
  const auto count = static_cast<double>(requests);
  return {count / wall, cpu * 1e6 / count, passes == 0 ? 0 : (sizes.sum() - sum_before) / passes};
}

void search(const Options& options) {
  const FloatMatrix queries = value_or_exit(read_npy_floats(options.get("queries")));
  auto engine = open_engine(options);
  std::istringstream words(options.get("callers", "1,16,64"));
  for (std::string word; std::getline(words, word, ',');) {
    const std::size_t callers = std::strtoull(word.c_str(), nullptr, 10);
    Round best;
    for (std::size_t round = 0; round < options.number("rounds", 3); ++round) {
      const Round now = run_round(*engine, options, queries, callers);
      if (best.cpu_us == 0 || now.cpu_us < best.cpu_us) best = now;
    }
    fmt::print(R"({{"event":"search","callers":{},"queries_per_second":{:.0f},"cpu_us":{:.1f},"searches_a_pass":{:.2f}}})"
               "\n",
               callers, best.queries_per_second, best.cpu_us, best.searches_a_pass);
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace orthant

int main(int argc, char** argv) {
  orthant::Options options;
  for (int i = 2; i + 1 < argc; i += 2) options.given[std::string(argv[i]).substr(2)] = argv[i + 1];
  const std::string what = argc < 2 ? "" : argv[1];
  if (what == "insert") {
    orthant::insert(options);
  } else if (what == "search") {
    orthant::search(options);
  } else {
    orthant::fail("engine_bench: insert or search");
  }
}
