// Adapters beside a model: as the real peft package applies them (scripts/make_golden_adapters.py), over weights of few bits, and
// what is said about those that do not fit.

#include "encoder/model/lora_adapters.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <simdjson.h>

#include "base/npy.h"
#include "base/whole_file.h"
#include "encoder/encoder.h"
#include "encoder/model/model_files.h"
#include "encoder/model/safetensors_writer.h"
#include "encoder/model/transformer.h"
#include "encoder/quantize/convert_weights.h"
#include "encoder/quantize/quantized_folder.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(ORTHANT_SOURCE_DIR) / "tests" / "encoder" / "golden";
const std::string kQuery = "base_model.model.encoder.layer.1.attention.self.query";

class Adapters : public testing::Test {
 protected:
  // A copy of the tiny model with these adapters beside it.
  fs::path with(const std::string& adapters) {
    const fs::path folder = directory_.path() / adapters;
    fs::copy(kGolden / "models" / "cls", folder, fs::copy_options::recursive);
    for (const std::string_view name : {kAdapterConfigName, kAdapterWeightsName}) {
      fs::copy_file(kGolden / "adapters" / adapters / name, folder / name);
    }
    return folder;
  }
  static std::unique_ptr<Encoder> load(const fs::path& folder, WeightPrecision weights = WeightPrecision::kAuto) {
    EncoderOptions options;
    options.weights = weights;
    return std::move(Encoder::load(folder, options).value());
  }
  static Error error_of(const fs::path& folder) {
    const auto encoder = Encoder::load(folder, {});
    return encoder ? Error{ErrorCode::kInternal, "accepted"} : encoder.error();
  }
  static void replace_in(const fs::path& file, const std::string& from, const std::string& to) {
    std::string text = read_whole_file(file).value();
    ASSERT_NE(text.find(from), std::string::npos);
    text.replace(text.find(from), from.size(), to);
    ASSERT_TRUE(write_whole_file(file, text).has_value());
  }

  test::TemporaryDirectory directory_;
};

TEST_F(Adapters, GiveTheEmbeddingsOfPeft) {
  simdjson::dom::parser parser;
  std::vector<std::string_view> texts;
  for (simdjson::dom::element text : parser.load((kGolden / "models" / "texts.json").string()).get_array()) {
    texts.push_back(text.get_string().value());
  }
  for (const std::string name : {"attention", "all"}) {
    SCOPED_TRACE(name);
    const fs::path folder = with(name);
    const auto expected = read_npy_floats(kGolden / "adapters" / name / "expected.npy");
    ASSERT_TRUE(expected.has_value());
    const EmbeddingMatrix found = load(folder)->encode(texts, {}).value().embeddings;
    ASSERT_EQ(found.values.size(), expected->values.size());
    double change = 0;
    const EmbeddingMatrix without = load(kGolden / "models" / "cls")->encode(texts, {}).value().embeddings;
    for (std::size_t i = 0; i < found.values.size(); ++i) {
      EXPECT_NEAR(found.values[i], expected->values[i], 1e-4);
      change = std::max<double>(change, std::abs(without.values[i] - found.values[i]));
    }
    EXPECT_GT(change, 0.05);
  }
}

TEST_F(Adapters, BelongToTheIdentity) {
  const std::string base = load(kGolden / "models" / "cls")->info().model_sha256;
  const fs::path folder = with("all");
  const std::string adapted = load(folder)->info().model_sha256;
  EXPECT_NE(adapted, base);
  EXPECT_EQ(adapted.size(), base.size());
  EXPECT_EQ(load(folder)->info().model_sha256, adapted);
  replace_in(folder / kAdapterConfigName, "\"lora_alpha\": 16", "\"lora_alpha\": 17");
  EXPECT_NE(load(folder)->info().model_sha256, adapted);
}

std::vector<float> hidden_states(const Transformer& model) {
  const std::vector<std::uint32_t> ids = {2, 7, 1, 9, 3, 5};
  const std::vector<TokenSequence> sequences = {{.ids = ids}};
  Workspace workspace;
  const auto states = model.forward(sequences, workspace).value();
  return {states.begin(), states.end()};
}

// The codes of the base stay those of the model without adapters: the sum of a decoded layer and its update is what is computed.
TEST_F(Adapters, StayBesideWeightsOfFourBits) {
  const fs::path folder = with("all");
  const ModelFiles files = read_model_files(folder).value();
  const auto transformer = [&](WeightPrecision precision) {
    return Transformer::load(SafeTensors::open(folder / "model.safetensors").value(), files.transformer, precision, cpu_level())
        .value();
  };
  const Transformer plain = Transformer::load(SafeTensors::open(kGolden / "models" / "cls" / "model.safetensors").value(),
                                              files.transformer, WeightPrecision::kFloat32, cpu_level())
                                .value();
  const LoraAdapters adapters = LoraAdapters::open_if_there(folder).value().value();
  EXPECT_EQ(transformer(WeightPrecision::kInt4).precision(), WeightPrecision::kInt4);
  const WeightPrecision precision = WeightPrecision::kNf4;
  const Transformer held = transformer(precision);
  EXPECT_EQ(held.precision(), precision);
  Transformer sums = transformer(WeightPrecision::kFloat32);
  Transformer rounded = transformer(WeightPrecision::kFloat32);
  for (std::size_t i = 0; i < sums.linears().size(); ++i) {
    const LinearWeights codes = convert_weights(plain.linear_weights(i).value(), precision);
    sums.replace_linear(i, with_update(codes, adapters.update_for(sums.linear_tensors(i), sums.prefix()).value().value()));
    rounded.replace_linear(i, convert_weights(sums.linear_weights(i).value(), precision));
  }
  const std::vector<float> found = hidden_states(held);
  const std::vector<float> expected = hidden_states(sums);
  const std::vector<float> other = hidden_states(rounded);
  double error = 0;
  double distance = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    error = std::max<double>(error, std::abs(found[i] - expected[i]));
    distance = std::max<double>(distance, std::abs(other[i] - expected[i]));
  }
  EXPECT_LT(error, 1e-4);
  EXPECT_GT(distance, 10 * 1e-4);
}

// Merged weights are what quantizers see.
TEST_F(Adapters, AreAddedToTheWeightsThatQuantizersRead) {
  const fs::path folder = with("attention");
  const ModelFiles files = read_model_files(folder).value();
  const Transformer model = Transformer::load(SafeTensors::open(folder / "model.safetensors").value(), files.transformer,
                                              WeightPrecision::kNf4, cpu_level())
                                .value();
  const SafeTensors base = SafeTensors::open(folder / "model.safetensors").value();
  const SafeTensors adapters = SafeTensors::open(folder / kAdapterWeightsName).value();
  const std::array square = {std::size_t{16}, std::size_t{16}};
  const std::array down_shape = {std::size_t{4}, std::size_t{16}};
  const std::array up_shape = {std::size_t{16}, std::size_t{4}};
  const std::vector<float> fused = dequantize(model.linear_weights(4).value());
  for (const std::size_t part : {0, 1, 2}) {
    const std::string name = std::array{"query", "key", "value"}[part];
    const auto weight = base.read_floats(model.prefix() + "encoder.layer.1.attention.self." + name + ".weight", square).value();
    const std::string stored = "base_model.model.encoder.layer.1.attention.self." + name;
    const bool adapted = name != "key";
    const auto down = adapted ? adapters.read_floats(stored + ".lora_A.weight", down_shape).value() : std::vector<float>(64);
    const auto up = adapted ? adapters.read_floats(stored + ".lora_B.weight", up_shape).value() : std::vector<float>(64);
    for (std::size_t row = 0; row < 16; ++row) {
      for (std::size_t column = 0; column < 16; ++column) {
        double expected = weight[row * 16 + column];
        for (std::size_t k = 0; k < 4; ++k) expected += 8.0 / 4.0 * up[row * 4 + k] * down[k * 16 + column];
        EXPECT_NEAR(fused[(part * 16 + row) * 16 + column], expected, 1e-5);
      }
    }
  }
}

TEST_F(Adapters, AreInTheWeightsOfAQuantizedFolderAndNotBesideThem) {
  const fs::path folder = with("all");
  const ModelFiles files = read_model_files(folder).value();
  const Transformer model = Transformer::load(SafeTensors::open(folder / "model.safetensors").value(), files.transformer,
                                              WeightPrecision::kFloat32, cpu_level())
                                .value();
  std::vector<LinearWeights> layers;
  for (std::size_t i = 0; i < model.linears().size(); ++i) layers.push_back(model.linear_weights(i).value());
  const fs::path target = directory_.path() / "quantized";
  ASSERT_TRUE(write_quantized_folder(model, folder, layers, EmbeddingForm::kAsStored, target).has_value());
  EXPECT_FALSE(fs::exists(target / kAdapterConfigName));
  EXPECT_FALSE(fs::exists(target / kAdapterWeightsName));
  const std::vector<std::string_view> texts = {"a river", "the bridge stands over cold water ."};
  const EmbeddingMatrix expected = load(folder)->encode(texts, {}).value().embeddings;
  const EmbeddingMatrix found = load(target)->encode(texts, {}).value().embeddings;
  for (std::size_t i = 0; i < expected.values.size(); ++i) EXPECT_NEAR(found.values[i], expected.values[i], 1e-5);
}

TEST_F(Adapters, ThatDoNotFitAreNamed) {
  const fs::path folder = with("attention");
  const fs::path config = folder / kAdapterConfigName;
  const fs::path weights = folder / kAdapterWeightsName;
  const std::string stated = read_whole_file(config).value();
  const std::string bytes = read_whole_file(weights).value();

  replace_in(config, "\"use_dora\": false", "\"use_dora\": true");
  EXPECT_EQ(error_of(folder).message, config.string() + ": use_dora: not supported: expected plain LoRA");
  ASSERT_TRUE(write_whole_file(config, stated).has_value());
  replace_in(config, "\"LORA\"", "\"IA3\"");
  EXPECT_EQ(error_of(folder).message, config.string() + ": peft_type: found IA3, expected LORA");
  ASSERT_TRUE(write_whole_file(config, stated).has_value());
  replace_in(config, "\"lora_alpha\": 8", "\"lora_alpha\": \"much\"");
  EXPECT_NE(error_of(folder).message.find("lora_alpha"), std::string::npos) << error_of(folder).message;
  ASSERT_TRUE(write_whole_file(config, stated).has_value());

  const std::vector<float> values(16 * 5);
  const auto write = [&](const std::string& name, std::vector<std::size_t> down, std::vector<std::size_t> up) {
    SafeTensorsWriter writer;
    writer.add(name + ".lora_A.weight", "F32", down, {reinterpret_cast<const std::uint8_t*>(values.data()), down[0] * down[1] * 4});
    writer.add(name + ".lora_B.weight", "F32", up, {reinterpret_cast<const std::uint8_t*>(values.data()), up[0] * up[1] * 4});
    ASSERT_TRUE(writer.write(weights).has_value());
  };
  write(kQuery, {4, 16}, {16, 5});
  EXPECT_EQ(error_of(folder).code, ErrorCode::kDataCorruption);
  EXPECT_NE(error_of(folder).message.find(weights.string()), std::string::npos);
  EXPECT_NE(error_of(folder).message.find("query.lora_B"), std::string::npos) << error_of(folder).message;
  write("base_model.model.encoder.layer.7.attention.self.query", {4, 16}, {16, 4});
  EXPECT_NE(error_of(folder).message.find("layer.7.attention.self.query.lora_A.weight\" belongs to no linear layer"),
            std::string::npos)
      << error_of(folder).message;
  write(kQuery, {4, 16}, {16, 4});
  EXPECT_EQ(error_of(folder).message, "accepted");
  fs::rename(folder / "model.safetensors", folder / "elsewhere");
  EXPECT_EQ(error_of(folder).code, ErrorCode::kNotFound);
  EXPECT_NE(error_of(folder).message.find("there are adapters alone"), std::string::npos) << error_of(folder).message;
  fs::rename(folder / "elsewhere", folder / "model.safetensors");
  ASSERT_TRUE(write_whole_file(weights, bytes.substr(0, bytes.size() - 8)).has_value());
  EXPECT_EQ(error_of(folder).code, ErrorCode::kDataCorruption);
  fs::remove(weights);
  EXPECT_EQ(error_of(folder).code, ErrorCode::kNotFound);
  EXPECT_NE(error_of(folder).message.find(weights.string()), std::string::npos);
}

}  // namespace
}  // namespace orthant
