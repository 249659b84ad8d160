// Adapters over frozen weights: products and gradients against plain ones, what a run of training leaves, budgets of memory.

#include "encoder/training/lora_linears.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/whole_file.h"
#include "encoder/encoder.h"
#include "encoder/model/lora_adapters.h"
#include "encoder/model/model_files.h"
#include "encoder/quantize/convert_weights.h"
#include "encoder/training/text_embedder.h"
#include "encoder/training/trainer.h"
#include "tests/encoder/training/training_fixtures.h"
#include "tests/support/paths.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;
using test::tiny_model;
using test::word_pairs;

constexpr std::size_t kQueryKeyValue = 0;

Transformer transformer_of(const fs::path& folder) {
  const ModelFiles files = read_model_files(folder).value();
  return Transformer::load(SafeTensors::open(files.transformer_folder / "model.safetensors").value(), files.transformer,
                           WeightPrecision::kFloat32, cpu_level())
      .value();
}

LoraOptions small_lora(WeightPrecision base = WeightPrecision::kNf4) {
  LoraOptions lora;
  lora.rank = 3;
  lora.alpha = 6;
  lora.dropout = 0;
  lora.base = base;
  return lora;
}

// Adapters as training leaves them: both halves are something.
void fill(const LoraLinears& lora) {
  for (const auto& adapter : lora.adapters()) adapter.up.detach().copy_(at::randn_like(adapter.up.detach()) * 0.3);
}

TEST(LoraLinears, MultiplyTheDecodedWeightsAndPassGradientsAsThePlainSumDoes) {
  at::manual_seed(test::sample_seed());
  const Transformer model = transformer_of(tiny_model("cls"));
  for (const WeightPrecision base : {WeightPrecision::kNf4, WeightPrecision::kFloat32, WeightPrecision::kInt4,
                                     WeightPrecision::kInt8, WeightPrecision::kBfloat16}) {
    LoraOptions options = small_lora(base);
    options.targets = {"query", "value", "intermediate.dense"};
    const LoraLinears lora = LoraLinears::make(model, options, 3).value();
    fill(lora);
    ASSERT_EQ(lora.adapters().size(), 6U);
    ParameterSet parameters;
    lora.add_parameters(parameters);
    at::Tensor input = at::randn({5, 16}).set_requires_grad(true);
    const at::Tensor factors = at::randn({5, 48});
    torch::autograd::backward({(lora.multiply(kQueryKeyValue, input, 0, false) * factors).sum()}, {});
    // The same by hand: query and value have updates, key has none.
    const LinearWeights held = convert_weights(model.linear_weights(kQueryKeyValue).value(), base);
    const at::Tensor weight = tensor_from(untransformed_weights(held), {48, 16});
    std::vector<at::Tensor> leaves = {input.detach().clone().set_requires_grad(true)};
    std::vector<at::Tensor> updates;
    for (const std::size_t i : {0, 1}) {
      leaves.push_back(lora.adapters()[i].down.detach().clone().set_requires_grad(true));
      leaves.push_back(lora.adapters()[i].up.detach().clone().set_requires_grad(true));
      updates.push_back(at::matmul(leaves[leaves.size() - 1], leaves[leaves.size() - 2]) * 2);
      if (i == 0) updates.push_back(at::zeros({16, 16}));
    }
    const at::Tensor bias = tensor_from(model.linear_bias(kQueryKeyValue), {48});
    const at::Tensor expected = at::linear(leaves[0], weight + at::cat(updates, 0), bias);
    EXPECT_TRUE(at::allclose(lora.multiply(kQueryKeyValue, input, 0, false), expected, 1e-4, 1e-5));
    EXPECT_TRUE(at::allclose(lora.merged(kQueryKeyValue), (weight + at::cat(updates, 0)).detach(), 1e-4, 1e-5));
    torch::autograd::backward({(expected * factors).sum()}, {});
    EXPECT_TRUE(at::allclose(input.grad(), leaves[0].grad(), 1e-4, 1e-5));
    for (const std::size_t i : {0, 1, 2, 3}) {
      EXPECT_TRUE(at::allclose(parameters.all()[i].tensor.grad(), leaves[i + 1].grad(), 1e-4, 1e-5)) << i;
    }
    EXPECT_FALSE(parameters.all()[4].tensor.grad().defined());
    const at::Tensor brain = lora.multiply(kQueryKeyValue, input, 0, true);
    EXPECT_TRUE(at::allclose(brain, expected, 0.05, 0.05));
  }
}

TEST(LoraLinears, StartAsNothingAndAsTheSeedSays) {
  const Transformer model = transformer_of(tiny_model("cls"));
  const LoraLinears first = LoraLinears::make(model, small_lora(), 3).value();
  const LoraLinears same = LoraLinears::make(model, small_lora(), 3).value();
  const LoraLinears other = LoraLinears::make(model, small_lora(), 4).value();
  EXPECT_EQ(first.adapters().size(), 12U);
  for (std::size_t i = 0; i < first.adapters().size(); ++i) {
    EXPECT_TRUE(at::equal(first.adapters()[i].down, same.adapters()[i].down));
    EXPECT_FALSE(at::equal(first.adapters()[i].down, other.adapters()[i].down));
    EXPECT_EQ(first.adapters()[i].up.abs().max().item<double>(), 0);
    EXPECT_LE(first.adapters()[i].down.abs().max().item<double>(), 1 / std::sqrt(16.0));
  }
  LoraOptions wrong = small_lora();
  wrong.targets = {"uery"};
  const auto refused = LoraLinears::make(model, wrong, 3);
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("lora.targets: found uery"), std::string::npos) << refused.error().message;
  EXPECT_NE(refused.error().message.find("encoder.layer.0.attention.self.query"), std::string::npos);
}

// Of all updates of this rank the one that leaves least of the error of the outputs, over the inputs that were seen: no other that
// is drawn, and not the best one of the weights alone, leaves less.
TEST(LoraLinears, StartByTakingBackWhatRoundingDoes) {
  at::manual_seed(test::sample_seed());
  const Transformer model = transformer_of(tiny_model("cls"));
  LoraOptions options = small_lora(WeightPrecision::kNf4);
  options.start = LoraStart::kRounding;
  options.alpha = 5;
  LoraLinears lora = LoraLinears::make(model, options, 3).value();
  // Rows of length one, some directions far more frequent than others.
  at::Tensor inputs = at::randn({200, 16}) * at::logspace(0, -1.5, 16);
  inputs = inputs / inputs.norm(2, 1, true);
  const auto left = [&] {
    const at::Tensor weight = tensor_from(dequantize(model.linear_weights(kQueryKeyValue).value()), {48, 16});
    const at::Tensor bias = tensor_from(model.linear_bias(kQueryKeyValue), {48});
    return (lora.multiply(kQueryKeyValue, inputs, 0, false) - at::linear(inputs, weight, bias)).square().sum().item<double>();
  };
  const double before = left();
  lora.observe(kQueryKeyValue, 1);
  lora.multiply(kQueryKeyValue, inputs.narrow(0, 0, 120), 0, false);
  lora.multiply(kQueryKeyValue, inputs.narrow(0, 120, 80), 0, false);
  ASSERT_TRUE(lora.start_from_rounding(model).has_value());
  const double after = left();
  EXPECT_LT(after, 0.5 * before);
  const LoraLinears::Adapter query = lora.adapters()[0];
  EXPECT_NEAR(query.down[0].norm().item<double>(), 1 / std::sqrt(3.0), 1e-4);
  for (int i = 0; i < 20; ++i) {
    const at::Tensor up = query.up.detach().clone();
    const at::Tensor down = query.down.detach().clone();
    query.up.detach().add_(at::randn_like(up) * 0.02 * up.abs().mean());
    query.down.detach().add_(at::randn_like(down) * 0.02 * down.abs().mean());
    EXPECT_GE(left(), after * (1 - 1e-6));
    query.up.detach().copy_(up);
    query.down.detach().copy_(down);
  }
  // Layers that were not observed start as they did.
  EXPECT_EQ(lora.adapters()[3].up.abs().max().item<double>(), 0);
}

// Along a random direction through all adapters of a model.
TEST(LoraLinears, GradientsOfAModelAreThoseOfFiniteDifferences) {
  at::manual_seed(test::sample_seed());
  for (const bool checkpointing : {false, true}) {
    const auto model = TrainableEncoder::load(tiny_model("dense_half"), 0, small_lora(), 5).value();
    fill(*model.lora());
    ParameterSet parameters = model.parameters({});
    const std::vector<std::string> texts = {"a river", "the bridge stands over cold water .", "stone and water and stone"};
    std::vector<PurposedText> purposed;
    for (const std::string& text : texts) purposed.push_back({text, Purpose::kDocument});
    ForwardOptions forward;
    forward.checkpointing = checkpointing;
    const TextEmbedder embedder(model, nullptr, forward, 12);
    const at::Tensor factors = at::randn({3, static_cast<std::int64_t>(model.dim())});
    std::size_t tokens = 0;
    const auto value = [&] {
      return embedder.accumulate_gradients(
                         purposed, [&](const at::Tensor& rows) { return (rows * factors).sum(); }, tokens)
          .value();
    };
    value();
    std::vector<at::Tensor> direction;
    double expected = 0;
    for (const Parameter& parameter : parameters.all()) {
      const at::Tensor gradient = parameter.tensor.grad().clone();
      direction.push_back(gradient + at::randn_like(gradient) * gradient.abs().mean());
      expected += (direction.back() * gradient).sum().item<double>();
    }
    const double step = 5e-3 / std::sqrt(expected);
    const auto moved = [&](double by) {
      for (std::size_t i = 0; i < direction.size(); ++i) parameters.all()[i].tensor.detach().add_(direction[i], by);
      return value();
    };
    const double above = moved(step);
    const double below = moved(-2 * step);
    EXPECT_NEAR((above - below) / (2 * step) / expected, 1, 0.02);
  }
}

TrainingOptions lora_run(const fs::path& output) {
  TrainingOptions options;
  options.model = tiny_model("default_prompt");
  options.output = output;
  options.fingerprint = "a recipe";
  options.lora = small_lora();
  options.lora.dropout = 0.1;
  options.memory.moments = MomentForm::kDynamic8;
  options.batch_size = 8;
  options.max_steps = 60;
  options.learning_rate = 2e-2;
  options.checkpoint_every = 20;
  options.evaluate_every = 20;
  options.dev_metric = "float";
  options.tolerated_float_loss = 1;
  return options;
}

TrainingOutcome trained(const TrainingOptions& options) {
  const auto trainer = Trainer::make(options, word_pairs(), word_pairs());
  if (!trainer) throw std::runtime_error(trainer.error().message);
  const auto outcome = (*trainer)->run({});
  if (!outcome) throw std::runtime_error(outcome.error().message);
  return *outcome;
}

std::string adapters_of(const fs::path& output) {
  return read_whole_file(output / "model" / kAdapterWeightsName).value();
}

std::vector<float> embeddings(const fs::path& folder, WeightPrecision precision) {
  EncoderOptions options;
  options.weights = precision;
  const auto encoder = Encoder::load(folder, options);
  if (!encoder) throw std::runtime_error(encoder.error().message);
  std::vector<std::string_view> views;
  const TrainingData pairs = word_pairs();
  for (const TrainingExample& pair : pairs.examples) views.push_back(pair.texts[0]);
  return (*encoder)->encode(views, {.purpose = Purpose::kQuery}).value().embeddings.values;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double largest = a.size() == b.size() ? 0 : INFINITY;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max<double>(largest, std::abs(a[i] - b[i]));
  return largest;
}

TEST(QLora, LearnsOverWeightsOfFourBitsAndLeavesAdaptersBesideThem) {
  const test::TemporaryDirectory directory;
  const TrainingOptions options = lora_run(directory.path());
  const TrainingOutcome outcome = trained(options);
  EXPECT_LT(outcome.start->scores.float_search, 0.95);
  EXPECT_GE(outcome.best->scores.float_search, 0.98);
  const fs::path model = directory.path() / "model";
  EXPECT_TRUE(read_whole_file(model / "model.safetensors").value() == read_whole_file(options.model / "model.safetensors").value());
  // Names are those of peft: of the file that it wrote for the same modules.
  const SafeTensors written = SafeTensors::open(model / kAdapterWeightsName).value();
  const SafeTensors real =
      SafeTensors::open(tiny_model("").parent_path().parent_path() / "adapters" / "all" / kAdapterWeightsName).value();
  std::set<std::string> names;
  std::set<std::string> expected;
  for (const auto& [name, tensor] : written.tensors()) names.insert(name);
  for (const auto& [name, tensor] : real.tensors()) expected.insert(name);
  EXPECT_EQ(names, expected);
  // Merged at --weights float32, beside NF4 codes at --weights nf4: what was trained is the latter.
  EXPECT_GT(largest_difference(embeddings(model, WeightPrecision::kFloat32), embeddings(model, WeightPrecision::kNf4)), 1e-3);
  TrainingOptions merged = options;
  merged.output = directory.path() / "merged";
  merged.lora.merge = true;
  trained(merged);
  EXPECT_FALSE(fs::exists(merged.output / "model" / kAdapterWeightsName));
  EXPECT_LT(
      largest_difference(embeddings(model, WeightPrecision::kNf4), embeddings(merged.output / "model", WeightPrecision::kFloat32)),
      1e-4);
  // New ones over a model with adapters start from the sums.
  TrainingOptions next = options;
  next.model = model;
  next.output = directory.path() / "next";
  const auto refused = Trainer::make(next, word_pairs(), word_pairs());
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().message.find("lora.merge"), std::string::npos) << refused.error().message;
  next.lora.merge = true;
  next.max_steps = 1;
  next.lora.base = WeightPrecision::kFloat32;
  EXPECT_GE(trained(next).start->scores.float_search, 0.95);
}

TEST(QLora, RepeatsAndGoesOnFromACheckpointToTheBit) {
  const test::TemporaryDirectory directory;
  TrainingOptions options = lora_run(directory.path() / "whole");
  options.lora.start = LoraStart::kRounding;
  options.quantization.calibration_texts = 12;
  options.dropout = 0.1;
  options.checkpointing = true;
  options.chunk_tokens = 40;
  options.max_steps = 12;
  options.checkpoint_every = 4;
  options.evaluate_every = 6;
  trained(options);
  const std::string expected = adapters_of(options.output);
  const fs::path cut = directory.path() / "cut";
  fs::copy(options.output, cut, fs::copy_options::recursive);
  fs::remove_all(cut / "checkpoints" / "step-00000012");
  fs::remove_all(cut / "model");
  options.output = cut;
  EXPECT_EQ(trained(options).resumed_from, 8U);
  EXPECT_TRUE(adapters_of(cut) == expected);
  // Where the moments are does not change what they are.
  options.output = directory.path() / "paged";
  options.memory.paged_moments = true;
  trained(options);
  EXPECT_TRUE(adapters_of(options.output) == expected);
  options.seed = 2;
  options.output = directory.path() / "other";
  trained(options);
  EXPECT_FALSE(adapters_of(options.output) == expected);
}

// All weights of the default model, in batches of some thousand tokens.
TEST(Training, IsFittedIntoABudgetOrRefusedWithTheFigures) {
  ORTHANT_REQUIRE_DEFAULT_MODEL();
  const test::TemporaryDirectory directory;
  TrainingData data{ExampleKind::kPairs, {}};
  for (int i = 0; i < 32; ++i) {
    std::string text;
    for (int word = 0; word < 60; ++word) text += "river " + std::to_string(i) + " ";
    data.examples.push_back({{text, text}});
  }
  TrainingOptions options;
  options.model = test::default_model_dir();
  options.output = directory.path();
  options.max_seq_length = 64;
  const auto forecast = [&](std::size_t budget) {
    options.memory.budget = budget;
    return Trainer::make(options, data, {}).value()->forecast();
  };
  const MemoryForecast unbounded = forecast(0);
  const std::size_t all = unbounded.all();
  constexpr std::size_t kMebibyte = std::size_t{1} << 20;
  EXPECT_EQ(unbounded.fitted, "");
  EXPECT_EQ(forecast(all).fitted, "");
  const MemoryForecast paged = forecast(all - 20 * kMebibyte);
  EXPECT_EQ(paged.fitted, "moments in a file");
  EXPECT_LE(paged.all(), all - 20 * kMebibyte);
  const MemoryForecast chunked = forecast(paged.all() - kMebibyte);
  EXPECT_NE(chunked.fitted.find("chunk_tokens "), std::string::npos) << chunked.fitted;
  EXPECT_LE(chunked.all(), paged.all() - kMebibyte);
  options.chunk_tokens = 256;
  options.memory.paged_moments = true;
  EXPECT_EQ(forecast(forecast(0).all() - 10 * kMebibyte).fitted, "checkpointing");
  options.memory.budget = kMebibyte;
  const auto refused = Trainer::make(options, data, {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
  EXPECT_NE(refused.error().message.find("there are 1 (memory_budget)"), std::string::npos) << refused.error().message;
  EXPECT_NE(refused.error().message.find("optimizer"), std::string::npos);
}

TEST(QLora, RefusesWhatDoesNotFit) {
  const test::TemporaryDirectory directory;
  const auto refused = [&](auto change) {
    TrainingOptions options = lora_run(directory.path());
    change(options);
    const auto trainer = Trainer::make(options, word_pairs(), {});
    return trainer ? std::string("accepted") : trainer.error().message;
  };
  EXPECT_EQ(refused([](TrainingOptions& o) { o.lora.rank = 2000; }), "lora.rank: found 2000, expected 1 to 1024");
  EXPECT_EQ(refused([](TrainingOptions& o) { o.lora.alpha = 0; }), "lora.alpha: found 0, expected a number above 0");
  EXPECT_EQ(refused([](TrainingOptions& o) { o.lora.dropout = 1; }), "lora.dropout: found 1, expected 0 to below 1");
  EXPECT_NE(refused([](TrainingOptions& o) { o.lora.base = WeightPrecision::kMixed; }).find("lora.base: expected nf4"),
            std::string::npos);
  EXPECT_NE(refused([](TrainingOptions& o) { o.weights = WeightPrecision::kInt4; }).find("lora: adapters are trained over frozen"),
            std::string::npos);
}

}  // namespace
}  // namespace orthant
