// The cache of query embeddings: what it keeps, for whom, and how much.

#include "engine/query_cache.h"

#include <future>

#include <gtest/gtest.h>

#include "base/metrics.h"
#include "engine/text_encoding.h"
#include "tests/support/paths.h"

namespace orthant::test {
namespace {

CachedQuery cached(float value, std::size_t dim = 16) {
  return {std::vector<float>(dim, value), 3, false};
}

TEST(QueryCache, GivesBackWhatItWasGiven) {
  QueryCache cache(1 << 20);
  EXPECT_FALSE(cache.find("a").has_value());
  cache.insert("a", {{0.1F, -2.5F}, 7, true});
  const auto found = cache.find("a");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->vector, (std::vector<float>{0.1F, -2.5F}));
  EXPECT_EQ(found->tokens, 7U);
  EXPECT_TRUE(found->truncated);
}

TEST(QueryCache, DropsTheLeastRecentlyUsedWhenFull) {
  QueryCache probe(1 << 20);
  probe.insert("0", cached(0));
  QueryCache cache(3 * probe.bytes());
  for (int i = 0; i < 3; ++i) cache.insert(std::to_string(i), cached(static_cast<float>(i)));
  ASSERT_TRUE(cache.find("0").has_value());
  cache.insert("3", cached(3));
  EXPECT_TRUE(cache.find("0").has_value()) << "was used last";
  EXPECT_FALSE(cache.find("1").has_value()) << "was the oldest";
  EXPECT_TRUE(cache.find("2").has_value());
  EXPECT_TRUE(cache.find("3").has_value());
  EXPECT_EQ(cache.bytes(), 3 * probe.bytes());
  cache.insert("huge", cached(0, 10'000));
  EXPECT_FALSE(cache.find("huge").has_value());
  EXPECT_TRUE(cache.find("0").has_value());
}

TEST(QueryCache, OfNoBytesKeepsNothing) {
  QueryCache cache(0);
  EXPECT_FALSE(cache.enabled());
  cache.insert("a", cached(1));
  EXPECT_FALSE(cache.find("a").has_value());
  EXPECT_EQ(cache.bytes(), 0U);
}

TEST(QueryCache, KeysDifferWhereEmbeddingsDo) {
  EncoderInfo info;
  info.name = "m";
  info.model_sha256 = "abc";
  info.weight_precision = "float32";
  const EncodeOptions options{.purpose = Purpose::kQuery};
  const std::string key = QueryCache::key(info, options, "text");
  EXPECT_EQ(key, QueryCache::key(info, options, "text"));
  EXPECT_NE(key, QueryCache::key(info, options, "texts"));
  EXPECT_NE(key, QueryCache::key(info, {.purpose = Purpose::kDocument}, "text"));
  EXPECT_NE(key, QueryCache::key(info, {.purpose = Purpose::kQuery, .dimensions = 8}, "text"));
  EncoderInfo other = info;
  other.weight_precision = "int8";
  EXPECT_NE(key, QueryCache::key(other, options, "text"));
  other = info;
  other.model_sha256 = "abd";
  EXPECT_NE(key, QueryCache::key(other, options, "text"));
}

// Two models of the same dimension, behind one queue of texts.
class CachedEncoding : public testing::Test {
 protected:
  CachedEncoding() : pool_("encode", 2, 64), texts_(pool_, pool_, 1 << 20, 1 << 20) {
    const auto golden = std::filesystem::path(ORTHANT_SOURCE_DIR) / "tests" / "encoder" / "golden" / "models";
    EXPECT_TRUE(texts_.add("a=" + (golden / "cls").string()).has_value());
    EXPECT_TRUE(texts_.add("b=" + (golden / "default_prompt").string()).has_value());
  }
  ~CachedEncoding() override { texts_.stop(); }

  EncodedTexts encode(const std::vector<std::pair<std::string, std::string>>& jobs, Purpose purpose) {
    std::vector<TextJob> wanted;
    for (const auto& [model, text] : jobs) wanted.push_back({texts_.registry().find(model), text});
    std::promise<Result<EncodedTexts>> promise;
    TextEncodingOptions options;
    options.purpose = purpose;
    texts_.encode(std::move(wanted), options, [&](Result<EncodedTexts> encoded) { promise.set_value(std::move(encoded)); });
    return promise.get_future().get().value();
  }
  static std::uint64_t texts_encoded(const std::string& model) {
    return counter("orthant_encode_texts_total", "", "model=\"" + model + "\"").value();
  }

  ThreadPool pool_;
  TextEncoding texts_;
};

TEST_F(CachedEncoding, EncodesEqualQueriesOnceAndAnswersThemAlike) {
  const std::uint64_t before = texts_encoded("a");
  const std::uint64_t hits = counter("orthant_query_cache_hits_total", "").value();
  std::string long_text;
  for (int i = 0; i < 40; ++i) long_text += "stone ";
  const EncodedTexts fresh = encode({{"a", "a river"}, {"a", long_text}}, Purpose::kQuery);
  const EncodedTexts again = encode({{"a", "a river"}, {"a", long_text}}, Purpose::kQuery);
  EXPECT_EQ(texts_encoded("a") - before, 2U);
  EXPECT_EQ(counter("orthant_query_cache_hits_total", "").value() - hits, 2U);
  EXPECT_EQ(fresh.vectors, again.vectors);
  EXPECT_EQ(fresh.truncated, again.truncated);
  EXPECT_EQ(fresh.tokens_by_model, again.tokens_by_model);
  EXPECT_EQ(fresh.truncated, (std::vector<bool>{false, true}));
}

TEST_F(CachedEncoding, NeverServesAnotherModelsEntry) {
  const EncodedTexts a = encode({{"a", "a river"}}, Purpose::kQuery);
  const std::uint64_t before = texts_encoded("b");
  const EncodedTexts both = encode({{"b", "a river"}, {"a", "a river"}}, Purpose::kQuery);
  EXPECT_EQ(texts_encoded("b") - before, 1U);
  EXPECT_EQ(both.vectors[1], a.vectors[0]);
  EXPECT_NE(both.vectors[0], a.vectors[0]);
  EXPECT_EQ(both.tokens_by_model.size(), 2U);
}

TEST_F(CachedEncoding, LeavesDocumentsOut) {
  const std::uint64_t before = texts_encoded("a");
  encode({{"a", "a document"}}, Purpose::kDocument);
  encode({{"a", "a document"}}, Purpose::kDocument);
  EXPECT_EQ(texts_encoded("a") - before, 2U);
}

}  // namespace
}  // namespace orthant::test
