// Field indexes against the evaluation of the payloads themselves: bounds must hold for every row, always.

#include "engine/payload/field_indexes.h"

#include <gtest/gtest.h>

#include "engine/payload/field_index.h"
#include "engine/payload/filter_evaluator.h"
#include "tests/engine/random_filters.h"
#include "tests/support/random.h"

namespace orthant::test {
namespace {

class Rows {
 public:
  explicit Rows(FieldSchemas schemas) { indexes_.install(FieldIndexes::Builder::make(schemas).value()); }

  void add(std::string payload) {
    FieldChanges changes;
    changes.added.push_back(indexes_.read(static_cast<std::uint32_t>(payloads_.size()), payload));
    indexes_.apply(std::move(changes));
    payloads_.push_back(std::move(payload));
  }
  void edit(std::size_t row, std::string payload) {
    const auto ordinal = static_cast<std::uint32_t>(row);
    FieldChanges changes;
    changes.edited.emplace_back(indexes_.read(ordinal, payloads_[row]), indexes_.read(ordinal, payload));
    indexes_.apply(std::move(changes));
    payloads_[row] = std::move(payload);
  }
  RowBounds bounds(const Filter& filter) const { return indexes_.bounds(*indexes_.fields(), filter, payloads_.size()); }
  Bitmap matching(const Filter& filter) const {
    const FilterEvaluator evaluator = FilterEvaluator::compile(filter, indexes_.fields()->text).value();
    Bitmap rows(payloads_.size());
    for (std::size_t i = 0; i < payloads_.size(); ++i) {
      if (evaluator.matches(PointId::number(i), payloads_[i], [i](std::string_view) { return i % 2 == 0; })) rows.set(i);
    }
    return rows;
  }
  const FieldIndexes& indexes() const { return indexes_; }
  FieldIndexes& indexes() { return indexes_; }
  const std::vector<std::string>& payloads() const { return payloads_; }

 private:
  FieldIndexes indexes_;
  std::vector<std::string> payloads_;
};

bool within(const Bitmap& part, const Bitmap& whole) {
  Bitmap rest = part;
  return rest.subtract(whole).none();
}

TEST(FieldIndexes, BoundsHoldForRandomFiltersOverRandomPayloadsUnderEdits) {
  RandomFilters random(random_seed());
  std::size_t decided = 0;
  std::size_t undecided = 0;
  for (int round = 0; round < 12; ++round) {
    Rows rows(random.schemas());
    for (int step = 0; step < 150; ++step) {
      rows.add(random.payload());
      if (random.chance(0.5)) rows.edit(random.below(rows.payloads().size()), random.payload());
    }
    for (int i = 0; i < 200; ++i) {
      const Filter filter = random.filter();
      const RowBounds bounds = rows.bounds(filter);
      const Bitmap matching = rows.matching(filter);
      ASSERT_TRUE(within(matching, bounds.possible)) << canonical_key(filter);
      ASSERT_TRUE(within(bounds.certain_rows(), matching)) << canonical_key(filter);
      undecided += bounds.undecided().count();
      decided += bounds.rows() - bounds.undecided().count();
    }
  }
  // Random filters ask for much that is not indexed; still most rows are decided.
  EXPECT_GT(decided, undecided);
}

Filter one(const std::string& key, FieldTest test) {
  Filter filter;
  filter.must.push_back(FieldCondition{key, std::move(test)});
  return filter;
}

TEST(FieldIndexes, PlainConditionsAreAnsweredExactly) {
  Rows rows({{"k", {FieldType::kKeyword, {}}}, {"i", {FieldType::kInteger, {}}}, {"t", {FieldType::kText, {}}}});
  for (int i = 0; i < 1000; ++i) {
    rows.add(fmt::format(R"({{"k": "v{}", "i": {}, "t": "row number {}"}})", i % 7, i * 3, i));
  }
  const std::vector<Filter> filters = {one("k", MatchValue{std::string("v3")}),
                                       one("k", MatchAny{{std::string("v3"), std::string("none")}}),
                                       one("k", MatchExcept{{std::string("v3")}}),
                                       one("k", MatchPrefix{"v"}),
                                       one("i", MatchValue{std::int64_t{30}}),
                                       one("i", NumberRange{.gt = 30, .gte = {}, .lt = {}, .lte = 2000.5}),
                                       one("t", MatchText{.query = "NUMBER 77"}),
                                       one("t", MatchText{.query = "5 6", .any_token = true}),
                                       one("i", IsEmpty{}),
                                       one("i", IsNull{false})};
  for (const Filter& filter : filters) {
    EXPECT_TRUE(rows.bounds(filter).undecided().none()) << canonical_key(filter);
    EXPECT_EQ(rows.bounds(filter).possible.count(), rows.matching(filter).count()) << canonical_key(filter);
  }
}

TEST(FieldIndexes, BorderOfAnAreaIsTheOnlyPlaceThatStaysUndecided) {
  Rows rows({{"g", {FieldType::kGeo, {}}}});
  for (int i = 0; i < 2000; ++i) rows.add(fmt::format(R"({{"g": {{"lat": {}, "lon": {}}}}})", 50 + i * 1e-3, 10 + i * 1e-3));
  for (const FieldTest& test : {FieldTest(GeoRadius{{51, 11}, 50'000}), FieldTest(GeoBoundingBox{{51.5, 10.2}, {50.3, 11.1}})}) {
    const Filter filter = one("g", test);
    EXPECT_LE(rows.bounds(filter).undecided().count(), 2U);  // rows that stand on it
    EXPECT_GT(rows.bounds(filter).certain_rows().count(), 100U);
  }
}

TEST(FieldIndexes, PointsOfAFieldAreTheLiveRowsThatHaveIt) {
  Rows rows({{"k", {FieldType::kKeyword, {}}}});
  for (const char* payload : {R"({"k":"x"})", R"({"k":null})", R"({"k":[]})", "{}", R"({"k":["x"]})", R"({"k":3})"})
    rows.add(payload);
  EXPECT_EQ(rows.indexes().info().at("k").points, 3U);
  const std::uint32_t buried[] = {0, 1};
  rows.indexes().bury(buried);
  EXPECT_EQ(rows.indexes().info().at("k").points, 2U);
  rows.edit(3, R"({"k":"y"})");
  EXPECT_EQ(rows.indexes().info().at("k").points, 3U);
}

TEST(FieldIndexes, CostAFewBytesARowAndValue) {
  std::mt19937 random(1);
  Rows rows({{"k", {FieldType::kKeyword, {}}}, {"i", {FieldType::kInteger, {}}}, {"f", {FieldType::kFloat, {}}}});
  constexpr std::size_t kRows = 100'000;
  for (std::size_t i = 0; i < kRows; ++i) {
    rows.add(fmt::format(R"({{"k":"subject-{}","i":{},"f":{}}})", random() % 100, 1'700'000'000 + random() % 30'000'000,
                         random() % 5000));
  }
  const auto bytes_a_row = [&](const char* key) { return static_cast<double>(rows.indexes().info().at(key).memory_bytes) / kRows; };
  EXPECT_LT(bytes_a_row("k"), 4);
  EXPECT_LT(bytes_a_row("i"), 8.5);
  EXPECT_LT(bytes_a_row("f"), 12);
}

}  // namespace
}  // namespace orthant::test
