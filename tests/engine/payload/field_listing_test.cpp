// FieldIndexes::ordered() and facet() against the payloads themselves.

#include "engine/payload/field_listing.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/payload/field_indexes.h"
#include "tests/support/random.h"

namespace orthant::test {
namespace {

struct Filled {
  FieldIndexes indexes;
  explicit Filled(const FieldSchemas& schemas, const std::vector<std::string>& payloads) {
    auto builder = FieldIndexes::Builder::make(schemas).value();
    std::vector<RowFields> rows;
    for (std::uint32_t i = 0; i < payloads.size(); ++i) rows.push_back(builder.read(i, payloads[i]));
    builder.add(std::move(rows));
    indexes.install(std::move(builder));
  }
};

JsonPath path(std::string_view text) {
  return JsonPath::parse(text).value();
}

struct Rows {
  std::vector<std::string> payloads;
  std::vector<std::vector<std::int64_t>> values;
  Bitmap wanted;
};

Rows random_rows(std::mt19937_64& random) {
  Rows rows;
  const std::size_t count = random() % 2000;
  rows.wanted = Bitmap(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<std::int64_t> values;
    for (std::size_t j = random() % 3; j > 0; --j) values.push_back(static_cast<std::int64_t>(random() % 40) - 20);
    rows.payloads.push_back(fmt::format(R"({{"n": [{}], "f": 1}})", fmt::join(values, ",")));
    rows.values.push_back(values);
    if (random() % 3 != 0) rows.wanted.set(i);
  }
  return rows;
}

TEST(FieldListing, GivesRowsInTheOrderOfTheirIntegers) {
  std::mt19937_64 random(random_seed());
  for (int round = 0; round < 10; ++round) {
    const Rows rows = random_rows(random);
    const Filled filled({{"n", {FieldType::kInteger}}}, rows.payloads);
    for (const bool descending : {false, true}) {
      OrderBy order = {.key = "n", .descending = descending};
      if (random() % 2 == 0) order.start_from = static_cast<double>(random() % 40) - 20.5;
      std::vector<std::pair<std::int64_t, std::uint32_t>> expected;
      for (std::uint32_t i = 0; i < rows.values.size(); ++i) {
        for (const std::int64_t value : std::set<std::int64_t>(rows.values[i].begin(), rows.values[i].end())) {
          const double start = order.start_from ? std::get<double>(*order.start_from) : 0;
          const bool passed =
              order.start_from && (descending ? static_cast<double>(value) > start : static_cast<double>(value) < start);
          if (rows.wanted.test(i) && !passed) expected.emplace_back(value, i);
        }
      }
      std::ranges::sort(expected);
      if (descending) std::ranges::reverse(expected);
      const std::size_t limit = random() % 500;
      if (expected.size() > limit) expected.resize(limit);
      const auto found = filled.indexes.ordered(path("n"), order, limit, rows.wanted).value();
      ASSERT_EQ(found.size(), expected.size());
      for (std::size_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(found[i].ordinal, expected[i].second);
        EXPECT_EQ(std::get<std::int64_t>(found[i].value), expected[i].first);
      }
    }
  }
}

TEST(FieldListing, GivesTheFloatsThatItOrdersBy) {
  const Filled filled({{"f", {FieldType::kFloat}}}, {R"({"f": 2.5})", R"({"f": -1e300})", R"({"f": "x"})", R"({"f": 0})"});
  const auto found = filled.indexes.ordered(path("f"), {.key = "f"}, 10, Bitmap(4, true)).value();
  ASSERT_EQ(found.size(), 3);
  EXPECT_EQ(std::get<double>(found[0].value), -1e300);
  EXPECT_EQ(std::get<double>(found[1].value), 0);
  EXPECT_EQ(std::get<double>(found[2].value), 2.5);
  const auto from = filled.indexes.ordered(path("f"), {.key = "f", .start_from = std::int64_t{1}}, 10, Bitmap(4, true)).value();
  ASSERT_EQ(from.size(), 1);
  EXPECT_EQ(from[0].ordinal, 0);
}

TEST(FieldListing, CountsIntegersOfTheWantedRows) {
  std::mt19937_64 random(random_seed());
  const Rows rows = random_rows(random);
  const Filled filled({{"n", {FieldType::kInteger}}}, rows.payloads);
  std::map<FacetValue, std::uint64_t> expected;
  for (std::size_t i = 0; i < rows.values.size(); ++i) {
    if (!rows.wanted.test(i)) continue;
    for (const std::int64_t value : std::set<std::int64_t>(rows.values[i].begin(), rows.values[i].end())) ++expected[value];
  }
  std::map<FacetValue, std::uint64_t> found;
  const std::vector<FacetHit> hits = filled.indexes.facet(path("n"), rows.wanted).value();
  for (const FacetHit& hit : hits) found[hit.value] += hit.count;
  EXPECT_EQ(found, expected);
}

TEST(FieldListing, CountsWordsBooleansAndUuids) {
  const std::vector<std::string> payloads = {R"({"k": ["a", "b"], "b": true, "u": "A64A8051-3EE7-4881-8BC6-691D25C70D54"})",
                                             R"({"k": "a", "b": false, "u": "a64a8051-3ee7-4881-8bc6-691d25c70d54"})",
                                             R"({"k": 3, "b": true})"};
  const Filled filled({{"k", {FieldType::kKeyword}}, {"b", {FieldType::kBool}}, {"u", {FieldType::kUuid}}}, payloads);
  const auto counts = [&](std::string_view key) {
    std::map<FacetValue, std::uint64_t> found;
    const std::vector<FacetHit> hits = filled.indexes.facet(path(key), Bitmap(3, true)).value();
    for (const FacetHit& hit : hits) found[hit.value] = hit.count;
    return found;
  };
  EXPECT_EQ(counts("k"), (std::map<FacetValue, std::uint64_t>{{std::string("a"), 2}, {std::string("b"), 1}}));
  EXPECT_EQ(counts("b"), (std::map<FacetValue, std::uint64_t>{{true, 2}, {false, 1}}));
  EXPECT_EQ(counts("u"), (std::map<FacetValue, std::uint64_t>{{std::string("a64a8051-3ee7-4881-8bc6-691d25c70d54"), 2}}));
}

TEST(FieldListing, NeedsAnIndexOfAFittingType) {
  const Filled filled({{"k", {FieldType::kKeyword}}, {"f", {FieldType::kFloat}}}, {R"({"k": "a", "f": 1})"});
  EXPECT_FALSE(filled.indexes.ordered(path("k"), {.key = "k"}, 10, Bitmap(1, true)));
  EXPECT_FALSE(filled.indexes.ordered(path("absent"), {.key = "absent"}, 10, Bitmap(1, true)));
  EXPECT_FALSE(filled.indexes.facet(path("f"), Bitmap(1, true)));
  EXPECT_TRUE(filled.indexes.facet(path("\"k\""), Bitmap(1, true)));
}

}  // namespace
}  // namespace orthant::test
