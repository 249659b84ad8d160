// Quantized model folders: what is written loads like any other model and computes the same; broken ones give clear errors.

#include "encoder/quantize/quantized_folder.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "encoder/encoder.h"
#include "encoder/model/model_files.h"
#include "encoder/model/quantized_tensors.h"
#include "encoder/quantize/convert_weights.h"
#include "tests/support/random.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

const fs::path kModels = fs::path(ORTHANT_SOURCE_DIR) / "tests" / "encoder" / "golden" / "models";

Transformer load_transformer(const fs::path& folder) {
  const ModelFiles files = read_model_files(folder).value();
  SafeTensors weights = SafeTensors::open(files.transformer_folder / "model.safetensors").value();
  return Transformer::load(std::move(weights), files.transformer, WeightPrecision::kAuto, cpu_level()).value();
}

// One layer after the other in the next precision.
std::vector<LinearWeights> quantized_layers(const Transformer& model) {
  constexpr WeightPrecision kInTurn[] = {WeightPrecision::kInt8,    WeightPrecision::kInt4,    WeightPrecision::kNf4,
                                         WeightPrecision::kFloat16, WeightPrecision::kFloat32, WeightPrecision::kBfloat16};
  std::vector<LinearWeights> layers;
  for (std::size_t i = 0; i < model.linears().size(); ++i) {
    layers.push_back(convert_weights(model.linear_weights(i).value(), kInTurn[i % std::size(kInTurn)]));
    const bool integer = layers.back().precision() == WeightPrecision::kInt8 || layers.back().precision() == WeightPrecision::kInt4;
    if (integer && i % 2 == 0) layers.back().activation_step = 0.25F;
  }
  return layers;
}

std::vector<float> hidden_states(const Transformer& model) {
  const std::vector<std::uint32_t> ids = {2, 7, 1, 9, 3, 5};
  const std::vector<TokenSequence> sequences = {{.ids = ids}};
  Workspace workspace;
  const auto states = model.forward(sequences, workspace).value();
  return {states.begin(), states.end()};
}

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

class QuantizedFolder : public testing::Test {
 protected:
  Status write(const fs::path& source, const fs::path& target, EmbeddingForm form = EmbeddingForm::kAsStored) {
    const Transformer model = load_transformer(source);
    return write_quantized_folder(model, source, quantized_layers(model), form, target);
  }
  fs::path path(const char* name) const { return directory_.path() / name; }

  test::TemporaryDirectory directory_;
};

TEST_F(QuantizedFolder, LoadsAndComputesTheSame) {
  for (const char* name : {"cls", "dense_half", "max_bfloat"}) {
    Transformer model = load_transformer(kModels / name);
    const std::vector<LinearWeights> layers = quantized_layers(model);
    const Status written = write_quantized_folder(model, kModels / name, layers, EmbeddingForm::kAsStored, path(name));
    ASSERT_TRUE(written) << written.error().message;
    for (std::size_t i = 0; i < layers.size(); ++i) model.replace_linear(i, layers[i]);
    const Transformer loaded = load_transformer(path(name));
    EXPECT_EQ(hidden_states(loaded), hidden_states(model)) << name;
    ASSERT_EQ(loaded.linears().size(), layers.size());
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const LinearWeights read = loaded.linear_weights(i).value();
      EXPECT_EQ(loaded.linears()[i].precision, layers[i].precision());
      EXPECT_EQ(read.input, layers[i].input);
      EXPECT_EQ(read.activation_step, layers[i].activation_step);
      EXPECT_EQ(dequantize(read), dequantize(layers[i]));
    }
    EXPECT_EQ(loaded.precision(), WeightPrecision::kMixed);
  }
}

TEST_F(QuantizedFolder, IsAModelForTheEncoder) {
  const std::vector<std::string_view> texts = {"a text", "another one"};
  for (const EmbeddingForm form : {EmbeddingForm::kAsStored, EmbeddingForm::kFloat16, EmbeddingForm::kInt8}) {
    const fs::path target = path("out") / std::to_string(static_cast<int>(form));
    const Status written = write(kModels / "dense_half", target, form);
    ASSERT_TRUE(written) << written.error().message;
    const auto original = Encoder::load(kModels / "dense_half", {}).value();
    const auto encoder = Encoder::load(target, {});
    ASSERT_TRUE(encoder) << encoder.error().message;
    EXPECT_EQ((*encoder)->info().weight_precision, "mixed");
    EXPECT_NE((*encoder)->info().model_sha256, original->info().model_sha256);
    EXPECT_EQ((*encoder)->info().parameter_count, original->info().parameter_count);
    EXPECT_LT((*encoder)->info().memory_bytes, original->info().memory_bytes);
    EXPECT_EQ((*encoder)->tokenize("a text", Purpose::kQuery).ids, original->tokenize("a text", Purpose::kQuery).ids);
    const auto expected = original->encode(texts, {}).value();
    const auto found = (*encoder)->encode(texts, {}).value();
    for (std::size_t i = 0; i < texts.size(); ++i) {
      double dot = 0;
      double lengths[2] = {};
      for (std::size_t j = 0; j < expected.embeddings.dim; ++j) {
        dot += static_cast<double>(expected.embeddings.row(i)[j]) * found.embeddings.row(i)[j];
        lengths[0] += static_cast<double>(expected.embeddings.row(i)[j]) * expected.embeddings.row(i)[j];
        lengths[1] += static_cast<double>(found.embeddings.row(i)[j]) * found.embeddings.row(i)[j];
      }
      EXPECT_GT(dot / std::sqrt(lengths[0] * lengths[1]), 0.95);
    }
    const auto as_float = Encoder::load(target, {.name = "", .max_seq_length = 0, .weights = WeightPrecision::kFloat32});
    EXPECT_EQ((*as_float)->info().weight_precision, "float32");
    EXPECT_TRUE(Encoder::load(target, {.name = "", .max_seq_length = 0, .weights = WeightPrecision::kMixed}));
  }
}

TEST_F(QuantizedFolder, TakesWhatBelongsToTheModelAlong) {
  fs::copy(kModels / "dense_half", path("source"), fs::copy_options::recursive);
  fs::create_directories(path("source") / "onnx");
  std::ofstream(path("source") / "onnx" / "model.json") << "{}";
  std::ofstream(path("source") / "pytorch_model.bin") << "old weights";
  std::ofstream(path("source") / "orthant-ranges-0123.npy") << "ranges of the float model";
  std::ofstream(path("source") / "README.md") << "about";
  const Status written = write(path("source"), path("target"));
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(text_of(path("target") / "README.md"), "about");
  EXPECT_EQ(text_of(path("target") / "tokenizer.json"), text_of(path("source") / "tokenizer.json"));
  EXPECT_EQ(text_of(path("target") / "2_Dense" / "model.safetensors"), text_of(path("source") / "2_Dense" / "model.safetensors"));
  for (const char* name : {"onnx", "pytorch_model.bin", "orthant-ranges-0123.npy"}) EXPECT_FALSE(fs::exists(path("target") / name));
  // Nothing is left beside it.
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_.path()), fs::directory_iterator()), 2);
}

TEST_F(QuantizedFolder, ReplacesNothingAndQuantizesNothingTwice) {
  fs::create_directories(path("taken"));
  std::ofstream(path("taken") / "file") << "mine";
  EXPECT_EQ(write(kModels / "cls", path("taken")).error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(text_of(path("taken") / "file"), "mine");
  ASSERT_TRUE(write(kModels / "cls", path("once")));
  const Status twice = write(path("once"), path("twice"));
  EXPECT_EQ(twice.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_FALSE(fs::exists(path("twice")));
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_.path()), fs::directory_iterator()), 2);
}

TEST_F(QuantizedFolder, SaysWhatIsWrongWithItsConfiguration) {
  ASSERT_TRUE(write(kModels / "cls", path("good")));
  const std::string config = text_of(path("good") / "config.json");
  const auto error_with = [&](const std::string& from, const std::string& to) {
    fs::remove_all(path("bad"));
    fs::copy(path("good"), path("bad"), fs::copy_options::recursive);
    std::string changed = config;
    const std::size_t place = changed.find(from);
    EXPECT_NE(place, std::string::npos) << from;
    changed.replace(place, from.size(), to);
    std::ofstream(path("bad") / "config.json") << changed;
    const auto loaded = Encoder::load(path("bad"), {});
    return loaded ? "loaded" : loaded.error().message;
  };
  const auto expect_error = [&](const std::string& from, const std::string& to, const std::string& piece) {
    const std::string message = error_with(from, to);
    EXPECT_NE(message.find(piece), std::string::npos) << message;
  };
  expect_error(R"("quant_method": "orthant")", R"("quant_method": "gptq")", "found \"gptq\", expected \"orthant\"");
  expect_error(R"("format_version": 1)", R"("format_version": 2)", "knows up to 1");
  expect_error(R"("format_version": 1)", R"("format_version": "1")", "format_version");
  expect_error(R"("precision": "int8")", R"("precision": "int2")", "float32, bfloat16, float16, int8, int4 or nf4");
  expect_error(R"("precision": "int8")", R"("precision": "int4")", "groups of 0 inputs");
  expect_error(R"("precision": "int8")", R"("precision": "nf4")", "is I8 of shape");
  expect_error(R"("precision": "float16")", R"("precision": "float16", "rotation_block": 8)", "are not transformed");
  expect_error(R"("precision": "float16")", R"("precision": "bfloat16")", "is F16 of shape");
  expect_error(R"("rotation_block": )", R"("rotation_block": 7)", "a power of two up to 128");
  expect_error(R"("input_factors": true)", R"("input_factors": 1)", "true or false");
  expect_error(R"("activations": "static")", R"("activations": "some")", "\"dynamic\" or \"static\"");
  expect_error(R"("encoder.layer.0.)", R"("encoder.layer.77.)", "attention.output.dense.weight\" is missing");
  expect_error(R"("layers": {)", R"("layers": {"other": {"precision": "int8"},)", "has quantized a layer \"other\"");
}

// Whatever the bytes are, loading ends, in a model or in an error with words. Sanitizers see the rest.
TEST_F(QuantizedFolder, SurvivesDamageOfEveryKind) {
  ASSERT_TRUE(write(kModels / "cls", path("good"), EmbeddingForm::kInt8));
  std::mt19937_64 generator(test::random_seed());
  const std::string tensors = text_of(path("good") / "model.safetensors");
  const std::string config = text_of(path("good") / "config.json");
  int refused = 0;
  for (int round = 0; round < 300; ++round) {
    std::string changed_tensors = tensors;
    std::string changed_config = config;
    std::string& changed = round % 3 == 0 ? changed_config : changed_tensors;
    // The header is where most of the meaning is.
    const std::size_t range = round % 3 == 1 ? std::min<std::size_t>(changed.size(), 6000) : changed.size();
    for (int i = 0; i < 1 + round % 4; ++i) changed[generator() % range] = static_cast<char>(generator());
    if (round % 7 == 0) changed.resize(generator() % changed.size());
    std::ofstream(path("good") / "model.safetensors", std::ios::binary | std::ios::trunc) << changed_tensors;
    std::ofstream(path("good") / "config.json", std::ios::binary | std::ios::trunc) << changed_config;
    const auto loaded = Encoder::load(path("good"), {});
    if (loaded) {
      const std::vector<std::string_view> texts = {"a text"};
      EXPECT_TRUE((*loaded)->encode(texts, {}));
    } else {
      EXPECT_FALSE(loaded.error().message.empty());
      ++refused;
    }
  }
  EXPECT_GT(refused, 100);
}

// The worked example of docs/storage_format.md.
TEST(QuantizedTensors, TakeTheBytesThatTheFormatStates) {
  LinearWeights layer{.outputs = 384, .inputs = 384, .data = FloatWeights{}, .input = {}, .activation_step = 0};
  std::get<FloatWeights>(layer.data).values.assign(std::size_t{384} * 384, 0.5F);
  layer = convert_weights(std::move(layer), WeightPrecision::kInt4);
  layer.input = random_rotation(384);
  test::TemporaryDirectory directory;
  SafeTensorsWriter writer;
  const std::vector<float> bias(384);
  add_layer_tensors(writer, "l", layer);
  writer.add("l.bias", "F32", {384}, bias);
  ASSERT_TRUE(writer.write(directory.path() / "layer.safetensors"));
  const SafeTensors file = SafeTensors::open(directory.path() / "layer.safetensors").value();
  std::size_t bytes = 0;
  for (const auto& [name, tensor] : file.tensors()) bytes += tensor.bytes.size();
  EXPECT_EQ(bytes, 88'320U);
  EXPECT_EQ(file.find("l.codes")->bytes.size(), 73'728U);
  // Values are aligned in the mapped file.
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file.find("l.scales")->bytes.data()) % alignof(float), 0U);
  const Int4Weights example{.group_size = 8, .codes = {0x9f, 0x30, 0, 0}, .scales = {0.01F}, .zero_points = {7}};
  const std::vector<float> values = dequantize({.outputs = 1, .inputs = 8, .data = example, .input = {}, .activation_step = 0});
  EXPECT_FLOAT_EQ(values[0], 0.08F);
  EXPECT_FLOAT_EQ(values[1], 0.02F);
  EXPECT_FLOAT_EQ(values[3], -0.04F);
}

TEST(QuantizedTensors, RefuseValuesThatNoLayerHas) {
  test::TemporaryDirectory directory;
  const fs::path file = directory.path() / "layer.safetensors";
  LinearWeights layer{.outputs = 2, .inputs = 16, .data = {}, .input = random_rotation(16), .activation_step = 0.5F};
  const auto message_of = [&](const LinearWeights& weights) {
    SafeTensorsWriter writer;
    const StoredLayer stored = add_layer_tensors(writer, "l", weights);
    EXPECT_TRUE(writer.write(file));
    const auto read = read_layer_tensors(SafeTensors::open(file).value(), "l", 2, 16, stored);
    return read ? "read" : read.error().message;
  };
  const Int8Weights good{.codes = std::vector<std::int8_t>(32, 1), .scales = {1, 1}};
  layer.data = good;
  EXPECT_EQ(message_of(layer), "read");
  LinearWeights changed = layer;
  std::get<Int8Weights>(changed.data).codes[3] = -128;
  EXPECT_NE(message_of(changed).find("codes from -127 to 127"), std::string::npos);
  changed = layer;
  std::get<Int8Weights>(changed.data).scales[1] = std::numeric_limits<float>::infinity();
  EXPECT_NE(message_of(changed).find("l.scales"), std::string::npos);
  changed = layer;
  changed.input.factors[5] = 0;
  EXPECT_NE(message_of(changed).find("l.input_factors"), std::string::npos);
  changed = layer;
  changed.activation_step = -1;
  EXPECT_NE(message_of(changed).find("l.activation_step"), std::string::npos);
  changed = layer;
  changed.data = Int4Weights{.group_size = 16, .codes = std::vector<std::uint8_t>(16), .scales = {1, 1}, .zero_points = {3, 16}};
  EXPECT_NE(message_of(changed).find("values from 0 to 15"), std::string::npos);
}

}  // namespace
}  // namespace orthant
