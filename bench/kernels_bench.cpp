// Kernels of index/ at every level that this CPU has, beside FAISS's own and beside what memory gives. One thread. Rates are rows a
// second (items_per_second) and bytes of codes a second. "cached" rows fit a second-level cache, "shared" rows a third-level one,
// "memory" rows no cache. Debian's FAISS is compiled without POPCNT and AVX: compare with faiss-cpu from PyPI too before drawing
// conclusions.

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/utils/Heap.h>
#include <faiss/utils/hamming.h>

#include "base/aligned_array.h"
#include "index/kernels/dispatch.h"
#include "index/look_up_tables.h"

namespace orthant {
namespace {

constexpr std::size_t kDim = 384;
constexpr std::size_t kCodeBytes = kDim / 8;
constexpr std::size_t kCachedBytes = std::size_t{512} << 10;
constexpr std::size_t kSharedBytes = std::size_t{4'752} << 10;  // 1-bit codes of 101,000 rows
constexpr std::size_t kMemoryBytes = std::size_t{256} << 20;

std::size_t rows_in(std::size_t bytes, std::size_t row_bytes) {
  return bytes / row_bytes / kBlockRows * kBlockRows;
}

AlignedArray<std::uint8_t> random_bytes(std::size_t count) {
  std::mt19937_64 random(7);
  AlignedArray<std::uint8_t> bytes((count + 7) / 8 * 8);
  for (std::size_t i = 0; i < count; i += 8) {
    const std::uint64_t word = random();
    std::memcpy(bytes.data() + i, &word, 8);
  }
  return bytes;
}

std::vector<float> random_floats(std::size_t count) {
  std::mt19937_64 random(8);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

void count_rows(benchmark::State& state, std::size_t rows, std::size_t row_bytes) {
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * rows));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * rows * row_bytes));
}

void read_memory(benchmark::State& state) {
  const auto bytes = random_bytes(kMemoryBytes);
  for (auto _ : state) {
    std::uint64_t sums[8] = {};
    const auto* words = reinterpret_cast<const std::uint64_t*>(bytes.data());
    for (std::size_t i = 0; i < kMemoryBytes / 8; i += 8) {
      for (std::size_t lane = 0; lane < 8; ++lane) sums[lane] += words[i + lane];
    }
    benchmark::DoNotOptimize(sums);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * kMemoryBytes));
}

enum class Factors { kNone, kScales };

// A bound that about one row in a thousand passes, as in the middle of a search.
void scan_blocks(benchmark::State& state, CpuLevel level, Factors factors, std::size_t bytes) {
  const DistanceKernels kernels = distance_kernels_of(level);
  const std::size_t rows = rows_in(bytes, kCodeBytes);
  const auto blocks = random_bytes(rows * kCodeBytes);
  const LookUpTables tables = make_signed_sum_tables(random_floats(kDim));
  const std::vector<float> scales(rows, 1.0f);
  constexpr std::size_t kRun = 16;
  const std::vector<std::uint64_t> masks(kRun, ~std::uint64_t{0});
  std::vector<Candidate> found(kRun * kBlockRows);
  const float deviation = std::sqrt(static_cast<float>(kDim));
  const float bound = factors == Factors::kNone ? (-3.1f * deviation - tables.base) / tables.step : -3.1f * deviation;
  for (auto _ : state) {
    std::size_t passed = 0;
    for (std::size_t row = 0; row + kRun * kBlockRows <= rows; row += kRun * kBlockRows) {
      const BlockScan scan = {tables.entries.data(),
                              kCodeBytes,
                              bound,
                              tables.step,
                              tables.base,
                              factors == Factors::kNone ? nullptr : scales.data() + row,
                              nullptr,
                              tables.wide.data()};
      passed += kernels.scan_blocks(scan, blocks.data() + row * kCodeBytes, masks.data(), kRun, 0, found.data());
    }
    benchmark::DoNotOptimize(passed);
    state.counters["passed_per_row"] = static_cast<double>(passed) / static_cast<double>(rows);
  }
  count_rows(state, rows, kCodeBytes);
}

void hamming_rows(benchmark::State& state, CpuLevel level, std::size_t bytes) {
  const DistanceKernels kernels = distance_kernels_of(level);
  const std::size_t rows = rows_in(bytes, kCodeBytes);
  const auto codes = random_bytes(rows * kCodeBytes);
  std::vector<std::uint32_t> distances(kBlockRows);
  for (auto _ : state) {
    for (std::size_t row = 0; row < rows; row += kBlockRows) {
      kernels.hamming_rows(codes.data(), codes.data() + row * kCodeBytes, kCodeBytes, kBlockRows, distances.data());
      benchmark::DoNotOptimize(distances.data());
    }
  }
  count_rows(state, rows, kCodeBytes);
}

// What IndexBinaryFlat runs, with a heap of ten. (faiss::hammings itself crashes for one query in Debian's FAISS 1.7.3.)
void faiss_hammings(benchmark::State& state, std::size_t bytes) {
  constexpr std::size_t kNeighbors = 10;
  const std::size_t rows = rows_in(bytes, kCodeBytes);
  const auto codes = random_bytes(rows * kCodeBytes);
  std::vector<std::int32_t> distances(kNeighbors);
  std::vector<std::int64_t> ordinals(kNeighbors);
  for (auto _ : state) {
    faiss::int_maxheap_array_t heap = {1, kNeighbors, ordinals.data(), distances.data()};
    faiss::hammings_knn_hc(&heap, codes.data(), codes.data(), rows, kCodeBytes, 1);
    benchmark::DoNotOptimize(distances.data());
  }
  count_rows(state, rows, kCodeBytes);
}

void dot_i8(benchmark::State& state, CpuLevel level, bool listed, std::size_t bytes) {
  const DistanceKernels kernels = distance_kernels_of(level);
  const std::size_t rows = rows_in(bytes, kDim);
  const auto codes = random_bytes(rows * kDim);
  const std::vector<std::int8_t> query(kDim, 3);
  std::vector<const std::uint8_t*> pointers;
  for (std::size_t row = 0; row < rows; ++row) pointers.push_back(codes.data() + row * kDim);
  std::shuffle(pointers.begin(), pointers.end(), std::mt19937_64(9));
  std::vector<std::int32_t> dots(kBlockRows);
  for (auto _ : state) {
    for (std::size_t row = 0; row < rows; row += kBlockRows) {
      if (listed) {
        kernels.dot_i8_list(query.data(), pointers.data() + row, kDim, kBlockRows, dots.data());
      } else {
        kernels.dot_i8_rows(query.data(), codes.data() + row * kDim, kDim, kBlockRows, dots.data());
      }
      benchmark::DoNotOptimize(dots.data());
    }
  }
  count_rows(state, rows, kDim);
}

void faiss_scalar_quantizer(benchmark::State& state, std::size_t bytes) {
  const std::size_t rows = rows_in(bytes, kDim);
  faiss::ScalarQuantizer quantizer(kDim, faiss::ScalarQuantizer::QT_8bit);
  const std::vector<float> training = random_floats(256 * kDim);
  quantizer.train(256, training.data());
  const auto codes = random_bytes(rows * kDim);
  const std::vector<float> query = random_floats(kDim);
  const std::unique_ptr<faiss::ScalarQuantizer::SQDistanceComputer> computer(
      quantizer.get_distance_computer(faiss::METRIC_INNER_PRODUCT));
  computer->set_query(query.data());
  for (auto _ : state) {
    for (std::size_t row = 0; row < rows; ++row) benchmark::DoNotOptimize(computer->query_to_code(codes.data() + row * kDim));
  }
  count_rows(state, rows, kDim);
}

void dot_f32(benchmark::State& state, CpuLevel level, std::size_t bytes) {
  const DistanceKernels kernels = distance_kernels_of(level);
  const std::size_t rows = rows_in(bytes, kDim * sizeof(float));
  const auto values = random_floats(rows * kDim);
  std::vector<float> dots(kBlockRows);
  for (auto _ : state) {
    for (std::size_t row = 0; row < rows; row += kBlockRows) {
      kernels.dot_f32_rows(values.data(), values.data() + row * kDim, kDim, kBlockRows, dots.data());
      benchmark::DoNotOptimize(dots.data());
    }
  }
  count_rows(state, rows, kDim * sizeof(float));
}

void register_all() {
  const struct {
    const char* name;
    std::size_t bytes;
  } places[] = {{"cached", kCachedBytes}, {"shared", kSharedBytes}, {"memory", kMemoryBytes}};
  benchmark::RegisterBenchmark("read/memory", read_memory);
  for (const auto& place : places) {
    const std::size_t bytes = place.bytes;
    const std::string where = std::string("/") + place.name;
    for (CpuLevel level : all_cpu_levels()) {
      if (!cpu_supports(level)) continue;
      const std::string suffix = where + "/" + std::string(cpu_level_name(level));
      benchmark::RegisterBenchmark(("scan_blocks" + suffix).c_str(), scan_blocks, level, Factors::kNone, bytes);
      benchmark::RegisterBenchmark(("scan_blocks_scaled" + suffix).c_str(), scan_blocks, level, Factors::kScales, bytes);
      benchmark::RegisterBenchmark(("hamming_rows" + suffix).c_str(), hamming_rows, level, bytes);
      benchmark::RegisterBenchmark(("dot_i8_rows" + suffix).c_str(), dot_i8, level, false, bytes);
      benchmark::RegisterBenchmark(("dot_i8_list" + suffix).c_str(), dot_i8, level, true, bytes);
      benchmark::RegisterBenchmark(("dot_f32_rows" + suffix).c_str(), dot_f32, level, bytes);
    }
    benchmark::RegisterBenchmark(("faiss_hammings" + where).c_str(), faiss_hammings, bytes);
    benchmark::RegisterBenchmark(("faiss_scalar_quantizer" + where).c_str(), faiss_scalar_quantizer, bytes);
  }
}

}  // namespace
}  // namespace orthant

int main(int argc, char** argv) {
  omp_set_num_threads(1);
  orthant::register_all();
  benchmark::Initialize(&argc, argv);
  benchmark::AddCustomContext("cpu", orthant::cpu_model_name());
  benchmark::AddCustomContext("cpu_levels", orthant::cpu_feature_list());
  benchmark::RunSpecifiedBenchmarks();
}
