#include "api/bulk/line_splitter.h"

#include <random>
#include <sstream>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/random.h"

namespace orthant::bulk {
namespace {

struct Seen {
  std::uint64_t number;
  std::string text;
  bool too_long;
  bool operator==(const Seen&) const = default;
};

std::vector<Seen> split(const std::vector<std::string>& pieces, std::size_t max_line_bytes) {
  LineSplitter splitter(max_line_bytes);
  std::vector<Seen> seen;
  const auto note = [&](const LineSplitter::Line& line) { seen.push_back({line.number, std::string(line.text), line.too_long}); };
  for (const std::string& piece : pieces) {
    splitter.feed(piece);
    while (const auto line = splitter.next()) note(*line);
  }
  if (const auto line = splitter.finish()) note(*line);
  return seen;
}

TEST(LineSplitter, NumbersLinesAndDropsCarriageReturns) {
  EXPECT_EQ(split({"a\r\n\nlast"}, 100), (std::vector<Seen>{{1, "a", false}, {2, "", false}, {3, "last", false}}));
  EXPECT_EQ(split({"a\n"}, 100), (std::vector<Seen>{{1, "a", false}}));
  EXPECT_TRUE(split({}, 100).empty());
}

TEST(LineSplitter, DropsLinesThatAreTooLongAndGoesOn) {
  EXPECT_EQ(split({"abc\nabcd\nab", "cde\nx\n", "abcdef"}, 3),
            (std::vector<Seen>{{1, "abc", false}, {2, "", true}, {3, "", true}, {4, "x", false}, {5, "", true}}));
}

TEST(LineSplitter, GivesTheSameLinesHoweverTheTextIsCut) {
  std::mt19937_64 random(test::random_seed());
  std::string text;
  std::vector<Seen> expected;
  for (std::uint64_t number = 1; number <= 500; ++number) {
    const std::string line(random() % 40, static_cast<char>('a' + random() % 26));
    text += line + '\n';
    expected.push_back({number, line.size() > 30 ? "" : line, line.size() > 30});
  }
  for (int round = 0; round < 20; ++round) {
    std::vector<std::string> pieces;
    for (std::size_t begin = 0; begin < text.size();) {
      pieces.push_back(text.substr(begin, 1 + random() % 200));
      begin += pieces.back().size();
    }
    EXPECT_EQ(split(pieces, 30), expected);
  }
}

}  // namespace
}  // namespace orthant::bulk
