// Single-query search of a flat index at one thread: time and recall@10 by stages and target, beside FAISS's flat indexes in the
// same binary. ORTHANT_BENCH_VECTORS and ORTHANT_BENCH_QUERIES name .npy files of real embeddings (floats, normalized); without
// them the reference embeddings of SciFact in ../shared are stretched to 100,000 rows by adding normally distributed noise of 0.5
// of their norm. ORTHANT_CPU chooses the kernels. FAISS rescores nothing here: its recall is that of its codes.

#include <omp.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <faiss/IndexBinaryFlat.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexScalarQuantizer.h>

#include "base/cpu.h"
#include "base/npy.h"
#include "index/memory_float_vectors.h"
#include "index/vector_index.h"

namespace orthant {
namespace {

constexpr std::size_t kStretchedRows = 100'000;
constexpr std::size_t kNeighbors = 10;
constexpr std::size_t kMostQueries = 500;

FloatMatrix read_or_exit(const std::string& path) {
  Result<FloatMatrix> matrix = read_npy_floats(path);
  if (!matrix) {
    std::cerr << matrix.error().message << '\n';
    std::exit(1);
  }
  return *std::move(matrix);
}

void normalize_rows(FloatMatrix& matrix) {
  for (std::size_t row = 0; row < matrix.rows; ++row) {
    const auto vector = std::span(matrix.values).subspan(row * matrix.columns, matrix.columns);
    double squares = 0;
    for (float value : vector) squares += double{value} * value;
    for (float& value : vector) value = static_cast<float>(value / std::sqrt(squares));
  }
}

FloatMatrix stretch(const FloatMatrix& source, std::size_t rows) {
  constexpr float kNoise = 0.5f;
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal(0, kNoise / std::sqrt(static_cast<float>(source.columns)));
  FloatMatrix stretched = {rows, source.columns, std::vector<float>(rows * source.columns)};
  for (std::size_t i = 0; i < stretched.values.size(); ++i) {
    stretched.values[i] = source.values[i % source.values.size()] + (i < source.values.size() ? 0 : normal(random));
  }
  normalize_rows(stretched);
  return stretched;
}

// The vectors, the queries, their true neighbours, and an index of ours over them: made once.
struct Bench {
  FloatMatrix vectors;
  FloatMatrix queries;
  MemoryFloatVectors stored;
  std::unique_ptr<VectorIndex> index;
  std::vector<std::set<std::int64_t>> truth;

  Bench(FloatMatrix vectors_in, FloatMatrix queries_in)
      : vectors(std::move(vectors_in)), queries(std::move(queries_in)), stored(vectors.columns) {
    queries.rows = std::min(queries.rows, kMostQueries);
    stored.append(vectors.values);
    index = VectorIndex::create({.dim = vectors.columns, .residency = FloatResidency::kDisk}, &stored).value();
    index->append(*index->encode_rows(vectors.values).value());
    const Status calibrated = index->calibrate(nullptr);
    if (!calibrated) std::cerr << calibrated.error().message << '\n';
    for (std::size_t i = 0; i < queries.rows; ++i) {
      const auto exact = index->search(query(i), {.exact = true}).value();
      std::set<std::int64_t> ordinals;
      for (const ScoredOrdinal& scored : exact) ordinals.insert(scored.ordinal);
      truth.push_back(std::move(ordinals));
    }
  }

  std::span<const float> query(std::size_t i) const {
    return std::span(queries.values).subspan(i % queries.rows * queries.columns, queries.columns);
  }
};

const Bench& bench() {
  static const Bench made = [] {
    const char* vectors = std::getenv("ORTHANT_BENCH_VECTORS");
    const char* queries = std::getenv("ORTHANT_BENCH_QUERIES");
    if (vectors != nullptr && queries != nullptr) return Bench(read_or_exit(vectors), read_or_exit(queries));
    const std::string reference = std::string(ORTHANT_SOURCE_DIR) + "/../shared/reference/";
    return Bench(stretch(read_or_exit(reference + "scifact-documents.npy"), kStretchedRows),
                 read_or_exit(reference + "scifact-queries.npy"));
  }();
  return made;
}

template <typename Search>
void run(benchmark::State& state, const Search& search) {
  std::size_t next = 0;
  for (auto _ : state) {
    search(next % bench().queries.rows);
    ++next;
  }
  std::size_t hits = 0;
  for (std::size_t i = 0; i < bench().queries.rows; ++i) {
    for (std::int64_t ordinal : search(i)) hits += bench().truth[i].count(ordinal);
  }
  state.counters["recall@10"] = static_cast<double>(hits) / static_cast<double>(kNeighbors * bench().queries.rows);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}

void search_ours(benchmark::State& state, SearchParams params) {
  run(state, [&](std::size_t i) {
    std::vector<std::int64_t> ordinals;
    const auto found = bench().index->search(bench().query(i), params).value();
    for (const ScoredOrdinal& scored : found) ordinals.push_back(scored.ordinal);
    return ordinals;
  });
  SearchTrace trace;
  for (std::size_t i = 0; i < bench().queries.rows; ++i) {
    if (!bench().index->search(bench().query(i), params, &trace)) return;
  }
  for (const SearchTrace::Stage& stage : trace.stages) {
    state.counters[stage.name + " us"] += stage.microseconds / static_cast<double>(bench().queries.rows);
  }
  state.counters["candidates"] = static_cast<double>(trace.stages.front().candidates_out);
  const IndexMemory memory = bench().index->memory();
  state.counters["bytes_per_vector"] = static_cast<double>(memory.total()) / static_cast<double>(bench().vectors.rows);
}

void search_faiss(benchmark::State& state, const faiss::Index& index) {
  run(state, [&](std::size_t i) {
    std::vector<faiss::Index::idx_t> ordinals(kNeighbors);
    std::vector<float> distances(kNeighbors);
    index.search(1, bench().query(i).data(), kNeighbors, distances.data(), ordinals.data());
    return ordinals;
  });
}

void faiss_flat(benchmark::State& state) {
  faiss::IndexFlatIP index(static_cast<faiss::Index::idx_t>(bench().vectors.columns));
  index.add(static_cast<faiss::Index::idx_t>(bench().vectors.rows), bench().vectors.values.data());
  search_faiss(state, index);
}

void faiss_scalar_quantizer(benchmark::State& state) {
  faiss::IndexScalarQuantizer index(static_cast<int>(bench().vectors.columns), faiss::ScalarQuantizer::QT_8bit,
                                    faiss::METRIC_INNER_PRODUCT);
  index.train(static_cast<faiss::Index::idx_t>(bench().vectors.rows), bench().vectors.values.data());
  index.add(static_cast<faiss::Index::idx_t>(bench().vectors.rows), bench().vectors.values.data());
  search_faiss(state, index);
}

std::vector<std::uint8_t> sign_bits(const FloatMatrix& matrix) {
  const std::size_t code_bytes = matrix.columns / 8;
  std::vector<std::uint8_t> bits(matrix.rows * code_bytes);
  for (std::size_t i = 0; i < matrix.rows * matrix.columns; ++i) {
    if (matrix.values[i] > 0) bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | 0x80 >> i % 8);
  }
  return bits;
}

void faiss_binary_flat(benchmark::State& state) {
  faiss::IndexBinaryFlat index(static_cast<faiss::IndexBinary::idx_t>(bench().vectors.columns));
  index.add(static_cast<faiss::IndexBinary::idx_t>(bench().vectors.rows), sign_bits(bench().vectors).data());
  const std::vector<std::uint8_t> queries = sign_bits(bench().queries);
  run(state, [&](std::size_t i) {
    std::vector<faiss::IndexBinary::idx_t> ordinals(kNeighbors);
    std::vector<std::int32_t> distances(kNeighbors);
    index.search(1, queries.data() + i * bench().queries.columns / 8, kNeighbors, distances.data(), ordinals.data());
    return ordinals;
  });
}

void append_rows(benchmark::State& state) {
  for (auto _ : state) {
    const auto index = VectorIndex::create(bench().index->config(), &bench().stored).value();
    index->append(*index->encode_rows(bench().vectors.values).value());
    benchmark::DoNotOptimize(index->row_count());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * bench().vectors.rows));
}

void register_all() {
  using benchmark::kMicrosecond;
  using benchmark::RegisterBenchmark;
  for (double target : {0.9, 0.95, 0.98, 0.99, 0.995}) {
    SearchParams params;
    params.target_recall = target;
    const std::string name = "search/target:" + std::to_string(target).substr(0, 5);
    RegisterBenchmark(name.c_str(), search_ours, params)->Unit(kMicrosecond);
  }
  for (double oversampling : {5, 10, 20, 40}) {
    SearchParams params;
    params.stages = SearchStages::kAsymmetricInt8Float;
    params.oversampling = oversampling;
    const std::string name = "search/asymmetric+int8+float/x" + std::to_string(static_cast<int>(oversampling));
    RegisterBenchmark(name.c_str(), search_ours, params)->Unit(kMicrosecond);
  }
  for (SearchStages stages : {SearchStages::kBinary, SearchStages::kAsymmetric, SearchStages::kInt8, SearchStages::kFloat32}) {
    SearchParams params;
    params.stages = stages;
    RegisterBenchmark(("search/" + std::string(search_stages_name(stages))).c_str(), search_ours, params)->Unit(kMicrosecond);
  }
  RegisterBenchmark("faiss/flat", faiss_flat)->Unit(kMicrosecond);
  RegisterBenchmark("faiss/scalar_quantizer_8bit", faiss_scalar_quantizer)->Unit(kMicrosecond);
  RegisterBenchmark("faiss/binary_flat", faiss_binary_flat)->Unit(kMicrosecond);
  RegisterBenchmark("append", append_rows)->Unit(benchmark::kMillisecond);
}

}  // namespace
}  // namespace orthant

int main(int argc, char** argv) {
  omp_set_num_threads(1);
  orthant::register_all();
  benchmark::Initialize(&argc, argv);
  benchmark::AddCustomContext("cpu", orthant::cpu_model_name());
  benchmark::AddCustomContext("cpu_level", std::string(orthant::cpu_level_name(orthant::cpu_level())));
  benchmark::RunSpecifiedBenchmarks();
}
