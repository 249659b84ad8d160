#include "api/cli/encoder_benchmark.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <fstream>

#include <fmt/format.h>
#include <unistd.h>

namespace orthant {
namespace {

double thread_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

class Stopwatch {
 public:
  ElapsedTime elapsed() const {
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - wall_;
    return {thread_cpu_seconds() - cpu_, wall.count()};
  }

 private:
  double cpu_ = thread_cpu_seconds();
  std::chrono::steady_clock::time_point wall_ = std::chrono::steady_clock::now();
};

// Encodes all passages in batches; `keep` also fills the embeddings and the count of tokens.
Result<ElapsedTime> run_passages(const Encoder& encoder, std::span<const std::string_view> passages, std::size_t batch,
                                 EncoderBenchmark* keep) {
  ElapsedTime time;
  for (std::size_t first = 0; first < passages.size(); first += batch) {
    const auto texts = passages.subspan(first, std::min(batch, passages.size() - first));
    const Stopwatch watch;
    const EncodeResult result = ORTHANT_TRY(encoder.encode(texts, {.purpose = Purpose::kDocument}));
    const ElapsedTime elapsed = watch.elapsed();
    time.cpu += elapsed.cpu;
    time.wall += elapsed.wall;
    if (keep == nullptr) continue;
    keep->embeddings.values.insert(keep->embeddings.values.end(), result.embeddings.values.begin(), result.embeddings.values.end());
    for (const std::uint32_t tokens : result.token_counts) keep->passage_tokens += tokens;
  }
  return time;
}

struct QueryTimes {
  std::vector<double> cpu_ms;
  std::vector<double> wall_ms;
};

Status run_profile(const Encoder& encoder, std::span<const std::string_view> passages, std::span<const std::string_view> queries,
                   std::size_t batch, EncoderBenchmark& result) {
  for (std::size_t first = 0; first < passages.size(); first += batch) {
    const auto texts = passages.subspan(first, std::min(batch, passages.size() - first));
    ORTHANT_TRY(encoder.encode(texts, {.purpose = Purpose::kDocument, .stage_times = &result.passage_stages}));
  }
  for (const std::string_view query : queries) {
    ORTHANT_TRY(encoder.encode(std::span(&query, 1), {.purpose = Purpose::kQuery, .stage_times = &result.query_stages}));
  }
  return {};
}

// Every query by itself. The count of tokens is of this pass.
Result<std::size_t> run_queries(const Encoder& encoder, std::span<const std::string_view> queries, QueryTimes& times) {
  std::size_t tokens = 0;
  for (const std::string_view query : queries) {
    const Stopwatch watch;
    const EncodeResult result = ORTHANT_TRY(encoder.encode(std::span(&query, 1), {.purpose = Purpose::kQuery}));
    const ElapsedTime elapsed = watch.elapsed();
    times.cpu_ms.push_back(elapsed.cpu * 1e3);
    times.wall_ms.push_back(elapsed.wall * 1e3);
    tokens += result.token_counts.front();
  }
  return tokens;
}

ElapsedTime median_round(std::vector<ElapsedTime> rounds) {
  const auto middle = rounds.begin() + static_cast<std::ptrdiff_t>((rounds.size() - 1) / 2);
  std::nth_element(rounds.begin(), middle, rounds.end(), [](const ElapsedTime& a, const ElapsedTime& b) { return a.cpu < b.cpu; });
  return *middle;
}

LatencyFigures figures_of(const std::vector<double>& milliseconds) {
  return {quantile(milliseconds, 0.5), quantile(milliseconds, 0.99)};
}

}  // namespace

Result<EncoderBenchmark> benchmark_encoder(const Encoder& encoder, std::span<const std::string> passages,
                                           std::span<const std::string> queries, const EncoderBenchmarkOptions& options) {
  if (passages.empty() && queries.empty()) return invalid_argument("nothing to encode: neither passages nor queries");
  if (options.batch == 0 || options.rounds == 0) return invalid_argument("batch and rounds must be 1 or more");
  const std::vector<std::string_view> passage_views(passages.begin(), passages.end());
  const std::vector<std::string_view> query_views(queries.begin(), queries.end());
  EncoderBenchmark result;
  result.passages = passages.size();
  result.queries = queries.size();
  result.embeddings = {passages.size(), encoder.info().dim, {}};
  // The first pass brings weights and workspaces into place.
  ORTHANT_TRY(run_passages(encoder, passage_views, options.batch, &result));
  QueryTimes uncounted;
  result.query_tokens = ORTHANT_TRY(run_queries(encoder, query_views, uncounted));
  QueryTimes times;
  for (std::size_t round = 0; round < options.rounds; ++round) {
    result.passage_rounds.push_back(ORTHANT_TRY(run_passages(encoder, passage_views, options.batch, nullptr)));
    ORTHANT_TRY(run_queries(encoder, query_views, times));
  }
  if (options.profile) ORTHANT_TRY(run_profile(encoder, passage_views, query_views, options.batch, result));
  result.passage_time = median_round(result.passage_rounds);
  result.query_cpu = figures_of(times.cpu_ms);
  result.query_wall = figures_of(times.wall_ms);
  return result;
}

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto rank = static_cast<std::ptrdiff_t>(std::ceil(share * static_cast<double>(values.size()))) - 1;
  const auto position = values.begin() + std::clamp<std::ptrdiff_t>(rank, 0, std::ssize(values) - 1);
  std::nth_element(values.begin(), position, values.end());
  return *position;
}

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t virtual_pages = 0;
  std::uint64_t resident_pages = 0;
  file >> virtual_pages >> resident_pages;
  return resident_pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

// VmHWM and not getrusage's ru_maxrss: the latter starts from the largest size of whoever started this process.
std::uint64_t peak_resident_bytes() {
  std::ifstream file("/proc/self/status");
  std::string name;
  for (std::uint64_t kibibytes = 0; file >> name; std::getline(file, name)) {
    if (name == "VmHWM:" && file >> kibibytes) return kibibytes * 1024;
  }
  return 0;
}

}  // namespace orthant
