// Embeddings against those of the real sentence-transformers (scripts/make_golden_embeddings.py): varied texts through the default
// model, and tiny models that cover what the default model does not use.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <simdjson.h>

#include "base/npy.h"
#include "base/whole_file.h"
#include "encoder/encoder.h"
#include "tests/support/paths.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(ORTHANT_SOURCE_DIR) / "tests" / "encoder" / "golden";

std::vector<std::string> read_texts(const fs::path& file) {
  simdjson::dom::parser parser;
  std::vector<std::string> texts;
  for (simdjson::dom::element text : parser.load(file.string()).get_array()) texts.emplace_back(text.get_string().value());
  return texts;
}

void expect_equal_embeddings(const EmbeddingMatrix& found, const FloatMatrix& expected, const std::vector<std::string>& texts,
                             double max_difference) {
  ASSERT_EQ(found.rows, expected.rows);
  ASSERT_EQ(found.dim, expected.columns);
  for (std::size_t row = 0; row < found.rows; ++row) {
    double product = 0;
    double found_squares = 0;
    double expected_squares = 0;
    double worst = 0;
    for (std::size_t i = 0; i < found.dim; ++i) {
      const double a = found.row(row)[i];
      const double b = expected.values[row * expected.columns + i];
      product += a * b;
      found_squares += a * a;
      expected_squares += b * b;
      worst = std::max(worst, std::abs(a - b));
    }
    EXPECT_GE(product / std::sqrt(found_squares * expected_squares), 0.99999) << "text: " << texts[row];
    EXPECT_LE(worst, max_difference) << "text: " << texts[row];
  }
}

TEST(GoldenEmbeddings, OfTheDefaultModelAreThoseOfSentenceTransformers) {
  ORTHANT_REQUIRE_DEFAULT_MODEL();
  const auto encoder = Encoder::load(test::default_model_dir(), {});
  ASSERT_TRUE(encoder.has_value()) << encoder.error().message;
  const std::vector<std::string> texts = read_texts(kGolden / "embeddings" / "texts.json");
  const auto expected = read_npy_floats(kGolden / "embeddings" / "default.npy");
  ASSERT_TRUE(expected.has_value()) << expected.error().message;
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const auto encoded = (*encoder)->encode(views, {});
  ASSERT_TRUE(encoded.has_value()) << encoded.error().message;
  expect_equal_embeddings(encoded->embeddings, *expected, texts, 1e-6);
}

class GoldenModel : public testing::TestWithParam<std::string> {};

TEST_P(GoldenModel, EncodesQueriesAndDocumentsAsSentenceTransformers) {
  const fs::path folder = kGolden / "models" / GetParam();
  const auto encoder = Encoder::load(folder, {});
  ASSERT_TRUE(encoder.has_value()) << encoder.error().message;
  EXPECT_EQ((*encoder)->info().max_seq_length, 24U);
  const std::vector<std::string> texts = read_texts(kGolden / "models" / "texts.json");
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  for (const auto& [purpose, name] : {std::pair(Purpose::kQuery, "query"), std::pair(Purpose::kDocument, "document")}) {
    const auto expected = read_npy_floats(folder / (std::string("expected_") + name + ".npy"));
    ASSERT_TRUE(expected.has_value()) << expected.error().message;
    const auto encoded = (*encoder)->encode(views, {.purpose = purpose});
    ASSERT_TRUE(encoded.has_value()) << encoded.error().message;
    expect_equal_embeddings(encoded->embeddings, *expected, texts, 2e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenModel,
                         testing::Values("cls", "dense_half", "max_bfloat", "old_layout_prompts", "default_prompt",
                                         "qwen3_embedding"),
                         [](const auto& name) { return name.param; });

// Embeddings that are kept under the one must not be taken for the other's.
TEST(GoldenModels, AnotherDenseModuleIsAnotherModel) {
  const test::TemporaryDirectory directory;
  const std::filesystem::path copy = directory.path() / "model";
  std::filesystem::copy(kGolden / "models" / "dense_half", copy, std::filesystem::copy_options::recursive);
  const auto identity = [&copy] { return Encoder::load(copy, {}).value()->info().model_sha256; };
  const std::string before = identity();
  EXPECT_EQ(before, Encoder::load(kGolden / "models" / "dense_half", {}).value()->info().model_sha256);
  const std::filesystem::path weights = copy / "2_Dense" / "model.safetensors";
  std::string bytes = read_whole_file(weights).value();
  bytes[bytes.size() - 2] = static_cast<char>(bytes[bytes.size() - 2] ^ 1);
  std::filesystem::remove(weights);
  ASSERT_TRUE(write_whole_file(weights, bytes).has_value());
  EXPECT_NE(identity(), before);
}

TEST(GoldenModels, DescribeThemselves) {
  const auto described = [](const char* name) { return std::move(Encoder::load(kGolden / "models" / name, {}).value()); };
  EXPECT_EQ(described("cls")->info().pooling, "cls");
  EXPECT_FALSE(described("cls")->info().normalized);
  EXPECT_EQ(described("dense_half")->info().dim, 10U);
  EXPECT_TRUE(described("dense_half")->info().normalized);
  EXPECT_EQ(described("old_layout_prompts")->info().pooling, "cls+max+mean_sqrt_len_tokens+weightedmean+lasttoken");
  EXPECT_EQ(described("old_layout_prompts")->info().dim, 80U);
  EXPECT_EQ(described("old_layout_prompts")->info().prompts.at("query"), "quick : ");
  EXPECT_EQ(described("qwen3_embedding")->info().pooling, "lasttoken");
  EXPECT_TRUE(described("qwen3_embedding")->info().normalized);
}

TEST(GoldenModels, AreRefusedWhenTheirConfigurationStatesMoreThanTheWeightsHold) {
  const test::TemporaryDirectory scratch;
  const fs::path copy = scratch.path() / "model";
  const auto refusal_with = [&](const std::string& from, const std::string& to) {
    fs::remove_all(copy);
    fs::copy(kGolden / "models" / "cls", copy, fs::copy_options::recursive);
    std::ifstream in(copy / "config.json");
    std::string config((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    const std::size_t at = config.find(from);
    if (at == std::string::npos) return std::string("config.json lacks ") + from;
    std::ofstream(copy / "config.json") << config.replace(at, from.size(), to);
    const auto loaded = Encoder::load(copy, {});
    return loaded ? "accepted" : loaded.error().message;
  };
  EXPECT_NE(refusal_with("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 500").find("cannot hold"), std::string::npos);
  EXPECT_NE(refusal_with("\"intermediate_size\": 32", "\"intermediate_size\": 130000").find("cannot hold"), std::string::npos);
  EXPECT_NE(refusal_with("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3").find("encoder.layer.2."), std::string::npos);
  EXPECT_NE(refusal_with("\"intermediate_size\": 32", "\"intermediate_size\": 33").find("expected [33, 16]"), std::string::npos);
  EXPECT_NE(refusal_with("\"max_position_embeddings\": 32", "\"max_position_embeddings\": 64").find("position_embeddings"),
            std::string::npos);
}

TEST(GoldenModels, MakeAndKeepCalibrationRanges) {
  const test::TemporaryDirectory scratch;
  const fs::path copy = scratch.path() / "model";
  fs::copy(kGolden / "models" / "cls", copy, fs::copy_options::recursive);
  const auto ranges = Encoder::load(copy, {}).value()->calibration_ranges();
  ASSERT_TRUE(ranges.has_value()) << ranges.error().message;
  ASSERT_EQ(ranges->rows, 2U);
  ASSERT_EQ(ranges->dim, 16U);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_LT(ranges->row(0)[i], ranges->row(1)[i]);
  std::size_t kept = 0;
  for (const auto& entry : fs::directory_iterator(copy)) kept += entry.path().filename().string().starts_with("orthant-ranges-");
  EXPECT_EQ(kept, 1U);
  const auto again = Encoder::load(copy, {}).value()->calibration_ranges();
  EXPECT_EQ(again->values, ranges->values);
}

}  // namespace
}  // namespace orthant
