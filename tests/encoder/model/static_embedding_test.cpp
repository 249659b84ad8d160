// Static models against model2vec and Sentence Transformers (scripts/make_golden_static.py), and what is refused.

#include "encoder/model/static_embedding.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <simdjson.h>

#include "base/npy.h"
#include "encoder/encoder.h"
#include "tests/support/paths.h"
#include "tests/support/temporary_directory.h"

namespace orthant {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = fs::path(ORTHANT_SOURCE_DIR) / "tests" / "encoder" / "golden" / "static";

std::vector<std::string> golden_texts() {
  simdjson::dom::parser parser;
  std::vector<std::string> texts;
  for (simdjson::dom::element text : parser.load((kGolden / "texts.json").string()).get_array()) {
    texts.emplace_back(text.get_string().value());
  }
  return texts;
}

void expect_embeddings(const Encoder& encoder, const fs::path& expected_file, double tolerance) {
  const std::vector<std::string> texts = golden_texts();
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const auto encoded = encoder.encode(views, {});
  ASSERT_TRUE(encoded.has_value()) << encoded.error().message;
  const auto expected = read_npy_floats(expected_file);
  ASSERT_TRUE(expected.has_value()) << expected.error().message;
  ASSERT_EQ(encoded->embeddings.rows, expected->rows);
  ASSERT_EQ(encoded->embeddings.dim, expected->columns);
  for (std::size_t i = 0; i < expected->values.size(); ++i) {
    const double bound = tolerance * (1 + std::abs(expected->values[i]));
    ASSERT_NEAR(encoded->embeddings.values[i], expected->values[i], bound) << "text: " << texts[i / expected->columns];
  }
}

class GoldenStaticModel : public testing::TestWithParam<std::string> {};

TEST_P(GoldenStaticModel, EncodesAsItsOwnLibrary) {
  const auto encoder = Encoder::load(kGolden / GetParam(), {});
  ASSERT_TRUE(encoder.has_value()) << encoder.error().message;
  EXPECT_EQ((*encoder)->info().dim, 12U);
  // model2vec rounds its output to the table's half precision; we do not.
  expect_embeddings(**encoder, kGolden / GetParam() / "expected.npy", GetParam() == "half" ? 2e-3 : 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenStaticModel,
                         testing::Values("plain", "half", "int8", "short", "unlimited", "mapped", "sentence",
                                         "sentence_normalized"),
                         [](const auto& name) { return name.param; });

TEST(StaticModels, OfRealSizeEncodeAsModel2vec) {
  const fs::path model = test::default_model_dir().parent_path() / "potion-base-8M";
  if (!fs::exists(model)) GTEST_SKIP() << "needs potion-base-8M, which is not in the cache (orthant fetch-model potion-base-8M)";
  const auto encoder = Encoder::load(model, {});
  ASSERT_TRUE(encoder.has_value()) << encoder.error().message;
  expect_embeddings(**encoder, kGolden / "potion.npy", 1e-6);
}

TEST(StaticModels, DescribeThemselves) {
  const auto encoder = Encoder::load(kGolden / "short", {}).value();
  EXPECT_EQ(encoder->info().architecture, "StaticEmbedding");
  EXPECT_EQ(encoder->info().max_seq_length, 20U);
  EXPECT_TRUE(encoder->info().normalized);
  EXPECT_EQ(encoder->info().weight_precision, "float32");
  EXPECT_EQ(Encoder::load(kGolden / "int8", {}).value()->info().weight_precision, "int8");
  EXPECT_FALSE(Encoder::load(kGolden / "plain", {}).value()->info().normalized);
}

TEST(StaticModels, CutEmbeddingsAndTellWhatWasTruncated) {
  const auto encoder = Encoder::load(kGolden / "short", {}).value();
  const std::string long_text = golden_texts().at(11);
  const std::vector<std::string_view> texts = {"a river", long_text};
  const auto cut = encoder->encode(texts, {.purpose = Purpose::kQuery, .dimensions = 5});
  ASSERT_TRUE(cut.has_value());
  EXPECT_EQ(cut->embeddings.dim, 5U);
  EXPECT_EQ(cut->truncated, (std::vector<bool>{false, true}));
  double squares = 0;
  for (const float value : cut->embeddings.row(0)) squares += value * value;
  EXPECT_NEAR(squares, 1, 1e-6);
  EXPECT_EQ(encoder->encode(texts, {.dimensions = 13}).error().code, ErrorCode::kInvalidArgument);
}

TEST(TokenStatistics, AreThoseOfModel2vec) {
  const auto statistics = read_token_statistics(kGolden / "plain" / "tokenizer.json");
  ASSERT_TRUE(statistics.has_value()) << statistics.error().message;
  EXPECT_EQ(statistics->unknown_id, 1U);
  EXPECT_EQ(statistics->median_length, 3U);
  const test::TemporaryDirectory scratch;
  const fs::path unigram = scratch.path() / "tokenizer.json";
  // Lengths 2, 3, 4 and 9 (in code points): the median is 3.5, rounded down.
  std::ofstream(unigram) << R"({"model": {"type": "Unigram", "unk_id": 2, "vocab": [["ab", 0], ["ab\u00fc", -1], ["abcd", -2]]},
    "added_tokens": [{"id": 0, "content": "ab"}, {"id": 3, "content": "<special>"}]})";
  EXPECT_EQ(read_token_statistics(unigram)->unknown_id, 2U);
  EXPECT_EQ(read_token_statistics(unigram)->median_length, 3U);
}

// A copy of a golden model whose weights file is replaced.
std::string refusal_of(const std::string& header, std::size_t bytes) {
  const test::TemporaryDirectory scratch;
  const fs::path copy = scratch.path() / "model";
  fs::copy(kGolden / "plain", copy, fs::copy_options::recursive);
  std::ofstream out(copy / "model.safetensors", std::ios::binary | std::ios::trunc);
  const std::uint64_t length = header.size();
  out.write(reinterpret_cast<const char*>(&length), sizeof length);
  out << header << std::string(bytes, '\x7f');
  out.close();
  const auto loaded = Encoder::load(copy, {});
  return loaded ? "accepted" : loaded.error().message;
}

TEST(StaticModels, AreRefusedWhenTheirTablesDoNotFit) {
  EXPECT_NE(refusal_of(R"({"embeddings":{"dtype":"F32","shape":[2,4],"data_offsets":[0,32]}})", 32).find("rows for 2 tokens"),
            std::string::npos);
  EXPECT_NE(refusal_of(R"({"other":{"dtype":"F32","shape":[2,4],"data_offsets":[0,32]}})", 32).find("\"embeddings\""),
            std::string::npos);
  EXPECT_NE(refusal_of(R"({"embeddings":{"dtype":"F32","shape":[2,4],"data_offsets":[0,32]},)"
                       R"("mapping":{"dtype":"I64","shape":[2],"data_offsets":[32,48]}})",
                       48)
                .find("mapping: row"),
            std::string::npos);
}

}  // namespace
}  // namespace orthant
