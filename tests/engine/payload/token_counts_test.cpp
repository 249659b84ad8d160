#include "engine/payload/token_counts.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "tests/support/random.h"

namespace orthant::test {
namespace {

using Words = std::map<std::uint32_t, std::uint32_t>;

std::vector<TokenCount> counts_of(const Words& words) {
  std::vector<TokenCount> counts;
  for (const auto& [token, count] : words) counts.push_back({token, count});
  return counts;
}

double length_of(const Words& words) {
  double length = 0;
  for (const auto& [token, count] : words) length += count;
  return length;
}

// BM25 by its definition over the rows that are left.
double plain_score(const std::map<std::uint32_t, Words>& rows, const Words& row, std::uint32_t token, Bm25Weights weights) {
  double texts = 0;
  double with = 0;
  double total = 0;
  for (const auto& [ordinal, words] : rows) {
    if (words.empty()) continue;
    ++texts;
    with += words.contains(token) ? 1 : 0;
    total += length_of(words);
  }
  const auto found = row.find(token);
  if (found == row.end()) return 0;
  const double idf = std::log(1 + (texts - with + 0.5) / (with + 0.5));
  const double norm = weights.k * (1 - weights.b + weights.b * length_of(row) / (total / texts));
  return idf * found->second * (weights.k + 1) / (found->second + norm);
}

TEST(TokenCounts, ScoresAsBm25IsDefinedWhileRowsComeChangeAndGo) {
  std::mt19937_64 random(random_seed());
  TokenCounts counts;
  std::map<std::uint32_t, Words> rows;
  for (std::uint32_t step = 0; step < 300; ++step) {
    Words words;
    for (std::uint64_t i = random() % 6; i > 0; --i) words[static_cast<std::uint32_t>(random() % 12)] += 1 + random() % 3;
    const bool edit = !rows.empty() && random() % 3 == 0;
    const std::uint32_t ordinal = edit ? std::next(rows.begin(), static_cast<std::ptrdiff_t>(random() % rows.size()))->first : step;
    counts.set(ordinal, counts_of(words));
    rows[ordinal] = words;
    if (random() % 4 == 0) {
      const auto gone = std::next(rows.begin(), static_cast<std::ptrdiff_t>(random() % rows.size()));
      counts.bury(gone->first);
      rows.erase(gone);
    }
  }
  const Bm25Weights weights = {.k = 1.5, .b = 0.4};
  for (const auto& [ordinal, words] : rows) {
    for (std::uint32_t token = 0; token < 13; ++token) {
      const double idf = counts.idf(token);
      EXPECT_NEAR(counts.score(ordinal, {&token, 1}, {&idf, 1}, weights), plain_score(rows, words, token, weights), 1e-4);
    }
  }
}

TEST(TokenCounts, KeepsTheLeadingBitsOfLengths) {
  TokenCounts counts;
  const TokenCount many = {0, 8193};
  counts.set(0, {&many, 1});
  const TokenCount fewer = {0, 8192};
  counts.set(1, {&fewer, 1});
  const std::uint32_t token = 0;
  const double idf = 1;
  EXPECT_NEAR(counts.score(0, {&token, 1}, {&idf, 1}, {.k = 1, .b = 1}), 2.0 * 8193 / 8194, 1e-6);
}

TEST(TokenCounts, ScoresNothingWhereThereIsNoText) {
  const TokenCounts counts;
  const std::uint32_t token = 3;
  const double idf = 1;
  EXPECT_EQ(counts.score(0, {&token, 1}, {&idf, 1}, {}), 0);
}

}  // namespace
}  // namespace orthant::test
