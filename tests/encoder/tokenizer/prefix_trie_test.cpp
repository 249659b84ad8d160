#include "encoder/tokenizer/prefix_trie.h"

#include <map>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace orthant {
namespace {

PrefixTrie trie_of(const std::map<std::string, std::uint32_t>& values) {
  std::vector<PrefixTrie::Entry> entries;
  for (const auto& [key, value] : values) entries.push_back({key, value});
  return PrefixTrie(entries);
}

// By trying every length.
PrefixTrie::Match expected_match(const std::map<std::string, std::uint32_t>& values, std::string_view text) {
  for (std::size_t bytes = text.size(); bytes > 0; --bytes) {
    const auto found = values.find(std::string(text.substr(0, bytes)));
    if (found != values.end()) return {bytes, found->second};
  }
  return {};
}

TEST(PrefixTrie, FindsTheLongestKeyThatATextBeginsWith) {
  std::mt19937_64 random(test::random_seed());
  for (int round = 0; round < 20; ++round) {
    // Few different bytes make many shared prefixes; all 256 make wide nodes.
    const unsigned alphabet = round % 2 == 0 ? 3 : 256;
    const auto random_text = [&](std::size_t max_bytes) {
      std::string text(1 + random() % max_bytes, '\0');
      for (char& c : text) c = static_cast<char>(random() % alphabet);
      return text;
    };
    std::map<std::string, std::uint32_t> values;
    for (std::uint32_t i = 0; i < 2000; ++i) values[random_text(round % 5 + 1)] = i;
    const PrefixTrie trie = trie_of(values);
    for (const auto& [key, value] : values) ASSERT_EQ(trie.find(key), value);
    for (int i = 0; i < 2000; ++i) {
      const std::string text = random_text(12);
      const PrefixTrie::Match expected = expected_match(values, text);
      const PrefixTrie::Match found = trie.longest_prefix(text);
      ASSERT_EQ(found.bytes, expected.bytes) << testing::PrintToString(text);
      ASSERT_EQ(found.value, expected.value);
    }
  }
}

TEST(PrefixTrie, HoldsNothingWhenEmpty) {
  const PrefixTrie trie(std::vector<PrefixTrie::Entry>{});
  EXPECT_EQ(trie.longest_prefix(std::string_view("\0abc", 4)).value, PrefixTrie::kNone);
  EXPECT_EQ(trie.longest_prefix("").value, PrefixTrie::kNone);
  EXPECT_EQ(trie.find(""), PrefixTrie::kNone);
}

TEST(PrefixTrie, TakesTheLastOfEqualKeysAndNoEmptyOnes) {
  const PrefixTrie trie({{"a", 1}, {"", 7}, {"b", 2}, {"a", 3}});
  EXPECT_EQ(trie.find("a"), 3u);
  EXPECT_EQ(trie.find("b"), 2u);
  EXPECT_EQ(trie.find(""), PrefixTrie::kNone);
}

TEST(PrefixTrie, TakesKeysOfManyThousandBytes) {
  const std::string longest(300'000, 'x');
  const PrefixTrie trie({{longest, 1}, {"xx", 2}});
  EXPECT_EQ(trie.find(longest), 1u);
  EXPECT_EQ(trie.longest_prefix(std::string(299'999, 'x')).bytes, 2u);
}

}  // namespace
}  // namespace orthant
