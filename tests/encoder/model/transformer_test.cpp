// What quantizers do with a model: list its linear layers, read them, replace them, see their inputs. And what is refused.

#include "encoder/model/transformer.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "encoder/quantize/convert_weights.h"
#include "tests/support/paths.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(ORTHANT_SOURCE_DIR) / "tests" / "encoder" / "golden";
const std::vector<std::uint32_t> kIds = {4, 17, 80, 5, 33, 61};

Transformer load(const std::string& name, WeightPrecision precision = WeightPrecision::kAuto) {
  const fs::path folder = kGolden / name;
  return std::move(Transformer::load(std::move(SafeTensors::open(folder / "model.safetensors").value()),
                                     read_transformer_config(folder).value(), precision, CpuLevel::kPortable)
                       .value());
}

std::vector<float> states(const Transformer& model) {
  Workspace workspace;
  const TokenSequence sequence{kIds};
  const std::span<const float> hidden = model.forward(std::span(&sequence, 1), workspace).value();
  return {hidden.begin(), hidden.end()};
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double product = 0;
  double a_squares = 0;
  double b_squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    product += static_cast<double>(a[i]) * b[i];
    a_squares += static_cast<double>(a[i]) * a[i];
    b_squares += static_cast<double>(b[i]) * b[i];
  }
  return product / std::sqrt(a_squares * b_squares);
}

TEST(Transformer, NamesItsLinearLayers) {
  const Transformer bert = load("architectures/bert");
  ASSERT_EQ(bert.linears().size(), 8U);
  EXPECT_EQ(bert.linears()[0].name, "encoder.layer.0.attention.query_key_value");
  EXPECT_EQ(bert.linears()[0].outputs, 72U);
  EXPECT_EQ(bert.linears()[0].inputs, 24U);
  EXPECT_EQ(bert.linears()[0].precision, WeightPrecision::kFloat32);
  EXPECT_EQ(bert.linears()[7].name, "encoder.layer.1.output.dense");
  EXPECT_EQ(bert.linear_bias(0).size(), 72U);
  const Transformer qwen = load("architectures/qwen3");
  EXPECT_EQ(qwen.linears()[2].name, "layers.0.mlp.gate_up");
  EXPECT_EQ(qwen.linears()[2].outputs, 40U);
  EXPECT_TRUE(qwen.linear_bias(2).empty());
}

TEST(Transformer, StacksProjectionsInTheOrderQueryKeyValue) {
  const Transformer model = load("architectures/qwen3");
  const std::vector<float> fused = dequantize(model.linear_weights(0).value());
  std::vector<float> expected;
  for (const auto& [part, outputs] : {std::pair("q_proj", 60U), std::pair("k_proj", 20U), std::pair("v_proj", 20U)}) {
    const std::array<std::size_t, 2> shape = {outputs, 24};
    const auto values = model.weights().read_floats("layers.0.self_attn." + std::string(part) + ".weight", shape).value();
    expected.insert(expected.end(), values.begin(), values.end());
  }
  EXPECT_EQ(fused, expected);
}

TEST(Transformer, HoldsThePrecisionThatConfigStates) {
  const fs::path folder = kGolden / "architectures" / "bert";  // bfloat16 in the file, float32 in config.json
  EXPECT_EQ(load("architectures/bert").precision(), WeightPrecision::kFloat32);
  for (const WeightPrecision stated : {WeightPrecision::kBfloat16, WeightPrecision::kFloat16, WeightPrecision::kAuto}) {
    TransformerConfig config = read_transformer_config(folder).value();
    config.stored_precision = stated;
    const auto model = Transformer::load(std::move(SafeTensors::open(folder / "model.safetensors").value()), config,
                                         WeightPrecision::kAuto, CpuLevel::kPortable);
    ASSERT_TRUE(model.has_value()) << model.error().message;
    EXPECT_EQ(model->precision(), stated == WeightPrecision::kAuto ? WeightPrecision::kBfloat16 : stated);
    EXPECT_GE(cosine(states(*model), states(load("architectures/bert"))), 0.99999);
  }
}

TEST(Transformer, PacksThePrecisionThatIsAskedFor) {
  const std::vector<float> expected = states(load("architectures/modernbert"));
  for (const WeightPrecision precision : {WeightPrecision::kInt8, WeightPrecision::kInt4, WeightPrecision::kNf4}) {
    const Transformer model = load("architectures/modernbert", precision);
    EXPECT_EQ(model.linears()[0].precision, precision);
    EXPECT_GE(cosine(states(model), expected), precision == WeightPrecision::kInt8 ? 0.99 : 0.8);
    EXPECT_LT(cosine(states(model), expected), 0.9999999);
  }
}

TEST(Transformer, RunsReplacedLayers) {
  Transformer model = load("architectures/bert");
  const std::vector<float> expected = states(model);
  const LinearWeights original = convert_weights(model.linear_weights(2).value(), WeightPrecision::kFloat32);
  model.replace_linear(2, convert_weights(original, WeightPrecision::kInt4));
  EXPECT_EQ(model.linears()[2].precision, WeightPrecision::kInt4);
  EXPECT_EQ(model.precision(), WeightPrecision::kMixed);
  EXPECT_NE(states(model), expected);
  model.replace_linear(2, original);
  EXPECT_EQ(model.precision(), WeightPrecision::kFloat32);
  EXPECT_EQ(states(model), expected);
}

class CountingObserver final : public LinearObserver {
 public:
  void observe(std::size_t linear, std::size_t rows, const float* input) override {
    rows_[linear] += rows;
    if (linear == 0) first_ = input[0];
  }
  std::map<std::size_t, std::size_t> rows_;
  float first_ = 0;
};

TEST(Transformer, ShowsTheInputsOfEveryLayer) {
  const Transformer model = load("architectures/bert");
  Workspace workspace;
  CountingObserver observer;
  workspace.observer = &observer;
  const std::vector<TokenSequence> sequences(50, TokenSequence{kIds});  // more than one block of the feed-forward rows
  ASSERT_TRUE(model.forward(sequences, workspace).has_value());
  ASSERT_EQ(observer.rows_.size(), 8U);
  for (const auto& [linear, rows] : observer.rows_) EXPECT_EQ(rows, 300U) << linear;
  EXPECT_NE(observer.first_, 0.0F);
}

TEST(Transformer, RefusesIdsThatTheModelLacks) {
  const Transformer model = load("architectures/bert");
  Workspace workspace;
  const auto refusal = [&](const TokenSequence& sequence) {
    const auto hidden = model.forward(std::span(&sequence, 1), workspace);
    return hidden ? std::string("accepted") : hidden.error().message;
  };
  const std::vector<std::uint32_t> high = {4, 90};
  EXPECT_NE(refusal({high}).find("token id 90"), std::string::npos);
  const std::vector<std::uint32_t> many(65, 4);
  EXPECT_NE(refusal({many}).find("65 tokens: expected 1 to 64"), std::string::npos);
  EXPECT_NE(refusal({}).find("0 tokens"), std::string::npos);
  const std::vector<std::uint8_t> types = {0, 2, 0, 0, 0, 0};
  EXPECT_NE(refusal({kIds, types}).find("type ids up to 2"), std::string::npos);
  EXPECT_NE(refusal({kIds, std::span(types).first(3)}).find("for 6 tokens"), std::string::npos);
}

}  // namespace
}  // namespace orthant
