// The encoder on one thread: passages a second, the latency of a short query, and how much of the FMA peak the products reach,
// beside oneDNN's products of the same shapes where it is installed. Times are CPU times of the thread, so that a busy machine
// blurs them less. ORTHANT_CPU chooses the level of ours, ONEDNN_MAX_CPU_ISA that of oneDNN.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "base/aligned_array.h"
#include "base/cpu.h"
#include "encoder/encoder.h"
#include "encoder/encoder_registry.h"
#include "encoder/kernels/float_dispatch.h"
#include "encoder/kernels/packed_linear.h"

#if defined(ORTHANT_HAVE_ONEDNN)
#include <dnnl.h>

// Of OpenMP, which oneDNN brings.
extern "C" void omp_set_num_threads(int count);
#endif

namespace orthant {
namespace {

constexpr std::size_t kHidden = 384;
constexpr std::size_t kIntermediate = 1536;
constexpr std::size_t kLayers = 6;
// Multiplications and additions of the linear layers of all-MiniLM-L6-v2 for one token.
constexpr std::size_t kWeights = kLayers * (4 * kHidden * kHidden + 2 * kHidden * kIntermediate);
constexpr double kLinearFlops = 2.0 * kWeights;

const Encoder& default_encoder() {
  static const std::unique_ptr<Encoder> encoder = [] {
    auto source = resolve_model(kDefaultModelName);
    auto loaded = source ? Encoder::load(source->folder, {}) : std::unexpected(source.error());
    if (!loaded) {
      fmt::print(stderr, "{}\n", loaded.error().message);
      std::exit(1);
    }
    return std::move(*loaded);
  }();
  return *encoder;
}

std::vector<TokenizedText> texts_of(std::size_t count, std::size_t tokens) {
  std::mt19937 generator(7);
  std::uniform_int_distribution<std::uint32_t> words(1000, 29000);
  std::vector<TokenizedText> texts(count);
  for (TokenizedText& text : texts) {
    for (std::size_t i = 0; i < tokens; ++i) text.ids.push_back(words(generator));
  }
  return texts;
}

// Arguments: texts, tokens a text.
void encode(benchmark::State& state) {
  const auto texts = static_cast<std::size_t>(state.range(0));
  const auto tokens = static_cast<std::size_t>(state.range(1));
  const std::vector<TokenizedText> input = texts_of(texts, tokens);
  for (auto _ : state) benchmark::DoNotOptimize(default_encoder().encode_tokens(input, {}));
  const double work = static_cast<double>(state.iterations()) * static_cast<double>(texts);
  state.counters["texts/s"] = benchmark::Counter(work, benchmark::Counter::kIsRate);
  state.counters["linear GFLOP/s"] =
      benchmark::Counter(work * static_cast<double>(tokens) * kLinearFlops * 1e-9, benchmark::Counter::kIsRate);
}
BENCHMARK(encode)->Args({1, 12})->Args({1, 32})->Args({1, 112})->Args({1, 256})->Args({32, 112})->Args({64, 12})->Unit(
    benchmark::kMillisecond);

struct Shape {
  std::size_t inputs;
  std::size_t outputs;
};
constexpr Shape kShapes[] = {{kHidden, 3 * kHidden}, {kHidden, kHidden}, {kHidden, kIntermediate}, {kIntermediate, kHidden}};

void report_flops(benchmark::State& state) {
  state.counters["GFLOP/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(state.range(0)) * kLinearFlops * 1e-9,
                         benchmark::Counter::kIsRate);
}

// The products of all layers, each with weights of its own as in the model (42 MB, more than most last-level caches give).
void linear_layers(benchmark::State& state) {
  const auto rows = static_cast<std::size_t>(state.range(0));
  AlignedArray<float> weights(kWeights);
  std::span<float> rest = weights.span();
  std::vector<PackedLinear> layers;
  for (std::size_t i = 0; i < kLayers; ++i) {
    for (const Shape& shape : kShapes) {
      layers.emplace_back(float_kernels(), shape.outputs, shape.inputs, rest);
      rest = rest.subspan(shape.outputs * shape.inputs);
    }
  }
  const AlignedArray<float> input(rows * kIntermediate);
  AlignedArray<float> output(rows * kIntermediate);
  for (auto _ : state) {
    for (const PackedLinear& layer : layers) layer.multiply(rows, input.data(), output.data());
    benchmark::ClobberMemory();
  }
  report_flops(state);
}
BENCHMARK(linear_layers)->Arg(1)->Arg(12)->Arg(32)->Arg(112)->Arg(448)->Unit(benchmark::kMillisecond);

#if defined(ORTHANT_HAVE_ONEDNN)
void onednn_sgemm(benchmark::State& state) {
  omp_set_num_threads(1);
  const auto rows = static_cast<dnnl_dim_t>(state.range(0));
  const AlignedArray<float> weights(kWeights);
  const AlignedArray<float> input(static_cast<std::size_t>(rows) * kIntermediate);
  AlignedArray<float> output(static_cast<std::size_t>(rows) * kIntermediate);
  for (auto _ : state) {
    const float* weight = weights.data();
    for (std::size_t i = 0; i < kLayers * std::size(kShapes); ++i) {
      const auto inputs = static_cast<dnnl_dim_t>(kShapes[i % std::size(kShapes)].inputs);
      const auto outputs = static_cast<dnnl_dim_t>(kShapes[i % std::size(kShapes)].outputs);
      dnnl_sgemm('N', 'N', rows, outputs, inputs, 1.0F, input.data(), inputs, weight, outputs, 0.0F, output.data(), outputs);
      weight += inputs * outputs;
    }
    benchmark::ClobberMemory();
  }
  report_flops(state);
}
BENCHMARK(onednn_sgemm)->Arg(1)->Arg(12)->Arg(32)->Arg(112)->Arg(448)->Unit(benchmark::kMillisecond);
#endif

// The peak that products are held against: one tile of ours on data that stays in L1.
void peak(benchmark::State& state) {
  constexpr std::size_t kRows = 24;
  constexpr std::size_t kDepth = 96;
  const std::size_t columns = float_kernels().panel_columns;
  std::vector<float> a(kRows * kDepth, 0.5F);
  std::vector<float> b(kDepth * columns, 0.25F);
  std::vector<float> c(kRows * columns);
  for (auto _ : state) {
    float_kernels().gemm(kRows, columns, kDepth, a.data(), kDepth, b.data(), columns, c.data(), columns);
    benchmark::ClobberMemory();
  }
  const double work = 2.0 * static_cast<double>(kRows * kDepth * columns) * static_cast<double>(state.iterations());
  state.counters["GFLOP/s"] = benchmark::Counter(work * 1e-9, benchmark::Counter::kIsRate);
}
BENCHMARK(peak);

void load(benchmark::State& state) {
  const std::filesystem::path folder = default_encoder().info().folder;
  for (auto _ : state) benchmark::DoNotOptimize(Encoder::load(folder, {}));
}
BENCHMARK(load)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace orthant

int main(int argc, char** argv) {
  benchmark::AddCustomContext("cpu", orthant::cpu_model_name());
  benchmark::AddCustomContext("level", std::string(orthant::cpu_level_name(orthant::cpu_level())));
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
