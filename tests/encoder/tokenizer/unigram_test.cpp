#include "encoder/tokenizer/unigram.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace orthant {
namespace {

using Ids = std::vector<std::uint32_t>;

UnigramSpec spec_of(const std::vector<std::pair<std::string, double>>& pieces) {
  UnigramSpec spec;
  for (const auto& [piece, score] : pieces) {
    spec.vocabulary.push_back({piece, static_cast<std::uint32_t>(spec.vocabulary.size())});
    spec.scores.push_back(score);
  }
  return spec;
}

Ids ids_of(const UnigramSpec& spec, std::string_view word) {
  Ids ids;
  Unigram(spec).append_ids(word, ids);
  return ids;
}

// The best sum over all ways to cut the word, unknown characters at the smallest score less ten.
double best_score(const UnigramSpec& spec, std::string_view word) {
  if (word.empty()) return 0;
  double smallest = 0;
  for (const double score : spec.scores) smallest = std::min(smallest, score);
  double best = smallest - 10 + best_score(spec, word.substr(1));
  for (std::size_t i = 0; i < spec.scores.size(); ++i) {
    const std::string& piece = spec.vocabulary[i].token;
    if (word.starts_with(piece)) best = std::max(best, spec.scores[i] + best_score(spec, word.substr(piece.size())));
  }
  return best;
}

TEST(Unigram, FindsTheBestSum) {
  std::mt19937_64 random(test::random_seed());
  for (int round = 0; round < 300; ++round) {
    std::vector<std::pair<std::string, double>> pieces = {{"<unk>", 0}};
    for (std::uint64_t count = 1 + random() % 8; count > 0; --count) {
      std::string piece;
      for (std::uint64_t bytes = 1 + random() % 3; bytes > 0; --bytes) piece += static_cast<char>('a' + random() % 3);
      const bool known = std::ranges::any_of(pieces, [&](const auto& other) { return other.first == piece; });
      if (!known) pieces.emplace_back(piece, -static_cast<double>(random() % 64) / 4);
    }
    const UnigramSpec spec = spec_of(pieces);
    std::string word;
    for (std::uint64_t bytes = 1 + random() % 9; bytes > 0; --bytes) word += static_cast<char>('a' + random() % 3);
    const Ids ids = ids_of(spec, word);
    // Unknown characters in a row are one id: only words without them tell the sum.
    if (std::ranges::count(ids, 0u) > 0) continue;
    double sum = 0;
    std::string joined;
    for (const std::uint32_t id : ids) {
      sum += spec.scores[id];
      joined += spec.vocabulary[id].token;
    }
    EXPECT_EQ(joined, word);
    EXPECT_EQ(sum, best_score(spec, word)) << word;  // quarters add up exactly
  }
}

TEST(Unigram, KeepsTheFirstOfEqualPaths) {
  // "ab" + "c" is offered to the end before "a" + "bc" is: the shorter start comes later only.
  EXPECT_EQ(ids_of(spec_of({{"<unk>", 0}, {"a", -1}, {"ab", -1}, {"bc", -1}, {"c", -1}}), "abc"), (Ids{1, 3}));
  EXPECT_EQ(ids_of(spec_of({{"<unk>", 0}, {"a", -1}, {"ab", -1}, {"bc", -1.5}, {"c", -1}}), "abc"), (Ids{2, 4}));
}

TEST(Unigram, MakesOneOfUnknownCharactersInARow) {
  const UnigramSpec spec = spec_of({{"<unk>", 0}, {"a", -1}, {"xy", -99}});
  EXPECT_EQ(ids_of(spec, "axxa"), (Ids{1, 0, 1}));
  EXPECT_EQ(ids_of(spec, "zza"), (Ids{0, 1}));
  EXPECT_EQ(ids_of(spec, "<unk>"), (Ids{0}));
}

TEST(Unigram, FallsBackOnBytesWhereAllAreThere) {
  UnigramSpec spec = spec_of({{"<unk>", 0}, {"a", -1}, {"<0xC3>", -50}, {"<0xA9>", -50}});
  spec.byte_fallback = true;
  EXPECT_EQ(ids_of(spec, "a\xC3\xA9"), (Ids{1, 2, 3}));
  EXPECT_EQ(ids_of(spec, "a\xC3\xA8"), (Ids{1, 0}));
}

TEST(Unigram, TakesWordsOfMegabytes) {
  const UnigramSpec spec = spec_of({{"<unk>", 0}, {"a", -1}, {"aaa", -2}});
  EXPECT_EQ(ids_of(spec, std::string(3'000'000, 'a')).size(), 1'000'000u);
  EXPECT_EQ(ids_of(spec, std::string(1'000'000, 'x')), (Ids{0}));
}

}  // namespace
}  // namespace orthant
