#include "engine/bm25.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "base/murmur3.h"

namespace orthant::test {
namespace {

TEST(Murmur3, GivesThePublishedValues) {
  EXPECT_EQ(murmur3_32(""), 0U);
  EXPECT_EQ(murmur3_32("", 1), 0x514e28b7U);
  EXPECT_EQ(murmur3_32("test"), 0xba6bd213U);
  EXPECT_EQ(murmur3_32("Hello, world!", 0x9747b28c), 0x24884cbaU);
  EXPECT_EQ(murmur3_32("The quick brown fox jumps over the lazy dog", 0x9747b28c), 0x2fa826cdU);
}

// Lines of language, text and index:weight as fastembed's BM25 gives them with the same stop words.
TEST(Bm25, GivesTheTokensAndWeightsOfFastembed) {
  std::ifstream lines(std::filesystem::path(ORTHANT_SOURCE_DIR) / "tests/engine/golden/bm25.tsv");
  ASSERT_TRUE(lines.is_open());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    std::istringstream fields(line);
    std::string language, text, pairs;
    std::getline(fields, language, '\t');
    std::getline(fields, text, '\t');
    std::getline(fields, pairs, '\t');
    Bm25Options options;
    options.language = language;
    const Bm25 bm25 = Bm25::make(options).value();
    const SparseVector found = bm25.encode_document(text);
    const SparseVector query = bm25.encode_query(text);
    std::istringstream expected(pairs);
    std::size_t i = 0;
    for (std::string pair; expected >> pair; ++i) {
      ASSERT_LT(i, found.indices.size()) << text;
      EXPECT_EQ(found.indices[i], std::stoul(pair)) << text;
      EXPECT_NEAR(found.values[i], std::stod(pair.substr(pair.find(':') + 1)), 1e-6) << text;
      EXPECT_EQ(query.values[i], 1.0F);
    }
    EXPECT_EQ(found.indices.size(), i) << text;
    EXPECT_EQ(query.indices, found.indices);
  }
  EXPECT_GT(count, 10);
}

TEST(Bm25, TakesItsOptions) {
  const std::string text = "The Caf\xC3\xA9s were RUNNING, the cafe runs";
  const auto indices = [&](const Bm25Options& options) { return Bm25::make(options).value().encode_query(text).indices.size(); };
  Bm25Options plain;
  EXPECT_EQ(indices(plain), 3U);  // caf(e with accent), run, cafe
  Bm25Options none;
  none.language = "none";
  EXPECT_EQ(indices(none), 6U);  // the, cafes, were, running, cafe, runs
  Bm25Options folded;
  folded.text.ascii_folding = true;
  EXPECT_EQ(indices(folded), 2U);
  Bm25Options cased = none;
  cased.text.lowercase = false;
  EXPECT_EQ(indices(cased), 7U);
  Bm25Options lengths = none;
  lengths.text.min_token_length = 5;
  EXPECT_EQ(indices(lengths), 2U);
  Bm25Options own = none;
  own.default_stop_words = false;
  own.text.stopwords = {"the", "were"};
  EXPECT_EQ(indices(own), 4U);
  Bm25Options weights;
  weights.k = 2;
  weights.b = 0;
  const SparseVector vector = Bm25::make(weights)->encode_document("word word thing");
  ASSERT_EQ(vector.values.size(), 2U);
  EXPECT_NEAR(vector.values[0] + vector.values[1], 2 * 3 / 4.0 + 1, 1e-6);
}

TEST(Bm25, NamesWhatItDoesNotKnow) {
  Bm25Options options;
  options.language = "klingon";
  EXPECT_EQ(Bm25::make(options).error().message, "options.stemmer: no stemmer for the language `klingon`");
  options = {};
  options.avg_len = 0;
  EXPECT_FALSE(Bm25::make(options).has_value());
  EXPECT_TRUE(is_bm25("Qdrant/BM25"));
  EXPECT_TRUE(is_bm25("bm25"));
  EXPECT_FALSE(is_bm25("qdrant/bm42"));
}

}  // namespace
}  // namespace orthant::test
