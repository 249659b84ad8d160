// The door of encoder/quantize on a small model with random weights: what is measured, chosen, given back and written.

#include "encoder/quantize/quantize.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "encoder/calibration_texts.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

using Folder = std::filesystem::path;

Folder small_model() {
  return Folder(ORTHANT_SOURCE_DIR) / "tests/encoder/golden/models/cls";
}

std::vector<std::string> texts(std::size_t count) {
  std::vector<std::string> some;
  for (const std::string_view text : calibration_texts()) some.emplace_back(text);
  some.resize(std::min(count, some.size()));
  return some;
}

LayerScheme scheme_of(WeightPrecision precision) {
  return {.precision = precision, .gptq = precision == WeightPrecision::kInt4, .group_size = 32};
}

std::unique_ptr<ModelQuantizer> quantizer_with(std::size_t text_count = 60) {
  QuantizerOptions options;
  options.folder = small_model();
  options.name = "small";
  options.texts = texts(text_count);
  for (const auto precision : {WeightPrecision::kBfloat16, WeightPrecision::kInt8, WeightPrecision::kInt4}) {
    options.schemes.push_back(scheme_of(precision));
  }
  auto quantizer = ModelQuantizer::load(std::move(options), nullptr);
  if (!quantizer) throw std::runtime_error(quantizer.error().message);
  return *std::move(quantizer);
}

std::size_t linear_bytes(const ModelQuantizer& quantizer) {
  std::size_t sum = 0;
  for (const LayerReport& layer : quantizer.layers()) sum += layer.memory_bytes;
  return sum;
}

TEST(ModelQuantizer, HarmsOfSingleLayersAddUpToThatOfAll) {
  const auto quantizer = quantizer_with();
  ASSERT_TRUE(quantizer->choose_everywhere(WeightPrecision::kInt4, {}));
  const std::vector<LayerReport> layers = quantizer->layers();
  ASSERT_EQ(layers.size(), 8U);  // four a block
  double distance = 0;
  double sensitivity = 0;
  for (const LayerReport& layer : layers) {
    EXPECT_EQ(layer.scheme.precision, WeightPrecision::kInt4);
    EXPECT_GT(layer.shift.mean_distance, 0) << layer.name;
    EXPECT_GT(layer.error.rounding, 0) << layer.name;
    EXPECT_GT(layer.sensitivity, 0) << layer.name;
    distance += layer.shift.mean_distance;
    sensitivity += layer.sensitivity;
  }
  EXPECT_NEAR(sensitivity, 1, 1e-9);
  const double whole = quantizer->shift().value().mean_distance;
  EXPECT_GT(whole, 0.5 * distance);
  EXPECT_LT(whole, 2 * distance);
}

TEST(ModelQuantizer, FewerBitsDoMoreHarm) {
  const auto quantizer = quantizer_with();
  EXPECT_NEAR(quantizer->shift().value().mean_distance, 0, 1e-6);
  double before = 1e-7;
  for (const auto precision : {WeightPrecision::kBfloat16, WeightPrecision::kInt8, WeightPrecision::kInt4}) {
    ASSERT_TRUE(quantizer->choose_everywhere(precision, {}));
    const double distance = quantizer->shift().value().mean_distance;
    EXPECT_GT(distance, before) << weight_precision_name(precision);
    before = distance;
  }
}

TEST(ModelQuantizer, AMemoryBudgetIsKept) {
  const auto quantizer = quantizer_with();
  const std::size_t whole = quantizer->float_figures().linear_bytes;
  double before = 0;
  for (const double share : {0.6, 0.45, 0.35}) {
    const Budget budget{.kind = Budget::Kind::kMemory, .share = share, .bytes = {}};
    std::size_t reported = 0;
    ASSERT_TRUE(quantizer->choose_by_budget(std::span(&budget, 1), [&](std::size_t done, std::size_t) { reported = done; }));
    EXPECT_EQ(reported, before == 0 ? 32U : 0U);  // measured once
    EXPECT_LE(linear_bytes(*quantizer), share * static_cast<double>(whole));
    EXPECT_EQ(quantizer->figures().value().linear_bytes, linear_bytes(*quantizer));
    const double distance = quantizer->shift().value().mean_distance;
    EXPECT_GT(distance, before);
    before = distance;
  }
}

TEST(ModelQuantizer, ABudgetThatCannotBeMetIsRefused) {
  const auto quantizer = quantizer_with();
  const Budget budget{.kind = Budget::Kind::kMemory, .share = 0.01, .bytes = {}};
  const Status chosen = quantizer->choose_by_budget(std::span(&budget, 1), {});
  ASSERT_FALSE(chosen);
  EXPECT_EQ(chosen.error().code, ErrorCode::kFailedPrecondition);
}

TEST(ModelQuantizer, ALatencyBudgetCountsTheWholeModel) {
  const auto quantizer = quantizer_with();
  const Budget generous{.kind = Budget::Kind::kLatency, .share = 50.0, .bytes = {}};
  ASSERT_TRUE(quantizer->choose_by_budget(std::span(&generous, 1), {}));
  EXPECT_NEAR(quantizer->shift().value().mean_distance, 0, 1e-6);  // nothing had to be given up
  const Budget impossible{.kind = Budget::Kind::kLatency, .share = 0.001, .bytes = {}};
  EXPECT_FALSE(quantizer->choose_by_budget(std::span(&impossible, 1), {}));
}

TEST(ModelQuantizer, StepsBackFromTheLayerOfMostHarmUntilNothingIsLost) {
  const auto quantizer = quantizer_with();
  ASSERT_TRUE(quantizer->choose_everywhere(WeightPrecision::kInt4, {}));
  const auto layers = quantizer->layers();
  const auto most = std::ranges::max_element(layers, {}, &LayerReport::sensitivity);
  const double at_first = quantizer->shift().value().mean_distance;
  const auto first = quantizer->step_back({}).value();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->layer, most->name);
  EXPECT_EQ(first->from, WeightPrecision::kInt4);
  EXPECT_EQ(first->to, WeightPrecision::kInt8);
  EXPECT_LT(quantizer->shift().value().mean_distance, at_first);
  std::size_t steps = 1;
  while (quantizer->step_back({}).value()) ++steps;
  EXPECT_EQ(steps, 8U * 3);  // int4, int8, bfloat16, float32
  EXPECT_NEAR(quantizer->shift().value().mean_distance, 0, 1e-6);
}

TEST(ModelQuantizer, StepsBackOnlyAsFarAsTheBudgetAllows) {
  const auto quantizer = quantizer_with();
  const Budget budget{.kind = Budget::Kind::kMemory, .share = 0.5, .bytes = {}};
  ASSERT_TRUE(quantizer->choose_everywhere(WeightPrecision::kInt4, {}));
  while (quantizer->step_back(std::span(&budget, 1)).value()) {
    EXPECT_LE(linear_bytes(*quantizer), 0.5 * static_cast<double>(quantizer->float_figures().linear_bytes));
  }
  EXPECT_GT(quantizer->shift().value().mean_distance, 1e-6);
}

TEST(ModelQuantizer, APlanIsFollowedLayerByLayer) {
  const auto quantizer = quantizer_with();
  const std::string named = [&] {
    EXPECT_TRUE(quantizer->choose_everywhere(WeightPrecision::kInt8, {}));
    return quantizer->layers()[3].name;
  }();
  const std::vector<std::pair<std::string, LayerScheme>> plan = {{named, scheme_of(WeightPrecision::kNf4)}};
  ASSERT_TRUE(quantizer->choose_plan(plan, {}));
  const auto layers = quantizer->layers();
  for (const LayerReport& layer : layers) {
    EXPECT_EQ(layer.scheme.precision, layer.name == named ? WeightPrecision::kNf4 : WeightPrecision::kFloat32);
  }
  const std::vector<std::pair<std::string, LayerScheme>> wrong = {{"no.such.layer", scheme_of(WeightPrecision::kInt8)}};
  const Status refused = quantizer->choose_plan(wrong, {});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("no.such.layer"), std::string::npos);
}

TEST(ModelQuantizer, WritesAFolderThatGivesTheSameEmbeddings) {
  const auto quantizer = quantizer_with();
  const Budget budget{.kind = Budget::Kind::kMemory, .share = 0.4, .bytes = {}};
  ASSERT_TRUE(quantizer->choose_by_budget(std::span(&budget, 1), {}));
  const test::TemporaryDirectory directory;
  const Folder target = directory.path() / "quantized";
  ASSERT_TRUE(quantizer->write(EmbeddingForm::kAsStored, target));
  const auto loaded = Encoder::load(target, {});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ((*loaded)->info().weight_precision, "mixed");
  const std::vector<std::string> some = texts(20);
  const std::vector<std::string_view> views(some.begin(), some.end());
  const EmbeddingMatrix wanted = quantizer->embed(some, Purpose::kDocument).value();
  const EmbeddingMatrix found = (*loaded)->encode(views, {}).value().embeddings;
  ASSERT_EQ(found.values.size(), wanted.values.size());
  for (std::size_t i = 0; i < found.values.size(); ++i) ASSERT_NEAR(found.values[i], wanted.values[i], 1e-5) << i;
  // Once is enough.
  QuantizerOptions again;
  again.folder = target;
  again.texts = some;
  again.schemes = {scheme_of(WeightPrecision::kInt8)};
  const auto refused = ModelQuantizer::load(std::move(again), nullptr);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kFailedPrecondition);
}

TEST(ModelQuantizer, CalibratesAndMeasuresOnDifferentTextsWhereThereAreEnough) {
  const auto few = quantizer_with(60);
  EXPECT_EQ(few->calibration_texts(), 60U);
  EXPECT_EQ(few->measured_texts(), 60U);
  const auto many = quantizer_with(240);
  EXPECT_EQ(many->calibration_texts(), 128U);
  EXPECT_EQ(many->measured_texts(), 112U);
}

TEST(ModelQuantizer, TooFewTextsAreRefused) {
  QuantizerOptions options;
  options.folder = small_model();
  options.texts = texts(5);
  options.schemes = {scheme_of(WeightPrecision::kInt8)};
  const auto quantizer = ModelQuantizer::load(std::move(options), nullptr);
  ASSERT_FALSE(quantizer);
  EXPECT_EQ(quantizer.error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace orthant
