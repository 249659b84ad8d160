// The encoder on one thread: passages a second, the latency of a short query, and how much of the peak the products reach at each
// weight precision, beside oneDNN's float products of the same shapes where it is installed. Times are CPU times of the thread, so
// that a busy machine blurs them less. ORTHANT_CPU chooses the level of ours, ONEDNN_MAX_CPU_ISA that of oneDNN.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "base/aligned_array.h"
#include "base/cpu.h"
#include "encoder/encoder.h"
#include "encoder/encoder_registry.h"
#include "encoder/kernels/float_dispatch.h"
#include "encoder/kernels/int8_dispatch.h"
#include "encoder/kernels/linear.h"
#include "encoder/quantize/convert_weights.h"

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

constexpr WeightPrecision kPrecisions[] = {WeightPrecision::kFloat32, WeightPrecision::kBfloat16, WeightPrecision::kFloat16,
                                           WeightPrecision::kInt8,    WeightPrecision::kInt4,     WeightPrecision::kNf4};

const Encoder& default_encoder(WeightPrecision weights) {
  static std::map<WeightPrecision, std::unique_ptr<Encoder>> encoders;
  std::unique_ptr<Encoder>& encoder = encoders[weights];
  if (encoder == nullptr) {
    EncoderOptions options;
    options.weights = weights;
    auto source = resolve_model(kDefaultModelName);
    auto loaded = source ? Encoder::load(source->folder, options) : std::unexpected(source.error());
    if (!loaded) {
      fmt::print(stderr, "{}\n", loaded.error().message);
      std::exit(1);
    }
    encoder = std::move(*loaded);
  }
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

// Arguments: texts, tokens a text, precision.
void encode(benchmark::State& state) {
  const auto precision = static_cast<WeightPrecision>(state.range(2));
  state.SetLabel(std::string(weight_precision_name(precision)));
  const Encoder& encoder = default_encoder(precision);
  const auto texts = static_cast<std::size_t>(state.range(0));
  const auto tokens = static_cast<std::size_t>(state.range(1));
  const std::vector<TokenizedText> input = texts_of(texts, tokens);
  for (auto _ : state) benchmark::DoNotOptimize(encoder.encode_tokens(input, {}));
  const double work = static_cast<double>(state.iterations()) * static_cast<double>(texts);
  state.counters["texts/s"] = benchmark::Counter(work, benchmark::Counter::kIsRate);
  state.counters["linear GFLOP/s"] =
      benchmark::Counter(work * static_cast<double>(tokens) * kLinearFlops * 1e-9, benchmark::Counter::kIsRate);
}
void encode_arguments(benchmark::internal::Benchmark* runs) {
  for (const WeightPrecision precision : kPrecisions) {
    for (const std::pair<int, int>& shape : {std::pair{1, 12}, {1, 32}, {1, 112}, {1, 256}, {32, 112}, {64, 12}}) {
      runs->Args({shape.first, shape.second, static_cast<int>(precision)});
    }
  }
}
BENCHMARK(encode)->Apply(encode_arguments)->Unit(benchmark::kMillisecond);

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

// The linear layers of all-MiniLM-L6-v2 with weights of their own (42 MB in float32, more than most last-level caches give), as an
// encoder runs them: quantization of the activations and biases included. Arguments: rows, precision.
void linear_layers(benchmark::State& state) {
  const auto rows = static_cast<std::size_t>(state.range(0));
  const auto precision = static_cast<WeightPrecision>(state.range(1));
  state.SetLabel(std::string(weight_precision_name(precision)));
  std::mt19937 generator(7);
  std::normal_distribution<float> value(0.0F, 0.05F);
  WeightArena arena;
  std::vector<std::unique_ptr<const Linear>> layers;
  for (const Shape& shape : kShapes) {
    LinearWeights weights{.outputs = shape.outputs, .inputs = shape.inputs, .data = {}, .input = {}};
    FloatWeights floats{std::vector<float>(shape.outputs * shape.inputs)};
    for (float& x : floats.values) x = value(generator);
    weights.data = std::move(floats);
    weights = convert_weights(std::move(weights), precision);
    const std::vector<float> bias(shape.outputs, 0.5F);
    for (std::size_t i = 0; i < kLayers; ++i) {
      layers.push_back(Linear::make(weights, bias, Activation::kNone, cpu_level(), arena));
    }
  }
  AlignedArray<float> input(rows * kIntermediate);
  for (float& x : input.span()) x = value(generator);
  AlignedArray<float> output(rows * kIntermediate);
  LinearScratch scratch;
  for (auto _ : state) {
    for (const auto& layer : layers) layer->apply(rows, input.data(), output.data(), scratch);
    benchmark::ClobberMemory();
  }
  report_flops(state);
}
void linear_arguments(benchmark::internal::Benchmark* runs) {
  for (const WeightPrecision precision : kPrecisions) {
    for (const int rows : {1, 12, 32, 112, 448}) runs->Args({rows, static_cast<int>(precision)});
  }
}
BENCHMARK(linear_layers)->Apply(linear_arguments)->Unit(benchmark::kMillisecond);

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

// The peaks that products are held against: tiles on data that stays in L1.
void peak_float32(benchmark::State& state) {
  constexpr std::size_t kRows = 24;
  constexpr std::size_t kDepth = 96;
  const std::size_t columns = float_kernels().panel_columns;
  std::vector<float> a(kRows * kDepth, 0.5F);
  std::vector<float> b(kDepth * columns, 0.25F);
  std::vector<float> c(kRows * columns);
  const std::vector<float> bias(columns);
  for (auto _ : state) {
    float_kernels().multiply_panel(
        {kRows, kDepth, a.data(), kDepth, b.data(), b.data(), bias.data(), Activation::kNone, c.data(), columns});
    benchmark::ClobberMemory();
  }
  const double work = 2.0 * static_cast<double>(kRows * kDepth * columns) * static_cast<double>(state.iterations());
  state.counters["GFLOP/s"] = benchmark::Counter(work * 1e-9, benchmark::Counter::kIsRate);
}
BENCHMARK(peak_float32);

void peak_int8(benchmark::State& state) {
  constexpr std::size_t kRows = 24;
  constexpr std::size_t kDepth = 384;
  const Int8Kernels& kernels = int8_kernels_for(cpu_level());
  const std::size_t columns = kernels.panel_columns;
  const std::vector<std::uint8_t> a(kRows * kDepth, 65);
  const std::vector<std::int8_t> b(kDepth * columns, 3);
  const std::vector<std::int32_t> start(columns);
  const std::vector<float> ones(std::max(columns, kRows), 1.0F);
  std::vector<float> c(kRows * columns);
  for (auto _ : state) {
    kernels.multiply({kRows, kDepth, columns, a.data(), ones.data(), b.data(), b.data(), start.data(), ones.data(), ones.data(),
                      c.data(), columns});
    benchmark::ClobberMemory();
  }
  const double work = 2.0 * static_cast<double>(kRows * kDepth * columns) * static_cast<double>(state.iterations());
  state.counters["GFLOP/s"] = benchmark::Counter(work * 1e-9, benchmark::Counter::kIsRate);
}
BENCHMARK(peak_int8);

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
