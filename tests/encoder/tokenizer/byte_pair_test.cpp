#include "encoder/tokenizer/byte_pair.h"

#include <map>
#include <set>

#include <gtest/gtest.h>

#include "encoder/tokenizer/byte_alphabet.h"
#include "tests/support/random.h"

namespace orthant {
namespace {

using Ids = std::vector<std::uint32_t>;

const std::vector<std::string> kCharacters = {"a", "b", "c", "\xE2\x96\x81", "\xC3\xA9"};

// A vocabulary of the characters and of random merges of what is there.
BytePairSpec random_spec(std::mt19937_64& random, std::size_t merges) {
  BytePairSpec spec;
  std::map<std::string, std::uint32_t> ids;
  const auto id_of = [&](const std::string& token) {
    const auto [entry, is_new] = ids.emplace(token, static_cast<std::uint32_t>(ids.size()));
    if (is_new) spec.vocabulary.push_back({token, entry->second});
    return entry->second;
  };
  for (const std::string& character : kCharacters) id_of(character);
  while (spec.merges.size() < merges) {
    const std::string left = spec.vocabulary[random() % spec.vocabulary.size()].token;
    const std::string right = spec.vocabulary[random() % spec.vocabulary.size()].token;
    if (left.size() + right.size() > 12) continue;
    const std::uint32_t merged = id_of(left + right);
    spec.merges.push_back({ids.at(left), ids.at(right), merged});
  }
  return spec;
}

// Merge after merge, each over the whole word.
Ids merged_plainly(const BytePairSpec& spec, Ids ids) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> ranks;
  for (std::uint32_t rank = 0; rank < spec.merges.size(); ++rank) ranks[{spec.merges[rank].left, spec.merges[rank].right}] = rank;
  while (true) {
    std::size_t best = ids.size();
    std::uint32_t best_rank = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto rank = ranks.find({ids[i], ids[i + 1]});
      if (rank == ranks.end() || (best != ids.size() && rank->second >= best_rank)) continue;
      best = i;
      best_rank = rank->second;
    }
    if (best == ids.size()) return ids;
    ids[best] = spec.merges[best_rank].merged;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

// Short and long words, with and without merges over U+2581, which is where long words are cut.
TEST(BytePair, MergesAsMergingOneByOneDoes) {
  std::mt19937_64 random(test::random_seed());
  for (int round = 0; round < 60; ++round) {
    const BytePairSpec spec = random_spec(random, 1 + random() % 60);
    const BytePair model(spec, false);
    for (int i = 0; i < 60; ++i) {
      std::string word;
      Ids symbols;
      for (std::uint64_t length = 1 + random() % (i % 4 == 0 ? 300 : 12); length > 0; --length) {
        symbols.push_back(static_cast<std::uint32_t>(random() % kCharacters.size()));
        word += kCharacters[symbols.back()];
      }
      Ids ids;
      model.append_ids(word, ids);
      ASSERT_EQ(ids, merged_plainly(spec, symbols)) << word;
    }
  }
}

TEST(BytePair, TakesEveryByteOfByteWords) {
  BytePairSpec spec;
  std::set<std::uint32_t> seen;
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::string token;
    append_byte_level(std::string(1, static_cast<char>(byte)), token);
    spec.vocabulary.push_back({token, 1000 + byte});
  }
  ASSERT_TRUE(BytePair::can_take_bytes(spec));
  const BytePair model(spec, true);
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    Ids ids;
    model.append_ids(std::string(1, static_cast<char>(byte)), ids);
    EXPECT_EQ(ids, Ids{1000 + byte});
  }
  spec.vocabulary.pop_back();
  EXPECT_FALSE(BytePair::can_take_bytes(spec));
}

// A word of many megabytes must cost no more than its length, nearly: n * n would not end.
TEST(BytePair, MergesWordsOfMegabytes) {
  BytePairSpec spec{.vocabulary = {{"a", 0}, {"aa", 1}, {"aaaa", 2}, {"b", 3}}, .merges = {{0, 0, 1}, {1, 1, 2}}};
  const BytePair model(spec, false);
  Ids ids;
  model.append_ids(std::string(1'000'000, 'a') + 'b', ids);
  EXPECT_EQ(ids.size(), 250'001u);
  EXPECT_EQ(ids.back(), 3u);
}

}  // namespace
}  // namespace orthant
