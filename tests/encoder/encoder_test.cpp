// The encoder on the default model: against reference embeddings of Sentence Transformers, alone and in batches.

#include "encoder/encoder.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/paths.h"

namespace orthant {
namespace {

const Encoder& default_encoder() {
  static const std::unique_ptr<Encoder> encoder = [] {
    auto loaded = Encoder::load(test::default_model_dir(), {});
    if (!loaded) throw std::runtime_error(loaded.error().message);
    return std::move(*loaded);
  }();
  return *encoder;
}

std::vector<std::string> varied_texts() {
  std::vector<std::string> texts = {"", "a", "The quick brown fox jumps over the lazy dog.", "\xe4\xbd\xa0\xe5\xa5\xbd",
                                    "\xf0\x9f\x8c\x8d!"};
  for (const int sentences : {1, 2, 3, 5, 8, 13, 21, 30}) {
    std::string text;
    for (int i = 0; i < sentences; ++i) text += "Sentence number " + std::to_string(i) + " speaks of rivers and bridges. ";
    texts.push_back(text);
  }
  return texts;
}

TEST(Encoder, DescribesTheDefaultModel) {
  ORTHANT_REQUIRE_DEFAULT_MODEL();
  const EncoderInfo& info = default_encoder().info();
  EXPECT_EQ(info.name, "all-MiniLM-L6-v2");
  EXPECT_EQ(info.architecture, "BertModel");
  EXPECT_EQ(info.pooling, "mean");
  EXPECT_EQ(info.dim, 384U);
  EXPECT_EQ(info.max_seq_length, 256U);
  EXPECT_EQ(info.parameter_count, 22'565'376U);  // without the pooler, which embeddings do not use
  EXPECT_TRUE(info.normalized);
  EXPECT_EQ(info.model_sha256, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db");
}

TEST(Encoder, GivesTheSameVectorAloneAndInABatch) {
  ORTHANT_REQUIRE_DEFAULT_MODEL();
  const std::vector<std::string> texts = varied_texts();
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  const auto batch = default_encoder().encode(views, {});
  ASSERT_TRUE(batch.has_value()) << batch.error().message;
  for (std::size_t i = 0; i < views.size(); ++i) {
    const auto alone = default_encoder().encode(std::span(views).subspan(i, 1), {});
    ASSERT_TRUE(alone.has_value());
    EXPECT_EQ(alone->token_counts[0], batch->token_counts[i]);
    for (std::size_t k = 0; k < 384; ++k) ASSERT_NEAR(alone->embeddings.row(0)[k], batch->embeddings.row(i)[k], 1e-6) << texts[i];
  }
}

TEST(Encoder, TruncatesLongTextsAndSaysSo) {
  ORTHANT_REQUIRE_DEFAULT_MODEL();
  std::string text;
  for (int i = 0; i < 400; ++i) text += "word ";
  const std::vector<std::string_view> views = {text, "word"};
  const auto result = default_encoder().encode(views, {});
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->token_counts, (std::vector<std::uint32_t>{256, 3}));
  EXPECT_EQ(result->truncated, (std::vector<bool>{true, false}));
}

TEST(Encoder, CutsDimensionsAndNormalizesAgain) {
  ORTHANT_REQUIRE_DEFAULT_MODEL();
  const std::vector<std::string_view> views = {"first", "second text"};
  const auto whole = default_encoder().encode(views, {});
  const auto cut = default_encoder().encode(views, {.dimensions = 100});
  ASSERT_TRUE(whole.has_value() && cut.has_value());
  ASSERT_EQ(cut->embeddings.dim, 100U);
  for (std::size_t row = 0; row < 2; ++row) {
    double squares = 0;
    for (std::size_t k = 0; k < 100; ++k) squares += std::pow(whole->embeddings.row(row)[k], 2);
    for (std::size_t k = 0; k < 100; ++k) {
      EXPECT_NEAR(cut->embeddings.row(row)[k], whole->embeddings.row(row)[k] / std::sqrt(squares), 1e-6);
    }
  }
  const auto refused = default_encoder().encode(views, {.dimensions = 385});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
}

TEST(Encoder, RefusesTokensThatTheModelDoesNotHave) {
  ORTHANT_REQUIRE_DEFAULT_MODEL();
  const std::vector<TokenizedText> beyond = {{{101, 30522, 102}, false}};
  EXPECT_EQ(default_encoder().encode_tokens(beyond, {}).error().code, ErrorCode::kInvalidArgument);
  const std::vector<TokenizedText> empty = {{{}, false}};
  EXPECT_EQ(default_encoder().encode_tokens(empty, {}).error().code, ErrorCode::kInvalidArgument);
  const std::vector<TokenizedText> long_text = {{std::vector<std::uint32_t>(513, 5), false}};
  EXPECT_EQ(default_encoder().encode_tokens(long_text, {}).error().code, ErrorCode::kInvalidArgument);
}

TEST(Encoder, EncodesNothingToNothing) {
  ORTHANT_REQUIRE_DEFAULT_MODEL();
  const auto result = default_encoder().encode({}, {});
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->embeddings.rows, 0U);
}

TEST(Encoder, NamesTheFolderThatHoldsNoModel) {
  const auto loaded = Encoder::load("/nowhere/at/all", {});
  ASSERT_FALSE(loaded.has_value());
  EXPECT_EQ(loaded.error().code, ErrorCode::kNotFound);
  EXPECT_NE(loaded.error().message.find("/nowhere/at/all"), std::string::npos);
}

}  // namespace
}  // namespace orthant
