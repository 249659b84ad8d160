// Tiny models of every family against the hidden states that transformers gives (scripts/make_golden_architectures.py).

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>
#include <simdjson.h>

#include "base/cpu.h"
#include "base/npy.h"
#include "encoder/model/safetensors.h"
#include "encoder/model/transformer.h"
#include "encoder/model/transformer_config.h"
#include "tests/support/paths.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(ORTHANT_SOURCE_DIR) / "tests" / "encoder" / "golden" / "architectures";

struct OwnedSequence {
  std::vector<std::uint32_t> ids;
  std::vector<std::uint8_t> type_ids;
};

std::vector<OwnedSequence> read_sequences(const fs::path& file) {
  simdjson::dom::parser parser;
  std::vector<OwnedSequence> sequences;
  for (simdjson::dom::element entry : parser.load(file.string()).get_array()) {
    OwnedSequence& sequence = sequences.emplace_back();
    for (simdjson::dom::element id : entry["ids"].get_array()) {
      sequence.ids.push_back(static_cast<std::uint32_t>(id.get_uint64().value()));
    }
    simdjson::dom::array types;
    if (entry["type_ids"].get_array().get(types) != simdjson::SUCCESS) continue;
    for (simdjson::dom::element type : types) sequence.type_ids.push_back(static_cast<std::uint8_t>(type.get_uint64().value()));
  }
  return sequences;
}

Result<Transformer> load(const fs::path& folder, CpuLevel level, WeightPrecision precision = WeightPrecision::kAuto) {
  const TransformerConfig config = ORTHANT_TRY(read_transformer_config(folder));
  SafeTensors weights = ORTHANT_TRY(SafeTensors::open(folder / "model.safetensors"));
  return Transformer::load(std::move(weights), config, precision, level);
}

double largest_difference(std::span<const float> found, const float* expected) {
  double largest = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double difference = std::abs(static_cast<double>(found[i]) - expected[i]);
    largest = std::isnan(difference) ? 1e30 : std::max(largest, difference);
  }
  return largest;
}

class ArchitectureAtLevel : public testing::TestWithParam<std::tuple<const char*, CpuLevel>> {
 protected:
  void SetUp() override {
    const CpuLevel level = std::get<1>(GetParam());
    if (!cpu_supports(level)) GTEST_SKIP() << "this CPU lacks the level " << cpu_level_name(level);
    const fs::path folder = kGolden / std::get<0>(GetParam());
    auto loaded = load(folder, level);
    ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
    model_ = std::make_unique<Transformer>(std::move(*loaded));
    owned_ = read_sequences(folder / "sequences.json");
    for (const OwnedSequence& sequence : owned_) sequences_.push_back({sequence.ids, sequence.type_ids});
    auto expected = read_npy_floats(folder / "hidden.npy");
    ASSERT_TRUE(expected.has_value()) << expected.error().message;
    expected_ = std::move(*expected);
  }

  std::unique_ptr<Transformer> model_;
  std::vector<OwnedSequence> owned_;
  std::vector<TokenSequence> sequences_;
  FloatMatrix expected_;
};

TEST_P(ArchitectureAtLevel, GivesTheHiddenStatesOfTransformers) {
  Workspace workspace;
  const auto hidden = model_->forward(sequences_, workspace);
  ASSERT_TRUE(hidden.has_value()) << hidden.error().message;
  ASSERT_EQ(hidden->size(), expected_.values.size());
  EXPECT_LE(largest_difference(*hidden, expected_.values.data()), 2e-5);
}

TEST_P(ArchitectureAtLevel, GivesASequenceTheSameStatesAloneAndInABatch) {
  Workspace workspace;
  const auto hidden = model_->forward(sequences_, workspace);
  ASSERT_TRUE(hidden.has_value()) << hidden.error().message;
  const std::vector<float> together(hidden->begin(), hidden->end());
  std::size_t start = 0;
  for (const TokenSequence& sequence : sequences_) {
    const auto alone = model_->forward(std::span(&sequence, 1), workspace);
    ASSERT_TRUE(alone.has_value()) << alone.error().message;
    EXPECT_LE(largest_difference(*alone, together.data() + start), 1e-6) << sequence.ids.size() << " tokens";
    start += alone->size();
  }
}

TEST_P(ArchitectureAtLevel, GivesTheSameStatesInPartsFromAnyBlockOn) {
  Workspace workspace;
  const auto hidden = model_->forward(sequences_, workspace);
  ASSERT_TRUE(hidden.has_value()) << hidden.error().message;
  const std::vector<float> whole(hidden->begin(), hidden->end());
  BlockState state = model_->first_state(sequences_, workspace).value();
  for (std::size_t block = 0; block < model_->block_count(); ++block) {
    EXPECT_EQ(largest_difference(model_->finish(block, state, sequences_, workspace), whole.data()), 0) << "from block " << block;
    model_->advance(block, state, sequences_, workspace);
  }
  const std::size_t last = model_->linears().size() - 1;
  EXPECT_EQ(model_->block_of(0), 0U);
  EXPECT_EQ(model_->block_of(last), model_->block_count() - 1);
}

INSTANTIATE_TEST_SUITE_P(Families, ArchitectureAtLevel,
                         testing::Combine(testing::Values("bert", "distilbert", "roberta", "xlm_roberta", "mpnet", "modernbert",
                                                          "modernbert_biased", "nomic_bert", "nomic_bert_published", "qwen3",
                                                          "qwen3_biased"),
                                          testing::Values(CpuLevel::kPortable, CpuLevel::kAvx2, CpuLevel::kAvx512)),
                         [](const auto& parameters) {
                           return std::string(std::get<0>(parameters.param)) + "_" +
                                  std::string(cpu_level_name(std::get<1>(parameters.param)));
                         });

// The golden states would hide an error in what they do not feel: each of these makes the model another one.
struct WrongFeature {
  const char* model;
  const char* what;
  void (*change)(TransformerConfig&);
};
constexpr WrongFeature kWrongFeatures[] = {
    {"roberta", "position of the padding's id", [](TransformerConfig& config) { config.padding_id.reset(); }},
    {"xlm_roberta", "activation", [](TransformerConfig& config) { config.activation = Activation::kGeluErf; }},
    {"mpnet", "relative positions", [](TransformerConfig& config) { config.relative_buckets = 0; }},
    {"modernbert", "window one too wide", [](TransformerConfig& config) { config.layers[1].keys_before += 1; }},
    {"modernbert", "window one too narrow", [](TransformerConfig& config) { config.layers[2].keys_after -= 1; }},
    {"modernbert", "theta of global layers", [](TransformerConfig& config) { config.layers[3].rotary_theta = 10000.0; }},
    {"modernbert", "theta of local layers", [](TransformerConfig& config) { config.layers[1].rotary_theta = 160000.0; }},
    {"modernbert_biased", "a layer that sees all", [](TransformerConfig& config) { config.layers[2] = config.layers[1]; }},
    {"modernbert_biased", "biases of the feed-forward block", [](TransformerConfig& config) { config.intermediate_bias = false; }},
    {"nomic_bert", "token types", [](TransformerConfig& config) { config.token_types = 0; }},
    {"nomic_bert", "fraction that turns", [](TransformerConfig& config) { config.rotary_dims /= 2; }},
    {"nomic_bert_published", "gate's activation", [](TransformerConfig& config) { config.activation = Activation::kRelu; }},
    {"qwen3", "causality", [](TransformerConfig& config) { config.layers[0].keys_after = 1; }},
    {"qwen3", "norm of queries and keys", [](TransformerConfig& config) { config.query_key_norm = false; }},
    {"qwen3", "kind of norm", [](TransformerConfig& config) { config.norm = NormKind::kLayer; }},
    {"qwen3_biased", "bias of the projections", [](TransformerConfig& config) { config.query_key_value_bias = false; }},
};

TEST(GoldenArchitectures, FeelEveryFeature) {
  for (const WrongFeature& wrong : kWrongFeatures) {
    const fs::path folder = kGolden / wrong.model;
    auto config = read_transformer_config(folder);
    ASSERT_TRUE(config.has_value()) << config.error().message;
    wrong.change(*config);
    auto weights = SafeTensors::open(folder / "model.safetensors");
    ASSERT_TRUE(weights.has_value()) << weights.error().message;
    const auto model = Transformer::load(std::move(*weights), *config, WeightPrecision::kAuto, CpuLevel::kPortable);
    ASSERT_TRUE(model.has_value()) << model.error().message;
    const std::vector<OwnedSequence> owned = read_sequences(folder / "sequences.json");
    std::vector<TokenSequence> sequences;
    for (const OwnedSequence& sequence : owned) sequences.push_back({sequence.ids, sequence.type_ids});
    Workspace workspace;
    const auto hidden = model->forward(sequences, workspace);
    ASSERT_TRUE(hidden.has_value()) << hidden.error().message;
    const auto expected = read_npy_floats(folder / "hidden.npy");
    EXPECT_GE(largest_difference(*hidden, expected->values.data()), 5e-4) << wrong.model << ": " << wrong.what;
  }
}

}  // namespace
}  // namespace orthant
